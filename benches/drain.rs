//! How fast the engine delivers: rows "draining", "claiming", "herd" and "fairness" of the design, each against its own
//! limit.
//!
//! `cargo bench --bench drain` measures all, `… -- draining 20000`, `… -- claiming`, `… -- herd 100000` and
//! `… -- fairness 50000` one each.
//! PostgreSQL is measured if `EVENKEEL_TEST_POSTGRES` names a server; `scripts/with-postgres` starts one. Each
//! measurement runs in its own process, with the push service in another: the memory shown is the engine's alone.

#[path = "drain/fairness.rs"]
mod fairness;
#[path = "drain/push_service.rs"]
mod push_service;
#[path = "../tests/support/seed.rs"]
mod seed;
#[path = "drain/world.rs"]
mod world;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use evenkeel::actions::Transaction;
use evenkeel::actions::nudges::claim::claim;
use evenkeel::app::App;
use evenkeel::chance::Chance;
use evenkeel::domain::nudge::NudgeState;
use evenkeel::ids::{AccountId, WorkerId};
use evenkeel::store::schema::nudges;
use evenkeel::store::types::Ts;
use evenkeel::store::{self, StoreError};
use evenkeel::vault::key_ring::MasterSource;
use evenkeel::vault::keys::Keys;
use jiff::{SignedDuration, Timestamp};
use push_service::PushService;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use web_push::{
    ContentEncoding, SubscriptionInfo, Urgency, VapidSignatureBuilder, WebPushMessage, WebPushMessageBuilder,
};
use world::{Backend, Place, World};

/// The allocator of the program itself, so that the memory shown is what the program would use.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How often each side of a comparison is measured, in turn.
const ROUNDS: usize = 3;
/// Concurrencies tried for the limit; the best one counts.
const CONCURRENCIES: [usize; 5] = [8, 16, 32, 64, 128];
/// The engine's payload before encryption, in bytes.
const PAYLOAD: usize = 1023;
/// Nudges per claim, as in the engine.
const BATCH: usize = evenkeel::delivery::BATCH;
/// Timed claims of each kind.
const CLAIMS: usize = 40;
/// Pushes of another push service that fall due in the middle of a herd.
const OTHERS: usize = 1000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let count = |default| words.get(1).map_or(default, |n| n.parse().expect("a number of nudges"));
    match words.first().copied() {
        Some("child") => child(&arguments[1..]),
        Some("draining") => Backend::all().into_iter().for_each(|backend| draining(backend, count(20_000))),
        Some("claiming") => Backend::all().into_iter().for_each(|it| claiming(it, count(1_000_000))),
        Some("herd") => Backend::all().into_iter().for_each(|backend| herd(backend, count(100_000))),
        Some("fairness") => {
            Backend::all().into_iter().for_each(|backend| fairness::fairness(backend, count(50_000)));
        }
        None => {
            for backend in Backend::all() {
                draining(backend, 20_000);
                claiming(backend, 1_000_000);
                herd(backend, 100_000);
                fairness::fairness(backend, 50_000);
            }
        }
        Some(other) => panic!("{other}: one of draining, claiming, herd, fairness"),
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Runs a part of the bench in its own process and returns what it prints.
fn apart(part: &str, place: &Place, more: &[usize]) -> Value {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["child", part])
        .args(place.arguments())
        .args(more.iter().map(usize::to_string))
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success(), "{part} failed");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn child(arguments: &[String]) {
    if arguments[0] == "push-service" {
        return push_service::serve(&arguments[1]);
    }
    let place = Place::from(&arguments[1..]);
    let numbers: Vec<usize> = arguments[4..].iter().map(|n| n.parse().unwrap()).collect();
    let told = runtime().block_on(async {
        match arguments[0].as_str() {
            "seed" => seed_due(&place, numbers[0], numbers[1]).await,
            "drain" => drain(&place).await,
            "fair" => fairness::fair(&place, numbers[0]).await,
            "limit" => limit(&place, numbers[0], numbers[1]).await,
            other => panic!("{other}"),
        }
    });
    println!("{told}");
}

/// Seeds nudges of so many pushes that fell due within the last minute; those of the other push service in its middle.
async fn seed_due(place: &Place, herd: usize, others: usize) -> Value {
    let (app, began) = (place.app(), Instant::now());
    let now = app.context.clock.now();
    let spread = |n: usize, of: usize, from: i64, to: i64| {
        let part = (to - from) * i64::try_from(n).unwrap() / i64::try_from(of).unwrap();
        now + SignedDuration::from_millis(from + part)
    };
    // Each of the two gets a question and a prompt at once: one push.
    let (many, few) = (herd.div_ceil(2), others.div_ceil(2));
    let herd = world::couples(&app, 0, many, &place.origins[0]).await;
    let mut scenes: Vec<_> =
        herd.into_iter().enumerate().map(|(n, couple)| (couple, spread(n, many, -60_000, 0))).collect();
    let mut ids = String::new();
    if let Some(other) = place.origins.get(1) {
        let others = world::couples(&app, many * 2, few, other).await;
        ids.extend(others.iter().flat_map(|couple| couple.people).map(|account| format!("{account}\n")));
        let due = |n| spread(n, few, -35_000, -25_000);
        scenes.extend(others.into_iter().enumerate().map(|(n, couple)| (couple, due(n))));
    }
    std::fs::write(place.folder.join("others"), ids).unwrap();
    let due = seed::scenes(&app.context, &scenes).await.len();
    if place.database.starts_with("postgres") {
        // Autovacuum does this within a minute or so of so many new rows.
        place.execute("ANALYZE");
    }
    json!({ "due": due, "pushes": 2 * scenes.len(), "seconds": began.elapsed().as_secs_f64() })
}

/// Delivers everything due; measures the time, the memory, and how late the nudges were.
async fn drain(place: &Place) -> Value {
    let app = place.app();
    let before = memory("VmRSS");
    let (began, used) = (Instant::now(), processor_seconds());
    app.worker().deliver_due().await.unwrap();
    let (seconds, processor) = (began.elapsed().as_secs_f64(), processor_seconds() - used);
    let (after, most) = (memory("VmRSS"), memory("VmHWM"));
    let rows: Vec<(Option<AccountId>, Ts, Option<Ts>)> = app
        .context
        .store
        .read(|db| {
            let sent = nudges::table.filter(nudges::state.eq(NudgeState::Sent));
            let columns = (nudges::recipient_id, nudges::due_at, nudges::finished_at);
            Ok::<_, StoreError>(sent.select(columns).load(db)?)
        })
        .await
        .unwrap();
    let text = std::fs::read_to_string(place.folder.join("others")).unwrap();
    let others: BTreeSet<AccountId> = text.lines().map(|line| line.parse().unwrap()).collect();
    let is_other = |row: &(Option<AccountId>, Ts, Option<Ts>)| others.contains(&row.0.unwrap());
    let dues = || rows.iter().filter(|row| is_other(row)).map(|row| row.1);
    let window = dues().min()..=dues().max();
    let lateness = |others: bool| {
        let such = rows.iter().filter(|row| is_other(row) == others && window.contains(&Some(row.1)));
        let late = |(_, due, done): &(_, Ts, Option<Ts>)| done.unwrap().get().duration_since(due.get());
        let mut late: Vec<f64> = such.map(|row| late(row).as_secs_f64()).collect();
        late.sort_by(f64::total_cmp);
        let at = |part: usize| late.get(late.len() * part / 100).copied();
        json!({ "count": late.len(), "median": at(50), "p99": at(99) })
    };
    json!({
        "sent": rows.len(), "seconds": seconds, "processor": processor, "before": before, "after": after, "most": most,
        "others": lateness(true), "herd": lateness(false),
    })
}

/// Memory of this process, in MiB.
fn memory(field: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}

/// Processor time that this process has used so far, in seconds; the kernel counts it in hundredths.
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    fields.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / 100.0
}

/// The limit: only encrypts and POSTs, with the same payload, the same client settings and one token.
async fn limit(place: &Place, count: usize, concurrency: usize) -> Value {
    let origin = &place.origins[0];
    let subscribe = world::subscriptions(origin);
    let info = move |number| {
        let to = subscribe(number);
        SubscriptionInfo::new(to.endpoint, to.p256dh, to.auth)
    };
    let keys =
        Keys::load_or_make(&place.folder.join("keys"), &MasterSource::File, &Chance::system()).unwrap();
    let first = info(0);
    let token = VapidSignatureBuilder::from_base64(&URL_SAFE_NO_PAD.encode(*keys.vapid), &first);
    let token = token.unwrap().build().unwrap();
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(Duration::from_secs(15))
        .connect_timeout(Duration::from_secs(5))
        .build()
        .unwrap();
    let message = move |number: usize| -> WebPushMessage {
        let (info, payload) = (info(number), [b' '; PAYLOAD]);
        let mut builder = WebPushMessageBuilder::new(&info);
        builder.set_ttl(3600);
        builder.set_urgency(Urgency::Normal);
        builder.set_topic(format!("{number:032}"));
        builder.set_payload(ContentEncoding::Aes128Gcm, &payload);
        builder.set_vapid_signature(token.clone());
        builder.build().unwrap()
    };
    let (message, next) = (Arc::new(message), Arc::new(AtomicUsize::new(0)));
    let (began, used) = (Instant::now(), processor_seconds());
    let loops = (0..concurrency).map(|_| {
        let (client, message, next) = (client.clone(), Arc::clone(&message), Arc::clone(&next));
        tokio::spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return;
                }
                let message = message(number);
                let payload = message.payload.unwrap();
                let mut request = client
                    .post(message.endpoint.to_string())
                    .header("TTL", message.ttl)
                    .header("Urgency", "normal")
                    .header("Topic", message.topic.unwrap())
                    .header("Content-Encoding", payload.content_encoding.to_str())
                    .header("Content-Type", "application/octet-stream");
                for (name, value) in payload.crypto_headers {
                    request = request.header(name, value);
                }
                let answer = request.body(payload.content).send().await.unwrap();
                assert_eq!(answer.status(), 201);
            }
        })
    });
    for done in loops.collect::<Vec<_>>() {
        done.await.unwrap();
    }
    let rate = count as f64 / began.elapsed().as_secs_f64();
    json!({ "rate": rate, "processor": processor_seconds() - used })
}

/// Row "draining": due pushes per second, against a loop that only encrypts and POSTs.
fn draining(backend: Backend, count: usize) {
    println!("draining, {backend:?}: {count} due pushes");
    let (best, rates) = {
        let service = PushService::start();
        let world = World::new(backend, vec![service.origin.clone()]);
        let rate = |concurrency| number(&apart("limit", &world.place, &[count / 4, concurrency])["rate"]);
        let rates = CONCURRENCIES.map(rate);
        service.stop();
        let best = (0..CONCURRENCIES.len()).max_by(|a, b| rates[*a].total_cmp(&rates[*b])).unwrap();
        (CONCURRENCIES[best], rates)
    };
    println!("  the limit's concurrencies {CONCURRENCIES:?} reach {rates:.0?} a second: {best} it is");
    let (mut drained, mut limits, mut most) = (Vec::new(), Vec::new(), 0_f64);
    let mut processor = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        let service = PushService::start();
        let world = World::new(backend, vec![service.origin.clone()]);
        let seeded = apart("seed", &world.place, &[count, 0]);
        let (due, pushes) = (number(&seeded["due"]), number(&seeded["pushes"]));
        let told = apart("drain", &world.place, &[]);
        assert_eq!((number(&told["sent"]), service.stop() as f64), (due, pushes), "all were sent, each once");
        drained.push(pushes / number(&told["seconds"]));
        processor[0].push(number(&told["processor"]) * 1e6 / pushes);
        most = most.max(number(&told["most"]));
        let service = PushService::start();
        let world = World::new(backend, vec![service.origin.clone()]);
        let told = apart("limit", &world.place, &[count, best]);
        limits.push(number(&told["rate"]));
        processor[1].push(number(&told["processor"]) * 1e6 / count as f64);
        service.stop();
        println!("  {:.0} a second, limit {:.0}", drained[drained.len() - 1], limits[limits.len() - 1]);
    }
    let (drained, limit) = (median(drained), median(limits));
    let ratio = drained / limit;
    println!("  median {drained:.0} a second, limit {limit:.0}: {ratio:.2} of it (target at least 0.50)");
    // Other load on the machine slows both, but not alike; it hardly changes the processor time per push.
    let [ours, least] = processor.map(median);
    println!("  processor time of a push {ours:.0} µs, limit {least:.0} µs: {:.2} of it", least / ours);
    println!("  resident memory at most {most:.0} MiB\n");
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

/// Row "claiming": the time of one claim, with few and with many future nudges waiting.
fn claiming(backend: Backend, many: usize) {
    let few = 1_000;
    println!("claiming, {backend:?}: {few} and {many} future nudges, batches of {BATCH}");
    let runtime = runtime();
    let worlds = [few, many].map(|future| {
        let world = World::new(backend, vec!["http://127.0.0.1:9".to_owned()]);
        let app = runtime.block_on(seed_future(&world.place, future));
        (world, app)
    });
    // By world and kind: the statement alone, and the claim with everything that it reads.
    let mut times = [[Vec::new(), Vec::new()], [Vec::new(), Vec::new()]];
    for _ in 0..CLAIMS {
        for alone in [true, false] {
            for ((_, app), times) in worlds.iter().zip(&mut times) {
                times[usize::from(!alone)].push(runtime.block_on(time_claim(app, alone)));
            }
        }
    }
    let [small, large] = times.map(|kinds| kinds.map(median));
    for (kind, name) in ["the statement alone", "with all that is looked at"].into_iter().enumerate() {
        let ratio = large[kind] / small[kind];
        println!(
            "  {name}: median {:.2} ms and {:.2} ms: {ratio:.2} times (target at most 1.20)",
            small[kind], large[kind]
        );
    }
    // All in this process: seeding both databases counts too.
    println!("  resident memory {:.0} MiB, at most {:.0} MiB\n", memory("VmRSS"), memory("VmHWM"));
}

async fn seed_future(place: &Place, future: usize) -> App {
    let (app, began) = (place.app(), Instant::now());
    let now = app.context.clock.now();
    let batches = CLAIMS * 2 + 1;
    let due = world::couples(&app, 0, batches * BATCH / 4, &place.origins[0]).await;
    let at = |n: usize| now - SignedDuration::from_millis(60_000 - i64::try_from(n).unwrap());
    let scenes: Vec<_> = due.iter().enumerate().map(|(n, couple)| (*couple, at(n))).collect();
    seed::scenes(&app.context, &scenes).await;
    // Drops the later nudges of these ladders, so that the waiting ones can be counted exactly.
    forget_later(&app, now).await;
    let coming = now + SignedDuration::from_hours(24 * 7);
    let later = world::couples(&app, due.len() * 2, 1_000 / 8, &place.origins[0]).await;
    let scenes: Vec<_> = later.into_iter().map(|couple| (couple, coming)).collect();
    seed::scenes(&app.context, &scenes).await;
    seed::multiply(&app.context, now, (future / 1_000).saturating_sub(1)).await;
    if place.database.starts_with("postgres") {
        // Autovacuum does this within a minute or so.
        place.execute("VACUUM ANALYZE nudges");
    }
    let waiting: i64 = app
        .context
        .store
        .read(move |db| {
            let later = nudges::table.filter(nudges::send_at.gt(Ts::from(now)));
            Ok::<_, StoreError>(later.count().get_result(db)?)
        })
        .await
        .unwrap();
    println!("  {waiting} future nudges are there after {:.1} s", began.elapsed().as_secs_f64());
    time_claim(&app, false).await;
    app
}

async fn forget_later(app: &App, now: Timestamp) {
    let later = nudges::table.filter(nudges::send_at.gt(Ts::from(now)));
    app.context.store.write(move |db| Ok::<_, StoreError>(diesel::delete(later).execute(db)?)).await.unwrap();
}

/// Milliseconds of one claim of a whole batch; the claimed nudges are finished afterwards.
async fn time_claim(app: &App, alone: bool) -> f64 {
    let lease = SignedDuration::from_secs(90);
    let claimed = move |tx: &mut Transaction<'_>| {
        let now = tx.now;
        let (worker, began) = (WorkerId::at(now, tx.chance), Instant::now());
        let mut sharing = seed::any_lane(tx.db, now, BATCH)?;
        let total = if alone {
            let times = tx.lease_times(lease)?;
            store::claim(tx.db, worker, now.into(), times, &mut sharing)?.rows.len()
        } else {
            claim(tx, worker, lease, &mut sharing)?.total
        };
        Ok((began.elapsed().as_secs_f64() * 1000.0, total))
    };
    let (time, total) = app.context.worker_tx(claimed).await.unwrap();
    assert_eq!(total, BATCH, "a whole batch was due");
    let finish =
        "UPDATE nudges SET state = 'sent', finished_at = send_at, leased_by = NULL, lease_until = NULL
        WHERE lease_until IS NOT NULL";
    app.context.store.write(move |db| Ok::<_, StoreError>(db.batch_execute(finish)?)).await.unwrap();
    time
}

/// Row "herd": very many nudges due within one minute, some of them at another push service.
fn herd(backend: Backend, count: usize) {
    println!(
        "herd, {backend:?}: {count} due within one minute, {OTHERS} of another push service in its middle"
    );
    let services = [PushService::start(), PushService::start()];
    let world = World::new(backend, services.iter().map(|service| service.origin.clone()).collect());
    let seeded = apart("seed", &world.place, &[count, OTHERS]);
    let (due, pushes) = (number(&seeded["due"]), number(&seeded["pushes"]));
    println!("  seeded in {:.1} s", number(&seeded["seconds"]));
    let told = apart("drain", &world.place, &[]);
    let taken: usize = services.map(PushService::stop).into_iter().sum();
    assert_eq!((number(&told["sent"]), taken as f64), (due, pushes), "all were sent, each once");
    let limit = {
        let service = PushService::start();
        let world = World::new(backend, vec![service.origin.clone()]);
        let rate = |concurrency| number(&apart("limit", &world.place, &[count / 5, concurrency])["rate"]);
        let best = CONCURRENCIES.map(rate).into_iter().fold(0.0, f64::max);
        service.stop();
        best
    };
    let rate = pushes / number(&told["seconds"]);
    println!("  {rate:.0} a second, limit {limit:.0}: {:.2} of it (target at least 0.50)", rate / limit);
    let (before, most) = (number(&told["before"]), number(&told["most"]));
    println!("  resident memory {before:.0} MiB before, at most {most:.0} MiB (target under 200 MiB)");
    for (name, key) in [("the others", "others"), ("the herd then", "herd")] {
        let (median, p99) = (number(&told[key]["median"]), number(&told[key]["p99"]));
        println!("  lateness of {name}: median {median:.2} s, p99 {p99:.2} s");
    }
    println!();
}

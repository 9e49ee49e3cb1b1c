//! Row "fairness": one push service hangs or is slow with very many pushes due; how late another's are, and how often rows
//! are written.

use super::push_service::{Manner, PushService};
use super::world::{Backend, Place, World, couples};
use super::{apart, number, seed};
use diesel::QueryableByName;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use evenkeel::ids::AccountId;
use evenkeel::store::schema::nudges;
use evenkeel::store::types::Ts;
use evenkeel::store::{Db, StoreError};
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Pushes of the other service, one a second.
const OTHERS: usize = 60;
/// How long after its start the worker meets the first of them.
const LEAD: SignedDuration = SignedDuration::from_secs(5);
/// How long the worker works: until the last is due, and some more.
const WORKS: Duration = Duration::from_secs(OTHERS as u64 + 15);

/// Beside a service that hangs, and beside one that takes a second for each answer.
pub fn fairness(backend: Backend, count: usize) {
    for (manner, name) in [(Manner::Hangs, "hangs"), (Manner::Slow, "takes 1 s an answer")] {
        println!(
            "fairness, {backend:?}: {count} pushes due at a service that {name}, one a second at another"
        );
        let services = [PushService::start_as(manner), PushService::start()];
        let world = World::new(backend, services.iter().map(|service| service.origin.clone()).collect());
        let told = apart("fair", &world.place, &[count]);
        let [_, others] = services.map(PushService::stop);
        let sent = number(&told["others"]) as usize;
        assert_eq!((others, sent), (OTHERS, OTHERS), "all of the others were sent, each once");
        let (p50, p99, worst) = (number(&told["p50"]), number(&told["p99"]), number(&told["worst"]));
        println!(
            "  lateness of the others: median {p50:.2} s, p99 {p99:.2} s (target under 1.00), worst {worst:.2} s"
        );
        println!("  of them over a second late: {} of {OTHERS}", number(&told["over"]));
        let (tries, updates) = (number(&told["tries"]), number(&told["updates"]));
        println!(
            "  {tries} tries of nudges, {updates} updates of rows: {:.2} a try (target at most 3: claim, name, result)",
            updates / tries
        );
        println!("  nudges claimed more often than tried: {} (target 0)", number(&told["in_vain"]));
        println!("  rows written that were never tried: {} (target 0)\n", number(&told["untried"]));
    }
}

/// Seeds, lets a worker work beside the clock, and measures.
pub async fn fair(place: &Place, count: usize) -> Value {
    let app = place.app();
    let now = app.context.clock.now();
    let many = couples(&app, 0, count.div_ceil(2), &place.origins[0]).await;
    let scenes: Vec<_> = many.iter().map(|couple| (*couple, now - SignedDuration::from_secs(30))).collect();
    seed::scenes(&app.context, &scenes).await;
    let few = couples(&app, many.len() * 2, OTHERS, &place.origins[1]).await;
    // Of each couple one has no device: one push a second.
    let gone: Vec<AccountId> = few.iter().map(|couple| couple.people[1]).collect();
    app.context
        .store
        .write(move |db| {
            use evenkeel::store::schema::devices;
            let theirs = devices::table.filter(devices::account_id.eq_any(&gone));
            Ok::<_, StoreError>(diesel::delete(theirs).execute(db)?)
        })
        .await
        .unwrap();
    let begins = app.context.clock.now() + LEAD;
    let at = |n: usize| begins + SignedDuration::from_secs(i64::try_from(n).unwrap());
    let scenes: Vec<_> = few.iter().enumerate().map(|(n, couple)| (*couple, at(n))).collect();
    seed::scenes(&app.context, &scenes).await;
    if place.database.starts_with("postgres") {
        place.execute("ANALYZE");
    }
    place.execute(if place.database.starts_with("postgres") { COUNT_ON_POSTGRES } else { COUNT_ON_SQLITE });
    assert!(app.context.clock.now() < begins, "the first is due before there is a worker: give it more lead");
    let stop = CancellationToken::new();
    let (worker, told) = (app.worker(), stop.clone());
    let working = tokio::spawn(async move { worker.run(told).await });
    tokio::time::sleep(WORKS).await;
    stop.cancel();
    working.await.unwrap();
    let people: BTreeSet<AccountId> = few.iter().map(|couple| couple.people[0]).collect();
    let rows: Vec<(Option<AccountId>, Ts, Option<Ts>)> = app
        .context
        .store
        .read(|db| {
            let sent = nudges::table.filter(nudges::finished_at.is_not_null());
            Ok::<_, StoreError>(
                sent.select((nudges::recipient_id, nudges::due_at, nudges::finished_at)).load(db)?,
            )
        })
        .await
        .unwrap();
    // A person's question and prompt are one push.
    let mut late: Vec<f64> = Vec::new();
    let mut counted = BTreeSet::new();
    for (recipient, due, done) in rows {
        let (Some(recipient), Some(done)) = (recipient, done) else { continue };
        if people.contains(&recipient) && counted.insert(recipient) {
            late.push(done.get().duration_since(due.get()).as_secs_f64());
        }
    }
    late.sort_by(f64::total_cmp);
    let part = |percent: usize| late.get((late.len() * percent / 100).min(late.len().max(1) - 1)).copied();
    let counts = [
        ("updates", "SELECT count(*) AS n FROM updates"),
        ("tries", "SELECT count(*) AS n FROM attempts"),
        ("in_vain", IN_VAIN),
        ("untried", UNTRIED),
    ];
    let mut told = json!({ "others": late.len(), "p50": part(50), "p99": part(99), "worst": late.last() });
    told["over"] = late.iter().filter(|late| **late > 1.0).count().into();
    for (name, text) in counts {
        told[name] = app.context.store.read(move |db| count_rows(db, text)).await.unwrap().into();
    }
    told
}

/// Nudges that a worker took more often than it tried them; mails that went to people without a device are tried too.
const IN_VAIN: &str = "SELECT count(*) AS n FROM nudges WHERE attempts > \
    (SELECT count(*) FROM attempts WHERE attempts.nudge_id = nudges.id)";
const UNTRIED: &str = "SELECT count(DISTINCT updates.id) AS n FROM updates \
    WHERE NOT EXISTS (SELECT 1 FROM attempts WHERE attempts.nudge_id = updates.id)";

const COUNT_ON_SQLITE: &str = "CREATE TABLE updates (id BLOB NOT NULL); \
    CREATE TRIGGER count_updates AFTER UPDATE ON nudges BEGIN INSERT INTO updates VALUES (NEW.id); END;";
const COUNT_ON_POSTGRES: &str = "CREATE TABLE updates (id uuid NOT NULL); \
    CREATE FUNCTION count_update() RETURNS trigger LANGUAGE plpgsql AS \
    $$ BEGIN INSERT INTO updates VALUES (NEW.id); RETURN NEW; END $$; \
    CREATE TRIGGER count_updates AFTER UPDATE ON nudges FOR EACH ROW EXECUTE FUNCTION count_update();";

#[derive(QueryableByName)]
struct Counted {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

fn count_rows(db: &mut Db, text: &str) -> Result<i64, StoreError> {
    let counted: Counted = match db {
        Db::Postgres(c) => diesel::sql_query(text).get_result(c)?,
        Db::Sqlite(c) => diesel::sql_query(text).get_result(c)?,
    };
    Ok(counted.n)
}

//! Providers: what each answer of a push service or mail server does to a nudge, and that none of them harms another's.

mod mail_servers;

use crate::support::care::{HOUR, minute};
use crate::support::people::text;
use crate::support::receivers::{Answer, Behaviour, Gate, PushReceiver, Reply, Stage};
use crate::support::seed;
use crate::support::watching::{get, value, watch};
use crate::support::{Person, TestApp};
use evenkeel::actions::nudges::dead;
use evenkeel::actions::nudges::device::Subscription;
use evenkeel::demo::loopback::Now;
use evenkeel::demo::push_receiver;
use evenkeel::domain::nudge::{Channel, NudgeKind, NudgeState, Reason};
use evenkeel::ids::{AccountId, NudgeId};
use evenkeel::store;
use evenkeel::store::nudge::NudgeRow;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

/// A push service besides the test's own, on the same clock.
fn receiver(app: &TestApp) -> PushReceiver {
    let ticks = app.clock.clone();
    let now: Now = Arc::new(move || ticks.now());
    PushReceiver::start(now).unwrap()
}

/// The service anew, which may push to these origins too.
fn allowing(mut app: TestApp, origins: impl IntoIterator<Item = String>) -> TestApp {
    app.config.push_insecure_origins.extend(origins.into_iter().map(|origin| origin.parse().unwrap()));
    app.app = app.sibling().into();
    app
}

fn own(agent: &push_receiver::Subscription) -> Subscription {
    let push_receiver::Subscription { endpoint, p256dh, auth } = agent.clone();
    Subscription { endpoint, p256dh, auth, fuller_words: false }
}

/// These nudges as they stand now, in that order.
async fn now(app: &TestApp, of: &[NudgeId]) -> Vec<NudgeRow> {
    let of = of.to_vec();
    let find = move |db: &mut store::Db| {
        let rows = of.iter().map(|id| Ok(store::nudge::find(db, *id)?.unwrap()));
        rows.collect::<Result<_, store::StoreError>>()
    };
    app.app.context.store.read(find).await.unwrap()
}

async fn live_devices(app: &TestApp, of: AccountId) -> usize {
    let count = move |db: &mut store::Db| Ok::<_, store::StoreError>(store::device::live(db, &[of])?.len());
    app.app.context.store.read(count).await.unwrap()
}

/// Which of these nudges are a person's.
fn of(due: &[NudgeRow], person: AccountId) -> Vec<NudgeId> {
    due.iter().filter(|nudge| nudge.recipient_id == Some(person)).map(|nudge| nudge.id).collect()
}

/// What becomes of a nudge at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Becomes {
    /// It went by push.
    Pushed,
    /// It went by mail.
    Mailed,
    /// It waits so many seconds, as it was asked to.
    Waits(i64),
    /// It waits for a random part of the first half minute.
    WaitsALittle,
}
use Becomes::{Mailed, Pushed, Waits, WaitsALittle};

/// Whose endpoint a row of the table has.
enum Service {
    /// A scripted one of the row's own.
    Answers(PushReceiver, Answer),
    /// Something else that listens at this origin, or nothing.
    At(String),
}

struct Row {
    name: String,
    service: Service,
    becomes: Becomes,
    lives: bool,
}

/// Somebody who talks plain HTTP where TLS was expected.
fn plain_http() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("https://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            // Whoever went away already needs no answer.
            let _ = stream.and_then(|mut stream| stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n"));
        }
    });
    origin
}

/// A port that nobody listens on.
fn nobody() -> String {
    format!("http://{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap())
}

/// The whole table of push services' answers.
fn table(app: &TestApp, elsewhere: &push_receiver::Subscription) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut row = |name: &str, answer: Answer, becomes, lives| {
        rows.push(Row {
            name: format!("{name} {}", answer.status),
            service: Service::Answers(receiver(app), answer),
            becomes,
            lives,
        });
    };
    for status in [200, 201, 202, 204] {
        row("taken", Answer::status(status), Pushed, true);
    }
    for status in [301, 302, 307, 308] {
        let answer = Answer::status(status).with_header("Location", &elsewhere.endpoint);
        row("sent elsewhere", answer, Mailed, true);
    }
    for status in [404, 410] {
        row("gone", Answer::status(status), Mailed, false);
    }
    for status in [400, 401, 403, 413, 418] {
        row("refused", Answer::status(status), Mailed, true);
    }
    for status in [429, 500, 502, 503] {
        row("busy", Answer::status(status), WaitsALittle, true);
        row("busy for a while", Answer::status(status).with_header("Retry-After", "95"), Waits(95), true);
        // Two minutes after they fall due.
        let date = Answer::status(status).with_header("Retry-After", "Sat, 24 Oct 2026 19:02:00 GMT");
        row("busy until", date, Waits(120), true);
    }
    let nonsense = Answer::status(503).with_header("Retry-After", "soon");
    row("busy, who knows how long", nonsense, WaitsALittle, true);
    row("closed", Answer::behaving(Behaviour::Close), WaitsALittle, true);
    row("silent", Answer::behaving(Behaviour::Hang), WaitsALittle, true);
    row("taken, without an end", Answer::behaving(Behaviour::EndlessBody), Pushed, true);
    for (name, origin) in [("nobody listens", nobody()), ("no TLS", plain_http())] {
        let service = Service::At(origin);
        rows.push(Row { name: name.to_owned(), service, becomes: WaitsALittle, lives: true });
    }
    if rows.len() % 2 == 1 {
        let service = Service::Answers(receiver(app), Answer::status(201));
        rows.push(Row { name: "taken".to_owned(), service, becomes: Pushed, lives: true });
    }
    rows
}

/// A mail server that offers log-ins in clear and no STARTTLS, and lets nobody in: its address, and every line that it hears.
fn closed_server() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let of_thread = Arc::clone(&heard);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            if stream.write_all(b"220 clear.test\r\n").is_err() {
                continue;
            }
            for line in lines.map_while(Result::ok) {
                let reply: &[u8] = match line.starts_with("AUTH ") {
                    true => b"535 5.7.8 the secret of care is wrong\r\n",
                    false => b"250-clear.test\r\n250 AUTH PLAIN LOGIN\r\n",
                };
                of_thread.lock().unwrap().push(line);
                if stream.write_all(reply).is_err() {
                    break;
                }
            }
        }
    });
    (address, heard)
}

/// A person without a device, whose nudges fall due at that time, and so go by mail.
async fn mails_due(app: &TestApp, at: Timestamp) -> (AccountId, Vec<NudgeId>) {
    let couple = seed::couples(&app.app.context, 0, 1, |_| None).await[0];
    let person = couple.people[0];
    (person, of(&seed::scenes(&app.app.context, &[(couple, at)]).await, person))
}

/// Whether somebody's address is one that mail is not sent to any more.
async fn address_failed(app: &TestApp, of: AccountId) -> bool {
    let find = move |db: &mut store::Db| {
        Ok::<_, store::StoreError>(store::account::find(db, of)?.unwrap().address_failed_at.is_some())
    };
    app.app.context.store.read(find).await.unwrap()
}

/// How many pushes with different topics.
fn different(pushes: &[push_receiver::Received]) -> usize {
    pushes.iter().map(|push| push.topic.clone().unwrap()).collect::<BTreeSet<_>>().len()
}

/// Registers a second device; its endpoint.
async fn tablet(app: &TestApp, person: &Person) -> String {
    let push_receiver::Subscription { endpoint, p256dh, auth } = app.push.subscribe();
    let input = json!({ "endpoint": endpoint, "p256dh": p256dh, "auth": auth, "label": "tablet" });
    person.done(app, "registerDevice", input, "").await;
    endpoint
}

/// A person's nudges about a check-in on one rung, as they see them listed.
async fn nudges_of(app: &TestApp, person: &Person, check_in: &Value, rung: &str) -> Vec<Value> {
    let mut reasons = person.reasons(app, "kind checkIn { id }").await;
    reasons.retain(|reason| reason["checkIn"]["id"] == check_in["id"] && reason["kind"] == rung);
    reasons
}

/// The states of [`nudges_of`].
async fn listed(app: &TestApp, person: &Person, check_in: &Value, rung: &str) -> Vec<String> {
    nudges_of(app, person, check_in, rung).await.iter().map(|nudge| text(&nudge["state"])).collect()
}

on_both_databases! {
    async fn r20_every_answer_of_a_push_service_does_what_it_means(app) {
        let elsewhere = receiver(&app);
        let target = elsewhere.subscribe();
        let rows = table(&app, &target);
        let origins: Vec<_> = rows.iter().map(|row| match &row.service {
            Service::Answers(receiver, _) => receiver.origin(),
            Service::At(origin) => origin.clone(),
        }).chain([elsewhere.origin()]).collect();
        let app = allowing(app, origins);
        let devices: Vec<_> = rows.iter().map(|row| match &row.service {
            Service::Answers(receiver, answer) => {
                let device = own(&receiver.subscribe());
                receiver.answer_always(&device.endpoint, Some(answer.clone()));
                device
            }
            Service::At(origin) => Subscription { endpoint: format!("{origin}/push/x"), ..own(&target) },
        }).collect();
        let context = &app.app.context;
        let couples = seed::couples(context, 0, rows.len() / 2, |n| Some(devices[n].clone())).await;
        let at = minute(HOUR);
        let scenes: Vec<_> = couples.iter().map(|couple| (*couple, at)).collect();
        let due = seed::scenes(context, &scenes).await;
        app.clock.set(at);
        // The silent service is waited for until the limit; the endless answer is not.
        app.deliver().await;
        let people: Vec<_> = couples.iter().flat_map(|couple| couple.people).collect();
        for (n, (row, person)) in rows.iter().zip(&people).enumerate() {
            let name = &row.name;
            let nudges = now(&app, &of(&due, *person)).await;
            assert_eq!(nudges.len(), 2, "{name}");
            for nudge in &nudges {
                let waits = nudge.send_at.get().duration_since(at).as_secs();
                let (state, channel) = match row.becomes {
                    Pushed => (NudgeState::Sent, Channel::Push),
                    Mailed => (NudgeState::Sent, Channel::Mail),
                    Waits(_) | WaitsALittle => (NudgeState::Waiting, Channel::Push),
                };
                assert_eq!((nudge.state, nudge.channel), (state, channel), "{name}");
                match row.becomes {
                    Waits(seconds) => assert_eq!(waits, seconds, "{name}"),
                    WaitsALittle => assert!((1..=31).contains(&waits), "{name}: {waits}"),
                    Pushed | Mailed => {}
                }
                assert_eq!(nudge.leased_by, None, "{name}");
                assert!(nudge.state == NudgeState::Sent || nudge.tries() == 1, "{name}");
            }
            let mails = usize::from(row.becomes == Mailed);
            assert_eq!(app.mail.inbox(&seed::address(n)).len(), mails, "{name}");
            assert_eq!(live_devices(&app, *person).await, usize::from(row.lives), "{name}");
            if let Service::Answers(receiver, answer) = &row.service {
                let kept = row.becomes == Pushed && matches!(answer.after, Behaviour::Reply);
                assert_eq!(receiver.received().len(), usize::from(kept), "{name}");
                assert_eq!(receiver.refusals(), [], "{name}");
                receiver.answer_always(&devices[n].endpoint, None);
            }
        }
        assert_eq!((elsewhere.received(), elsewhere.refusals()), (vec![], vec![]), "no redirect is followed");
        app.pass_minutes(10).await;
        for ((row, person), device) in rows.iter().zip(&people).zip(&devices) {
            if let (Waits(_) | WaitsALittle, Service::Answers(receiver, _)) = (row.becomes, &row.service) {
                assert_eq!(receiver.displayed(&device.endpoint).len(), 1, "{}: it came later", row.name);
                assert!(now(&app, &of(&due, *person)).await.iter().all(|nudge| nudge.state == NudgeState::Sent));
            }
        }
    }

    async fn r20_every_answer_of_a_mail_server_does_what_it_means(app) {
        let rows = [
            (Stage::Mail, Reply::Code(451), NudgeState::Waiting, false),
            (Stage::Mail, Reply::Code(550), NudgeState::Waiting, false),
            (Stage::Rcpt, Reply::Code(450), NudgeState::Waiting, false),
            (Stage::Rcpt, Reply::Code(550), NudgeState::Dead, true),
            (Stage::Data, Reply::Code(451), NudgeState::Waiting, false),
            (Stage::Data, Reply::Code(554), NudgeState::Dead, false),
            (Stage::EndOfData, Reply::Code(452), NudgeState::Waiting, false),
            (Stage::EndOfData, Reply::Code(554), NudgeState::Dead, false),
            (Stage::Data, Reply::Drop, NudgeState::Waiting, false),
            (Stage::EndOfData, Reply::Drop, NudgeState::Waiting, false),
        ];
        // Only the first of each two is written to.
        let context = &app.app.context;
        let device = |n: usize| (!n.is_multiple_of(2)).then(|| own(&app.push.subscribe()));
        let couples = seed::couples(context, 0, rows.len(), device).await;
        for (n, (couple, (stage, reply, state, fails))) in couples.into_iter().zip(rows).enumerate() {
            let name = format!("{reply:?} at {stage:?}");
            let at = app.clock.now() + SignedDuration::from_mins(1);
            let due = seed::scenes(context, &[(couple, at)]).await;
            let due = of(&due, couple.people[0]);
            app.mail.answer_next(stage, reply.clone());
            app.clock.set(at);
            app.deliver().await;
            for nudge in now(&app, &due).await {
                assert_eq!(nudge.state, state, "{name}");
                let waits = nudge.send_at.get().duration_since(at).as_secs();
                assert!(state == NudgeState::Dead || (1..=31).contains(&waits), "{name}: {waits}");
            }
            let inbox = seed::address(2 * n);
            assert_eq!(app.mail.inbox(&inbox).len(), 0, "{name}");
            assert_eq!(address_failed(&app, couple.people[0]).await, fails, "{name}");
            app.pass_minutes(5).await;
            let (later, mails) = match state {
                NudgeState::Waiting => (NudgeState::Sent, 1),
                other => (other, 0),
            };
            assert!(now(&app, &due).await.iter().all(|nudge| nudge.state == later), "{name}");
            assert_eq!(app.mail.inbox(&inbox).len(), mails, "{name}");
            assert_eq!(address_failed(&app, couple.people[0]).await, fails, "{name}");
        }
    }

    async fn r20_without_the_tls_that_is_required_nothing_is_said_in_clear(app) {
        let mut app = app;
        let (address, heard) = closed_server();
        let at = minute(HOUR);
        let (person, due) = mails_due(&app, at).await;
        let receivers = app.config.smtp_url.take();
        let required = format!("smtp://care:secret@{address}?tls=required");
        let receivers_too = format!("{}?tls=required", app.mail.url());
        app.clock.set(at);
        for url in [required, receivers_too] {
            app.config.smtp_url = Some(url.into());
            app.app = app.sibling().into();
            app.deliver().await;
            for nudge in now(&app, &due).await {
                assert_eq!(nudge.state, NudgeState::Waiting);
                assert!(nudge.send_at.get() > app.clock.now(), "it is tried again later");
            }
            assert!(!address_failed(&app, person).await);
            app.clock.set(at + SignedDuration::from_mins(1));
        }
        let heard = heard.lock().unwrap().clone();
        assert!(!heard.is_empty(), "the server was asked");
        let harmless = |line: &String| line.starts_with("EHLO ") || line == "QUIT" || line == "STARTTLS";
        assert!(heard.iter().all(harmless), "{heard:?}");
        assert_eq!(app.mail.received().len(), 0);
        app.config.smtp_url = receivers;
        app.app = app.sibling().into();
        app.pass_minutes(5).await;
        assert_eq!(app.mail.inbox(&seed::address(0)).len(), 1);
    }

    async fn r20_a_mail_server_that_refuses_the_log_in_alarms_the_operator_and_mails_wait_until_it_is_mended(app) {
        let mut app = app;
        let (address, heard) = closed_server();
        let at = minute(HOUR);
        let (person, due) = mails_due(&app, at).await;
        let works = app.config.smtp_url.replace(format!("smtp://care:secret@{address}").into());
        app.app = app.sibling().into();
        // Far more tries than any fault of the recipient's gets.
        for tries in 0..12 {
            app.clock.set(at + SignedDuration::from_mins(10 * tries));
            app.deliver().await;
        }
        assert!(now(&app, &due).await.iter().all(|nudge| nudge.state == NudgeState::Waiting));
        assert!(!address_failed(&app, person).await);
        let log_ins = heard.lock().unwrap().iter().filter(|line| line.starts_with("AUTH ")).count();
        assert!(log_ins >= 2, "{log_ins}");
        assert!(heard.lock().unwrap().iter().all(|line| !line.starts_with("MAIL ")));
        let url = watch(&app.app);
        let (_, _, meters) = get(&app, &format!("{url}/metrics")).await;
        assert!(value(&meters, "evenkeel_key_refusals_total{service=\"mail\"}").unwrap() >= 2.0, "{meters}");
        app.config.smtp_url = works;
        app.app = app.sibling().into();
        app.pass_minutes(60).await;
        assert_eq!(app.mail.inbox(&seed::address(0)).len(), 1, "once");
    }

    async fn r23_a_service_that_hangs_delays_no_other_and_loses_nothing(app) {
        let slow = receiver(&app);
        let app = allowing(app, [slow.origin()]);
        let context = &app.app.context;
        let gate = Gate::new();
        // Twice as many messages as may queue, and all of them due before the others.
        let mut hanging = Vec::new();
        let device = |_| {
            let agent = slow.subscribe();
            slow.answer_always(&agent.endpoint, Some(Answer::behaving(Behaviour::Gate(gate.clone()))));
            hanging.push(agent.endpoint.clone());
            Some(own(&agent))
        };
        let behind = seed::couples(context, 0, 512, device).await;
        let fast = seed::couples(context, 1024, 5, |_| Some(own(&app.push.subscribe()))).await;
        let at = minute(HOUR);
        let earlier = at - SignedDuration::from_mins(1);
        let first: Vec<_> = behind.iter().map(|couple| (*couple, earlier)).collect();
        let then: Vec<_> = fast.iter().map(|couple| (*couple, at)).collect();
        let first = seed::scenes(context, &first).await;
        let then = seed::scenes(context, &then).await;
        assert_eq!((first.len(), then.len()), (2048, 20));
        app.clock.set(at);
        let worker = app.app.worker();
        let meanwhile = async {
            gate.arrived(64).await;
            let arrived = app.push.received_at_least(10).await;
            assert_eq!(different(&arrived), 10);
            assert_eq!(slow.received(), [], "and the first service has not answered yet");
            assert!(slow.most_at_once() <= 64, "so many at a time and no more");
            for endpoint in &hanging {
                slow.answer_always(endpoint, None);
            }
            gate.open();
        };
        let (done, ()) = futures::join!(worker.deliver_due(), meanwhile);
        done.unwrap();
        app.pass_minutes(10).await;
        assert_eq!(different(&slow.received()), 1024, "nothing is lost");
        for nudges in [&first, &then] {
            let ids: Vec<_> = nudges.iter().map(|nudge| nudge.id).collect();
            assert!(now(&app, &ids).await.iter().all(|nudge| nudge.state == NudgeState::Sent));
        }
        assert_eq!(app.push.received().len(), 10);
    }

    async fn r20_a_device_whose_service_was_busy_gets_it_later_and_it_counts_once(app) {
        let couple = app.couple().await;
        let (sam, tablet) = (&couple.sam, tablet(&app, &couple.sam).await);
        let scene = couple.scene(&app).await;
        let check_in = couple.check_ins(&app, sam, &scene).await.remove(0);
        app.push.answer_next(&tablet, Answer::status(503));
        app.pass_until(minute(HOUR)).await;
        assert_eq!((sam.pushes(&app).len(), app.push.displayed(&tablet).len()), (1, 0), "the phone has it, the tablet not yet");
        app.pass_until(minute(HOUR) + SignedDuration::from_secs(31)).await;
        assert_eq!(sam.pushes(&app).len(), 1, "the phone gets nothing twice");
        app.pass_minutes(HOUR).await;
        let on_tablet = app.push.received().into_iter().filter(|push| push.endpoint == tablet);
        let shown = |push: push_receiver::Received| {
            let payload: serde_json::Value = serde_json::from_slice(&push.payload).unwrap();
            let link = payload["notification"]["navigate"].as_str().unwrap().to_owned();
            (push.topic.unwrap(), link.split_once('?').unwrap().1.split('#').next().unwrap().to_owned())
        };
        let on_tablet: Vec<_> = on_tablet.map(shown).collect();
        let on_phone: Vec<_> = sam.pushes(&app).into_iter().map(shown).collect();
        assert_eq!((on_phone.len(), &on_phone), (1, &on_tablet), "once, under the same Topic, and its page offers the same");
        assert_eq!(listed(&app, sam, &check_in, "ASK").await, ["SENT"], "one nudge in the list, not two");
        assert_eq!(sam.timeline_of(&app, "mail").await, Vec::<String>::new());
    }

    async fn r20_a_device_that_refused_it_is_not_asked_again_while_another_is_waited_for(app) {
        for (n, status) in [400, 413, 401, 403].into_iter().enumerate() {
            let couple = app.pair(n).await;
            let (sam, tablet) = (&couple.sam, tablet(&app, &couple.sam).await);
            couple.scene(&app).await;
            // It would take whatever came after that.
            app.push.answer_next(&sam.device.endpoint, Answer::status(status));
            app.push.answer_next(&tablet, Answer::status(503));
            app.pass_minutes(HOUR).await;
            assert_eq!((sam.pushes(&app).len(), app.push.displayed(&tablet).len()), (0, 0), "{status}");
            app.pass_minutes(HOUR).await;
            assert_eq!((sam.pushes(&app).len(), app.push.displayed(&tablet).len()), (0, 1), "{status}");
            assert_eq!(sam.timeline_of(&app, "mail").await, Vec::<String>::new(), "{status}");
            // The next one begins on a later day, at the same time of day.
            app.pass_until(minute((n as i64 + 1) * 5 * 24 * HOUR)).await;
        }
    }

    async fn r20_who_answered_meanwhile_gets_nothing_more_on_the_second_device(app) {
        let couple = app.couple().await;
        let (sam, tablet) = (&couple.sam, tablet(&app, &couple.sam).await);
        let scene = couple.scene(&app).await;
        let check_in = couple.check_ins(&app, sam, &scene).await.remove(0);
        app.push.answer_next(&tablet, Answer::status(503));
        app.pass_minutes(HOUR).await;
        assert_eq!((sam.pushes(&app).len(), app.push.displayed(&tablet).len()), (1, 0));
        sam.done(&app, "answerCheckIn", json!({ "checkInId": check_in["id"], "mood": 3 }), "").await;
        app.pass_minutes(HOUR).await;
        assert_eq!(app.push.displayed(&tablet), []);
        assert_eq!(sam.pushes(&app).len(), 1);
    }

    async fn r20_a_service_that_fails_for_an_hour_is_not_waited_for_any_longer(app) {
        let couple = app.couple().await;
        couple.agree_on(&app, &[60]).await;
        let busy = Answer::status(503).with_header("Retry-After", "1500");
        app.push.answer_always(&couple.sam.device.endpoint, Some(busy));
        let scene = couple.scene(&app).await;
        let check_in = couple.check_ins(&app, &couple.sam, &scene).await.remove(0);
        app.pass_until(minute(2 * HOUR)).await;
        assert_eq!(couple.sam.timeline(&app).await, Vec::<String>::new());
        assert_eq!(listed(&app, &couple.sam, &check_in, "ASK").await, ["WAITING"], "its hour is just over");
        app.pass_until(minute(6 * HOUR)).await;
        assert_eq!(couple.sam.timeline(&app).await, [
            "24 20:15 mail You asked to be reminded to get in touch, about now.",
            "24 20:15 mail You asked to be reminded: how are you today?",
        ], "at the fourth try, and no second mail from the rung after it");
        assert_eq!(listed(&app, &couple.sam, &check_in, "ASK").await, ["SENT"]);
        assert_eq!(couple.alex.pushes(&app).len(), 1);
    }

    async fn r20_without_mail_a_service_that_fails_is_tried_twelve_times(app) {
        let couple = app.couple().await;
        let (sam, device) = (&couple.sam, &couple.sam.device.endpoint);
        sam.done(&app, "updateProfile", json!({ "mailWanted": false }), "").await;
        app.push.answer_always(device, Some(Answer::status(503)));
        couple.agree_on(&app, &[60]).await;
        let scene = couple.scene(&app).await;
        let check_in = couple.check_ins(&app, sam, &scene).await.remove(0);
        // A prompt alone: another question would take the place of the first one.
        sam.done(&app, "skipCheckIn", json!({ "checkInId": check_in["id"] }), "").await;
        // Before Sam sleeps.
        app.pass_until(minute(12 * HOUR - 1)).await;
        let dead = dead::list(&app.app.context).await.unwrap().nudges;
        assert_eq!(dead.iter().map(|nudge| nudge.kind).collect::<Vec<_>>(), [NudgeKind::Reminder(Reason::Prompt)]);
        let id = dead[0].id;
        let read = move |db: &mut store::Db| Ok::<_, store::StoreError>(store::nudge::attempts(db, &[id])?);
        let attempts = app.app.context.store.read(read).await.unwrap();
        let by_push: Vec<_> =
            attempts.iter().filter(|attempt| attempt.device_id.is_some()).map(|attempt| attempt.status_code).collect();
        assert_eq!(by_push, [Some(503); 12]);
        assert_eq!(attempts.len(), by_push.len());
        app.push.answer_always(device, None);
        app.pass_until(minute(12 * HOUR)).await;
        assert_eq!(sam.timeline(&app).await, Vec::<String>::new(), "what is dead stays so");
    }
}

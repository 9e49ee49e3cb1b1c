//! What the service changes by itself is told to whoever follows, as what people do is.

use super::feed::{Events, cursor, kinds, read_on};
use super::{PATIENCE, account, due, pass};
use crate::support::care::HOUR;
use crate::support::people::PASSWORD;
use crate::support::receivers::Answer;
use crate::support::{Backend, Couple, Person, TestApp, run};
use evenkeel::actions::accounts::erasure;
use evenkeel::actions::{Caller, Fault};
use evenkeel::auth::Requester;
use evenkeel::domain::change::ChangeKind;
use evenkeel::ids::{SessionId, TypedId};
use evenkeel::vault::ledger::account_hash;
use futures::FutureExt as _;
use jiff::SignedDuration;
use serde_json::{Value, json};

/// What comes next on a stream, before its follower would look without being woken.
async fn soon(events: &mut Events) -> Vec<Value> {
    let batch = tokio::time::timeout(PATIENCE, events.next()).await.expect("nobody woke the follower");
    batch["changes"].as_array().unwrap().clone()
}

/// Sam follows when a check-in has fallen due of which nothing was sent yet; the cursor of that place.
async fn following_when_due(app: &TestApp, couple: &Couple) -> (Events, Value) {
    let scene = couple.scene(app).await;
    due(app, couple, &scene).await;
    couple.alex.refresh(app).await;
    let mut events = Events::open(app, &couple.sam, Value::Null).await;
    let begun = events.next().await;
    assert_eq!(begun["resetRequired"], true);
    (events, begun["cursor"].clone())
}

async fn ways(app: &TestApp, person: &Person) -> Value {
    let query = "{ viewer { account { emailFails reachability { byPush byMail } } } }";
    person.ask(app, query, json!({})).await["viewer"]["account"].clone()
}

/// The one change to somebody's own account, on the stream and in what is read later.
async fn one_change_of_account(app: &TestApp, person: &Person, events: &mut Events, from: &Value) -> Value {
    let told = soon(events).await;
    assert_eq!(kinds(&told), ["ACCOUNT_CHANGED"]);
    assert_eq!(told[0]["node"]["__typename"], "Account");
    let (read, from) = read_on(app, person, from).await;
    assert_eq!(read, told);
    from
}

on_both_databases! {
    async fn r20_who_follows_hears_that_a_mail_server_refused_the_address(app) {
        let couple = app.couple().await;
        let sam = &couple.sam;
        sam.done(&app, "removeDevice", json!({ "deviceId": sam.device_id }), "").await;
        app.mail.answer_address(&sam.email, Some(550));
        let (mut events, from) = following_when_due(&app, &couple).await;
        let alexs = cursor(&app, &couple.alex).await;
        app.deliver().await;
        let from = one_change_of_account(&app, sam, &mut events, &from).await;
        let failed = json!({ "emailFails": true, "reachability": { "byPush": false, "byMail": false } });
        assert_eq!(ways(&app, sam).await, failed);
        app.deliver().await;
        assert_eq!(kinds(&read_on(&app, sam, &from).await.0), Vec::<String>::new(), "told once");
        assert_eq!(kinds(&read_on(&app, &couple.alex, &alexs).await.0), Vec::<String>::new(), "nobody else is");
    }

    async fn r20_who_follows_hears_that_a_subscription_is_gone(app) {
        let couple = app.couple().await;
        let sam = &couple.sam;
        app.push.answer_always(&sam.device.endpoint, Some(Answer::status(410)));
        let (mut events, from) = following_when_due(&app, &couple).await;
        app.deliver().await;
        let from = one_change_of_account(&app, sam, &mut events, &from).await;
        let by_mail = json!({ "emailFails": false, "reachability": { "byPush": false, "byMail": true } });
        assert_eq!(ways(&app, sam).await, by_mail);
        // So is what the person does about it.
        let phone = app.push.subscribe();
        let input = json!({ "endpoint": phone.endpoint, "p256dh": phone.p256dh, "auth": phone.auth, "label": "new" });
        let device = sam.done(&app, "registerDevice", input.clone(), "device { id }").await["device"]["id"].clone();
        let from = one_change_of_account(&app, sam, &mut events, &from).await;
        // Somebody else on the same device ends it for Sam.
        couple.alex.done(&app, "registerDevice", input.clone(), "").await;
        let from = one_change_of_account(&app, sam, &mut events, &from).await;
        assert_eq!(ways(&app, sam).await, by_mail);
        let again = sam.done(&app, "registerDevice", input, "device { id }").await["device"]["id"].clone();
        assert_ne!(again, device);
        let from = one_change_of_account(&app, sam, &mut events, &from).await;
        sam.done(&app, "removeDevice", json!({ "deviceId": again }), "").await;
        one_change_of_account(&app, sam, &mut events, &from).await;
    }

    async fn r27_an_erasure_is_told_to_no_former_partner_and_ends_the_streams_of_who_was_erased(app) {
        let Couple { alex, sam, .. } = app.couple().await;
        alex.done(&app, "reauthenticate", json!({ "password": PASSWORD }), "").await;
        let asked = alex.ask(&app, "mutation { requestErasure { status } }", json!({})).await;
        assert_eq!(asked["requestErasure"]["status"], "DONE");
        pass(&app, 72 * HOUR);
        alex.refresh(&app).await;
        sam.refresh(&app).await;
        let mut alexs = Events::open(&app, &alex, Value::Null).await;
        assert_eq!(alexs.next().await["resetRequired"], true);
        let mut sams = Events::open(&app, &sam, Value::Null).await;
        assert_eq!(sams.next().await["resetRequired"], true);
        assert_eq!(erasure::carry_out_due(&app.app.context).await.unwrap(), 1);
        let end = tokio::time::timeout(PATIENCE, alexs.end()).await.expect("the stream goes on");
        assert_eq!(end, "");
        // What comes next is the first that Sam hears.
        sam.ask(&app, "mutation { pauseNudges(input: {}) { status } }", json!({})).await;
        assert_eq!(kinds(&soon(&mut sams).await), ["ACCOUNT_CHANGED"]);
    }

    async fn r27_an_erasure_that_is_repeated_at_the_start_is_told_to_the_partner(app) {
        let Couple { alex, sam, link } = app.couple().await;
        let later = app.clock.now() + SignedDuration::from_hours(24);
        let plan = json!({ "linkId": link, "plannedFor": later.to_string(), "setting": "ONLINE" });
        let scene = sam.done(&app, "planScene", plan, "scene { id }").await["scene"]["id"].clone();
        let from = cursor(&app, &sam).await;
        // As if this were an older copy of the database.
        let id = account(&app, &alex).await;
        app.app.context.ledger.add(&[account_hash(id.uuid())]).unwrap();
        drop(app.sibling());
        let (told, _) = read_on(&app, &sam, &from).await;
        let told: Vec<_> = told.iter().map(|change| (change["kind"].as_str().unwrap(), &change["nodeId"])).collect();
        assert_eq!(told, [("LINK_CHANGED", &json!(link)), ("SCENE_CHANGED", &scene)]);
    }
}

#[test]
fn who_follows_is_woken_even_if_whoever_changed_something_went_away() {
    run(Backend::Sqlite, |app| async move {
        let alex = app.person("Alex", "UTC", ("22:00", "08:00")).await;
        let (context, account) = (&app.app.context, account(&app, &alex).await);
        let mut follower = context.feeds.follow(account);
        let requester =
            Requester { account, session: SessionId::at(app.clock.now(), &crate::support::chance()) };
        let by = Caller { requester, key: None };
        let planned = context.planned.notified();
        // Polled once, which hands the work to the database, and dropped, as a request whose connection broke.
        drop(evenkeel::actions::accounts::account::pause(context, &by, None).now_or_never());
        let woken = async { (follower.woken().await, planned.await) };
        let (woken, ()) = tokio::time::timeout(PATIENCE, woken).await.expect("nobody was woken");
        assert!(woken);
    });
}

#[test]
fn a_transaction_that_only_reads_has_nothing_to_tell() {
    run(Backend::Sqlite, |app| async move {
        let alex = app.person("Alex", "UTC", ("22:00", "08:00")).await;
        let id = account(&app, &alex).await;
        let read = app.app.context.read_tx(move |tx| {
            tx.tell(&[id], ChangeKind::AccountChanged, id);
            Ok(())
        });
        assert!(matches!(read.await, Err(Fault::Inconsistent(_))));
    });
}

//! Lanes: what waits for one provider waits in the database, untouched, and one device's fault is not its provider's.

use crate::support::care::{HOUR, minute};
use crate::support::receivers::{Answer, Behaviour, Gate, PushReceiver};
use crate::support::{TestApp, seed};
use evenkeel::actions::Caller;
use evenkeel::actions::nudges::device::{self, Subscription};
use evenkeel::actions::operations::watch::queue_depth;
use evenkeel::auth::Requester;
use evenkeel::demo::loopback::Now;
use evenkeel::demo::push_receiver;
use evenkeel::domain::nudge::{Channel, NudgeState};
use evenkeel::ids::AccountId;
use evenkeel::store;
use evenkeel::store::nudge::NudgeRow;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::sync::Arc;

/// How long a circuit stays open at first.
const SHUT: SignedDuration = SignedDuration::from_secs(15);
/// Hand-overs to one push service at a time.
const PLACES: usize = 64;

/// The service anew, with a push service besides the test's own, on the same clock.
fn with_another(mut app: TestApp) -> (TestApp, PushReceiver) {
    let ticks = app.clock.clone();
    let now: Now = Arc::new(move || ticks.now());
    let other = PushReceiver::start(now).unwrap();
    app.config.push_insecure_origins.push(other.origin().parse().unwrap());
    app.app = app.sibling().into();
    (app, other)
}

/// Couples with a device each at a push service, which answers them in this way, and what is due for them: two nudges, in
/// one message, for each person.
async fn due(
    app: &TestApp,
    at: &PushReceiver,
    (first, couples): (usize, usize),
    (answer, when): (Option<Answer>, Timestamp),
) -> (Vec<String>, Vec<NudgeRow>) {
    let mut endpoints = Vec::new();
    let device = |_| {
        let device = own(at.subscribe());
        at.answer_always(&device.endpoint, answer.clone());
        endpoints.push(device.endpoint.clone());
        Some(device)
    };
    let couples = seed::couples(&app.app.context, first, couples, device).await;
    let scenes: Vec<_> = couples.into_iter().map(|couple| (couple, when)).collect();
    (endpoints, seed::scenes(&app.app.context, &scenes).await)
}

fn own(agent: push_receiver::Subscription) -> Subscription {
    let push_receiver::Subscription { endpoint, p256dh, auth } = agent;
    Subscription { endpoint, p256dh, auth, fuller_words: false }
}

/// A couple with a device each at the test's own push service.
async fn couple(app: &TestApp) -> seed::Couple {
    seed::couples(&app.app.context, 0, 1, |_| Some(own(app.push.subscribe()))).await[0]
}

/// Registers one more device of somebody, in the session of a live one; its endpoint.
async fn second_device(app: &TestApp, of: AccountId, at: &PushReceiver) -> String {
    let live = move |db: &mut store::Db| Ok::<_, store::StoreError>(store::device::live(db, &[of])?);
    let session = app.app.context.store.read(live).await.unwrap()[0].session_id.unwrap();
    let by = Caller { requester: Requester { account: of, session }, key: None };
    let subscription = own(at.subscribe());
    let endpoint = subscription.endpoint.clone();
    device::register(&app.app.context, &by, subscription, "tablet".to_owned()).await.unwrap();
    endpoint
}

/// These nudges as they stand now.
async fn now(app: &TestApp, of: &[NudgeRow]) -> Vec<NudgeRow> {
    let of: Vec<_> = of.iter().map(|nudge| nudge.id).collect();
    let find = move |db: &mut store::Db| {
        let rows = of.iter().map(|id| Ok(store::nudge::find(db, *id)?.unwrap()));
        rows.collect::<Result<_, store::StoreError>>()
    };
    app.app.context.store.read(find).await.unwrap()
}

/// How many of these nudges no worker has ever had.
async fn untouched(app: &TestApp, of: &[NudgeRow]) -> usize {
    let fresh = |row: &&NudgeRow| row.attempts == 0 && row.state == NudgeState::Waiting;
    now(app, of).await.iter().filter(fresh).count()
}

async fn all_sent_at(app: &TestApp, of: &[NudgeRow], at: Timestamp) -> bool {
    let sent = |row: &NudgeRow| row.state == NudgeState::Sent && row.finished_at == Some(at.into());
    now(app, of).await.iter().all(sent)
}

fn answer_all(at: &PushReceiver, endpoints: &[String], answer: Option<Answer>) {
    endpoints.iter().for_each(|endpoint| at.answer_always(endpoint, answer.clone()));
}

on_both_databases! {
    async fn r23_what_waits_for_a_full_service_waits_untouched_and_counts_as_due(app) {
        let (app, slow) = with_another(app);
        let (at, gate) = (minute(HOUR), Gate::new());
        let held = Answer::behaving(Behaviour::Gate(gate.clone()));
        let (_, behind) = due(&app, &slow, (0, 200), (Some(held), at - SignedDuration::from_mins(5))).await;
        let (_, others) = due(&app, &app.push, (1000, 10), (None, at)).await;
        app.clock.set(at);
        let worker = app.app.worker();
        let meanwhile = async {
            gate.arrived(PLACES as u32).await;
            app.push.received_at_least(others.len() / 2).await;
            assert!(slow.most_at_once() <= PLACES);
            assert_eq!(untouched(&app, &behind).await, behind.len() - 2 * PLACES, "they wait where they were");
            let depth = queue_depth(&app.app.context).await.unwrap();
            assert_eq!(depth.oldest_due, SignedDuration::from_mins(5), "and are due");
            assert!(depth.due >= i64::try_from(behind.len() - 2 * PLACES).unwrap());
            gate.open();
        };
        let (done, ()) = futures::join!(worker.deliver_due(), meanwhile);
        done.unwrap();
        assert!(all_sent_at(&app, &behind, at).await && all_sent_at(&app, &others, at).await);
        assert!(now(&app, &behind).await.iter().all(|row| row.attempts == 1), "no row was taken in vain");
    }

    async fn r23_a_service_that_does_not_answer_is_left_alone_and_one_probe_frees_all(app) {
        let (app, broken) = with_another(app);
        let at = minute(HOUR);
        let (endpoints, behind) = due(&app, &broken, (0, 100), (Some(Answer::behaving(Behaviour::Close)), at)).await;
        let (_, others) = due(&app, &app.push, (1000, 3), (None, at + SignedDuration::from_secs(1))).await;
        app.clock.set(at);
        app.deliver().await;
        let left = untouched(&app, &behind).await;
        assert!(left >= behind.len() - 4 * PLACES, "{left}");
        app.clock.set(at + SignedDuration::from_secs(1));
        app.deliver().await;
        assert_eq!(app.push.received().len(), 6, "the others come in time");
        app.clock.set(at + SHUT - SignedDuration::from_secs(1));
        app.deliver().await;
        assert_eq!(untouched(&app, &behind).await, left);
        let depth = queue_depth(&app.app.context).await.unwrap();
        assert!(depth.oldest_due >= SHUT - SignedDuration::from_secs(1), "{:?}", depth.oldest_due);
        // A probe that fails takes one message, of two nudges.
        app.clock.set(at + SHUT);
        app.deliver().await;
        assert!(left - untouched(&app, &behind).await <= 2);
        answer_all(&broken, &endpoints, None);
        let well = at + SHUT * 3;
        app.clock.set(well);
        app.deliver().await;
        assert_eq!(untouched(&app, &behind).await, 0, "all at once");
        app.pass_minutes(2).await;
        assert_eq!(broken.received().len(), 200);
        let sent = now(&app, &behind).await;
        assert!(sent.iter().all(|row| row.state == NudgeState::Sent && row.attempts <= 3));
        assert!(sent.iter().filter(|row| row.attempts == 1).all(|row| row.finished_at == Some(well.into())));
        assert!(all_sent_at(&app, &others, at + SignedDuration::from_secs(1)).await);
    }

    async fn r20_a_device_that_fails_does_not_delay_another_of_the_same_service(app) {
        let busy = Answer::status(429).with_header("Retry-After", "1");
        let answers = [busy, Answer::status(500), Answer::status(503), Answer::behaving(Behaviour::Close)];
        for (n, answer) in answers.into_iter().enumerate() {
            let at = minute(HOUR * (1 + i64::try_from(n).unwrap()));
            let (failing, theirs) = due(&app, &app.push, (1000 * n, 1), (Some(answer.clone()), at)).await;
            let later: Vec<_> = (1..10).map(|minutes| at + SignedDuration::from_mins(5 * minutes)).collect();
            for (k, later) in later.into_iter().enumerate() {
                let (_, healthy) = due(&app, &app.push, (1000 * n + 10 * (k + 1), 1), (None, later)).await;
                app.pass_until(later).await;
                assert!(all_sent_at(&app, &healthy, later).await, "{answer:?}: in time");
            }
            assert!(now(&app, &theirs).await.iter().all(|row| row.attempts > 4), "{answer:?}: it was tried all along");
            answer_all(&app.push, &failing, None);
        }
    }

    async fn r20_after_an_answer_that_failed_a_device_rests_for_half_a_minute_at_most_and_no_other(app) {
        let (at, mut endpoints) = (minute(HOUR), Vec::new());
        let device = |n| {
            let device = own(app.push.subscribe());
            if n < 2 {
                app.push.answer_always(&device.endpoint, Some(Answer::status(500)));
                endpoints.push(device.endpoint.clone());
            }
            Some(device)
        };
        let couples = seed::couples(&app.app.context, 0, 2, device).await;
        let first = seed::scenes(&app.app.context, &[(couples[0], at)]).await;
        app.clock.set(at);
        app.deliver().await;
        assert!(now(&app, &first).await.iter().all(|row| row.tries() == 1));
        let more = seed::scenes(&app.app.context, &[(couples[0], at)]).await;
        let others = seed::scenes(&app.app.context, &[(couples[1], at)]).await;
        app.deliver().await;
        assert!(now(&app, &first).await.iter().all(|row| row.tries() == 1), "nothing more is sent to it");
        assert!(now(&app, &more).await.iter().all(|row| row.tries() == 0 && row.state == NudgeState::Waiting));
        assert!(all_sent_at(&app, &others, at).await, "others of the service do not wait");
        answer_all(&app.push, &endpoints, None);
        app.pass_until(at + SignedDuration::from_secs(31)).await;
        let all = [first, more].concat();
        assert!(now(&app, &all).await.iter().all(|row| row.state == NudgeState::Sent));
    }

    async fn r20_a_service_that_asks_several_devices_for_time_is_asked_once_it_is_over(app) {
        let at = minute(HOUR);
        let busy = Answer::status(503).with_header("Retry-After", "60");
        let (endpoints, nudges) = due(&app, &app.push, (0, 100), (Some(busy), at)).await;
        app.clock.set(at);
        app.deliver().await;
        let left = untouched(&app, &nudges).await;
        assert!(left >= nudges.len() - 4 * PLACES, "{left}");
        app.clock.set(at + SignedDuration::from_secs(59));
        app.deliver().await;
        assert_eq!(untouched(&app, &nudges).await, left);
        answer_all(&app.push, &endpoints, None);
        let over = at + SignedDuration::from_secs(60);
        app.clock.set(over);
        app.deliver().await;
        assert!(all_sent_at(&app, &nudges, over).await);
    }

    async fn r20_a_device_that_asked_for_time_gets_it_and_the_other_one_does_not_wait(app) {
        let couple = app.couple().await;
        let sam = &couple.sam;
        let push_receiver::Subscription { endpoint: tablet, p256dh, auth } = app.push.subscribe();
        let input = json!({ "endpoint": &tablet, "p256dh": p256dh, "auth": auth, "label": "tablet" });
        sam.done(&app, "registerDevice", input, "").await;
        couple.scene(&app).await;
        let asks = Answer::status(429).with_header("Retry-After", "1500");
        app.push.answer_next(&sam.device.endpoint, asks);
        app.push.answer_next(&tablet, Answer::status(503).with_header("Retry-After", "20"));
        let seconds = |seconds| minute(HOUR) + SignedDuration::from_secs(seconds);
        app.pass_until(seconds(19)).await;
        assert_eq!((sam.pushes(&app).len(), app.push.displayed(&tablet).len()), (0, 0));
        app.pass_until(seconds(20)).await;
        assert_eq!((sam.pushes(&app).len(), app.push.displayed(&tablet).len()), (0, 1));
        app.pass_until(seconds(1499)).await;
        assert_eq!(sam.pushes(&app).len(), 0, "as long as it asked for");
        app.pass_until(seconds(1502)).await;
        assert_eq!((sam.pushes(&app).len(), app.push.displayed(&tablet).len()), (1, 1));
    }

    async fn r23_a_second_device_does_not_wait_for_the_first_ones_service(app) {
        let (app, broken) = with_another(app);
        let at = minute(HOUR);
        let shut = Some(Answer::behaving(Behaviour::Close));
        // The circuit of the tablet's service opens before the check-ins are due.
        let before = at - SignedDuration::from_secs(1);
        let (endpoints, _) = due(&app, &broken, (1000, 50), (shut.clone(), before)).await;
        let couple = couple(&app).await;
        let tablet = second_device(&app, couple.people[0], &broken).await;
        broken.answer_always(&tablet, shut);
        let nudges = seed::scenes(&app.app.context, &[(couple, at)]).await;
        app.pass_until(at).await;
        assert!(all_sent_at(&app, &nudges, at).await, "the phones have it");
        assert_eq!((app.push.received().len(), broken.received().len()), (2, 0));
        answer_all(&broken, &endpoints, None);
        broken.answer_always(&tablet, None);
        app.pass_until(before + SHUT).await;
        app.pass_until(at + SHUT).await;
        assert_eq!((app.push.received().len(), broken.displayed(&tablet).len()), (2, 1), "and then the tablet");
        assert_eq!(app.mail.received().len(), 1, "only that there is a new device");
    }

    async fn r23_a_device_of_another_service_gets_at_once_what_waited_for_the_first(app) {
        let (app, broken) = with_another(app);
        let at = minute(HOUR);
        let shut = Some(Answer::behaving(Behaviour::Close));
        due(&app, &broken, (1000, 50), (shut.clone(), at - SignedDuration::from_secs(1))).await;
        let couple = couple(&app).await;
        let person = couple.people[0];
        let live = move |db: &mut store::Db| Ok::<_, store::StoreError>(store::device::live(db, &[person])?);
        let phone = app.app.context.store.read(live).await.unwrap()[0].id;
        let tablet = second_device(&app, person, &broken).await;
        broken.answer_always(&tablet, shut);
        let nudges = seed::scenes(&app.app.context, &[(couple, at)]).await;
        let theirs: Vec<_> = nudges.into_iter().filter(|nudge| nudge.recipient_id == Some(person)).collect();
        // The phone is gone, and the tablet's service away.
        let ended = at.into();
        let end = move |db: &mut store::Db| Ok::<_, store::StoreError>(store::device::end(db, phone, None, ended)?);
        assert!(app.app.context.store.write(end).await.unwrap());
        app.pass_until(at).await;
        assert!(now(&app, &theirs).await.iter().all(|row| row.state == NudgeState::Waiting));
        let next = second_device(&app, person, &app.push).await;
        app.deliver().await;
        assert_eq!(app.push.displayed(&next).len(), 1);
        assert!(all_sent_at(&app, &theirs, at).await);
        app.leaves_undone("the tablet's service stays away");
    }

    async fn r23_what_waits_for_an_hour_for_a_service_that_is_away_goes_by_mail(app) {
        let (app, broken) = with_another(app);
        let at = minute(HOUR);
        let shut = Some(Answer::behaving(Behaviour::Close));
        let (_, nudges) = due(&app, &broken, (0, 100), (shut, at)).await;
        app.pass_until(at + SignedDuration::from_mins(59)).await;
        assert!(now(&app, &nudges).await.iter().all(|row| row.state == NudgeState::Waiting));
        app.pass_until(at + SignedDuration::from_mins(62)).await;
        let mailed = async || {
            let rows = now(&app, &nudges).await;
            rows.iter().filter(|row| row.state == NudgeState::Sent && row.channel == Channel::Mail).count()
        };
        let soon = mailed().await;
        assert!(soon >= nudges.len() * 3 / 4, "{soon}: what was tried meanwhile waits an hour from then");
        app.pass_until(at + SignedDuration::from_mins(125)).await;
        assert_eq!(mailed().await, nudges.len());
        assert_eq!(broken.received(), []);
    }
}

//! Workers: one that stops hands over what it holds, another's bell wakes it, and two at once keep to one measure.

use crate::support::care::{HOUR, minute};
use crate::support::race::{ClaimGate, Halt};
use crate::support::receivers::{Answer, Behaviour, Gate};
use crate::support::seed;
use crate::support::{Backend, TestApp};
use evenkeel::actions::nudges::claim::{Claimed, Ready, claim};
use evenkeel::actions::nudges::device::Subscription;
use evenkeel::actions::{Fault, Transaction};
use evenkeel::app::App;
use evenkeel::demo::push_receiver::{self, Received};
use evenkeel::domain::device::DEVICES_MAX;
use evenkeel::domain::nudge::NudgeState;
use evenkeel::ids::{AccountId, NudgeId, WorkerId};
use evenkeel::store::nudge::NudgeRow;
use evenkeel::store::{self, LeaseTimes};
use jiff::SignedDuration;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often a worker looks without a bell.
const POLL: Duration = Duration::from_secs(5);
/// How long the lease of a claim lasts.
const LEASE: SignedDuration = SignedDuration::from_secs(90);

fn own(agent: push_receiver::Subscription) -> Subscription {
    let push_receiver::Subscription { endpoint, p256dh, auth } = agent;
    Subscription { endpoint, p256dh, auth, fuller_words: false }
}

/// These nudges as they stand now.
async fn now(app: &TestApp, of: &[NudgeRow]) -> Vec<NudgeRow> {
    let of: Vec<NudgeId> = of.iter().map(|nudge| nudge.id).collect();
    let find = move |db: &mut store::Db| {
        let rows = of.iter().map(|id| Ok(store::nudge::find(db, *id)?.unwrap()));
        rows.collect::<Result<_, store::StoreError>>()
    };
    app.app.context.store.read(find).await.unwrap()
}

fn different(pushes: &[Received]) -> usize {
    pushes.iter().map(|push| push.topic.clone().unwrap()).collect::<BTreeSet<_>>().len()
}

/// Signs somebody up, who is to get a mail now.
async fn sign_up(app: &TestApp, email: &str) {
    let query = "mutation($input: SignUpInput!) { signUp(input: $input) { status } }";
    let input = json!({ "input": {
        "email": email, "displayName": "Kim", "zone": "Europe/Paris", "consents": crate::support::people::consents(),
    } });
    assert_eq!(app.anonymous(query, input).await["signUp"]["status"], "DONE");
}

/// When the next nudge can be claimed.
async fn next_due(app: &TestApp) -> Option<jiff::Timestamp> {
    let now = LeaseTimes::at(app.clock.now(), SignedDuration::ZERO);
    let next = move |db: &mut store::Db| Ok::<_, store::StoreError>(store::lane::next_due(db, now)?);
    app.app.context.store.read(next).await.unwrap().map(|at| at.get())
}

/// Waits until nothing waits to be sent any more, recorded and all.
async fn nothing_waits(app: &TestApp) {
    let began = Instant::now();
    while next_due(app).await.is_some() {
        assert!(began.elapsed() < PATIENCE, "something waits for too long");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Has a worker claim up to about `most` nudges, in a transaction that can be at work together with others.
fn claiming(app: &App, most: usize) -> tokio::task::JoinHandle<Claimed> {
    let context = Arc::clone(&app.context);
    let work = move |tx: &mut Transaction<'_>| {
        let mut sharing = seed::any_lane(tx.db, tx.now, most)?;
        claim(tx, WorkerId::at(tx.now, tx.chance), LEASE, &mut sharing)
    };
    tokio::spawn(async move { context.worker_tx(work).await.unwrap() })
}

/// Has two workers claim at the same moment: neither commits before both have taken what they take. Returns the name of
/// each message and the number of its nudges, by recipient.
async fn claim_at_once(
    apps: [&App; 2],
    gate: &mut ClaimGate,
    most: usize,
) -> BTreeMap<AccountId, Vec<(String, usize)>> {
    let claims = apps.map(|app| claiming(app, most));
    let began = Instant::now();
    while claims.iter().filter(|claim| claim.is_finished()).count() + gate.waiting() < claims.len() {
        assert!(began.elapsed() < PATIENCE, "a claim comes to no end");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    gate.open();
    let mut messages: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for claim in claims {
        for ready in claim.await.unwrap().ready {
            let message = (ready.nudge.shown_key().to_owned(), Ready::nudges(&ready).count());
            messages.entry(ready.nudge.recipient_id.unwrap()).or_default().push(message);
        }
    }
    messages
}

on_both_databases! {
    async fn r22_two_claims_at_the_same_moment_leave_what_is_for_one_person_together(app) {
        let (sibling, mut gate) = (app.sibling(), ClaimGate::new(&app));
        let couples = seed::couples(&app.app.context, 0, 3, |_| Some(own(app.push.subscribe()))).await;
        let second = |n: usize| minute(HOUR) - SignedDuration::from_secs(i64::try_from(n).unwrap());
        let scenes = couples.iter().enumerate().flat_map(|(n, couple)| [(*couple, second(n)); 3]);
        let due = seed::scenes(&app.app.context, &scenes.collect::<Vec<_>>()).await;
        // Each worker has room for one couple and a half.
        let most = due.len() / 2;
        app.clock.set(minute(HOUR));
        let first = claim_at_once([&app.app, &sibling], &mut gate, most).await;
        let people: Vec<_> = couples.iter().flat_map(|couple| couple.people).collect();
        for person in &people {
            assert!(matches!(first[person].as_slice(), [(_, 6)]), "three questions and three prompts: {first:?}");
        }
        // Both die. When the leases end, what went out together comes back together, under the same name.
        gate.close();
        app.clock.set(minute(HOUR) + LEASE);
        assert_eq!(claim_at_once([&app.app, &sibling], &mut gate, most).await, first);
        app.clock.set(minute(HOUR) + LEASE + LEASE);
        let workers = [app.app.worker(), sibling.worker()];
        for done in futures::future::join_all(workers.iter().map(|worker| worker.deliver_due())).await {
            done.unwrap();
        }
        assert_eq!((app.push.received().len(), different(&app.push.received())), (6, 6), "one for each person");
        assert!(now(&app, &due).await.iter().all(|nudge| nudge.state == NudgeState::Sent && nudge.tries() == 3));
    }

    async fn r22_two_workers_at_once_make_one_reminder_of_all_that_is_due_for_a_person(app) {
        let context = &app.app.context;
        let sibling = app.sibling();
        let mut endpoints = Vec::new();
        let device = |_| {
            let agent = app.push.subscribe();
            endpoints.push(agent.endpoint.clone());
            Some(own(agent))
        };
        let couples = seed::couples(context, 0, 12, device).await;
        let at = minute(HOUR);
        // Three scenes' questions and prompts, and an alert about the other one: seven for the second of the two.
        let three: Vec<_> = couples.iter().flat_map(|couple| [(*couple, at); 3]).collect();
        let mut due = seed::scenes(context, &three).await;
        due.extend(seed::alerts(context, &couples, at).await);
        assert_eq!(due.len(), 13 * couples.len());
        app.clock.set(at);
        let workers = [app.app.worker(), sibling.worker()];
        let both = workers.iter().map(|worker| worker.deliver_due());
        for done in futures::future::join_all(both).await {
            done.unwrap();
        }
        assert!(now(&app, &due).await.iter().all(|nudge| nudge.state == NudgeState::Sent));
        for endpoint in endpoints {
            let arrived = app.push.received().iter().filter(|push| push.endpoint == endpoint).count();
            assert_eq!(arrived, 1);
        }
    }

    async fn r23_what_another_worker_took_and_did_not_keep_comes_at_once(app) {
        let sibling = app.sibling();
        let device = |_| Some(own(app.push.subscribe()));
        let couples = seed::couples(&app.app.context, 0, 4, device).await;
        let due = |round: usize| minute(HOUR + i64::try_from(round).unwrap());
        let scenes = couples.iter().enumerate().map(|(round, couple)| (*couple, due(round)));
        seed::scenes(&app.app.context, &scenes.collect::<Vec<_>>()).await;
        let stop = CancellationToken::new();
        let running = tokio::spawn({
            let (worker, stop) = (sibling.worker(), stop.clone());
            async move { worker.run(stop).await }
        });
        let mut late = Duration::ZERO;
        for round in 0..couples.len() {
            let (halt, held) = Halt::new();
            let now = due(round);
            let fails = move |tx: &mut Transaction<'_>| -> Result<(), Fault> {
                // Before the other worker's clock says that they are due.
                let worker = WorkerId::at(now, tx.chance);
                let mut sharing = seed::any_lane(tx.db, now, 50)?;
                let lease = LeaseTimes::at(now, LEASE);
                let taken = store::claim(tx.db, worker, now.into(), lease, &mut sharing)?;
                assert_eq!(taken.rows.len(), 4);
                halt.here();
                Err(Fault::Inconsistent("a worker that dies"))
            };
            let context = Arc::clone(&app.app.context);
            let failing = tokio::spawn(async move { context.worker_tx(fails).await });
            let give = held.reached().await;
            app.clock.set(now);
            sibling.context.planned.notify_one();
            tokio::time::sleep(Duration::from_millis(200)).await;
            give.send(()).unwrap();
            assert!(failing.await.unwrap().is_err());
            let began = Instant::now();
            app.push.received_at_least(2 * (round + 1)).await;
            late += began.elapsed();
        }
        assert!(late < POLL * 2, "by polls alone each round takes nearly one: {late:?}");
        stop.cancel();
        running.await.unwrap();
        assert_eq!(app.push.received().len(), 2 * couples.len());
    }

    async fn r22_what_comes_soon_is_taken_along_and_comes_no_second_time(app) {
        let couple = app.couple().await;
        let gate = Gate::new();
        for person in [&couple.alex, &couple.sam] {
            let held = Answer::behaving(Behaviour::Gate(gate.clone()));
            app.push.answer_always(&person.device.endpoint, Some(held));
        }
        for n in 0..5 {
            app.clock.set(minute(0) + SignedDuration::from_secs(10 * n));
            couple.scene(&app).await;
        }
        let stop = CancellationToken::new();
        let (worker, told) = (app.app.worker(), stop.clone());
        let working = actix_web::rt::spawn(async move { worker.run(told).await });
        for n in 0..5 {
            // Within one lease: what is in hand stays in hand.
            app.clock.set(minute(HOUR) + SignedDuration::from_secs(10 * n));
            app.app.context.planned.notify_one();
            if n == 0 {
                // One for each, on its way and not taken yet; the other four scenes are in it.
                gate.arrived(2).await;
            }
            let waited = Instant::now();
            while let Some(next) = next_due(&app).await
                && next <= app.clock.now()
            {
                assert!(waited.elapsed() < PATIENCE, "what is due is not looked at");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
        gate.open();
        stop.cancel();
        working.await.unwrap();
        assert_eq!((couple.alex.pushes(&app).len(), couple.sam.pushes(&app).len()), (1, 1));
        assert_eq!(couple.sam.timeline_of(&app, "push ASK").await.len(), 5);
    }

    async fn r15_what_waited_while_the_process_stood_still_is_not_begun_on_a_lease_that_ends(app) {
        let gate = Gate::new();
        let couples = [app.pair(0).await, app.pair(1).await];
        // Four messages, for twenty devices each: more hand-overs than there are places.
        for person in couples.iter().flat_map(|couple| [&couple.alex, &couple.sam]) {
            let mut endpoints = vec![person.device.endpoint.clone()];
            for _ in 1..DEVICES_MAX {
                let push_receiver::Subscription { endpoint, p256dh, auth } = app.push.subscribe();
                let input = json!({ "endpoint": &endpoint, "p256dh": p256dh, "auth": auth, "label": "one more" });
                person.done(&app, "registerDevice", input, "").await;
                endpoints.push(endpoint);
            }
            for endpoint in endpoints {
                app.push.answer_always(&endpoint, Some(Answer::behaving(Behaviour::Gate(gate.clone()))));
            }
        }
        app.deliver().await;
        for couple in &couples {
            couple.scene(&app).await;
        }
        app.clock.set(minute(HOUR));
        let worker = app.app.worker();
        let woken = async {
            gate.arrived(64).await;
            // Five seconds before its leases end: a push may take ten.
            app.clock.set(minute(HOUR) + SignedDuration::from_secs(85));
            gate.open();
        };
        let (done, ()) = futures::join!(worker.deliver_due(), woken);
        done.unwrap();
        assert_eq!(app.push.received().len(), 64, "what was on its way, and nothing more");
        app.clock.set(minute(HOUR) + SignedDuration::from_secs(95));
        app.sibling().worker().deliver_due().await.unwrap();
        let reached: BTreeSet<_> = app.push.received().into_iter().map(|push| push.endpoint).collect();
        assert_eq!((app.push.received().len(), reached.len(), different(&app.push.received())), (80, 80, 4), "each once");
    }

    async fn r15_a_worker_that_is_stopped_finishes_what_it_sends_and_gives_the_rest_back(app) {
        let gate = Gate::new();
        let mut endpoints = Vec::new();
        let device = |_| {
            let agent = app.push.subscribe();
            app.push.answer_always(&agent.endpoint, Some(Answer::behaving(Behaviour::Gate(gate.clone()))));
            endpoints.push(agent.endpoint.clone());
            Some(own(agent))
        };
        let couples = seed::couples(&app.app.context, 0, 40, device).await;
        let scenes: Vec<_> = couples.iter().map(|couple| (*couple, minute(HOUR))).collect();
        let due = seed::scenes(&app.app.context, &scenes).await;
        app.clock.set(minute(HOUR));
        let (worker, stop) = (app.app.worker(), CancellationToken::new());
        let running = tokio::spawn({
            let stop = stop.clone();
            async move { worker.run(stop).await }
        });
        gate.arrived(64).await;
        stop.cancel();
        // What comes from now on is taken at once; what stands at the gate is still under way.
        for endpoint in &endpoints {
            app.push.answer_always(endpoint, None);
        }
        // Far less than the first one's leases would hold, and as much as a full service is left alone for.
        app.clock.set(minute(HOUR) + SignedDuration::from_secs(4));
        let sibling = app.sibling();
        let began = Instant::now();
        while app.push.received().len() < due.len() / 2 - 64 {
            sibling.worker().deliver_due().await.unwrap();
            assert!(began.elapsed() < PATIENCE, "what was given back does not come");
        }
        assert!(!running.is_finished(), "it waits for what is under way");
        gate.open();
        running.await.unwrap();
        assert_eq!((app.push.received().len(), different(&app.push.received())), (80, 80), "each once");
        for nudge in now(&app, &due).await {
            assert_eq!((nudge.state, nudge.leased_by), (NudgeState::Sent, None));
            assert_eq!(nudge.tries(), 1, "what never left the house was no attempt");
        }
    }
}

#[test]
fn r15_a_worker_that_is_idle_hears_what_another_process_plans() {
    crate::support::run(Backend::Postgres, |app| async move {
        let sibling = app.sibling();
        let heard = || tokio::time::timeout(PATIENCE, sibling.context.planned.notified());
        heard().await.expect("once it listens, it rings");
        sign_up(&app, "kim0@people.test").await;
        heard().await.expect("another process's plan rings");
        let stop = CancellationToken::new();
        let running = tokio::spawn({
            let (worker, stop) = (sibling.worker(), stop.clone());
            async move { worker.run(stop).await }
        });
        app.mail.received_at_least(1).await;
        nothing_waits(&app).await;
        let began = Instant::now();
        // Each is planned when the one before it was recorded and nothing waits: by polls alone each takes one.
        let rounds = 6;
        for round in 1..=rounds {
            sign_up(&app, &format!("kim{round}@people.test")).await;
            app.mail.received_at_least(round + 1).await;
            nothing_waits(&app).await;
        }
        let polls = POLL * u32::try_from(rounds - 1).unwrap();
        assert!(began.elapsed() < polls, "without a bell it takes at least {polls:?}");
        stop.cancel();
        running.await.unwrap();
        assert_eq!(app.mail.received().len(), rounds + 1);
    });
}

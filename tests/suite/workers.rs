//! Workers: one that stops hands over what it holds, another's bell wakes it, and two at once keep to one measure.

use crate::support::care::{HOUR, minute};
use crate::support::receivers::{Answer, Behaviour, Gate};
use crate::support::seed;
use crate::support::{Backend, TestApp};
use evenkeel::actions::Transaction;
use evenkeel::actions::nudges::claim::{Ready, claim};
use evenkeel::actions::nudges::device::Subscription;
use evenkeel::demo::push_receiver::{self, Received};
use evenkeel::domain::nudge::NudgeState;
use evenkeel::ids::{NudgeId, WorkerId};
use evenkeel::store;
use evenkeel::store::nudge::NudgeRow;
use jiff::SignedDuration;
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often a worker looks without a bell.
const POLL: Duration = Duration::from_secs(5);

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
        "email": email, "displayName": "Kim", "zone": "Europe/Paris", "adult": true,
        "healthDataConsent": true,
    } });
    assert_eq!(app.anonymous(query, input).await["signUp"]["status"], "DONE");
}

/// When the next nudge can be claimed.
async fn next_due(app: &TestApp) -> Option<jiff::Timestamp> {
    let next = |db: &mut store::Db| Ok::<_, store::StoreError>(store::nudge::next_due(db)?);
    app.app.context.store.read(next).await.unwrap().map(|at| at.get())
}

/// Waits until nothing waits to be sent any more, recorded and all.
async fn nothing_waits(app: &TestApp) {
    let began = Instant::now();
    let next = || app.app.context.store.read(|db| Ok::<_, store::StoreError>(store::nudge::next_due(db)?));
    while next().await.unwrap().is_some() {
        assert!(began.elapsed() < PATIENCE, "something waits for too long");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

on_both_databases! {
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
        let device = |_| {
            let agent = app.push.subscribe();
            app.push.answer_always(&agent.endpoint, Some(Answer::behaving(Behaviour::Gate(gate.clone()))));
            Some(own(agent))
        };
        let couples = seed::couples(&app.app.context, 0, 40, device).await;
        let scenes: Vec<_> = couples.iter().map(|couple| (*couple, minute(HOUR))).collect();
        let due = seed::scenes(&app.app.context, &scenes).await;
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
        assert_eq!((app.push.received().len(), different(&app.push.received())), (80, 80), "each once");
        assert!(now(&app, &due).await.iter().all(|nudge| nudge.state == NudgeState::Sent && nudge.tries() == 1));
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

#[test]
fn r22_two_workers_at_once_make_no_more_of_it_than_one_reminder_each() {
    crate::support::run(Backend::Postgres, |app| async move {
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
        let people: BTreeSet<_> = couples.iter().map(|couple| couple.people[1]).collect();
        due.retain(|nudge| nudge.recipient_id.is_some_and(|to| people.contains(&to)));
        assert_eq!(due.len(), 7 * couples.len());
        app.clock.set(at);
        let workers = [app.app.worker(), sibling.worker()];
        let both = workers.iter().map(|worker| worker.deliver_due());
        for done in futures::future::join_all(both).await {
            done.unwrap();
        }
        assert!(now(&app, &due).await.iter().all(|nudge| nudge.state == NudgeState::Sent));
        for endpoints in endpoints.chunks(2) {
            let arrived = app.push.received().iter().filter(|push| push.endpoint == endpoints[1]).count();
            // Each worker makes one of what it has; none takes what another has locked.
            assert!((1..=2).contains(&arrived), "{arrived}");
            assert_eq!(app.push.displayed(&endpoints[1]).len(), arrived);
        }
    });
}

#[test]
fn r22_two_claims_at_the_same_moment_make_one_reminder_each_of_what_they_have() {
    crate::support::run(Backend::Postgres, |app| async move {
        let sibling = app.sibling();
        let couples = seed::couples(&app.app.context, 0, 6, |_| Some(own(app.push.subscribe()))).await;
        let at = minute(HOUR);
        let three: Vec<_> = couples.iter().flat_map(|couple| [(*couple, at); 3]).collect();
        seed::scenes(&app.app.context, &three).await;
        seed::alerts(&app.app.context, &couples, at).await;
        app.clock.set(at);
        let barrier = Arc::new(Barrier::new(2));
        let claims = [&app.app.context, &sibling.context].map(|context| {
            let (context, barrier) = (Arc::clone(context), Arc::clone(&barrier));
            async move {
                let work = move |tx: &mut Transaction<'_>| {
                    barrier.wait();
                    claim(tx, WorkerId::at(at, tx.chance), SignedDuration::from_secs(90), 50)
                };
                context.worker_tx(work).await.unwrap()
            }
        });
        app.leaves_undone("what the two claim is looked at and never sent");
        let claimed = futures::future::join_all(claims).await;
        for person in couples.iter().flat_map(|couple| couple.people) {
            let mine = |ready: &&Ready| ready.nudge.recipient_id == Some(person);
            let of_each = claimed.iter().map(|claimed| claimed.ready.iter().filter(mine).count());
            let of_each: Vec<_> = of_each.collect();
            assert!(
                of_each.iter().all(|count| *count <= 1) && of_each.iter().sum::<usize>() >= 1,
                "{of_each:?}"
            );
        }
        let ids: Vec<_> = claimed
            .iter()
            .flat_map(|claimed| &claimed.ready)
            .flat_map(Ready::nudges)
            .map(|row| row.id)
            .collect();
        let different: BTreeSet<_> = ids.iter().collect();
        assert_eq!((ids.len(), different.len()), (6 * 13, 6 * 13), "nothing is in two hands");
    });
}

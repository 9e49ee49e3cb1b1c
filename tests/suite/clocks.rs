//! Doubt about the time (R38): clocks that jump, differ or stand behind, a machine that sleeps, and leases of a wrong clock.

use crate::support::care::{DAY, HOUR, minute};
use crate::support::watching::{get_json, value, watch};
use crate::support::{Backend, TestApp, seed};
use diesel::prelude::*;
use evenkeel::actions::accounts::erasure;
use evenkeel::actions::nudges::device::Subscription;
use evenkeel::actions::operations::retention;
use evenkeel::app::App;
use evenkeel::clock::Clock;
use evenkeel::demo::push_receiver;
use evenkeel::domain::nudge::{DropReason, NudgeState};
use evenkeel::ids::{NudgeId, WorkerId};
use evenkeel::store;
use evenkeel::store::nudge::NudgeRow;
use evenkeel::store::schema::nudges;
use jiff::SignedDuration;
use serde_json::json;
use std::collections::BTreeSet;

/// What a clock jumps by.
const FOUR_DAYS: SignedDuration = SignedDuration::from_hours(96);
const STEADY: i64 = 10;

fn seconds(n: i64) -> SignedDuration {
    SignedDuration::from_secs(n)
}

fn own(agent: push_receiver::Subscription) -> Subscription {
    let push_receiver::Subscription { endpoint, p256dh, auth } = agent;
    Subscription { endpoint, p256dh, auth, fuller_words: false }
}

/// Couples whose scenes' nudges fall due in an hour: four nudges each, in two messages.
async fn due_in_an_hour(app: &TestApp, couples: usize) -> Vec<NudgeId> {
    let context = &app.app.context;
    let couples = seed::couples(context, 0, couples, |_| Some(own(app.push.subscribe()))).await;
    let scenes: Vec<_> = couples.iter().map(|couple| (*couple, minute(HOUR))).collect();
    seed::scenes(context, &scenes).await.iter().map(|nudge| nudge.id).collect()
}

async fn all(app: &TestApp) -> Vec<NudgeRow> {
    let load = |db: &mut store::Db| {
        Ok::<_, store::StoreError>(
            nudges::table.select(NudgeRow::as_select()).order(nudges::id.asc()).load(db)?,
        )
    };
    app.app.context.store.read(load).await.unwrap()
}

async fn standing(app: &TestApp, ids: &[NudgeId], state: NudgeState) -> usize {
    all(app).await.iter().filter(|nudge| ids.contains(&nudge.id) && nudge.state == state).count()
}

fn different(app: &TestApp) -> usize {
    app.push.received().into_iter().map(|push| push.topic.unwrap()).collect::<BTreeSet<_>>().len()
}

/// Whether the time is doubted, as this process's worker found it.
fn doubted(app: &App) -> bool {
    let metric = value(&app.context.metrics.render().unwrap(), "evenkeel_clock_doubted");
    assert_eq!(metric.unwrap() > 0.0, app.context.time_guard.doubt().is_some());
    metric.unwrap() > 0.0
}

/// Another process on the same machine, or another one, with a clock of its own.
fn process(app: &TestApp, clock: &Clock) -> App {
    App::build(&app.config, &app.keys, clock.clone(), app.app.context.chance.clone()).unwrap()
}

/// Moves all clocks on together in steps of a second, as a worker sees them.
async fn live(app: &TestApp, n: i64) {
    for _ in 0..n {
        app.clock.set(app.clock.now() + seconds(1));
        app.deliver().await;
    }
}

on_both_databases! {
    async fn r38_a_clock_that_jumps_four_days_ahead_for_twelve_seconds_expires_nothing(app) {
        let due = due_in_an_hour(&app, 6).await;
        assert_eq!(due.len(), 24);
        app.deliver().await;
        app.clock.step_wall(FOUR_DAYS);
        live(&app, 12).await;
        assert!(doubted(&app.app));
        retention::sweep(&app.app.context).await.unwrap();
        assert_eq!(standing(&app, &due, NudgeState::Waiting).await, 24);
        assert_eq!(app.push.received().len(), 0);
        app.clock.step_wall(-FOUR_DAYS);
        live(&app, 1).await;
        assert!(!doubted(&app.app), "it goes on by itself");
        app.pass_until(minute(HOUR)).await;
        assert_eq!((standing(&app, &due, NudgeState::Sent).await, different(&app)), (24, 12));
        assert_eq!(app.push.received().len(), 12);
    }

    async fn r38_what_a_wrong_clock_expired_waits_again(app) {
        let due = due_in_an_hour(&app, 6).await;
        // Wrong from the start: nothing contradicts it.
        app.clock.step_wall(FOUR_DAYS);
        app.clock.step_database(FOUR_DAYS);
        app.deliver().await;
        assert_eq!(standing(&app, &due, NudgeState::Dropped).await, 24, "as after four days of downtime");
        assert!(all(&app).await.iter().all(|nudge| nudge.drop_reason == Some(DropReason::Expired)));
        // An operator corrects it by a step: it is believed after ten steady minutes.
        app.clock.step_wall(-FOUR_DAYS);
        app.clock.step_database(-FOUR_DAYS);
        app.deliver().await;
        assert!(doubted(&app.app));
        app.pass_minutes(STEADY - 1).await;
        assert!(doubted(&app.app) && standing(&app, &due, NudgeState::Dropped).await == 24);
        app.pass_minutes(1).await;
        assert!(!doubted(&app.app));
        assert_eq!(standing(&app, &due, NudgeState::Waiting).await, 24);
        app.pass_until(minute(HOUR)).await;
        assert_eq!((standing(&app, &due, NudgeState::Sent).await, app.push.received().len()), (24, 12));
    }

    async fn r38_another_process_revives_what_a_wrong_clock_expired(app) {
        let due = due_in_an_hour(&app, 2).await;
        let wrong = Clock::simulated(app.clock.now() + FOUR_DAYS);
        process(&app, &wrong).worker().deliver_due().await.unwrap();
        assert_eq!(standing(&app, &due, NudgeState::Dropped).await, 8);
        // The mark of the wrong process lies in the future: doubt, until the right one has been steady.
        app.deliver().await;
        assert!(doubted(&app.app));
        app.pass_minutes(STEADY).await;
        app.pass_until(minute(HOUR)).await;
        assert_eq!(standing(&app, &due, NudgeState::Sent).await, 8);
    }

    async fn r38_an_account_is_erased_only_when_its_grace_is_over_by_both_clocks(app) {
        let sam = app.couple().await.sam;
        let request = "mutation { requestErasure { status } }";
        assert_eq!(sam.ask(&app, request, json!({})).await["requestErasure"]["status"], "DONE");
        app.deliver().await;
        let erased = || async { erasure::carry_out_due(&app.app.context).await.unwrap() };
        let step = |by| {
            app.clock.step_wall(by);
            app.clock.step_database(by);
        };
        step(FOUR_DAYS);
        for _ in 0..12 {
            app.clock.set(app.clock.now() + seconds(1));
            assert_eq!(erased().await, 0, "doubted");
        }
        // It stays so, and the step is believed; the grace is not over by the boot-time clock.
        app.pass_minutes(STEADY + 2 * HOUR).await;
        assert!(!doubted(&app.app));
        assert_eq!(erased().await, 0, "not over by the other clock");
        step(-FOUR_DAYS);
        app.pass_minutes(DAY).await;
        assert_eq!(erased().await, 0);
        app.pass_minutes(2 * DAY).await;
        assert_eq!(erased().await, 1, "in its time");
    }

    async fn r38_after_a_new_start_an_erasure_waits_until_the_clocks_have_agreed_for_an_hour(app) {
        let sam = app.couple().await.sam;
        let request = "mutation { requestErasure { status } }";
        assert_eq!(sam.ask(&app, request, json!({})).await["requestErasure"]["status"], "DONE");
        app.pass_minutes(DAY).await;
        app.clock.set(app.clock.now() + SignedDuration::from_hours(72));
        app.clock.reboot();
        let anew = process(&app, &app.clock);
        assert_eq!(erasure::carry_out_due(&anew.context).await.unwrap(), 0);
        app.clock.set(app.clock.now() + SignedDuration::from_hours(1));
        assert_eq!(erasure::carry_out_due(&anew.context).await.unwrap(), 1);
    }

    async fn r38_a_step_after_a_new_start_erases_nobody_however_long_it_lasts(app) {
        let sam = app.couple().await.sam;
        let request = "mutation { requestErasure { status } }";
        assert_eq!(sam.ask(&app, request, json!({})).await["requestErasure"]["status"], "DONE");
        app.pass_minutes(HOUR).await;
        app.clock.reboot();
        let anew = process(&app, &app.clock);
        let erased = async |after: i64, of: &App| {
            for _ in 0..=after / 5 {
                of.worker().deliver_due().await.unwrap();
                app.clock.set(app.clock.now() + SignedDuration::from_mins(5));
            }
            erasure::carry_out_due(&of.context).await.unwrap()
        };
        assert_eq!(erased(0, &anew).await, 0);
        assert_eq!(erased(2 * HOUR, &anew).await, 0, "the clocks agree, and the grace lasts");
        app.clock.step_wall(FOUR_DAYS);
        app.clock.step_database(FOUR_DAYS);
        for _ in 0..3 {
            assert_eq!(erased(HOUR, &anew).await, 0, "the step is believed, and is no time that has passed");
        }
        assert!(!doubted(&anew));
        // A process that starts anew on the same start of the machine knows of it.
        let third = process(&app, &app.clock);
        for _ in 0..3 {
            assert_eq!(erased(HOUR, &third).await, 0);
        }
        assert_eq!(erased(3 * DAY, &third).await, 1, "in its time");
    }

    async fn r38_a_lease_from_the_future_is_free(app) {
        let due = due_in_an_hour(&app, 2).await;
        app.clock.set(minute(HOUR));
        // A worker whose clock was fifteen hours ahead, and that died.
        let (ids, until) = (due.clone(), app.clock.now() + SignedDuration::from_hours(15));
        let worker = WorkerId::at(until, &crate::support::chance());
        app.app.context.store.write(move |db| {
            diesel::update(nudges::table.filter(nudges::id.eq_any(ids)))
                .set((nudges::leased_by.eq(Some(worker)), nudges::lease_until.eq(Some(store::types::Ts::from(until)))))
                .execute(db)
                .map_err(store::StoreError::from)
        }).await.unwrap();
        app.deliver().await;
        assert_eq!((standing(&app, &due, NudgeState::Sent).await, app.push.received().len()), (8, 4));
    }

    async fn r38_a_machine_that_slept_two_days_sends_what_is_still_open_once(app) {
        let couple = app.couple().await;
        couple.agree_on(&app, &[60, 47 * 60]).await;
        couple.scene(&app).await;
        app.deliver().await;
        // Wall clock, boot-time clock and database have all gone on.
        app.clock.set(app.clock.now() + SignedDuration::from_hours(48));
        app.deliver().await;
        assert!(!doubted(&app.app));
        assert_eq!(couple.sam.pushes(&app).len(), 1, "the second question; the first one's time is over");
        assert_eq!(couple.alex.pushes(&app).len(), 1);
        let expired = |nudge: &NudgeRow| nudge.drop_reason == Some(DropReason::Expired);
        assert!(all(&app).await.iter().any(expired), "and it stays so");
        app.deliver().await;
        assert_eq!(couple.sam.pushes(&app).len(), 1);
    }

    async fn r38_a_step_between_two_processes_is_seen_and_readiness_says_so(app) {
        let due = due_in_an_hour(&app, 1).await;
        app.app.context.metrics.expect_passes();
        app.deliver().await;
        let url = watch(&app.app);
        let ready = json!({ "status": "ready", "parts": { "database": "ready", "worker": "ready", "time": "ready" } });
        assert_eq!(get_json(&app, &format!("{url}/readyz")).await, (200, ready));
        app.clock.step_wall(-FOUR_DAYS);
        let anew = process(&app, &app.clock);
        anew.worker().deliver_due().await.unwrap();
        assert!(doubted(&anew));
        app.deliver().await;
        let not = json!({ "status": "not ready", "parts": { "database": "ready", "worker": "ready", "time": "not ready" } });
        assert_eq!(get_json(&app, &format!("{url}/readyz")).await, (503, not));
        app.clock.step_wall(FOUR_DAYS);
        app.deliver().await;
        assert_eq!(get_json(&app, &format!("{url}/readyz")).await.0, 200);
        app.pass_until(minute(HOUR)).await;
        assert_eq!(standing(&app, &due, NudgeState::Sent).await, 4);
    }

    async fn r38_what_was_sent_is_recorded_under_the_right_time_while_it_is_doubted(app) {
        use crate::support::receivers::{Answer, Behaviour, Gate};
        let couple = app.couple().await;
        couple.scene(&app).await;
        let gate = Gate::new();
        let answer = Answer { status: 503, ..Answer::behaving(Behaviour::Gate(gate.clone())) };
        app.push.answer_next(&couple.sam.device.endpoint, answer);
        app.pass_until(minute(HOUR) - seconds(1)).await;
        app.clock.set(minute(HOUR));
        let worker = app.app.worker();
        let meanwhile = async {
            gate.arrived(1).await;
            app.clock.step_wall(FOUR_DAYS);
            gate.open();
        };
        let (done, ()) = futures::join!(worker.deliver_due(), meanwhile);
        done.unwrap();
        assert!(doubted(&app.app));
        app.clock.step_wall(-FOUR_DAYS);
        app.pass_minutes(1).await;
        assert_eq!(couple.sam.pushes(&app).len(), 1, "the wait counts from the right time");
    }
}

/// Two workers whose clocks differ by 100 s on one PostgreSQL: one of them agrees with it, and sends each once.
#[test]
fn r38_of_two_workers_that_differ_the_one_that_agrees_with_the_database_sends() {
    crate::support::run(Backend::Postgres, |app: TestApp| async move {
        let due = due_in_an_hour(&app, 9).await;
        assert_eq!(due.len(), 36);
        let other = Clock::simulated(app.clock.now());
        other.step_wall(seconds(100));
        let skewed = process(&app, &other);
        app.clock.set(minute(HOUR) - seconds(100));
        other.set(minute(HOUR));
        skewed.worker().deliver_due().await.unwrap();
        assert!(doubted(&skewed) && app.push.received().is_empty());
        app.clock.set(minute(HOUR));
        other.set(minute(HOUR) + seconds(100));
        let (first, second) = (app.app.worker(), skewed.worker());
        let (one, two) = futures::join!(first.deliver_due(), second.deliver_due());
        one.unwrap();
        two.unwrap();
        assert_eq!((standing(&app, &due, NudgeState::Sent).await, different(&app)), (36, 18));
        assert_eq!(app.push.received().len(), 18, "a message of two, and none twice");
    });
}

/// Leases go by the database's clock: a worker a little ahead of it takes none from another before its time.
#[test]
fn r38_leases_go_by_the_databases_clock() {
    crate::support::run(Backend::Postgres, |app: TestApp| async move {
        let due = due_in_an_hour(&app, 1).await;
        app.clock.set(minute(HOUR));
        app.clock.step_database(seconds(4));
        let worker = WorkerId::at(app.clock.now(), &crate::support::chance());
        let claim = move |tx: &mut evenkeel::actions::Transaction<'_>| {
            let mut sharing = seed::any_lane(tx.db, tx.now, 50)?;
            let claimed = evenkeel::actions::nudges::claim::claim(tx, worker, seconds(90), &mut sharing)?;
            Ok(claimed.ready[0].nudge.lease_until.unwrap().get())
        };
        let until = app.app.context.worker_tx(claim).await.unwrap();
        assert_eq!(until, minute(HOUR) + seconds(94));
        app.clock.set(minute(HOUR) + seconds(89));
        app.deliver().await;
        assert_eq!(standing(&app, &due, NudgeState::Sent).await, 0, "its lease holds");
        app.clock.set(minute(HOUR) + seconds(90));
        app.deliver().await;
        assert_eq!(standing(&app, &due, NudgeState::Sent).await, 4);
    });
}

//! Deliveries: a nudge takes effect once, whatever is lost or killed, and the worker does what providers answer.

use crate::support::care::{DAY, HOUR, minute};
use crate::support::receivers::{Answer, Behaviour, Gate, Reply, Stage};
use crate::support::seed;
use crate::support::{Person, TestApp};
use evenkeel::actions::Fault;
use evenkeel::actions::nudges::claim::claim;
use evenkeel::actions::nudges::dead;
use evenkeel::domain::nudge::{AttemptOutcome, NudgeKind, Reason, Rung};
use evenkeel::ids::{NudgeId, WorkerId};
use evenkeel::store;
use evenkeel::store::nudge::{NudgeRow, Release};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const ASKED: [&str; 2] = ["24 19:00 push ASK", "24 19:00 push REACH_OUT"];
const ASK_MAIL: &str = "mail You asked to be reminded: how are you today?";
const REACH_OUT_MAIL: &str = "mail You asked to be reminded to get in touch, about now.";
/// How long the lease of a claim lasts.
const LEASE: SignedDuration = SignedDuration::from_secs(90);

/// So many seconds after the due time of the first check-in, for a scene that ended at the start.
fn second(seconds: i64) -> Timestamp {
    minute(HOUR) + SignedDuration::from_secs(seconds)
}

/// How many pushes a person's phone got, repeats included, and how many different topics they have.
fn topics(app: &TestApp, person: &Person) -> (usize, usize) {
    let pushes = person.pushes(app);
    let different: BTreeSet<_> = pushes.iter().map(|push| push.topic.clone().unwrap()).collect();
    (pushes.len(), different.len())
}

/// When pushes reached a person's phone, in seconds after the first due time.
fn arrivals(app: &TestApp, person: &Person) -> Vec<i64> {
    person.pushes(app).iter().map(|push| push.at.duration_since(second(0)).as_secs()).collect()
}

/// Claims what is due, like a worker that dies right after it.
async fn claim_and_die(app: &TestApp) -> (WorkerId, Vec<NudgeRow>) {
    let worker = WorkerId::at(app.clock.now(), &crate::support::chance());
    let claimed = app.app.context.worker_tx(move |tx| {
        let mut sharing = seed::any_lane(tx.db, tx.now, 32)?;
        claim(tx, worker, LEASE, &mut sharing)
    });
    let rows = claimed.await.unwrap().ready.iter().flat_map(|ready| ready.nudges()).cloned().collect();
    (worker, rows)
}

/// Writes that a nudge is to be tried again; true if the worker still holds its lease.
async fn release(app: &TestApp, worker: WorkerId, row: &NudgeRow) -> bool {
    let (id, attempt, now) = (row.id, row.attempts, app.clock.now());
    let change = Release::again(row, now, true);
    let write = move |db: &mut store::Db| {
        let ours = store::nudge::release(db, &[id], worker, attempt, &change)?;
        Ok::<_, Fault>(ours == [id])
    };
    app.app.context.store.write(write).await.unwrap()
}

/// How many results the test's own process lost because they came after the lease.
fn lost_leases(app: &TestApp) -> String {
    let text = app.app.context.metrics.render().unwrap();
    let count = text.lines().find_map(|line| line.strip_prefix("evenkeel_lost_leases_total "));
    count.unwrap().to_owned()
}

async fn devices(app: &TestApp, person: &Person) -> usize {
    let data = person.ask(app, "{ viewer { devices { id } } }", json!({})).await;
    data["viewer"]["devices"].as_array().unwrap().len()
}

async fn email_fails(app: &TestApp, person: &Person) -> Value {
    person.ask(app, "{ viewer { account { emailFails } } }", json!({})).await["viewer"]["account"].clone()
}

async fn remove_device(app: &TestApp, person: &Person) {
    person.done(app, "removeDevice", json!({ "deviceId": person.device_id }), "").await;
}

on_both_databases! {
    async fn r14_planning_again_makes_no_second_nudge(app) {
        let couple = app.couple().await;
        couple.agree_on(&app, &[60]).await;
        couple.scene(&app).await;
        let quiet = |until: &str| json!({ "quietHours": { "from": "23:00", "until": until } });
        for until in ["07:30", "06:00", "07:00"] {
            couple.sam.done(&app, "updateProfile", quiet(until), "").await;
            couple.allow_alert(&app, &couple.sam, until == "06:00").await;
        }
        app.pass_minutes(HOUR).await;
        for until in ["07:30", "07:00"] {
            couple.sam.done(&app, "updateProfile", quiet(until), "").await;
        }
        app.pass_minutes(3 * DAY).await;
        assert_eq!(couple.sam.timeline(&app).await, [
            ASKED[0], ASKED[1], &format!("24 22:00 {ASK_MAIL}"), "25 01:00 push ASK_AGAIN",
        ]);
        let different = couple.sam.timeline(&app).await.into_iter().collect::<BTreeSet<_>>().len();
        assert_eq!(couple.sam.timeline(&app).await.len(), different);
    }

    async fn r14_a_push_whose_answer_was_lost_is_shown_once(app) {
        let couple = app.couple().await;
        couple.scene(&app).await;
        let sam = &couple.sam;
        app.push.answer_next(&sam.device.endpoint, Answer::behaving(Behaviour::AcceptThenClose));
        app.pass_minutes(HOUR + 5).await;
        assert_eq!(topics(&app, sam), (2, 1), "it came twice, under the same topic");
        assert_eq!(app.push.displayed(&sam.device.endpoint).len(), 1);
        assert_eq!(topics(&app, &couple.alex), (1, 1));
    }

    async fn r14_a_mail_whose_answer_was_lost_has_the_same_message_id(app) {
        let couple = app.couple().await;
        couple.scene(&app).await;
        remove_device(&app, &couple.sam).await;
        app.pass_minutes(HOUR - 1).await;
        let before = couple.sam.mails(&app).len();
        app.mail.answer_next(Stage::EndOfData, Reply::AcceptThenDrop);
        app.pass_minutes(6).await;
        let ids: Vec<_> = couple.sam.mails(&app)[before..].iter().map(|mail| mail.message_id().unwrap()).collect();
        let different: BTreeSet<_> = ids.iter().collect();
        assert_eq!((ids.len(), different.len()), (2, 1), "{ids:?}");
    }

    async fn r15_workers_that_share_the_work_send_each_nudge_once(app) {
        let mut couples = Vec::new();
        for number in 0..3 {
            couples.push(app.pair(number).await);
        }
        let sibling = app.sibling();
        for round in 0..3 {
            for couple in &couples {
                couple.scene(&app).await;
            }
            app.clock.set(minute(round * DAY + HOUR));
            let workers = [app.app.worker(), sibling.worker(), app.app.worker(), sibling.worker()];
            futures::future::join_all(workers.iter().map(async |worker| worker.deliver_due().await.unwrap())).await;
            app.clock.set(minute((round + 1) * DAY));
        }
        let all = app.push.received();
        let different: BTreeSet<_> = all.iter().map(|push| push.topic.clone().unwrap()).collect();
        assert_eq!(all.len(), different.len());
        for couple in &couples {
            for person in [&couple.alex, &couple.sam] {
                let asked = person.timeline_of(&app, "ASK").await;
                assert!(asked.len() >= 3, "{asked:?}");
            }
        }
    }

    async fn r15_what_a_worker_is_sending_no_other_worker_touches(app) {
        let couple = app.couple().await;
        couple.scene(&app).await;
        let gate = Gate::new();
        for person in [&couple.alex, &couple.sam] {
            let held = Answer::behaving(Behaviour::Gate(gate.clone()));
            app.push.answer_always(&person.device.endpoint, Some(held));
        }
        app.clock.set(second(0));
        let (first, sibling) = (app.app.worker(), app.sibling());
        let others = async {
            gate.arrived(2).await;
            assert_eq!(sibling.worker().deliver_due().await.unwrap(), 0);
            app.clock.set(second(89));
            assert_eq!(sibling.worker().deliver_due().await.unwrap(), 0, "the lease still holds");
            gate.open();
        };
        let (sent, ()) = futures::join!(first.deliver_due(), others);
        assert_eq!(sent.unwrap(), 4);
        app.pass_minutes(30).await;
        assert_eq!((topics(&app, &couple.alex), topics(&app, &couple.sam)), ((1, 1), (1, 1)));
    }

    async fn r15_a_worker_that_died_loses_its_lease_and_its_late_result_is_refused(app) {
        let couple = app.couple().await;
        let scene = couple.scene(&app).await;
        let check_in = couple.check_ins(&app, &couple.sam, &scene).await.remove(0);
        app.clock.set(second(0));
        let (dead, rows) = claim_and_die(&app).await;
        assert_eq!(rows.len(), 4);
        app.pass_until(second(89)).await;
        assert_eq!(app.push.received().len(), 0, "its lease still holds");
        app.pass_until(second(600)).await;
        for person in [&couple.alex, &couple.sam] {
            assert_eq!(arrivals(&app, person), [90], "as soon as it is over");
        }
        for row in &rows {
            assert!(!release(&app, dead, row).await, "{:?} is not the dead worker's any more", row.kind);
        }
        app.pass_minutes(HOUR).await;
        assert_eq!(app.push.received().len(), 2);
        assert_eq!(couple.sam.rungs(&app, &check_in, "SENT").await, ["ASK"]);
    }

    async fn r15_a_result_counts_for_its_own_claim_alone(app) {
        let couple = app.couple().await;
        couple.scene(&app).await;
        app.clock.set(second(0));
        let (first, rows) = claim_and_die(&app).await;
        app.clock.set(second(90));
        let (second_one, again) = claim_and_die(&app).await;
        assert_eq!((rows.len(), again.len()), (4, 4));
        for (old, new) in rows.iter().map(|old| (old, again.iter().find(|new| new.id == old.id).unwrap())) {
            assert!(!release(&app, first, old).await, "another worker's claim");
            assert!(!release(&app, second_one, old).await, "the right worker with the attempt before");
            assert!(release(&app, second_one, new).await);
            assert!(!release(&app, second_one, new).await, "given back already");
        }
    }

    async fn r15_a_worker_that_was_only_slow_changes_nothing_any_more(app) {
        let couple = app.couple().await;
        let scene = couple.scene(&app).await;
        let check_in = couple.check_ins(&app, &couple.sam, &scene).await.remove(0);
        let gate = Gate::new();
        // The service answers late, with a request to try again.
        let late = Answer { status: 503, headers: Vec::new(), after: Behaviour::Gate(gate.clone()) };
        app.push.answer_next(&couple.sam.device.endpoint, late);
        app.push.answer_next(&couple.alex.device.endpoint, Answer::behaving(Behaviour::Gate(gate.clone())));
        app.clock.set(second(0));
        let (slow, sibling) = (app.app.worker(), app.sibling());
        let other = async {
            gate.arrived(2).await;
            app.clock.set(second(90));
            sibling.worker().deliver_due().await.unwrap();
            assert_eq!(couple.sam.timeline(&app).await, ["24 19:01 push ASK", "24 19:01 push REACH_OUT"]);
            gate.open();
        };
        let (done, ()) = futures::join!(slow.deliver_due(), other);
        done.unwrap();
        app.pass_minutes(30).await;
        assert_eq!(couple.sam.rungs(&app, &check_in, "SENT").await, ["ASK"]);
        assert_eq!(topics(&app, &couple.sam), (1, 1), "sent once, and not tried again");
        assert_eq!(lost_leases(&app), "2", "one of each");
        // Both workers sent Alex's nudges: the phone shows each once.
        assert_eq!(app.push.displayed(&couple.alex.device.endpoint).len(), 1);
    }

    async fn r10_an_alert_that_was_on_its_way_when_it_was_taken_back_is_owned_up_to_and_comes_once(app) {
        let couples = [app.pair(0).await, app.pair(1).await];
        for couple in &couples {
            couple.agree_on(&app, &[60]).await;
            couple.allow_alert(&app, &couple.sam, true).await;
            couple.scene(&app).await;
        }
        app.pass_until(minute(13 * HOUR - 1)).await;
        let gate = Gate::new();
        for couple in &couples {
            let held = Answer::behaving(Behaviour::Gate(gate.clone()));
            app.push.answer_next(&couple.alex.device.endpoint, held);
        }
        app.clock.set(minute(13 * HOUR));
        let taken_back = async {
            gate.arrived(2).await;
            for couple in &couples {
                couple.allow_alert(&app, &couple.sam, false).await;
            }
            // The second couple takes consent back before the service has answered, the first couple after it.
            couples[1].allow_alert(&app, &couples[1].sam, true).await;
            gate.open();
        };
        futures::join!(app.deliver(), taken_back);
        couples[0].allow_alert(&app, &couples[0].sam, true).await;
        app.pass_until(minute(2 * DAY)).await;
        for couple in &couples {
            assert_eq!(couple.alex.timeline_of(&app, "TELL_PARTNER").await, ["25 07:00 push TELL_PARTNER"]);
            let mut told = couple.alex.reasons(&app, "kind").await;
            told.retain(|reason| reason["kind"] == "TELL_PARTNER");
            assert_eq!((told.len(), &told[0]["state"]), (1, &json!("SENT")), "who got it sees it");
            let id: NudgeId = told[0]["id"].as_str().unwrap().parse().unwrap();
            let read = move |db: &mut store::Db| Ok::<_, Fault>(store::nudge::attempts(db, &[id])?);
            let attempts = app.app.context.store.read(read).await.unwrap();
            assert!(matches!(&attempts[..], [one] if one.outcome == AttemptOutcome::Accepted), "{attempts:?}");
        }
        assert_eq!(lost_leases(&app), "0", "nobody else had them");
    }

    async fn r15_a_worker_that_is_killed_between_sending_and_recording_loses_nothing(app) {
        let couple = app.couple().await;
        couple.scene(&app).await;
        let gate = Gate::new();
        for person in [&couple.alex, &couple.sam] {
            app.push.answer_next(&person.device.endpoint, Answer::behaving(Behaviour::Gate(gate.clone())));
        }
        app.clock.set(second(0));
        let killed = app.app.worker();
        let sending = Box::pin(killed.deliver_due());
        let on_their_way = Box::pin(gate.arrived(2));
        assert!(matches!(
            futures::future::select(sending, on_their_way).await,
            futures::future::Either::Right(_)
        ));
        // Both futures are dropped: nobody waits for the services' answers any more. The pushes arrive all the same.
        gate.open();
        app.push.received_at_least(2).await;
        app.pass_until(second(300)).await;
        for person in [&couple.alex, &couple.sam] {
            assert_eq!(topics(&app, person), (2, 1));
            assert_eq!(app.push.displayed(&person.device.endpoint).len(), 1);
        }
    }

    async fn r20_a_push_that_ended_every_worker_goes_by_mail_or_is_listed_as_dead(app) {
        let couple = app.couple().await;
        let (alex, sam) = (&couple.alex, &couple.sam);
        alex.done(&app, "updateProfile", json!({ "mailWanted": false }), "").await;
        let scene = couple.scene(&app).await;
        let check_in = couple.check_ins(&app, alex, &scene).await.remove(0);
        let lives = 12;
        for life in 0..lives {
            app.clock.set(second(90 * life));
            assert_eq!(claim_and_die(&app).await.1.len(), 4);
        }
        app.clock.set(second(90 * lives));
        app.deliver().await;
        assert_eq!(sam.timeline(&app).await, [format!("24 19:18 {REACH_OUT_MAIL}"), format!("24 19:18 {ASK_MAIL}")]);
        assert_eq!(alex.timeline(&app).await, Vec::<String>::new());
        assert_eq!(alex.rungs(&app, &check_in, "DEAD").await, ["ASK"]);
        let mut dead: Vec<_> = dead::list(&app.app.context).await.unwrap().nudges.iter().map(|nudge| nudge.kind).collect();
        dead.sort_unstable();
        assert_eq!(dead, [Reason::CheckIn(Rung::Ask), Reason::Prompt].map(NudgeKind::Reminder), "Alex's, for whoever runs the service");
        assert_eq!(app.push.received().len(), 0);
    }

    async fn r20_a_subscription_that_is_gone_ends_and_the_nudge_falls_to_mail_at_once(app) {
        let couple = app.couple().await;
        couple.agree_on(&app, &[60]).await;
        couple.scene(&app).await;
        for (person, status) in [(&couple.alex, 404), (&couple.sam, 410)] {
            app.push.answer_always(&person.device.endpoint, Some(Answer::status(status)));
        }
        app.pass_minutes(HOUR).await;
        for person in [&couple.alex, &couple.sam] {
            let by_mail = [format!("24 19:00 {REACH_OUT_MAIL}"), format!("24 19:00 {ASK_MAIL}")];
            assert_eq!(person.timeline(&app).await, by_mail);
            assert_eq!(devices(&app, person).await, 0);
            // Nothing is sent to that endpoint again, even if it works again.
            app.push.answer_always(&person.device.endpoint, None);
        }
        app.pass_minutes(DAY - 1).await;
        assert_eq!(couple.sam.timeline(&app).await[2..], [format!("25 01:00 {ASK_MAIL}")], "and no second mail at 22:00");
        assert_eq!(app.push.received().len(), 0);
    }

    async fn r20_as_long_as_one_device_takes_it_no_mail_is_sent(app) {
        let couple = app.couple().await;
        let tablet = app.push.subscribe();
        let input = json!({
            "endpoint": tablet.endpoint, "p256dh": tablet.p256dh, "auth": tablet.auth, "label": "tablet",
        });
        couple.sam.done(&app, "registerDevice", input, "").await;
        app.push.answer_always(&couple.sam.device.endpoint, Some(Answer::status(410)));
        couple.scene(&app).await;
        app.pass_minutes(HOUR + 5).await;
        assert_eq!(app.push.displayed(&tablet.endpoint).len(), 1);
        assert_eq!(couple.sam.timeline_of(&app, "mail").await, Vec::<String>::new());
        assert_eq!(devices(&app, &couple.sam).await, 1);
    }

    async fn r20_a_refusal_keeps_the_subscription_and_the_nudge_falls_to_mail(app) {
        let couple = app.couple().await;
        for (n, status) in (0..).zip([400, 401, 403, 413]) {
            app.pass_until(minute(n * 4 * DAY)).await;
            app.push.answer_always(&couple.sam.device.endpoint, Some(Answer::status(status)));
            let before = couple.sam.timeline(&app).await;
            couple.scene(&app).await;
            app.pass_minutes(HOUR).await;
            let mut got = couple.sam.timeline(&app).await;
            got.retain(|line| !before.contains(line));
            assert!(got.len() == 2 && got.iter().all(|line| line.contains(" mail ")), "{status}: {got:?}");
            assert_eq!(devices(&app, &couple.sam).await, 1, "{status}");
        }
    }

    async fn r20_a_service_that_asks_for_time_gets_exactly_that(app) {
        for (n, (status, seconds)) in [(429, "120"), (503, "2700"), (500, "9000")].into_iter().enumerate() {
            let couple = app.pair(n).await;
            couple.scene(&app).await;
            let busy = Answer::status(status).with_header("Retry-After", seconds);
            app.push.answer_next(&couple.sam.device.endpoint, busy);
            let due = app.clock.now() + SignedDuration::from_hours(1);
            app.pass_minutes(5 * HOUR).await;
            let waited: Vec<_> =
                couple.sam.pushes(&app).iter().map(|push| push.at.duration_since(due).as_secs()).collect();
            assert_eq!(waited, [seconds.parse::<i64>().unwrap()], "{status}");
            // The next round begins on a later day, at the same time of day.
            app.pass_until(minute((n as i64 + 1) * 5 * DAY)).await;
        }
    }

    async fn r20_a_date_in_retry_after_counts_too_in_every_form(app) {
        let couple = app.couple().await;
        couple.scene(&app).await;
        let times = ["Sat, 24 Oct 2026 19:10:00 GMT", "Saturday, 24-Oct-26 19:20:00 GMT", "Sat Oct 24 19:30:00 2026"];
        for time in times {
            let busy = Answer::status(503).with_header("Retry-After", time);
            app.push.answer_next(&couple.sam.device.endpoint, busy);
        }
        app.pass_minutes(2 * HOUR).await;
        assert_eq!(arrivals(&app, &couple.sam), [30 * 60], "asked for more time three times over");
    }

    async fn r20_a_late_try_waits_as_long_as_it_is_asked_to_and_no_longer(app) {
        let couple = app.couple().await;
        couple.sam.done(&app, "updateProfile", json!({ "mailWanted": false }), "").await;
        couple.scene(&app).await;
        // Leaves a single nudge: with one more such answer the worker would leave the service alone for a while.
        couple.sam.done(&app, "endLink", json!({ "linkId": couple.link }), "").await;
        let tries = 7;
        for _ in 0..tries {
            let busy = Answer::status(503).with_header("Retry-After", "90");
            app.push.answer_next(&couple.sam.device.endpoint, busy);
        }
        app.pass_minutes(2 * HOUR).await;
        assert_eq!(arrivals(&app, &couple.sam), [90 * tries]);
    }

    async fn r20_without_a_word_it_is_tried_again_soon_and_given_up_in_the_end(app) {
        let couple = app.couple().await;
        let input = json!({ "mailWanted": false });
        couple.sam.done(&app, "updateProfile", input, "").await;
        let scene = couple.scene(&app).await;
        let check_in = couple.check_ins(&app, &couple.sam, &scene).await.remove(0);
        app.push.answer_next(&couple.sam.device.endpoint, Answer::status(500));
        app.pass_until(second(31)).await;
        let soon = arrivals(&app, &couple.sam);
        assert!(soon.len() == 1 && soon.iter().all(|wait| (1..=31).contains(wait)), "{soon:?}");
        // From the next day on the service never accepts anything.
        app.push.answer_always(&couple.sam.device.endpoint, Some(Answer::status(503)));
        app.pass_until(minute(2 * DAY - 1)).await;
        let next = couple.check_ins(&app, &couple.sam, &scene).await.remove(1);
        assert_eq!(couple.sam.rungs(&app, &check_in, "SENT").await, ["ASK"]);
        assert!(couple.sam.rungs(&app, &next, "DEAD").await.contains(&"ASK".to_owned()), "kept and shown as dead");
    }

    async fn r20_a_permanent_answer_to_a_mail_suppresses_the_address(app) {
        let couple = app.couple().await;
        remove_device(&app, &couple.sam).await;
        couple.scene(&app).await;
        app.mail.answer_address(&couple.sam.email, Some(550));
        app.pass_minutes(HOUR).await;
        assert_eq!(email_fails(&app, &couple.sam).await, json!({ "emailFails": true }));
        // The server would accept mails again, but nothing is sent to that address.
        app.mail.answer_address(&couple.sam.email, None);
        app.pass_minutes(3 * DAY).await;
        assert_eq!(couple.sam.timeline(&app).await, Vec::<String>::new());
        assert_eq!(email_fails(&app, &couple.alex).await, json!({ "emailFails": false }));
    }

    async fn r20_a_passing_answer_to_a_mail_is_waited_out(app) {
        let couple = app.couple().await;
        couple.agree_on(&app, &[60]).await;
        remove_device(&app, &couple.sam).await;
        couple.scene(&app).await;
        app.mail.answer_address(&couple.sam.email, Some(451));
        app.pass_minutes(HOUR).await;
        app.mail.answer_address(&couple.sam.email, None);
        app.pass_minutes(5).await;
        assert_eq!(email_fails(&app, &couple.sam).await, json!({ "emailFails": false }));
        assert_eq!(couple.sam.timeline(&app).await.len(), 2);
    }
}

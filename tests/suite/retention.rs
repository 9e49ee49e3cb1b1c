//! What is kept and for how long: nudges that were given up can be driven again, and finished ones are forgotten.

mod growth;

use crate::support::care::{DAY, HOUR, minute};
use crate::support::receivers::Answer;
use crate::support::seed;
use crate::support::{Backend, Couple, TestApp};
use diesel::connection::SimpleConnection;
use evenkeel::actions::Fault;
use evenkeel::actions::nudges::dead;
use evenkeel::actions::operations::retention;
use evenkeel::domain::nudge::NudgeState;
use evenkeel::domain::retention::Keep;
use evenkeel::ids::NudgeId;
use evenkeel::store;
use serde_json::json;

/// A couple of which Sam's ask was given up: the push service refuses this server's key, and no mail is wanted.
async fn given_up(app: &TestApp) -> (Couple, String) {
    let couple = app.couple().await;
    couple.sam.done(app, "updateProfile", json!({ "mailWanted": false }), "").await;
    app.push.answer_always(&couple.sam.device.endpoint, Some(Answer::status(403)));
    let scene = couple.scene(app).await;
    app.pass_minutes(HOUR).await;
    (couple, scene)
}

/// Runs a command of the program on the test's database: whether it went well, and what it said.
fn command(app: &TestApp, arguments: &[&str]) -> (bool, String) {
    let out = app.program(arguments).output().unwrap();
    (out.status.success(), String::from_utf8(out.stdout).unwrap())
}

async fn states(app: &TestApp, couple: &Couple, state: &str) -> usize {
    let nudges = couple.sam.ask(app, "{ viewer { nudges(first: 50) { nodes { state } } } }", json!({})).await;
    let nodes = nudges["viewer"]["nudges"]["nodes"].as_array().unwrap().clone();
    nodes.iter().filter(|node| node["state"] == state).count()
}

on_both_databases! {
    async fn r20_a_dead_nudge_is_kept_listed_and_driven_again_when_the_trouble_is_mended(app) {
        let (couple, _) = given_up(&app).await;
        let sam = &couple.sam;
        let list = dead::list(&app.app.context).await.unwrap().nudges;
        assert_eq!(list.len(), 2, "the ask and the prompt to reach out: {list:?}");
        assert!(list.iter().all(|nudge| nudge.last.unwrap().1 == Some(403) && !nudge.expired));
        assert_eq!(states(&app, &couple, "DEAD").await, 1, "one's own ask is shown; the other's prompt is not");
        app.push.answer_always(&sam.device.endpoint, None);
        app.pass_minutes(5).await;
        assert!(sam.pushes(&app).is_empty(), "nothing drives it again by itself");
        let known = list[0].id;
        let nobodys = NudgeId::at(app.clock.now(), &crate::support::chance());
        let driven = dead::drive_again(&app.app.context, Some(vec![known, nobodys])).await.unwrap();
        assert_eq!((driven.again, driven.unknown), (1, 1));
        app.pass_minutes(1).await;
        assert_eq!(sam.pushes(&app).len(), 1);
        assert_eq!(dead::drive_again(&app.app.context, None).await.unwrap().again, 1);
        app.pass_minutes(1).await;
        assert_eq!(sam.pushes(&app).len(), 2);
        assert!(dead::list(&app.app.context).await.unwrap().nudges.is_empty());
    }

    async fn r16_a_dead_nudge_that_is_driven_again_is_checked_again(app) {
        let (couple, scene) = given_up(&app).await;
        app.push.answer_always(&couple.sam.device.endpoint, None);
        let due = couple.check_ins(&app, &couple.sam, &scene).await.remove(0);
        couple.sam.done(&app, "skipCheckIn", json!({ "checkInId": due["id"] }), "").await;
        dead::drive_again(&app.app.context, None).await.unwrap();
        app.pass_minutes(1).await;
        assert_eq!(couple.sam.pushes(&app).len(), 1, "the prompt to reach out, and no question that was answered");
        // What is over is of no use to anybody.
        app.push.answer_always(&couple.sam.device.endpoint, Some(Answer::status(403)));
        couple.scene(&app).await;
        app.pass_minutes(3 * DAY).await;
        app.push.answer_always(&couple.sam.device.endpoint, None);
        let list = dead::list(&app.app.context).await.unwrap().nudges;
        let over: Vec<_> = list.iter().filter(|nudge| nudge.expired).map(|nudge| nudge.id).collect();
        let driven = dead::drive_again(&app.app.context, Some(over.clone())).await.unwrap();
        assert!(!over.is_empty() && driven.again == 0 && driven.expired == over.len(), "{driven:?}");
        assert_eq!(dead::drive_again(&app.app.context, None).await.unwrap().expired, 0, "all means all that are of use");
    }

    async fn r35_the_list_of_dead_nudges_says_nothing_about_anybody(app) {
        let (couple, _) = given_up(&app).await;
        app.install_keys();
        let (well, text) = command(&app, &["nudges", "dead"]);
        assert!(well && text.lines().count() == 2 && text.contains("refused 403"), "{text}");
        for personal in [couple.sam.email.as_str(), couple.alex.email.as_str(), "127.0.0.1", "Sam", "Alex"] {
            assert!(!text.contains(personal), "{personal} in {text}");
        }
        assert!(!command(&app, &["nudges", "retry"]).0, "all is to be said");
    }

    async fn r20_more_dead_nudges_than_are_taken_at_a_time_are_not_passed_over_in_silence(app) {
        let couples = seed::couples(&app.app.context, 0, 251, |_| None).await;
        let at = minute(HOUR);
        let scenes: Vec<_> = couples.iter().map(|couple| (*couple, at)).collect();
        assert_eq!(seed::scenes(&app.app.context, &scenes).await.len(), 1004);
        app.clock.set(at);
        let give_up = "UPDATE nudges SET state = 'dead', finished_at = send_at WHERE rung IN ('ask', 'reach_out')";
        app.app.context.store.write(move |db| Ok::<_, Fault>(db.batch_execute(give_up)?)).await.unwrap();
        app.install_keys();
        let (well, text) = command(&app, &["nudges", "dead"]);
        let last = text.lines().last().unwrap();
        assert_eq!((well, text.lines().count(), last), (true, 1001, "There are more; these are the latest 1000."));
        let list = dead::list(&app.app.context).await.unwrap();
        assert!(list.nudges.len() == 1000 && list.more);
        let rounds = [dead::drive_again(&app.app.context, None).await, dead::drive_again(&app.app.context, None).await];
        let rounds = rounds.map(|driven| driven.unwrap()).map(|driven| (driven.again, driven.more));
        assert_eq!(rounds, [(1000, true), (4, false)]);
        assert!(!dead::list(&app.app.context).await.unwrap().more);
    }

    async fn finished_nudges_are_forgotten_after_their_time_and_waiting_ones_never(app) {
        let couple = app.couple().await;
        couple.scene(&app).await;
        app.pass_minutes(4 * DAY).await;
        let (sent, before) = (states(&app, &couple, "SENT").await, couple.sam.pushes(&app).len());
        assert!(sent > 0);
        // In two steps, or their sessions would end.
        for _ in 0..2 {
            app.clock.set(app.clock.now() + app.config.keep.nudges / 2 - jiff::SignedDuration::from_hours(24 * 3));
            states(&app, &couple, "SENT").await;
            couple.alex.ask(&app, "{ viewer { account { id } } }", json!({})).await;
        }
        couple.scene(&app).await;
        retention::sweep(&app.app.context).await.unwrap();
        assert_eq!(states(&app, &couple, "SENT").await, sent, "their time is not over");
        app.clock.set(app.clock.now() + jiff::SignedDuration::from_hours(24 * 6));
        retention::sweep(&app.app.context).await.unwrap();
        assert_eq!(states(&app, &couple, "SENT").await, 0);
        let left = app.app.context.store.read(|db| {
            use diesel::prelude::*;
            use store::schema::{attempts, nudges};
            let waiting: i64 = nudges::table.filter(nudges::state.eq(NudgeState::Waiting)).count().get_result(db)?;
            let attempts: i64 = attempts::table.count().get_result(db)?;
            Ok::<_, Fault>((waiting, attempts))
        }).await.unwrap();
        assert!(left.0 > 0, "what waits is not touched");
        assert_eq!(left.1, 0, "attempts go with their nudges");
        assert_eq!(couple.sam.pushes(&app).len(), before);
    }
}

/// The tables of what goes with a scene, with the rows of one scene.
const OF_A_SCENE: [(&str, usize); 4] =
    [("scenes:", 1), ("scene_members:", 2), ("check_ins:", 6), ("debriefs:", 1)];

async fn old_scenes_are_forgotten_for_both(app: TestApp) {
    let couple = app.couple().await;
    couple.agree(&app, Couple::usual_terms(), None).await;
    let old = couple.scene(&app).await;
    app.pass_minutes(HOUR).await;
    let check_in = couple.check_ins(&app, &couple.sam, &old).await.remove(0)["id"].clone();
    couple
        .sam
        .done(&app, "answerCheckIn", json!({ "checkInId": check_in, "mood": 2, "note": "calm" }), "")
        .await;
    couple.alex.done(&app, "writeDebrief", json!({ "sceneId": old, "text": "calm" }), "").await;
    let entry = json!({ "text": "a calm evening", "sceneId": old });
    couple.alex.done(&app, "writeJournalEntry", entry, "").await;
    let all_about =
        async |table: &str| app.dump().await.into_iter().filter(|line| line.starts_with(table)).count();
    for (table, rows) in OF_A_SCENE {
        assert_eq!(all_about(table).await, rows, "{table}");
    }
    // In two steps, or their sessions would end.
    for days in [50, 39] {
        app.clock.set(app.clock.now() + jiff::SignedDuration::from_hours(24 * days));
        for person in [&couple.alex, &couple.sam] {
            person.refresh(&app).await;
        }
    }
    retention::sweep(&app.app.context).await.unwrap();
    assert_eq!(all_about("scenes:").await, 1, "its time is not over");
    let new = couple.scene(&app).await;
    app.clock.set(app.clock.now() + jiff::SignedDuration::from_hours(36));
    retention::sweep(&app.app.context).await.unwrap();
    for person in [&couple.alex, &couple.sam] {
        person.refresh(&app).await;
        assert_eq!(couple.check_ins(&app, person, &new).await.len(), 3);
        let gone = person.ask(&app, "query($id: ID!) { node(id: $id) { id } }", json!({ "id": old })).await;
        assert!(gone["node"].is_null());
    }
    assert_eq!(all_about("scenes:").await, 1);
    assert_eq!(all_about("check_ins:").await, 6);
    assert_eq!(all_about("debriefs:").await, 0);
    assert_eq!(all_about("journal_entries:").await, 1, "what one wrote for oneself stays");
}

#[test]
fn scenes_are_forgotten_after_their_time_with_all_that_belongs_to_them_and_for_both_alike() {
    let keep = Keep::for_days(90, Some(90), 7);
    for backend in [Backend::Sqlite, Backend::Postgres] {
        crate::support::live(async {
            let app = TestApp::start_with(backend, |config| config.keep = keep, |_| {}).await;
            old_scenes_are_forgotten_for_both(app).await;
        });
    }
}

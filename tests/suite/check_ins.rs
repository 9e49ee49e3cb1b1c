//! Check-ins: what their subject can do, how the ladder stops, and what is shared.

use crate::support::care::{DAY, HOUR, instant, minute};
use crate::support::people::text;
use crate::support::receivers::{Answer, Behaviour, Gate};
use crate::support::{Couple, Person, TestApp, at};
use jiff::SignedDuration;
use serde_json::{Value, json};

const ASKED: [&str; 2] = ["24 19:00 push ASK", "24 19:00 push REACH_OUT"];
const BY_MAIL: &str = "mail You asked to be reminded: how are you today?";
/// The last minute in which the first check-in of the default protocol is open.
const LAST: i64 = DAY - 1;

fn answer(check_in: &Value, mood: i64) -> Value {
    json!({ "checkInId": check_in["id"], "mood": mood })
}

/// Sam's check-ins of a scene that ended just now.
async fn sams_check_ins(app: &TestApp, couple: &Couple) -> Vec<Value> {
    let scene = couple.scene(app).await;
    couple.check_ins(app, &couple.sam, &scene).await
}

/// A check-in as its subject sees it now.
async fn look(app: &TestApp, person: &Person, check_in: &Value) -> Value {
    let query = "query($id: ID!) { node(id: $id) { ... on CheckIn { state snoozedUntil answerableUntil
        answer { mood signs { sign degree } need note sharing answeredAt } } } }";
    person.ask(app, query, json!({ "id": check_in["id"] })).await["node"].clone()
}

/// The offsets of the check-ins in one part of a person's list.
async fn listed(app: &TestApp, person: &Person, span: &str) -> Vec<i64> {
    let query = "query($span: CheckInSpan) { viewer { checkIns(span: $span) { nodes { time { ... on AfterEnd { minutes } } } } } }";
    let data = person.ask(app, query, json!({ "span": span })).await;
    let nodes = data["viewer"]["checkIns"]["nodes"].as_array().unwrap();
    nodes.iter().map(|node| node["time"]["minutes"].as_i64().unwrap()).collect()
}

on_both_databases! {
    async fn r05_an_answer_a_skip_and_a_pause_stop_the_ladder_at_once(app) {
        let mut courses = Vec::new();
        for (number, step) in ["answerCheckIn", "skipCheckIn", "pauseNudges", "nothing"].into_iter().enumerate() {
            let couple = app.pair(number).await;
            let check_in = sams_check_ins(&app, &couple).await.remove(0);
            courses.push((couple, check_in, step));
        }
        app.pass_minutes(HOUR + 10).await;
        for (couple, check_in, step) in &courses {
            let input = match *step {
                "answerCheckIn" => answer(check_in, 3),
                "skipCheckIn" => json!({ "checkInId": check_in["id"] }),
                "pauseNudges" => json!({}),
                _ => continue,
            };
            couple.sam.done(&app, step, input, "").await;
            assert_eq!(couple.sam.rungs(&app, check_in, "WAITING").await, Vec::<String>::new(), "{step}");
            assert_eq!(couple.sam.rungs(&app, check_in, "DROPPED").await, ["ASK_AGAIN", "EMAIL"], "{step}");
        }
        app.pass_until(minute(LAST)).await;
        for (couple, _, step) in &courses {
            let got = couple.sam.timeline(&app).await;
            if *step == "nothing" {
                assert_eq!(got[2..], [format!("24 22:00 {BY_MAIL}"), "25 01:00 push ASK_AGAIN".to_owned()]);
            } else {
                assert_eq!(got, ASKED, "{step}");
            }
        }
    }

    async fn r05_an_answer_stops_even_a_nudge_that_is_on_its_way(app) {
        let couple = app.couple().await;
        let check_in = sams_check_ins(&app, &couple).await.remove(0);
        let gate = Gate::new();
        let late = Answer { status: 503, headers: Vec::new(), after: Behaviour::Gate(gate.clone()) };
        app.push.answer_always(&couple.sam.device.endpoint, Some(late));
        app.clock.set(minute(HOUR));
        let answered = async {
            gate.arrived(1).await;
            couple.sam.done(&app, "answerCheckIn", answer(&check_in, 3), "").await;
            app.push.answer_always(&couple.sam.device.endpoint, None);
            gate.open();
        };
        futures::join!(app.deliver(), answered);
        app.pass_until(minute(LAST)).await;
        let asked = couple.sam.timeline_of(&app, "ASK").await;
        assert_eq!(asked, Vec::<String>::new(), "the service said to try again, and nobody did");
        assert_eq!(couple.sam.timeline_of(&app, "REACH_OUT").await.len(), 1, "what was to come with it was tried again");
    }

    async fn r05_ending_the_link_stops_what_is_about_each_other_and_keeps_ones_own(app) {
        let couple = app.couple().await;
        couple.agree(&app, Couple::usual_terms(), None).await;
        couple.allow_alert(&app, &couple.sam, true).await;
        couple.scene(&app).await;
        app.pass_minutes(2 * HOUR).await;
        couple.alex.done(&app, "endLink", json!({ "linkId": couple.link }), "").await;
        app.pass_minutes(4 * DAY).await;
        for (person, asked) in [(&couple.alex, "push ASK_AGAIN"), (&couple.sam, "push ASK_AGAIN")] {
            let about_the_other = person.timeline_of(&app, "REACH_OUT").await;
            assert_eq!(about_the_other, ["24 19:00 push REACH_OUT"], "before the end, and none after it");
            assert_eq!(person.timeline_of(&app, "TELL_PARTNER").await, Vec::<String>::new());
            assert_eq!(person.timeline_of(&app, asked).await.len(), 3);
        }
    }

    async fn r05_a_snooze_begins_the_ladder_anew(app) {
        let couple = app.couple().await;
        let check_in = sams_check_ins(&app, &couple).await.remove(0);
        app.pass_minutes(HOUR + 10).await;
        let snooze = json!({ "checkInId": check_in["id"], "minutes": 60 });
        couple.sam.done(&app, "snoozeCheckIn", snooze, "").await;
        assert_eq!(look(&app, &couple.sam, &check_in).await["snoozedUntil"], "2026-10-24T20:10:00.000Z");
        app.pass_until(minute(LAST)).await;
        assert_eq!(couple.sam.timeline(&app).await, [
            ASKED[0], ASKED[1], "24 20:10 push ASK", &format!("24 23:10 {BY_MAIL}"), "25 02:10 push ASK_AGAIN",
        ]);
    }

    async fn r05_a_snooze_has_bounds_and_fits_an_open_question_only(app) {
        let couple = app.couple().await;
        let check_ins = sams_check_ins(&app, &couple).await;
        let snooze = |n: usize, minutes: i64| json!({ "checkInId": check_ins[n]["id"], "minutes": minutes });
        let refused = |n, minutes| couple.sam.refused(&app, "snoozeCheckIn", snooze(n, minutes));
        let wrong_state = ("checkInId".to_owned(), "WRONG_STATE".to_owned());
        let out_of_range = ("minutes".to_owned(), "OUT_OF_RANGE".to_owned());
        couple.sam.done(&app, "snoozeCheckIn", snooze(0, 10), "").await;
        app.pass_minutes(HOUR).await;
        for wrong in [9, 721, -60] {
            assert_eq!(refused(0, wrong).await, out_of_range, "{wrong}");
        }
        for right in [10, 720] {
            couple.sam.done(&app, "snoozeCheckIn", snooze(0, right), "").await;
        }
        app.clock.set(minute(DAY - 10));
        assert_eq!(refused(0, 10).await, out_of_range, "it closes then");
        app.clock.set(minute(DAY));
        assert_eq!(refused(0, 10).await, wrong_state, "it has closed");
        for (step, n) in [("skipCheckIn", 1), ("answerCheckIn", 2)] {
            app.clock.set(at(&text(&check_ins[n]["dueAt"])));
            let input = if n == 1 { json!({ "checkInId": check_ins[n]["id"] }) } else { answer(&check_ins[n], 3) };
            couple.sam.done(&app, step, input, "").await;
            assert_eq!(refused(n, 60).await, wrong_state, "after {step}");
        }
    }

    async fn r05_an_answer_counts_from_the_scenes_end_until_fourteen_days_after_the_due_time(app) {
        let couple = app.couple().await;
        let check_ins = sams_check_ins(&app, &couple).await;
        let wrong_state = ("checkInId".to_owned(), "WRONG_STATE".to_owned());
        let due = minute(HOUR);
        let second = SignedDuration::from_secs(1);
        let early = json!({ "checkInId": check_ins[0]["id"], "mood": 2, "answeredAt": (minute(0) - second).to_string() });
        let out_of_range = ("answeredAt".to_owned(), "OUT_OF_RANGE".to_owned());
        assert_eq!(couple.sam.refused(&app, "answerCheckIn", early).await, out_of_range, "the scene was not over");
        couple.sam.done(&app, "answerCheckIn", answer(&check_ins[0], 2), "").await;
        app.pass_until(due).await;
        assert_eq!(couple.sam.timeline(&app).await, ["24 19:00 push REACH_OUT"], "who answered is not asked");
        app.clock.set(due + SignedDuration::from_hours(14 * 24) - second);
        couple.sam.done(&app, "answerCheckIn", answer(&check_ins[0], 4), "").await;
        app.clock.set(due + SignedDuration::from_hours(14 * 24));
        assert_eq!(couple.sam.refused(&app, "answerCheckIn", answer(&check_ins[0], 1)).await, wrong_state);
        let seen = look(&app, &couple.sam, &check_ins[0]).await;
        assert_eq!((&seen["answer"]["mood"], &seen["state"]), (&json!(4), &json!("ANSWERED")));
        assert_eq!(seen["answerableUntil"], instant(due + SignedDuration::from_hours(14 * 24)));
    }

    async fn r05_an_answer_can_be_given_after_a_skip_and_given_anew_but_not_skipped(app) {
        let couple = app.couple().await;
        let check_in = sams_check_ins(&app, &couple).await.remove(0);
        let skip = json!({ "checkInId": check_in["id"] });
        couple.sam.done(&app, "skipCheckIn", skip.clone(), "").await;
        assert_eq!(couple.sam.change(&app, "skipCheckIn", skip.clone(), "").await["status"], "UNCHANGED");
        app.pass_minutes(HOUR).await;
        assert_eq!(couple.sam.timeline(&app).await, ["24 19:00 push REACH_OUT"], "skipped before it was due");
        let full = json!({
            "checkInId": check_in["id"], "mood": 2, "need": "tea", "note": "a quiet day",
            "signs": [{ "sign": "TIRED", "degree": "A_LOT" }, { "sign": "SAD", "degree": "NONE" }],
        });
        couple.sam.done(&app, "answerCheckIn", full.clone(), "").await;
        let seen = look(&app, &couple.sam, &check_in).await;
        assert_eq!(seen["answer"], json!({
            "mood": 2, "need": "tea", "note": "a quiet day", "sharing": "NOTHING",
            "signs": full["signs"], "answeredAt": "2026-10-24T19:00:00.000Z",
        }));
        couple.sam.done(&app, "answerCheckIn", answer(&check_in, 5), "").await;
        let seen = look(&app, &couple.sam, &check_in).await["answer"].clone();
        assert_eq!((&seen["mood"], &seen["note"]), (&json!(5), &json!("")));
        let problem = couple.sam.refused(&app, "skipCheckIn", skip).await;
        assert_eq!(problem, ("checkInId".into(), "WRONG_STATE".into()));
    }

    async fn r05_what_falls_due_in_a_pause_is_asked_when_it_ends(app) {
        let couple = app.couple().await;
        sams_check_ins(&app, &couple).await;
        let until = json!({ "until": instant(minute(2 * HOUR)) });
        couple.sam.done(&app, "pauseNudges", until, "account { paused }").await;
        app.pass_until(minute(DAY - 1)).await;
        let asked = ["24 20:00 push ASK", "24 20:00 push REACH_OUT", &format!("24 23:00 {BY_MAIL}"), "25 02:00 push ASK_AGAIN"];
        assert_eq!(couple.sam.timeline(&app).await, asked);
        app.pass_until(minute(DAY)).await;
        assert_eq!(couple.sam.timeline(&app).await[4..], ["25 18:00 push ASK", "25 18:00 push REACH_OUT"]);
    }

    async fn r05_a_scene_that_is_recorded_in_a_pause_is_asked_about_when_it_ends(app) {
        let couple = app.couple().await;
        let until = json!({ "until": instant(minute(3 * HOUR)) });
        couple.sam.done(&app, "pauseNudges", until, "").await;
        sams_check_ins(&app, &couple).await;
        app.pass_until(minute(4 * HOUR)).await;
        assert_eq!(couple.sam.timeline(&app).await, ["24 21:00 push ASK", "24 21:00 push REACH_OUT"]);
    }

    async fn r05_who_was_asked_before_a_pause_is_asked_anew_after_it_and_r19_the_silence_counts_from_then(app) {
        let couple = app.couple().await;
        couple.agree(&app, Couple::usual_terms(), None).await;
        couple.allow_alert(&app, &couple.sam, true).await;
        let check_in = sams_check_ins(&app, &couple).await.remove(0);
        app.pass_minutes(2 * HOUR).await;
        couple.sam.done(&app, "pauseNudges", json!({}), "").await;
        assert_eq!(couple.sam.rungs(&app, &check_in, "WAITING").await, Vec::<String>::new());
        app.pass_minutes(2 * HOUR).await;
        assert_eq!(couple.sam.timeline(&app).await, ASKED, "nothing in the pause");
        let query = "mutation { resumeNudges { status account { paused } } }";
        let resumed = couple.sam.ask(&app, query, json!({})).await["resumeNudges"].clone();
        assert_eq!(resumed, json!({ "status": "DONE", "account": { "paused": false } }));
        let again = couple.sam.ask(&app, query, json!({})).await["resumeNudges"]["status"].clone();
        assert_eq!(again, "UNCHANGED");
        app.pass_until(minute(LAST)).await;
        assert_eq!(couple.sam.timeline(&app).await[2..], [
            "24 22:00 push ASK", &format!("25 01:00 {BY_MAIL}"), "25 04:00 push ASK_AGAIN",
        ]);
        assert_eq!(couple.alex.timeline_of(&app, "TELL_PARTNER").await, ["25 07:00 push TELL_PARTNER"]);
    }

    async fn r05_pausing_again_and_again_brings_no_question_after_question(app) {
        let couple = app.couple().await;
        sams_check_ins(&app, &couple).await;
        app.pass_minutes(HOUR).await;
        for timed in [false, true, false, true] {
            let until = timed.then(|| instant(app.clock.now() + SignedDuration::from_hours(9)));
            couple.sam.done(&app, "pauseNudges", json!({ "until": until }), "").await;
            for _ in 0..2 {
                couple.sam.ask(&app, "mutation { resumeNudges { status } }", json!({})).await;
            }
            app.pass_minutes(5).await;
        }
        app.pass_until(minute(2 * HOUR - 1)).await;
        assert_eq!(couple.sam.timeline(&app).await, ASKED);
        app.pass_until(minute(3 * HOUR)).await;
        assert_eq!(couple.sam.timeline(&app).await[2..], ["24 20:00 push ASK"], "an hour after the first");
    }

    async fn r05_a_pause_that_outlasts_a_check_in_leaves_nothing_of_it(app) {
        let couple = app.couple().await;
        couple.agree_on(&app, &[60]).await;
        couple.allow_alert(&app, &couple.sam, true).await;
        couple.scene(&app).await;
        app.pass_minutes(7 * HOUR + 5).await;
        assert_eq!(couple.sam.timeline_of(&app, "ASK_AGAIN").await, ["25 01:00 push ASK_AGAIN"]);
        couple.sam.done(&app, "pauseNudges", json!({ "until": instant(minute(26 * HOUR)) }), "").await;
        app.pass_until(minute(3 * DAY)).await;
        assert_eq!(couple.sam.timeline(&app).await.len(), 4, "two questions, a mail and a prompt before it");
        assert_eq!(couple.alex.timeline_of(&app, "TELL_PARTNER").await, Vec::<String>::new());
    }

    async fn r19_any_sign_of_life_ends_what_would_tell_the_partner_of_a_silence(app) {
        // Each couple: Sam leaves the first check-in without an answer until the second is due, and then does this.
        let signs = [
            ("nothing", 0), ("answerCheckIn", 0), ("skipCheckIn", 0), ("answerCheckIn", 1), ("skipCheckIn", 1), ("snoozeCheckIn", 1),
        ];
        let mut couples = Vec::new();
        for (number, (step, which)) in signs.into_iter().enumerate() {
            let couple = app.pair(number).await;
            couple.agree_on(&app, &[60, 8 * 60]).await;
            couple.allow_alert(&app, &couple.sam, true).await;
            let check_in = sams_check_ins(&app, &couple).await.remove(which);
            couples.push((couple, check_in, step));
        }
        // The first ladder told Alex at 07:00Z; the second check-in fell due at 02:00Z.
        app.pass_minutes(8 * HOUR + 30).await;
        for (couple, check_in, step) in &couples {
            let input = match *step {
                "nothing" => continue,
                "answerCheckIn" => answer(check_in, 3),
                "skipCheckIn" => json!({ "checkInId": check_in["id"] }),
                _ => json!({ "checkInId": check_in["id"], "minutes": 60 }),
            };
            couple.sam.done(&app, step, input, "").await;
        }
        app.pass_until(minute(14 * HOUR)).await;
        for (couple, _, step) in &couples {
            let told = couple.alex.timeline_of(&app, "TELL_PARTNER").await;
            let expected: &[&str] = if *step == "nothing" { &["25 07:00 push TELL_PARTNER"] } else { &[] };
            assert_eq!(told, expected, "{step}");
        }
    }

    async fn r18_who_called_is_neither_prompted_nor_told_of_a_silence(app) {
        for (n, (ago, counts)) in (0..).zip([(61, false), (60, true), (0, true)]) {
            let couple = app.pair(n).await;
            couple.agree_on(&app, &[2 * 60]).await;
            couple.allow_alert(&app, &couple.sam, true).await;
            let scene = couple.scene(&app).await;
            let begin = app.clock.now();
            app.pass_minutes(2 * HOUR - 1).await;
            let called = begin + SignedDuration::from_mins(2 * HOUR - ago);
            let input = json!({ "sceneId": scene, "way": "CALL", "happenedAt": called.min(app.clock.now()).to_string() });
            couple.alex.done(&app, "recordOutreach", input, "").await;
            app.pass_minutes(DAY + 1).await;
            let got = [couple.alex.timeline_of(&app, "REACH_OUT").await.len(), couple.alex.timeline_of(&app, "TELL_PARTNER").await.len()];
            assert_eq!(got, if counts { [0, 0] } else { [1, 1] }, "{ago} minutes before the due time");
        }
    }

    async fn check_ins_are_listed_as_coming_due_and_past(app) {
        let couple = app.couple().await;
        sams_check_ins(&app, &couple).await;
        let lists = async || [listed(&app, &couple.sam, "COMING").await, listed(&app, &couple.sam, "DUE").await,
            listed(&app, &couple.sam, "PAST").await];
        assert_eq!(lists().await, [vec![60, 1440, 2880], vec![], vec![]]);
        app.clock.set(minute(HOUR));
        assert_eq!(lists().await, [vec![1440, 2880], vec![60], vec![]]);
        app.clock.set(minute(2 * DAY));
        assert_eq!(lists().await, [vec![], vec![2880], vec![1440, 60]]);
        app.clock.set(minute(3 * DAY));
        assert_eq!(lists().await, [vec![], vec![], vec![2880, 1440, 60]]);
    }

    async fn r09_the_partner_sees_nothing_the_mood_or_all_as_the_author_says(app) {
        let couple = app.couple().await;
        let scene = couple.scene(&app).await;
        let check_in = couple.check_ins(&app, &couple.sam, &scene).await.remove(0);
        app.pass_minutes(HOUR).await;
        let signs = json!([{ "sign": "TEARFUL", "degree": "A_LITTLE" }]);
        let give = json!({ "checkInId": check_in["id"], "mood": 2, "signs": signs, "need": "a call", "note": "low" });
        let shown = async || {
            let seen = couple.partners_view(&app, &couple.alex, &scene).await;
            assert_eq!(seen[0]["dueAt"], "2026-10-24T19:00:00.000Z");
            assert_eq!((&seen[1]["shared"], &seen[2]["shared"]), (&Value::Null, &Value::Null), "the others are not");
            seen[0]["shared"].clone()
        };
        let mood = json!({ "mood": 2, "need": null, "note": null, "signs": null });
        let all = json!({ "mood": 2, "need": "a call", "note": "low", "signs": signs });
        assert_eq!(shown().await, Value::Null);
        couple.sam.done(&app, "answerCheckIn", give, "").await;
        app.pass_minutes(2).await;
        assert_eq!(shown().await, Value::Null, "private unless its author shares it");
        for (share, expected) in
            [("MOOD", &mood), ("ALL", &all), ("MOOD", &mood), ("NOTHING", &Value::Null), ("ALL", &all)]
        {
            let input = json!({ "checkInId": check_in["id"], "sharing": share });
            couple.sam.done(&app, "changeSharing", input.clone(), "").await;
            app.pass_minutes(2).await;
            assert_eq!(&shown().await, expected, "{share}");
            assert_eq!(couple.sam.change(&app, "changeSharing", input, "").await["status"], "UNCHANGED");
        }
        let own = look(&app, &couple.sam, &check_in).await["answer"].clone();
        assert_eq!((&own["note"], &own["sharing"]), (&json!("low"), &json!("ALL")));
    }

    async fn r09_a_standing_choice_holds_for_answers_that_do_not_say_otherwise(app) {
        let couple = app.couple().await;
        let scene = couple.scene(&app).await;
        let check_ins = couple.check_ins(&app, &couple.sam, &scene).await;
        app.clock.set(minute(2 * DAY));
        let shown = async || {
            let seen = couple.partners_view(&app, &couple.alex, &scene).await;
            let notes = seen.as_array().unwrap().iter().map(|seen| match &seen["shared"] {
                Value::Null => "nothing",
                shared if shared["note"].is_null() => "mood",
                _ => "all",
            });
            notes.collect::<Vec<_>>()
        };
        let stand = async |share: &str| {
            couple.sam.done(&app, "updateProfile", json!({ "defaultSharing": share }), "").await;
        };
        stand("MOOD").await;
        couple.sam.done(&app, "answerCheckIn", answer(&check_ins[0], 3), "").await;
        stand("ALL").await;
        couple.sam.done(&app, "answerCheckIn", answer(&check_ins[1], 3), "").await;
        let private = json!({ "checkInId": check_ins[2]["id"], "mood": 3, "sharing": "NOTHING" });
        couple.sam.done(&app, "answerCheckIn", private, "").await;
        app.pass_minutes(2).await;
        assert_eq!(shown().await, ["mood", "all", "nothing"]);
        stand("NOTHING").await;
        assert_eq!(shown().await, ["mood", "all", "nothing"], "what was shared stays so until it is taken back");
        couple.sam.done(&app, "answerCheckIn", answer(&check_ins[1], 4), "").await;
        assert_eq!(shown().await, ["mood", "nothing", "nothing"], "what changed waits");
        app.pass_minutes(2).await;
        assert_eq!(shown().await, ["mood", "all", "nothing"], "an answer given anew stays shared as it was");
    }

    async fn r09_what_is_newly_shared_can_be_taken_back_unseen_for_two_minutes(app) {
        let couple = app.couple().await;
        let scene = couple.scene(&app).await;
        let check_in = couple.check_ins(&app, &couple.sam, &scene).await.remove(0);
        app.pass_minutes(HOUR).await;
        let delay = evenkeel::domain::answer::RELEASE_DELAY;
        let second = jiff::SignedDuration::from_secs(1);
        let shown = async || match &couple.partners_view(&app, &couple.alex, &scene).await[0]["shared"] {
            Value::Null => "nothing".to_owned(),
            shared => format!("{} {}", shared["mood"], shared["note"]),
        };
        // Whatever Sam does, the payload says until when the answer is unseen.
        let choose = async |name: &str, mut input: Value| {
            input["checkInId"] = check_in["id"].clone();
            let done = couple.sam.done(&app, name, input, "checkIn { answer { unseenUntil } }").await;
            done["checkIn"]["answer"]["unseenUntil"].clone()
        };
        let share = async |share: &str| choose("changeSharing", json!({ "sharing": share })).await;
        let until = || json!(instant(app.clock.now() + delay));
        let wait = async |time| app.pass_until(app.clock.now() + time).await;
        let mine = async || {
            couple.check_ins(&app, &couple.sam, &scene).await[0]["answer"]["sharing"].clone()
        };

        let give = |mood: i32, note: &str, share: &str| json!({ "mood": mood, "note": note, "sharing": share });
        assert_eq!(choose("answerCheckIn", give(2, "low", "ALL")).await, until());
        wait(delay - second).await;
        assert_eq!((shown().await, mine().await), ("nothing".into(), json!("ALL")), "a second before");
        assert_eq!(share("NOTHING").await, Value::Null);
        wait(delay * 2).await;
        assert_eq!(shown().await, "nothing", "taken back unseen");

        assert_eq!(share("MOOD").await, until());
        wait(delay).await;
        assert_eq!(shown().await, "2 null", "after the delay");
        let released = share("ALL").await;
        assert_eq!(released, until());
        wait(delay - second).await;
        assert_eq!(shown().await, "2 null", "only what is added waits");
        wait(second).await;
        assert_eq!(shown().await, "2 \"low\"");
        assert_eq!(share("MOOD").await, Value::Null);
        assert_eq!(shown().await, "2 null", "to share less works at once");

        // Sharing less than what waits, but more than what is visible, keeps the time of release.
        share("NOTHING").await;
        let released = share("ALL").await;
        wait(second * 60).await;
        assert_eq!(share("MOOD").await, released);
        wait(second * 59).await;
        assert_eq!(shown().await, "nothing");
        wait(second).await;
        assert_eq!(shown().await, "2 null");

        // The same words sent twice stay visible; other words are unseen again, whatever was seen of the former ones.
        assert_eq!(choose("answerCheckIn", give(2, "low", "MOOD")).await, Value::Null);
        assert_eq!(shown().await, "2 null");
        assert_eq!(choose("answerCheckIn", give(1, "low", "MOOD")).await, until());
        assert_eq!(shown().await, "nothing", "what was said before is not said any more");
        wait(delay).await;
        assert_eq!(shown().await, "1 null");
    }

    async fn r09_only_an_answer_can_be_shared_and_only_by_its_author(app) {
        let couple = app.couple().await;
        let check_in = sams_check_ins(&app, &couple).await.remove(0);
        let share = json!({ "checkInId": check_in["id"], "sharing": "ALL" });
        let problem = couple.sam.refused(&app, "changeSharing", share.clone()).await;
        assert_eq!(problem, ("checkInId".into(), "WRONG_STATE".into()));
        app.clock.set(minute(HOUR));
        couple.sam.done(&app, "answerCheckIn", answer(&check_in, 3), "").await;
        for (step, input) in [("changeSharing", share), ("answerCheckIn", answer(&check_in, 1)),
            ("skipCheckIn", json!({ "checkInId": check_in["id"] })),
            ("snoozeCheckIn", json!({ "checkInId": check_in["id"], "minutes": 60 }))]
        {
            let problem = couple.alex.refused(&app, step, input).await;
            assert_eq!(problem, ("checkInId".into(), "NOT_FOUND".into()), "{step} by the partner");
        }
        assert_eq!(look(&app, &couple.alex, &check_in).await, Value::Null);
        assert_eq!(look(&app, &couple.sam, &check_in).await["answer"]["sharing"], "NOTHING");
    }
}

//! Scenes: how they begin and end, and that every one of them ends in care.

use crate::support::care::{DAY, HOUR, minute, mutation};
use crate::support::care::{after_end, instant};
use crate::support::people::text;
use crate::support::race::TwoServers;
use crate::support::{Couple, Person, START, TestApp, at};
use jiff::SignedDuration;
use serde_json::{Value, json};

const SCENE: &str = "scene { id state intensity startedAt endedAt plannedFor setting myRole partnerRole
    myCheckIns { id time { ... on AfterEnd { minutes } } dueAt closesAt state } }";

/// A scene's input with what is given besides the link and the setting.
fn scene_input(couple: &Couple, rest: Value) -> Value {
    let mut input = json!({ "linkId": couple.link, "setting": "ONLINE" });
    input.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    input
}

/// Alex records a scene; the scene.
async fn record(app: &TestApp, couple: &Couple, rest: Value) -> Value {
    couple.alex.done(app, "recordScene", scene_input(couple, rest), SCENE).await["scene"].clone()
}

/// A scene that stands here, by way of the API.
async fn scene_that_is(app: &TestApp, couple: &Couple, status: &str) -> String {
    let plan = scene_input(couple, json!({ "plannedFor": instant(minute(DAY)) }));
    let planned = couple.alex.done(app, "planScene", plan, SCENE).await;
    assert_eq!(planned["scene"]["state"], "PLANNED");
    let id = text(&planned["scene"]["id"]);
    let step = match status {
        "PLANNED" => return id,
        "UNDER_WAY" => "startScene",
        "ENDED" => "endScene",
        "CANCELLED" => "cancelScene",
        other => panic!("{other} is no status"),
    };
    let moved = couple.sam.done(app, step, json!({ "sceneId": id }), SCENE).await;
    assert_eq!(moved["scene"]["state"], status);
    id
}

/// A scene as one of the two sees it.
async fn look(app: &TestApp, person: &Person, scene: &str, fields: &str) -> Value {
    let query = format!("query($id: ID!) {{ node(id: $id) {{ ... on Scene {{ {fields} }} }} }}");
    person.ask(app, &query, json!({ "id": scene })).await["node"].clone()
}

fn offsets(check_ins: &Value) -> Vec<i64> {
    check_ins.as_array().unwrap().iter().map(|c| c["time"]["minutes"].as_i64().unwrap()).collect()
}

on_both_databases! {
    async fn r01_every_ended_scene_gives_check_ins_to_both(app) {
        let couple = app.couple().await;
        couple.agree(&app, Couple::usual_terms(), None).await;
        let scene = couple.scene(&app).await;
        for person in [&couple.alex, &couple.sam] {
            let check_ins = couple.check_ins(&app, person, &scene).await;
            assert_eq!(offsets(&json!(check_ins)), [60, 1440, 2880]);
            assert!(check_ins.iter().all(|c| c["state"] == "UNANSWERED"));
        }
        let due: Value = couple.check_ins(&app, &couple.sam, &scene).await[0]["dueAt"].clone();
        assert_eq!(due, json!("2026-10-24T19:00:00.000Z"));
        app.pass_until(at("2026-10-24T19:00:00.000Z")).await;
        assert_eq!(couple.alex.pushes(&app).len(), 1, "asked, and reminded to reach out");
        assert_eq!(couple.sam.pushes(&app).len(), 1);
    }

    async fn r01_whatever_their_roles_and_whoever_records_it(app) {
        let couple = app.couple().await;
        let roles = ["DOMINANT", "SUBMISSIVE", "SWITCH"];
        for (mine, theirs) in roles.into_iter().flat_map(|mine| roles.map(|theirs| (mine, theirs))) {
            for (writer, other) in [(&couple.alex, &couple.sam), (&couple.sam, &couple.alex)] {
                let rest = json!({ "myRole": mine, "partnerRole": theirs, "endedAt": START, "separate": true });
                let written = writer.done(&app, "recordScene", scene_input(&couple, rest), SCENE).await;
                let id = text(&written["scene"]["id"]);
                for (person, my_role, partner_role) in [(writer, mine, theirs), (other, theirs, mine)] {
                    let seen = look(&app, person, &id, "myRole partnerRole myCheckIns { time { ... on AfterEnd { minutes } } }").await;
                    assert_eq!((&seen["myRole"], &seen["partnerRole"]), (&json!(my_role), &json!(partner_role)));
                    assert_eq!(offsets(&seen["myCheckIns"]), [60, 1440, 2880], "{mine} and {theirs}");
                }
            }
        }
        let default = record(&app, &couple, json!({ "separate": true })).await;
        assert_eq!((&default["myRole"], &default["partnerRole"]), (&json!("DOMINANT"), &json!("SUBMISSIVE")));
    }

    async fn r02_without_an_agreement_the_default_protocol_holds_and_nobody_is_alerted(app) {
        let couple = app.couple().await;
        for person in [&couple.alex, &couple.sam] {
            couple.allow_alert(&app, person, true).await;
        }
        // Proposed and agreed to by one alone: that is no agreement.
        let terms = json!({ "stopSignal": "red", "partnerAlert": "CALL", "protocol": after_end(&[30]) });
        let proposal = json!({ "linkId": couple.link, "terms": terms });
        let proposed =
            couple.alex.done(&app, "proposeRevision", proposal, "revision { id contentHash }").await;
        let revision = &proposed["revision"];
        let yes = json!({ "revisionId": revision["id"], "contentHash": revision["contentHash"] });
        couple.alex.done(&app, "agreeToRevision", yes, "").await;

        let scene = couple.scene(&app).await;
        let seen = look(&app, &couple.sam, &scene, "revision { id } myCheckIns { time { ... on AfterEnd { minutes } } }").await;
        assert_eq!(seen, json!({ "revision": null, "myCheckIns": [
            { "time": { "minutes": 60 } }, { "time": { "minutes": 1440 } }, { "time": { "minutes": 2880 } },
        ] }));
        app.pass_minutes(4 * DAY).await;
        for person in [&couple.alex, &couple.sam] {
            let rungs = |word| person.timeline_of(&app, word);
            assert_eq!(rungs("TELL_PARTNER").await, Vec::<String>::new());
            assert_eq!(rungs("push ASK_AGAIN").await.len(), 3, "the rest of the ladder is there");
        }
    }

    async fn r02_a_scene_under_way_ends_with_its_link_and_each_is_still_asked(app) {
        let couple = app.couple().await;
        let id = scene_that_is(&app, &couple, "UNDER_WAY").await;
        couple.sam.done(&app, "endLink", json!({ "linkId": couple.link }), "").await;
        let seen = look(&app, &couple.alex, &id, "state myCheckIns { time { ... on AfterEnd { minutes } } }").await;
        assert_eq!(seen["state"], "ENDED");
        assert_eq!(offsets(&seen["myCheckIns"]), [60, 1440, 2880]);
        app.pass_minutes(HOUR).await;
        for person in [&couple.alex, &couple.sam] {
            assert_eq!(person.timeline(&app).await, ["24 19:00 push ASK"], "and nothing about the other");
        }
    }

    async fn r12_after_the_link_nobody_makes_the_other_be_asked_by_a_planned_scene(app) {
        let couple = app.couple().await;
        let id = scene_that_is(&app, &couple, "PLANNED").await;
        couple.sam.done(&app, "endLink", json!({ "linkId": couple.link }), "").await;
        let query = "mutation($id: ID!) { endScene(input: { sceneId: $id }) { status problems { field code } } }";
        let refused = couple.alex.ask(&app, query, json!({ "id": id })).await;
        let problem = json!([{ "field": "sceneId", "code": "WRONG_STATE" }]);
        assert_eq!(refused["endScene"], json!({ "status": "REFUSED", "problems": problem }));
        app.pass_minutes(3 * DAY).await;
        assert!(app.push.received().is_empty());
    }

    async fn r03_a_scene_that_ended_in_the_past_sends_what_is_open_and_not_what_has_closed(app) {
        let couple = app.couple().await;
        let ended_at = minute(-30 * HOUR);
        let scene = record(&app, &couple, json!({ "endedAt": instant(ended_at) })).await;
        assert_eq!(scene["endedAt"], instant(ended_at));
        let check_ins = scene["myCheckIns"].as_array().unwrap();
        let due: Vec<_> = check_ins.iter().map(|check_in| at(&text(&check_in["dueAt"]))).collect();
        assert_eq!(due, [minute(-29 * HOUR), minute(-6 * HOUR), minute(18 * HOUR)]);
        app.deliver().await;
        assert_eq!(couple.alex.timeline(&app).await, ["24 18:00 push ASK", "24 18:00 push REACH_OUT"]);
        app.pass_minutes(3 * DAY).await;
        let reached = ["SENT", "DROPPED", "WAITING"];
        for (check_in, got) in check_ins.iter().zip([false, true, true]) {
            for state in reached {
                let rungs = couple.alex.rungs(&app, check_in, state).await;
                assert_eq!(!rungs.is_empty(), got && state == "SENT", "{check_in} {state}: {rungs:?}");
            }
        }
        // What closed without a nudge can still be answered.
        let answer = json!({ "checkInId": check_ins[0]["id"], "mood": 3 });
        couple.alex.done(&app, "answerCheckIn", answer, "").await;
    }

    async fn r03_an_end_is_neither_ahead_nor_older_than_thirty_days_nor_before_the_start(app) {
        let couple = app.couple().await;
        let end = |second: i64| json!({ "endedAt": (at(START) + SignedDuration::from_secs(second)).to_string() });
        let month = 30 * 24 * 3600;
        for wrong in [-month - 1, 5 * 60 + 1] {
            let problem = couple.alex.refused(&app, "recordScene", scene_input(&couple, end(wrong))).await;
            assert_eq!(problem, ("endedAt".into(), "OUT_OF_RANGE".into()), "{wrong}");
        }
        record(&app, &couple, end(-month)).await;
        let ahead = record(&app, &couple, end(5 * 60)).await;
        assert_eq!(ahead["endedAt"], START, "a phone that runs ahead means now");

        let started = record(&app, &couple, json!({ "startedAt": instant(minute(-HOUR)) })).await;
        let before = json!({ "sceneId": started["id"], "endedAt": instant(minute(-HOUR - 1)) });
        assert_eq!(couple.sam.refused(&app, "endScene", before).await, ("endedAt".into(), "OUT_OF_RANGE".into()));
        assert_eq!(look(&app, &couple.sam, &text(&started["id"]), "state").await["state"], "UNDER_WAY");
    }

    async fn r04_what_both_record_of_the_same_hours_is_one_scene_unless_it_is_another(app) {
        let couple = app.couple().await;
        let input = |minutes: i64| json!({ "linkId": couple.link, "setting": "ONLINE",
            "endedAt": instant(app.clock.now() + SignedDuration::from_mins(minutes)) });
        let select = "scene { id } similar { id } problems { field code }";
        let first = couple.alex.done(&app, "recordScene", input(-10), select).await["scene"]["id"].clone();
        let second = couple.sam.change(&app, "recordScene", input(-25), select).await;
        assert_eq!(second, json!({ "status": "REFUSED", "scene": null, "similar": { "id": first },
            "problems": [{ "field": "separate", "code": "SIMILAR_EXISTS" }] }));
        let mut other = input(-25);
        other["separate"] = json!(true);
        assert_eq!(couple.sam.done(&app, "recordScene", other, select).await["similar"], Value::Null);
        couple.alex.done(&app, "recordScene", input(-400), select).await;
        app.pass_minutes(61).await;
        couple.sam.done(&app, "recordScene", input(-70), select).await;
    }

    async fn r04_times_can_be_corrected_for_two_hours_and_nothing_goes_twice(app) {
        let couple = app.couple().await;
        couple.agree_on(&app, &[60, 24 * 60]).await;
        let scene = couple.scene(&app).await;
        let at = |minutes: i64| instant(minute(minutes));
        let away = json!({ "sceneId": scene, "startedAt": at(-29 * DAY), "endedAt": at(-29 * DAY) });
        let refused = couple.sam.refused(&app, "correctScene", away).await;
        assert_eq!(refused, ("endedAt".to_owned(), "OUT_OF_RANGE".to_owned()), "nobody's questions are corrected away");
        // It ended half an hour before: the first question comes at once, and not an hour later.
        let earlier = json!({ "sceneId": scene, "startedAt": at(-60), "endedAt": at(-30) });
        app.pass_minutes(5).await;
        let corrected = couple.sam.done(&app, "correctScene", earlier.clone(), "scene { endedAt }").await;
        assert_eq!(corrected["scene"]["endedAt"], at(-30));
        assert_eq!(couple.sam.change(&app, "correctScene", earlier, "").await["status"], "UNCHANGED");
        app.pass_until(minute(40)).await;
        assert_eq!(couple.alex.timeline(&app).await, ["24 18:30 push ASK", "24 18:30 push REACH_OUT"]);
        // And once more, to later: what was asked is not asked again.
        couple.alex.done(&app, "correctScene", json!({ "sceneId": scene, "endedAt": at(20) }), "").await;
        app.pass_until(minute(24 * 60 + 20)).await;
        let asked: Vec<_> = couple.alex.timeline_of(&app, "push ASK").await.into_iter().filter(|line| !line.contains("AGAIN")).collect();
        assert_eq!(asked, ["24 18:30 push ASK", "25 18:20 push ASK"]);
        let late = couple.alex.refused(&app, "correctScene", json!({ "sceneId": scene, "endedAt": at(0) })).await;
        assert_eq!(late, ("sceneId".to_owned(), "WRONG_STATE".to_owned()));
    }

    async fn r04_ending_twice_ends_once(app) {
        let couple = app.couple().await;
        let id = scene_that_is(&app, &couple, "UNDER_WAY").await;
        let first = couple.alex.done(&app, "endScene", json!({ "sceneId": id }), SCENE).await;
        app.clock.set(minute(7));
        let again = json!({ "sceneId": id, "endedAt": instant(minute(5)), "intensity": 5 });
        let second = couple.sam.change(&app, "endScene", again, SCENE).await;
        assert_eq!(second["status"], "UNCHANGED");
        assert_eq!(second["scene"]["endedAt"], START);
        assert_eq!(second["scene"]["intensity"], Value::Null);
        let check_ins = couple.check_ins(&app, &couple.alex, &id).await;
        let ids = |check_ins: &[Value]| check_ins.iter().map(|c| c["id"].clone()).collect::<Vec<_>>();
        assert_eq!(ids(&check_ins), ids(first["scene"]["myCheckIns"].as_array().unwrap()));
        app.pass_until(minute(HOUR)).await;
        assert_eq!(couple.alex.timeline(&app).await, ["24 19:00 push ASK", "24 19:00 push REACH_OUT"]);
    }

    async fn r04_both_ending_it_at_the_same_moment_end_it_once(app) {
        let couple = app.couple().await;
        let servers = TwoServers::start(&app);
        for _ in 0..5 {
            let id = scene_that_is(&app, &couple, "UNDER_WAY").await;
            let query = mutation("endScene", "");
            let request = |person| (person, query.as_str(), json!({ "input": { "sceneId": id } }));
            let asked = [&couple.alex, &couple.sam, &couple.alex, &couple.sam].map(request);
            let answers = servers.at_once(&app, &asked).await;
            let done = answers.iter().filter(|data| data["endScene"]["status"] == "DONE").count();
            let unchanged = answers.iter().filter(|data| data["endScene"]["status"] == "UNCHANGED").count();
            assert_eq!((done, unchanged), (1, 3), "{answers:?}");
            for person in [&couple.alex, &couple.sam] {
                assert_eq!(couple.check_ins(&app, person, &id).await.len(), 3);
            }
        }
        servers.stop().await;
    }

    async fn a_scene_goes_from_planned_to_under_way_to_ended_or_is_cancelled(app) {
        let couple = app.couple().await;
        let expected = [
            ("PLANNED", "startScene", "DONE", "UNDER_WAY"),
            ("PLANNED", "endScene", "DONE", "ENDED"),
            ("PLANNED", "cancelScene", "DONE", "CANCELLED"),
            ("UNDER_WAY", "startScene", "UNCHANGED", "UNDER_WAY"),
            ("UNDER_WAY", "endScene", "DONE", "ENDED"),
            ("UNDER_WAY", "cancelScene", "DONE", "CANCELLED"),
            ("ENDED", "startScene", "REFUSED", "ENDED"),
            ("ENDED", "endScene", "UNCHANGED", "ENDED"),
            ("ENDED", "cancelScene", "REFUSED", "ENDED"),
            ("CANCELLED", "startScene", "REFUSED", "CANCELLED"),
            ("CANCELLED", "endScene", "REFUSED", "CANCELLED"),
            ("CANCELLED", "cancelScene", "UNCHANGED", "CANCELLED"),
        ];
        for (from, step, status, to) in expected {
            let id = scene_that_is(&app, &couple, from).await;
            let payload = couple.alex.change(&app, step, json!({ "sceneId": id }), "").await;
            assert_eq!(payload["status"], status, "{step} of {from}");
            if status == "REFUSED" {
                assert_eq!(payload["problems"], json!([{ "field": "sceneId", "code": "WRONG_STATE" }]));
            }
            let seen = look(&app, &couple.sam, &id, "state myCheckIns { time { ... on AfterEnd { minutes } } }").await;
            assert_eq!(seen["state"], to, "{step} of {from}");
            let count = if to == "ENDED" { 3 } else { 0 };
            assert_eq!(offsets(&seen["myCheckIns"]).len(), count, "{step} of {from}");
        }
    }

    async fn a_scene_is_planned_within_the_next_year(app) {
        let couple = app.couple().await;
        let plan = |minutes: i64| scene_input(&couple, json!({ "plannedFor": instant(minute(minutes)) }));
        for wrong in [-30 * DAY - 1, 366 * DAY + 1] {
            let problem = couple.alex.refused(&app, "planScene", plan(wrong)).await;
            assert_eq!(problem, ("plannedFor".into(), "OUT_OF_RANGE".into()));
        }
        for right in [-30 * DAY, 366 * DAY] {
            let payload = couple.alex.done(&app, "planScene", plan(right), SCENE).await;
            assert_eq!(payload["scene"]["plannedFor"], instant(minute(right)));
        }
    }

    async fn intensity_is_from_one_to_five_and_stays_unless_the_end_says_otherwise(app) {
        let couple = app.couple().await;
        for wrong in [0, 6, -1] {
            let input = scene_input(&couple, json!({ "intensity": wrong }));
            let problem = couple.alex.refused(&app, "recordScene", input).await;
            assert_eq!(problem, ("intensity".into(), "OUT_OF_RANGE".into()));
        }
        for (before, at_the_end, after) in [
            (json!(1), json!({ "intensity": 5 }), json!(5)),
            (json!(5), json!({}), json!(5)),
            (json!(5), json!({ "intensity": null }), json!(null)),
            (json!(null), json!({ "intensity": 1 }), json!(1)),
        ] {
            let scene = record(&app, &couple, json!({ "intensity": before })).await;
            assert_eq!(scene["intensity"], before);
            for wrong in [0, 6] {
                let input = json!({ "sceneId": scene["id"], "intensity": wrong });
                let problem = couple.sam.refused(&app, "endScene", input).await;
                assert_eq!(problem, ("intensity".into(), "OUT_OF_RANGE".into()));
            }
            let mut input = at_the_end;
            input["sceneId"] = scene["id"].clone();
            let ended = couple.sam.done(&app, "endScene", input, SCENE).await;
            assert_eq!(ended["scene"]["intensity"], after);
        }
    }

    async fn aftercare_is_written_down_by_either_and_read_by_both(app) {
        let couple = app.couple().await;
        let id = scene_that_is(&app, &couple, "UNDER_WAY").await;
        let write = |given_by: &str, note: &str| json!({
            "sceneId": id, "givenBy": given_by, "comforts": ["WARMTH", "TALK"], "minutes": 30, "note": note,
        });
        couple.alex.done(&app, "recordAftercare", write("ME", "tea"), "").await;
        couple.sam.done(&app, "recordAftercare", write("ME", "a song"), "").await;
        couple.alex.done(&app, "endScene", json!({ "sceneId": id }), "").await;
        couple.sam.done(&app, "recordAftercare", write("PARTNER", "a blanket"), "").await;
        couple.alex.done(&app, "recordAftercare", write("BOTH", "quiet"), "").await;

        let fields = "aftercare { givenBy recordedBy note comforts minutes }";
        for (person, expected) in [
            (&couple.alex, [("ME", "ME", "tea"), ("PARTNER", "PARTNER", "a song"), ("ME", "PARTNER", "a blanket"),
                ("BOTH", "ME", "quiet")]),
            (&couple.sam, [("PARTNER", "PARTNER", "tea"), ("ME", "ME", "a song"), ("PARTNER", "ME", "a blanket"),
                ("BOTH", "PARTNER", "quiet")]),
        ] {
            let seen = look(&app, person, &id, fields).await;
            let mut seen = seen["aftercare"].as_array().unwrap().clone();
            let expected = expected.map(|(given_by, recorded_by, note)| json!({
                "givenBy": given_by, "recordedBy": recorded_by, "note": note,
                "comforts": ["WARMTH", "TALK"], "minutes": 30,
            }));
            // The clock stands still: what was written at one instant has no order.
            seen.sort_by_key(|aftercare| expected.iter().position(|e| e["note"] == aftercare["note"]));
            assert_eq!(seen, expected, "as {} sees it", person.name);
        }
    }

    async fn aftercare_belongs_to_a_scene_that_took_place_and_lasts_a_day_at_most(app) {
        let couple = app.couple().await;
        let write = |id: &str, minutes: i64| json!({ "sceneId": id, "givenBy": "BOTH", "minutes": minutes });
        for status in ["PLANNED", "CANCELLED"] {
            let id = scene_that_is(&app, &couple, status).await;
            let problem = couple.sam.refused(&app, "recordAftercare", write(&id, 1)).await;
            assert_eq!(problem, ("sceneId".into(), "WRONG_STATE".into()), "{status}");
        }
        let id = scene_that_is(&app, &couple, "ENDED").await;
        for wrong in [-1, 1441] {
            let problem = couple.sam.refused(&app, "recordAftercare", write(&id, wrong)).await;
            assert_eq!(problem, ("minutes".into(), "OUT_OF_RANGE".into()));
        }
        for right in [0, 1440] {
            couple.sam.done(&app, "recordAftercare", write(&id, right), "").await;
        }
        assert_eq!(look(&app, &couple.alex, &id, "aftercare { id }").await["aftercare"].as_array().unwrap().len(), 2);
    }

    async fn an_outreach_is_seen_by_both_and_stops_the_prompt_that_was_to_come(app) {
        let couple = app.couple().await;
        let scene = couple.scene(&app).await;
        app.pass_minutes(HOUR).await;
        // Sam calls before the second check-in of Alex is due: that does not stand for a call after it.
        couple.sam.done(&app, "recordOutreach", json!({ "sceneId": scene, "way": "CALL" }), "").await;
        app.pass_minutes(23 * HOUR - 1).await;
        app.clock.set(minute(DAY));
        couple.alex.done(&app, "recordOutreach", json!({ "sceneId": scene, "way": "MESSAGE" }), "").await;
        app.pass_minutes(3 * HOUR).await;
        let prompts = "REACH_OUT";
        assert_eq!(couple.alex.timeline_of(&app, prompts).await, ["24 19:00 push REACH_OUT"], "written already");
        assert_eq!(couple.sam.timeline_of(&app, prompts).await.len(), 2, "not since the second is due");
        for (person, first, second) in [(&couple.alex, "PARTNER", "ME"), (&couple.sam, "ME", "PARTNER")] {
            let seen = look(&app, person, &scene, "outreaches { who way happenedAt }").await;
            assert_eq!(seen["outreaches"], json!([
                { "who": first, "way": "CALL", "happenedAt": instant(minute(HOUR)) },
                { "who": second, "way": "MESSAGE", "happenedAt": instant(minute(DAY)) },
            ]));
        }
    }

    async fn an_outreach_belongs_to_an_ended_scene_and_lies_in_the_past(app) {
        let couple = app.couple().await;
        for status in ["PLANNED", "UNDER_WAY", "CANCELLED"] {
            let id = scene_that_is(&app, &couple, status).await;
            let problem = couple.sam.refused(&app, "recordOutreach", json!({ "sceneId": id, "way": "CALL" })).await;
            assert_eq!(problem, ("sceneId".into(), "WRONG_STATE".into()), "{status}");
        }
        let id = scene_that_is(&app, &couple, "ENDED").await;
        let ahead = json!({ "sceneId": id, "way": "VIDEO", "happenedAt": instant(minute(6)) });
        assert_eq!(couple.sam.refused(&app, "recordOutreach", ahead).await.0, "happenedAt");
    }
}

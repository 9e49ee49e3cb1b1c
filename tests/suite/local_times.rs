//! Local times and partings: by the clock of whoever is asked, wherever they are, and from when the two are apart.

use crate::support::care::{HOUR, after_end, instant, minute, on_day};
use crate::support::people::text;
use crate::support::{Couple, Person, TestApp};
use serde_json::{Value, json};

const TIMES: &str = "time { __typename sentence ... on OnDay { daysAfter localTime } ... on AfterEnd { minutes } \
    ... on AfterParting { minutes } ... on OnDayAfterParting { daysAfter localTime } } dueAt closesAt state";

/// Agrees on these times; the partner may be told that a call is welcome.
async fn agree_on(app: &TestApp, couple: &Couple, protocol: Value) {
    let terms = json!({ "stopSignal": "red", "partnerAlert": "CALL", "protocol": protocol });
    couple.agree(app, terms, None).await;
}

/// A person's own check-ins of a scene, as `sentence: due time`.
async fn due(app: &TestApp, person: &Person, scene: &str) -> Vec<String> {
    let query =
        format!("query($id: ID!) {{ node(id: $id) {{ ... on Scene {{ myCheckIns {{ {TIMES} }} }} }} }}");
    let data = person.ask(app, &query, json!({ "id": scene })).await;
    let line = |one: &Value| format!("{}: {}", text(&one["time"]["sentence"]), text(&one["dueAt"]));
    data["node"]["myCheckIns"].as_array().unwrap().iter().map(line).collect()
}

async fn moves_to(app: &TestApp, person: &Person, zone: &str) {
    person.done(app, "updateProfile", json!({ "zone": zone }), "").await;
}

/// Records a scene in person that ends now.
async fn meets(app: &TestApp, couple: &Couple, parted_at: Option<i64>) -> String {
    let now = instant(app.clock.now());
    let input = json!({ "linkId": couple.link, "setting": "IN_PERSON", "startedAt": now, "endedAt": now,
        "partedAt": parted_at.map(|minutes| instant(minute(minutes))) });
    text(&couple.alex.done(app, "recordScene", input, "scene { id }").await["scene"]["id"])
}

fn after_parting(minutes: i64) -> Value {
    json!({ "afterParting": { "minutes": minutes } })
}

fn joined(one: Value, more: &[Value]) -> Value {
    one.as_array().unwrap().iter().chain(more).cloned().collect()
}

on_both_databases! {
    async fn r03_a_local_time_is_by_the_clock_of_whoever_is_asked(app) {
        let couple = app.couple().await;
        agree_on(&app, &couple, joined(after_end(&[60]), &[on_day(1, "09:30")])).await;
        let scene = couple.scene(&app).await;
        // The scene ends on Saturday at 20:00 in Berlin, in the night of whose next the clocks go back, and at 11:00 in
        // Los Angeles.
        assert_eq!(due(&app, &couple.alex, &scene).await,
            ["one hour after the scene: 2026-10-24T19:00:00.000Z", "the next day at 09:30: 2026-10-25T08:30:00.000Z"]);
        assert_eq!(due(&app, &couple.sam, &scene).await,
            ["one hour after the scene: 2026-10-24T19:00:00.000Z", "the next day at 09:30: 2026-10-25T16:30:00.000Z"]);
        app.pass_until(minute(50 * HOUR)).await;
        let asked = |line: &&String| line.ends_with("push ASK");
        for (person, second) in [(&couple.alex, "25 08:30 push ASK"), (&couple.sam, "25 16:30 push ASK")] {
            let timeline = person.timeline(&app).await;
            assert_eq!(timeline.iter().filter(asked).collect::<Vec<_>>(), ["24 19:00 push ASK", second], "{timeline:#?}");
        }
    }

    async fn r03_to_the_partner_a_local_time_does_not_tell_where_somebody_is(app) {
        let couple = app.couple().await;
        agree_on(&app, &couple, joined(after_end(&[60]), &[on_day(1, "09:30"), on_day(2, "09:30")])).await;
        let scene = couple.scene(&app).await;
        let query = "query($id: ID!) { node(id: $id) { ... on Scene { partnerCheckIns { dueAt shared { mood } } } } }";
        let look = async || couple.alex.ask(&app, query, json!({ "id": scene })).await.to_string();
        let before = look().await;
        assert!(before.contains("2026-10-25T08:30:00.000Z") && !before.contains("2026-10-25T16:30:00.000Z"), "{before}");
        for zone in ["Asia/Tokyo", "Europe/Lisbon"] {
            moves_to(&app, &couple.sam, zone).await;
            assert_eq!(look().await, before, "{zone}");
        }
    }

    async fn r17_what_is_to_come_follows_whoever_travels_and_nothing_goes_twice(app) {
        let couple = app.couple().await;
        agree_on(&app, &couple, joined(after_end(&[60]), &[on_day(1, "09:30"), on_day(2, "09:30")])).await;
        let scene = couple.scene(&app).await;
        app.pass_until(minute(15 * HOUR)).await;
        // On Sunday at 10:00 in Berlin, half an hour after the second question, Alex lands in New York.
        moves_to(&app, &couple.alex, "America/New_York").await;
        assert_eq!(due(&app, &couple.alex, &scene).await[1..],
            ["the next day at 09:30: 2026-10-25T08:30:00.000Z", "2 days later at 09:30: 2026-10-26T13:30:00.000Z"]);
        app.pass_until(minute(45 * HOUR)).await;
        // On Monday at 11:00 in New York he is back in Berlin, as far as his phone says; the third question was asked.
        moves_to(&app, &couple.alex, "Europe/Berlin").await;
        app.pass_until(minute(80 * HOUR)).await;
        let timeline = couple.alex.timeline(&app).await;
        let asked: Vec<_> = timeline.iter().filter(|line| line.ends_with("push ASK")).collect();
        assert_eq!(asked, ["24 19:00 push ASK", "25 08:30 push ASK", "26 13:30 push ASK"], "{timeline:#?}");
    }

    async fn r17_a_local_time_that_is_over_where_somebody_lands_is_asked_at_once(app) {
        let couple = app.couple().await;
        agree_on(&app, &couple, joined(after_end(&[60]), &[on_day(1, "09:30")])).await;
        let scene = couple.scene(&app).await;
        app.pass_until(minute(20 * HOUR)).await;
        // On Sunday at 7:00 in Los Angeles Sam is in Berlin, where it is 15:00.
        moves_to(&app, &couple.sam, "Europe/Berlin").await;
        assert_eq!(due(&app, &couple.sam, &scene).await[1], "the next day at 09:30: 2026-10-25T14:00:00.000Z");
        app.pass_minutes(5).await;
        assert_eq!(couple.sam.timeline_of(&app, "25 14:00 push ASK").await.len(), 1);
    }

    async fn r25_a_local_time_is_explained_by_the_clock_of_whoever_reads_it(app) {
        let couple = app.couple().await;
        agree_on(&app, &couple, joined(after_end(&[60]), &[on_day(1, "09:30")])).await;
        couple.scene(&app).await;
        app.pass_until(minute(30 * HOUR)).await;
        for (person, words) in [
            (&couple.alex, "Your agreement, revision 1, asks the next day at 09:30: Sunday 25 October at 09:30."),
            (&couple.sam, "Your agreement, revision 1, asks the next day at 09:30: Sunday 25 October at 09:30."),
            (&couple.alex, "Your agreement, revision 1, has you get in touch the next day at 09:30: Sunday 25 October at 09:30."),
        ] {
            let mut said = Vec::new();
            for push in person.pushes(&app) {
                said.push(person.nudge(&app, &push).await.to_string());
            }
            let query = "{ viewer { nudges(first: 50) { nodes { reasons { sentences } } } } }";
            said.push(person.ask(&app, query, json!({})).await.to_string());
            assert!(said.iter().any(|said| said.contains(words)), "{words}: {said:#?}");
        }
    }

    async fn r18_in_person_nobody_is_reminded_of_the_other_before_they_have_parted(app) {
        let couple = app.couple().await;
        agree_on(&app, &couple, after_end(&[60, 24 * 60])).await;
        // A visit in Berlin: they part the next day at 14:00.
        moves_to(&app, &couple.sam, "Europe/Berlin").await;
        let scene = meets(&app, &couple, Some(19 * HOUR)).await;
        app.pass_until(minute(19 * HOUR + 59)).await;
        for person in [&couple.alex, &couple.sam] {
            assert_eq!(person.timeline_of(&app, "REACH_OUT").await, Vec::<String>::new());
        }
        app.pass_until(minute(20 * HOUR)).await;
        for person in [&couple.alex, &couple.sam] {
            let prompts = person.timeline_of(&app, "REACH_OUT").await;
            assert_eq!(prompts, ["25 14:00 push REACH_OUT"], "an hour after the goodbye");
        }
        let said = couple.alex.ask(&app, "{ viewer { nudges(first: 50) { nodes { reasons { kind sentences } } } } }", json!({})).await;
        assert!(said.to_string().contains("You two parted on Sunday 25 October at 14:00, so it waited until an hour after that."), "{said}");
        let late = json!({ "sceneId": scene, "partedAt": instant(minute(23 * HOUR)) });
        app.pass_until(minute(21 * HOUR)).await;
        assert_eq!(couple.sam.refused(&app, "setParting", late).await, ("sceneId".to_owned(), "WRONG_STATE".to_owned()));
    }

    async fn r18_what_fell_due_while_they_were_together_waits_for_the_goodbye(app) {
        let couple = app.couple().await;
        agree_on(&app, &couple, joined(after_end(&[60]), &[on_day(1, "10:00")])).await;
        moves_to(&app, &couple.sam, "Europe/Berlin").await;
        // They part on the third day at 14:00, when both check-ins have closed.
        meets(&app, &couple, Some(42 * HOUR + 60)).await;
        app.pass_until(minute(80 * HOUR)).await;
        for person in [&couple.alex, &couple.sam] {
            let prompts = person.timeline_of(&app, "REACH_OUT").await;
            assert_eq!(prompts, ["26 14:00 push REACH_OUT", "26 14:00 push REACH_OUT"], "two reasons");
            let pushes = person.pushes(&app).into_iter().filter(|push| push.at > minute(40 * HOUR)).count();
            assert_eq!(pushes, 1, "and one message");
        }
    }

    async fn r18_a_visit_that_goes_on_moves_the_prompts_and_the_check_ins_with_the_parting(app) {
        let couple = app.couple().await;
        let after_we_part = json!({ "onDayAfterParting": { "daysAfter": 1, "localTime": "18:00" } });
        agree_on(&app, &couple, joined(after_end(&[60]), &[after_parting(2 * HOUR), after_we_part])).await;
        moves_to(&app, &couple.sam, "Europe/Berlin").await;
        let scene = meets(&app, &couple, None).await;
        assert_eq!(due(&app, &couple.sam, &scene).await.len(), 1, "nobody said when they part");
        let say = |minutes: i64| json!({ "sceneId": scene, "partedAt": instant(minute(minutes)) });
        let said = couple.sam.done(&app, "setParting", say(16 * HOUR), "scene { partedAt myCheckIns { id } }").await;
        assert_eq!(said["scene"]["partedAt"], "2026-10-25T10:00:00.000Z");
        assert_eq!(couple.alex.change(&app, "setParting", say(16 * HOUR), "").await["status"], "UNCHANGED");
        let first = due(&app, &couple.sam, &scene).await;
        assert_eq!(first, ["one hour after the scene: 2026-10-24T19:00:00.000Z",
            "two hours after you part: 2026-10-25T12:00:00.000Z", "the day after you part at 18:00: 2026-10-26T17:00:00.000Z"]);
        // They stay another night.
        couple.alex.done(&app, "setParting", say(40 * HOUR), "").await;
        assert_eq!(due(&app, &couple.sam, &scene).await[1..],
            ["two hours after you part: 2026-10-26T12:00:00.000Z", "the day after you part at 18:00: 2026-10-27T17:00:00.000Z"]);
        app.pass_until(minute(40 * HOUR)).await;
        assert_eq!(couple.sam.timeline_of(&app, "REACH_OUT").await, Vec::<String>::new());
        // Sam flies home meanwhile: the last question comes at 18:00 there.
        moves_to(&app, &couple.sam, "America/Los_Angeles").await;
        app.pass_until(minute(100 * HOUR)).await;
        let asked = async |person: &Person| {
            let timeline = person.timeline(&app).await;
            timeline.into_iter().filter(|line| line.ends_with("push ASK")).collect::<Vec<_>>()
        };
        assert_eq!(asked(&couple.alex).await, ["24 19:00 push ASK", "26 12:00 push ASK", "27 17:00 push ASK"]);
        // Two hours after the goodbye it is 5:00 in Los Angeles: asked when Sam's quiet hours end.
        assert_eq!(asked(&couple.sam).await, ["24 19:00 push ASK", "26 14:00 push ASK", "28 01:00 push ASK"]);
        assert!(!couple.alex.timeline_of(&app, "REACH_OUT").await.is_empty());
    }

    async fn r02_a_parting_keeps_nobody_from_ending_the_scene(app) {
        let couple = app.couple().await;
        agree_on(&app, &couple, joined(after_end(&[60]), &[after_parting(0)])).await;
        let begun = json!({ "linkId": couple.link, "setting": "IN_PERSON", "partedAt": instant(minute(30)) });
        let begin = async || text(&couple.alex.done(&app, "recordScene", begun.clone(), "scene { id }").await["scene"]["id"]);
        let ends = json!({ "endedAt": instant(minute(90)), "partedAt": instant(minute(90)) });
        let planned = begin().await;
        let now = begin().await;
        app.pass_minutes(90).await;
        // One was planned for earlier than the scene lasted, and one is said by a phone whose clock is a minute behind.
        for (scene, parted_at) in [(&planned, None), (&now, Some(instant(minute(89))))] {
            let mut input = json!({ "sceneId": scene });
            if let Some(at) = parted_at {
                input["partedAt"] = json!(at);
            }
            let ended = couple.alex.done(&app, "endScene", input, "scene { endedAt partedAt }").await;
            assert_eq!(ended["scene"], ends);
            assert_eq!(due(&app, &couple.sam, scene).await.len(), 2);
        }
    }

    async fn r04_the_second_to_end_a_scene_may_know_when_they_part(app) {
        let couple = app.couple().await;
        agree_on(&app, &couple, joined(after_end(&[60]), &[after_parting(60)])).await;
        let scene = meets(&app, &couple, None).await;
        let knows = json!({ "sceneId": scene, "partedAt": instant(minute(300)) });
        let second = couple.sam.done(&app, "endScene", knows.clone(), "scene { partedAt }").await;
        assert_eq!(second["scene"]["partedAt"], instant(minute(300)));
        assert_eq!(due(&app, &couple.alex, &scene).await.len(), 2);
        assert_eq!(couple.alex.change(&app, "endScene", knows, "").await["status"], "UNCHANGED");
    }

    async fn r05_nobody_closes_the_others_questions_by_another_parting_nor_puts_them_off_for_ever(app) {
        let couple = app.couple().await;
        agree_on(&app, &couple, joined(after_end(&[60]), &[after_parting(60), after_parting(30 * HOUR)])).await;
        let scene = meets(&app, &couple, Some(10 * HOUR)).await;
        let say = |minutes: i64| json!({ "sceneId": scene, "partedAt": instant(minute(minutes)) });
        app.pass_until(minute(11 * HOUR + 5)).await;
        // What fell due stays, however often the parting is said anew; what is to come moves with it.
        let asked = due(&app, &couple.sam, &scene).await;
        for later in [12, 20, 40] {
            couple.alex.done(&app, "setParting", say(later * HOUR), "").await;
            assert_eq!(due(&app, &couple.sam, &scene).await[..2], asked[..2]);
        }
        app.pass_until(minute(65 * HOUR)).await;
        let open = due(&app, &couple.sam, &scene).await;
        let back = couple.alex.refused(&app, "setParting", say(0)).await;
        assert_eq!(back.0, "sceneId", "two hours after it, it stands");
        assert_eq!(due(&app, &couple.sam, &scene).await, open);
        let other = meets(&app, &couple, Some(65 * HOUR + 30)).await;
        app.pass_minutes(60).await;
        let gone = json!({ "sceneId": other, "partedAt": instant(minute(65 * HOUR)) });
        couple.alex.done(&app, "setParting", gone, "").await;
        let start = couple.sam.ask(&app, "{ viewer { changes { cursor } } }", json!({})).await["viewer"]["changes"]["cursor"].clone();
        for minutes in 1..20 {
            let again = json!({ "sceneId": other, "partedAt": instant(minute(65 * HOUR + minutes)) });
            couple.alex.done(&app, "setParting", again, "").await;
        }
        let feed = "query($after: String) { viewer { changes(after: $after, first: 50) { changes { kind } } } }";
        let told = couple.sam.ask(&app, feed, json!({ "after": start })).await.to_string();
        assert!(told.contains("SCENE_CHANGED") && !told.contains("CHECK_IN_OPENED"), "nobody's phone is rung by it: {told}");
    }

    async fn r18_the_parting_of_a_scene_under_way_is_not_before_it_and_can_be_said_anew(app) {
        let couple = app.couple().await;
        let begun = json!({ "linkId": couple.link, "setting": "IN_PERSON", "partedAt": instant(minute(-60)) });
        assert_eq!(couple.alex.refused(&app, "recordScene", begun).await, ("partedAt".to_owned(), "OUT_OF_RANGE".to_owned()));
        let begun = json!({ "linkId": couple.link, "setting": "IN_PERSON", "partedAt": instant(minute(60)) });
        let scene = text(&couple.alex.done(&app, "recordScene", begun, "scene { id }").await["scene"]["id"]);
        app.pass_minutes(5 * HOUR).await;
        let say = json!({ "sceneId": scene, "partedAt": instant(minute(8 * HOUR)) });
        couple.sam.done(&app, "setParting", say, "").await;
    }

    async fn r03_who_never_says_when_they_part_is_asked_all_the_same(app) {
        let couple = app.couple().await;
        agree_on(&app, &couple, joined(after_end(&[60]), &[after_parting(0)])).await;
        let scene = meets(&app, &couple, None).await;
        app.pass_until(minute(30 * HOUR)).await;
        assert_eq!(due(&app, &couple.alex, &scene).await, ["one hour after the scene: 2026-10-24T19:00:00.000Z"]);
        assert!(!couple.alex.timeline_of(&app, "ASK").await.is_empty() && !couple.alex.timeline_of(&app, "REACH_OUT").await.is_empty());
        let online = couple.scene(&app).await;
        let say = json!({ "sceneId": online, "partedAt": instant(minute(31 * HOUR)) });
        assert_eq!(couple.alex.refused(&app, "setParting", say).await, ("partedAt".to_owned(), "OUT_OF_RANGE".to_owned()));
    }
}

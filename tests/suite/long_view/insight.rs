//! What a person's own answers show, for that person alone.
use crate::support::care::{DAY, HOUR, minute};
use crate::support::care::{after_end, minutes_after};
use crate::support::people::text;
use crate::support::{Couple, Person, TestApp};
use serde_json::{Value, json};

const INSIGHT: &str = "{ viewer { insight { scenes answers
    comforts { scenesWell found { comfort whenWell scenes } }
    lows { fromHours untilHours answers lows tendsLow }
    suggestion { protocol { ... on AfterEnd { minutes } } sentence reasons { offsetMinutes added sentence stretch { fromHours answers lows } } }
    courses(first: 2) { nodes { scene { id } endedAt points { minutesSince mood } } pageInfo { hasNextPage endCursor } }
} } }";

async fn insight(app: &TestApp, person: &Person) -> Value {
    person.ask(app, INSIGHT, json!({})).await["viewer"]["insight"].clone()
}

/// A scene that ends on this day with this aftercare; Sam answers its check-ins with these moods when they fall due.
async fn lived(app: &TestApp, couple: &Couple, day: i64, aftercare: &[Value], moods: &[i32]) -> String {
    app.clock.set(minute(day * DAY));
    let scene = couple.scene(app).await;
    for given in aftercare {
        let mut input = given.clone();
        input["sceneId"] = json!(scene);
        couple.alex.done(app, "recordAftercare", input, "").await;
    }
    for (check_in, mood) in couple.check_ins(app, &couple.sam, &scene).await.iter().zip(moods) {
        app.clock.set(check_in["dueAt"].as_str().unwrap().parse().unwrap());
        let answer =
            json!({ "checkInId": check_in["id"], "mood": mood, "note": "heliotrope", "sharing": "ALL" });
        couple.sam.done(app, "answerCheckIn", answer, "").await;
    }
    scene
}

on_both_databases! {
    async fn insight_counts_ones_own_answers_and_suggests_a_protocol_with_reasons(app) {
        let couple = app.couple().await;
        couple.agree_on(&app, &[60, 660, 1440]).await;
        let talk = json!({ "givenBy": "ME", "comforts": ["TALK", "WATER"] });
        let both = json!({ "givenBy": "BOTH", "comforts": ["TALK"] });
        let to_alex = json!({ "givenBy": "PARTNER", "comforts": ["SLEEP"] });
        let mut scenes = Vec::new();
        let first = insight(&app, &couple.sam).await;
        assert_eq!((&first["scenes"], &first["answers"], &first["suggestion"]["protocol"]),
            (&json!(0), &json!(0), &Value::Null));
        assert!(text(&first["suggestion"]["sentence"]).starts_with("There is too little to say yet"));
        for (n, (aftercare, moods)) in (0..).zip([
            (vec![talk.clone(), to_alex.clone()], vec![4, 2, 4]),
            (vec![both.clone(), to_alex.clone()], vec![4, 3, 5]),
            (vec![talk, both, to_alex], vec![5, 4]),
            (vec![], vec![3, 1, 3]),
        ]) {
            scenes.push(lived(&app, &couple, n * 3, &aftercare, &moods).await);
        }
        let seen = insight(&app, &couple.sam).await;
        assert_eq!((&seen["scenes"], &seen["answers"]), (&json!(4), &json!(11)));
        assert_eq!(seen["comforts"], json!({ "scenesWell": 2, "found": [
            { "comfort": "TALK", "whenWell": 2, "scenes": 3 } ] }));
        let stretch = |from: u32, until: Option<u32>, answers: u32, lows: u32, tends: bool| json!({ "fromHours": from,
            "untilHours": until, "answers": answers, "lows": lows, "tendsLow": tends });
        assert_eq!(seen["lows"], json!([stretch(0, Some(6), 4, 0, false), stretch(6, Some(18), 4, 2, true),
            stretch(18, Some(36), 3, 0, false), stretch(36, Some(60), 0, 0, false), stretch(60, Some(96), 0, 0, false),
            stretch(96, None, 0, 0, false)]));
        assert_eq!(seen["suggestion"]["protocol"], minutes_after(&[60, 660, 1440, 2880]));
        assert_eq!(seen["suggestion"]["reasons"], json!([{ "offsetMinutes": 660, "added": true,
            "sentence": "2 of your 4 answers between 6 and 18 hours after a scene were low. A check-in after 11 hours \
                would ask about that time.",
            "stretch": { "fromHours": 6, "answers": 4, "lows": 2 } }]));
        let proposed = json!({ "linkId": couple.link, "basedOn": latest(&app, &couple.sam).await,
            "terms": { "stopSignal": "red", "protocol": after_end(&[60, 660, 1440, 2880]) } });
        couple.sam.done(&app, "proposeRevision", proposed, "").await;

        let points = |all: &[(i64, i32)]| {
            let points = all.iter().map(|(minutes, mood)| json!({ "minutesSince": minutes, "mood": mood }));
            json!(points.collect::<Vec<_>>())
        };
        let courses = &seen["courses"];
        assert_eq!(courses["nodes"], json!([
            { "scene": { "id": scenes[3] }, "endedAt": "2026-11-02T18:00:00.000Z",
                "points": points(&[(60, 3), (660, 1), (1440, 3)]) },
            { "scene": { "id": scenes[2] }, "endedAt": "2026-10-30T18:00:00.000Z", "points": points(&[(60, 5), (660, 4)]) },
        ]));
        assert_eq!(courses["pageInfo"]["hasNextPage"], true);
        let rest = format!("{{ viewer {{ insight {{ courses(after: {}) {{ nodes {{ scene {{ id }} }} }} }} }} }}",
            courses["pageInfo"]["endCursor"]);
        let rest = couple.sam.ask(&app, &rest, json!({})).await["viewer"]["insight"]["courses"]["nodes"].clone();
        assert_eq!(rest, json!([{ "scene": { "id": scenes[1] } }, { "scene": { "id": scenes[0] } }]));
    }

    async fn insight_is_for_the_person_alone_and_outlives_the_link(app) {
        let couple = app.couple().await;
        couple.scene(&app).await;
        let before = insight(&app, &couple.alex).await;
        for n in 1..4 {
            lived(&app, &couple, n * 3, &[], &[1, 1, 1]).await;
        }
        assert_eq!(insight(&app, &couple.alex).await, before, "the partner's answers, shared or not, have no part in it");
        let sams = insight(&app, &couple.sam).await;
        assert_eq!((&sams["answers"], &before["answers"]), (&json!(9), &json!(0)));
        couple.alex.done(&app, "endLink", json!({ "linkId": couple.link }), "").await;
        assert_eq!(insight(&app, &couple.sam).await, sams);
    }

    async fn a_late_answer_counts_where_it_was_given_and_a_skipped_check_in_nowhere(app) {
        let couple = app.couple().await;
        let scene = couple.scene(&app).await;
        let check_ins = couple.check_ins(&app, &couple.sam, &scene).await;
        couple.sam.done(&app, "skipCheckIn", json!({ "checkInId": check_ins[1]["id"] }), "").await;
        app.clock.set(minute(3 * DAY + HOUR));
        couple.sam.done(&app, "answerCheckIn", json!({ "checkInId": check_ins[0]["id"], "mood": 2 }), "").await;
        let seen = insight(&app, &couple.sam).await;
        assert_eq!(seen["courses"]["nodes"][0]["points"], json!([{ "minutesSince": 73 * 60, "mood": 2 }]));
        assert_eq!((&seen["answers"], &seen["lows"][4]["lows"]), (&json!(1), &json!(1)));
    }
}

async fn latest(app: &TestApp, person: &Person) -> Value {
    let query = "{ viewer { partnerLinks { latestRevision { id } } } }";
    person.ask(app, query, json!({})).await["viewer"]["partnerLinks"][0]["latestRevision"]["id"].clone()
}

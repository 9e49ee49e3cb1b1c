//! Scenes of one person alone: from the first minute on, by their own plan, and seen by nobody else.

use crate::support::care::{HOUR, instant, minute, on_day};
use crate::support::people::{link_in, text};
use crate::support::{Person, TestApp};
use jiff::SignedDuration;
use serde_json::{Value, json};

const SCENE: &str =
    "scene { id link { id } partnerRole revision { id } debrief { state } partnerCheckIns { dueAt }
    myCheckIns { id dueAt time { sentence } } }";

async fn alone(app: &TestApp, person: &Person) -> Value {
    let now = instant(app.clock.now());
    let input = json!({ "solo": true, "setting": "IN_PERSON", "startedAt": now, "endedAt": now });
    person.done(app, "recordScene", input, SCENE).await["scene"].clone()
}

async fn scenes(app: &TestApp, person: &Person) -> Vec<String> {
    let data = person.ask(app, "{ viewer { scenes(first: 50) { nodes { id } } } }", json!({})).await;
    data["viewer"]["scenes"]["nodes"].as_array().unwrap().iter().map(|scene| text(&scene["id"])).collect()
}

on_both_databases! {
    async fn r02_who_is_alone_is_asked_from_the_first_minute_and_nobody_else_is_told(app) {
        let robin = app.person("Robin", "Europe/Berlin", ("22:00", "08:00")).await;
        let scene = alone(&app, &robin).await;
        assert_eq!((&scene["link"], &scene["partnerRole"], &scene["revision"], &scene["partnerCheckIns"]),
            (&Value::Null, &Value::Null, &Value::Null, &json!([])));
        let due: Vec<_> = scene["myCheckIns"].as_array().unwrap().iter().map(|one| text(&one["dueAt"])).collect();
        assert_eq!(due, ["2026-10-24T19:00:00.000Z", "2026-10-25T18:00:00.000Z", "2026-10-26T18:00:00.000Z"]);
        app.pass_until(minute(60 * HOUR)).await;
        let timeline = robin.timeline(&app).await;
        let asked: Vec<_> = timeline.iter().filter(|line| line.ends_with("push ASK")).collect();
        assert_eq!(asked, ["24 19:00 push ASK", "25 18:00 push ASK", "26 18:00 push ASK"], "{timeline:#?}");
        assert!(timeline.iter().all(|line| !line.contains("REACH_OUT") && !line.contains("TELL_PARTNER")), "{timeline:#?}");
    }

    async fn r03_ones_own_plan_says_when_one_is_asked_and_nobody_agrees_to_it(app) {
        let robin = app.person("Robin", "Europe/Berlin", ("22:00", "08:00")).await;
        let read = "{ viewer { soloPlan { needs { words } protocol { sentence } } } }";
        let before = robin.ask(&app, read, json!({})).await["viewer"]["soloPlan"].clone();
        assert_eq!((&before["needs"], before["protocol"].as_array().unwrap().len()), (&Value::Null, 3));
        let first = alone(&app, &robin).await;
        let plan = json!({ "needs": { "words": "Tea and a walk." }, "protocol": [on_day(1, "10:00")] });
        let written = robin.done(&app, "writeSoloPlan", plan, "soloPlan { needs { words } protocol { sentence } }").await;
        let plan = json!({ "needs": { "words": "Tea and a walk." }, "protocol": [{ "sentence": "the next day at 10:00" }] });
        assert_eq!(written["soloPlan"], plan);
        assert_eq!(robin.ask(&app, read, json!({})).await["viewer"]["soloPlan"], plan);
        let scene = alone(&app, &robin).await;
        assert_eq!(scene["myCheckIns"][0]["dueAt"], "2026-10-25T09:00:00.000Z");
        assert_eq!(first["myCheckIns"].as_array().unwrap().len(), 3, "what was promised stays");
        app.pass_until(minute(20 * HOUR)).await;
        let said = robin.ask(&app, "{ viewer { nudges(first: 50) { nodes { reasons { sentences } } } } }", json!({})).await;
        assert!(said.to_string().contains("Your own plan asks the next day at 10:00: Sunday 25 October at 10:00."), "{said}");
    }

    async fn r29_a_later_link_does_not_see_what_was_alone(app) {
        let couple = app.couple().await;
        let own = text(&alone(&app, &couple.alex).await["id"]);
        // What begins at one instant has no order.
        app.clock.set(app.clock.now() + SignedDuration::from_secs(1));
        let shared = couple.scene(&app).await;
        assert_eq!(scenes(&app, &couple.alex).await, [shared.clone(), own.clone()]);
        assert_eq!(scenes(&app, &couple.sam).await, [shared]);
        let node = "query($id: ID!) { node(id: $id) { __typename } }";
        assert_eq!(couple.sam.ask(&app, node, json!({ "id": own })).await["node"], Value::Null);
        let link = "query($id: ID!) { node(id: $id) { ... on PartnerLink { scenes(first: 50) { nodes { id } } } } }";
        for person in [&couple.alex, &couple.sam] {
            let seen = person.ask(&app, link, json!({ "id": couple.link })).await.to_string();
            assert!(!seen.contains(&own), "{seen}");
        }
        for (mutation, input) in [
            ("endScene", json!({ "sceneId": own })),
            ("recordAftercare", json!({ "sceneId": own, "givenBy": "ME" })),
            ("writeJournalEntry", json!({ "sceneId": own, "text": "mine?" })),
        ] {
            assert_eq!(couple.sam.refused(&app, mutation, input).await.1, "NOT_FOUND", "{mutation}");
        }
    }

    async fn r12_what_needs_another_person_is_refused_and_the_rest_is_done(app) {
        let couple = app.couple().await;
        let alex = &couple.alex;
        let scene = text(&alone(&app, alex).await["id"]);
        let later = instant(minute(5 * HOUR));
        for (mutation, input) in [
            ("recordOutreach", json!({ "sceneId": scene, "way": "CALL" })),
            ("askPartner", json!({ "partnerOf": { "sceneId": scene } })),
            ("setSceneAlert", json!({ "sceneId": scene, "alertPermission": "ALLOW" })),
            ("setParting", json!({ "sceneId": scene, "partedAt": later })),
            ("writeDebrief", json!({ "sceneId": scene, "text": "calm" })),
        ] {
            let field = if mutation == "askPartner" { "partnerOf.sceneId" } else { "sceneId" };
            let refused = alex.refused(&app, mutation, input).await;
            assert_eq!(refused, (field.to_owned(), "WRONG_STATE".to_owned()), "{mutation}");
        }
        let kept = "scene { aftercare { givenBy note } }";
        let given = json!({ "sceneId": scene, "givenBy": "ME", "comforts": ["WATER"], "note": "tea" });
        let given = alex.done(&app, "recordAftercare", given, kept).await;
        assert_eq!(given["scene"]["aftercare"], json!([{ "givenBy": "ME", "note": "tea" }]));
        for giver in ["PARTNER", "BOTH"] {
            let input = json!({ "sceneId": scene, "givenBy": giver });
            assert_eq!(alex.refused(&app, "recordAftercare", input).await, ("givenBy".to_owned(), "OUT_OF_RANGE".to_owned()));
        }
        alex.done(&app, "writeJournalEntry", json!({ "sceneId": scene, "text": "a good evening" }), "").await;
        alex.done(&app, "correctScene", json!({ "sceneId": scene, "startedAt": instant(minute(-90)), "endedAt": instant(minute(-30)) }), "").await;
        // A plan, begun and ended, and one that did not take place.
        let plan = json!({ "solo": true, "setting": "IN_PERSON", "plannedFor": later });
        let planned = alex.done(&app, "planScene", plan.clone(), "scene { id }").await["scene"]["id"].clone();
        alex.done(&app, "startScene", json!({ "sceneId": planned }), "").await;
        let parted = json!({ "sceneId": planned, "partedAt": later });
        assert_eq!(alex.refused(&app, "endScene", parted.clone()).await, ("partedAt".to_owned(), "OUT_OF_RANGE".to_owned()));
        let ended = alex.done(&app, "endScene", json!({ "sceneId": planned }), "scene { myCheckIns { id } }").await;
        assert_eq!(alex.change(&app, "endScene", parted, "scene { partedAt }").await["scene"]["partedAt"], Value::Null);
        assert_eq!(ended["scene"]["myCheckIns"].as_array().unwrap().len(), 3);
        let planned = alex.done(&app, "planScene", plan, "scene { id }").await["scene"]["id"].clone();
        alex.done(&app, "cancelScene", json!({ "sceneId": planned }), "").await;
        for (field, value) in [("partnerRole", json!("SWITCH")), ("partedAt", json!(later))] {
            let mut input = json!({ "solo": true, "setting": "IN_PERSON", "endedAt": instant(app.clock.now()) });
            input[field] = value;
            assert_eq!(alex.refused(&app, "recordScene", input).await, (field.to_owned(), "OUT_OF_RANGE".to_owned()));
        }
        let end = "mutation($l: ID!) { endLink(input: { linkId: $l }) { status } }";
        alex.ask(&app, end, json!({ "l": couple.link })).await;
        app.pass_until(minute(HOUR + 5)).await;
        assert_eq!(alex.timeline_of(&app, "ASK").await.len(), 2, "a link's end is none of its business");
    }

    async fn r09_the_page_of_who_is_alone_offers_nobody_and_shows_whom_to_call(app) {
        let robin = app.person_without_device("Robin", "Europe/Berlin", ("22:00", "08:00")).await;
        alone(&app, &robin).await;
        app.pass_until(minute(HOUR + 1)).await;
        let link = link_in(&robin.mails(&app).pop().unwrap());
        assert!(link.ends_with("?also=alone"), "{link}");
        let page = app.http.get(&link).send().await.unwrap().text().await.unwrap();
        assert!(page.contains("How are you right now?") && !page.contains("hear from") && !page.contains("Who may see it?"), "{page}");
        let request = app.http.post(&link).header("Content-Type", "application/x-www-form-urlencoded");
        let answered = request.body("mood=1").send().await.unwrap().text().await.unwrap();
        assert!(answered.contains("Thank you") && !answered.contains("hear from somebody"), "{answered}");
    }

    async fn r27_an_erasure_takes_what_was_alone_with_it(app) {
        use diesel::prelude::*;
        use evenkeel::store::{Db, StoreError, schema::{check_ins, scenes, solo_plans}};
        let robin = app.person("Robin", "Europe/Berlin", ("22:00", "08:00")).await;
        robin.done(&app, "writeSoloPlan", json!({ "needs": { "words": "tea" } }), "").await;
        alone(&app, &robin).await;
        let left = async || {
            let count = |db: &mut Db| Ok::<_, StoreError>([
                scenes::table.count().get_result::<i64>(db)?,
                check_ins::table.count().get_result(db)?,
                solo_plans::table.count().get_result(db)?,
            ]);
            app.app.context.store.read(count).await.unwrap()
        };
        assert_eq!(left().await, [1, 3, 1]);
        crate::erasure::erase(&app, &robin).await;
        assert_eq!(left().await, [0, 0, 0]);
    }

    async fn r17_who_is_alone_is_followed_to_another_zone_too(app) {
        let robin = app.person("Robin", "Europe/Berlin", ("22:00", "08:00")).await;
        robin.done(&app, "writeSoloPlan", json!({ "protocol": [on_day(1, "09:00")] }), "").await;
        let scene = alone(&app, &robin).await;
        robin.done(&app, "updateProfile", json!({ "zone": "America/New_York" }), "").await;
        app.pass_until(minute(40 * HOUR)).await;
        assert_eq!(robin.timeline_of(&app, "push ASK").await[0], "25 13:00 push ASK", "{scene}");
    }
}

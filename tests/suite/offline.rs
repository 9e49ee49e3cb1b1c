//! Offline for longer than a day: what an app creates under an id of its own is there once, and of several answers the one
//! that was given last stays (R04).

use crate::support::care::{DAY, HOUR, instant, minute, mutation};
use crate::support::people::text;
use crate::support::race::TwoServers;
use crate::support::{Couple, Person, TestApp};
use diesel::prelude::*;
use evenkeel::store::schema::{
    aftercare, changes, check_ins, client_ids, journal_entries, nudges, outreaches, pleas, scenes,
};
use evenkeel::store::{Db, StoreError};
use jiff::SignedDuration;
use serde_json::{Value, json};

/// A mutation that creates something: its input without a client id, and what is selected of its payload. `whole` is the
/// object that the payload names by its id.
struct Creation {
    name: &'static str,
    input: Value,
    select: &'static str,
    whole: &'static str,
}

impl Creation {
    fn input(&self, client_id: &str) -> Value {
        let mut input = self.input.clone();
        input["clientId"] = json!(client_id);
        input
    }

    /// Sends it under a client id.
    async fn send(&self, app: &TestApp, by: &Person, client_id: &str) -> Value {
        by.change(app, self.name, self.input(client_id), self.select).await
    }

    /// As [`Creation::send`], under an idempotency key.
    async fn send_keyed(&self, app: &TestApp, by: &Person, client_id: &str, key: &str) -> Value {
        let (query, variables) =
            (mutation(self.name, self.select), json!({ "input": self.input(client_id) }));
        let (status, answer) = app.exact(Some(&by.access()), Some(key), &query, variables).await;
        assert_eq!(status, 200, "{answer}");
        serde_json::from_str::<Value>(&answer).unwrap()["data"][self.name].clone()
    }

    /// The id of what a payload shows.
    fn id<'a>(&self, payload: &'a Value) -> &'a Value {
        &payload[self.whole]["id"]
    }
}

/// Everything that a person can create, each under a number of its own, on a scene that has ended.
fn creations(app: &TestApp, link: &str, scene: &str) -> Vec<Creation> {
    let now = app.clock.now();
    let soon = (now + SignedDuration::from_hours(1)).to_string();
    let make = |name, input, select, whole| Creation { name, input, select, whole };
    let scene_of = "scene { id state aftercare { note } outreaches { way } }";
    vec![
        make(
            "planScene",
            json!({ "linkId": link, "setting": "ONLINE", "plannedFor": soon }),
            scene_of,
            "scene",
        ),
        make(
            "planScene",
            json!({ "solo": true, "setting": "ONLINE", "plannedFor": soon }),
            scene_of,
            "scene",
        ),
        make(
            "recordScene",
            json!({ "linkId": link, "setting": "ONLINE", "endedAt": now.to_string(), "separate": true }),
            scene_of,
            "scene",
        ),
        make("recordScene", json!({ "solo": true, "setting": "ONLINE" }), scene_of, "scene"),
        make(
            "recordAftercare",
            json!({ "sceneId": scene, "givenBy": "ME", "note": "tea" }),
            "aftercare { id } scene { id state }",
            "aftercare",
        ),
        make(
            "recordOutreach",
            json!({ "sceneId": scene, "way": "CALL" }),
            "outreach { id } scene { id state }",
            "outreach",
        ),
        make("writeJournalEntry", json!({ "text": "calm" }), "entry { id text }", "entry"),
        make("askPartner", json!({ "partnerOf": { "linkId": link } }), "plea { id } link { id }", "plea"),
    ]
}

/// An id as an app makes it.
fn client_id(number: usize) -> String {
    format!("0192f0c1-7d5e-7c3b-9a41-{number:012}")
}

/// How many rows there are of everything that a creation makes or causes.
async fn counts(app: &TestApp) -> Vec<(&'static str, i64)> {
    let count = |db: &mut Db| {
        Ok::<_, StoreError>(vec![
            ("scenes", scenes::table.count().get_result(db)?),
            ("aftercare", aftercare::table.count().get_result(db)?),
            ("outreaches", outreaches::table.count().get_result(db)?),
            ("journal entries", journal_entries::table.count().get_result(db)?),
            ("pleas", pleas::table.count().get_result(db)?),
            ("check-ins", check_ins::table.count().get_result(db)?),
            ("nudges", nudges::table.count().get_result(db)?),
            ("feed events", changes::table.count().get_result(db)?),
            ("client ids", client_ids::table.count().get_result(db)?),
        ])
    };
    app.app.context.store.read(count).await.unwrap()
}

async fn stored(app: &TestApp) -> i64 {
    counts(app).await.last().unwrap().1
}

fn problem(field: &str, code: &str) -> (String, String) {
    (field.to_owned(), code.to_owned())
}

/// What a person's answer is now.
async fn answer(app: &TestApp, person: &Person, check_in: &str) -> Value {
    let query = "query($id: ID!) { node(id: $id) { ... on CheckIn { answer { mood note sharing answeredAt unseenUntil } } } }";
    person.ask(app, query, json!({ "id": check_in })).await["node"]["answer"].clone()
}

/// Sam's first check-in of a scene that ended at the start, an hour later.
async fn asked(app: &TestApp, couple: &Couple) -> String {
    let scene = couple.scene(app).await;
    app.pass_minutes(HOUR).await;
    text(&couple.check_ins(app, &couple.sam, &scene).await[0]["id"])
}

const ANSWERED: &str = "checkIn { answer { mood note sharing } } plea { id state } pleaProblems { code }";

on_both_databases! {
    async fn r04_what_was_created_under_a_client_id_is_there_once_also_forty_days_later(app) {
        let couple = app.couple().await;
        let alex = &couple.alex;
        let scene = couple.scene(&app).await;
        let mut creations = creations(&app, &couple.link, &scene);
        let mut made = Vec::new();
        for (n, creation) in creations.iter().enumerate() {
            let payload = creation.send_keyed(&app, alex, &client_id(n), &format!("first-{n}")).await;
            assert_eq!(payload["status"], "DONE", "{}: {payload}", creation.name);
            made.push(payload);
        }
        let after_first = counts(&app).await;
        for (n, creation) in creations.iter().enumerate() {
            let again = creation.send_keyed(&app, alex, &client_id(n), &format!("second-{n}")).await;
            assert_eq!((&again["status"], creation.id(&again)), (&json!("UNCHANGED"), creation.id(&made[n])), "{}", creation.name);
        }
        assert_eq!(counts(&app).await, after_first);

        app.pass_minutes(40 * DAY).await;
        // What the app sends is too old by now, or is something else altogether: it is known by its client id alone.
        let other = text(&alex.done(&app, "recordScene", json!({ "solo": true, "setting": "IN_PERSON" }), "scene { id }").await["scene"]["id"]);
        creations[0].input["intensity"] = json!(77);
        creations[3].input["startedAt"] = json!("1980-01-01T00:00:00Z");
        creations[4].input = json!({ "sceneId": other, "givenBy": "PARTNER", "minutes": -5 });
        creations[6].input["text"] = json!("");
        creations[7].input = json!({ "partnerOf": { "sceneId": other } });
        let elsewhere = app.log_in_again(alex).await;
        let before = counts(&app).await;
        for (n, creation) in creations.iter().enumerate() {
            let again = creation.send_keyed(&app, &elsewhere, &client_id(n), &format!("second-{n}-later")).await;
            assert_eq!((&again["status"], creation.id(&again)), (&json!("UNCHANGED"), creation.id(&made[n])), "{}", creation.name);
            assert_eq!(again["problems"], json!([]));
            if creation.name == "askPartner" {
                assert_eq!(again["link"]["id"], couple.link);
            }
        }
        assert_eq!(counts(&app).await, before);
        for (n, creation) in creations.iter().enumerate().filter(|(_, creation)| creation.name == "writeJournalEntry") {
            let fresh = Creation { input: json!({ "text": "calm" }), ..*creation };
            assert_eq!(fresh.send(&app, alex, &client_id(100 + n)).await["status"], "DONE", "another id is another entry");
        }
    }

    async fn r04_of_many_at_once_under_one_client_id_one_creates(app) {
        let couple = app.couple().await;
        let alex = &couple.alex;
        let scene = couple.scene(&app).await;
        let servers = TwoServers::start(&app);
        for round in 0..3 {
            alex.refresh(&app).await;
            for (n, creation) in creations(&app, &couple.link, &scene).iter().enumerate() {
                let before = stored(&app).await;
                let query = mutation(creation.name, creation.select);
                let variables = json!({ "input": creation.input(&client_id(10 * round + n)) });
                let requests: Vec<_> = (0..6).map(|_| (alex, query.as_str(), variables.clone())).collect();
                let answers = servers.at_once(&app, &requests).await;
                let payloads: Vec<_> = answers.iter().map(|data| &data[creation.name]).collect();
                let done: Vec<_> = payloads.iter().filter(|payload| payload["status"] == "DONE").collect();
                assert_eq!(done.len(), 1, "{}: {payloads:?}", creation.name);
                for payload in &payloads {
                    assert!(payload["status"] == "DONE" || payload["status"] == "UNCHANGED", "{payload}");
                    assert_eq!(creation.id(payload), creation.id(done[0]), "{}", creation.name);
                }
                assert_eq!(stored(&app).await, before + 1);
            }
            // Of two things under one id, one is created.
            let all = creations(&app, &couple.link, &scene);
            let (plan, write) = (&all[0], &all[6]);
            let of = |creation: &Creation| json!({ "input": creation.input(&client_id(1000 + round)) });
            let queries = [plan, write].map(|creation| mutation(creation.name, ""));
            let requests = [(alex, queries[0].as_str(), of(plan)), (alex, queries[1].as_str(), of(write))];
            let answers = servers.at_once(&app, &requests).await;
            let mut statuses = [&answers[0]["planScene"]["status"], &answers[1]["writeJournalEntry"]["status"]].map(text);
            statuses.sort();
            assert_eq!(statuses, ["DONE", "REFUSED"], "{answers:?}");
            app.pass_minutes(5).await;
        }
        servers.stop().await;
        let kept = alex.ask(&app, "{ viewer { journal(first: 50) { nodes { id } } } }", json!({})).await;
        assert!(kept["viewer"]["journal"]["nodes"].as_array().unwrap().len() >= 3);
    }

    async fn r04_another_persons_client_id_is_free_and_tells_nothing(app) {
        let couple = app.couple().await;
        let scene = couple.scene(&app).await;
        for (n, creation) in creations(&app, &couple.link, &scene).iter().enumerate() {
            let alexs = creation.send(&app, &couple.alex, &client_id(n)).await;
            let sams = creation.send(&app, &couple.sam, &client_id(n)).await;
            assert_eq!((&alexs["status"], &sams["status"]), (&json!("DONE"), &json!("DONE")), "{}: {sams}", creation.name);
            assert_ne!(creation.id(&alexs), creation.id(&sams), "{}", creation.name);
            for (person, own) in [(&couple.alex, &alexs), (&couple.sam, &sams)] {
                let again = creation.send(&app, person, &client_id(n)).await;
                assert_eq!((&again["status"], creation.id(&again)), (&json!("UNCHANGED"), creation.id(own)), "{}", creation.name);
            }
        }
        let both = couple.alex.ask(&app, "query($id: ID!) { node(id: $id) { ... on Scene { aftercare { id } outreaches { way } } } }", json!({ "id": scene })).await;
        for list in ["aftercare", "outreaches"] {
            assert_eq!(both["node"][list].as_array().unwrap().len(), 2, "{list}: each has their own");
        }
    }

    async fn r04_a_repeat_shows_what_became_of_it_and_brings_nothing_back(app) {
        let couple = app.couple().await;
        let alex = &couple.alex;
        let scene = couple.scene(&app).await;
        let all = creations(&app, &couple.link, &scene);
        let mut made = Vec::new();
        for (n, creation) in all.iter().enumerate() {
            made.push(creation.send(&app, alex, &client_id(n)).await);
        }
        let entry = made[6]["entry"]["id"].clone();
        alex.done(&app, "editJournalEntry", json!({ "entryId": entry, "text": "calmer" }), "").await;
        assert_eq!(all[6].send(&app, alex, &client_id(6)).await["entry"], json!({ "id": entry, "text": "calmer" }));
        alex.done(&app, "deleteJournalEntry", json!({ "entryId": entry }), "").await;
        alex.done(&app, "cancelScene", json!({ "sceneId": made[1]["scene"]["id"] }), "").await;
        alex.done(&app, "endScene", json!({ "sceneId": made[3]["scene"]["id"] }), "").await;
        alex.done(&app, "takeBackPlea", json!({ "pleaId": made[7]["plea"]["id"] }), "").await;
        couple.sam.done(&app, "endLink", json!({ "linkId": couple.link }), "").await;
        // On hold nothing new is taken, and what was created is still told.
        alex.ask(&app, "mutation { withdrawConsent { status } }", json!({})).await;
        let before = counts(&app).await;
        let states = ["CANCELLED", "CANCELLED", "ENDED", "ENDED", "ENDED", "ENDED"];
        for (n, creation) in all.iter().enumerate() {
            let again = creation.send(&app, alex, &client_id(n)).await;
            assert_eq!((&again["status"], &again["problems"]), (&json!("UNCHANGED"), &json!([])), "{}: {again}", creation.name);
            match states.get(n) {
                Some(state) => {
                    assert_eq!((creation.id(&again), &again["scene"]["state"]), (creation.id(&made[n]), &json!(state)), "{n}");
                }
                None if creation.name == "writeJournalEntry" => assert_eq!(again["entry"], Value::Null, "it was deleted"),
                None => assert_eq!(again["plea"]["id"], made[n]["plea"]["id"]),
            }
        }
        assert_eq!(counts(&app).await, before);
        // Pleas are kept for a while: after that the answer has none, and the partner still hears nothing.
        app.pass_minutes(120 * DAY).await;
        evenkeel::actions::operations::retention::sweep(&app.app.context).await.unwrap();
        let alex = app.log_in_again(alex).await;
        let again = all[7].send(&app, &alex, &client_id(7)).await;
        assert_eq!((&again["status"], &again["plea"], &again["link"]), (&json!("UNCHANGED"), &Value::Null, &Value::Null));
    }

    async fn r04_what_is_refused_takes_no_client_id(app) {
        let couple = app.couple().await;
        let (alex, link) = (&couple.alex, &couple.link);
        let scene = couple.scene(&app).await;
        let all = creations(&app, link, &scene);
        let bad = Creation { input: json!({ "linkId": link, "setting": "ONLINE", "plannedFor": "1980-01-01T00:00:00Z" }), ..all[0] };
        assert_eq!(alex.refused(&app, "planScene", bad.input(&client_id(1))).await, problem("plannedFor", "OUT_OF_RANGE"));
        let missing = json!({ "sceneId": format!("Scene_{}", "0".repeat(32)), "way": "CALL", "clientId": client_id(1) });
        assert_eq!(alex.refused(&app, "recordOutreach", missing).await, problem("sceneId", "NOT_FOUND"));
        assert_eq!(stored(&app).await, 0);
        assert_eq!(all[0].send(&app, alex, &client_id(1)).await["status"], "DONE", "mended, it is created");
        // What looks like the scene that Alex recorded is not recorded, and can be with a word more.
        let now = app.clock.now().to_string();
        let mut input = json!({ "linkId": link, "setting": "ONLINE", "endedAt": now, "clientId": client_id(2) });
        let similar = couple.sam.change(&app, "recordScene", input.clone(), "scene { id } similar { id }").await;
        assert_eq!((&similar["status"], &similar["scene"]), (&json!("REFUSED"), &Value::Null));
        assert_eq!((&similar["problems"][0]["code"], &similar["similar"]["id"]), (&json!("SIMILAR_EXISTS"), &json!(scene)));
        input["separate"] = json!(true);
        let own = couple.sam.done(&app, "recordScene", input.clone(), "scene { id }").await;
        assert_ne!(own["scene"]["id"], scene);
        input["separate"] = json!(false);
        let again = couple.sam.change(&app, "recordScene", input, "scene { id } similar { id }").await;
        assert_eq!((&again["status"], &again["scene"], &again["similar"]), (&json!("UNCHANGED"), &own["scene"], &Value::Null));
    }

    async fn r04_a_client_id_stands_for_one_thing_and_has_a_form(app) {
        let couple = app.couple().await;
        let alex = &couple.alex;
        let scene = couple.scene(&app).await;
        let all = creations(&app, &couple.link, &scene);
        for (n, creation) in all.iter().enumerate() {
            assert_eq!(creation.send(&app, alex, &client_id(n)).await["status"], "DONE");
        }
        let before = counts(&app).await;
        for (n, creation) in all.iter().enumerate() {
            for (m, other) in all.iter().enumerate() {
                // A scene that was planned and one that was recorded are of one kind.
                let expected = match (n, m) {
                    (0..4, 0..4) => (json!("UNCHANGED"), json!([])),
                    _ if n == m => (json!("UNCHANGED"), json!([])),
                    _ => (json!("REFUSED"), json!([{ "field": "clientId", "code": "DUPLICATE" }])),
                };
                let payload = other.send(&app, alex, &client_id(n)).await;
                assert_eq!((payload["status"].clone(), payload["problems"].clone()), expected, "{} then {}", creation.name, other.name);
            }
            for (bad, code) in [("", "TOO_SHORT"), ("fifteen-letters", "TOO_SHORT"), ("sixteen, not all", "MALFORMED"),
                ("sixteen-lettersé", "MALFORMED"), (&"x".repeat(65), "TOO_LONG")]
            {
                assert_eq!(alex.refused(&app, creation.name, creation.input(bad)).await, problem("clientId", code), "{bad}");
            }
        }
        assert_eq!(counts(&app).await, before);
        assert_eq!(all[6].send(&app, alex, &"x".repeat(64)).await["status"], "DONE");
        assert_eq!(all[6].send(&app, alex, "Sixteen_-letters").await["status"], "DONE");
        let kept = app.dump().await.join("\n");
        assert!(!kept.contains("Sixteen_-letters"), "an app may have put words in it");
    }

    async fn r04_r37_a_plea_that_was_under_way_already_answers_for_the_second_client_id_too(app) {
        let couple = app.couple().await;
        let sam = &couple.sam;
        let ask = async |number: usize| {
            let input = json!({ "partnerOf": { "linkId": couple.link }, "clientId": client_id(number) });
            sam.change(&app, "askPartner", input, "plea { id state }").await
        };
        let first = ask(1).await;
        assert_eq!(first["status"], "DONE");
        let second = ask(2).await;
        assert_eq!((&second["status"], &second["plea"]), (&json!("UNCHANGED"), &first["plea"]));
        app.pass_minutes(DAY).await;
        let pushes = couple.alex.pushes(&app).len();
        assert_eq!(pushes, 1);
        for number in [1, 2] {
            let again = ask(number).await;
            assert_eq!((&again["status"], &again["plea"]["id"]), (&json!("UNCHANGED"), &first["plea"]["id"]));
            assert_eq!(again["plea"]["state"], "SENT");
        }
        app.pass_minutes(5).await;
        assert_eq!(couple.alex.pushes(&app).len(), pushes, "nobody hears it twice");
        assert_eq!(ask(3).await["status"], "DONE");
        app.pass_minutes(2).await;
    }

    async fn r04_of_two_devices_the_later_answer_stays_whichever_arrives_first(app) {
        for late_first in [false, true] {
            let couple = app.pair(usize::from(late_first)).await;
            let check_in = asked(&app, &couple).await;
            let [phone, tablet] = [app.log_in_again(&couple.sam).await, app.log_in_again(&couple.sam).await];
            let now = app.clock.now();
            let said = |mood: i32, minutes: i64| json!({ "checkInId": check_in, "mood": mood, "note": format!("mood {mood}"),
                "sharing": "MOOD", "askPartner": mood == 1, "answeredAt": (now + SignedDuration::from_mins(minutes)).to_string() });
            app.clock.set(now + SignedDuration::from_mins(60));
            let (early, late) = (said(1, 10), said(4, 20));
            let kept = json!({ "mood": 4, "note": "mood 4", "sharing": "MOOD" });
            if late_first {
                let first = tablet.change(&app, "answerCheckIn", late.clone(), ANSWERED).await;
                assert_eq!((&first["status"], &first["checkIn"]["answer"]), (&json!("DONE"), &kept));
                let before = counts(&app).await;
                for _ in 0..2 {
                    let second = phone.change(&app, "answerCheckIn", early.clone(), ANSWERED).await;
                    assert_eq!(second, json!({
                        "status": "REFUSED", "problems": [{ "field": "answeredAt", "code": "CHANGED" }],
                        "checkIn": { "answer": kept }, "plea": null, "pleaProblems": [],
                    }));
                }
                assert_eq!(counts(&app).await, before, "nobody is asked, and nothing is told");
                // Also where the device's clock is so far behind that the scene was not over.
                let mut far = early.clone();
                far["answeredAt"] = json!(minute(-DAY).to_string());
                assert_eq!(phone.refused(&app, "answerCheckIn", far).await, problem("answeredAt", "CHANGED"));
            } else {
                phone.done(&app, "answerCheckIn", early, "").await;
                let second = tablet.change(&app, "answerCheckIn", late, ANSWERED).await;
                assert_eq!((&second["status"], &second["checkIn"]["answer"]), (&json!("DONE"), &kept));
                app.pass_minutes(2).await;
            }
            let seen = answer(&app, &couple.sam, &check_in).await;
            assert_eq!((&seen["mood"], &seen["answeredAt"]), (&json!(4), &json!(instant(now + SignedDuration::from_mins(20)))));
            // Who answers without an instant answers now.
            let done = phone.done(&app, "answerCheckIn", json!({ "checkInId": check_in, "mood": 2 }), ANSWERED).await;
            assert_eq!(done["checkIn"]["answer"]["mood"], 2);
            app.pass_minutes(DAY).await;
        }
    }

    async fn r04_an_answer_that_is_sent_again_is_unchanged_to_the_millisecond(app) {
        let couple = app.couple().await;
        let sam = &couple.sam;
        let check_in = asked(&app, &couple).await;
        app.clock.set(app.clock.now() + SignedDuration::from_micros(1_234_567));
        sam.done(&app, "answerCheckIn", json!({ "checkInId": check_in, "mood": 3, "note": "calm" }), "").await;
        let at = app.clock.now();
        app.pass_minutes(90).await;
        let before = counts(&app).await;
        let said = |fraction: &str, note: &str| json!({ "checkInId": check_in, "mood": 3, "note": note,
            "answeredAt": at.strftime(&format!("%Y-%m-%dT%H:%M:%S.{fraction}Z")).to_string() });
        for echoed in ["234", "234567"] {
            assert_eq!(sam.change(&app, "answerCheckIn", said(echoed, " calm\n"), "").await["status"], "UNCHANGED", "{echoed}");
        }
        assert_eq!(sam.refused(&app, "answerCheckIn", said("233999", "calm")).await, problem("answeredAt", "CHANGED"));
        assert_eq!(counts(&app).await, before);
        let mended = sam.done(&app, "answerCheckIn", said("234", "calmer"), ANSWERED).await;
        assert_eq!(mended["checkIn"]["answer"]["note"], "calmer", "other words are an edit");
        let shared = json!({ "checkInId": check_in, "mood": 3, "note": "calmer", "sharing": "ALL", "answeredAt": said("234", "")["answeredAt"] });
        assert_eq!(sam.done(&app, "answerCheckIn", shared, ANSWERED).await["checkIn"]["answer"]["sharing"], "ALL", "and so is sharing");
    }

    async fn r04_r37_an_answer_that_is_sent_again_asks_the_partner_once(app) {
        let couple = app.couple().await;
        let (alex, sam) = (&couple.alex, &couple.sam);
        let check_in = asked(&app, &couple).await;
        let heard = alex.pushes(&app).len();
        let at = app.clock.now().to_string();
        app.pass_minutes(30).await;
        let mut input = json!({ "checkInId": check_in, "mood": 1, "answeredAt": at });
        sam.done(&app, "answerCheckIn", input.clone(), "").await;
        // The same answer with the wish beside it: the answer is as it was, and the wish is new.
        input["askPartner"] = json!(true);
        let first = sam.done(&app, "answerCheckIn", input.clone(), ANSWERED).await;
        assert_eq!(first["plea"]["state"], "CAN_BE_TAKEN_BACK");
        app.pass_minutes(HOUR).await;
        let came = alex.pushes(&app).len();
        assert!(came > heard);
        let before = counts(&app).await;
        let again = sam.change(&app, "answerCheckIn", input.clone(), ANSWERED).await;
        assert_eq!((&again["status"], &again["plea"]["id"], &again["plea"]["state"]), (&json!("UNCHANGED"), &first["plea"]["id"], &json!("SENT")));
        assert_eq!(counts(&app).await, before);
        // A wish that was taken back stays so.
        app.pass_until(minute(DAY)).await;
        let scene = sam.ask(&app, "query($id: ID!) { node(id: $id) { ... on CheckIn { scene { id } } } }", json!({ "id": check_in })).await;
        let next = couple.check_ins(&app, sam, scene["node"]["scene"]["id"].as_str().unwrap()).await[1]["id"].clone();
        let input = json!({ "checkInId": next, "mood": 1, "askPartner": true, "answeredAt": app.clock.now().to_string() });
        let plea = sam.done(&app, "answerCheckIn", input.clone(), ANSWERED).await["plea"]["id"].clone();
        sam.done(&app, "takeBackPlea", json!({ "pleaId": plea }), "").await;
        app.pass_minutes(10).await;
        let again = sam.change(&app, "answerCheckIn", input, ANSWERED).await;
        assert_eq!((&again["status"], &again["plea"]["state"]), (&json!("UNCHANGED"), &json!("TAKEN_BACK")));
    }

    async fn r09_a_changed_answer_stays_shared_as_it_was_unless_it_says_otherwise(app) {
        let couple = app.couple().await;
        let sam = &couple.sam;
        let check_in = asked(&app, &couple).await;
        let scene = sam.ask(&app, "query($id: ID!) { node(id: $id) { ... on CheckIn { scene { id } } } }", json!({ "id": check_in })).await;
        let scene = text(&scene["node"]["scene"]["id"]);
        let seen = async || couple.partners_view(&app, &couple.alex, &scene).await[0]["shared"]["note"].clone();
        let say = async |note: &str, sharing: Value| {
            let mut input = json!({ "checkInId": check_in, "mood": 3, "note": note });
            if !sharing.is_null() {
                input["sharing"] = sharing;
            }
            sam.done(&app, "answerCheckIn", input, "").await;
            answer(&app, sam, &check_in).await
        };
        assert_eq!(say("first", Value::Null).await["sharing"], "NOTHING", "a first answer follows the standing choice");
        app.pass_minutes(5).await;
        say("second", json!("ALL")).await;
        app.pass_minutes(2).await;
        assert_eq!(seen().await, "second");
        let third = say("third", Value::Null).await;
        assert_eq!(third["sharing"], "ALL");
        assert_ne!(third["unseenUntil"], Value::Null, "what is new can be taken back unseen");
        assert_eq!(seen().await, Value::Null);
        app.pass_minutes(2).await;
        assert_eq!(seen().await, "third");
        // The other way round: what was kept private stays so, whatever the standing choice became.
        sam.done(&app, "updateProfile", json!({ "defaultSharing": "ALL" }), "").await;
        assert_eq!(say("fourth", json!("NOTHING")).await["sharing"], "NOTHING");
        app.pass_minutes(5).await;
        let fifth = say("fifth", Value::Null).await;
        assert_eq!((&fifth["sharing"], &fifth["unseenUntil"]), (&json!("NOTHING"), &Value::Null));
        app.pass_minutes(5).await;
        assert_eq!(couple.partners_view(&app, &couple.alex, &scene).await[0]["shared"], Value::Null);
    }
}

//! What the partner learns: an alert only with consent and without its reason, and of every silence the same.

mod support;

use serde_json::{Value, json};
use support::care::{DAY, HOUR, minute};
use support::people::text;
use support::{Couple, Person, TestApp};

/// What an alert, and nothing else, says.
const WELCOME: [(&str, &str); 4] = [
    ("MESSAGE", "A message would be welcome."),
    ("CALL", "A call would be welcome."),
    ("VIDEO", "A video call would be welcome."),
    ("IN_PERSON", "A visit would be welcome."),
];

async fn set_alert(app: &TestApp, person: &Person, scene: &str, allowed: Option<bool>) {
    person.done(app, "setSceneAlert", json!({ "sceneId": scene, "allowed": allowed }), "").await;
}

/// The alerts that reached somebody's phone, as they are read in the app.
async fn alerts(app: &TestApp, person: &Person) -> Vec<String> {
    let mut messages = Vec::new();
    for push in person.pushes(app) {
        let nudge = person.nudge(app, &push).await;
        if nudge["rung"] == "TELL_PARTNER" {
            messages.push(text(&nudge["message"]));
        }
    }
    messages
}

/// A field with everything below it, as a selection; None if it needs an argument or repeats what is read elsewhere:
/// a type is not entered again inside itself, nor one of `done`.
fn select(types: &[Value], field: &Value, done: &mut Vec<String>) -> Option<String> {
    let needed = |arg: &Value| arg["type"]["kind"] == "NON_NULL" && arg["defaultValue"].is_null();
    let name = text(&field["name"]);
    // `nodes` has the same as `edges`, but for the cursors.
    if name == "edges" || field["args"].as_array().unwrap().iter().any(needed) {
        return None;
    }
    let mut inner = &field["type"];
    while !inner["ofType"].is_null() {
        inner = &inner["ofType"];
    }
    if inner["kind"] != "OBJECT" {
        return Some(name);
    }
    let type_name = text(&inner["name"]);
    if done.contains(&type_name) {
        return None;
    }
    let found = types.iter().find(|t| t["name"] == *type_name).unwrap();
    done.push(type_name);
    let fields = found["fields"].as_array().unwrap().iter();
    let below: Vec<_> = fields.filter_map(|field| select(types, field, done)).collect();
    done.pop();
    Some(format!("{name} {{ {} }}", below.join(" ")))
}

/// The queries that read everything that a person can read, made from the schema: what is added to it is read too.
async fn queries(app: &TestApp) -> Vec<String> {
    let introspection = "{ __schema { types { name fields { name args { defaultValue type { kind } }
        type { kind name ofType { kind name ofType { kind name ofType { kind name } } } } } } } }";
    let schema = app.anonymous(introspection, json!({})).await;
    let types = schema["__schema"]["types"].as_array().unwrap();
    let viewer = types.iter().find(|t| t["name"] == "Viewer").unwrap();
    let mut queries = Vec::new();
    for field in viewer["fields"].as_array().unwrap() {
        // Links are read once, from the top: with everything in everything a query would cost too much.
        let mut done = if field["name"] == "partnerLinks" { vec![] } else { vec!["PartnerLink".to_owned()] };
        queries.push(format!("{{ viewer {{ {} }} }}", select(types, field, &mut done).unwrap()));
    }
    let everything = queries.concat();
    assert!(
        ["partnersCheckIns", "outreaches", "message", "debrief", "promisesKept", "insight", "journal"]
            .iter()
            .all(|field| everything.contains(field))
    );
    queries
}

/// A text without ids, hashes and tokens: every long run of hexadecimal digits is a `#`, and so is the token of a page.
fn without_ids(text: &str, couple: &Couple) -> String {
    let mut text = text.to_owned();
    for page in ["/c/", "/preferences/"] {
        let parts: Vec<&str> = text.split(page).collect();
        let cut =
            |(n, part): (usize, &&str)| if n == 0 { part.to_string() } else { format!("#{}", &part[43..]) };
        text = parts.iter().enumerate().map(cut).collect::<Vec<_>>().join(page);
    }
    let mut result = String::new();
    let mut run = String::new();
    for c in text.chars().chain([' ']) {
        if c.is_ascii_hexdigit() {
            run.push(c);
            continue;
        }
        result += if run.len() >= 32 { "#" } else { &run };
        run.clear();
        result.push(c);
    }
    for (name, plain) in [(&couple.alex.name, "Alex"), (&couple.sam.name, "Sam")] {
        result = result.replace(name.as_str(), plain).replace(&name.to_lowercase(), &plain.to_lowercase());
    }
    result.trim_end().to_owned()
}

/// An answer of the API without ids. Lists are sorted: what falls on one instant stands in the order of its ids.
fn plain(value: &Value, couple: &Couple) -> Value {
    match value {
        Value::String(text) => json!(without_ids(text, couple)),
        Value::Array(values) => {
            let mut values: Vec<_> = values.iter().map(|value| plain(value, couple)).collect();
            values.sort_by_key(Value::to_string);
            json!(values)
        }
        Value::Object(fields) => fields
            .iter()
            .filter(|(name, _)| !["startCursor", "endCursor"].contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), plain(value, couple)))
            .collect(),
        other => other.clone(),
    }
}

/// All that Alex has by now: every answer of the API, every push and every mail, with their times and sizes.
async fn all_that_alex_has(app: &TestApp, couple: &Couple, queries: &[String]) -> Vec<String> {
    let mut all = Vec::new();
    for query in queries {
        all.push(plain(&couple.alex.ask(app, query, json!({})).await, couple).to_string());
    }
    let mut got = Vec::new();
    for push in couple.alex.pushes(app) {
        let payload = without_ids(&String::from_utf8(push.payload).unwrap(), couple);
        let (length, urgency) = (push.encrypted_len, push.urgency);
        got.push(format!("{} push {payload} ttl {} {urgency:?} {length}", push.at, push.ttl));
    }
    for mail in couple.alex.mails(app) {
        let words = [mail.subject(), mail.text(), mail.html(), mail.message_id(), mail.header("From")];
        let words = words.map(|part| without_ids(&part.unwrap(), couple));
        // The tokens in a sign-up's link differ in their letters.
        let words = if words[0] == "Your reminder" { format!("{words:?}") } else { words[0].clone() };
        got.push(format!("{} mail {words} {}", mail.at, mail.raw.len()));
    }
    got.sort();
    all.extend(got);
    all
}

/// Compares what two have, line by line: a whole view is more than anybody reads.
fn assert_same(left: &[String], right: &[String], when: &str) {
    for (left, right) in left.iter().zip(right) {
        assert_eq!(left, right, "{when}");
    }
    assert_eq!(left.len(), right.len(), "{when}");
}

on_both_databases! {
    async fn r10_the_partner_is_told_only_with_the_subjects_consent_up_to_the_moment_of_sending(app) {
        let couple = app.couple().await;
        couple.allow_alert(&app, &couple.alex, true).await;
        let mut revision: Option<String> = None;
        // On the link, for the scene, what Sam does at the last moment, and whether Alex is told.
        let cases: [(bool, Option<bool>, &str, bool); 9] = [
            (false, None, "nothing", false),
            (true, None, "nothing", true),
            (false, Some(true), "nothing", true),
            (true, Some(false), "nothing", false),
            (true, None, "takes back on the link", false),
            (true, Some(true), "takes back for the scene", false),
            (false, Some(true), "leaves it to the link", false),
            (true, None, "withdraws from the agreement", false),
            (true, None, "is paused", false),
        ];
        for (n, (on_link, for_scene, last_moment, told)) in (0..).zip(cases) {
            let begin = n * 2 * DAY;
            app.pass_until(minute(begin)).await;
            if revision.is_none() || last_moment.contains("paused") {
                let terms = json!({ "stopSignal": "red", "partnerAlert": "CALL", "protocol": [60] });
                revision = Some(couple.agree(&app, terms, revision.as_deref()).await);
            }
            couple.allow_alert(&app, &couple.sam, on_link).await;
            let scene = couple.scene(&app).await;
            set_alert(&app, &couple.sam, &scene, for_scene).await;
            let before = alerts(&app, &couple.alex).await.len();
            // The alert falls due meanwhile, and nobody delivers it before Sam has thought again.
            app.pass_until(minute(begin + 22 * HOUR + 59)).await;
            app.clock.set(minute(begin + 24 * HOUR + 30));
            match last_moment {
                "takes back on the link" => couple.allow_alert(&app, &couple.sam, false).await,
                "takes back for the scene" => set_alert(&app, &couple.sam, &scene, Some(false)).await,
                "leaves it to the link" => set_alert(&app, &couple.sam, &scene, None).await,
                "is paused" => drop(couple.sam.done(&app, "pauseNudges", json!({}), "").await),
                "withdraws from the agreement" => {
                    let input = json!({ "revisionId": revision });
                    couple.sam.done(&app, "withdrawAgreement", input, "").await;
                }
                other => assert_eq!(other, "nothing"),
            }
            app.pass_until(minute(begin + 2 * DAY - 1)).await;
            let count = alerts(&app, &couple.alex).await.len() - before;
            assert_eq!(count, usize::from(told), "link {on_link}, scene {for_scene:?}, Sam {last_moment}");
        }
    }

    async fn r10_taking_back_is_silent(app) {
        let couple = app.couple().await;
        couple.agree(&app, Couple::usual_terms(), None).await;
        couple.allow_alert(&app, &couple.sam, true).await;
        let scene = couple.scene(&app).await;
        app.pass_until(minute(23 * HOUR)).await;
        assert_eq!(alerts(&app, &couple.alex).await, ["A call would be welcome."]);
        let queries = queries(&app).await;
        let before = all_that_alex_has(&app, &couple, &queries).await;
        couple.allow_alert(&app, &couple.sam, false).await;
        set_alert(&app, &couple.sam, &scene, Some(false)).await;
        app.deliver().await;
        assert_same(&all_that_alex_has(&app, &couple, &queries).await, &before, "taken back");
        assert_eq!(alerts(&app, &couple.alex).await, ["A call would be welcome."], "what was told stays as it was");
    }

    async fn r11_to_the_partner_every_silence_is_the_same(app) {
        let mut couples = Vec::new();
        let silences = ["nothing", "skips early", "skips", "pauses early", "pauses", "mutes", "snoozes", "answers",
            "shares and takes it back", "writes for Sam alone", "shares the mood"];
        for (number, silence) in silences.into_iter().enumerate() {
            let couple = app.pair(number).await;
            couple.agree(&app, Couple::usual_terms(), None).await;
            couples.push((couple, silence));
        }
        let mut scenes = Vec::new();
        for (couple, silence) in &couples {
            let scene = couple.scene(&app).await;
            let check_in = couple.check_ins(&app, &couple.sam, &scene).await.remove(0);
            let early = match *silence {
                "skips early" => Some(("skipCheckIn", json!({ "checkInId": check_in["id"] }))),
                "pauses early" => Some(("pauseNudges", json!({}))),
                "mutes" => Some(("updateProfile", json!({ "pushWanted": false, "mailWanted": false }))),
                _ => None,
            };
            if *silence == "writes for Sam alone" {
                let journal = json!({ "sceneId": scene, "text": "heliotrope" });
                couple.sam.done(&app, "writeJournalEntry", journal, "").await;
                let debrief = json!({ "sceneId": scene, "text": "heliotrope" });
                couple.sam.done(&app, "writeDebrief", debrief, "").await;
                let wish = json!({ "linkId": couple.link, "promiseCountWanted": true });
                couple.sam.done(&app, "updateLink", wish, "").await;
            }
            if let Some((step, input)) = early {
                couple.sam.done(&app, step, input, "").await;
            }
            scenes.push(check_in);
        }
        app.pass_minutes(HOUR + 5).await;
        for ((couple, silence), check_in) in couples.iter().zip(&scenes) {
            let id = &check_in["id"];
            let answer = |share: &str| json!({ "checkInId": id, "mood": 1, "note": "low", "share": share });
            let steps = match *silence {
                "skips" => vec![("skipCheckIn", json!({ "checkInId": id }))],
                "pauses" => vec![("pauseNudges", json!({}))],
                "snoozes" => vec![("snoozeCheckIn", json!({ "checkInId": id, "minutes": 90 }))],
                "answers" => vec![("answerCheckIn", answer("NOTHING"))],
                "shares the mood" => vec![("answerCheckIn", answer("MOOD"))],
                "shares and takes it back" => vec![
                    ("answerCheckIn", answer("ALL")),
                    ("changeSharing", json!({ "checkInId": id, "share": "NOTHING" })),
                ],
                _ => vec![],
            };
            for (step, input) in steps {
                couple.sam.done(&app, step, input, "").await;
            }
        }
        let queries = queries(&app).await;
        for hours in [0, 20, 4, 20, 30] {
            app.pass_minutes(hours * HOUR).await;
            let mut views = Vec::new();
            for ((couple, silence), check_in) in couples.iter().zip(&scenes) {
                let query = "query($id: ID!) { node(id: $id) { id } }";
                let foreign = couple.alex.ask(&app, query, json!({ "id": check_in["id"] })).await;
                assert_eq!(foreign["node"], Value::Null, "somebody else's check-in looks missing");
                views.push((silence, all_that_alex_has(&app, couple, &queries).await));
            }
            let (_, update) = views.pop().unwrap();
            assert_ne!(update, views[0].1, "an update would show");
            for (silence, view) in &views[1..] {
                assert_same(view, &views[0].1, &format!("Sam {silence}"));
            }
        }
    }

    async fn r13_an_alert_says_the_agreed_action_and_nothing_of_what_was_answered(app) {
        let couple = app.couple().await;
        couple.allow_alert(&app, &couple.sam, true).await;
        let mut revision: Option<String> = None;
        let ways = WELCOME.map(|(way, _)| Some(way)).into_iter().chain([None]);
        for (n, way) in (0..).zip(ways) {
            app.pass_until(minute(n * 2 * DAY)).await;
            let terms = json!({ "stopSignal": "red", "partnerAlert": way, "protocol": [60, 120] });
            revision = Some(couple.agree(&app, terms, revision.as_deref()).await);
            let scene = couple.scene(&app).await;
            let first = couple.check_ins(&app, &couple.sam, &scene).await.remove(0);
            app.pass_minutes(HOUR).await;
            let secret = json!({ "checkInId": first["id"], "mood": 1, "note": "heliotrope", "need": "heliotrope" });
            couple.sam.done(&app, "answerCheckIn", secret, "").await;
        }
        app.pass_minutes(2 * DAY).await;
        let said = WELCOME.map(|(_, sentence)| sentence);
        assert_eq!(alerts(&app, &couple.alex).await, said, "and none where none was agreed");
        for query in queries(&app).await {
            let seen = couple.alex.ask(&app, &query, json!({})).await.to_string();
            assert!(!seen.contains("heliotrope"), "{query}");
        }
    }

    async fn r13_an_alert_by_mail_says_no_more(app) {
        let couple = app.couple().await;
        couple.agree(&app, Couple::usual_terms(), None).await;
        couple.allow_alert(&app, &couple.sam, true).await;
        couple.alex.done(&app, "removeDevice", json!({ "deviceId": couple.alex.device_id }), "").await;
        couple.scene(&app).await;
        app.pass_until(minute(23 * HOUR - 1)).await;
        let before = couple.alex.mails(&app).len();
        app.pass_minutes(1).await;
        let mail = couple.alex.mails(&app).split_off(before).pop().unwrap();
        let words = mail.text().unwrap();
        let lines: Vec<_> = words.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let link = format!("{}/open", app.url);
        let footer = "Evenkeel. This message was sent automatically; nobody reads replies.";
        assert_eq!(lines[..5], ["A call would be welcome.", "Open:", &link, "--", footer]);
        let (_, token) = lines[6].rsplit_once('/').unwrap();
        assert_eq!((lines[5], lines.len()), ("No more of these, or a pause:", 7));
        assert_eq!(mail.subject().unwrap(), "Your reminder");
        // Random letters may spell any word.
        let everything = String::from_utf8(mail.raw).unwrap().replace("=\r\n", "").replace(token, "").to_lowercase();
        for word in ["sam", "scene", "check-in", "answer", "mood", "drop"] {
            assert!(!everything.contains(word), "{word} in {everything}");
        }
    }
}

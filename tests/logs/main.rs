//! The log: it hears of every fault, and of nobody's address, token, name or words.

#[macro_use]
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "this binary needs only a part of the harness")]
mod support;

mod damage;

use crate::support::receivers::{Answer, Behaviour};
use diesel::connection::SimpleConnection;
use evenkeel::store::Db;
use serde_json::{Value, json};
use support::log::{cause_of, id_of, listen, logged};
use support::people::{PASSWORD, link_in, text};
use support::{Couple, Person, TestApp};

/// Does something to the database behind the service's back.
fn tamper(app: &TestApp, sql: &str) {
    Db::open(&app.config.database).unwrap().batch_execute(sql).unwrap();
}

/// A story with unusual names, in which much goes wrong. Returns every text that must not be in the log.
async fn troubled_story(app: &TestApp) -> Vec<String> {
    let berlin = ("Europe/Berlin", ("22:00", "08:00"));
    let alex = app.person("Xanthippe", berlin.0, berlin.1).await;
    let sam = app.person("Ysolde", "America/Los_Angeles", ("23:00", "07:00")).await;
    let mut secrets = vec![PASSWORD.to_owned()];
    secrets.extend(link_in(&alex.mails(app)[0]).rsplit('/').take(1).map(str::to_owned));
    let invited =
        alex.ask(app, "mutation { invitePartner(input: { role: SWITCH }) { code } }", json!({})).await;
    let code = text(&invited["invitePartner"]["code"]);
    let query =
        "mutation($c: String!) { acceptInvitation(input: { code: $c, role: SWITCH }) { link { id } } }";
    let accepted = sam.ask(app, query, json!({ "c": code })).await;
    let link = text(&accepted["acceptInvitation"]["link"]["id"]);
    secrets.push(code);
    let couple = Couple { alex, sam, link };
    let (alex, sam) = (&couple.alex, &couple.sam);

    let needs =
        json!({ "words": "zephyr of praise", "avoid": ["zither music"], "grounding": "zinnia scent" });
    let query = "mutation($i: WriteNeedsInput!) { writeNeeds(input: $i) { status } }";
    alex.ask(app, query, json!({ "i": { "linkId": couple.link, "needs": needs } })).await;
    couple
        .agree(
            app,
            json!({ "stopSignal": "zirconium", "limits": "zeppelin rides", "partnerAlert": "CALL" }),
            None,
        )
        .await;
    secrets.extend(["zephyr", "zither", "zinnia", "zirconium", "zeppelin"].map(str::to_owned));

    // Push services that fail in every way, and a mail server that refuses an address.
    for answer in [Answer::status(500), Answer::behaving(Behaviour::Close), Answer::status(401)] {
        app.push.answer_next(&alex.device.endpoint, answer);
    }
    app.push.answer_always(&sam.device.endpoint, Some(Answer::status(410)));
    app.mail.answer_address(&sam.email, Some(550));
    let scene = couple.scene(app).await;
    let query = "mutation($i: RecordAftercareInput!) { recordAftercare(input: $i) { status } }";
    alex.ask(app, query, json!({ "i": { "sceneId": scene, "givenBy": "ME", "note": "zucchini soup" } }))
        .await;
    app.pass_minutes(90).await;
    let check_in = couple.check_ins(app, alex, &scene).await[0]["id"].clone();
    let query = "mutation($i: AnswerCheckInInput!) { answerCheckIn(input: $i) { status } }";
    let answer =
        json!({ "checkInId": check_in, "mood": 2, "note": "zodiac night", "need": "zesty lemonade" });
    assert_eq!(alex.ask(app, query, json!({ "i": answer })).await["answerCheckIn"]["status"], "DONE");
    secrets.extend(["zucchini", "zodiac", "zesty"].map(str::to_owned));
    app.pass_minutes(3 * 24 * 60).await;

    refused_requests(app, alex, &mut secrets).await;
    for person in [alex, sam] {
        secrets.extend([person.name.clone(), person.email.clone(), person.access(), person.refresh_token()]);
        let device = person.device.clone();
        let path = device.endpoint.rsplit('/').next().unwrap().to_owned();
        secrets.extend([
            device.endpoint,
            path,
            device.p256dh,
            device.auth,
            format!("{}'s phone", person.name),
        ]);
    }
    secrets
}

/// Requests that are refused, some of them with secrets in places where they do not belong.
async fn refused_requests(app: &TestApp, person: &Person, secrets: &mut Vec<String>) {
    let log_in = "mutation($e: String!) { logIn(input: { email: $e, password: \"zebra crossing at dawn\" }) { status } }";
    app.anonymous(log_in, json!({ "e": person.email })).await;
    app.raw(Some("zealous.bearer.token"), "{ viewer { account { email } } }", json!({})).await;
    app.raw(None, "{ zany }", json!({ "note": "zigzag" })).await;
    app.raw(Some(&person.access()), "{ node(id: \"Scene_zircon\") { id } }", json!({})).await;
    for path in ["verify/zenith", "reset/zenith", "zoo"] {
        let answer =
            app.http.post(format!("{}/{path}", app.url)).body("password=zebra").send().await.unwrap();
        assert!(answer.status().is_client_error());
    }
    let invite = "mutation { invitePartner(input: { role: SWITCH }) { status } }";
    for query in [invite, "mutation { resumeNudges { status } }"] {
        app.exact(Some(&person.access()), Some("zippered-key"), query, json!({})).await;
    }
    let ask = "mutation($e: String!) { requestPasswordReset(input: { email: $e }) { status } }";
    app.anonymous(ask, json!({ "e": person.email })).await;
    app.deliver().await;
    let link = link_in(&person.mails(app).pop().unwrap());
    secrets.push(link.rsplit('/').next().unwrap().to_owned());
    secrets.extend(["zebra", "zealous", "zany", "zigzag", "zircon", "zenith", "zippered"].map(str::to_owned));
}

on_both_databases! {
    async fn r35_no_address_token_name_or_word_reaches_the_log(app) {
        listen();
        let mut secrets = troubled_story(&app).await;
        // A fault on top: its cause is logged, and is not to name anybody either.
        let robin = app.person_without_device("Wilhelmina", "UTC", ("22:00", "08:00")).await;
        tamper(&app, "UPDATE accounts SET display_name = email");
        robin.ask_raw(&app, "{ viewer { account { displayName email } } }", json!({})).await;
        secrets.extend([robin.name.clone(), robin.email.clone(), robin.access(), robin.refresh_token()]);
        let log = logged();
        for said in [
            "internal error", "a push service did not answer", "a push service refuses this server's VAPID key",
            "a mail was not taken",
        ] {
            assert!(log.contains(said), "nothing went wrong ({said}), so nothing was shown:\n{log}");
        }
        let log = log.to_lowercase();
        for secret in secrets {
            assert!(secret.len() > 3, "{secret}");
            assert!(!log.contains(&secret.to_lowercase()), "{secret} is in the log");
        }
    }

    async fn r36_a_damaged_value_is_an_internal_error_with_an_id_and_a_cause_in_the_log(app) {
        listen();
        let alex = app.person_without_device("Alex", "UTC", ("22:00", "08:00")).await;
        tamper(&app, "UPDATE accounts SET display_name = email");
        let answer = alex.ask_raw(&app, "{ viewer { account { displayName } } }", json!({})).await;
        let errors = answer["errors"].as_array().unwrap();
        assert_eq!(errors.len(), 1);
        assert_eq!(errors[0]["path"], json!(["viewer", "account", "displayName"]));
        assert!(cause_of(&id_of(&errors[0])).contains("the sealed value does not belong here or was changed"));
        for hidden in ["sealed", "vault", "alex", "accounts"] {
            assert!(!answer.to_string().to_lowercase().contains(hidden), "{hidden}: {answer}");
        }
    }

    async fn r36_a_fault_behind_several_fields_gives_each_an_id_with_the_cause(app) {
        listen();
        let couple = app.couple().await;
        let scenes = [couple.scene(&app).await, couple.scene(&app).await];
        for scene in &scenes {
            let tea = json!({ "sceneId": scene, "givenBy": "ME", "comforts": ["WARMTH"], "note": "tea" });
            couple.alex.done(&app, "recordAftercare", tea, "").await;
        }
        tamper(&app, "UPDATE accounts SET data_key = email");
        let query = "query($a: ID!, $b: ID!) { a: node(id: $a) { id ... on Scene { link { id } aftercare { note } } }
            b: node(id: $b) { id ... on Scene { link { id } aftercare { note } } } }";
        let answer = couple.alex.ask_raw(&app, query, json!({ "a": scenes[0], "b": scenes[1] })).await;
        let errors = answer["errors"].as_array().unwrap_or_else(|| panic!("{answer}"));
        assert!(errors.len() > 1, "{answer}");
        for error in errors {
            assert!(cause_of(&id_of(error)).contains("not a sealed value"), "{}", cause_of(&id_of(error)));
        }
        assert!(!answer.to_string().contains("sealed"));
    }

    async fn r36_a_missing_table_is_an_internal_error_wherever_one_enters(app) {
        listen();
        let alex = app.person_without_device("Alex", "UTC", ("22:00", "08:00")).await;
        let access = alex.access();
        tamper(&app, "ALTER TABLE sessions RENAME TO sessions_away; ALTER TABLE address_requests RENAME TO requests_away;");
        let query = "{ viewer { account { email } } }";
        let (status, body) = app.exact(Some(&access), None, query, json!({})).await;
        assert_eq!(status, 500);
        let answer: Value = serde_json::from_str(&body).unwrap();
        let id = id_of(&answer["errors"][0]);
        assert_eq!(answer, json!({ "errors": [{
            "message": "internal error", "extensions": { "code": "INTERNAL", "id": id },
        }] }));
        assert!(cause_of(&id).contains("sessions"), "the operator learns what is missing");

        let log_in = "mutation($i: LogInInput!) { logIn(input: $i) { status } }";
        let input = json!({ "i": { "email": alex.email, "password": PASSWORD } });
        let answer = app.raw(None, log_in, input).await;
        assert!(cause_of(&id_of(&answer["errors"][0])).contains("sessions"));
        assert!(!answer.to_string().contains("sessions") && !answer.to_string().contains("query"));

        let page = app.http.post(format!("{}/verify/some-token", app.url)).header("Accept", "text/html").send().await.unwrap();
        assert_eq!(page.status(), 500);
        let page = page.text().await.unwrap();
        let (_, rest) = page.split_once("tell the operator this number: ").unwrap();
        assert!(cause_of(&rest[..16]).contains("address_requests"));
        assert!(!page.contains("address_requests") && !page.contains("some-token"));
        tamper(&app, "ALTER TABLE sessions_away RENAME TO sessions; ALTER TABLE requests_away RENAME TO address_requests;");
    }

    async fn r36_a_fault_in_a_mutation_undoes_all_of_it(app) {
        listen();
        let couple = app.couple().await;
        let query = "mutation($i: RecordSceneInput!) { recordScene(input: $i) { scene { id } } }";
        let input = json!({ "i": { "linkId": couple.link, "setting": "ONLINE" } });
        let scene = text(&couple.alex.ask(&app, query, input).await["recordScene"]["scene"]["id"]);
        tamper(&app, "ALTER TABLE nudges RENAME TO nudges_away");
        let end = "mutation($id: ID!) { endScene(input: { sceneId: $id }) { status } }";
        let failed = app.exact(Some(&couple.alex.access()), Some("a-key"), end, json!({ "id": scene })).await;
        let answer: Value = serde_json::from_str(&failed.1).unwrap();
        assert!(cause_of(&id_of(&answer["errors"][0])).contains("nudges"));
        tamper(&app, "ALTER TABLE nudges_away RENAME TO nudges");
        assert_eq!(couple.check_ins(&app, &couple.alex, &scene).await, [] as [Value; 0], "no check-in without its nudges");
        let again = app.exact(Some(&couple.alex.access()), Some("a-key"), end, json!({ "id": scene })).await;
        assert!(again.1.contains("DONE"), "the key is free again: {}", again.1);
        assert_eq!(couple.check_ins(&app, &couple.alex, &scene).await.len(), 3);
    }

    async fn r35_a_request_leaves_one_line_that_tells_its_route_and_nothing_of_who_sent_it(app) {
        listen();
        let id = format!("{:032x}", u128::from_be_bytes(crate::support::chance().bytes()));
        let url = format!("{}/verify/zweisam-token?zwieback=1", app.url);
        let request = app.http.post(&url).header("X-Request-Id", &id).header("User-Agent", "Zeppelin/1.0");
        let answer = request.header("X-Forwarded-For", "198.51.100.77").send().await.unwrap();
        assert_eq!(answer.status(), 422);
        let length = answer.text().await.unwrap().len();
        let log = logged();
        let lines: Vec<_> = log.lines().filter(|line| line.contains(&id)).collect();
        assert_eq!(lines.len(), 1, "{lines:?}");
        for said in ["answered", "method=\"POST\"", "route=\"/verify/{token}\"", "status=422", "milliseconds=", &format!("bytes={length}")] {
            assert!(lines[0].contains(said), "{said} is not in {}", lines[0]);
        }
        for hidden in ["zweisam", "zwieback", "Zeppelin", "198.51.100.77", "127.0.0.1"] {
            assert!(!lines[0].contains(hidden), "{hidden} is in {}", lines[0]);
        }
        // A path that is no route and a method that nobody knows may be any text.
        let id = format!("{:032x}", u128::from_be_bytes(crate::support::chance().bytes()));
        let request = app.http.request("ZITHER".parse().unwrap(), format!("{}/zoological/garden", app.url));
        request.header("X-Request-Id", &id).send().await.unwrap();
        let log = logged();
        let line = log.lines().find(|line| line.contains(&id)).unwrap();
        assert!(line.contains("method=\"other\" route=\"(none)\""), "{line}");
        assert!(!log.contains("ZITHER") && !log.contains("zoological"));
    }

    async fn r36_a_fault_stands_in_the_log_with_the_id_of_its_request(app) {
        listen();
        let alex = app.person_without_device("Alex", "UTC", ("22:00", "08:00")).await;
        tamper(&app, "UPDATE accounts SET display_name = email");
        let id = format!("{:032x}", u128::from_be_bytes(crate::support::chance().bytes()));
        let body = json!({ "query": "{ viewer { account { displayName } } }" }).to_string();
        let request = app.http.post(format!("{}/graphql", app.url)).header("Content-Type", "application/json");
        let answer = request.bearer_auth(alex.access()).header("X-Request-Id", &id).body(body).send().await.unwrap();
        let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        assert!(cause_of(&id_of(&answer["errors"][0])).contains(&id));
    }
}

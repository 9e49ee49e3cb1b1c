//! Devices: which subscriptions are accepted, and whom they reach.

use crate::support::care::instant;
use crate::support::people::text;
use crate::support::receivers::Answer;
use crate::support::{Person, TestApp};
use base64::Engine as _;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use evenkeel::demo::push_receiver::Subscription;
use serde_json::{Value, json};

const REGISTER: &str = "mutation($input: RegisterDeviceInput!) { registerDevice(input: $input) {
    status device { id label createdAt } problems { field code } } }";
const REMOVE: &str =
    "mutation($id: ID!) { removeDevice(input: { deviceId: $id }) { status problems { field code } } }";
const DEVICES: &str = "{ viewer { devices { id label createdAt } } }";

fn input(subscription: &Subscription, label: &str) -> Value {
    let Subscription { endpoint, p256dh, auth } = subscription;
    json!({ "endpoint": endpoint, "p256dh": p256dh, "auth": auth, "label": label })
}

async fn register(app: &TestApp, person: &Person, input: Value) -> Value {
    person.ask(app, REGISTER, json!({ "input": input })).await["registerDevice"].clone()
}

async fn devices(app: &TestApp, person: &Person) -> Vec<Value> {
    person.ask(app, DEVICES, json!({})).await["viewer"]["devices"].as_array().unwrap().clone()
}

async fn labels(app: &TestApp, person: &Person) -> Vec<String> {
    devices(app, person).await.iter().map(|device| text(&device["label"])).collect()
}

async fn alex(app: &TestApp) -> Person {
    app.person_without_device("Alex", "Europe/Berlin", ("22:00", "08:00")).await
}

async fn sam(app: &TestApp) -> Person {
    app.person_without_device("Sam", "America/Los_Angeles", ("23:00", "07:00")).await
}

fn pushes_to(app: &TestApp, endpoint: &str) -> usize {
    app.push.received().iter().filter(|push| push.endpoint == endpoint).count()
}

on_both_databases! {
    async fn devices_are_registered_listed_and_removed(app) {
        let alex = alex(&app).await;
        let (phone, tablet) = (app.push.subscribe(), app.push.subscribe());
        let first = register(&app, &alex, input(&phone, " phone ")).await;
        assert_eq!(first["status"], "DONE");
        assert_eq!(first["device"]["createdAt"], instant(app.clock.now()));
        app.pass_minutes(1).await;
        register(&app, &alex, input(&tablet, "tablet")).await;
        assert_eq!(labels(&app, &alex).await, ["phone", "tablet"], "the oldest first");

        let id = json!({ "id": first["device"]["id"] });
        let removed = alex.ask(&app, REMOVE, id.clone()).await;
        assert_eq!(removed["removeDevice"], json!({ "status": "DONE", "problems": [] }));
        assert_eq!(labels(&app, &alex).await, ["tablet"]);
        let again = alex.ask(&app, REMOVE, id).await;
        let problems = json!([{ "field": "deviceId", "code": "NOT_FOUND" }]);
        assert_eq!(again["removeDevice"], json!({ "status": "REFUSED", "problems": problems }));
    }

    async fn a_removed_device_gets_nothing_and_the_others_go_on(app) {
        let couple = app.couple().await;
        let tablet = app.push.subscribe();
        register(&app, &couple.alex, input(&tablet, "tablet")).await;
        couple.scene(&app).await;
        couple.alex.ask(&app, REMOVE, json!({ "id": couple.alex.device_id })).await;
        app.pass_minutes(60).await;
        assert_eq!(pushes_to(&app, &couple.alex.device.endpoint), 0);
        assert_eq!(pushes_to(&app, &tablet.endpoint), 1, "asked, and reminded to reach out");
    }

    async fn registering_again_renews_keys_and_name_and_keeps_the_device(app) {
        let alex = alex(&app).await;
        let phone = app.push.subscribe();
        let first = register(&app, &alex, input(&phone, "phone")).await;
        let padded = |text: &str| URL_SAFE.encode(URL_SAFE_NO_PAD.decode(text).unwrap());
        let renewed = Subscription { p256dh: padded(&phone.p256dh), auth: padded(&phone.auth), ..phone.clone() };
        app.pass_minutes(1).await;
        let again = register(&app, &alex, input(&renewed, "new phone")).await;
        assert_eq!(again["status"], "UNCHANGED");
        assert_eq!(again["device"]["id"], first["device"]["id"]);
        assert_eq!(devices(&app, &alex).await, [again["device"].clone()]);
        assert_eq!(labels(&app, &alex).await, ["new phone"]);
    }

    async fn renewed_keys_are_the_ones_that_pushes_are_encrypted_for(app) {
        let couple = app.couple().await;
        let (wrong, right) = (app.push.subscribe(), couple.alex.device.clone());
        let stale = Subscription { endpoint: right.endpoint.clone(), ..wrong };
        register(&app, &couple.alex, input(&stale, "phone")).await;
        register(&app, &couple.alex, input(&right, "phone")).await;
        couple.scene(&app).await;
        app.pass_minutes(60).await;
        assert_eq!(pushes_to(&app, &right.endpoint), 1);
        assert_eq!(app.push.refusals(), [], "nothing came that could not be decrypted");
    }

    async fn r24_fuller_words_are_one_devices_own_choice_and_look_the_same_on_the_network(app) {
        let couple = app.couple().await;
        let tablet = app.push.subscribe();
        let mut fuller = input(&tablet, "tablet");
        fuller["fullerWords"] = json!(true);
        register(&app, &couple.alex, fuller).await;
        let scene = couple.scene(&app).await;
        app.pass_minutes(60).await;
        let shown = |endpoint: &str| -> Vec<Value> {
            let own = app.push.received().into_iter().filter(|push| push.endpoint == endpoint);
            own.map(|push| serde_json::from_slice::<Value>(&push.payload).unwrap()["notification"].clone()).collect()
        };
        let plain = shown(&couple.alex.device.endpoint);
        assert_eq!(plain.len(), 1, "asked, and reminded to reach out");
        for notification in &plain {
            assert_eq!((&notification["title"], &notification["body"]), (&json!("Reminder"), &json!("You have a reminder.")));
            assert_eq!(notification.get("actions"), None);
        }
        let fuller = shown(&tablet.endpoint);
        let question = &fuller[0];
        assert!(text(&question["navigate"]).contains("/c/") && fuller.len() == 1);
        assert_eq!(question["body"], "You asked to be reminded: how are you today?");
        let actions: Vec<_> = question["actions"].as_array().unwrap().iter().collect();
        assert_eq!(actions.iter().map(|action| text(&action["action"])).collect::<Vec<_>>(), ["mood-4", "mood-2"]);
        assert!(actions.iter().all(|action| action["navigate"] == question["navigate"]), "where a tap leads, too");
        couple.alex.done(&app, "answerCheckIn", json!({ "checkInId": couple.check_ins(&app, &couple.alex, &scene).await[1]["id"], "mood": 3 }), "").await;
        app.pass_minutes(24 * 60).await;
        let prompt = shown(&tablet.endpoint).pop().unwrap();
        assert_eq!(prompt["body"], "You asked to be reminded to get in touch, about now.");
        assert_eq!(prompt.get("actions"), None);
        let looks: std::collections::HashSet<_> = app.push.received().into_iter()
            .map(|push| (push.encrypted_len, push.urgency, push.payload.len())).collect();
        assert_eq!(looks.len(), 1, "one size and one urgency for all: {looks:?}");

        let chosen = async || {
            let query = "{ viewer { devices { label fullerWords } } }";
            let listed = couple.alex.ask(&app, query, json!({})).await["viewer"]["devices"].clone();
            let fuller = listed.as_array().unwrap().iter().filter(|device| device["fullerWords"] == true);
            fuller.map(|device| text(&device["label"])).collect::<Vec<_>>()
        };
        assert_eq!(chosen().await, ["tablet"]);
        register(&app, &couple.alex, input(&tablet, "tablet")).await;
        assert_eq!(chosen().await, [] as [String; 0], "registering again takes it back");
    }

    async fn an_endpoint_that_another_account_registers_reaches_the_first_one_no_more(app) {
        let couple = app.couple().await;
        let shared = &couple.alex.device;
        app.pass_minutes(1).await;
        assert_eq!(register(&app, &couple.sam, input(shared, "shared tablet")).await["status"], "DONE");
        assert_eq!(labels(&app, &couple.alex).await, [] as [String; 0]);
        assert_eq!(labels(&app, &couple.sam).await, ["Sam's phone", "shared tablet"]);
        couple.scene(&app).await;
        app.pass_minutes(60).await;
        let arrived: Vec<_> = app.push.received().into_iter().filter(|push| push.endpoint == shared.endpoint).collect();
        assert_eq!(arrived.len(), 1);
        for push in &arrived {
            assert!(!couple.sam.nudge(&app, push).await.is_null(), "each is Sam's");
            assert!(couple.alex.nudge(&app, push).await.is_null());
        }
        let told = couple.alex.mails(&app).iter().filter(|mail| mail.subject().as_deref() == Some("Something changed")).count();
        assert_eq!(told, 1, "whoever lost the device to another account hears of it");
        assert_eq!(couple.alex.mails(&app).len(), 3, "the address was confirmed, then mail takes the pushes' place");
    }

    async fn an_endpoint_that_several_register_at_once_belongs_to_one_of_them(app) {
        let (alex, sam) = (alex(&app).await, sam(&app).await);
        let people = [&alex, &sam];
        for round in 1..=5 {
            let shared = app.push.subscribe();
            let at_once = (0..6).map(|n| register(&app, people[n % 2], input(&shared, "tablet")));
            for answer in futures::future::join_all(at_once).await {
                assert_eq!(answer["problems"], json!([]));
            }
            assert_eq!(devices(&app, &alex).await.len() + devices(&app, &sam).await.len(), round);
        }
    }

    async fn r33_what_is_no_address_of_a_push_service_is_refused(app) {
        let alex = alex(&app).await;
        let good = app.push.subscribe();
        let other_port = "http://127.0.0.1:1/push/x";
        for endpoint in [
            "", "push", "http://fcm.googleapis.com/fcm/send/x", "https://example.org/x", "https://127.0.0.1/x",
            "https://[::1]/x", "https://169.254.169.254/latest", "https://localhost/x", "https://10.0.0.1/x",
            "https://fcm.googleapis.com:22/x", "https://fcm.googleapis.com@10.0.0.1/x", "file:///etc/hostname",
            "https://fcm.googleapis.com.example.org/x", "https://me:pw@fcm.googleapis.com/x", other_port,
        ] {
            let answer = register(&app, &alex, json!({ "endpoint": endpoint, "p256dh": good.p256dh, "auth": good.auth, "label": "phone" })).await;
            let problems = json!([{ "field": "endpoint", "code": "MALFORMED" }]);
            assert_eq!((&answer["status"], &answer["problems"]), (&json!("REFUSED"), &problems), "{endpoint}");
        }
        let long = Subscription { endpoint: format!("https://fcm.googleapis.com/{}", "x".repeat(2000)), ..good.clone() };
        let answer = register(&app, &alex, input(&long, "phone")).await;
        assert_eq!(answer["problems"], json!([{ "field": "endpoint", "code": "TOO_LONG" }]));
        assert_eq!(devices(&app, &alex).await, [] as [Value; 0]);
        let known = Subscription { endpoint: "https://updates.push.services.mozilla.com/wpush/v2/x".to_owned(), ..good };
        assert_eq!(register(&app, &alex, input(&known, "browser")).await["status"], "DONE");
    }

    async fn r33_keys_that_cannot_be_encrypted_for_and_bad_names_are_refused(app) {
        let alex = alex(&app).await;
        let good = app.push.subscribe();
        let bytes = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let off_curve = bytes(&[&[4][..], &[9; 64]].concat());
        let mut changes = vec![("label", String::new(), "REQUIRED"), ("label", "x".repeat(61), "TOO_LONG")];
        changes.push(("label", "one\ntwo".to_owned(), "MALFORMED"));
        for auth in [String::new(), "!".to_owned(), bytes(&[1; 15]), bytes(&[1; 17]), "x".repeat(10_000)] {
            changes.push(("auth", auth, "MALFORMED"));
        }
        for p256dh in [String::new(), "!".to_owned(), bytes(&[4; 64]), bytes(&[0; 65]), bytes(&[2; 33]), off_curve] {
            changes.push(("p256dh", p256dh, "MALFORMED"));
        }
        for (field, value, code) in changes {
            let mut bad = input(&good, "phone");
            bad[field] = json!(value);
            let answer = register(&app, &alex, bad).await;
            let problems = json!([{ "field": field, "code": code }]);
            assert_eq!((&answer["device"], &answer["problems"]), (&Value::Null, &problems), "{value}");
        }
        assert_eq!(devices(&app, &alex).await, [] as [Value; 0]);
    }

    async fn r33_a_redirect_is_not_followed(app) {
        let couple = app.couple().await;
        let elsewhere = app.push.subscribe();
        for status in [301, 302, 307, 308] {
            let redirect = Answer::status(status).with_header("Location", &elsewhere.endpoint);
            app.push.answer_next(&couple.alex.device.endpoint, redirect);
        }
        couple.scene(&app).await;
        app.pass_minutes(26 * 60).await;
        assert_eq!(pushes_to(&app, &elsewhere.endpoint), 0);
        assert!(!app.push.refusals().iter().any(|refusal| refusal.endpoint == elsewhere.endpoint));
        assert!(couple.alex.mails(&app).len() > 1, "mail takes the place of a push that was refused");
    }

    async fn an_account_has_at_most_twenty_devices(app) {
        let alex = alex(&app).await;
        let mut last = Value::Null;
        for n in 0..20 {
            last = register(&app, &alex, input(&app.push.subscribe(), &format!("device {n}"))).await;
            assert_eq!(last["status"], "DONE");
        }
        let one_more = app.push.subscribe();
        let answer = register(&app, &alex, input(&one_more, "one more")).await;
        assert_eq!(answer["problems"], json!([{ "field": "endpoint", "code": "OUT_OF_RANGE" }]));
        alex.ask(&app, REMOVE, json!({ "id": last["device"]["id"] })).await;
        assert_eq!(register(&app, &alex, input(&one_more, "one more")).await["status"], "DONE");
        assert_eq!(devices(&app, &alex).await.len(), 20);
    }

    async fn r29_somebody_elses_device_looks_like_a_missing_one(app) {
        let couple = app.couple().await;
        let sams = &couple.sam.device_id;
        let missing = format!("{}000000000000", &sams[..sams.len() - 12]);
        let mut answers = Vec::new();
        for id in [sams.as_str(), &missing, &couple.link, "nonsense", ""] {
            answers.push(app.exact(Some(&couple.alex.access()), None, REMOVE, json!({ "id": id })).await);
        }
        assert!(answers[0].1.contains("NOT_FOUND"));
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
        assert_eq!(labels(&app, &couple.sam).await, ["Sam's phone"]);
    }

    async fn the_key_that_subscriptions_are_bound_to_is_known_to_everybody(app) {
        let key = app.anonymous("{ server { vapidPublicKey } }", json!({})).await["server"]["vapidPublicKey"].clone();
        let point = URL_SAFE_NO_PAD.decode(key.as_str().unwrap()).unwrap();
        assert_eq!((point.len(), point[0]), (65, 4), "an uncompressed point of P-256");
        let couple = app.couple().await;
        let bound = app.push.subscribe_to(key.as_str());
        register(&app, &couple.alex, input(&bound, "browser")).await;
        couple.scene(&app).await;
        app.pass_minutes(60).await;
        assert_eq!(pushes_to(&app, &bound.endpoint), 1, "pushes are signed with its private half");
    }
}

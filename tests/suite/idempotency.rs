//! Idempotency: a mutation that is sent again does nothing again (R04).

use crate::support::care::instant;
use crate::support::people::{PASSWORD, text};
use crate::support::{Couple, Person, TestApp};
use jiff::SignedDuration;
use serde_json::{Value, json};

const INVITE: &str = "mutation { invitePartner(input: { role: SWITCH }) { status code link { id } } }";
const LINKS: &str = "{ viewer { partnerLinks(endedToo: true) { id state } } }";
const KEY: &str = "6f1c0c1e-3c52-4b0e-9d4e-1";

async fn alex(app: &TestApp) -> Person {
    app.person_without_device("Alex", "Europe/Berlin", ("22:00", "08:00")).await
}

/// Sends a mutation under a key; returns the answer's status and exact text.
async fn send(app: &TestApp, person: &Person, key: &str, query: &str, variables: Value) -> (u16, String) {
    app.exact(Some(&person.access()), Some(key), query, variables).await
}

async fn links(app: &TestApp, person: &Person) -> usize {
    person.ask(app, LINKS, json!({})).await["viewer"]["partnerLinks"].as_array().unwrap().len()
}

/// The status and stable code of an error answer.
fn code(answer: &(u16, String)) -> (u16, String) {
    let body: Value = serde_json::from_str(&answer.1).unwrap();
    (answer.0, text(&body["errors"][0]["extensions"]["code"]))
}

fn is_done(answer: &(u16, String)) -> bool {
    answer.0 == 200 && answer.1.contains("\"status\":\"DONE\"")
}

on_both_databases! {
    async fn r04_the_same_key_and_request_give_the_same_answer_and_are_done_once(app) {
        let alex = alex(&app).await;
        let first = send(&app, &alex, KEY, INVITE, json!({})).await;
        assert!(is_done(&first), "{first:?}");
        app.clock.set(app.clock.now() + SignedDuration::from_mins(5));
        for _ in 0..3 {
            assert_eq!(send(&app, &alex, KEY, INVITE, json!({})).await, first, "code and all");
        }
        assert_eq!(links(&app, &alex).await, 1);
        assert!(is_done(&send(&app, &alex, "another", INVITE, json!({})).await));
        assert_eq!(links(&app, &alex).await, 2);
    }

    async fn r26_no_hash_is_kept_by_which_a_request_could_be_guessed(app) {
        let alex = alex(&app).await;
        let log_in = "mutation($i: LogInInput!) { logIn(input: $i) { status } }";
        let variables = json!({ "i": { "email": alex.email, "password": PASSWORD } });
        let body = json!({ "query": log_in, "variables": variables }).to_string();
        assert!(is_done(&app.exact(None, Some(KEY), log_in, variables).await));
        let kept = app.dump().await.join("\n");
        assert!(kept.contains("idempotency_keys"));
        for guess in [body.as_str(), KEY, PASSWORD] {
            let hash = evenkeel::vault::sha256(guess.as_bytes());
            let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
            assert!(!kept.to_lowercase().contains(&hash), "{guess}");
        }
    }

    async fn r04_of_many_at_once_one_is_done(app) {
        let alex = alex(&app).await;
        let at_once = (0..6).map(|_| send(&app, &alex, KEY, INVITE, json!({})));
        let answers = futures::future::join_all(at_once).await;
        assert_eq!(links(&app, &alex).await, 1);
        let last = send(&app, &alex, KEY, INVITE, json!({})).await;
        assert!(is_done(&last));
        assert!(answers.contains(&last), "{answers:?}");
        for answer in answers.iter().filter(|answer| **answer != last) {
            assert!(answer.1.contains("IDEMPOTENCY_KEY_IN_PROGRESS"), "{answer:?}");
        }
    }

    async fn r04_a_key_stays_with_its_request(app) {
        let alex = alex(&app).await;
        let first = send(&app, &alex, KEY, INVITE, json!({})).await;
        let other = INVITE.replace("SWITCH", "DOMINANT");
        for (query, variables) in [(other.as_str(), json!({})), (INVITE, json!({ "unused": 1 }))] {
            let answer = send(&app, &alex, KEY, query, variables).await;
            assert_eq!(code(&answer), (409, "IDEMPOTENCY_KEY_REUSED".to_owned()));
        }
        assert_eq!(links(&app, &alex).await, 1);
        assert_eq!(send(&app, &alex, KEY, INVITE, json!({})).await, first);
    }

    async fn r04_keys_of_different_people_and_of_nobody_do_not_meet(app) {
        let alex = alex(&app).await;
        let sam = app.person_without_device("Sam", "America/Los_Angeles", ("23:00", "07:00")).await;
        let (alexs, sams) = (send(&app, &alex, KEY, INVITE, json!({})).await, send(&app, &sam, KEY, INVITE, json!({})).await);
        assert!(is_done(&alexs) && is_done(&sams));
        assert_ne!(alexs, sams);
        let nobodys = app.exact(None, Some(KEY), INVITE, json!({})).await;
        assert_eq!(code(&nobodys).1, "UNAUTHENTICATED");
        assert_eq!((links(&app, &alex).await, links(&app, &sam).await), (1, 1));
    }

    async fn r04_a_key_works_without_being_signed_in(app) {
        let query = "mutation($i: SignUpInput!) { signUp(input: $i) { status } }";
        let input = json!({ "i": {
            "email": "robin@people.test", "displayName": "Robin", "zone": "UTC",
            "consents": crate::support::people::consents(),
        } });
        for _ in 0..2 {
            assert!(is_done(&app.exact(None, Some(KEY), query, input.clone()).await));
        }
        app.deliver().await;
        assert_eq!(app.mail.inbox("robin@people.test").len(), 1);
    }

    async fn r04_a_key_is_forgotten_after_a_day(app) {
        let alex = alex(&app).await;
        let first = send(&app, &alex, KEY, INVITE, json!({})).await;
        let begun = app.clock.now();
        app.clock.set(begun + SignedDuration::from_hours(24));
        alex.refresh(&app).await;
        assert_eq!(send(&app, &alex, KEY, INVITE, json!({})).await, first, "up to the last moment");
        app.clock.set(begun + SignedDuration::from_hours(24) + SignedDuration::from_secs(1));
        let again = send(&app, &alex, KEY, INVITE, json!({})).await;
        assert!(is_done(&again));
        assert_ne!(again, first);
        assert_eq!(links(&app, &alex).await, 2);
    }

    async fn r04_a_key_is_for_exactly_one_mutation(app) {
        let alex = alex(&app).await;
        let two = "mutation { a: invitePartner(input: { role: SWITCH }) { status } b: invitePartner(input: { role: SWITCH }) { status } }";
        let hidden = "mutation { ...Both } fragment Both on Mutation { invitePartner(input: { role: SWITCH }) { status } }";
        let inline = "mutation { ... on Mutation { invitePartner(input: { role: SWITCH }) { status } } }";
        for query in [two, hidden, inline] {
            assert_eq!(code(&send(&app, &alex, KEY, query, json!({})).await), (400, "BAD_REQUEST".to_owned()));
        }
        assert_eq!(links(&app, &alex).await, 0);
        for key in ["", "   ", &"k".repeat(201)] {
            assert_eq!(code(&send(&app, &alex, key, INVITE, json!({})).await), (400, "BAD_REQUEST".to_owned()));
        }
        assert_eq!(links(&app, &alex).await, 0);
        assert!(is_done(&send(&app, &alex, &"k".repeat(200), INVITE, json!({})).await));
        assert!(alex.ask(&app, two, json!({})).await["b"]["status"] == "DONE", "without a key two are fine");
    }

    async fn r04_what_was_refused_may_be_mended_under_its_key(app) {
        let alex = alex(&app).await;
        let query = "mutation($z: String!) { updateProfile(input: { zone: $z }) { status account { zone } } }";
        let refused = send(&app, &alex, KEY, query, json!({ "z": "Atlantis" })).await;
        assert!(refused.1.contains("REFUSED"));
        assert!(is_done(&send(&app, &alex, KEY, query, json!({ "z": "Europe/Rome" })).await));
        let reused = send(&app, &alex, KEY, query, json!({ "z": "Europe/Oslo" })).await;
        assert_eq!(code(&reused).1, "IDEMPOTENCY_KEY_REUSED");
    }

    async fn r04_a_query_does_not_take_a_key(app) {
        let alex = alex(&app).await;
        let before = send(&app, &alex, KEY, LINKS, json!({})).await;
        alex.ask(&app, INVITE, json!({})).await;
        let after = send(&app, &alex, KEY, LINKS, json!({})).await;
        assert_ne!(before, after, "a query always tells what is so now");
        assert!(is_done(&send(&app, &alex, KEY, INVITE, json!({})).await), "and leaves the key free");
    }

    async fn r04_ending_a_scene_twice_or_by_both_at_once_does_it_once(app) {
        let couple = app.couple().await;
        couple.agree(&app, Couple::usual_terms(), None).await;
        let query = "mutation($i: RecordSceneInput!) { recordScene(input: $i) { scene { id } } }";
        let input = json!({ "i": { "linkId": couple.link, "setting": "ONLINE" } });
        let scene = couple.alex.ask(&app, query, input).await["recordScene"]["scene"]["id"].clone();
        app.clock.set(app.clock.now() + SignedDuration::from_mins(5));

        let end = "mutation($i: EndSceneInput!) { endScene(input: $i) { status scene { endedAt intensity } } }";
        let ended_at = instant(app.clock.now());
        let input = |intensity: i32| json!({ "i": { "sceneId": scene, "endedAt": ended_at, "intensity": intensity } });
        let (a, b) = futures::join!(couple.alex.ask(&app, end, input(2)), couple.sam.ask(&app, end, input(4)));
        let mut outcomes = [text(&a["endScene"]["status"]), text(&b["endScene"]["status"])];
        outcomes.sort();
        assert_eq!(outcomes, ["DONE", "UNCHANGED"]);
        assert_eq!(a["endScene"]["scene"], b["endScene"]["scene"], "both see the one that was done");

        app.clock.set(app.clock.now() + SignedDuration::from_mins(5));
        let late = json!({ "i": { "sceneId": scene, "intensity": 5 } });
        let again = couple.alex.ask(&app, end, late).await;
        assert_eq!(again["endScene"]["status"], "UNCHANGED");
        assert_eq!(again["endScene"]["scene"], a["endScene"]["scene"]);
        for person in [&couple.alex, &couple.sam] {
            assert_eq!(couple.check_ins(&app, person, scene.as_str().unwrap()).await.len(), 3);
        }
        app.pass_minutes(70).await;
        let asked = |person: &Person| person.pushes(&app).len();
        assert_eq!((asked(&couple.alex), asked(&couple.sam)), (1, 1), "asked once, and reminded once to reach out");
    }
}

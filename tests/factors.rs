//! What a person proves themselves with: fresh proofs before sensitive acts.

mod support;

use jiff::SignedDuration;
use serde_json::{Value, json};
use support::people::PASSWORD;
use support::{Person, TestApp};

const END_OTHERS: &str = "mutation { endOtherSessions { status problems { field code } } }";

async fn alex(app: &TestApp) -> Person {
    app.person_without_device("Alex", "Europe/Berlin", ("22:00", "08:00")).await
}

fn seconds(app: &TestApp, count: i64) {
    app.clock.set(app.clock.now() + SignedDuration::from_secs(count));
}

/// What a sensitive act answers without a fresh proof.
fn proof_needed() -> Value {
    json!({ "status": "REFUSED", "problems": [{ "field": "input", "code": "PROOF_NEEDED" }] })
}

async fn end_others(app: &TestApp, person: &Person) -> Value {
    person.ask(app, END_OTHERS, json!({})).await["endOtherSessions"].clone()
}

async fn sessions(app: &TestApp, person: &Person) -> usize {
    let data = person.ask(app, "{ viewer { sessions { id } } }", json!({})).await;
    data["viewer"]["sessions"].as_array().unwrap().len()
}

on_both_databases! {
    async fn a_sensitive_act_asks_for_a_proof_of_the_last_five_minutes(app) {
        let alex = alex(&app).await;
        app.log_in(&alex.email, PASSWORD).await;
        seconds(&app, 299);
        assert_eq!(end_others(&app, &alex).await["status"], "DONE", "a log-in is a proof");
        app.log_in(&alex.email, PASSWORD).await;
        seconds(&app, 1);
        assert_eq!(end_others(&app, &alex).await, proof_needed());
        assert_eq!(sessions(&app, &alex).await, 2, "nothing was done");
        alex.refresh(&app).await;
        assert_eq!(end_others(&app, &alex).await, proof_needed(), "a refresh is none");

        let wrong = json!({ "password": "five calm boats on a lake" });
        assert_eq!(alex.refused(&app, "proveItIsMe", wrong).await, ("password".into(), "MALFORMED".into()));
        assert_eq!(end_others(&app, &alex).await, proof_needed());
        alex.done(&app, "proveItIsMe", json!({ "password": PASSWORD }), "").await;
        seconds(&app, 299);
        assert_eq!(end_others(&app, &alex).await["status"], "DONE");
        assert_eq!(sessions(&app, &alex).await, 1);
        seconds(&app, 1);
        assert_eq!(end_others(&app, &alex).await, proof_needed());
    }

    async fn a_proof_counts_for_its_own_session_and_person_only(app) {
        let alex = alex(&app).await;
        let sam = app.person_without_device("Sam", "America/Los_Angeles", ("23:00", "07:00")).await;
        let (elsewhere, _) = app.log_in(&alex.email, PASSWORD).await;
        seconds(&app, 300);
        alex.done(&app, "proveItIsMe", json!({ "password": PASSWORD }), "").await;
        let answer = app.raw(Some(&elsewhere), END_OTHERS, json!({})).await;
        assert_eq!(answer["data"]["endOtherSessions"], proof_needed());
        assert_eq!(end_others(&app, &sam).await, proof_needed());
        assert_eq!(end_others(&app, &alex).await["status"], "DONE");
    }
}

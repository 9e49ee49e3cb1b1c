//! Consents: what a person says yes to is stored with the version of the words that they saw.

use crate::support::TestApp;
use crate::support::people::{PASSWORD, consents, health_consent, link_in};
use diesel::prelude::*;
use evenkeel::store::address_request::{AddressRequestRow, set_details};
use evenkeel::store::schema::address_requests;
use evenkeel::vault::Aad;
use serde_json::{Value, json};

const SIGN_UP: &str =
    "mutation($i: SignUpInput!) { signUp(input: $i) { status problems { field code sentence } } }";
const GIVE: &str = "mutation($i: GiveConsentInput!) { giveConsent(input: $i) {
    status account { onHoldSince } problems { field code sentence } } }";
const WITHDRAW: &str = "mutation { withdrawConsent { status account { onHoldSince } } }";

async fn sign_up(app: &TestApp, consents: &Value) -> Value {
    let input =
        json!({ "email": "robin@people.test", "displayName": "Robin", "zone": "UTC", "consents": consents });
    app.anonymous(SIGN_UP, json!({ "i": input })).await["signUp"].clone()
}

/// Makes a sign-up that waits for its mail one to earlier words, as if they had changed since.
async fn age_the_request(app: &TestApp, version: &'static str) {
    let aged = app.app.context.write_tx(None, move |tx| {
        let row: AddressRequestRow =
            address_requests::table.select(AddressRequestRow::as_select()).first(tx.db)?;
        let aad = || Aad::new("address_requests", "details", evenkeel::ids::TypedId::uuid(row.id));
        let key = tx.vault.system();
        let mut details: Value = key.open_json(aad(), row.details.as_deref().unwrap())?;
        for consent in details["consents"].as_array_mut().unwrap() {
            consent["version"] = json!(version);
        }
        set_details(tx.db, row.id, Some(key.seal_json(aad(), &details)?))?;
        Ok(())
    });
    aged.await.unwrap();
}

/// What is stored: kind, version, and whether it stands.
async fn stored(app: &TestApp, access: &str) -> Vec<Value> {
    let query = "{ viewer { consents { kind version withdrawnAt } } }";
    let answer = app.raw(Some(access), query, json!({})).await;
    let consents = answer["data"]["viewer"]["consents"].as_array().unwrap();
    let mut stored: Vec<_> = consents
        .iter()
        .map(|consent| json!([consent["kind"], consent["version"], consent["withdrawnAt"].is_null()]))
        .collect();
    stored.sort_by_key(Value::to_string);
    stored
}

on_both_databases! {
    async fn anybody_reads_the_words_and_their_versions(app) {
        let texts = app.anonymous("{ consentTexts { kind version text } }", json!({})).await["consentTexts"].clone();
        let texts = texts.as_array().unwrap();
        let named: Value = texts.iter().map(|text| json!({ "kind": text["kind"], "version": text["version"] })).collect();
        assert_eq!(named, consents(), "these are what signing up takes");
        assert!(texts.iter().all(|text| text["text"].as_str().unwrap().ends_with('.')), "{texts:?}");
        assert_eq!(sign_up(&app, &named).await["status"], "DONE");
        app.deliver().await;
    }

    async fn signing_up_needs_each_statement_once_in_its_current_words(app) {
        let all = consents();
        let with = |n: usize, version: &str| {
            let mut changed = all.clone();
            changed[n]["version"] = json!(version);
            changed
        };
        for (made, field, code) in [
            (json!([]), "consents", "REQUIRED"),
            (json!([all[1]]), "consents", "REQUIRED"),
            (json!([all[0]]), "consents", "REQUIRED"),
            (json!([all[0], all[1], all[1]]), "consents", "DUPLICATE"),
            (with(0, "2020-01"), "consents.0.version", "CHANGED"),
            (with(1, ""), "consents.1.version", "CHANGED"),
        ] {
            let answer = sign_up(&app, &made).await;
            let problem = &answer["problems"][0];
            assert_eq!((&answer["status"], &problem["field"], &problem["code"]), (&json!("REFUSED"), &json!(field), &json!(code)));
            if code == "CHANGED" {
                assert!(problem["sentence"].as_str().unwrap().contains("read the current ones"), "{problem}");
            }
        }
        app.deliver().await;
        assert_eq!(app.mail.received(), []);
    }

    async fn what_is_stored_is_the_version_that_the_person_saw(app) {
        assert_eq!(sign_up(&app, &consents()).await["status"], "DONE");
        age_the_request(&app, "2026-10").await;
        app.deliver().await;
        let link = link_in(&app.mail.inbox("robin@people.test").pop().unwrap());
        app.set_password(&link, PASSWORD).await;
        let (access, _) = app.log_in("robin@people.test", PASSWORD).await;
        let [adult, old] = ["ADULT", "HEALTH_DATA"].map(|kind| json!([kind, "2026-10", true]));
        assert_eq!(stored(&app, &access).await, [adult.clone(), old.clone()], "as when it was asked for");

        let give = async |input: Value| {
            let answer = app.raw(Some(&access), GIVE, json!({ "i": input })).await;
            answer["data"]["giveConsent"].clone()
        };
        let refused = give(json!({ "kind": "HEALTH_DATA", "version": "2026-10" })).await;
        assert_eq!(refused["problems"][0]["field"], "version");
        assert_eq!(refused["problems"][0]["code"], "CHANGED");
        assert!(refused["problems"][0]["sentence"].as_str().unwrap().contains("read the current ones"));
        let never = give(json!({ "kind": "ADULT", "version": consents()[0]["version"] })).await;
        assert_eq!([&never["problems"][0]["field"], &never["problems"][0]["code"]], ["kind", "WRONG_STATE"]);

        // Whoever reads the newer words and says yes has said yes to both.
        let again = health_consent();
        assert_eq!(give(again.clone()).await["status"], "DONE");
        assert_eq!(give(again.clone()).await["status"], "UNCHANGED");
        let new = |stands: bool| json!(["HEALTH_DATA", again["version"], stands]);
        assert_eq!(stored(&app, &access).await, [adult.clone(), old, new(true)]);

        let withdrawn = app.raw(Some(&access), WITHDRAW, json!({})).await["data"]["withdrawConsent"].clone();
        assert_ne!(withdrawn["account"]["onHoldSince"], Value::Null);
        let old = json!(["HEALTH_DATA", "2026-10", false]);
        assert_eq!(stored(&app, &access).await, [adult.clone(), old.clone(), new(false)], "a no is to all of it");
        let given = give(again.clone()).await;
        assert_eq!((&given["status"], &given["account"]["onHoldSince"]), (&json!("DONE"), &Value::Null));
        assert_eq!(stored(&app, &access).await, [adult, old, new(false), new(true)]);
    }

    async fn the_first_steps_that_graphiql_shows_can_be_taken_as_they_stand(app) {
        let script = include_str!("../../assets/graphiql/start.js");
        let welcome = script.split('`').nth(1).unwrap();
        let steps: Vec<_> = ["query ConsentTexts", "mutation SignUp", "mutation LogIn", "query Home"]
            .map(|head| {
                let begin = welcome.find(head).unwrap();
                let end = welcome[begin..].find("\n}\n").unwrap();
                &welcome[begin..begin + end + 2]
            })
            .to_vec();
        let texts = app.anonymous(steps[0], json!({})).await;
        assert_eq!(texts["consentTexts"].as_array().unwrap().len(), 2);
        assert_eq!(app.anonymous(steps[1], json!({})).await["signUp"]["status"], "DONE", "are its versions the current ones?");
        app.deliver().await;
        let password = steps[2].split("password: \"").nth(1).unwrap().split('"').next().unwrap();
        app.set_password(&link_in(&app.mail.inbox("alex@example.org").pop().unwrap()), password).await;
        let logged_in = app.anonymous(steps[2], json!({})).await["logIn"].clone();
        let access = logged_in["outcome"]["accessToken"].as_str().unwrap_or_else(|| panic!("{logged_in}"));
        let home = app.raw(Some(access), steps[3], json!({})).await;
        assert_eq!(home["data"]["viewer"]["account"]["displayName"], "Alex");
        assert_eq!(home["errors"], Value::Null);
    }
}

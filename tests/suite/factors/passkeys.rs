//! Passkeys: created, used to log in and to reauthenticate, removed; and every way in which one must be refused.

use super::alex;
use super::{Authenticator as App, WEEK, end_others, reauthentication_required, reset, seconds, wrong};
use crate::support::authenticator::Authenticator;
use crate::support::people::{PASSWORD, text};
use crate::support::{Person, TestApp};
use serde_json::{Value, json};

const BEGIN: &str =
    "mutation { beginPasskeyRegistration { status begun { ceremony options } problems { field code } } }";
const BEGIN_LOG_IN: &str = "mutation { beginPasskeyLogIn { status begun { ceremony options } } }";
const FINISH_LOG_IN: &str = "mutation($i: FinishPasskeyLogInInput!) { finishPasskeyLogIn(input: $i) {
    status tokens { accessToken } problems { field code sentence } } }";
const PASSKEYS: &str = "{ viewer { factors { passkeys { id label createdOn lastUsedOn } } } }";

/// The passkey manager of a person's phone, on the service's own page.
pub(super) fn phone(app: &TestApp) -> Authenticator {
    Authenticator::at(&app.url.replace("127.0.0.1", "localhost"))
}

async fn begin(app: &TestApp, person: &Person) -> (String, String) {
    let begun = person.ask(app, BEGIN, json!({})).await["beginPasskeyRegistration"].clone();
    assert_eq!(begun["status"], "DONE", "{begun}");
    (text(&begun["begun"]["ceremony"]), text(&begun["begun"]["options"]))
}

fn made(ceremony: &str, credential: &str) -> Value {
    json!({ "ceremony": ceremony, "credential": credential, "label": "phone" })
}

/// Creates a passkey for a person who has just reauthenticated; returns its id.
pub(super) async fn register(app: &TestApp, person: &Person, phone: &Authenticator) -> String {
    let (ceremony, options) = begin(app, person).await;
    let input = made(&ceremony, &phone.create(&options));
    text(&person.done(app, "finishPasskeyRegistration", input, "passkey { id }").await["passkey"]["id"])
}

pub(super) async fn begin_log_in(app: &TestApp) -> (String, String) {
    let begun = app.anonymous(BEGIN_LOG_IN, json!({})).await["beginPasskeyLogIn"]["begun"].clone();
    (text(&begun["ceremony"]), text(&begun["options"]))
}

async fn finish_log_in(app: &TestApp, ceremony: &str, credential: &str) -> Value {
    let input = json!({ "i": { "ceremony": ceremony, "credential": credential, "deviceLabel": "laptop" } });
    app.anonymous(FINISH_LOG_IN, input).await["finishPasskeyLogIn"].clone()
}

pub(super) async fn log_in(app: &TestApp, phone: &Authenticator) -> Value {
    let (ceremony, options) = begin_log_in(app).await;
    finish_log_in(app, &ceremony, &phone.get(&options)).await
}

fn problem(answer: &Value) -> (String, String) {
    assert_eq!((&answer["status"], &answer["tokens"]), (&json!("REFUSED"), &Value::Null), "{answer}");
    (text(&answer["problems"][0]["field"]), text(&answer["problems"][0]["code"]))
}

fn over() -> (String, String) {
    ("ceremony".into(), "EXPIRED".into())
}

on_both_databases! {
    async fn a_passkey_logs_in_without_address_password_or_second_step(app) {
        let alex = alex(&app).await;
        App::of(&app, &alex).await;
        let phone = phone(&app);
        register(&app, &alex, &phone).await;
        let answer = log_in(&app, &phone).await;
        assert_eq!(answer["status"], "DONE", "{answer}");
        let query = "{ viewer { account { email } sessions { label current } } }";
        let seen = app.raw(answer["tokens"]["accessToken"].as_str(), query, json!({})).await["data"]["viewer"].clone();
        assert_eq!(seen["account"]["email"], json!(alex.email));
        assert!(seen["sessions"].as_array().unwrap().contains(&json!({ "label": "laptop", "current": true })));
        assert_eq!(log_in(&app, &phone).await["status"], "DONE", "and again");
        let listed = alex.ask(&app, PASSKEYS, json!({})).await["viewer"]["factors"]["passkeys"].clone();
        let day = "2026-10-24";
        assert_eq!(listed[0], json!({ "id": listed[0]["id"], "label": "phone", "createdOn": day, "lastUsedOn": day }));
    }

    async fn a_passkey_is_made_by_its_owner_with_a_fresh_proof_only(app) {
        let alex = alex(&app).await;
        let (ceremony, options) = begin(&app, &alex).await;
        let phone = phone(&app);
        let credential = phone.create(&options);
        let sam = app.person_without_device("Sam", "America/Los_Angeles", ("23:00", "07:00")).await;
        assert_eq!(sam.refused(&app, "finishPasskeyRegistration", made(&ceremony, &credential)).await, over());
        let (ceremony, _) = begin(&app, &alex).await;
        let other = made(&ceremony, &credential);
        let refused = alex.refused(&app, "finishPasskeyRegistration", other).await;
        assert_eq!(refused, wrong("credential"), "the challenge is another");
        seconds(&app, 299);
        let (ceremony, options) = begin(&app, &alex).await;
        let challenge = serde_json::from_str::<Value>(&options).unwrap()["challenge"].clone();
        seconds(&app, 300);
        let late = made(&ceremony, &phone.attest_again(challenge.as_str().unwrap()));
        assert_eq!(alex.refused(&app, "finishPasskeyRegistration", late).await, over());
        let begun = alex.ask(&app, BEGIN, json!({})).await["beginPasskeyRegistration"].clone();
        assert_eq!(begun["problems"], reauthentication_required()["problems"]);
        assert_eq!(log_in(&app, &phone).await["problems"][0]["code"], "INCORRECT", "it was never kept");
    }

    async fn a_ceremony_is_used_up_by_whoever_began_it_and_by_nobody_else(app) {
        let alex = alex(&app).await;
        let (ceremony, options) = begin(&app, &alex).await;
        let phone = phone(&app);
        let answer = made(&ceremony, &phone.create(&options));
        let sam = app.person_without_device("Sam", "America/Los_Angeles", ("23:00", "07:00")).await;
        assert_eq!(sam.refused(&app, "finishPasskeyRegistration", answer.clone()).await, over());
        alex.done(&app, "finishPasskeyRegistration", answer.clone(), "").await;
        assert_eq!(alex.refused(&app, "finishPasskeyRegistration", answer).await, over());
        assert_eq!(log_in(&app, &phone).await["status"], "DONE");
    }

    async fn a_passkey_of_another_page_without_a_verified_user_or_made_before_is_not_kept(app) {
        let alex = alex(&app).await;
        let attempt = async |phone: &Authenticator| {
            let (ceremony, options) = begin(&app, &alex).await;
            alex.refused(&app, "finishPasskeyRegistration", made(&ceremony, &phone.create(&options))).await
        };
        assert_eq!(attempt(&Authenticator::at("http://phish.test")).await, wrong("credential"));
        let mut careless = phone(&app);
        careless.verifies = false;
        assert_eq!(attempt(&careless).await, wrong("credential"));
        let (ceremony, _) = begin(&app, &alex).await;
        let nonsense = made(&ceremony, "{}");
        assert_eq!(alex.refused(&app, "finishPasskeyRegistration", nonsense).await, wrong("credential"));
        let mine = phone(&app);
        register(&app, &alex, &mine).await;
        let sam = app.person_without_device("Sam", "America/Los_Angeles", ("23:00", "07:00")).await;
        let (ceremony, options) = begin(&app, &sam).await;
        let challenge = serde_json::from_str::<Value>(&options).unwrap()["challenge"].clone();
        let taken = made(&ceremony, &mine.attest_again(challenge.as_str().unwrap()));
        assert_eq!(sam.refused(&app, "finishPasskeyRegistration", taken).await, wrong("credential"));
        assert_eq!(log_in(&app, &mine).await["status"], "DONE", "it is Alex's still");
    }

    async fn r28_a_log_in_by_passkey_is_refused_alike_for_every_reason(app) {
        let alex = alex(&app).await;
        let sam = app.person_without_device("Sam", "America/Los_Angeles", ("23:00", "07:00")).await;
        let (mine, sams) = (phone(&app), phone(&app));
        register(&app, &alex, &mine).await;
        register(&app, &sam, &sams).await;
        let mut answers = Vec::new();

        let mut elsewhere = mine.clone();
        elsewhere.origin = "http://phish.test".to_owned();
        answers.push(log_in(&app, &elsewhere).await);
        let mut careless = mine.clone();
        careless.verifies = false;
        answers.push(log_in(&app, &careless).await);
        let (ceremony, _) = begin_log_in(&app).await;
        let (_, other_options) = begin_log_in(&app).await;
        answers.push(finish_log_in(&app, &ceremony, &mine.get(&other_options)).await);
        let claiming = mine.clone();
        claiming.claim_user(&sams.user());
        answers.push(log_in(&app, &claiming).await);
        let forging = mine.clone();
        forging.claim_id_of(&sams);
        forging.claim_user(&sams.user());
        answers.push(log_in(&app, &forging).await);
        let unknown = phone(&app);
        let (_, options) = begin(&app, &alex).await;
        unknown.create(&options);
        answers.push(log_in(&app, &unknown).await);
        let (ceremony, _) = begin_log_in(&app).await;
        answers.push(finish_log_in(&app, &ceremony, "{\"id\": 1}").await);
        assert_eq!(problem(&answers[0]), wrong("credential"));
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
        assert_eq!(log_in(&app, &sams).await["status"], "DONE");
    }

    async fn an_answer_of_a_passkey_works_once_and_a_copy_of_it_is_found_out(app) {
        let alex = alex(&app).await;
        let phone = phone(&app);
        register(&app, &alex, &phone).await;
        let (ceremony, options) = begin_log_in(&app).await;
        let credential = phone.get(&options);
        let copy = phone.clone();
        assert_eq!(finish_log_in(&app, &ceremony, &credential).await["status"], "DONE");
        assert_eq!(problem(&finish_log_in(&app, &ceremony, &credential).await), over(), "the ceremony is used up");
        let (another, _) = begin_log_in(&app).await;
        assert_eq!(problem(&finish_log_in(&app, &another, &credential).await), wrong("credential"));
        assert_eq!(log_in(&app, &phone).await["status"], "DONE");
        // The copy's counter is one behind now.
        assert_eq!(problem(&log_in(&app, &copy).await), wrong("credential"));
        let (late, options) = begin_log_in(&app).await;
        seconds(&app, 300);
        assert_eq!(problem(&finish_log_in(&app, &late, &phone.get(&options)).await), over());
    }

    async fn a_password_set_by_mail_removes_passkeys_unless_they_and_an_app_are_older_than_a_week(app) {
        let alex = alex(&app).await;
        let theirs = phone(&app);
        register(&app, &alex, &theirs).await;
        assert_eq!(log_in(&app, &theirs).await["status"], "DONE");
        seconds(&app, WEEK + 1);
        let left = json!({ "passkeys": 0, "authenticator": false });
        assert_eq!(reset(&app, &alex.email, "five calm boats on a lake").await, left);
        assert_eq!(problem(&log_in(&app, &theirs).await), wrong("credential"), "whoever made it, and when");
        app.log_in(&alex.email, "five calm boats on a lake").await;

        let sam = app.person_without_device("Sam", "America/Los_Angeles", ("23:00", "07:00")).await;
        let (own, theirs, app_of_sam) = (phone(&app), phone(&app), App::of(&app, &sam).await);
        register(&app, &sam, &own).await;
        seconds(&app, WEEK + 1);
        let proof = json!({ "password": PASSWORD, "secondFactor": { "totpCode": app_of_sam.code(&app) } });
        sam.done(&app, "reauthenticate", proof, "").await;
        register(&app, &sam, &theirs).await;
        let left = json!({ "passkeys": 1, "authenticator": true });
        assert_eq!(reset(&app, &sam.email, "five calm boats on a lake").await, left, "one is shown what can still sign in");
        assert_eq!(log_in(&app, &own).await["status"], "DONE");
        assert_eq!(problem(&log_in(&app, &theirs).await), wrong("credential"), "it is too young");
    }

    async fn a_passkey_that_was_removed_is_nobodys(app) {
        let alex = alex(&app).await;
        let sam = app.person_without_device("Sam", "America/Los_Angeles", ("23:00", "07:00")).await;
        let phone = phone(&app);
        let id = register(&app, &alex, &phone).await;
        let not_found = ("passkeyId".to_owned(), "NOT_FOUND".to_owned());
        assert_eq!(sam.refused(&app, "removePasskey", json!({ "passkeyId": id })).await, not_found);
        let (under_way, options) = begin_log_in(&app).await;
        seconds(&app, 299);
        alex.done(&app, "removePasskey", json!({ "passkeyId": id }), "").await;
        assert_eq!(alex.refused(&app, "removePasskey", json!({ "passkeyId": id })).await, not_found);
        assert_eq!(problem(&finish_log_in(&app, &under_way, &phone.get(&options)).await), wrong("credential"));
        seconds(&app, 1);
        let proof = alex.refused(&app, "removePasskey", json!({ "passkeyId": id })).await;
        assert_eq!(proof, ("input".into(), "REAUTHENTICATION_REQUIRED".into()));
        app.log_in(&alex.email, PASSWORD).await;
    }

    async fn a_passkey_is_a_fresh_proof_for_the_session_that_asked(app) {
        let alex = alex(&app).await;
        let sam = app.person_without_device("Sam", "America/Los_Angeles", ("23:00", "07:00")).await;
        let (mine, sams) = (phone(&app), phone(&app));
        register(&app, &alex, &mine).await;
        register(&app, &sam, &sams).await;
        seconds(&app, 300);
        let (elsewhere, _) = app.log_in(&alex.email, PASSWORD).await;
        seconds(&app, 300);
        let begin = "mutation { beginPasskeyReauthentication { begun { ceremony options } problems { code } } }";
        let begun = async || {
            let begun = alex.ask(&app, begin, json!({})).await["beginPasskeyReauthentication"]["begun"].clone();
            (text(&begun["ceremony"]), text(&begun["options"]))
        };
        let answer = |ceremony: &str, credential: &str| json!({ "ceremony": ceremony, "credential": credential });
        let (ceremony, options) = begun().await;
        assert_eq!(serde_json::from_str::<Value>(&options).unwrap()["allowCredentials"].as_array().unwrap().len(), 1);
        // Another person's passkey, or the ceremony of a log-in, is no reauthentication.
        let mut anybody: Value = serde_json::from_str(&options).unwrap();
        anybody["allowCredentials"] = json!([]);
        let others = answer(&ceremony, &sams.get(&anybody.to_string()));
        assert_eq!(alex.refused(&app, "finishPasskeyReauthentication", others).await, wrong("credential"));
        let (ceremony, options) = begin_log_in(&app).await;
        assert_eq!(alex.refused(&app, "finishPasskeyReauthentication", answer(&ceremony, &mine.get(&options))).await, over());
        assert_eq!(end_others(&app, &alex).await, reauthentication_required());
        let (ceremony, options) = begun().await;
        let crossed = finish_log_in(&app, &ceremony, &mine.get(&options)).await;
        assert_eq!(problem(&crossed), over(), "a proof's ceremony logs nobody in");
        // Only the session that asked is reauthenticated.
        let (ceremony, options) = begun().await;
        let input = answer(&ceremony, &mine.get(&options));
        let query = "mutation($i: FinishPasskeyReauthenticationInput!) { finishPasskeyReauthentication(input: $i) { problems { field code } } }";
        let refused = app.raw(Some(&elsewhere), query, json!({ "i": input })).await;
        let expired = json!([{ "field": "ceremony", "code": "EXPIRED" }]);
        assert_eq!(refused["data"]["finishPasskeyReauthentication"]["problems"], expired);
        let (ceremony, options) = begun().await;
        alex.done(&app, "finishPasskeyReauthentication", answer(&ceremony, &mine.get(&options)), "").await;
        assert_eq!(end_others(&app, &alex).await["status"], "DONE");
    }
}

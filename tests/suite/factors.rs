//! Factors: reauthentication before sensitive acts, authenticator apps, recovery codes, passkeys.

mod addresses;
mod passkeys;

use crate::support::people::{PASSWORD, link_in, text, totp_secret};
use crate::support::{Person, TestApp};
use diesel::prelude::*;
use evenkeel::domain::totp::code_at;
use evenkeel::ids::{AccountId, TypedId};
use evenkeel::store::recovery_code::RecoveryCodeRow;
use evenkeel::store::schema::idempotency_keys;
use evenkeel::store::types::Ts;
use evenkeel::store::{Db, StoreError};
use evenkeel::vault::sha256;
use jiff::SignedDuration;
use serde_json::{Value, json};

/// Seconds of the age up to which a factor is not believed to be its owner's.
const WEEK: i64 = 7 * 86_400;
const END_OTHERS: &str = "mutation { endOtherSessions { status problems { field code } } }";

async fn alex(app: &TestApp) -> Person {
    app.person_without_device("Alex", "Europe/Berlin", ("22:00", "08:00")).await
}

fn seconds(app: &TestApp, count: i64) {
    app.clock.set(app.clock.now() + SignedDuration::from_secs(count));
}

/// The answer to a sensitive act without reauthentication.
fn reauthentication_required() -> Value {
    json!({ "status": "REFUSED", "problems": [{ "field": "input", "code": "REAUTHENTICATION_REQUIRED" }] })
}

async fn end_others(app: &TestApp, person: &Person) -> Value {
    person.ask(app, END_OTHERS, json!({})).await["endOtherSessions"].clone()
}

async fn sessions(app: &TestApp, person: &Person) -> usize {
    let data = person.ask(app, "{ viewer { sessions { id } } }", json!({})).await;
    data["viewer"]["sessions"].as_array().unwrap().len()
}

const LOG_IN: &str = "mutation($i: LogInInput!) { logIn(input: $i) {
    status outcome { ... on SessionTokens { accessToken } ... on SecondStep { challenge expiresAt } } problems { field code } } }";
const COMPLETE: &str = "mutation($i: CompleteLogInInput!) { completeLogIn(input: $i) {
    status tokens { accessToken sessionId } problems { field code } } }";
const FACTORS: &str = "{ viewer { factors { totpSince recoveryCodesLeft } } }";

/// The authenticator app on a person's phone: it reads the secret from the URI of the QR code.
struct Authenticator {
    secret: [u8; 20],
    recovery_codes: Vec<String>,
}

impl Authenticator {
    /// Reads `otpauth:` as an app does: base 32 (RFC 4648) of the secret.
    fn scan(uri: &str) -> Self {
        let uri: url::Url = uri.parse().unwrap();
        assert_eq!((uri.scheme(), uri.host_str()), ("otpauth", Some("totp")));
        let secret = uri.query_pairs().find(|(name, _)| name == "secret").unwrap().1.into_owned();
        Self { secret: totp_secret(&secret), recovery_codes: Vec::new() }
    }

    /// Sets up an app for a person who has just reauthenticated.
    async fn of(app: &TestApp, person: &Person) -> Self {
        let query = "mutation { beginTotp { status setup { secret uri } problems { field code } } }";
        let begun = person.ask(app, query, json!({})).await["beginTotp"].clone();
        assert_eq!(begun["status"], "DONE", "{begun}");
        let mut this = Self::scan(begun["setup"]["uri"].as_str().unwrap());
        assert!(text(&begun["setup"]["uri"]).contains(begun["setup"]["secret"].as_str().unwrap()));
        let input = json!({ "totpCode": this.code(app) });
        let confirmed = person.done(app, "confirmTotp", input, "recoveryCodes").await;
        this.recovery_codes = confirmed["recoveryCodes"].as_array().unwrap().iter().map(text).collect();
        this
    }

    /// The code that it shows now.
    fn code(&self, app: &TestApp) -> String {
        code_at(&self.secret, app.clock.now())
    }

    /// A code that it shows neither now nor a step before or after.
    fn wrong(&self, app: &TestApp) -> String {
        let near: Vec<String> = [-30, 0, 30]
            .map(|s| code_at(&self.secret, app.clock.now() + SignedDuration::from_secs(s)))
            .to_vec();
        (0..4).map(|n| format!("{n:06}")).find(|code| !near.contains(code)).unwrap()
    }
}

/// Logs in with the password alone; returns the challenge of the second step.
async fn challenge(app: &TestApp, email: &str) -> String {
    let input = json!({ "i": { "email": email, "password": PASSWORD, "deviceLabel": "tablet" } });
    let answer = app.anonymous(LOG_IN, input).await["logIn"].clone();
    assert_eq!(answer["status"], "DONE", "{answer}");
    text(&answer["outcome"]["challenge"])
}

async fn complete(app: &TestApp, challenge: &str, kind: &str, code: &str) -> Value {
    app.anonymous(COMPLETE, json!({ "i": { "challenge": challenge, "secondFactor": { kind: code } } })).await
        ["completeLogIn"]
        .clone()
}

/// The field and code of the one problem of a refused second step.
async fn refused(app: &TestApp, challenge: &str, kind: &str, code: &str) -> (String, String) {
    let answer = complete(app, challenge, kind, code).await;
    assert_eq!((&answer["status"], &answer["tokens"]), (&json!("REFUSED"), &Value::Null), "{answer}");
    (text(&answer["problems"][0]["field"]), text(&answer["problems"][0]["code"]))
}

fn over() -> (String, String) {
    ("challenge".into(), "EXPIRED".into())
}

/// The problem of a wrong credential, or of a wrong code as the second factor.
fn wrong(field: &str) -> (String, String) {
    let of_code = field.ends_with("Code");
    (if of_code { format!("secondFactor.{field}") } else { field.into() }, "INCORRECT".into())
}

/// Sets a new password by a reset mail; returns what can still sign in.
async fn reset(app: &TestApp, email: &str, password: &str) -> Value {
    ask_for_reset(app, email).await;
    reset_by_mail(app, email, password).await
}

async fn ask_for_reset(app: &TestApp, email: &str) {
    let query = "mutation($e: String!) { requestPasswordReset(input: { email: $e }) { status } }";
    app.anonymous(query, json!({ "e": email })).await;
    app.deliver().await;
}

/// Sets a new password by the last reset mail.
async fn reset_by_mail(app: &TestApp, email: &str, password: &str) -> Value {
    let mails = app.mail.inbox(email);
    let link = mails.iter().rev().map(link_in).find(|link| link.contains("/reset/")).unwrap();
    let query = "mutation($i: ResetPasswordInput!) { resetPassword(input: $i) {
        status remaining { passkeys authenticator } } }";
    let input = json!({ "i": { "token": link.rsplit_once('/').unwrap().1, "newPassword": password } });
    let answer = app.anonymous(query, input).await["resetPassword"].clone();
    assert_eq!(answer["status"], "DONE", "{answer}");
    answer["remaining"].clone()
}

on_both_databases! {
    async fn a_sensitive_act_asks_for_a_proof_of_the_last_five_minutes(app) {
        let alex = alex(&app).await;
        app.log_in(&alex.email, PASSWORD).await;
        seconds(&app, 299);
        assert_eq!(end_others(&app, &alex).await["status"], "DONE", "a log-in is a proof");
        app.log_in(&alex.email, PASSWORD).await;
        seconds(&app, 1);
        assert_eq!(end_others(&app, &alex).await, reauthentication_required());
        assert_eq!(sessions(&app, &alex).await, 2, "nothing was done");
        alex.refresh(&app).await;
        assert_eq!(end_others(&app, &alex).await, reauthentication_required(), "a refresh is none");

        let wrong = json!({ "password": "five calm boats on a lake" });
        assert_eq!(alex.refused(&app, "reauthenticate", wrong).await, ("password".into(), "INCORRECT".into()));
        assert_eq!(end_others(&app, &alex).await, reauthentication_required());
        alex.done(&app, "reauthenticate", json!({ "password": PASSWORD }), "").await;
        seconds(&app, 299);
        assert_eq!(end_others(&app, &alex).await["status"], "DONE");
        assert_eq!(sessions(&app, &alex).await, 1);
        seconds(&app, 1);
        assert_eq!(end_others(&app, &alex).await, reauthentication_required());
    }

    async fn a_proof_counts_for_its_own_session_and_person_only(app) {
        let alex = alex(&app).await;
        let sam = app.person_without_device("Sam", "America/Los_Angeles", ("23:00", "07:00")).await;
        let (elsewhere, _) = app.log_in(&alex.email, PASSWORD).await;
        seconds(&app, 300);
        alex.done(&app, "reauthenticate", json!({ "password": PASSWORD }), "").await;
        let answer = app.raw(Some(&elsewhere), END_OTHERS, json!({})).await;
        assert_eq!(answer["data"]["endOtherSessions"], reauthentication_required());
        assert_eq!(end_others(&app, &sam).await, reauthentication_required());
        assert_eq!(end_others(&app, &alex).await["status"], "DONE");
    }

    async fn r32_a_log_in_with_an_app_needs_a_code_of_it_and_each_works_once(app) {
        let alex = alex(&app).await;
        let phone = Authenticator::of(&app, &alex).await;
        assert_eq!(phone.recovery_codes.len(), 10);
        let first = challenge(&app, &alex.email).await;
        let code = phone.code(&app);
        assert_eq!(refused(&app, &first, "totpCode", &code).await, wrong("totpCode"), "it confirmed the app");
        seconds(&app, 30);
        let code = phone.code(&app);
        let done = complete(&app, &first, "totpCode", &code).await;
        assert_eq!(done["status"], "DONE", "{done}");
        let answer = app.raw(done["tokens"]["accessToken"].as_str(), "{ viewer { sessions { label current } } }", json!({})).await;
        let seen = answer["data"]["viewer"]["sessions"].as_array().unwrap().clone();
        assert!(seen.contains(&json!({ "label": "tablet", "current": true })), "{seen:?}");
        assert_eq!(refused(&app, &first, "totpCode", &code).await, over(), "a challenge works once");
        let second = challenge(&app, &alex.email).await;
        assert_eq!(refused(&app, &second, "totpCode", &code).await, wrong("totpCode"), "a code works once");
        // A code of the next step, from a clock that is ahead, is accepted; after that no code of an earlier step is.
        let ahead = code_at(&phone.secret, app.clock.now() + SignedDuration::from_secs(30));
        assert_eq!(complete(&app, &second, "totpCode", &ahead).await["status"], "DONE");
        seconds(&app, 30);
        let third = challenge(&app, &alex.email).await;
        assert_eq!(refused(&app, &third, "totpCode", &ahead).await, wrong("totpCode"));
        // A clock that is one step behind is forgiven, two steps behind is not.
        seconds(&app, 60);
        let behind = code_at(&phone.secret, app.clock.now() - SignedDuration::from_secs(60));
        assert_eq!(refused(&app, &third, "totpCode", &behind).await, wrong("totpCode"));
        let behind = code_at(&phone.secret, app.clock.now() - SignedDuration::from_secs(30));
        assert_eq!(complete(&app, &third, "totpCode", &behind).await["status"], "DONE");
    }

    async fn r31_an_answer_with_a_secret_is_kept_for_a_repetition_as_long_as_the_grace(app) {
        let alex = alex(&app).await;
        let key = "a key that the app made up";
        let mut kinds = Vec::new();
        // Sends one, then again after 14 and 15 seconds; returns the first answer.
        let mut thrice = async |signed_in: bool, query: &str, variables: Value| {
            let access = signed_in.then(|| alex.access());
            let key = format!("{key} {}", kinds.len());
            let send = async || app.exact(access.as_deref(), Some(&key), query, variables.clone()).await;
            let first = send().await;
            assert!(first.1.contains("\"status\":\"DONE\""), "{query}: {}", first.1);
            seconds(&app, 14);
            assert_eq!(send().await, first, "{query}");
            seconds(&app, 1);
            let (status, later) = send().await;
            assert!(status == 409 && later.contains("IDEMPOTENCY_KEY_IN_PROGRESS"), "{query}: {later}");
            let answer: Value = serde_json::from_str(&first.1).unwrap();
            let (name, payload) = answer["data"].as_object().unwrap().iter().next().unwrap();
            kinds.push(name.clone());
            payload.clone()
        };
        let log_in = json!({ "i": { "email": alex.email, "password": PASSWORD } });
        let with_refresh = LOG_IN.replace("accessToken", "accessToken refreshToken");
        let tokens = thrice(false, &with_refresh, log_in.clone()).await["outcome"].clone();
        let refresh = "mutation($i: RefreshSessionInput!) { refreshSession(input: $i) { status tokens { accessToken } } }";
        thrice(false, refresh, json!({ "i": { "refreshToken": tokens["refreshToken"] } })).await;
        let begun = thrice(true, "mutation { beginTotp { status setup { secret uri } } }", json!({})).await;
        let phone = Authenticator::scan(begun["setup"]["uri"].as_str().unwrap());
        let confirm = "mutation($i: ConfirmTotpInput!) { confirmTotp(input: $i) { status recoveryCodes } }";
        thrice(true, confirm, json!({ "i": { "totpCode": phone.code(&app) } })).await;
        thrice(true, "mutation { renewRecoveryCodes { status recoveryCodes } }", json!({})).await;
        let step = thrice(false, LOG_IN, log_in).await["outcome"]["challenge"].clone();
        thrice(false, COMPLETE, json!({ "i": { "challenge": step, "secondFactor": { "totpCode": phone.code(&app) } } })).await;
        let passkey = passkeys::phone(&app);
        passkeys::register(&app, &alex, &passkey).await;
        let (ceremony, options) = passkeys::begin_log_in(&app).await;
        let finish = "mutation($i: FinishPasskeyLogInInput!) { finishPasskeyLogIn(input: $i) { status tokens { accessToken } } }";
        thrice(false, finish, json!({ "i": { "ceremony": ceremony, "credential": passkey.get(&options) } })).await;
        alex.ask(&app, "mutation { requestExport { status } }", json!({})).await;
        assert_eq!(evenkeel::actions::export::make_due(&app.app.context).await.unwrap(), 1);
        thrice(true, "mutation { createExportDownload { status download { path } } }", json!({})).await;

        // Whose payload has a field of these names hands a secret out. A new one belongs above.
        let schema = evenkeel::graphql::print();
        let secrets = ["tokens: SessionTokens", "recoveryCodes: [String", "setup: TotpSetup", "outcome: LogInOutcome", "download: ExportDownload"];
        let hands_out = schema.split("\ntype ").filter(|text| secrets.iter().any(|field| text.contains(field)));
        let hands_out = hands_out.filter_map(|text| text.split_once("Payload ")).map(|(name, _)| name.to_lowercase());
        let tried: std::collections::BTreeSet<_> = kinds.iter().map(|name| name.to_lowercase()).collect();
        assert_eq!(hands_out.collect::<std::collections::BTreeSet<_>>(), tried);
        // The next request under a key forgets them.
        alex.ask(&app, "mutation { endOtherSessions { status } }", json!({})).await;
        app.exact(Some(&alex.access()), Some(key), "mutation { removeTotp { status } }", json!({})).await;
        let kept = |db: &mut Db| {
            let answers = idempotency_keys::table.filter(idempotency_keys::response.is_not_null());
            Ok::<i64, StoreError>(answers.count().get_result(db)?)
        };
        assert_eq!(app.app.context.store.read(kept).await.unwrap(), 1, "the last one's, which holds no secret");
    }

    async fn r28_a_wrong_password_looks_the_same_with_and_without_a_second_factor(app) {
        let alex = alex(&app).await;
        let sam = app.person_without_device("Sam", "America/Los_Angeles", ("23:00", "07:00")).await;
        Authenticator::of(&app, &alex).await;
        let attempt = async |email: &str| {
            let input = json!({ "i": { "email": email, "password": "not the password of anybody" } });
            app.exact(None, None, LOG_IN, input).await
        };
        let answers = [attempt(&alex.email).await, attempt(&sam.email).await, attempt("kim@people.test").await];
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
        assert!(answers[0].1.contains("\"outcome\":null"));
        // The second step does not tell a challenge that was never given from an expired one either.
        let late = challenge(&app, &alex.email).await;
        seconds(&app, 300);
        let tried = async |challenge: &str| {
            let input = json!({ "i": { "challenge": challenge, "secondFactor": { "totpCode": "000000" } } });
            app.exact(None, None, COMPLETE, input).await
        };
        assert_eq!(tried(&late).await, tried("nonsense").await);
    }

    async fn r34_a_challenge_dies_of_five_wrong_codes_and_strangers_lock_nobody_out_with_ten(app) {
        let alex = alex(&app).await;
        let phone = Authenticator::of(&app, &alex).await;
        seconds(&app, 30);
        for _ in 0..2 {
            let challenge = challenge(&app, &alex.email).await;
            for _ in 0..5 {
                assert_eq!(refused(&app, &challenge, "totpCode", &phone.wrong(&app)).await, wrong("totpCode"));
            }
            assert_eq!(refused(&app, &challenge, "totpCode", &phone.code(&app)).await, over());
        }
        // From now on each network has two tries an hour, and so has each session.
        let too_many = ("secondFactor.totpCode".to_owned(), "TOO_MANY".to_owned());
        let resting = challenge(&app, &alex.email).await;
        for _ in 0..2 {
            assert_eq!(refused(&app, &resting, "totpCode", &phone.wrong(&app)).await, wrong("totpCode"));
        }
        assert_eq!(refused(&app, &resting, "totpCode", &phone.code(&app)).await, too_many);
        let guess = json!({ "password": PASSWORD, "secondFactor": { "totpCode": phone.wrong(&app) } });
        for _ in 0..2 {
            assert_eq!(alex.refused(&app, "reauthenticate", guess.clone()).await, wrong("totpCode"));
        }
        let right = json!({ "password": PASSWORD, "secondFactor": { "totpCode": phone.code(&app) } });
        assert_eq!(alex.refused(&app, "reauthenticate", right).await, too_many, "a proof is no way around");
        let owners = challenge(&app, &alex.email).await;
        let input = json!({ "i": { "challenge": owners, "secondFactor": { "totpCode": phone.code(&app) } } });
        let answer = app.from("198.51.100.7", COMPLETE, input).await;
        assert_eq!(answer["completeLogIn"]["status"], "DONE", "the owner, from elsewhere");
        let code = &phone.recovery_codes[0];
        assert_eq!(complete(&app, &resting, "recoveryCode", code).await["status"], "DONE");
        app.deliver().await;
        let told = alex.mails(&app).into_iter().filter(|mail| mail.subject().as_deref() == Some("Something changed"));
        assert!(told.count() > 0, "and its owner hears of it");
        seconds(&app, 3600);
        let rested = challenge(&app, &alex.email).await;
        assert_eq!(complete(&app, &rested, "totpCode", &phone.code(&app)).await["status"], "DONE");
    }

    async fn a_recovery_code_has_120_bits_and_one_of_before_works_still(app) {
        let alex = alex(&app).await;
        let phone = Authenticator::of(&app, &alex).await;
        let crockford = |c: char| c.is_ascii_digit() || c.is_ascii_uppercase() && !"ILOU".contains(c);
        for code in &phone.recovery_codes {
            assert!(code.split('-').all(|group| group.len() == 4 && group.chars().all(crockford)), "{code}");
            assert_eq!(code.split('-').count(), 6);
        }
        let all: std::collections::HashSet<_> = phone.recovery_codes.iter().flat_map(|code| code.split('-')).collect();
        assert_eq!(all.len(), 60, "each group is chance");
        let me = alex.ask(&app, "{ viewer { account { id } } }", json!({})).await;
        let account: AccountId = text(&me["viewer"]["account"]["id"]).parse().unwrap();
        let former = "0123456789ABCDEF";
        let hash = sha256(&[account.uuid().as_bytes().as_slice(), former.as_bytes()].concat());
        let now = Ts::from(app.clock.now());
        let keep = move |db: &mut Db| {
            let row = RecoveryCodeRow { code_hash: hash, account_id: account, created_at: now, used_at: None };
            Ok::<_, StoreError>(evenkeel::store::recovery_code::insert(db, &row)?)
        };
        app.app.context.store.write(keep).await.unwrap();
        for code in ["0123-4567-89ab-cdef", &phone.recovery_codes[0]] {
            let step = challenge(&app, &alex.email).await;
            assert_eq!(complete(&app, &step, "recoveryCode", code).await["status"], "DONE", "{code}");
            let step = challenge(&app, &alex.email).await;
            assert_eq!(refused(&app, &step, "recoveryCode", code).await, wrong("recoveryCode"), "once");
        }
    }

    async fn r34_of_many_who_use_one_code_at_once_one_gets_in(app) {
        let alex = alex(&app).await;
        let phone = Authenticator::of(&app, &alex).await;
        seconds(&app, 30);
        for (kind, code) in [("totpCode", phone.code(&app)), ("recoveryCode", phone.recovery_codes[0].clone())] {
            let mut challenges = Vec::new();
            for _ in 0..4 {
                challenges.push(challenge(&app, &alex.email).await);
            }
            let tries = challenges.iter().map(|challenge| complete(&app, challenge, kind, &code));
            let answers = futures::future::join_all(tries).await;
            assert_eq!(answers.iter().filter(|answer| answer["status"] == "DONE").count(), 1, "{kind}: {answers:?}");
        }
    }

    async fn a_recovery_code_stands_in_for_the_app_once_until_all_are_renewed(app) {
        let alex = alex(&app).await;
        let phone = Authenticator::of(&app, &alex).await;
        let left = async || alex.ask(&app, FACTORS, json!({})).await["viewer"]["factors"]["recoveryCodesLeft"].clone();
        assert_eq!(left().await, 10);
        let typed = phone.recovery_codes[3].to_lowercase().replace('-', " ");
        let entered = challenge(&app, &alex.email).await;
        assert_eq!(complete(&app, &entered, "recoveryCode", &typed).await["status"], "DONE");
        assert_eq!(left().await, 9);
        let again = challenge(&app, &alex.email).await;
        assert_eq!(refused(&app, &again, "recoveryCode", &typed).await, wrong("recoveryCode"));
        let renewed = alex.ask(&app, "mutation { renewRecoveryCodes { status recoveryCodes } }", json!({})).await;
        let new: Vec<String> = renewed["renewRecoveryCodes"]["recoveryCodes"].as_array().unwrap().iter().map(text).collect();
        assert_eq!((left().await, new.len()), (json!(10), 10));
        assert_eq!(refused(&app, &again, "recoveryCode", &phone.recovery_codes[4]).await, wrong("recoveryCode"));
        let sam = app.person_without_device("Sam", "America/Los_Angeles", ("23:00", "07:00")).await;
        let sams = Authenticator::of(&app, &sam).await;
        assert_eq!(refused(&app, &again, "recoveryCode", &sams.recovery_codes[0]).await, wrong("recoveryCode"));
        assert_eq!(complete(&app, &again, "recoveryCode", &new[4]).await["status"], "DONE");
    }

    async fn a_fresh_proof_asks_for_the_second_factor_of_who_has_one(app) {
        let alex = alex(&app).await;
        let phone = Authenticator::of(&app, &alex).await;
        seconds(&app, 300);
        let prove = async |more: Value| {
            let input = json!({ "password": PASSWORD, "secondFactor": more });
            alex.change(&app, "reauthenticate", input, "").await
        };
        let needed = &prove(Value::Null).await["problems"][0];
        assert_eq!((&needed["field"], &needed["code"]), (&json!("secondFactor"), &json!("REQUIRED")));
        assert_eq!(prove(json!({ "totpCode": phone.wrong(&app) })).await["problems"][0]["code"], "INCORRECT");
        let both = json!({ "totpCode": phone.code(&app), "recoveryCode": phone.recovery_codes[0] });
        let query = "mutation($i: ReauthenticateInput!) { reauthenticate(input: $i) { status } }";
        for unclear in [both, json!({})] {
            let input = json!({ "i": { "password": PASSWORD, "secondFactor": unclear } });
            let answer = app.raw(Some(&alex.access()), query, input).await;
            assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_ARGUMENT", "{answer}");
        }
        let code = json!({ "totpCode": phone.code(&app) });
        let wrong_password = json!({ "password": "five calm boats on a lake", "secondFactor": code });
        let refused = alex.refused(&app, "reauthenticate", wrong_password).await;
        assert_eq!(refused, ("password".into(), "INCORRECT".into()));
        for act in ["endOtherSessions", "renewRecoveryCodes", "removeTotp", "beginTotp"] {
            let data = alex.ask(&app, &format!("mutation {{ {act} {{ status problems {{ field code }} }} }}"), json!({})).await;
            assert_eq!(data[act], reauthentication_required(), "{act}");
        }
        let new = json!({ "currentPassword": PASSWORD, "newPassword": "five calm boats on a lake" });
        assert_eq!(alex.refused(&app, "changePassword", new).await, ("input".into(), "REAUTHENTICATION_REQUIRED".into()));
        assert_eq!(prove(json!({ "totpCode": phone.code(&app) })).await["status"], "DONE", "a wrong password uses no code up");
        assert_eq!(end_others(&app, &alex).await["status"], "DONE");
        assert_eq!(prove(json!({ "recoveryCode": phone.recovery_codes[0] })).await["status"], "DONE");
        assert_eq!(prove(json!({ "recoveryCode": phone.recovery_codes[0] })).await["status"], "REFUSED");
    }

    async fn an_app_counts_once_it_is_confirmed_and_no_longer_once_it_is_removed(app) {
        let alex = alex(&app).await;
        let begin = "mutation { beginTotp { status setup { uri } problems { field code } } }";
        let begun = alex.ask(&app, begin, json!({})).await["beginTotp"].clone();
        let left = Authenticator::scan(begun["setup"]["uri"].as_str().unwrap());
        let none = json!({ "totpSince": null, "recoveryCodesLeft": 0 });
        let factors = async || alex.ask(&app, FACTORS, json!({})).await["viewer"]["factors"].clone();
        assert_eq!(factors().await, none);
        app.log_in(&alex.email, PASSWORD).await;
        let wrong_code = alex.refused(&app, "confirmTotp", json!({ "totpCode": left.wrong(&app) })).await;
        assert_eq!(wrong_code, ("totpCode".into(), "INCORRECT".into()));
        let phone = Authenticator::of(&app, &alex).await;
        assert_ne!(phone.secret, left.secret, "beginning again replaces what was begun");
        // Saturday evening in Berlin: the day began at midnight there.
        assert_eq!(factors().await, json!({ "totpSince": "2026-10-24", "recoveryCodesLeft": 10 }));
        let again = alex.ask(&app, begin, json!({})).await["beginTotp"].clone();
        assert_eq!(again["problems"], json!([{ "field": "input", "code": "WRONG_STATE" }]));
        let open = challenge(&app, &alex.email).await;
        let remove = "mutation { removeTotp { status } }";
        assert_eq!(alex.ask(&app, remove, json!({})).await["removeTotp"]["status"], "DONE");
        assert_eq!(alex.ask(&app, remove, json!({})).await["removeTotp"]["status"], "UNCHANGED");
        assert_eq!(factors().await, none);
        app.log_in(&alex.email, PASSWORD).await;
        assert_eq!(refused(&app, &open, "recoveryCode", &phone.recovery_codes[0]).await, wrong("recoveryCode"));
        let data = alex.ask(&app, "mutation { renewRecoveryCodes { problems { code } } }", json!({})).await;
        assert_eq!(data["renewRecoveryCodes"]["problems"][0]["code"], "WRONG_STATE");
        // A set-up that was begun and left alone cannot be confirmed later.
        alex.done(&app, "reauthenticate", json!({ "password": PASSWORD }), "").await;
        let begun = alex.ask(&app, begin, json!({})).await["beginTotp"].clone();
        let late = Authenticator::scan(begun["setup"]["uri"].as_str().unwrap());
        seconds(&app, 900);
        let code = json!({ "totpCode": late.code(&app) });
        assert_eq!(alex.refused(&app, "confirmTotp", code).await, ("totpCode".into(), "EXPIRED".into()));
    }

    async fn what_changes_the_security_of_an_account_is_told_to_its_owner_and_not_what_it_is(app) {
        let alex = alex(&app).await;
        let told = async |what: &str, so_far: usize| {
            app.deliver().await;
            let mails = alex.mails(&app);
            let told: Vec<_> = mails.iter().filter(|m| m.subject().as_deref() == Some("Something changed")).collect();
            assert_eq!(told.len(), so_far, "{what}");
            assert!(told.iter().all(|mail| mail.text() == told[0].text()), "one says what the other says: {what}");
        };
        told("signing up and in", 0).await;
        let theirs = crate::support::authenticator::Authenticator::at(&app.url.replace("127.0.0.1", "localhost"));
        let passkey = passkeys::register(&app, &alex, &theirs).await;
        told("a passkey", 1).await;
        alex.done(&app, "removePasskey", json!({ "passkeyId": passkey }), "").await;
        told("no passkey", 2).await;
        Authenticator::of(&app, &alex).await;
        told("an authenticator", 3).await;
        alex.ask(&app, "mutation { removeTotp { status } }", json!({})).await;
        told("no authenticator", 4).await;
        alex.ask(&app, "mutation { requestExport { status } }", json!({})).await;
        told("an export", 5).await;
        let new = "five calm boats on a lake";
        alex.done(&app, "changePassword", json!({ "currentPassword": PASSWORD, "newPassword": new }), "").await;
        told("a password", 6).await;
        reset(&app, &alex.email, "six calm boats on a lake").await;
        told("a password by mail", 7).await;
        let (access, _) = app.log_in(&alex.email, "six calm boats on a lake").await;
        let asked = app.raw(Some(&access), "mutation { requestErasure { status } }", json!({})).await;
        assert_eq!(asked["data"]["requestErasure"]["status"], "DONE", "{asked}");
        told("an erasure", 8).await;
    }

    async fn a_new_password_by_mail_takes_no_older_second_factor_away_and_ends_log_ins_under_way(app) {
        let alex = alex(&app).await;
        let phone = Authenticator::of(&app, &alex).await;
        seconds(&app, WEEK + 1);
        let begun_before = challenge(&app, &alex.email).await;
        let new = "five calm boats on a lake";
        reset(&app, &alex.email, new).await;
        assert_eq!(refused(&app, &begun_before, "totpCode", &phone.code(&app)).await, over());
        let input = json!({ "i": { "email": alex.email, "password": new } });
        let answer = app.anonymous(LOG_IN, input).await["logIn"].clone();
        assert_eq!(answer["outcome"]["accessToken"], Value::Null, "the mailbox alone is not enough");
        let step = text(&answer["outcome"]["challenge"]);
        assert_eq!(complete(&app, &step, "recoveryCode", &phone.recovery_codes[9]).await["status"], "DONE");
    }

    async fn whoever_adds_an_authenticator_is_out_after_a_new_password_by_mail_for_a_week(app) {
        for (name, age, later, stays) in [
            ("Alex", 60, 0, false),
            ("Robin", WEEK, 0, false),
            ("Kim", WEEK, 23 * 3600, false),
            ("Sam", WEEK + 1, 0, true),
        ] {
            let owner = app.person_without_device(name, "Europe/Berlin", ("22:00", "08:00")).await;
            let thief = app.log_in_again(&owner).await;
            let passkey = passkeys::phone(&app);
            passkeys::register(&app, &thief, &passkey).await;
            let phone = Authenticator::of(&app, &thief).await;
            seconds(&app, age);
            ask_for_reset(&app, &owner.email).await;
            // What counts is when its owner asked, not when they came to press the button.
            seconds(&app, later);
            let new = "five calm boats on a lake";
            let left = json!({ "passkeys": usize::from(stays), "authenticator": stays });
            assert_eq!(reset_by_mail(&app, &owner.email, new).await, left, "{name}");
            assert_eq!(passkeys::log_in(&app, &passkey).await["status"] == "DONE", stays, "{name}");
            let input = json!({ "i": { "email": owner.email, "password": new } });
            let answer = app.anonymous(LOG_IN, input).await["logIn"].clone();
            assert_eq!(answer["outcome"]["accessToken"].is_string(), !stays, "{name}: {answer}");
            if stays {
                let step = text(&answer["outcome"]["challenge"]);
                assert_eq!(complete(&app, &step, "totpCode", &phone.code(&app)).await["status"], "DONE");
                continue;
            }
            // None of its codes is left to the next app.
            let access = text(&answer["outcome"]["accessToken"]);
            let data = app.raw(Some(&access), FACTORS, json!({})).await;
            let none = json!({ "totpSince": null, "recoveryCodesLeft": 0 });
            assert_eq!(data["data"]["viewer"]["factors"], none, "{name}");
        }
    }
}

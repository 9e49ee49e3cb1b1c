//! Sessions: short access tokens, refresh tokens that rotate, and devices that can be signed out.

mod refreshing;

use crate::support::people::{PASSWORD, link_in, text};
use crate::support::{Person, TestApp};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use diesel::prelude::*;
use evenkeel::actions::operations::retention;
use evenkeel::store::schema::{refresh_tokens, sessions};
use evenkeel::store::{Db, StoreError};
use evenkeel::vault::token_keys;
use jiff::SignedDuration;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde_json::{Value, json};

const ME: &str = "{ viewer { account { email } } }";
const SESSIONS: &str = "{ viewer { sessions { id label current createdAt lastUsedOn } } }";
const REFRESH: &str =
    "mutation($t: String!, $a: String) { refreshSession(input: { refreshToken: $t, attempt: $a }) {
    status tokens { sessionId accessToken accessTokenExpiresAt refreshToken } problems { field code } } }";
const END: &str =
    "mutation($id: ID!) { endSession(input: { sessionId: $id }) { status problems { field code } } }";

async fn works(app: &TestApp, access: &str) -> bool {
    let answer = app.raw(Some(access), ME, json!({})).await;
    let refused = answer["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED";
    assert_ne!(refused, answer["data"]["viewer"]["account"]["email"].is_string(), "{answer}");
    !refused
}

async fn refresh(app: &TestApp, token: &str) -> Value {
    refresh_by(app, token, None).await
}

/// As [`refresh`], perhaps with an attempt.
async fn refresh_by(app: &TestApp, token: &str, attempt: Option<&str>) -> Value {
    app.anonymous(REFRESH, json!({ "t": token, "a": attempt })).await["refreshSession"].clone()
}

/// The new access and refresh tokens of an answer that must be good.
fn tokens(answer: &Value) -> (String, String) {
    assert_eq!(answer["status"], "DONE", "{answer}");
    (text(&answer["tokens"]["accessToken"]), text(&answer["tokens"]["refreshToken"]))
}

/// Exchanges a refresh token that must be good: the new access and refresh tokens.
async fn refreshed(app: &TestApp, token: &str) -> (String, String) {
    tokens(&refresh(app, token).await)
}

async fn is_refused(app: &TestApp, token: &str) {
    let answer = refresh(app, token).await;
    let problems = json!([{ "field": "refreshToken", "code": "EXPIRED" }]);
    assert_eq!(answer, json!({ "status": "REFUSED", "tokens": null, "problems": problems }));
}

async fn sessions(app: &TestApp, access: &str) -> Vec<Value> {
    let answer = app.raw(Some(access), SESSIONS, json!({})).await;
    answer["data"]["viewer"]["sessions"].as_array().unwrap_or_else(|| panic!("{answer}")).clone()
}

/// A token of which a copy was used, as its owner sees it.
const COPIED: &str = "{ viewer { copiedSessions { label endedAt } } }";

async fn copied(app: &TestApp, person: &Person) -> Value {
    person.ask(app, COPIED, json!({})).await["viewer"]["copiedSessions"].clone()
}

/// How many sessions and refresh tokens there are.
async fn kept(app: &TestApp) -> (i64, i64) {
    let work = |db: &mut Db| {
        let kept: (i64, i64) =
            (sessions::table.count().get_result(db)?, refresh_tokens::table.count().get_result(db)?);
        Ok::<_, StoreError>(kept)
    };
    app.app.context.store.read(work).await.unwrap()
}

async fn alex(app: &TestApp) -> Person {
    app.person_without_device("Alex", "Europe/Berlin", ("22:00", "08:00")).await
}

fn seconds(app: &TestApp, count: i64) {
    app.clock.set(app.clock.now() + SignedDuration::from_secs(count));
}

/// The second part of a token, read without checking anything.
fn claims(token: &str) -> Value {
    let part = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

async fn published_keys(app: &TestApp) -> JwkSet {
    let answer = app.http.get(format!("{}/.well-known/jwks.json", app.url)).send().await.unwrap();
    serde_json::from_str(&answer.text().await.unwrap()).unwrap()
}

/// The Ed25519 key of a seed, in PKCS #8 (RFC 8410).
fn signing_key(seed: &[u8]) -> EncodingKey {
    const HEAD: [u8; 16] =
        [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
    EncodingKey::from_ed_der(&[HEAD.as_slice(), seed].concat())
}

on_both_databases! {
    async fn r31_an_access_token_works_for_ten_minutes(app) {
        let alex = alex(&app).await;
        let (access, _) = app.log_in(&alex.email, PASSWORD).await;
        seconds(&app, 599);
        assert!(works(&app, &access).await);
        seconds(&app, 1);
        assert!(!works(&app, &access).await);
        assert!(!works(&app, "nonsense").await);
        assert!(!works(&app, "").await);
    }

    async fn a_log_in_on_a_device_that_was_not_signed_in_before_is_told_to_the_owner(app) {
        let alex = alex(&app).await;
        let mut told = 0;
        let mut told_since = async || {
            app.pass_minutes(1).await;
            let subject = |mail: &evenkeel::demo::smtp_receiver::Mail| mail.subject().unwrap();
            let now = alex.mails(&app).iter().filter(|mail| subject(mail) == "Something changed").count();
            now - std::mem::replace(&mut told, now)
        };
        assert_eq!(told_since().await, 0, "the first device is the one on which they signed up");
        let earlier = alex.refresh_token();
        let log_in = async |earlier: Option<&str>| {
            let query = "mutation($i: LogInInput!) { logIn(input: $i) { status outcome { ... on SessionTokens { accessToken refreshToken } } } }";
            let input = json!({ "i": { "email": alex.email, "password": PASSWORD, "earlierRefreshToken": earlier } });
            app.anonymous(query, input).await["logIn"].clone()
        };
        let again = log_in(Some(&earlier)).await;
        assert_eq!((again["status"].as_str(), told_since().await), (Some("DONE"), 0), "the same device");
        let access = text(&again["outcome"]["accessToken"]);
        app.raw(Some(&access), "mutation { logOut { status } }", json!({})).await;
        log_in(again["outcome"]["refreshToken"].as_str()).await;
        assert_eq!(told_since().await, 0, "signed out, it is still known");
        let sam = app.person_without_device("Sam", "America/Los_Angeles", ("23:00", "07:00")).await;
        for unknown in [None, Some("nonsense".to_owned()), Some(sam.refresh_token())] {
            log_in(unknown.as_deref()).await;
            assert_eq!(told_since().await, 1, "{unknown:?}");
        }
        log_in(None).await;
        log_in(None).await;
        assert_eq!(told_since().await, 1, "one mail says it while it waits");
        let mail = alex.mails(&app).pop().unwrap();
        let words = mail.text().unwrap().to_lowercase();
        for word in ["phone", "scene", "partner", "password was"] {
            assert!(!words.contains(word), "{word}: {words}");
        }
    }

    async fn r31_times_of_sessions_are_coarse(app) {
        let alex = alex(&app).await;
        seconds(&app, 3 * 24 * 3600 + 1234);
        alex.refresh(&app).await;
        let seen = sessions(&app, &alex.access()).await;
        let times = (&seen[0]["createdAt"], &seen[0]["lastUsedOn"]);
        assert_eq!(times, (&json!("2026-10-24T18:00:00.000Z"), &json!("2026-10-27")));
    }

    async fn r31_what_is_over_is_forgotten(app) {
        let alex = alex(&app).await;
        let (_, token) = app.log_in(&alex.email, PASSWORD).await;
        app.raw(Some(&alex.access()), "mutation { logOut { status } }", json!({})).await;
        seconds(&app, 59 * 24 * 3600);
        refreshed(&app, &token).await;
        assert_eq!(kept(&app).await, (2, 3));
        seconds(&app, 24 * 3600);
        retention::sweep(&app.app.context).await.unwrap();
        assert_eq!(kept(&app).await, (2, 1), "tokens after sixty days");
        seconds(&app, 31 * 24 * 3600);
        retention::sweep(&app.app.context).await.unwrap();
        assert_eq!(kept(&app).await, (1, 1), "ended sessions after ninety days");
    }

    async fn r31_an_access_token_can_be_checked_with_the_published_key(app) {
        let alex = alex(&app).await;
        let token = alex.access();
        let keys = published_keys(&app).await;
        let header = jsonwebtoken::decode_header(&token).unwrap();
        assert_eq!(header.alg, Algorithm::EdDSA);
        let key = keys.find(&header.kid.unwrap()).unwrap();
        let mut rules = Validation::new(Algorithm::EdDSA);
        rules.set_issuer(&["evenkeel"]);
        rules.set_audience(&["evenkeel:api"]);
        // The clock of the test stands still in the past or future of the machine's.
        rules.validate_exp = false;
        let claims = jsonwebtoken::decode::<Value>(&token, &DecodingKey::from_jwk(key).unwrap(), &rules).unwrap().claims;
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 600);
        assert_eq!(claims["iat"], app.clock.now().as_second());
        assert!(!claims.to_string().contains("alex"), "no name or address in a token");
        let published = serde_json::to_value(&keys).unwrap();
        assert_eq!(published["keys"][0].get("d"), None, "the private half stays inside");
    }

    async fn r31_a_token_of_another_purpose_key_or_algorithm_is_refused(app) {
        let alex = alex(&app).await;
        let ours = claims(&alex.access());
        let header = jsonwebtoken::decode_header(alex.access()).unwrap();
        let key = signing_key(app.keys.token_seed.as_slice());
        let sign = |header: &Header, change: Value| {
            let mut claims = ours.clone();
            for (name, value) in change.as_object().unwrap() {
                claims[name] = value.clone();
            }
            jsonwebtoken::encode(header, &claims, &key).unwrap()
        };
        assert!(works(&app, &sign(&header, json!({}))).await, "else the rest would prove nothing");
        let other_account = ours["sub"].as_str().unwrap().chars().rev().collect::<String>();
        for change in [
            json!({ "aud": "evenkeel:mail" }),
            json!({ "aud": ["evenkeel:mail"] }),
            json!({ "iss": "somebody" }),
            json!({ "exp": app.clock.now().as_second() }),
            json!({ "sid": ours["sub"] }),
            json!({ "sub": ours["sid"] }),
            json!({ "sub": other_account }),
        ] {
            assert!(!works(&app, &sign(&header, change.clone())).await, "{change}");
        }
        let nobodys = Header { kid: Some("another".to_owned()), ..header.clone() };
        assert!(!works(&app, &sign(&nobodys, json!({}))).await);
        let forged = jsonwebtoken::encode(&header, &ours, &signing_key(&[7; 32])).unwrap();
        assert!(!works(&app, &forged).await);
        let public = serde_json::to_vec(&published_keys(&app).await).unwrap();
        let by_secret = Header { kid: header.kid.clone(), ..Header::new(Algorithm::HS256) };
        let forged = jsonwebtoken::encode(&by_secret, &ours, &EncodingKey::from_secret(&public)).unwrap();
        assert!(!works(&app, &forged).await);
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let unsigned = part(json!({ "alg": "none", "typ": "JWT", "kid": header.kid }));
        assert!(!works(&app, &format!("{unsigned}.{}.", part(ours.clone()))).await);
    }

    async fn r31_a_new_token_key_is_picked_up_while_the_old_ones_tokens_still_work(app) {
        let alex = alex(&app).await;
        let before = alex.access();
        app.install_keys();
        let folder = app.config.data_dir.join("keys");
        assert!(works(&app, &before).await);
        token_keys::rotate(&folder, app.clock.now(), &crate::support::chance()).unwrap();
        let (access, _) = app.log_in(&alex.email, PASSWORD).await;
        let kid = |token: &str| jsonwebtoken::decode_header(token).unwrap().kid.unwrap();
        assert_ne!(kid(&before), kid(&access));
        let sibling = app.sibling().context;
        for token in [&before, &access] {
            assert!(works(&app, token).await);
            assert!(sibling.tokens.check(token, app.clock.now()).is_some(), "other processes alike");
        }
        let published = published_keys(&app).await;
        assert!(published.find(&kid(&before)).is_some() && published.find(&kid(&access)).is_some());
        seconds(&app, 599);
        assert!(works(&app, &before).await && works(&app, &access).await);
        seconds(&app, 61);
        assert_eq!(published_keys(&app).await.keys.len(), 1);
        alex.refresh(&app).await;
        assert_eq!(kid(&alex.access()), kid(&access));
        let ours = claims(&alex.access());
        let header = Header { kid: Some(kid(&before)), ..Header::new(Algorithm::EdDSA) };
        let forged = jsonwebtoken::encode(&header, &ours, &signing_key(app.keys.token_seed.as_slice())).unwrap();
        assert!(!works(&app, &forged).await, "whoever has the old key makes no tokens of today with it");
    }

    async fn r31_a_token_of_one_purpose_is_refused_for_every_other(app) {
        let alex = alex(&app).await;
        let sam = app.person_without_device("Sam", "America/Los_Angeles", ("23:00", "07:00")).await;
        let (access, refresh_token) = app.log_in(&alex.email, PASSWORD).await;
        let sign_up = "mutation($i: SignUpInput!) { signUp(input: $i) { status } }";
        let robin = json!({ "i": { "email": "robin@people.test", "displayName": "Robin",
            "zone": "UTC", "consents": crate::support::people::consents() } });
        app.anonymous(sign_up, robin).await;
        let reset = "mutation($e: String!) { requestPasswordReset(input: { email: $e }) { status } }";
        app.anonymous(reset, json!({ "e": alex.email })).await;
        app.deliver().await;
        let token_of = |mail: Option<_>| {
            let link = link_in(&mail.unwrap());
            link.rsplit('/').next().unwrap().to_owned()
        };
        let confirm_token = token_of(app.mail.inbox("robin@people.test").pop());
        let reset_token = token_of(alex.mails(&app).into_iter().rfind(|mail| link_in(mail).contains("/reset/")));
        let invite = "mutation { invitePartner(input: { role: SWITCH }) { code link { id } } }";
        let invited = sam.ask(&app, invite, json!({})).await["invitePartner"].clone();
        let (code, id) = (text(&invited["code"]), text(&invited["link"]["id"]));
        let tokens = [&access, &refresh_token, &confirm_token, &reset_token, &code, &id];
        let uses = async |token: &str| {
            let input = json!({ "t": token, "p": "seven slow clouds over hills" });
            let confirm = "mutation($t: String!, $p: String!) { confirmEmail(input: { token: $t, password: $p }) { status } }";
            let set = "mutation($t: String!, $p: String!) { resetPassword(input: { token: $t, newPassword: $p }) { status } }";
            let accept = "mutation($t: String!) { acceptInvitation(input: { code: $t, role: SWITCH }) { status } }";
            [
                works(&app, token).await,
                refresh(&app, token).await["status"] == "DONE",
                app.anonymous(confirm, input.clone()).await["confirmEmail"]["status"] == "DONE",
                alex.ask(&app, accept, input.clone()).await["acceptInvitation"]["status"] == "DONE",
                // The last, since it signs every device out.
                app.anonymous(set, input).await["resetPassword"]["status"] == "DONE",
            ]
        };
        // Each in turn, but for the one that ends all sessions.
        for (n, token) in tokens.iter().enumerate().filter(|(n, _)| *n != 3) {
            let expected = [n == 0, n == 1, n == 2, n == 4, false];
            assert_eq!(uses(token).await, expected, "token {n}");
        }
        assert_eq!(uses(&reset_token).await, [false, false, false, false, true]);
    }

    async fn logging_out_ends_this_device_at_once_and_no_other(app) {
        let alex = alex(&app).await;
        let (access, token) = app.log_in(&alex.email, PASSWORD).await;
        let answer = app.raw(Some(&access), "mutation { logOut { status problems { code } } }", json!({})).await;
        assert_eq!(answer["data"]["logOut"], json!({ "status": "DONE", "problems": [] }));
        assert!(!works(&app, &access).await);
        is_refused(&app, &token).await;
        assert!(works(&app, &alex.access()).await);
    }

    async fn r04_logging_out_again_under_its_key_gives_the_same_answer(app) {
        let alex = alex(&app).await;
        let (access, _) = app.log_in(&alex.email, PASSWORD).await;
        let log_out = "mutation { logOut { status problems { code } } }";
        let send = async |key: &str| app.exact(Some(&access), Some(key), log_out, json!({})).await;
        let invite = "mutation { invitePartner(input: { role: SWITCH }) { code } }";
        let invited = app.exact(Some(&access), Some("invite"), invite, json!({})).await;
        seconds(&app, 1);
        let first = send("out, whatever comes").await;
        assert_eq!(first, (200, r#"{"data":{"logOut":{"status":"DONE","problems":[]}}}"#.to_owned()));
        seconds(&app, 598);
        assert_eq!(send("out, whatever comes").await, first);
        let gone = |answer: (u16, String)| answer.1.contains("UNAUTHENTICATED");
        assert!(gone(send("another").await));
        let old = app.exact(Some(&access), Some("invite"), invite, json!({})).await;
        assert!(invited.1.contains("code") && gone(old), "what the session did before it ended is not told again");
        let other = app.exact(Some(&access), Some("out, whatever comes"), "mutation { logOut { status } }", json!({})).await;
        assert!(other.1.contains("IDEMPOTENCY_KEY_REUSED"), "{}", other.1);
        assert!(gone(app.exact(None, Some("out, whatever comes"), log_out, json!({})).await));
        seconds(&app, 1);
        assert!(gone(send("out, whatever comes").await), "for as long as the access token would have worked");
    }

    async fn ending_another_session_needs_a_fresh_proof_and_ending_ones_own_does_not(app) {
        let alex = alex(&app).await;
        let (other, _) = app.log_in(&alex.email, PASSWORD).await;
        seconds(&app, 300);
        let seen = sessions(&app, &alex.access()).await;
        let id = |current: bool| seen.iter().find(|session| session["current"] == current).unwrap()["id"].clone();
        let end = async |current: bool| alex.ask(&app, END, json!({ "id": id(current) })).await["endSession"].clone();
        assert_eq!(end(false).await["problems"][0]["code"], "REAUTHENTICATION_REQUIRED");
        assert!(works(&app, &other).await);
        assert_eq!(end(true).await["status"], "DONE");
        assert!(works(&app, &other).await && !works(&app, &alex.access()).await);
    }

    async fn sessions_are_listed_and_ended_one_by_one_or_all_others(app) {
        let alex = alex(&app).await;
        seconds(&app, 60);
        let query = "mutation($i: LogInInput!) { logIn(input: $i) { outcome { ... on SessionTokens { accessToken sessionId } } } }";
        let input = json!({ "i": { "email": alex.email, "password": PASSWORD, "deviceLabel": " tablet " } });
        let tablet = app.anonymous(query, input).await["logIn"]["outcome"].clone();
        let tablets = text(&tablet["accessToken"]);
        let seen = sessions(&app, &alex.access()).await;
        let list: Vec<_> = seen.iter().map(|s| (s["label"].as_str().unwrap(), s["current"].as_bool().unwrap())).collect();
        assert_eq!(list, [("tablet", false), ("phone", true)], "the latest used first");
        assert_eq!(seen[0]["id"], tablet["sessionId"]);

        let ended = alex.ask(&app, END, json!({ "id": tablet["sessionId"] })).await;
        assert_eq!(ended["endSession"], json!({ "status": "DONE", "problems": [] }));
        assert!(!works(&app, &tablets).await);
        assert_eq!(sessions(&app, &alex.access()).await.len(), 1);
        let again = alex.ask(&app, END, json!({ "id": tablet["sessionId"] })).await;
        assert_eq!(again["endSession"]["status"], "REFUSED");

        let (one, one_more) = (app.log_in(&alex.email, PASSWORD).await, app.log_in(&alex.email, PASSWORD).await);
        alex.ask(&app, "mutation { endOtherSessions { status } }", json!({})).await;
        for (access, token) in [one, one_more] {
            assert!(!works(&app, &access).await);
            is_refused(&app, &token).await;
        }
        assert!(works(&app, &alex.access()).await);
    }

    async fn r29_somebody_elses_session_looks_like_a_missing_one(app) {
        let alex = alex(&app).await;
        let sam = app.person_without_device("Sam", "America/Los_Angeles", ("23:00", "07:00")).await;
        let sams = text(&sessions(&app, &sam.access()).await[0]["id"]);
        let missing = format!("{}000000000000", &sams[..sams.len() - 12]);
        let nobody = app.exact(None, None, END, json!({ "id": sams })).await;
        assert!(nobody.1.contains("UNAUTHENTICATED"));
        let mut answers = Vec::new();
        for id in [&sams, &missing, "Session_1", "nonsense", ""] {
            answers.push(app.exact(Some(&alex.access()), None, END, json!({ "id": id })).await);
        }
        assert!(answers[0].1.contains("NOT_FOUND"), "{}", answers[0].1);
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
        assert!(works(&app, &sam.access()).await);
    }
}

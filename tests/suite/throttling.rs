//! Throttling: how often somebody may try, that nobody can lock another out, and that hashing starves nobody.

use crate::support::people::{PASSWORD, text};
use crate::support::{Person, TestApp};
use diesel::prelude::*;
use evenkeel::auth::passwords::is_outdated;
use evenkeel::store::schema::accounts;
use evenkeel::store::{Db, StoreError};
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::cell::Cell;
use std::net::TcpListener;

const LOG_IN: &str = "mutation($i: LogInInput!) { logIn(input: $i) {
    status outcome { ... on SessionTokens { refreshToken } } problems { field code retryAfterSeconds } } }";
const WRONG: &str = "seven slow clouds over hills";

async fn alex(app: &TestApp) -> Person {
    app.person_without_device("Alex", "Europe/Berlin", ("22:00", "08:00")).await
}

fn pass(app: &TestApp, seconds: i64) {
    app.clock.set(app.clock.now() + SignedDuration::from_secs(seconds));
}

/// One log-in from an address: its payload.
async fn log_in(app: &TestApp, from: &str, email: &str, password: &str, earlier: Option<&str>) -> Value {
    let input = json!({ "i": { "email": email, "password": password, "earlierRefreshToken": earlier } });
    app.from(from, LOG_IN, input).await["logIn"].clone()
}

/// What became of it: `DONE`, or the first problem's code.
fn outcome(payload: &Value) -> String {
    if payload["status"] == "DONE" { "DONE".to_owned() } else { text(&payload["problems"][0]["code"]) }
}

/// How many of so many answers are refused since it is too often.
fn refused(answers: &[Value]) -> usize {
    answers.iter().filter(|answer| outcome(answer) == "TRY_LATER").count()
}

on_both_databases! {
    async fn r34_each_log_in_of_one_request_counts(app) {
        let alex = alex(&app).await;
        let fields: Vec<_> = (0..5).map(|n| format!(
            "a{n}: logIn(input: {{ email: \"{}\", password: \"{WRONG}\" }}) {{
                status problems {{ field code retryAfterSeconds }} }}", alex.email)).collect();
        let query = format!("mutation {{ {} }}", fields.join(" "));
        let mut answers = Vec::new();
        for _ in 0..5 {
            let data = app.from("198.51.100.7", &query, json!({})).await;
            answers.extend((0..5).map(|n| data[format!("a{n}")].clone()));
        }
        assert_eq!(refused(&answers[..20]), 0);
        let later = json!([{ "field": "input", "code": "TRY_LATER", "retryAfterSeconds": 60 }]);
        for answer in &answers[20..] {
            assert_eq!(*answer, json!({ "status": "REFUSED", "problems": later }));
        }
        assert_eq!(outcome(&log_in(&app, "198.51.100.7", &alex.email, PASSWORD, None).await), "TRY_LATER");
        pass(&app, 60);
        assert_eq!(outcome(&log_in(&app, "198.51.100.7", &alex.email, PASSWORD, None).await), "DONE");
    }

    async fn r34_strangers_lock_nobody_out(app) {
        let alex = alex(&app).await;
        let mut answers = Vec::new();
        for stranger in 0..210 {
            answers.push(log_in(&app, &format!("203.0.113.{stranger}"), &alex.email, WRONG, None).await);
        }
        assert_eq!(refused(&answers), 0, "each network has a first try");
        for stranger in 200..210 {
            let answer = log_in(&app, &format!("203.0.113.{stranger}"), &alex.email, WRONG, None).await;
            assert_eq!(outcome(&answer), "TRY_LATER", "and then waits, since they were many");
        }
        let owner = "198.51.100.7";
        assert_eq!(outcome(&log_in(&app, owner, &alex.email, PASSWORD, None).await), "DONE");
        assert_eq!(outcome(&log_in(&app, owner, &alex.email, PASSWORD, None).await), "TRY_LATER");
        let earlier = alex.refresh_token();
        assert_eq!(outcome(&log_in(&app, owner, &alex.email, PASSWORD, Some(&earlier)).await), "DONE", "a known device");
        assert_eq!(outcome(&log_in(&app, owner, &alex.email, PASSWORD, Some("nonsense")).await), "TRY_LATER");
        let sam = app.person_without_device("Sam", "America/Los_Angeles", ("23:00", "07:00")).await;
        let sams = sam.refresh_token();
        assert_eq!(outcome(&log_in(&app, owner, &alex.email, PASSWORD, Some(&sams)).await), "TRY_LATER", "not Sam's");
        alex.refresh(&app).await;
    }

    async fn r34_a_whole_48_of_ipv6_locks_nobody_out_and_fills_no_inbox(app) {
        let alex = alex(&app).await;
        let mails = app.mail.inbox(&alex.email).len();
        let reset = "mutation($e: String!) { requestPasswordReset(input: { email: $e }) { status problems { code } } }";
        let mut answers = Vec::new();
        for number in 0..100 {
            let stranger = format!("2001:db8:1:{number:x}::1");
            answers.push(log_in(&app, &stranger, &alex.email, WRONG, None).await);
            app.from(&stranger, reset, json!({ "e": alex.email })).await;
        }
        assert!(refused(&answers) > 50, "a whole /56 counts as two clients");
        for owner in ["2001:db8:2::1", "198.51.100.7"] {
            assert_eq!(outcome(&log_in(&app, owner, &alex.email, PASSWORD, None).await), "DONE");
            let asked = app.from(owner, reset, json!({ "e": alex.email })).await;
            assert_eq!(asked["requestPasswordReset"]["status"], "DONE");
        }
        app.deliver().await;
        let reset_mails = app.mail.inbox(&alex.email).into_iter().filter(|mail| mail.text().unwrap().contains("/reset/"));
        assert_eq!(reset_mails.count(), 1);
        assert!(app.mail.inbox(&alex.email).len() <= mails + 2, "that one, and that a device signed in");
    }

    async fn r34_what_sends_a_mail_or_is_short_is_counted_for_all_processes(app) {
        let alex = alex(&app).await;
        let other = app.sibling();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let elsewhere = format!("http://{}", listener.local_addr().unwrap());
        actix_web::rt::spawn(other.server(listener, 1).unwrap());
        let ask = async |url: &str, query: &str| {
            let body = json!({ "query": query }).to_string();
            let request = app.http.post(format!("{url}/graphql")).header("Content-Type", "application/json").body(body);
            request.send().await.unwrap().text().await.unwrap()
        };
        let before = app.mail.inbox(&alex.email).len();
        let reset = format!("mutation {{ requestPasswordReset(input: {{ email: \"{}\" }}) {{ status }} }}", alex.email);
        for url in [&app.url, &elsewhere, &app.url, &elsewhere] {
            assert!(ask(url, &reset).await.contains("DONE"));
        }
        app.deliver().await;
        assert_eq!(app.mail.inbox(&alex.email).len(), before + 1);
    }

    async fn r34_limits_are_the_same_for_addresses_without_an_account(app) {
        let alex = alex(&app).await;
        for _ in 0..20 {
            for email in [alex.email.as_str(), "nobody@people.test"] {
                log_in(&app, "198.51.100.7", email, WRONG, None).await;
            }
        }
        let known = log_in(&app, "198.51.100.7", &alex.email, WRONG, None).await;
        let unknown = log_in(&app, "198.51.100.7", "NOBODY@people.test", WRONG, None).await;
        assert_eq!(outcome(&known), "TRY_LATER");
        assert_eq!(known, unknown);
    }

    async fn r34_a_client_is_believed_no_more_than_its_proxy(app) {
        let alex = alex(&app).await;
        let ask = async |url: &str, header: (&str, String)| {
            let input = json!({ "i": { "email": alex.email, "password": WRONG } });
            let body = json!({ "query": LOG_IN, "variables": input }).to_string();
            let request = app.http.post(format!("{url}/graphql")).header("Content-Type", "application/json");
            let answer = request.header(header.0, header.1).body(body).send().await.unwrap();
            serde_json::from_str::<Value>(&answer.text().await.unwrap()).unwrap()["data"]["logIn"].clone()
        };
        let mut answers = Vec::new();
        for n in 0..25 {
            answers.push(ask(&app.url, ("X-Forwarded-For", format!("203.0.113.{n}, 198.51.100.7"))).await);
        }
        assert_eq!(refused(&answers), 5, "what stands left of the proxy's own entry counts for nothing");
        let mut answers = Vec::new();
        for n in 0..25 {
            answers.push(ask(&app.url, ("Forwarded", format!("for=\"[2001:db8::{n:x}]:4711\";proto=https"))).await);
        }
        assert_eq!(refused(&answers), 5, "a /64 is one client");
        let mut config = app.config.clone();
        config.trusted_proxies = Default::default();
        let other = evenkeel::app::App::build(&config, &app.keys, app.clock.clone(), crate::support::chance()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = other.server(listener, 1).unwrap();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        let mut answers = Vec::new();
        for n in 0..25 {
            answers.push(ask(&url, ("X-Forwarded-For", format!("203.0.113.{n}"))).await);
        }
        assert_eq!(refused(&answers), 5, "without a trusted proxy the header counts for nothing");
        handle.stop(true).await;
    }

    async fn r34_mails_can_be_asked_for_now_and_then(app) {
        let alex = alex(&app).await;
        let reset = "mutation($e: String!) { requestPasswordReset(input: { email: $e }) {
            status problems { field code retryAfterSeconds } } }";
        for email in [alex.email.as_str(), "nobody@people.test"] {
            let mut answers = Vec::new();
            for _ in 0..12 {
                answers.push(app.from("198.51.100.7", reset, json!({ "e": email })).await["requestPasswordReset"].clone());
            }
            assert_eq!(refused(&answers), 2);
            assert_eq!(answers[10]["problems"][0]["retryAfterSeconds"], 600);
            let elsewhere = app.from("198.51.100.8", reset, json!({ "e": email })).await;
            assert_eq!(elsewhere["requestPasswordReset"]["status"], "DONE");
        }
        let sign_up = "mutation($i: SignUpInput!) { signUp(input: $i) { status problems { code retryAfterSeconds } } }";
        let robin = json!({ "i": { "email": "robin@people.test", "displayName": "Robin",
            "zone": "UTC", "consents": crate::support::people::consents() } });
        let mut answers = Vec::new();
        for _ in 0..12 {
            answers.push(app.from("198.51.100.7", sign_up, robin.clone()).await["signUp"].clone());
        }
        assert_eq!(refused(&answers), 2);
    }

    async fn r34_tokens_of_mails_and_refresh_tokens_can_be_tried_now_and_then(app) {
        let confirm = "mutation { confirmEmail(input: { token: \"nonsense\", password: \"x\" }) { status problems { code } } }";
        let mut answers = Vec::new();
        for _ in 0..122 {
            answers.push(app.from("198.51.100.7", confirm, json!({})).await["confirmEmail"].clone());
        }
        assert_eq!(refused(&answers), 2);
        for page in ["verify", "reset"] {
            let request = app.http.post(format!("{}/{page}/nonsense", app.url)).header("X-Forwarded-For", "198.51.100.7");
            let form = "password=four+calm+boats+on+a+lake";
            let answer = request.header("Content-Type", "application/x-www-form-urlencoded").body(form).send().await.unwrap();
            assert_eq!((answer.status().as_u16(), &answer.headers()["retry-after"]), (429, &"10".parse().unwrap()));
        }
        let refresh = "mutation { refreshSession(input: { refreshToken: \"nonsense\" }) { status problems { code } } }";
        let mut answers = Vec::new();
        for _ in 0..302 {
            answers.push(app.from("198.51.100.7", refresh, json!({})).await["refreshSession"].clone());
        }
        assert_eq!(refused(&answers), 2);
        assert_eq!(outcome(&app.from("198.51.100.8", refresh, json!({})).await["refreshSession"]), "EXPIRED");
    }

    async fn r34_codes_and_passwords_of_somebody_signed_in_can_be_tried_now_and_then(app) {
        let alex = alex(&app).await;
        let look = "{ invitation(code: \"0000-0000-0000\") { role } }";
        for _ in 0..15 {
            assert_eq!(alex.ask(&app, look, json!({})).await["invitation"], Value::Null);
        }
        let accept = "mutation { acceptInvitation(input: { code: \"0000-0000-0000\", role: SWITCH }) { status problems { code } } }";
        let mut answers = Vec::new();
        for _ in 0..17 {
            answers.push(alex.ask(&app, accept, json!({})).await["acceptInvitation"].clone());
        }
        assert_eq!(refused(&answers), 2, "looks and answers count together");
        let error = alex.ask_raw(&app, look, json!({})).await["errors"][0]["extensions"].clone();
        assert_eq!(error, json!({ "code": "TRY_LATER", "retryAfterSeconds": 60 }));
        let change = format!("mutation {{ changePassword(input: {{ currentPassword: \"{WRONG}\", newPassword: \"{WRONG}\" }}) {{
            status problems {{ code }} }} }}");
        let prove = format!("mutation {{ reauthenticate(input: {{ password: \"{WRONG}\" }}) {{ status problems {{ code }} }} }}");
        let mut answers = Vec::new();
        for _ in 0..16 {
            answers.push(alex.ask(&app, &change, json!({})).await["changePassword"].clone());
            answers.push(alex.ask(&app, &prove, json!({})).await["reauthenticate"].clone());
        }
        assert_eq!(refused(&answers), 2);
        pass(&app, 60);
        assert_eq!(alex.ask(&app, look, json!({})).await["invitation"], Value::Null);
    }

    async fn r32_a_flood_of_log_ins_keeps_nobody_else_waiting(app) {
        let alex = alex(&app).await;
        let (answered, flood) = (Cell::new(0), 150);
        let tries = (0..flood).map(|n| {
            let (app, answered) = (&app, &answered);
            async move {
                let email = format!("person-{n}@people.test");
                let answer = log_in(app, &format!("203.0.113.{n}"), &email, WRONG, None).await;
                answered.set(answered.get() + 1);
                answer
            }
        });
        let others = async {
            let mut before_the_end = 0;
            // Whenever the flood has moved on, somebody else asks, and is answered while it goes on.
            while answered.get() < flood {
                alex.ask(&app, "{ viewer { account { displayName } } }", json!({})).await;
                before_the_end += usize::from(answered.get() < flood);
            }
            before_the_end
        };
        let (answers, before_the_end) = futures::join!(futures::future::join_all(tries), others);
        assert!(before_the_end >= 3, "answered {before_the_end} times");
        let busy: Vec<_> = answers.iter().filter(|answer| outcome(answer) == "TRY_LATER").collect();
        assert!(busy.len() > 50, "{} were told to come later", busy.len());
        assert!(busy.iter().all(|answer| answer["problems"][0]["retryAfterSeconds"] == 5));
        assert!(answers.len() - busy.len() >= 32, "and the others were served");
        app.log_in(&alex.email, PASSWORD).await;
    }

    async fn r32_an_old_hash_is_made_anew_at_log_in(app) {
        use argon2::password_hash::PasswordHasher;
        let alex = alex(&app).await;
        let weak = argon2::Params::new(8 * 1024, 1, 1, None).unwrap();
        let weak = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, weak);
        let old = weak.hash_password_with_salt(PASSWORD.as_bytes(), &crate::support::chance().bytes::<16>()).unwrap().to_string();
        let context = &app.app.context;
        let kept = old.clone();
        let write = move |db: &mut Db| {
            let set = accounts::password_hash.eq(kept);
            Ok::<_, StoreError>(diesel::update(accounts::table).set(set).execute(db)?)
        };
        context.store.write(write).await.unwrap();
        let stored = async || {
            let read = |db: &mut Db| Ok::<_, StoreError>(accounts::table.select(accounts::password_hash).first::<String>(db)?);
            context.store.read(read).await.unwrap()
        };
        assert_eq!(outcome(&log_in(&app, "198.51.100.7", &alex.email, WRONG, None).await), "INCORRECT");
        assert_eq!(stored().await, old, "who does not know it changes nothing");
        app.log_in(&alex.email, PASSWORD).await;
        let new = stored().await;
        assert!(new.contains("m=19456,t=2,p=1") && is_outdated(&old) && !is_outdated(&new), "{new}");
        app.log_in(&alex.email, PASSWORD).await;
        assert_eq!(stored().await, new, "once");
        alex.refresh(&app).await;
    }

    async fn r32_a_password_of_ones_own_name_is_refused_wherever_it_is_set(app) {
        let alex = alex(&app).await;
        let own = ["alexalex people.test!", "Alex@people.test 2026"];
        let sign_up = "mutation($i: SignUpInput!) { signUp(input: $i) { status } }";
        let new = json!({ "i": { "email": "alex2@people.test", "displayName": "Alex@people.test", "zone": "UTC",
            "consents": crate::support::people::consents() } });
        app.anonymous(sign_up, new).await;
        let common = json!([{ "field": "newPassword", "code": "TOO_COMMON" }]);
        let reset = "mutation($e: String!) { requestPasswordReset(input: { email: $e }) { status } }";
        app.anonymous(reset, json!({ "e": alex.email })).await;
        app.deliver().await;
        let link = crate::support::people::link_in(&alex.mails(&app).pop().unwrap());
        let token = link.rsplit('/').next().unwrap();
        let confirm_link = crate::support::people::link_in(&app.mail.inbox("alex2@people.test").pop().unwrap());
        let confirm_token = confirm_link.rsplit('/').next().unwrap();
        for password in own {
            let confirm = "mutation($t: String!, $p: String!) { confirmEmail(input: { token: $t, password: $p }) {
                problems { field code } } }";
            let answer = app.anonymous(confirm, json!({ "t": confirm_token, "p": password })).await;
            let at_first = json!([{ "field": "password", "code": "TOO_COMMON" }]);
            assert_eq!(answer["confirmEmail"]["problems"], at_first, "{password}");
            let change = "mutation($o: String!, $n: String!) { changePassword(input: {
                currentPassword: $o, newPassword: $n }) { problems { field code } } }";
            let answer = alex.ask(&app, change, json!({ "o": PASSWORD, "n": password })).await;
            assert_eq!(answer["changePassword"]["problems"], common, "{password}");
            let set = "mutation($t: String!, $n: String!) { resetPassword(input: { token: $t, newPassword: $n }) {
                problems { field code } } }";
            let answer = app.anonymous(set, json!({ "t": token, "n": password })).await;
            assert_eq!(answer["resetPassword"]["problems"], common, "{password}");
        }
    }
}

//! Fuzzing: generated and mangled input of every kind causes no panic and no internal error.
//!
//! Each target runs a fixed number of cases, the same ones each time; `EVENKEEL_TEST_FUZZ=5000` sets another number.

use crate::support::{Backend, Person, TestApp};
use evenkeel::vault::{Aad, DataKey};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

/// Cases per target, unless the environment says otherwise.
const CASES: usize = 96;

/// That many generated values.
fn cases<S: Strategy>(strategy: S) -> Vec<S::Value> {
    let count = std::env::var("EVENKEEL_TEST_FUZZ").map_or(CASES, |count| count.parse().unwrap());
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config { failure_persistence: None, ..Config::default() }, rng);
    (0..count).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

/// Valid documents of every kind.
const DOCUMENTS: [&str; 6] = [
    "query Q($id: ID!, $n: Int = 5) { node(id: $id) { id ... on Scene { myCheckIns { id } } } viewer { checkIns(first: $n) { nodes { ...F } pageInfo { endCursor } } } } fragment F on CheckIn { id dueAt answer { mood } }",
    "{ viewer { account { displayName email quietHours { from until } } partnerLinks(endedToo: true) { id state me { role } revisions(first: 3) { edges { cursor node { number state } } } } } }",
    "mutation { updateProfile(input: { displayName: \"Alex\", zone: \"Europe/Berlin\", quietHours: null }) { status problems { field code sentence } } }",
    "mutation M($i: AnswerCheckInInput!) { answerCheckIn(input: $i) { status } skipCheckIn(input: { checkInId: \"\"\"block \\\"\"\" text\"\"\" }) { status @include(if: true) } }",
    "query { __schema { types { name fields(includeDeprecated: true) { name args { defaultValue } type { kind ofType { name } } } } } __typename }",
    "{ a: viewer @skip(if: false) { nudges(first: 1, after: \"x\") { nodes { id reasons { sentences } } } } b: __typename } # end",
];

/// Pieces of documents.
const PIECES: [&str; 40] = [
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    ":",
    "!",
    "$",
    "@",
    "...",
    "=",
    "|",
    "&",
    "\"",
    "\"\"\"",
    "\\u0041",
    "\\uD800",
    "#",
    "\n",
    "\u{feff}",
    ",",
    "query",
    "mutation",
    "subscription",
    "fragment",
    "on",
    "null",
    "true",
    "-0",
    "1e999",
    "99999999999999999999",
    "$x",
    "viewer",
    "node",
    "id",
    "first",
    "__typename",
    "é",
    "\u{0}",
];

fn soup() -> impl Strategy<Value = String> {
    vec(select(PIECES.to_vec()), 0..60).prop_map(|pieces| pieces.join(" "))
}

/// A good text with pieces cut out, doubled or replaced.
fn mangled(texts: Vec<String>) -> impl Strategy<Value = String> {
    let change = (
        any::<Index>(),
        0..12_usize,
        prop_oneof![select(PIECES.to_vec()).prop_map(str::to_owned), any::<String>()],
    );
    (select(texts), vec((change, 0..3_u8), 1..4)).prop_map(|(text, changes)| {
        let mut text: Vec<char> = text.chars().collect();
        for ((at, length, piece), how) in changes {
            let start = at.index(text.len() + 1);
            let end = (start + length).min(text.len());
            let cut: Vec<char> = text.splice(start..end, []).collect();
            let put: Vec<char> = match how {
                0 => Vec::new(),
                1 => cut.iter().chain(&cut).copied().collect(),
                _ => piece.chars().collect(),
            };
            text.splice(start..start, put);
        }
        text.into_iter().collect()
    })
}

fn documents() -> impl Strategy<Value = String> {
    prop_oneof![soup(), mangled(DOCUMENTS.map(str::to_owned).to_vec()), any::<String>()]
}

/// Any JSON that variables may hold.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 40, 6, |inside| {
        prop_oneof![
            vec(inside.clone(), 0..6).prop_map(Value::from),
            vec(("[a-zA-Z]{0,6}", inside), 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// Sends a body; the answer must not be an internal error.
async fn survives(app: &TestApp, access: Option<&str>, body: &[u8]) -> Value {
    let mut request =
        app.http.post(format!("{}/graphql", app.url)).header("Content-Type", "application/json");
    if let Some(access) = access {
        request = request.bearer_auth(access);
    }
    let shown = String::from_utf8_lossy(body).into_owned();
    let answer =
        request.body(body.to_vec()).send().await.unwrap_or_else(|error| panic!("{error}: {shown:?}"));
    let status = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    assert!(status < 500 && !text.contains("\"INTERNAL\""), "{status} {text}\n{shown:?}");
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("{status} {text}\n{shown:?}"))
}

async fn asks(app: &TestApp, access: Option<&str>, query: &str, variables: &Value) -> Value {
    let body = json!({ "query": query, "variables": variables }).to_string();
    survives(app, access, body.as_bytes()).await
}

async fn person(app: &TestApp) -> Person {
    app.person_without_device("Alex", "UTC", ("22:00", "08:00")).await
}

/// Any text, encoded for a path or a query string.
fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

on_both_databases! {
    async fn r34_no_document_is_an_internal_error(app) {
        let alex = person(&app).await;
        let variables = (documents(), any_json(), any::<bool>());
        for (document, variables, signed_in) in cases(variables) {
            let access = signed_in.then(|| alex.access());
            let variables = if variables.is_object() { variables } else { json!({ "id": variables, "i": variables, "n": 3 }) };
            let answer = asks(&app, access.as_deref(), &document, &variables).await;
            assert!(answer.get("data").is_some() || answer.get("errors").is_some(), "{document:?}: {answer}");
            let url = format!("{}/graphql?query={}&variables={}", app.url, encoded(&document), encoded(&variables.to_string()));
            if url.len() < 60_000 {
                let status = app.http.get(&url).send().await.unwrap().status().as_u16();
                assert!(status < 500, "{status}: {url}");
            }
        }
        for body in cases(prop_oneof![vec(any::<u8>(), 0..200), any_json().prop_map(|value| value.to_string().into_bytes())]) {
            survives(&app, Some(&alex.access()), &body).await;
        }
    }

    async fn r31_no_token_that_was_touched_opens_anything(app) {
        let alex = person(&app).await;
        let good = vec![alex.access(), alex.refresh_token()];
        let headers = prop_oneof![mangled(good.clone()), "[!-~]{0,80}", "[A-Za-z0-9_-]{1,30}\\.[A-Za-z0-9_-]{0,60}\\.[A-Za-z0-9_-]{0,90}"];
        let account = "{ viewer { account { id } } }";
        let refresh = "mutation($t: String!) { refreshSession(input: { refreshToken: $t }) { status problems { code } } }";
        for (number, token) in cases(headers).into_iter().enumerate() {
            if good.contains(&token) {
                continue;
            }
            // Slowly enough that each request is read, and none is refused as one too many.
            app.clock.set(app.clock.now() + jiff::SignedDuration::from_secs(59));
            if number % 10 == 0 {
                alex.refresh(&app).await;
            }
            if token.bytes().all(|byte| (b' '..=b'~').contains(&byte)) && token.trim() != good[0] {
                let answer = asks(&app, Some(&token), account, &json!({})).await;
                assert_eq!(answer["errors"][0]["extensions"]["code"], "UNAUTHENTICATED", "{token:?}");
            }
            let answer = asks(&app, None, refresh, &json!({ "t": token })).await;
            assert_eq!(answer["data"]["refreshSession"]["problems"][0]["code"], "EXPIRED", "{token:?}: {answer}");
            for page in ["verify", "new-address", "reset", "export", "c", "unsubscribe", "preferences"] {
                let url = format!("{}/{page}/{}", app.url, encoded(&token));
                for answer in [app.http.get(&url).send().await, app.http.post(&url).body("password=none").send().await] {
                    let status = answer.unwrap().status().as_u16();
                    assert!(status < 500 && status != 429, "{status}: {url}");
                }
            }
            let lists = "query($c: String!, $id: ID!) { viewer { nudges(after: $c) { nodes { id } } } node(id: $id) { id } }";
            asks(&app, Some(&alex.access()), lists, &json!({ "c": token, "id": token })).await;
        }
    }

    async fn no_subscription_of_a_device_is_an_internal_error(app) {
        let alex = person(&app).await;
        let device = app.push.subscribe();
        let endpoints = prop_oneof![
            mangled(vec![device.endpoint.clone(), "https://fcm.googleapis.com/fcm/send/abc:def".to_owned(),
                "https://[::ffff:127.0.0.1]:443/x?y#z".to_owned(), "https://updates.push.services.mozilla.com./wpush/v2/a".to_owned()]),
            any::<String>(),
            "https?://[a-z0-9.:@\\[\\]%-]{0,30}(/[!-~]{0,20})?",
        ];
        let keys = |key: &str| prop_oneof![Just(key.to_owned()), mangled(vec![key.to_owned()]), "[A-Za-z0-9_-]{0,120}", any::<String>()];
        let query = "mutation($i: RegisterDeviceInput!) { registerDevice(input: $i) { status problems { field code } } }";
        for (endpoint, p256dh, auth, label) in cases((endpoints, keys(&device.p256dh), keys(&device.auth), any::<String>())) {
            let input = json!({ "i": { "endpoint": endpoint, "p256dh": p256dh, "auth": auth, "label": label } });
            asks(&app, Some(&alex.access()), query, &input).await;
        }
    }

    async fn no_quiet_hours_are_an_internal_error(app) {
        let alex = person(&app).await;
        let times = || prop_oneof!["[0-9]{1,2}:[0-9]{1,2}", mangled(vec!["22:00".to_owned(), "08:30".to_owned()]), any::<String>()];
        let zones = prop_oneof![Just("Europe/Berlin".to_owned()), mangled(vec!["America/Los_Angeles".to_owned(), "Etc/GMT+12".to_owned()]), any::<String>()];
        let query = "mutation($i: UpdateProfileInput!) { updateProfile(input: $i) { status } }";
        for (from, until, zone, name) in cases((times(), times(), zones, any::<String>())) {
            let input = json!({ "zone": zone, "displayName": name, "quietHours": { "from": from, "until": until } });
            asks(&app, Some(&alex.access()), query, &json!({ "i": input })).await;
            let input = json!({ "quietHours": { "from": from, "until": until } });
            let answer = asks(&app, Some(&alex.access()), query, &json!({ "i": input })).await;
            if answer["data"]["updateProfile"]["status"] == "DONE" {
                let kept = alex.ask(&app, "{ viewer { account { quietHours { from until } } } }", json!({})).await;
                assert_eq!(kept["viewer"]["account"]["quietHours"], json!({ "from": from, "until": until }));
            }
        }
    }

    async fn no_mail_address_is_an_internal_error_or_more_than_one_recipient(app) {
        let addresses = prop_oneof![
            mangled(vec!["alex@example.org".to_owned(), "\"a b\"@example.org".to_owned(), "sam+x@münchen.example".to_owned()]),
            any::<String>(),
            "[!-~]{1,20}@[!-~]{1,20}",
            "[a-z\r\n,;<> ]{1,9}@[a-z.\r\n,]{1,9}",
        ];
        let sign_up = "mutation($i: SignUpInput!) { signUp(input: $i) { status problems { field code } } }";
        let reset = "mutation($e: String!) { requestPasswordReset(input: { email: $e }) { status } }";
        let mut taken = 0;
        for address in cases(addresses) {
            let input = json!({ "i": { "email": address, "displayName": "Kim", "zone": "UTC",
                "consents": crate::support::people::consents() } });
            let answer = asks(&app, None, sign_up, &input).await;
            taken += usize::from(answer["data"]["signUp"]["status"] == "DONE");
            let answer = asks(&app, None, reset, &json!({ "e": address })).await;
            taken += usize::from(answer["data"]["requestPasswordReset"]["status"] == "DONE");
        }
        app.deliver().await;
        assert!(app.mail.received().len() <= taken, "a mail each time that an address was taken, at most");
    }
}

#[test]
fn r26_no_envelope_that_was_touched_opens() {
    let key = DataKey::random(&crate::support::chance());
    let aad = Aad::new("answers", "note", uuid::Uuid::from_u128(7));
    let sealed = key.seal_text(aad, "warm tea").unwrap();
    assert_eq!(key.open_text(aad, &sealed).unwrap(), "warm tea");
    let touched = (vec((any::<Index>(), any::<u8>()), 1..4), any::<Index>(), any::<bool>());
    for (flips, end, cut) in cases(touched) {
        let mut bytes = sealed.clone();
        for (at, value) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= value;
        }
        if cut {
            bytes.truncate(end.index(bytes.len() + 1));
        }
        if bytes != sealed {
            assert!(key.open(aad, &bytes).is_err() && key.open_text(aad, &bytes).is_err(), "{bytes:?}");
        }
    }
    for bytes in cases(vec(any::<u8>(), 0..120)) {
        assert!(key.open(aad, &bytes).is_err() && key.open_json::<Value>(aad, &bytes).is_err(), "{bytes:?}");
        // What is inside need not be what the service expects, either.
        let inside = key.seal(aad, &bytes).unwrap();
        assert_eq!(key.open(aad, &inside).unwrap(), bytes);
        let _ = key.open_text(aad, &inside);
        let _ = key.open_json::<Vec<String>>(aad, &inside);
    }
}

#[test]
fn r26_no_wrapped_key_that_was_touched_opens() {
    crate::support::run(Backend::Sqlite, |app| async move {
        let vault = &app.app.context.vault;
        let aad = Aad::new("accounts", "data_key", uuid::Uuid::from_u128(7));
        for bytes in cases(vec(any::<u8>(), 0..140)) {
            assert!(vault.unwrap(aad, &bytes).is_err(), "{bytes:?}");
            let known = [&[2][..], &bytes].concat();
            assert!(vault.unwrap(aad, &known).is_err(), "{known:?}");
        }
    });
}

//! Trusted documents, persisted queries, and 304.

use crate::support::{Backend, Person, TestApp};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const NAME: &str = "query Name { viewer { account { displayName } } }";
const LISTS: &str = "query Lists($n: Int) { viewer { checkIns(first: $n) { nodes { id } } } }";
const RENAME: &str =
    "mutation Rename($name: String!) { updateProfile(input: { displayName: $name }) { status } }";
const OTHER: &str = "{ viewer { account { zone } } }";
const GRAPHQL: &str = "application/graphql-response+json";

fn hash(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A manifest as Apollo's tools write it; one of the ids is their own.
fn apollo() -> Value {
    let operation =
        |id: String, name: &str, body: &str| json!({ "id": id, "name": name, "type": "query", "body": body });
    let operations = [
        operation(hash(NAME), "Name", NAME),
        operation(hash(LISTS), "Lists", LISTS),
        operation("rename-1".to_owned(), "Rename", RENAME),
    ];
    json!({ "format": "apollo-persisted-query-manifest", "version": 1, "operations": operations })
}

/// A manifest as Relay's compiler and GraphQL Code Generator write it.
fn relay() -> Value {
    json!({ hash(NAME): NAME, hash(LISTS): LISTS, "rename-1": RENAME })
}

async fn start(manifest: &Value, only: bool) -> TestApp {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("documents.json");
    std::fs::write(&file, manifest.to_string()).unwrap();
    let settings = |config: &mut evenkeel::config::Config| {
        config.trusted_documents = Some(file.clone());
        config.trusted_documents_only = only;
    };
    TestApp::start_with(Backend::Sqlite, settings, |_| {}).await
}

fn on<F: Future<Output = ()>>(test: impl FnOnce() -> F) {
    crate::support::live(test());
}

async fn alex(app: &TestApp) -> Person {
    app.person_without_device("Alex", "Europe/Berlin", ("22:00", "08:00")).await
}

/// Sends a body as Alex: the status, and the code of the first error, or the data.
async fn post(app: &TestApp, person: &Person, body: Value) -> (u16, Value) {
    let request = app.http.post(format!("{}/graphql", app.url)).bearer_auth(person.access());
    let request = request.header("Accept", GRAPHQL).header("Content-Type", "application/json");
    let answer = request.body(body.to_string()).send().await.unwrap();
    let status = answer.status().as_u16();
    let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    (status, answer.get("data").cloned().unwrap_or_else(|| answer["errors"][0]["extensions"]["code"].clone()))
}

fn apq(hash: &str) -> Value {
    json!({ "persistedQuery": { "version": 1, "sha256Hash": hash } })
}

#[test]
fn a_trusted_document_is_found_by_each_way_of_naming_it() {
    on(|| async {
        for manifest in [apollo(), relay()] {
            let app = start(&manifest, false).await;
            let alex = alex(&app).await;
            for body in [
                json!({ "documentId": hash(NAME) }),
                json!({ "documentId": format!("sha256:{}", hash(NAME)), "variables": null }),
                json!({ "id": hash(NAME), "operationName": "Name" }),
                json!({ "extensions": apq(&hash(NAME)) }),
                json!({ "extensions": apq(&hash(NAME)), "query": NAME }),
                json!({ "query": NAME }),
                // Other clients may use `id` for something else: it is not refused.
                json!({ "id": 7, "query": NAME }),
            ] {
                let (status, data) = post(&app, &alex, body.clone()).await;
                assert_eq!(
                    (status, &data["viewer"]["account"]["displayName"]),
                    (200, &json!("Alex")),
                    "{body}"
                );
            }
            let rename = |id: &str| json!({ "documentId": id, "variables": { "name": "Robin" } });
            for id in ["rename-1".to_owned(), format!("sha256:{}", hash(RENAME))] {
                let (status, data) = post(&app, &alex, rename(&id)).await;
                assert_eq!((status, data["updateProfile"].is_object()), (200, true), "{id}");
            }
            for (body, status, code) in [
                (rename("rename-2"), 400, "PERSISTED_QUERY_NOT_FOUND"),
                (rename("sha256:rename-2"), 400, "PERSISTED_QUERY_NOT_FOUND"),
                (json!({ "documentId": "" }), 400, "PERSISTED_QUERY_NOT_FOUND"),
                (json!({ "documentId": 5 }), 400, "BAD_REQUEST"),
                (json!({ "extensions": {} }), 400, "BAD_REQUEST"),
                (json!({ "extensions": apq(&hash(NAME)), "query": OTHER }), 400, "BAD_REQUEST"),
                (json!({ "documentId": hash(LISTS), "variables": { "n": 51 } }), 294, ""),
            ] {
                let (got, answer) = post(&app, &alex, body.clone()).await;
                assert_eq!(got, status, "{body}");
                assert!(code.is_empty() || answer == code, "{body}: {answer}");
            }
        }
    });
}

#[test]
fn r34_where_only_trusted_documents_are_executed_no_other_is() {
    on(|| async {
        let app = start(&apollo(), true).await;
        let request = |body: Value| {
            app.http
                .post(format!("{}/graphql", app.url))
                .header("Content-Type", "application/json")
                .body(body.to_string())
        };
        let ask = async |body: Value| -> (u16, Value) {
            let answer = request(body).header("Accept", GRAPHQL).send().await.unwrap();
            (answer.status().as_u16(), serde_json::from_str(&answer.text().await.unwrap()).unwrap())
        };
        for query in [OTHER, "{ __schema { types { name } } }", "{", NAME, &format!("{NAME} ")] {
            let trusted = query == NAME;
            for extensions in [json!(null), apq(&hash(query))] {
                let (status, answer) = ask(json!({ "query": query, "extensions": extensions })).await;
                let code = &answer["errors"][0]["extensions"]["code"];
                assert_eq!(status, if trusted { 294 } else { 403 }, "{query}");
                assert!(trusted || code == "DOCUMENT_NOT_TRUSTED", "{query}: {answer}");
            }
            if !trusted {
                let (status, answer) = ask(json!({ "extensions": apq(&hash(query)) })).await;
                assert_eq!(
                    (status, &answer["errors"][0]["extensions"]["code"]),
                    (400, &json!("PERSISTED_QUERY_NOT_FOUND"))
                );
            }
        }
        // The documents of the companion are trusted as well.
        for known in [NAME, "{ server { vapidPublicKey } }"] {
            let answer = ask(json!({ "documentId": hash(known) })).await.1;
            let code = answer["errors"].get(0).map(|error| &error["extensions"]["code"]);
            assert_eq!(code.is_some_and(|code| code == "UNAUTHENTICATED"), known == NAME, "{answer}");
        }
    });
}

#[test]
fn a_query_that_was_sent_with_its_hash_is_found_by_the_hash_afterwards() {
    crate::support::run(Backend::Sqlite, |app| async move {
        let alex = alex(&app).await;
        let by_hash = json!({ "extensions": apq(&hash(OTHER)) });
        let (status, code) = post(&app, &alex, by_hash.clone()).await;
        assert_eq!((status, code), (400, json!("PERSISTED_QUERY_NOT_FOUND")));
        // For older clients an unknown document is no fault of HTTP.
        let request =
            app.http.post(format!("{}/graphql", app.url)).header("Content-Type", "application/json");
        let answer = request.body(by_hash.to_string()).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert!(answer.text().await.unwrap().contains("\"message\":\"PersistedQueryNotFound\""));
        let wrong = json!({ "query": OTHER, "extensions": apq(&hash(NAME)) });
        assert_eq!(post(&app, &alex, wrong).await, (400, json!("BAD_REQUEST")));
        let whole = json!({ "query": OTHER, "extensions": apq(&hash(OTHER)) });
        assert_eq!(post(&app, &alex, whole).await.0, 200);
        for _ in 0..2 {
            let (status, data) = post(&app, &alex, by_hash.clone()).await;
            assert_eq!((status, &data["viewer"]["account"]["zone"]), (200, &json!("Europe/Berlin")));
        }
        // A document with a person's own words in it is not kept.
        let own = "mutation { updateProfile(input: { displayName: \"Robin\" }) { status } }";
        assert_eq!(post(&app, &alex, json!({ "query": own, "extensions": apq(&hash(own)) })).await.0, 200);
        assert_eq!(post(&app, &alex, json!({ "extensions": apq(&hash(own)) })).await.0, 400);
        // Other documents come and go; one that is asked for stays.
        let other = |n: usize| format!("{{ viewer {{ account {{ a{n}: zone }} }} }}{}", " ".repeat(2000));
        let by_hash_of = |n| json!({ "extensions": apq(&hash(&other(n))) });
        for n in 0..400 {
            app.raw(None, &other(n), json!({})).await;
            assert_eq!(post(&app, &alex, by_hash.clone()).await.0, 200, "{n}");
        }
        assert_eq!(post(&app, &alex, by_hash_of(399)).await.0, 200);
        assert_eq!(post(&app, &alex, by_hash_of(0)).await.0, 400, "there is an end to what is kept");
    });
}

#[test]
fn the_measure_of_a_document_that_is_kept_is_taken_with_the_variables_of_each_request() {
    crate::support::run(Backend::Sqlite, |app| async move {
        let alex = alex(&app).await;
        let query = "query($n: Int) { viewer { checkIns(first: $n) { nodes { scene { link { scenes(last: $n) { nodes {
            id myCheckIns { id } partnerCheckIns { dueAt } } } } } } } } }";
        for (n, status) in [(2, 200), (50, 400), (2, 200), (50, 400)] {
            let (got, answer) = post(&app, &alex, json!({ "query": query, "variables": { "n": n } })).await;
            assert_eq!(got, status, "{n}: {answer}");
        }
    });
}

#[test]
fn what_did_not_change_is_not_sent_again_and_nobody_else_may_keep_it() {
    on(|| async {
        let app = start(&relay(), false).await;
        let (alex, robin) =
            (alex(&app).await, app.person_without_device("Robin", "UTC", ("22:00", "08:00")).await);
        let url = format!("{}/graphql?documentId=sha256:{}", app.url, hash(NAME));
        let get = |method: Method, url: &str, person: &Person, tag: Option<&str>| {
            let request =
                app.http.request(method, url).bearer_auth(person.access()).header("Accept", GRAPHQL);
            match tag {
                Some(tag) => request.header("If-None-Match", tag).send(),
                None => request.send(),
            }
        };
        let header = |answer: &reqwest::Response, name: &str| {
            answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned())
        };
        let first = get(Method::GET, &url, &alex, None).await.unwrap();
        let tag = header(&first, "etag").unwrap();
        assert!(first.status() == 200 && tag.starts_with("W/\""), "{tag}");
        for (tags, status) in [
            (tag.clone(), 304),
            (format!("\"x\", {}", tag.trim_start_matches("W/")), 304),
            ("*".to_owned(), 304),
            ("\"x\"".to_owned(), 200),
            (tag.replace('"', ""), 200),
        ] {
            for method in [Method::GET, Method::HEAD] {
                let is_head = method == Method::HEAD;
                let answer = get(method, &url, &alex, Some(&tags)).await.unwrap();
                assert_eq!(answer.status(), status, "{tags}");
                assert_eq!(header(&answer, "etag").as_ref(), Some(&tag));
                assert_eq!(header(&answer, "cache-control").unwrap(), "private, no-cache");
                assert_eq!(header(&answer, "vary").unwrap(), "Authorization, Accept");
                let without_body = status == 304 || is_head;
                assert_eq!(answer.text().await.unwrap().is_empty(), without_body, "{tags}");
            }
        }
        assert_eq!(
            get(Method::GET, &url, &robin, Some(&tag)).await.unwrap().status(),
            200,
            "another person's"
        );
        post(&app, &alex, json!({ "documentId": "rename-1", "variables": { "name": "Alexis" } })).await;
        let changed = get(Method::GET, &url, &alex, Some(&tag)).await.unwrap();
        assert!(changed.status() == 200 && header(&changed, "etag").unwrap() != tag);
        // Nothing else may be cached: other queries, answers with errors, and requests without a sign-in.
        let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let by_text = format!("{}/graphql?query={}", app.url, encode(NAME));
        let failing = format!("{}/graphql?documentId={}&variables=%7B%22n%22%3A51%7D", app.url, hash(LISTS));
        for url in [by_text, failing] {
            let answer = get(Method::GET, &url, &alex, Some("*")).await.unwrap();
            assert_eq!(
                (header(&answer, "etag"), header(&answer, "cache-control").as_deref()),
                (None, Some("no-store")),
                "{url}"
            );
        }
        let nobody = app.http.get(&url).header("If-None-Match", "*").send().await.unwrap();
        assert_eq!((nobody.status().as_u16(), header(&nobody, "etag")), (200, None));
        let mutation =
            format!("{}/graphql?documentId=rename-1&variables=%7B%22name%22%3A%22x%22%7D", app.url);
        assert_eq!(get(Method::GET, &mutation, &alex, None).await.unwrap().status(), 405);
    });
}

#[test]
fn a_manifest_that_is_wrong_keeps_the_service_from_starting_and_says_why() {
    use evenkeel::graphql::documents::Documents;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("documents.json");
    let refused = |manifest: &str| {
        std::fs::write(&file, manifest).unwrap();
        Documents::trusting(&file, true).err().unwrap()
    };
    let deep = format!("{{ {} x {} }}", "a {".repeat(20), "}".repeat(20));
    for (manifest, why) in [
        ("", "no JSON"),
        ("[]", "no manifest"),
        ("{ \"a\": 5 }", "no manifest"),
        ("{}", "no document"),
        ("{ \"a\": \"{\" }", "document a is no GraphQL"),
        (&json!({ "deep": deep }).to_string(), "document deep: Fields inside each other"),
        (&json!({ "a".repeat(201): NAME }).to_string(), "1 to 200"),
        (
            &json!({ "format": "apollo-persisted-query-manifest", "version": 2, "operations": [] })
                .to_string(),
            "version",
        ),
        (
            &json!({ "format": "apollo-persisted-query-manifest", "version": 1, "operations": [{}] })
                .to_string(),
            "no manifest",
        ),
    ] {
        assert!(refused(manifest).contains(why), "{manifest}: {}", refused(manifest));
    }
    assert!(Documents::trusting(&folder.path().join("none.json"), true).is_err());
}

//! HTTP: what every route answers to anybody; headers, hosts, request ids and log lines.

use crate::support::people::{PASSWORD, link_in, text};
use crate::support::{Person, TestApp};
use diesel::RunQueryDsl;
use evenkeel::store::Db;
use reqwest::Method;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// The patterns of all public routes, read from the code, so that a new one is tested at once.
fn patterns() -> BTreeSet<String> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http");
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        // The listener of the metrics is another server.
        if path.ends_with("metrics.rs") || path.is_dir() {
            continue;
        }
        let text = std::fs::read_to_string(path).unwrap();
        for call in ["route(\"/", "resource(\"/", "scope(\"/"] {
            for rest in text.split(call).skip(1) {
                found.insert(format!("/{}", rest.split_once('"').unwrap().0));
            }
        }
    }
    assert!(found.len() > 8 && found.contains("/graphql"), "{found:?}");
    found
}

/// A signed-in person, and a live token for each page that takes one.
struct Visitors {
    alex: Person,
    verify: String,
    reset: String,
    new_address: String,
    old_address: String,
    answer: String,
    choose: String,
    export: String,
}

impl Visitors {
    async fn of(app: &TestApp) -> Self {
        let couple = app.couple().await;
        couple.alex.done(app, "removeDevice", json!({ "deviceId": couple.alex.device_id }), "").await;
        couple.scene(app).await;
        app.pass_minutes(60).await;
        let alex = couple.alex;
        let asked = alex.mails(app).into_iter().find(|mail| link_in(mail).contains("/c/")).unwrap();
        let last = |link: &str| link.rsplit_once('/').unwrap().1.trim_end_matches('>').to_owned();
        let (answer, choose) = (last(&link_in(&asked)), last(&asked.header("List-Unsubscribe").unwrap()));
        let query = "mutation($e: String!) { requestPasswordReset(input: { email: $e }) { status } }";
        app.anonymous(query, json!({ "e": alex.email })).await;
        let sign_up = json!({ "i": { "email": "kim@people.test", "displayName": "Kim",
            "zone": "UTC", "consents": crate::support::people::consents() } });
        let query = "mutation($i: SignUpInput!) { signUp(input: $i) { status } }";
        app.anonymous(query, sign_up).await;
        app.deliver().await;
        let token = |email: &str| last(&link_in(&app.mail.inbox(email).pop().unwrap()));
        alex.refresh(app).await;
        let (verify, reset) = (token("kim@people.test"), token(&alex.email));
        alex.done(app, "reauthenticate", json!({ "password": PASSWORD }), "").await;
        alex.done(app, "requestEmailChange", json!({ "email": "alexandra@people.test" }), "").await;
        alex.ask(app, "mutation { requestExport { status } }", json!({})).await;
        assert_eq!(evenkeel::actions::export::make_due(&app.app.context).await.unwrap(), 1);
        let fetch = "mutation { createExportDownload { download { path } } }";
        let export =
            last(&text(&alex.ask(app, fetch, json!({})).await["createExportDownload"]["download"]["path"]));
        app.deliver().await;
        let new_address = token("alexandra@people.test");
        let old_address = token(&alex.email);
        Self { verify, reset, new_address, old_address, answer, choose, export, alex }
    }

    /// A pattern's path, with live tokens.
    fn path(&self, pattern: &str) -> String {
        match pattern {
            "/verify/{token}" => pattern.replace("{token}", &self.verify),
            "/new-address/{token}" => pattern.replace("{token}", &self.new_address),
            "/old-address/{token}" => pattern.replace("{token}", &self.old_address),
            "/export/{token}" => pattern.replace("{token}", &self.export),
            "/reset/{token}" => pattern.replace("{token}", &self.reset),
            "/c/{token}" => pattern.replace("{token}", &self.answer),
            "/unsubscribe/{token}" | "/preferences/{token}" => pattern.replace("{token}", &self.choose),
            "/graphiql/{file}" => "/graphiql/start.js".to_owned(),
            "/app/{file}" => "/app/app.js".to_owned(),
            // These do not exist where there is a mail server, such as the one of these tests.
            "/dev/outbox/{mail}" | "/dev/outbox/{mail}/html" => pattern.replace("{mail}", "Nudge_0"),
            "/graphql" => "/graphql?query=%7Bviewer%7Baccount%7BdisplayName%7D%7D%7D".to_owned(),
            fixed => {
                assert!(!fixed.contains('{'), "{fixed} is new: say here what a live one is");
                fixed.to_owned()
            }
        }
    }
}

#[derive(diesel::QueryableByName)]
struct Text {
    #[diesel(sql_type = diesel::sql_types::Text)]
    text: String,
}

/// Every row of every table as text, by table.
fn dump(app: &TestApp) -> BTreeMap<String, String> {
    let mut db = Db::open(&app.config.database).unwrap();
    let mut all = |sql: String| -> Vec<String> {
        let query = diesel::sql_query(sql);
        let rows: Vec<Text> = match &mut db {
            Db::Sqlite(c) => query.load(c).unwrap(),
            Db::Postgres(c) => query.load(c).unwrap(),
        };
        rows.into_iter().map(|row| row.text).collect()
    };
    let sqlite = app.app.context.store.backend() == "SQLite";
    let tables = match sqlite {
        true => "SELECT name AS text FROM sqlite_master WHERE type = 'table'",
        false => "SELECT tablename::text AS text FROM pg_tables WHERE schemaname = 'public'",
    };
    let tables = all(tables.to_owned());
    assert!(tables.len() > 10, "{tables:?}");
    let mut dumped = BTreeMap::new();
    for table in tables {
        let row = match sqlite {
            true => {
                let columns = all(format!(
                    "SELECT 'quote(\"' || name || '\")' AS text FROM pragma_table_info('{table}')"
                ));
                format!("SELECT {} AS text FROM {table}", columns.join(" || ',' || "))
            }
            false => format!("SELECT t::text AS text FROM {table} t"),
        };
        let mut rows = all(row);
        rows.sort();
        dumped.insert(table, rows.join("\n"));
    }
    dumped
}

on_both_databases! {
    async fn r30_get_and_head_change_nothing_on_any_route(app) {
        let visitors = Visitors::of(&app).await;
        // Readiness has the database take a write, which is about nobody.
        let dump = |app: &TestApp| {
            let mut tables = dump(app);
            assert!(tables.remove("write_checks").is_some());
            tables
        };
        let before = dump(&app);
        for pattern in patterns() {
            let url = format!("{}{}", app.url, visitors.path(&pattern));
            for method in [Method::GET, Method::HEAD] {
                for access in [None, Some(visitors.alex.access())] {
                    let mut request = app.http.request(method.clone(), &url);
                    if let Some(access) = access {
                        request = request.bearer_auth(access);
                    }
                    let status = request.send().await.unwrap().status().as_u16();
                    assert!(status < 500, "{method} {pattern}: {status}");
                }
            }
        }
        let after = dump(&app);
        for (table, rows) in &before {
            assert_eq!(rows, &after[table], "a row of {table} changed");
        }
        // The token is still good.
        app.set_password(&format!("{}/verify/{}", app.url, visitors.verify), PASSWORD).await;
        assert_ne!(dump(&app), before, "what was compared does show changes");
    }

    async fn what_can_be_looked_at_can_be_asked_about(app) {
        let visitors = Visitors::of(&app).await;
        for pattern in patterns() {
            let url = format!("{}{}", app.url, visitors.path(&pattern));
            let [looked, asked] = [Method::GET, Method::HEAD].map(|method| app.http.request(method, &url));
            let (looked, asked) = (looked.send().await.unwrap(), asked.send().await.unwrap());
            assert_eq!(asked.status(), looked.status(), "{pattern}");
            assert_eq!(asked.headers().get("content-type"), looked.headers().get("content-type"), "{pattern}");
            assert!(asked.bytes().await.unwrap().is_empty(), "{pattern}");
        }
    }

    async fn every_answer_has_the_headers_of_a_closed_house_and_no_cookie(app) {
        let visitors = Visitors::of(&app).await;
        let mut shared = BTreeSet::new();
        for pattern in patterns().into_iter().chain(["/nothing/like/it".to_owned()]) {
            let answer = app.http.get(format!("{}{}", app.url, visitors.path(&pattern))).send().await.unwrap();
            let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
            let policy = header("content-security-policy").unwrap();
            assert!(policy.starts_with("default-src 'none'; ") && policy.contains("frame-ancestors 'none'"), "{pattern}");
            // GraphiQL, in development, is the only page that is not ours.
            assert_eq!(policy.contains("unsafe"), pattern == "/", "{pattern}: {policy}");
            assert_eq!(header("referrer-policy").unwrap(), "no-referrer");
            assert_eq!(header("x-content-type-options").unwrap(), "nosniff");
            assert_eq!(header("x-frame-options").unwrap(), "DENY");
            assert_eq!(header("set-cookie"), None, "{pattern}");
            assert_eq!(header("access-control-allow-origin"), None, "{pattern}");
            if header("cache-control").unwrap() != "no-store" {
                shared.insert(pattern);
            }
        }
        let shared: Vec<_> = shared.iter().map(String::as_str).collect();
        let expected = ["/.well-known/jwks.json", "/app", "/app/", "/app/{file}", "/assets/leave.js", "/assets/style.css", "/graphiql/{file}", "/openapi.json"];
        assert_eq!(shared, expected, "what anybody may keep");
    }

    async fn a_page_has_no_style_and_no_script_of_its_own(app) {
        let visitors = Visitors::of(&app).await;
        let sheet = app.http.get(format!("{}/assets/style.css", app.url)).send().await.unwrap();
        assert_eq!(sheet.headers()["content-type"], "text/css; charset=utf-8");
        for pattern in patterns() {
            if ["/", "/graphiql/{file}"].contains(&pattern.as_str()) {
                continue;
            }
            let answer = app.http.get(format!("{}{}", app.url, visitors.path(&pattern))).send().await.unwrap();
            let media = answer.headers().get("content-type").map(|media| media.to_str().unwrap().to_owned());
            if media.is_some_and(|media| media.starts_with("text/html")) {
                // Leaves out the one script, which a page works without, and the app's own script.
                let page = answer.text().await.unwrap().replace("<script src=\"/assets/leave.js\" defer></script>", "");
                let page = page.replace("<script src=\"/app/app.js\" type=\"module\"></script>", "");
                for inline in ["<style", "style=", "<script", "onclick", "javascript:"] {
                    assert!(!page.contains(inline), "{pattern} has {inline}");
                }
                assert!(page.contains("href=\"/assets/style.css\""), "{pattern}");
            }
        }
    }
}

/// The answer's status, a header of it, its body.
async fn get(request: reqwest::RequestBuilder, header: &str) -> (u16, Option<String>, String) {
    let answer = request.send().await.unwrap();
    let value = answer.headers().get(header).map(|value| value.to_str().unwrap().to_owned());
    (answer.status().as_u16(), value, answer.text().await.unwrap())
}

/// The settings of production, with another host name than the one that tests use.
fn production(config: &mut evenkeel::config::Config) {
    config.mode = evenkeel::config::Mode::Production;
    config.introspection = false;
    config.public_url = "https://care.example.org".parse().unwrap();
    config.hosts = vec!["care.lan:8080".to_owned()];
    config.cors_origins =
        vec!["https://app.example.org".parse().unwrap(), "https://other.example.org:8443".parse().unwrap()];
}

/// Runs a test with the settings of production; the kind of database does not matter there.
fn in_production<F: Future<Output = ()>>(test: impl FnOnce(TestApp) -> F) {
    crate::support::live(async {
        test(TestApp::start_with(crate::support::Backend::Sqlite, production, |_| {}).await).await
    });
}

#[test]
fn r34_production_shows_no_schema_no_explorer_and_no_suggestions() {
    in_production(|app| async move {
        let at = |path: &str| app.http.get(format!("{}{path}", app.url)).header("Host", "care.example.org");
        let post = async |query: &str| {
            let request = app.http.post(format!("{}/graphql", app.url)).header("Host", "care.example.org");
            let request = request.header("Content-Type", "application/json");
            get(request.body(json!({ "query": query }).to_string()), "content-type").await.2
        };
        assert!(post("{ __typename }").await.contains("\"data\":{\"__typename\":\""));
        for query in ["{ __schema { types { name } } }", "{ __type(name: \"Account\") { fields { name } } }"]
        {
            let answer = post(query).await;
            assert!(!answer.contains("Account") && !answer.contains("displayName"), "{answer}");
        }
        for query in ["{ viewe }", "{ viewer { account { displayNam } } }", "{ node(ids: 1) { id } }"] {
            let answer = post(query).await;
            assert!(answer.contains("DOCUMENT_INVALID") && !answer.contains("Did you mean"), "{answer}");
        }
        let (status, _, page) = get(at("/"), "content-type").await;
        assert!(
            status == 200 && !page.contains("graphiql") && !page.contains("<script src=\"/graphiql"),
            "{page}"
        );
        assert_eq!(get(at("/graphiql/start.js"), "content-type").await.0, 404);
        let (_, strict, _) = get(at("/open"), "strict-transport-security").await;
        assert_eq!(strict.unwrap(), "max-age=63072000; includeSubDomains");
    });
}

#[test]
fn development_suggests_explains_and_does_not_bind_browsers_to_tls() {
    crate::support::run(crate::support::Backend::Sqlite, |app| async move {
        let answer = app.raw(None, "{ viewe }", json!({})).await.to_string();
        assert!(answer.contains("Did you mean"), "{answer}");
        let (status, strict, page) = get(app.http.get(&app.url), "strict-transport-security").await;
        assert!(status == 200 && strict.is_none() && page.contains("graphiql"));
    });
}

#[test]
fn development_answers_to_names_of_this_machine_and_to_addresses_only() {
    let settings = |config: &mut evenkeel::config::Config| config.hosts = vec!["care.lan:8080".to_owned()];
    crate::support::live(async {
        let app = TestApp::start_with(crate::support::Backend::Sqlite, settings, |_| {}).await;
        let at = |path: &str, host: &str| app.http.get(format!("{}{path}", app.url)).header("Host", host);
        for host in [
            "localhost",
            "LocalHost:1",
            "127.0.0.1:8080",
            "127.9.9.9",
            "[::1]:8080",
            "192.168.1.7:8080",
            "[fd00::7]",
            "care.lan:8080",
        ] {
            assert_eq!(get(at("/open", host), "x-request-id").await.0, 200, "{host}");
        }
        // A site of somebody else that leads here by its own name.
        for host in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.nip.example:8080",
            "evil",
            "127.0.0.1@evil.example",
            "x.localhost",
            "",
        ] {
            for path in ["/open", "/graphql", "/", "/dev/outbox"] {
                assert_eq!(get(at(path, host), "x-request-id").await.0, 421, "{host}{path}");
            }
        }
    });
}

#[test]
fn production_answers_to_its_own_names_only() {
    in_production(|app| async move {
        let at = |path: &str, host: &str| app.http.get(format!("{}{path}", app.url)).header("Host", host);
        for host in [
            "care.example.org",
            "CARE.example.org",
            "care.example.org:443",
            "care.example.org.",
            "care.lan:8080",
        ] {
            assert_eq!(get(at("/open", host), "x-request-id").await.0, 200, "{host}");
        }
        for host in [
            "example.org",
            "care.example.org.evil.example",
            "evil.example",
            "care.lan",
            "care.example.org:8443",
            "localhost",
            "127.0.0.1",
            "care.example.org@evil.example",
            "x",
        ] {
            for path in ["/open", "/graphql", "/nothing", "/healthz/x"] {
                let (status, id, body) = get(at(path, host), "x-request-id").await;
                assert!(
                    status == 421 && id.is_some() && !body.contains(host),
                    "{host}{path}: {status} {body}"
                );
            }
        }
        for host in ["localhost", "localhost:8080", "127.0.0.1:9", "[::1]:8080", "care.example.org"] {
            for path in ["/healthz", "/readyz"] {
                assert_ne!(get(at(path, host), "x-request-id").await.0, 421, "{host}{path}");
            }
        }
        assert_eq!(get(at("/healthz", "evil.example"), "x-request-id").await.0, 421);
    });
}

#[test]
fn pages_of_other_origins_may_call_the_api_only_from_exactly_those_that_are_set() {
    in_production(|app| async move {
        let asking = |method: Method, path: &str, origin: &str| {
            let request =
                app.http.request(method, format!("{}{path}", app.url)).header("Host", "care.example.org");
            let request = request.header("Origin", origin).header("Access-Control-Request-Method", "POST");
            request.header("Access-Control-Request-Headers", "authorization,content-type,idempotency-key")
        };
        let allowed = "access-control-allow-origin";
        let query = "/graphql?query=%7B__typename%7D";
        for origin in ["https://app.example.org", "https://other.example.org:8443"] {
            for method in [Method::OPTIONS, Method::GET] {
                let request = || asking(method.clone(), query, origin);
                let (status, value, _) = get(request(), allowed).await;
                assert_eq!((status, value.as_deref()), (200, Some(origin)));
                assert_eq!(get(request(), "access-control-allow-credentials").await.1, None);
                assert!(get(request(), "vary").await.1.unwrap().to_lowercase().contains("origin"));
            }
            for path in ["/open", "/healthz", "/.well-known/jwks.json"] {
                assert_eq!(get(asking(Method::GET, path, origin), allowed).await.1, None, "{path}");
            }
        }
        for origin in [
            "https://evil.example",
            "http://app.example.org",
            "https://app.example.org:444",
            "null",
            "https://app.example.org.evil.example",
            "https://x.app.example.org",
        ] {
            for method in [Method::OPTIONS, Method::GET] {
                assert_eq!(get(asking(method, query, origin), allowed).await.1, None, "{origin}");
            }
        }
    });
}

#[test]
fn every_answer_carries_the_id_of_its_request() {
    crate::support::run(crate::support::Backend::Sqlite, |app| async move {
        let given = async |id: &str| {
            let request = app.http.get(format!("{}/nothing", app.url)).header("X-Request-Id", id);
            get(request, "x-request-id").await.1.unwrap()
        };
        for id in
            ["0af7651916cd43dd8448eb211c80319c", "0198C0DE-1111-7222-8333-444455556666", "0123456789abcdef"]
        {
            assert_eq!(given(id).await, id);
        }
        let mut made = BTreeSet::new();
        for id in [
            "",
            "alex@people.test",
            "0123456789abcde",
            &"a".repeat(37),
            "0123456789abcdef 0123456789abcdef",
            "Alexandra-and-Sam-x",
        ] {
            made.insert(given(id).await);
        }
        let is_id = |id: &String| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        assert!(made.len() == 6 && made.iter().all(is_id), "{made:?}");
    });
}

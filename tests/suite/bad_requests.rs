//! Bad requests: one that is not GraphQL over HTTP, or asks for too much, is refused with a code and harms nobody.

use crate::support::{Person, TestApp};
use serde_json::{Value, json};

const JSON: &str = "application/json";
const RENAME: &str = "mutation { updateProfile(input: { displayName: \"Robin\" }) { status } }";

/// A request spelled out: method, content type, `Accept`, query string, body.
#[derive(Default)]
struct Raw<'a> {
    get: bool,
    content_type: Option<&'a str>,
    accept: Option<&'a str>,
    query_string: &'a str,
    body: String,
}

impl Raw<'_> {
    /// Status, content type, JSON body (or null).
    async fn send(self, app: &TestApp, person: &Person) -> (u16, String, Value) {
        let url = format!("{}/graphql{}", app.url, self.query_string);
        let mut request = if self.get { app.http.get(url) } else { app.http.post(url).body(self.body) };
        request = request.bearer_auth(person.access());
        if let Some(content_type) = self.content_type {
            request = request.header("Content-Type", content_type);
        }
        if let Some(accept) = self.accept {
            request = request.header("Accept", accept);
        }
        let answer = request.send().await.unwrap();
        let media = answer.headers().get("content-type").map(|value| value.to_str().unwrap().to_owned());
        let status = answer.status().as_u16();
        let body = serde_json::from_str(&answer.text().await.unwrap()).unwrap_or(Value::Null);
        (status, media.unwrap_or_default(), body)
    }
}

fn post(body: impl Into<String>) -> Raw<'static> {
    Raw { content_type: Some(JSON), body: body.into(), ..Raw::default() }
}

fn query(query: &str) -> Raw<'static> {
    post(json!({ "query": query }).to_string())
}

fn code(body: &Value) -> &str {
    body["errors"][0]["extensions"]["code"].as_str().unwrap_or("no code")
}

async fn person(app: &TestApp, name: &str) -> Person {
    app.person_without_device(name, "Europe/Berlin", ("22:00", "08:00")).await
}

/// Checks that the service still answers, and that it did not execute the test's mutation.
async fn assert_unharmed(app: &TestApp, person: &Person) {
    let data = person.ask(app, "{ viewer { account { displayName } } }", json!({})).await;
    assert_eq!(data["viewer"]["account"]["displayName"], "Alex");
}

on_both_databases! {
    async fn a_body_that_is_no_graphql_request_is_a_bad_request(app) {
        let alex = person(&app, "Alex").await;
        let long_number = format!("{{\"query\": {}}}", "9".repeat(1000));
        for body in ["", "null", "[]", "\"text\"", "{", "{\"query\": 5}", "\u{0}", &"[".repeat(200_000), &long_number] {
            let (status, _, answer) = post(body).send(&app, &alex).await;
            assert_eq!((status, code(&answer)), (400, "BAD_REQUEST"), "{:.40}", body);
        }
        let batch = json!([{ "query": "{ __typename }" }, { "query": RENAME }]).to_string();
        let list = json!(["{ __typename }", null, null, null]).to_string();
        for body in [batch, list, json!({}).to_string(), json!({ "variables": {} }).to_string()] {
            let (status, _, answer) = post(&body).send(&app, &alex).await;
            assert_eq!((status, code(&answer)), (400, "BAD_REQUEST"), "{body}");
        }
        for variables in [json!(5), json!("x"), json!([1])] {
            for name in ["variables", "extensions"] {
                let body = json!({ "query": "{ __typename }", name: variables }).to_string();
                let (status, _, answer) = post(&body).send(&app, &alex).await;
                assert_eq!((status, code(&answer)), (400, "BAD_REQUEST"), "{body}");
            }
        }
        let mut bytes = b"{\"query\": \"".to_vec();
        bytes.extend([0xff, 0xfe]);
        bytes.extend(b"\"}");
        let request = app.http.post(format!("{}/graphql", app.url)).header("Content-Type", JSON).body(bytes);
        assert_eq!(request.send().await.unwrap().status(), 400, "no UTF-8");
        assert_unharmed(&app, &alex).await;
    }

    async fn r30_get_does_no_mutation(app) {
        let alex = person(&app, "Alex").await;
        let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let two = format!("query Q {{ __typename }} {}", RENAME.replace("mutation", "mutation M"));
        for query_string in
            [format!("?query={}", encode(RENAME)), format!("?query={}&operationName=M", encode(&two))]
        {
            let request = Raw { get: true, query_string: &query_string, ..Raw::default() };
            let (status, _, answer) = request.send(&app, &alex).await;
            assert_eq!((status, code(&answer)), (405, "BAD_REQUEST"));
        }
        let head = app.http.head(format!("{}/graphql?query={}", app.url, encode(RENAME))).bearer_auth(alex.access());
        assert_eq!(head.send().await.unwrap().status(), 405);
        let query_string = format!("?query={}&operationName=Q", encode(&two));
        let request = Raw { get: true, query_string: &query_string, ..Raw::default() };
        let (status, _, answer) = request.send(&app, &alex).await;
        assert_eq!((status, answer.get("errors")), (200, None), "its query is done");
        for query_string in ["", "?query=", "?query=%7Bviewer", "?query=%ff", "?query=%7Bx%7D&variables=%7B", "?x=1"] {
            let request = Raw { get: true, query_string, accept: Some("application/graphql-response+json"), ..Raw::default() };
            let (status, _, answer) = request.send(&app, &alex).await;
            let is_document = matches!(query_string, "?query=%7Bviewer" | "?query=%ff");
            let expected = if is_document { "DOCUMENT_INVALID" } else { "BAD_REQUEST" };
            assert_eq!((status, code(&answer)), (400, expected), "{query_string}");
        }
        for (method, status) in [("PUT", 405), ("DELETE", 405), ("PATCH", 405), ("OPTIONS", 204)] {
            let request = app.http.request(method.parse().unwrap(), format!("{}/graphql", app.url));
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), status, "{method}");
            assert_eq!(answer.headers()["allow"], "GET, HEAD, POST, OPTIONS");
        }
        assert_unharmed(&app, &alex).await;
    }

    async fn content_type_and_accept_are_negotiated(app) {
        let alex = person(&app, "Alex").await;
        let body = json!({ "query": RENAME }).to_string();
        for content_type in [
            None,
            Some("text/plain"),
            Some("application/x-www-form-urlencoded"),
            Some("multipart/form-data; boundary=x"),
            Some("application/graphql"),
            Some("application/json; charset=utf-16"),
            Some("nonsense"),
        ] {
            let request = Raw { content_type, body: body.clone(), ..Raw::default() };
            let (status, _, answer) = request.send(&app, &alex).await;
            assert_eq!((status, code(&answer)), (415, "BAD_REQUEST"), "{content_type:?}");
        }
        for accept in ["text/html", "image/*", "application/xml, text/plain", "application/json;q=0", ""] {
            let request = Raw { accept: Some(accept), ..post(body.clone()) };
            assert_eq!(request.send(&app, &alex).await.0, 406, "{accept}");
        }
        assert_unharmed(&app, &alex).await;

        let bad = json!({ "query": "{ nothingLikeIt }" }).to_string();
        for (accept, media, status) in [
            ("application/graphql-response+json", "application/graphql-response+json; charset=utf-8", 400),
            ("application/json", "application/json; charset=utf-8", 200),
            ("*/*", "application/json; charset=utf-8", 200),
            ("application/json, application/graphql-response+json;q=0.9", "application/json; charset=utf-8", 200),
            ("application/json;q=0.9, Application/GraphQL-Response+JSON; charset=UTF-8", "application/graphql-response+json; charset=utf-8", 400),
            ("text/html, application/graphql-response+json", "application/graphql-response+json; charset=utf-8", 400),
        ] {
            let got = Raw { accept: Some(accept), ..post(bad.clone()) }.send(&app, &alex).await;
            assert_eq!((got.0, got.1.as_str(), code(&got.2)), (status, media, "DOCUMENT_INVALID"), "{accept}");
        }
        let utf8 = Raw { content_type: Some("application/json; charset=\"UTF-8\""), ..query("{ __typename }") };
        assert_eq!(utf8.send(&app, &alex).await.0, 200);
        // An execution that failed in part has its own status where the media type defines one.
        let partly = "{ __typename viewer { checkIns(first: 0) { nodes { id } } } }";
        for (accept, status) in [("application/graphql-response+json", 294), ("application/json", 200)] {
            let (got, _, answer) = Raw { accept: Some(accept), ..query(partly) }.send(&app, &alex).await;
            assert_eq!((got, answer.get("data").is_some(), code(&answer)), (status, true, "BAD_ARGUMENT"));
        }
    }

    async fn a_query_string_may_leave_things_empty_and_head_is_get_without_a_body(app) {
        let alex = person(&app, "Alex").await;
        let query_string = "?query=query%20Q%20%7B__typename%7D&operationName=&variables=&extensions=";
        let (status, media, answer) = Raw { get: true, query_string, ..Raw::default() }.send(&app, &alex).await;
        assert_eq!((status, answer.get("errors")), (200, None));
        let head = app.http.head(format!("{}/graphql{query_string}", app.url)).send().await.unwrap();
        assert_eq!((head.status().as_u16(), head.headers()["content-type"].to_str().unwrap()), (200, media.as_str()));
        assert_eq!(head.headers()["content-length"], answer.to_string().len().to_string().as_str());
        assert_eq!(head.text().await.unwrap(), "");
        let named_null = Raw { get: true, query_string: "?query=query%20null%20%7B__typename%7D&operationName=null", ..Raw::default() };
        assert_eq!(named_null.send(&app, &alex).await.2.get("errors"), None, "null is a name here");
    }

    async fn r34_a_body_has_a_largest_size(app) {
        let alex = person(&app, "Alex").await;
        let padded = |length: usize| {
            let body = json!({ "query": "{ __typename }" }).to_string();
            format!("{body}{}", " ".repeat(length - body.len()))
        };
        assert_eq!(post(padded(256 * 1024)).send(&app, &alex).await.0, 200);
        assert_eq!(post(padded(256 * 1024 + 1)).send(&app, &alex).await.0, 413);
        assert_eq!(post(padded(4 * 1024 * 1024)).send(&app, &alex).await.0, 413);
        assert_unharmed(&app, &alex).await;
    }

    async fn a_document_that_does_not_fit_the_schema_is_a_bad_request(app) {
        let alex = person(&app, "Alex").await;
        for document in [
            "",
            "   ",
            "{",
            "{ }",
            "nonsense",
            "{ nothingLikeIt }",
            "{ viewer { nothingLikeIt } }",
            "{ viewer }",
            "{ server { version { x } } }",
            "{ node { id } }",
            "{ node(id: 5.5) { id } }",
            "{ node(id: \"x\", extra: 1) { id } }",
            "query($x: NoSuchType) { __typename }",
            "query($x: [NoSuchType] = [1]) { __typename }",
            "query($x: [[NoSuchType!]!] = [[{ a: 1 }]]) { __typename }",
            "query A { __typename } query B($x: [NoSuchType] = 1) { __typename }",
            "query($id: ID!) { node(id: $id) { id } }",
            "{ node(id: $id) { id } }",
            "{ ...F }",
            "{ ...F } fragment F on Query { ...G } fragment G on Query { ...F }",
            "query A { __typename } query B { __typename }",
            "{ __typename } { __typename }",
            "mutation { nothingLikeIt }",
            "mutation { logOut { status nothingLikeIt } }",
            "mutation { updateProfile(input: { nothingLikeIt: 1 }) { status } }",
            "subscription { x }",
            "type X { y: Int }",
        ] {
            let (status, _, answer) = query(document).send(&app, &alex).await;
            assert!([200, 400].contains(&status), "{document}: {status}");
            let of_value = ["{ node(id: 5.5) { id } }", "query($id: ID!) { node(id: $id) { id } }",
                "mutation { updateProfile(input: { nothingLikeIt: 1 }) { status } }"].contains(&document);
            let endless = document.contains("fragment G on Query { ...F }");
            let expected = match (of_value, endless) {
                (true, _) => "BAD_ARGUMENT",
                (_, true) => "LIMIT_EXCEEDED",
                (false, false) if document == "subscription { x }" => "BAD_REQUEST",
                (false, false) => "DOCUMENT_INVALID",
            };
            assert_eq!(code(&answer), expected, "{document}: {answer}");
            assert_eq!(answer["data"], Value::Null, "{document}: nothing was done");
        }
        let body = json!({ "query": "query A { __typename }", "operationName": "B" }).to_string();
        assert_eq!(code(&post(body).send(&app, &alex).await.2), "DOCUMENT_INVALID");
        assert_unharmed(&app, &alex).await;
    }

    async fn r34_a_document_that_is_too_deep_is_refused_however_it_nests(app) {
        let alex = person(&app, "Alex").await;
        let link = |inside: &str| format!("{{ viewer {{ partnerLinks {{ {inside} }} }} }}");
        let round = |times: usize| {
            link(&format!("{}id{}", "latestRevision { id } scenes(first: 1) { nodes { link { ".repeat(times), " } } }".repeat(times)))
        };
        assert_eq!(query(&round(1)).send(&app, &alex).await.2.get("errors"), None);
        assert_eq!(code(&query(&round(5)).send(&app, &alex).await.2), "LIMIT_EXCEEDED");
        for times in [100, 1_000, 10_000, 60_000] {
            for (before, open, close, after) in [
                ("", "{a", "}", ""),
                ("", "{...", "}", ""),
                ("{node(id:", "[", "]", "){id}}"),
                ("{node(id:", "{a:", "}", "){id}}"),
                ("{__typename @include(if:", "[", "]", ")}"),
                ("query($x: Int = ", "[", "]", "){__typename}"),
            ] {
                let nested = format!("{before}{}{}{after}", open.repeat(times), close.repeat(times));
                let (status, _, answer) = query(&nested).send(&app, &alex).await;
                let told = status == 413 || code(&answer) == "LIMIT_EXCEEDED";
                assert!([200, 400, 413].contains(&status) && told, "{times} times {open}: {status} {answer:.200}");
            }
            let types = format!("query($x: {}Int{}) {{ __typename }}", "[".repeat(times), "]".repeat(times));
            assert_eq!(code(&query(&types).send(&app, &alex).await.2), "LIMIT_EXCEEDED", "{times} lists of lists");
        }
        assert_unharmed(&app, &alex).await;
    }

    async fn r34_a_document_that_asks_for_too_much_is_refused(app) {
        let alex = person(&app, "Alex").await;
        let aliases = |times: usize| (0..times).map(|n| format!("a{n}: __typename ")).collect::<String>();
        assert_eq!(query(&format!("{{ {} }}", aliases(20))).send(&app, &alex).await.2.get("errors"), None);
        assert_eq!(code(&query(&format!("{{ {} }}", aliases(3000))).send(&app, &alex).await.2), "LIMIT_EXCEEDED");
        let nested = |times: usize| {
            let (open, close) = ("scenes(first: 50) { nodes { id link { ", " } } }");
            let inside = format!("{}id{}", open.repeat(times), close.repeat(times));
            format!("{{ viewer {{ partnerLinks {{ {inside} }} }} }}")
        };
        assert_eq!(query(&nested(1)).send(&app, &alex).await.2.get("errors"), None);
        assert_eq!(code(&query(&nested(3)).send(&app, &alex).await.2), "LIMIT_EXCEEDED");
        let directives = format!("{{ __typename {} }}", "@include(if: true) ".repeat(100));
        assert_eq!(code(&query(&directives).send(&app, &alex).await.2), "LIMIT_EXCEEDED");
        for bad in ["first: 0", "first: 51", "first: -1", "after: \"\"", "after: \"nonsense\"", "after: \"é\\u0000\""] {
            for list in ["checkIns", "nudges"] {
                let asked = format!("{{ viewer {{ {list}({bad}) {{ nodes {{ id }} }} }} }}");
                assert_eq!(code(&query(&asked).send(&app, &alex).await.2), "BAD_ARGUMENT", "{list}({bad})");
            }
        }
        assert_unharmed(&app, &alex).await;
    }

    async fn a_variable_that_is_needed_is_asked_for(app) {
        let alex = app.person_without_device("Alex", "UTC", ("22:00", "08:00")).await;
        for (query, variables) in [
            ("query($x: Boolean!) { viewer { account { id @include(if: $x) } } }", json!({})),
            ("query($x: Boolean!) { viewer { account { id @include(if: $x) } } }", json!({ "x": null })),
            ("query($n: Int!) { viewer { nudges(first: $n) { nodes { id } } } }", json!({ "n": null })),
            ("mutation($s: Boolean!) { invitePartner(input: { role: SWITCH }) @skip(if: $s) { status } }", json!({})),
            ("query A { __typename } query B($x: ID!) { node(id: $x) { id } }", json!({})),
        ] {
            let body = json!({ "query": query, "variables": variables, "operationName": query.contains("query B").then_some("B") });
            let request = app.http.post(format!("{}/graphql", app.url)).bearer_auth(alex.access());
            let request = request.header("Content-Type", "application/json").body(body.to_string());
            let answer = request.send().await.unwrap().text().await.unwrap();
            let answer: Value = serde_json::from_str(&answer).unwrap();
            assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_ARGUMENT", "{query}: {answer}");
            assert!(answer.get("data").is_none(), "{query}: {answer}");
        }
        let invited = alex.ask(&app, "{ viewer { partnerLinks { id } } }", json!({})).await;
        assert_eq!(invited["viewer"]["partnerLinks"], json!([]));
        let given = "query($x: Boolean!, $n: Int! = 2) { viewer { nudges(first: $n) { nodes { id @include(if: $x) } } } }";
        alex.ask(&app, given, json!({ "x": true })).await;
    }

    async fn r29_an_id_that_is_no_id_names_nothing(app) {
        let couple = app.couple().await;
        let kim = person(&app, "Kim").await;
        let revision = couple.agree(&app, crate::support::Couple::usual_terms(), None).await;
        let scene = couple.scene(&app).await;
        let check_in = couple.check_ins(&app, &couple.alex, &scene).await[0]["id"].as_str().unwrap().to_owned();
        for id in ["", "_", "x", "Scene_", "Scene_x", "NoNoun_00000000000000000000000000000000", "\u{0}", &"x".repeat(100_000)] {
            let data = couple.alex.ask(&app, "query($id: ID!) { node(id: $id) { id } }", json!({ "id": id })).await;
            assert_eq!(data["node"], Value::Null, "{id:.40}");
        }
        for id in [&couple.link, &revision, &scene, &check_in] {
            let ask = "query($id: ID!) { node(id: $id) { id } }";
            assert_eq!(couple.alex.ask(&app, ask, json!({ "id": id })).await["node"]["id"], **id);
            assert_eq!(kim.ask(&app, ask, json!({ "id": id })).await["node"], Value::Null, "{id} is not Kim's");
        }
        let ask = "query($id: ID!) { node(id: $id) { id } }";
        assert_eq!(couple.sam.ask(&app, ask, json!({ "id": check_in })).await["node"], Value::Null, "nor a partner's");
    }
}

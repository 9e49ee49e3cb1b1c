//! Limits of a request (R34): each is met exactly, and exceeded by one; and a slow or greedy client delays nobody.

use crate::support::care::after_end;
use crate::support::{Backend, Couple, Person, TestApp};
use diesel::connection::SimpleConnection;
use evenkeel::graphql::limits;
use evenkeel::store::Db;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn person(app: &TestApp) -> Person {
    app.person_without_device("Alex", "UTC", ("22:00", "08:00")).await
}

/// The code and the sentence of a refusal, if it is one.
async fn refusal(app: &TestApp, person: &Person, query: &str, variables: Value) -> Option<(String, String)> {
    let answer = app.raw(Some(&person.access()), query, variables).await;
    let error = &answer["errors"][0];
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (!error.is_null()).then(|| (text(&error["extensions"]["code"]), text(&error["message"])))
}

/// Checks that the first request is done, and that the second is refused with these words.
async fn at_the_limit(
    app: &TestApp,
    alex: &Person,
    within: (String, Value),
    beyond: (String, Value),
    words: &str,
) {
    assert_eq!(refusal(app, alex, &within.0, within.1).await, None, "{words}: {:.200}", within.0);
    let (code, sentence) = refusal(app, alex, &beyond.0, beyond.1).await.expect(words);
    assert_eq!((code.as_str(), sentence.as_str()), ("LIMIT_EXCEEDED", words), "{:.200}", beyond.0);
}

/// As [`at_the_limit`], for a document that can be made of any size.
async fn document(app: &TestApp, alex: &Person, limit: usize, what: &str, of: impl Fn(usize) -> String) {
    let words = format!("{what}: at most {limit}.");
    at_the_limit(app, alex, (of(limit), json!({})), (of(limit + 1), json!({})), &words).await;
}

/// A query for these fields of the person's own account.
fn account(fields: &str) -> String {
    format!("{{ viewer {{ account {{ {fields} }} }} }}")
}

fn numbered(count: usize, text: impl Fn(usize) -> String) -> String {
    (0..count).map(text).collect::<Vec<_>>().join(" ")
}

/// Keeps writes waiting until it is dropped, as if somebody else were writing. Reads go on.
struct Hold(Db);

impl Hold {
    fn writes(app: &TestApp) -> Self {
        let mut db = Db::open(&app.config.database).unwrap();
        match &mut db {
            Db::Sqlite(c) => c.batch_execute("BEGIN IMMEDIATE").unwrap(),
            Db::Postgres(c) => c.batch_execute("BEGIN; LOCK TABLE accounts IN EXCLUSIVE MODE").unwrap(),
        }
        Self(db)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.batch_execute("ROLLBACK").unwrap();
    }
}

const RENAME: &str = "mutation { updateProfile(input: { displayName: \"Robin\" }) { status } }";

/// Opens a connection and sends a piece again and again; returns what the service says until it closes.
async fn dribble(app: &TestApp, first: &str, piece: &str) -> String {
    let mut stream = TcpStream::connect(app.url.strip_prefix("http://").unwrap()).await.unwrap();
    stream.write_all(first.as_bytes()).await.unwrap();
    let (mut reader, mut writer) = stream.split();
    let mut said = Vec::new();
    let begun = Instant::now();
    let mut ticks = tokio::time::interval(Duration::from_millis(20));
    let dribbling = async {
        while writer.write_all(piece.as_bytes()).await.is_ok() {
            ticks.tick().await;
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        // A reset ends the connection, too.
        _ = reader.read_to_end(&mut said) => {}
        () = dribbling => {}
    }
    assert!(begun.elapsed() < Duration::from_secs(20), "it had all the time that it wanted");
    String::from_utf8(said).unwrap()
}

/// A text of so many characters, each as long in UTF-8 as one can be.
fn longest(characters: usize) -> String {
    "\u{1F33F}".repeat(characters)
}

/// Needs and terms with every text at its limit.
fn largest() -> (Value, Value) {
    let needs = json!({
        "avoid": vec![longest(200); 20], "grounding": longest(500), "foodAndDrink": longest(500), "words": longest(500),
        "anythingElse": longest(4000),
    });
    let terms = json!({ "limits": longest(4000), "stopSignal": longest(200), "contactPlan": longest(4000) });
    (needs, terms)
}

const EVERYTHING: &str = "needs { needs { avoid grounding foodAndDrink words anythingElse } } terms { limits stopSignal contactPlan }";

/// As many pages of a link's Revisions as one document may ask for.
fn greedy(couple: &Couple) -> String {
    let page = format!("... on PartnerLink {{ revisions(first: 50) {{ nodes {{ {EVERYTHING} }} }} }}");
    format!("{{ {} }}", numbered(9, |n| format!("n{n}: node(id: \"{}\") {{ {page} }}", couple.link)))
}

/// Fills a link with the largest Revisions until no more are taken; how many there are.
async fn fill(app: &TestApp, couple: &Couple) -> usize {
    let (needs, mut terms) = largest();
    for person in [&couple.alex, &couple.sam] {
        person.done(app, "writeNeeds", json!({ "linkId": couple.link, "needs": needs }), "").await;
    }
    let query = "mutation($i: ProposeRevisionInput!) { proposeRevision(input: $i) { status revision { id } problems { field code } } }";
    let (mut based_on, mut count) = (Value::Null, 0);
    loop {
        terms["protocol"] = after_end(&[60 + i64::try_from(count).unwrap()]);
        let input = json!({ "i": { "linkId": couple.link, "basedOn": based_on, "terms": terms } });
        let answer = couple.alex.ask(app, query, input).await["proposeRevision"].clone();
        if answer["status"] != "DONE" {
            assert_eq!(answer["problems"], json!([{ "field": "linkId", "code": "WRONG_STATE" }]));
            return count;
        }
        based_on = answer["revision"]["id"].clone();
        count += 1;
    }
}

on_both_databases! {
    async fn r34_the_largest_content_under_the_largest_document_is_bounded(app) {
        let couple = app.couple().await;
        let count = fill(&app, &couple).await;
        assert!((100..400).contains(&count), "{count} of the largest fill a link");
        let latest = "query($id: ID!) { node(id: $id) { ... on PartnerLink { latestRevision { id } } } }";
        let latest = couple.sam.ask(&app, latest, json!({ "id": couple.link })).await["node"]["latestRevision"]["id"].clone();
        let terms = json!({ "stopSignal": "amber" });
        let input = json!({ "linkId": couple.link, "basedOn": latest, "terms": terms });
        couple.sam.done(&app, "proposeRevision", input, "revision { id }").await;
        let vault = &app.app.context.vault;
        let list = |fields: &str, first: usize| {
            format!("{{ viewer {{ partnerLinks {{ revisions(first: {first}) {{ nodes {{ number state {fields} }} }} }} }} }}")
        };
        let before = vault.decryptions();
        couple.sam.ask(&app, &list("", 50), json!({})).await;
        let opened = vault.decryptions() - before;
        assert!(opened < 20, "a list opens no text that was not asked for: {opened}");
        couple.sam.ask(&app, &list(EVERYTHING, 20), json!({})).await;

        let aliased = greedy(&couple);
        let same = numbered(40, |n| format!("n{n}: needs {{ needs {{ anythingElse }} }}"));
        let repeated = format!("... on PartnerLink {{ revisions(first: 40) {{ nodes {{ {same} }} }} }}");
        let repeated = format!("{{ node(id: \"{}\") {{ {repeated} }} }}", couple.link);
        for (what, query) in [("many pages", aliased), ("one text many times", repeated)] {
            let (status, text) = app.exact(Some(&couple.sam.access()), None, &query, json!({})).await;
            assert!(status == 200 && text.len() < 9 * 1024 * 1024, "{what}: {} bytes", text.len());
            assert!(text.contains("LIMIT_EXCEEDED") && text.contains("fewer entries"), "{what}: {text:.300}");
        }
        // The longest journal, page by page, is no such thing.
        for _ in 0..51 {
            couple.sam.done(&app, "writeJournalEntry", json!({ "text": longest(10_000) }), "").await;
        }
        let journal = "{ viewer { journal(first: 50) { nodes { text } } } }";
        let read = couple.sam.ask(&app, journal, json!({})).await;
        assert_eq!(read["viewer"]["journal"]["nodes"].as_array().unwrap().len(), 50);
    }

    async fn r34_a_person_changes_things_so_often_and_others_go_on(app) {
        let alex = person(&app).await;
        let sam = app.person_without_device("Sam", "UTC", ("22:00", "08:00")).await;
        let mutation = "mutation { resumeNudges { status } }";
        let mut taken = 0;
        let refused = loop {
            let (status, text) = app.exact(Some(&alex.access()), None, mutation, json!({})).await;
            if status != 200 {
                break (status, text);
            }
            taken += 1;
        };
        assert!((500..=600).contains(&taken), "{taken}");
        let body: Value = serde_json::from_str(&refused.1).unwrap();
        let said = &body["errors"][0]["extensions"];
        assert_eq!((refused.0, said), (429, &json!({ "code": "TRY_LATER", "retryAfterSeconds": 1 })));
        assert_eq!(refusal(&app, &alex, &account("displayName"), json!({})).await, None, "reading goes on");
        sam.ask(&app, mutation, json!({})).await;
        app.clock.set(app.clock.now() + jiff::SignedDuration::from_secs(1));
        alex.ask(&app, mutation, json!({})).await;
    }

    async fn r34_the_text_of_a_document_has_limits(app) {
        let alex = person(&app).await;
        let padded = |bytes: usize| format!("{}{}", "{ __typename }", " ".repeat(bytes - 14));
        document(&app, &alex, limits::DOCUMENT, "Bytes of a document", padded).await;
        let tokens = |count: usize| {
            let query = "mutation { writeNeeds(input: { linkId: \"x\", needs: { avoid: [LIST] } }) { status } }";
            query.replace("LIST", &"\"a \\\" #b\",".repeat(count - 24))
        };
        document(&app, &alex, limits::TOKENS, "Tokens of a document", tokens).await;
        let nested = |count: usize| format!("{}__typename{}", "{ ...".repeat(count - 1) + "{", "}".repeat(count));
        document(&app, &alex, limits::NESTING, "Brackets inside each other", nested).await;
    }

    async fn r34_the_fields_of_a_document_have_limits(app) {
        let alex = person(&app).await;
        let deep = |count: usize| {
            let link = "scenes(first: 1) { nodes { link { ".repeat(4);
            let leaf = if count == 15 { "id" } else { "me { role }" };
            format!("{{ viewer {{ partnerLinks {{ {link} {leaf} {} }} }} }}", "} } }".repeat(4))
        };
        document(&app, &alex, limits::DEPTH, "Fields inside each other", deep).await;
        let top = |count: usize| format!("{{ {} }}", numbered(count, |n| format!("a{n}: __typename")));
        document(&app, &alex, limits::ROOT_FIELDS, "Fields at the top", top).await;
        let hidden = |count: usize| format!("{{ ...F }} fragment F on Query {}", top(count));
        document(&app, &alex, limits::ROOT_FIELDS, "Fields at the top", hidden).await;
        let aliases = |count: usize| account(&numbered(count, |n| format!("a{n}: id")));
        document(&app, &alex, limits::ALIASES, "Aliases", aliases).await;
        let directives = |count: usize| account(&numbered(count, |n| format!("id @include(if: {})", n == 0)));
        document(&app, &alex, limits::DIRECTIVES, "Directives", directives).await;
        let selections = |count: usize| account(&"id ".repeat(count - 2));
        let words = "Fields and fragments, each as often as it is spread";
        document(&app, &alex, limits::SELECTIONS, words, selections).await;
        let spread = |count: usize| {
            let rest = "id ".repeat(count - 3 - 9 * 101);
            format!("{} fragment F on Account {{ {} }}", account(&("...F ".repeat(9) + "id " + &rest)), "id ".repeat(100))
        };
        document(&app, &alex, limits::SELECTIONS, words, spread).await;
    }

    async fn r34_a_list_costs_as_much_as_it_may_be_long(app) {
        let alex = person(&app).await;
        let words = "Fields of the answer, if all lists were full";
        // 2 + 50 * (1 + 396) + 1 + 147 is the limit.
        let page = |count: usize| {
            let rest = "id ".repeat(count - 19_853);
            format!("{{ viewer {{ checkIns(first: 50) {{ nodes {{ {} }} }} account {{ {rest} }} }} }}", "id ".repeat(396))
        };
        document(&app, &alex, limits::COST, words, page).await;
        // A list of links counts, and multiplies what is inside it: 2 + 5 * (1 + 50 * (1 + n)).
        let links = |fields: usize, first: &str| {
            let fields = "id ".repeat(fields);
            format!("query($n: Int = 50, $none: Int) {{ viewer {{ partnerLinks {{ scenes(first: {first}) {{ nodes {{ {fields} }} }} }} }}
                node(id: \"x\") {{ id ... on PartnerLink {{ scenes(first: $n) {{ edges {{ cursor }} }} revisions(first: $none) {{ edges {{ cursor }} }} }} }} }}")
        };
        let words = format!("{words}: at most {}.", limits::COST);
        for (first, variables) in [("50", json!({})), ("$n", json!({})), ("$n", json!({ "n": 50, "none": 1 }))] {
            at_the_limit(&app, &alex, (links(75, first), variables.clone()), (links(79, first), variables), &words).await;
        }
        assert_eq!(refusal(&app, &alex, &links(79, "$n"), json!({ "n": 1 })).await, None, "a short page costs little");
        assert_eq!(refusal(&app, &alex, &links(190, "$none"), json!({})).await, None, "the default is 20");
        let (code, _) = refusal(&app, &alex, &links(210, "$none"), json!({})).await.unwrap();
        assert_eq!(code, "LIMIT_EXCEEDED");
    }

    async fn r34_fragments_that_spread_into_each_other_take_no_time(app) {
        let alex = person(&app).await;
        let begun = Instant::now();
        let chain = numbered(24, |n| format!("fragment F{n} on Account {{ {} }}", format!("...F{} ", n + 1).repeat(10)));
        let laughs = format!("{} {chain} fragment F24 on Account {{ id }}", account("...F0"));
        let refused = refusal(&app, &alex, &laughs, json!({})).await.unwrap();
        assert!(refused.1.starts_with("Fields and fragments, each as often as it is spread"), "{refused:?}");
        let long = numbered(400, |n| format!("fragment F{n} on Account {{ ...F{} }}", n + 1));
        let long = format!("{} {long} fragment F400 on Account {{ id }}", account("...F0"));
        let round = "{ ...A } fragment A on Query { ...B } fragment B on Query { ...C } fragment C on Query { ...A }".to_owned();
        let own = "{ __typename } fragment A on Query { __typename ...A }".to_owned();
        for (document, code) in [(long, "LIMIT_EXCEEDED"), (round, "LIMIT_EXCEEDED"), (own, "LIMIT_EXCEEDED")] {
            assert_eq!(refusal(&app, &alex, &document, json!({})).await.unwrap().0, code, "{document:.100}");
        }
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    }

    async fn r34_variables_have_limits(app) {
        let alex = person(&app).await;
        let query = || "{ __typename }".to_owned();
        let many = |count: usize| (query(), (0..count).map(|n| (format!("v{n}"), json!(n))).collect::<serde_json::Map<_, _>>().into());
        let values = |count: usize| (query(), json!({ "v": vec![1; count - 1] }));
        let deep = |count: usize| (query(), json!({ "v": (1..count).fold(json!([]), |inside, n| if n % 2 == 0 { json!([inside]) } else { json!({ "x": inside }) }) }));
        let bytes = |count: usize| (query(), json!({ "v": "é".repeat((count - 2) / 2) + &"x".repeat(1 + count % 2) }));
        for (limit, what, of) in [
            (limits::VARIABLES, "Variables", &many as &dyn Fn(usize) -> (String, Value)),
            (limits::VALUES, "Values in the variables", &values),
            (limits::VALUE_DEPTH, "Lists and objects inside each other in a variable", &deep),
            (limits::VALUE_BYTES, "Bytes of texts in the variables", &bytes),
        ] {
            at_the_limit(&app, &alex, of(limit), of(limit + 1), &format!("{what}: at most {limit}.")).await;
        }
        // Numbers outside the range of every type are refused as such.
        let query = "query($n: Int) { viewer { checkIns(first: $n) { nodes { id } } } }";
        for number in ["9223372036854775808", "1e400", "-1e308", "1.5", "99999999999999999999999999999999999999"] {
            let body = format!("{{ \"query\": {}, \"variables\": {{ \"n\": {number} }} }}", json!(query));
            let request = app.http.post(format!("{}/graphql", app.url)).header("Content-Type", "application/json");
            let answer = request.bearer_auth(alex.access()).body(body).send().await.unwrap();
            let text = answer.text().await.unwrap();
            // One that JSON itself cannot hold is no request.
            let code = if number == "1e400" { "BAD_REQUEST" } else { "BAD_ARGUMENT" };
            assert!(text.contains(code), "{number}: {text}");
            let inline = query.replace("($n: Int)", "").replace("$n", number);
            let (code, _) = refusal(&app, &alex, &inline, json!({})).await.unwrap();
            assert!(["BAD_ARGUMENT", "DOCUMENT_INVALID"].contains(&code.as_str()), "{number}: {code}");
        }
    }

    async fn r34_a_body_beyond_the_limit_is_told_so(app) {
        let padded = |length: usize| format!("{{ \"query\": \"{{ __typename }}\" }}{}", " ".repeat(length - 29));
        let send = async |length: usize| {
            let request = app.http.post(format!("{}/graphql", app.url)).header("Content-Type", "application/json");
            let answer = request.body(padded(length)).send().await.unwrap();
            (answer.status().as_u16(), answer.text().await.unwrap())
        };
        assert_eq!(padded(100).len(), 100);
        assert_eq!(send(limits::BODY).await.0, 200);
        let (status, text) = send(limits::BODY + 1).await;
        let answer: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((status, &answer["errors"][0]["extensions"]["code"]), (413, &json!("LIMIT_EXCEEDED")));
        let form = async |length: usize| {
            let body = format!("password={}", "x".repeat(length - 9));
            let request = app.http.post(format!("{}/reset/none", app.url)).body(body);
            request.header("Content-Type", "application/x-www-form-urlencoded").send().await.unwrap().status().as_u16()
        };
        assert_eq!((form(limits::FORM).await, form(limits::FORM + 1).await), (422, 413));
    }
}

/// A service with other limits of its HTTP server, on both databases.
fn on_both<F: Future<Output = ()>>(
    limits: impl Fn(&mut evenkeel::http::HttpLimits),
    test: impl Fn(TestApp) -> F,
) {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        crate::support::live(async { test(TestApp::start_with(backend, |_| {}, &limits).await).await });
    }
}

#[test]
fn r34_a_mutation_that_takes_too_long_is_answered_and_finished_all_the_same() {
    on_both(
        |limits| limits.execution = Duration::from_millis(300),
        |app| async move {
            let alex = person(&app).await;
            let held = Hold::writes(&app);
            let (status, text) = app.exact(Some(&alex.access()), Some("a-key"), RENAME, json!({})).await;
            let answer: Value = serde_json::from_str(&text).unwrap();
            assert_eq!((status, &answer["errors"][0]["extensions"]["code"]), (503, &json!("TIMED_OUT")));
            drop(held);
            // The same request under the same key gets the answer of the first, once that exists.
            let mut answers = Vec::new();
            while answers.len() < 1000 {
                answers.push(app.exact(Some(&alex.access()), Some("a-key"), RENAME, json!({})).await);
                if answers.last().unwrap().1.contains("DONE") {
                    break;
                }
            }
            let done = r#"{"data":{"updateProfile":{"status":"DONE"}}}"#;
            assert_eq!(answers.pop().unwrap(), (200, done.to_owned()), "{answers:?}");
            let name = alex.ask(&app, "{ viewer { account { displayName } } }", json!({})).await;
            assert_eq!(name["viewer"]["account"]["displayName"], "Robin");
        },
    );
}

#[test]
fn r34_a_query_that_takes_too_long_is_given_up() {
    // Only on PostgreSQL: SQLite's readers wait for nobody.
    let limits = |limits: &mut evenkeel::http::HttpLimits| limits.execution = Duration::from_millis(300);
    crate::support::live(async {
        let app = TestApp::start_with(Backend::Postgres, |_| {}, limits).await;
        let alex = person(&app).await;
        let mut db = Db::open(&app.config.database).unwrap();
        db.batch_execute("BEGIN; LOCK TABLE devices IN ACCESS EXCLUSIVE MODE").unwrap();
        let query = "{ viewer { devices { id } } }";
        assert_eq!(refusal(&app, &alex, query, json!({})).await.unwrap().0, "TIMED_OUT");
        db.batch_execute("ROLLBACK").unwrap();
        assert_eq!(refusal(&app, &alex, query, json!({})).await, None);
    });
}

#[test]
fn r34_one_account_has_so_many_requests_under_way_and_holds_up_nobody_else() {
    on_both(
        |limits| limits.at_once = 2,
        |app| async move {
            let alex = person(&app).await;
            let kim = app.person_without_device("Kim", "UTC", ("22:00", "08:00")).await;
            let held = Hold::writes(&app);
            // Each is let in as soon as the other one and the probe leave it a permit.
            let rename = async || loop {
                let answer = app.exact(Some(&alex.access()), None, RENAME, json!({})).await;
                if answer.0 != 429 {
                    return answer;
                }
            };
            let probing = async {
                let probe = "{ viewer { account { id } } }";
                for _ in 0..1000 {
                    let (status, text) = app.exact(Some(&alex.access()), None, probe, json!({})).await;
                    if status == 429 {
                        assert!(text.contains("TRY_LATER"), "{text}");
                        assert_eq!(app.exact(Some(&kim.access()), None, probe, json!({})).await.0, 200);
                        drop(held);
                        return;
                    }
                }
                panic!("nobody was ever kept waiting");
            };
            let (first, second, ()) = futures::join!(rename(), rename(), probing);
            assert_eq!((first.0, second.0), (200, 200), "{first:?} {second:?}");
            assert_eq!(refusal(&app, &alex, RENAME, json!({})).await, None, "the places are free again");
        },
    );
}

#[test]
fn r34_a_slow_client_is_not_waited_for() {
    let limits = |limits: &mut evenkeel::http::HttpLimits| {
        limits.head = Duration::from_millis(1500);
        limits.keep_alive = Duration::from_millis(1500);
        limits.request = Duration::from_millis(3000);
        limits.stall = Duration::from_millis(4500);
    };
    crate::support::live(async {
        let app = TestApp::start_with(Backend::Sqlite, |_| {}, limits).await;
        let post = "POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
        let body = format!("{post}Content-Length: 100000\r\n\r\n");
        let chunked = format!("{post}Transfer-Encoding: chunked\r\n\r\n");
        let first = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n";
        let second = format!("{first}\r\n{first}");
        let said = dribble(&app, first, "X").await;
        assert!(said.starts_with("HTTP/1.1 408") || said.is_empty(), "the head: {said}");
        let said = dribble(&app, &body, " ").await;
        assert!(said.starts_with("HTTP/1.1 408"), "the body: {said}");
        for header in ["cache-control: no-store", "content-security-policy: ", "referrer-policy: "] {
            assert!(
                said.to_lowercase().contains(header),
                "also an answer that came of itself has {header}: {said}"
            );
        }
        let said = dribble(&app, &chunked, "1\r\n \r\n").await;
        assert!(said.starts_with("HTTP/1.1 408"), "the body in chunks: {said}");
        let said = dribble(&app, &second, "X").await;
        assert!(
            said.starts_with("HTTP/1.1 200") && !said.contains("HTTP/1.1 408"),
            "the second head: {said}"
        );
        let said = dribble(&app, &format!("{first}\r\n"), "").await;
        assert!(said.starts_with("HTTP/1.1 200"), "an idle connection: {said}");
        assert_eq!(app.http.get(format!("{}/healthz", app.url)).send().await.unwrap().status(), 200);
    });
}

#[test]
fn r34_connections_beyond_the_cap_wait_until_one_is_closed() {
    crate::support::live(async {
        let app = TestApp::start_with(Backend::Sqlite, |_| {}, |limits| limits.connections = 2).await;
        let address = app.url.strip_prefix("http://").unwrap();
        let ask = async |stream: &mut TcpStream| {
            stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
            let mut start = [0; 12];
            stream.read_exact(&mut start).await.unwrap();
            assert_eq!(&start, b"HTTP/1.1 200");
        };
        let mut inside =
            [TcpStream::connect(address).await.unwrap(), TcpStream::connect(address).await.unwrap()];
        for stream in &mut inside {
            ask(stream).await;
        }
        let mut third = TcpStream::connect(address).await.unwrap();
        let waited = tokio::time::timeout(Duration::from_millis(300), ask(&mut third)).await;
        assert!(waited.is_err(), "it is not let in");
        drop(inside);
        let mut start = [0; 12];
        third.read_exact(&mut start).await.unwrap();
        assert_eq!(&start, b"HTTP/1.1 200", "and is when there is room");
    });
}

/// Kibibytes that a process has in memory, at most so far (proc(5)).
fn peak(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn r34_greedy_requests_at_once_take_bounded_memory_and_strangers_go_on() {
    crate::support::run(Backend::Sqlite, |app| async move {
        app.install_keys();
        app.clock.set(evenkeel::clock::Clock::System.now());
        let couple = app.couple().await;
        fill(&app, &couple).await;
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = app.program(&["serve"]);
        command.env("EVENKEEL_LISTEN", format!("127.0.0.1:{port}")).stderr(std::process::Stdio::null());
        let mut service = command.spawn().unwrap();
        let url = format!("http://127.0.0.1:{port}");
        while app.http.get(format!("{url}/healthz")).send().await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let ask = async |access: &str, query: &str| {
            let body = json!({ "query": query }).to_string();
            let request = app.http.post(format!("{url}/graphql")).bearer_auth(access).body(body);
            let answer = request.header("Content-Type", "application/json").send().await.unwrap();
            (answer.status().as_u16(), answer.bytes().await.unwrap().len())
        };
        let stranger = app.person_without_device("Kim", "UTC", ("22:00", "08:00")).await;
        let (kims, sams) = (stranger.access(), couple.sam.access());
        assert_eq!(ask(&kims, "mutation { resumeNudges { status } }").await.0, 200);
        let before = peak(service.id());
        let greedy = greedy(&couple);
        let (greedy, sams) = (greedy.as_str(), sams.as_str());
        for _ in 0..3 {
            let all = futures::future::join_all((0..14).map(|_| ask(sams, greedy)));
            let others = async {
                for _ in 0..10 {
                    assert_eq!(
                        ask(&kims, "mutation { resumeNudges { status } }").await.0,
                        200,
                        "a stranger goes on"
                    );
                }
            };
            let (answers, ()) = futures::join!(all, others);
            assert!(answers.iter().all(|(_, length)| *length < 9 * 1024 * 1024), "{answers:?}");
        }
        let grown = peak(service.id()) - before;
        service.kill().unwrap();
        service.wait().unwrap();
        assert!(grown < 250 * 1024, "{grown} KiB more than at rest");
    });
}

//! A client's side of a feed: the delta query, and a stream of server-sent events that is read event by event.

use crate::support::{Person, TestApp};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// What is asked of a batch.
const BATCH: &str = "resetRequired cursor hasMore changes { kind nodeId node { __typename id } }";
/// How long an event may take to come.
const PATIENCE: Duration = Duration::from_secs(60);

fn follow() -> String {
    format!("subscription($after: String) {{ changes(after: $after) {{ {BATCH} }} }}")
}

/// A batch of changes.
pub async fn changes(app: &TestApp, person: &Person, after: Value, first: i32) -> Value {
    let query = format!(
        "query($after: String, $first: Int) {{ viewer {{ changes(after: $after, first: $first) {{ {BATCH} }} }} }}"
    );
    person.ask(app, &query, json!({ "after": after, "first": first })).await["viewer"]["changes"].clone()
}

/// Where somebody's feed is now.
pub async fn cursor(app: &TestApp, person: &Person) -> Value {
    changes(app, person, Value::Null, 1).await["cursor"].clone()
}

/// Everything behind a cursor, and the next cursor.
pub async fn read_on(app: &TestApp, person: &Person, after: &Value) -> (Vec<Value>, Value) {
    let batch = changes(app, person, after.clone(), 50).await;
    assert_eq!((&batch["resetRequired"], &batch["hasMore"]), (&json!(false), &json!(false)), "{batch}");
    (batch["changes"].as_array().unwrap().clone(), batch["cursor"].clone())
}

/// What happened, in order.
pub fn kinds(changes: &[Value]) -> Vec<String> {
    changes.iter().map(|change| change["kind"].as_str().unwrap().to_owned()).collect()
}

/// A cursor of that content.
pub fn sealed(content: &str) -> String {
    URL_SAFE_NO_PAD.encode(content)
}

/// A batch as text, without the digits of ids, its cursor opened.
pub fn plain(batch: &Value) -> String {
    let cursor = URL_SAFE_NO_PAD.decode(batch["cursor"].as_str().unwrap()).unwrap();
    let mut batch = batch.clone();
    batch["cursor"] = json!(String::from_utf8(cursor).unwrap());
    let mut result = String::new();
    let mut run = String::new();
    for c in batch.to_string().chars() {
        if c.is_ascii_hexdigit() {
            run.push(c);
            continue;
        }
        result += if run.len() == 32 { "#" } else { &run };
        run.clear();
        result.push(c);
    }
    result
}

/// Waits until something is so.
pub async fn at_least(what: &str, is_so: impl AsyncFn() -> bool) {
    let began = Instant::now();
    while !is_so().await {
        assert!(began.elapsed() < PATIENCE, "waited in vain until {what}");
        tokio::task::yield_now().await;
    }
}

/// A socket by which somebody subscribes, and that is never read.
pub async fn silent_socket(app: &TestApp, person: &Person) -> TcpStream {
    let host = app.url.strip_prefix("http://").unwrap();
    let mut socket = TcpStream::connect(host).await.unwrap();
    let head = format!(
        "GET /graphql HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
         Sec-WebSocket-Protocol: graphql-transport-ws\r\nAuthorization: Bearer {}\r\n\r\n",
        person.access()
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let subscribe = json!({ "type": "subscribe", "id": "1", "payload": { "query": "subscription { changes { cursor } }" } });
    for message in [json!({ "type": "connection_init" }), subscribe] {
        let text = message.to_string();
        // A text frame (RFC 6455, 5.2) whose mask is zeros.
        let frame = [0x81, 0x80 | u8::try_from(text.len()).unwrap(), 0, 0, 0, 0];
        assert!(text.len() < 126);
        socket.write_all(&[&frame, text.as_bytes()].concat()).await.unwrap();
    }
    socket
}

/// A stream of server-sent events.
pub struct Events {
    answer: reqwest::Response,
    read: String,
}

impl Events {
    /// Follows a person's feed.
    pub async fn open(app: &TestApp, person: &Person, after: Value) -> Self {
        Self::ask(app, &person.access(), after).await
    }

    /// As [`Events::open`], at another server.
    pub async fn open_at(app: &TestApp, url: &str, person: &Person, after: Value) -> Self {
        Self::send_to(app, url, &person.access(), &follow(), json!({ "after": after })).await
    }

    /// As [`Events::open`], with a token of any kind.
    pub async fn ask(app: &TestApp, token: &str, after: Value) -> Self {
        Self::send(app, token, &follow(), json!({ "after": after })).await
    }

    /// Sends any operation.
    pub async fn send(app: &TestApp, token: &str, query: &str, variables: Value) -> Self {
        Self::send_to(app, &app.url, token, query, variables).await
    }

    async fn send_to(app: &TestApp, url: &str, token: &str, query: &str, variables: Value) -> Self {
        let body = json!({ "query": query, "variables": variables }).to_string();
        let request = app.http.post(format!("{url}/graphql")).bearer_auth(token);
        let request =
            request.header("Content-Type", "application/json").header("Accept", "text/event-stream");
        let answer = request.body(body).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream; charset=utf-8");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        Self { answer, read: String::new() }
    }

    /// Reads what comes next; false: there is no more.
    async fn more(&mut self) -> bool {
        let chunk = tokio::time::timeout(PATIENCE, self.answer.chunk()).await.expect("nothing came").unwrap();
        match chunk {
            Some(bytes) => {
                self.read += std::str::from_utf8(&bytes).unwrap();
                true
            }
            None => false,
        }
    }

    /// The next block of the stream, pings among them.
    async fn block(&mut self) -> String {
        loop {
            if let Some((block, rest)) = self.read.split_once("\n\n") {
                let block = block.to_owned();
                self.read = rest.to_owned();
                return block;
            }
            assert!(self.more().await, "the stream ended");
        }
    }

    /// The next batch of changes.
    pub async fn next(&mut self) -> Value {
        loop {
            let block = self.block().await;
            if block == ": ping" {
                continue;
            }
            let data = block.strip_prefix("event: next\ndata: ").unwrap_or_else(|| panic!("{block}"));
            let answer: Value = serde_json::from_str(data).unwrap();
            assert_eq!(answer.get("errors"), None, "{answer}");
            return answer["data"]["changes"].clone();
        }
    }

    /// Whether it begins with a batch of changes, or with a refusal.
    pub async fn begins(&mut self) -> bool {
        self.block().await.contains("resetRequired")
    }

    /// Waits for so many pings.
    pub async fn pings(&mut self, count: usize) {
        for _ in 0..count {
            assert_eq!(self.block().await, ": ping");
        }
    }

    /// Everything until the end, pings left out.
    pub async fn end(&mut self) -> String {
        while self.more().await {}
        std::mem::take(&mut self.read).replace(": ping\n\n", "")
    }
}

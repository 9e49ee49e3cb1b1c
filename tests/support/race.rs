//! What happens at the same moment: requests through two servers on one database, and claims of two workers.

use super::{Person, TestApp};
use actix_web::dev::ServerHandle;
use diesel::PgConnection;
use diesel::connection::{Connection, SimpleConnection};
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use evenkeel::store::Location;
use serde_json::{Value, json};
use std::net::TcpListener;
use std::sync::{Arc, Mutex, mpsc};

/// The test's own server and a second one, like two processes of one installation.
pub struct TwoServers {
    urls: [String; 2],
    second: ServerHandle,
}

impl TwoServers {
    /// Starts the second server.
    pub fn start(app: &TestApp) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = app.sibling().server(listener, 1).unwrap();
        let second = server.handle();
        actix_web::rt::spawn(server);
        Self { urls: [app.url.clone(), url], second }
    }

    /// Sends all requests at once, alternating between the servers; returns the answers' `data`, in order.
    pub async fn at_once(&self, app: &TestApp, requests: &[(&Person, &str, Value)]) -> Vec<Value> {
        let asked = requests.iter().enumerate().map(|(n, (person, query, variables))| async move {
            let body = json!({ "query": query, "variables": variables }).to_string();
            let request = app.http.post(format!("{}/graphql", self.urls[n % 2])).bearer_auth(person.access());
            let request = request.header("Content-Type", "application/json").body(body);
            let answer = request.send().await.unwrap().text().await.unwrap();
            let answer: Value = serde_json::from_str(&answer).unwrap();
            assert_eq!(answer.get("errors"), None, "{query}\n{answer}");
            answer["data"].clone()
        });
        futures::future::join_all(asked).await
    }

    /// Stops the second server.
    pub async fn stop(self) {
        self.second.stop(true).await;
    }
}

/// A place inside a transaction's work where it stops.
#[derive(Clone)]
pub struct Halt {
    reached: mpsc::Sender<()>,
    may_go_on: Arc<Mutex<mpsc::Receiver<()>>>,
}

/// The other end of a [`Halt`].
pub struct Held {
    is_reached: mpsc::Receiver<()>,
    go_on: mpsc::Sender<()>,
}

impl Halt {
    /// A halt, and by what it is ended.
    pub fn new() -> (Self, Held) {
        let ((reached, is_reached), (go_on, may_go_on)) = (mpsc::channel(), mpsc::channel());
        (Self { reached, may_go_on: Arc::new(Mutex::new(may_go_on)) }, Held { is_reached, go_on })
    }

    /// Stops until it is ended.
    pub fn here(&self) {
        self.reached.send(()).unwrap();
        self.may_go_on.lock().unwrap().recv().unwrap();
    }
}

impl Held {
    /// Waits until the work has come to its halt; what it returns lets it go on.
    pub async fn reached(self) -> mpsc::Sender<()> {
        tokio::task::spawn_blocking(move || self.is_reached.recv().unwrap()).await.unwrap();
        self.go_on
    }
}

/// The advisory lock that stands for the gate. Any number will do.
const GATE_LOCK: i64 = 7_315_902;

/// Holds back every claim that has taken nudges and has not committed yet. SQLite's claims come one after the other
/// anyway, and pass.
pub struct ClaimGate(Option<PgConnection>);

#[derive(QueryableByName)]
struct Waiting {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

impl ClaimGate {
    /// A closed gate.
    pub fn new(app: &TestApp) -> Self {
        let Location::Postgres(url) = &app.config.database else { return Self(None) };
        let mut connection = PgConnection::establish(url).unwrap();
        let gate = format!(
            "CREATE FUNCTION claim_gate() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                PERFORM pg_advisory_xact_lock_shared({GATE_LOCK}); RETURN NULL; END $$;
             CREATE TRIGGER claim_gate AFTER UPDATE OF attempts ON nudges
                FOR EACH STATEMENT EXECUTE FUNCTION claim_gate();"
        );
        connection.batch_execute(&gate).unwrap();
        let mut gate = Self(Some(connection));
        gate.close();
        gate
    }

    /// Holds back the claims that come from now on.
    pub fn close(&mut self) {
        self.execute("SELECT pg_advisory_lock");
    }

    /// Lets every claim through from now on.
    pub fn open(&mut self) {
        self.execute("SELECT pg_advisory_unlock");
    }

    fn execute(&mut self, call: &str) {
        if let Some(connection) = &mut self.0 {
            connection.batch_execute(&format!("{call}({GATE_LOCK})")).unwrap();
        }
    }

    /// The number of claims that are held back.
    pub fn waiting(&mut self) -> usize {
        let Some(connection) = &mut self.0 else { return 0 };
        let waiting = "SELECT count(*) AS count FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
            AND objid::bigint = $1";
        let waiting: Waiting =
            diesel::sql_query(waiting).bind::<BigInt, _>(GATE_LOCK).get_result(connection).unwrap();
        usize::try_from(waiting.count).unwrap()
    }
}

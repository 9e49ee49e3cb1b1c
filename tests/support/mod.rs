//! The test harness: a real service on loopback, a real push service and mail server, a clock that is moved by hand.
#![allow(dead_code, reason = "every test binary uses another part of the harness")]

pub mod authenticator;
pub mod care;
pub mod dump;
pub mod leaves;
pub mod log;
pub mod people;
pub mod race;
pub mod rows;
pub mod statements;
pub mod story;
pub mod together;
pub mod watching;

use evenkeel::app::App;
use evenkeel::auth::network::TrustedProxies;
use evenkeel::clock::Clock;
use evenkeel::config::Config;
use evenkeel::demo::push_receiver::PushReceiver;
use evenkeel::demo::smtp_receiver::SmtpReceiver;
use evenkeel::demo::stage::live_until;
use evenkeel::store::Location;
use evenkeel::vault::keys::Keys;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::net::TcpListener;
use std::sync::Arc;

#[allow(unused_imports, reason = "not every test binary has couples")]
pub use people::{Couple, Person};

/// Which database a test runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    Sqlite,
    Postgres,
}

/// The evening before Berlin's clocks go back, 20:00 there and 11:00 in Los Angeles.
pub const START: &str = "2026-10-24T18:00:00Z";

/// Runs each test on both databases: `mod name { fn sqlite, fn postgres }`.
#[macro_export]
macro_rules! on_both_databases {
    ($($(#[$meta:meta])* async fn $name:ident($app:ident) $body:block)*) => {$(
        $(#[$meta])*
        mod $name {
            #[allow(unused_imports, reason = "not every test needs what its file imports")]
            use super::*;

            async fn test($app: $crate::support::TestApp) $body

            #[test]
            fn sqlite() {
                $crate::support::run($crate::support::Backend::Sqlite, test);
            }

            #[test]
            fn postgres() {
                $crate::support::run($crate::support::Backend::Postgres, test);
            }
        }
    )*};
}

/// Starts a service of its own for a test and runs it.
pub fn run<F: Future<Output = ()>>(backend: Backend, test: impl FnOnce(TestApp) -> F) {
    actix_web::rt::System::new().block_on(async { test(TestApp::start(backend).await).await });
}

/// Where a test's data lives; gone when the test is over.
struct Home {
    folder: tempfile::TempDir,
    location: Location,
    database: Option<(String, String)>,
}

impl Home {
    fn new(backend: Backend) -> Self {
        let folder = tempfile::tempdir().unwrap();
        match backend {
            Backend::Sqlite => {
                let location = Location::Sqlite(folder.path().join("evenkeel.db").display().to_string());
                Self { folder, location, database: None }
            }
            Backend::Postgres => {
                let (server, name, url) = create_database();
                Self { folder, location: Location::Postgres(url), database: Some((server, name)) }
            }
        }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if let Some((server, name)) = &self.database {
            // A database that stays behind goes with the private server.
            let _ = execute_on(server, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        }
    }
}

/// A new database on the private server: the server's URL, the name, the database's URL.
pub fn create_database() -> (String, String, String) {
    let server = std::env::var("EVENKEEL_TEST_POSTGRES")
        .expect("EVENKEEL_TEST_POSTGRES is not set: run scripts/test, which starts a private PostgreSQL");
    let name = format!("test_{:016x}", rand::random::<u64>());
    execute_on(&server, &format!("CREATE DATABASE {name}")).expect("the private PostgreSQL makes a database");
    let (base, _) = server.rsplit_once('/').expect("a URL with a database name");
    let url = format!("{base}/{name}");
    (server, name, url)
}

fn execute_on(url: &str, sql: &str) -> Result<(), diesel::result::ConnectionError> {
    use diesel::connection::{Connection, SimpleConnection};
    let mut connection = diesel::PgConnection::establish(url)?;
    connection.batch_execute(sql).map_err(diesel::ConnectionError::CouldntSetupConfiguration)
}

/// A running service with everything around it.
pub struct TestApp {
    pub app: App,
    pub clock: Clock,
    pub url: String,
    pub push: PushReceiver,
    pub mail: SmtpReceiver,
    pub http: reqwest::Client,
    pub config: Config,
    pub keys: Arc<Keys>,
    server: actix_web::dev::ServerHandle,
    home: Home,
}

impl TestApp {
    /// A service at [`START`].
    pub async fn start(backend: Backend) -> Self {
        Self::start_with(backend, |_| {}, |_| {}).await
    }

    /// A service at [`START`] with other settings, or another door.
    pub async fn start_with(
        backend: Backend,
        settings: impl FnOnce(&mut Config),
        door: impl FnOnce(&mut evenkeel::http::Door),
    ) -> Self {
        let clock = Clock::simulated(at(START));
        let ticks = clock.clone();
        let now: Arc<dyn Fn() -> Timestamp + Send + Sync> = Arc::new(move || ticks.now());
        let push = PushReceiver::start(Arc::clone(&now)).unwrap();
        let mail = SmtpReceiver::start(now).unwrap();
        let home = Home::new(backend);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mut config = Config::for_tests(home.folder.path().to_owned(), home.location.clone());
        config.public_url = url.parse().unwrap();
        config.smtp_url = Some(mail.url().into());
        config.trusted_proxies = TrustedProxies::parse(&["127.0.0.1".to_owned()]).unwrap();
        config.push_insecure_origins = vec![push.origin().parse().unwrap()];
        settings(&mut config);
        let keys = Arc::new(Keys::ephemeral());
        let mut app = App::build(&config, &keys, clock.clone()).unwrap();
        door(&mut app.door);
        let server = app.server(listener, 1).unwrap();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        Self { app, clock, url, push, mail, http, config, keys, server: handle, home }
    }

    /// Writes the test's keys where the service of a real installation keeps them.
    pub fn install_keys(&self) {
        use std::os::unix::fs::DirBuilderExt;
        let folder = self.config.data_dir.join("keys");
        std::fs::DirBuilder::new().mode(0o700).create(&folder).unwrap();
        self.keys.save(&folder).unwrap();
    }

    /// The program itself with a command, on this database and in this folder.
    pub fn program(&self, arguments: &[&str]) -> std::process::Command {
        let database = match &self.config.database {
            Location::Sqlite(path) => format!("sqlite:{path}"),
            Location::Postgres(url) => url.clone(),
        };
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_evenkeel"));
        command
            .args(arguments)
            .current_dir(&self.config.data_dir)
            .env("EVENKEEL_DATA_DIR", &self.config.data_dir)
            .env("DATABASE_URL", database);
        command
    }

    /// Another process on the same database with the same keys: its own connections, clock and senders.
    pub fn sibling(&self) -> App {
        App::build(&self.config, &self.keys, self.clock.clone()).unwrap()
    }

    /// Delivers what is due now.
    pub async fn deliver(&self) {
        self.app.worker().deliver_due().await.unwrap();
    }

    /// Lets time pass until `to`, delivering everything at the instant at which it falls due.
    pub async fn pass_until(&self, to: Timestamp) {
        assert!(to >= self.clock.now(), "time does not run backwards");
        live_until(&self.app, &self.clock, to).await.unwrap();
    }

    /// Lets so many minutes pass; see [`TestApp::pass_until`].
    pub async fn pass_minutes(&self, minutes: i64) {
        self.pass_until(self.clock.now() + jiff::SignedDuration::from_mins(minutes)).await;
    }

    /// Sends a GraphQL request and returns the whole answer, errors and all.
    pub async fn raw(&self, token: Option<&str>, query: &str, variables: Value) -> Value {
        let mut request =
            self.http.post(format!("{}/graphql", self.url)).header("Content-Type", "application/json");
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let body = json!({ "query": query, "variables": variables }).to_string();
        let answer = request.body(body).send().await.unwrap();
        serde_json::from_str(&answer.text().await.unwrap()).unwrap()
    }

    /// As [`TestApp::raw`] without a token, by way of a trusted proxy that says from which address.
    pub async fn from(&self, address: &str, query: &str, variables: Value) -> Value {
        let request =
            self.http.post(format!("{}/graphql", self.url)).header("Content-Type", "application/json");
        let body = json!({ "query": query, "variables": variables }).to_string();
        let answer = request.header("X-Forwarded-For", address).body(body).send().await.unwrap();
        let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        assert_eq!(answer.get("errors"), None, "{query}");
        answer["data"].clone()
    }

    /// Sends a GraphQL request, perhaps under an idempotency key, and returns the answer's status and exact text.
    pub async fn exact(
        &self,
        token: Option<&str>,
        key: Option<&str>,
        query: &str,
        variables: Value,
    ) -> (u16, String) {
        let mut request =
            self.http.post(format!("{}/graphql", self.url)).header("Content-Type", "application/json");
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        let body = json!({ "query": query, "variables": variables }).to_string();
        let answer = request.body(body).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// As [`TestApp::raw`] without a token, returning `data` of an answer without errors.
    pub async fn anonymous(&self, query: &str, variables: Value) -> Value {
        let answer = self.raw(None, query, variables).await;
        assert_eq!(answer.get("errors"), None, "{query}");
        answer["data"].clone()
    }

    /// A service that has nothing left to do that is due, at the end of a test.
    pub async fn stop(self) {
        self.server.stop(true).await;
    }
}

/// An instant from its RFC 3339 form.
pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

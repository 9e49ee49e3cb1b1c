//! The test harness: a real service on loopback, a push service, a mail server, and a clock that the test moves.

pub mod authenticator;
pub mod care;
pub mod chance;
pub mod cluster;
pub mod courses;
pub mod database;
pub mod dump;
pub mod leaves;
pub mod log;
pub mod people;
pub mod pgbouncer;
pub mod process;
pub mod proxy;
pub mod race;
pub mod receivers;
pub mod rows;
pub mod seed;
pub mod statements;
pub mod story;
pub mod together;
pub mod watching;

use crate::support::receivers::{PushReceiver, SmtpReceiver};
use diesel::prelude::*;
use evenkeel::app::App;
use evenkeel::auth::network::TrustedProxies;
use evenkeel::clock::Clock;
use evenkeel::config::Config;
use evenkeel::demo::stage::live_until;
use evenkeel::store::schema::nudges;
use evenkeel::store::types::Ts;
use evenkeel::store::{DatabaseThreads, Db, Location, StoreError, queue};
use evenkeel::vault::keys::Keys;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::net::TcpListener;
use std::ops::Deref;
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub use chance::chance;
pub use database::Backend;
use database::Home;
pub use people::{Couple, Person};

/// The evening before Berlin's clocks go back, 20:00 there and 11:00 in Los Angeles.
pub const START: &str = "2026-10-24T18:00:00.000Z";

/// How long the worker may take at the end of a test to do what is due.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs each test on both databases: `mod name { fn sqlite, fn postgres }`.
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

thread_local! {
    /// The services started by the test on this thread; none outside [`live`].
    static STARTED: RefCell<Option<Vec<TestApp>>> = const { RefCell::new(None) };
}

/// Starts a service for a test and runs the test.
pub fn run<F: Future<Output = ()>>(backend: Backend, test: impl FnOnce(TestApp) -> F) {
    live(async { test(TestApp::start(backend).await).await });
}

/// Runs a test that starts its services itself, then stops each of them. No service may leave anything undone.
pub fn live(test: impl Future<Output = ()>) {
    /// Forgets the services of a test even if it panics.
    struct Ended;
    impl Drop for Ended {
        fn drop(&mut self) {
            STARTED.take();
        }
    }
    actix_web::rt::System::new().block_on(async {
        let _ended = Ended;
        STARTED.set(Some(Vec::new()));
        test.await;
        for app in STARTED.take().unwrap() {
            app.stop().await;
        }
    });
}

/// A running service with its database, push service and mail server; it runs until the test is over.
#[derive(Clone)]
pub struct TestApp {
    pub app: Arc<App>,
    pub config: Config,
    running: Arc<Running>,
}

/// The service behind a [`TestApp`].
pub struct Running {
    pub clock: Clock,
    pub url: String,
    pub push: PushReceiver,
    pub mail: SmtpReceiver,
    pub http: reqwest::Client,
    pub keys: Arc<Keys>,
    server: actix_web::dev::ServerHandle,
    /// Why the test leaves something undone.
    undone: Mutex<Option<&'static str>>,
    _home: Home,
}

impl Deref for TestApp {
    type Target = Running;

    fn deref(&self) -> &Running {
        &self.running
    }
}

impl TestApp {
    /// A service at [`START`].
    pub async fn start(backend: Backend) -> Self {
        Self::start_with(backend, |_| {}, |_| {}).await
    }

    /// A service at [`START`] with other settings, or other limits of its HTTP server.
    pub async fn start_with(
        backend: Backend,
        settings: impl FnOnce(&mut Config),
        limits: impl FnOnce(&mut evenkeel::http::HttpLimits),
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
        // Few threads: a test sends one request at a time, and opening connections dominates the start of a service.
        config.database_threads =
            DatabaseThreads { sqlite_readers: 2, postgres: 3, ..DatabaseThreads::default() };
        settings(&mut config);
        let keys = Arc::new(Keys::ephemeral(&chance()));
        let mut app = App::build(&config, &keys, clock.clone(), chance()).unwrap();
        limits(&mut app.limits);
        let server = app.server(listener, 1).unwrap();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        let server = handle;
        let undone = Mutex::default();
        let running = Running { clock, url, push, mail, http, keys, server, undone, _home: home };
        let this = Self { app: Arc::new(app), config, running: Arc::new(running) };
        STARTED.with_borrow_mut(|started| {
            started.as_mut().expect("a test starts its services within support::live").push(this.clone());
        });
        this
    }

    /// Writes the test's keys to the folder where a real installation keeps them.
    pub fn install_keys(&self) {
        use std::os::unix::fs::DirBuilderExt;
        let folder = self.config.data_dir.join("keys");
        std::fs::DirBuilder::new().mode(0o700).create(&folder).unwrap();
        self.keys.save(&folder, &chance()).unwrap();
    }

    /// The real program with a command, on this database and in this folder.
    pub fn program(&self, arguments: &[&str]) -> std::process::Command {
        let (database, direct) = match &self.config.database {
            Location::Sqlite(path) => (format!("sqlite:{path}"), None),
            Location::Postgres(url) => (url.clone(), None),
            Location::Pooled { pooler, direct } => (pooler.clone(), Some(direct)),
        };
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_evenkeel"));
        command
            .args(arguments)
            .current_dir(&self.config.data_dir)
            .env("EVENKEEL_DATA_DIR", &self.config.data_dir)
            .env("DATABASE_URL", database)
            .envs(direct.map(|url| ("EVENKEEL_DATABASE_DIRECT_URL", url)));
        command
    }

    /// Stands for another process on the same database with the same keys and clock: its own connections and senders.
    pub fn sibling(&self) -> App {
        App::build(&self.config, &self.keys, self.clock.clone(), self.app.context.chance.clone()).unwrap()
    }

    /// Delivers what is due now.
    pub async fn deliver(&self) {
        self.app.worker().deliver_due().await.unwrap();
    }

    /// Moves the clock to `to`, delivering everything at the instant at which it falls due.
    pub async fn pass_until(&self, to: Timestamp) {
        assert!(to >= self.clock.now(), "time does not run backwards");
        live_until(&self.app, &self.clock, to).await.unwrap();
    }

    /// Moves the clock on by so many minutes; see [`TestApp::pass_until`].
    pub async fn pass_minutes(&self, minutes: i64) {
        self.pass_until(self.clock.now() + jiff::SignedDuration::from_mins(minutes)).await;
    }

    /// Sends a GraphQL request and returns the whole answer, errors included.
    pub async fn raw(&self, token: Option<&str>, query: &str, variables: Value) -> Value {
        self.raw_at(&self.url, token, query, variables).await
    }

    /// As [`TestApp::raw`], to another process that serves.
    pub async fn raw_at(&self, url: &str, token: Option<&str>, query: &str, variables: Value) -> Value {
        let mut request = self.http.post(format!("{url}/graphql")).header("Content-Type", "application/json");
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let body = json!({ "query": query, "variables": variables }).to_string();
        let answer = request.body(body).send().await.unwrap();
        serde_json::from_str(&answer.text().await.unwrap()).unwrap()
    }

    /// As [`TestApp::raw`] without a token, through a trusted proxy that reports this client address.
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

    /// Says why the test ends with something due that the worker cannot do, or leased by a worker that will not return.
    pub fn leaves_undone(&self, why: &'static str) {
        *self.undone.lock().unwrap() = Some(why);
    }

    /// Lets the worker do what is due, checks that nothing is left, and stops the server.
    async fn stop(&self) {
        let undone = self.find_undone().await;
        let announced = *self.undone.lock().unwrap();
        match (announced, undone) {
            (None, Some(undone)) => panic!("the test is over, and {undone}"),
            (Some(why), None) => panic!("nothing is left undone, though the test says: {why}"),
            (None, None) | (Some(_), Some(_)) => {}
        }
        self.server.stop(false).await;
    }

    /// What is still due, or under a lease, after the worker did what it could.
    async fn find_undone(&self) -> Option<String> {
        let worker = self.app.worker();
        match tokio::time::timeout(PATIENCE, worker.deliver_due()).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return Some(format!("the worker cannot work: {error}")),
            Err(_) => return Some("the worker does not come to an end".to_owned()),
        }
        let now: Ts = self.clock.now().into();
        let count = move |db: &mut Db| {
            let held = nudges::table.filter(nudges::lease_until.gt(now)).count().get_result::<i64>(db)?;
            Ok::<_, StoreError>((queue::depth(db, now)?.due, held))
        };
        let (due, held) = self.app.context.store.read(count).await.unwrap();
        (due > 0 || held > 0).then(|| format!("{due} nudges are due and {held} held by a worker"))
    }
}

/// An instant from its RFC 3339 form.
pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

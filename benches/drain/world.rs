//! A database and a key folder, which the bench and its processes share; removed when the bench is done with them.
#![allow(dead_code, reason = "each bench that shares this file uses another part of it")]

use crate::seed;
use diesel::connection::{Connection, SimpleConnection};
use evenkeel::actions::nudges::device::Subscription;
use evenkeel::app::App;
use evenkeel::chance::Chance;
use evenkeel::clock::Clock;
use evenkeel::config::Config;
use evenkeel::store::{Db, Location};
use evenkeel::vault::keys::Keys;
use std::path::PathBuf;

/// The kind of database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    Sqlite,
    Postgres,
}

impl Backend {
    /// The databases that can be measured; warns if PostgreSQL is left out.
    pub fn all() -> Vec<Self> {
        if std::env::var_os("EVENKEEL_TEST_POSTGRES").is_some() {
            return vec![Self::Sqlite, Self::Postgres];
        }
        println!("!! EVENKEEL_TEST_POSTGRES is not set: PostgreSQL is NOT measured.");
        println!("!! scripts/with-postgres cargo bench --bench drain measures both.\n");
        vec![Self::Sqlite]
    }
}

/// What a process needs to know about a world.
pub struct Place {
    /// The folder of the keys, and of the database if it is a file.
    pub folder: PathBuf,
    /// The database, as in `DATABASE_URL`.
    pub database: String,
    /// The push services' origins.
    pub origins: Vec<String>,
}

impl Place {
    /// As arguments for a process.
    pub fn arguments(&self) -> [String; 3] {
        [self.folder.display().to_string(), self.database.clone(), self.origins.join(",")]
    }

    /// From such arguments.
    pub fn from(arguments: &[String]) -> Self {
        let origins = arguments[2].split(',').map(str::to_owned).collect();
        Self { folder: PathBuf::from(&arguments[0]), database: arguments[1].clone(), origins }
    }

    /// The service on this database, on the real clock.
    pub fn app(&self) -> App {
        self.app_with(|_| {})
    }

    /// The same with other settings.
    pub fn app_with(&self, settings: impl FnOnce(&mut Config)) -> App {
        let mut config = Config::for_tests(self.folder.clone(), Location::parse(&self.database).unwrap());
        let keys = Keys::load_or_make(&self.folder.join("keys"), &config.master, &Chance::system()).unwrap();
        config.push_insecure_origins = self.origins.iter().map(|origin| origin.parse().unwrap()).collect();
        settings(&mut config);
        App::build(&config, &keys, Clock::System, Chance::system()).unwrap()
    }

    /// Runs a statement on its own connection.
    pub fn execute(&self, sql: &str) {
        Db::open(&Location::parse(&self.database).unwrap()).unwrap().batch_execute(sql).unwrap();
    }
}

/// A database and key folder of its own.
pub struct World {
    /// Where it is.
    pub place: Place,
    server: Option<(String, String)>,
    _folder: tempfile::TempDir,
}

impl World {
    /// An empty database in a new folder.
    pub fn new(backend: Backend, origins: Vec<String>) -> Self {
        let folder = tempfile::Builder::new()
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700))
            .tempdir()
            .unwrap();
        let (database, server) = match backend {
            Backend::Sqlite => (format!("sqlite:{}", folder.path().join("evenkeel.db").display()), None),
            Backend::Postgres => {
                let server = std::env::var("EVENKEEL_TEST_POSTGRES").unwrap();
                let name = format!("bench_{:016x}", u64::from_be_bytes(Chance::system().bytes()));
                execute_on(&server, &format!("CREATE DATABASE {name}"));
                let (base, _) = server.rsplit_once('/').unwrap();
                (format!("{base}/{name}"), Some((server, name)))
            }
        };
        Self { place: Place { folder: folder.path().to_owned(), database, origins }, server, _folder: folder }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some((server, name)) = &self.server {
            execute_on(server, &format!("DROP DATABASE {name} WITH (FORCE)"));
        }
    }
}

fn execute_on(url: &str, sql: &str) {
    diesel::PgConnection::establish(url).unwrap().batch_execute(sql).unwrap();
}

/// Subscriptions at a push service: one key pair for all, a different endpoint for each.
pub fn subscriptions(origin: &str) -> impl Fn(usize) -> Subscription + use<> {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let (pair, auth) = ece::generate_keypair_and_auth_secret().unwrap();
    let (p256dh, auth) =
        (URL_SAFE_NO_PAD.encode(pair.raw_components().unwrap().public_key()), URL_SAFE_NO_PAD.encode(auth));
    let origin = origin.to_owned();
    move |number| Subscription {
        endpoint: format!("{origin}/push/{number:08}"),
        p256dh: p256dh.clone(),
        auth: auth.clone(),
        fuller_words: false,
    }
}

/// Creates so many couples, everybody with a device at one push service.
pub async fn couples(app: &App, first: usize, count: usize, origin: &str) -> Vec<seed::Couple> {
    let subscribe = subscriptions(origin);
    seed::couples(&app.context, first, count, |number| Some(subscribe(number))).await
}

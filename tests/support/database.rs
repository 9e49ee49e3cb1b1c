//! The database of a test: its own, copied from a template that was migrated once.

use super::chance::random_name;
use diesel::PgConnection;
use diesel::connection::{Connection, SimpleConnection};
use diesel::prelude::*;
use evenkeel::store::{Db, Location};
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::OnceLock;

/// The kind of database that a test runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    Sqlite,
    Postgres,
}

/// The advisory lock under which one test process makes the template while the others wait. Any number will do.
const TEMPLATE_LOCK: &str = "7315901";

/// The folder and database of a test, removed when the test is over.
pub struct Home {
    pub folder: tempfile::TempDir,
    pub location: Location,
    database: Option<(String, String)>,
}

/// A new folder that only its owner can look into, as the program demands of its data folder.
pub fn private_folder() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    tempfile::Builder::new().permissions(std::fs::Permissions::from_mode(0o700)).tempdir().unwrap()
}

impl Home {
    /// An empty, migrated database in a new folder.
    pub fn new(backend: Backend) -> Self {
        let folder = private_folder();
        match backend {
            Backend::Sqlite => {
                let file = folder.path().join("evenkeel.db");
                std::fs::write(&file, migrated_file()).unwrap();
                Self { folder, location: Location::Sqlite(file.display().to_string()), database: None }
            }
            Backend::Postgres => {
                let (server, name, url) = create_from(Some(template()));
                Self { folder, location: Location::Postgres(url), database: Some((server, name)) }
            }
        }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if let Some((server, name)) = &self.database {
            // A database that cannot be dropped goes with the private server.
            let _ = execute_on(server, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        }
    }
}

/// A new database without tables on the private server: the server's URL, the database's name and its URL.
pub fn create_database() -> (String, String, String) {
    create_from(None)
}

fn create_from(template: Option<&str>) -> (String, String, String) {
    let server = server();
    let name = format!("test_{}", random_name());
    let mut admin = PgConnection::establish(&server).expect("the private PostgreSQL answers");
    let template = match template {
        // Copying files takes 15 ms; by way of the log, the default since version 15, it takes 250 ms.
        Some(template) if knows_strategies(&mut admin) => format!(" TEMPLATE {template} STRATEGY file_copy"),
        Some(template) => format!(" TEMPLATE {template}"),
        None => String::new(),
    };
    admin
        .batch_execute(&format!("CREATE DATABASE {name}{template}"))
        .expect("the private PostgreSQL makes a database");
    let url = url_of(&server, &name);
    (server, name, url)
}

/// Whether a server is version 15 or newer, which can be told how to copy a template.
fn knows_strategies(admin: &mut PgConnection) -> bool {
    let newer = "SELECT 1 WHERE current_setting('server_version_num')::int >= 150000";
    diesel::sql_query(newer).execute(admin).unwrap() == 1
}

fn server() -> String {
    std::env::var("EVENKEEL_TEST_POSTGRES")
        .expect("EVENKEEL_TEST_POSTGRES is not set: run scripts/test, which starts a private PostgreSQL")
}

fn url_of(server: &str, database: &str) -> String {
    let (base, _) = server.rsplit_once('/').expect("a URL with a database name");
    format!("{base}/{database}")
}

fn execute_on(url: &str, sql: &str) -> Result<(), diesel::result::ConnectionError> {
    let mut connection = PgConnection::establish(url)?;
    connection.batch_execute(sql).map_err(diesel::ConnectionError::CouldntSetupConfiguration)
}

/// The bytes of a migrated SQLite database. It holds no secret: the service makes one when it opens its copy.
fn migrated_file() -> &'static [u8] {
    static FILE: OnceLock<Vec<u8>> = OnceLock::new();
    FILE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("migrated.db");
        Db::open(&Location::Sqlite(file.display().to_string())).unwrap().migrate().unwrap();
        std::fs::read(&file).unwrap()
    })
}

/// The server's migrated database, made by the first test process. Its name depends on the migrations, so that a server
/// that lives on never offers the template of older ones.
fn template() -> &'static str {
    static NAME: OnceLock<String> = OnceLock::new();
    NAME.get_or_init(|| {
        let server = server();
        let name = format!("migrated_{:016x}", fingerprint());
        let mut admin = PgConnection::establish(&server).unwrap();
        // The lock ends with the connection.
        admin.batch_execute(&format!("SELECT pg_advisory_lock({TEMPLATE_LOCK})")).unwrap();
        let there = format!("SELECT 1 FROM pg_database WHERE datname = '{name}'");
        if diesel::sql_query(there).execute(&mut admin).unwrap() == 0 {
            // Renamed once it is complete: a process that is killed here leaves no half-made template.
            let half = format!("{name}_half");
            admin.batch_execute(&format!("DROP DATABASE IF EXISTS {half} WITH (FORCE)")).unwrap();
            admin.batch_execute(&format!("CREATE DATABASE {half}")).unwrap();
            Db::open(&Location::Postgres(url_of(&server, &half))).unwrap().migrate().unwrap();
            admin.batch_execute(&format!("ALTER DATABASE {half} RENAME TO {name}")).unwrap();
        }
        name
    })
}

/// A number that changes with PostgreSQL's migrations.
fn fingerprint() -> u64 {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/postgres");
    let folders = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let texts: BTreeMap<_, _> = folders
        .map(|folder| (folder.clone(), std::fs::read_to_string(folder.join("up.sql")).unwrap()))
        .collect();
    let mut hasher = DefaultHasher::new();
    texts.into_values().collect::<Vec<_>>().hash(&mut hasher);
    hasher.finish()
}

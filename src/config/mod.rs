//! Settings: the only place that reads the environment and `evenkeel.toml`, and checks both at start.

mod checks;
mod written;
pub mod zone_files;

use crate::auth::network::TrustedProxies;
use crate::domain::help_line::HelpLine;
use crate::domain::retention::Keep;
use crate::store::{DatabaseThreads, Location};
use crate::vault::key_ring::MasterSource;
use jiff::SignedDuration;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::PathBuf;
use url::Url;

/// Default lease of a claim, in seconds: longer than any send may take.
const LEASE_SECONDS: u16 = 90;

/// Whether people try the service out or use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Everything has a default; GraphiQL and introspection are on; mail goes to files.
    Development,
    /// Refuses defaults that are fit for development only.
    Production,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Plain text, for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The checked settings, as the service uses them.
#[derive(Clone, Debug)]
pub struct Config {
    /// `EVENKEEL_MODE`: `development` (default) or `production`.
    pub mode: Mode,
    /// `EVENKEEL_LISTEN`: address and port, default `127.0.0.1:8080`. In development another address than one of
    /// loopback needs `EVENKEEL_DEVELOPMENT_ON_NETWORK` to be true.
    pub listen: SocketAddr,
    /// `EVENKEEL_PUBLIC_URL`: how people reach the service; links in mails begin with it.
    pub public_url: Url,
    /// `EVENKEEL_HOSTS`: names besides the public URL's that requests may be addressed to, such as
    /// `["care.lan:8080"]`. In development loopback names and all IP addresses may be used, too.
    pub hosts: Vec<String>,
    /// `EVENKEEL_CORS_ORIGINS`: origins whose pages may call the API, such as `["https://app.example.org"]`; default none.
    pub cors_origins: Vec<Url>,
    /// `EVENKEEL_DATA_DIR`: database, keys and outbox; default `data`.
    pub data_dir: PathBuf,
    /// `DATABASE_URL` (or `EVENKEEL_DATABASE_URL`): default SQLite in the data folder. `EVENKEEL_DATABASE_DIRECT_URL`: if
    /// that URL leads to a transaction pooler, the way past it.
    pub database: Location,
    /// How many threads work on the database. `EVENKEEL_DATABASE_CONNECTIONS`: those of PostgreSQL, 2 to 200, default 12,
    /// each with a connection; two more connections, past a pooler, tell and hear of news.
    pub database_threads: DatabaseThreads,
    /// `EVENKEEL_MASTER_KEY`: the master key, 32 bytes in base64url, followed by the one before it until `keys rotate`
    /// is done. Or `EVENKEEL_MASTER_KEY_COMMAND`: a shell command that prints the same. Default: a file in the key
    /// folder.
    pub master: MasterSource,
    /// `EVENKEEL_SMTP_URL`: such as `smtps://user:password@mail.example.org`; without it mail goes to files.
    pub smtp_url: Option<SecretString>,
    /// `EVENKEEL_MAIL_FROM`: the sender of every mail; keep its name neutral.
    pub mail_from: String,
    /// `EVENKEEL_DKIM_SELECTOR`, `_DOMAIN` and `_KEY_FILE`: how mails are signed; None: the service does not sign them.
    pub dkim: Option<Dkim>,
    /// `EVENKEEL_LEAVE_URL`: where "leave quickly" on a page leads, such as a weather report; default: a page of the
    /// service that says nothing.
    pub leave_url: Option<Url>,
    /// `EVENKEEL_PUSH_CONTACT`: `mailto:` or `https:` address of the operator, for push services (RFC 8292, 2.1).
    pub push_contact: Url,
    /// `EVENKEEL_PUSH_HOSTS`: hosts of push services besides the known ones, such as `["up.example.org"]`.
    pub push_hosts: Vec<String>,
    /// `EVENKEEL_PUSH_INSECURE_ORIGINS`: origins that may be plain http and local. Development only.
    pub push_insecure_origins: Vec<Url>,
    /// `EVENKEEL_PASSKEY_ORIGINS`: origins of apps that use passkeys besides the service's own pages, such as
    /// `["android:apk-key-hash:…"]` (what Android's Credential Manager gives as the app's origin).
    pub passkey_origins: Vec<Url>,
    /// `EVENKEEL_INTROSPECTION`: whether clients may read the schema and use GraphiQL; default: in development only.
    pub introspection: bool,
    /// `EVENKEEL_TRUSTED_DOCUMENTS`: a file with the GraphQL documents of known apps, as the tools of Apollo, Relay and
    /// GraphQL Code Generator write it; apps send a document's id instead of its text.
    pub trusted_documents: Option<PathBuf>,
    /// `EVENKEEL_TRUSTED_DOCUMENTS_ONLY`: whether all other documents are refused; default false.
    pub trusted_documents_only: bool,
    /// `EVENKEEL_LOG_FORMAT`: `text` (default) or `json`.
    pub log_format: LogFormat,
    /// `EVENKEEL_METRICS_LISTEN`: address and port of the monitoring listener; default: none.
    pub metrics_listen: Option<SocketAddr>,
    /// `EVENKEEL_HEARTBEAT_URL`: fetched every minute while the worker makes progress. A secret: anybody who knows it
    /// can pretend that all is well.
    pub heartbeat_url: Option<SecretString>,
    /// `EVENKEEL_LEASE_SECONDS`: how long others wait for the nudges of a worker that died, default 90. Less than a
    /// send may take (down to 5) is for development only.
    pub lease: SignedDuration,
    /// `EVENKEEL_KEEP_NUDGES_DAYS`, `EVENKEEL_KEEP_SCENES_DAYS`, `EVENKEEL_KEEP_EXPORTS_DAYS`: how long each is kept.
    pub keep: Keep,
    /// `EVENKEEL_TRUSTED_PROXIES`: networks of proxies whose `X-Forwarded-For` or `Forwarded` is believed, such as
    /// `["10.0.0.0/8"]`; default: none. Name only proxies that set one of the two themselves.
    pub trusted_proxies: TrustedProxies,
    /// `EVENKEEL_HELP_LINES`, or `[[help_lines]]` in `evenkeel.toml`: help lines that people can call, per country.
    /// Default: none, since only the operator knows which are right and still answer.
    pub help_lines: Vec<HelpLine>,
}

/// A setting with a wrong value: its name, and what would be right.
#[derive(Debug, thiserror::Error)]
#[error("setting {field}: {sentence}")]
pub struct ConfigError {
    /// The setting's name as it is written in `evenkeel.toml`.
    pub field: String,
    /// What is wrong with it.
    pub sentence: String,
}

fn wrong(field: &str, sentence: impl Into<String>) -> ConfigError {
    ConfigError { field: field.to_owned(), sentence: sentence.into() }
}

impl Config {
    /// Settings for the demo and for tests: development mode, with the given data folder and database.
    pub fn for_tests(data_dir: PathBuf, database: Location) -> Self {
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let public_url =
            Url::parse("http://127.0.0.1:8080").unwrap_or_else(|_| unreachable!("a constant URL"));
        Self {
            mode: Mode::Development,
            listen,
            push_contact: Url::parse("mailto:operator@evenkeel.test")
                .unwrap_or_else(|_| unreachable!("a constant URL")),
            public_url,
            hosts: Vec::new(),
            cors_origins: Vec::new(),
            data_dir,
            database,
            database_threads: DatabaseThreads::default(),
            master: MasterSource::File,
            smtp_url: None,
            mail_from: "Evenkeel <reminders@evenkeel.test>".to_owned(),
            dkim: None,
            leave_url: None,
            push_hosts: Vec::new(),
            push_insecure_origins: Vec::new(),
            passkey_origins: Vec::new(),
            introspection: true,
            trusted_documents: None,
            trusted_documents_only: false,
            log_format: LogFormat::Text,
            metrics_listen: None,
            heartbeat_url: None,
            lease: SignedDuration::from_secs(LEASE_SECONDS.into()),
            keep: Keep::default(),
            trusted_proxies: TrustedProxies::default(),
            help_lines: Vec::new(),
        }
    }

    /// Whether all clients behind a proxy would count as one: production runs behind a proxy, and none is trusted.
    pub fn takes_all_for_one(&self) -> bool {
        self.mode == Mode::Production && self.trusted_proxies.is_empty()
    }

    /// The host names that requests may be addressed to.
    pub fn all_hosts(&self) -> Vec<String> {
        let public = self.public_url.authority().to_owned();
        std::iter::once(public).chain(self.hosts.iter().cloned()).collect()
    }
}

/// How mails are signed (RFC 6376).
#[derive(Clone, Debug)]
pub struct Dkim {
    /// `EVENKEEL_DKIM_SELECTOR`: which key of the domain it is, such as `autumn`.
    pub selector: String,
    /// `EVENKEEL_DKIM_DOMAIN`: default the domain of `EVENKEEL_MAIL_FROM`.
    pub domain: String,
    /// `EVENKEEL_DKIM_KEY_FILE`: the private key in PEM, of RSA or Ed25519.
    pub key_file: PathBuf,
}

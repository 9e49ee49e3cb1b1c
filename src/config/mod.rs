//! Settings: the only place that reads the environment and `evenkeel.toml`, and checks both at start.

use crate::auth::network::TrustedProxies;
use crate::domain::help_line::HelpLine;
use crate::domain::retention::Keep;
use crate::store::{DatabaseThreads, Location};
use crate::vault::key_ring::MasterSource;
use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use jiff::SignedDuration;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::PathBuf;
use url::Url;
use written::{LEASE_SECONDS, Written};

mod written;

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
    /// `EVENKEEL_LISTEN`: address and port, default `127.0.0.1:8080`.
    pub listen: SocketAddr,
    /// `EVENKEEL_PUBLIC_URL`: how people reach the service; links in mails begin with it.
    pub public_url: Url,
    /// `EVENKEEL_HOSTS`: names besides the public URL's that requests may be addressed to in production, such as
    /// `["care.lan:8080"]`.
    pub hosts: Vec<String>,
    /// `EVENKEEL_CORS_ORIGINS`: origins whose pages may call the API, such as `["https://app.example.org"]`; default none.
    pub cors_origins: Vec<Url>,
    /// `EVENKEEL_DATA_DIR`: database, keys and outbox; default `data`.
    pub data_dir: PathBuf,
    /// `DATABASE_URL` (or `EVENKEEL_DATABASE_URL`): default SQLite in the data folder.
    pub database: Location,
    /// How many threads work on the database. Not a setting: one value is right for every installation.
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
    /// Reads `evenkeel.toml` (if there is one) and the environment, which wins.
    pub fn load() -> Result<Self, ConfigError> {
        let figment = Figment::from(Serialized::defaults(Written::default()))
            .merge(Toml::file("evenkeel.toml"))
            .merge(Env::raw().only(&["DATABASE_URL"]))
            .merge(
                Env::prefixed("EVENKEEL_")
                    .filter(|name| !name.as_str().to_ascii_lowercase().starts_with("test_")),
            );
        Self::read(&figment)
    }

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

    fn read(figment: &Figment) -> Result<Self, ConfigError> {
        let written: Written = figment.extract().map_err(|error| {
            let field = match &error.kind {
                figment::error::Kind::UnknownField(name, _) => {
                    let inside = error.path.iter().filter(|part| *part != name);
                    inside.chain([name]).cloned().collect::<Vec<_>>().join(".")
                }
                _ if error.path.is_empty() => "evenkeel.toml".to_owned(),
                _ => error.path.join("."),
            };
            // figment's message may quote the value, which may be a secret: for these settings it is replaced.
            let sentence = match (field.as_str(), &error.kind) {
                ("evenkeel.toml", _) => "the file is not valid TOML, or is not readable".to_owned(),
                (name, _) if name.starts_with("master_key") => "this must be a text".to_owned(),
                (name, _) if name.contains("url") || name.contains("origins") || name.contains("contact") => {
                    "this is not a URL".to_owned()
                }
                (_, kind) => kind.to_string(),
            };
            ConfigError { field, sentence }
        })?;
        written.check()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(toml: &str) -> Result<Config, ConfigError> {
        let figment = Figment::from(Serialized::defaults(Written::default())).merge(Toml::string(toml));
        Config::read(&figment)
    }

    #[test]
    fn nothing_set_is_a_working_development_service() {
        let config = read("").unwrap();
        assert_eq!(config.database, Location::Sqlite("data/evenkeel.db".to_owned()));
        assert_eq!(config.public_url.as_str(), "http://127.0.0.1:8080/");
        assert!(config.introspection);
    }

    #[test]
    fn a_wrong_setting_is_named() {
        for (toml, field) in [
            ("listen = 'here'", "listen"),
            ("mode = 'prod'", "mode"),
            ("databse_url = 'sqlite:x'", "databse_url"),
            ("database_url = 'mysql://x'", "database_url"),
            ("database_url = 'postgre://x'", "database_url"),
            ("smtp_url = 'mail.example.org'", "smtp_url"),
            ("mail_from = 'nobody'", "mail_from"),
            ("push_contact = 'ftp://x.org'", "push_contact"),
            ("leave_url = 'javascript:alert()'", "leave_url"),
            ("dkim_selector = 'autumn'", "dkim_key_file"),
            ("dkim_key_file = 'dkim.pem'", "dkim_selector"),
            ("dkim_domain = 'example.org'", "dkim_domain"),
            ("dkim_selector = 'a b'\ndkim_key_file = 'dkim.pem'", "dkim_selector"),
            ("dkim_selector = 'a'\ndkim_key_file = 'dkim.pem'\ndkim_domain = 'example.org'", "dkim_domain"),
            ("public_url = 'mailto:x'", "public_url"),
            ("public_url = 'https://example.org/sub'", "public_url"),
            ("hosts = ['https://care.lan']", "hosts"),
            ("hosts = ['a@care.lan']", "hosts"),
            ("cors_origins = ['https://app.example.org/path']", "cors_origins"),
            ("cors_origins = ['https://u@app.example.org']", "cors_origins"),
            ("cors_origins = ['data:text/html,x']", "cors_origins"),
            ("metrics_listen = '9090'", "metrics_listen"),
            ("listen = '127.0.0.1:81'\nmetrics_listen = '127.0.0.1:81'", "metrics_listen"),
            ("heartbeat_url = 'ftp://x.org'", "heartbeat_url"),
            ("heartbeat_url = 'x.org'", "heartbeat_url"),
            ("keep_nudges_days = 14", "keep_nudges_days"),
            ("keep_scenes_days = 89", "keep_scenes_days"),
            ("keep_exports_days = 0", "keep_exports_days"),
            ("trusted_proxies = ['10.0.0.0/8', 'proxy']", "trusted_proxies"),
            ("[[help_lines]]\nname = 'A line'\nphone = '000'", "help_lines.0.country"),
            ("[[help_lines]]\ncountry = 'UK'\nname = 'A line'\nphone = '000'", "help_lines.0.country"),
            ("[[help_lines]]\ncountry = 'GB'\nphone = '000'", "help_lines.0.name"),
            ("[[help_lines]]\ncountry = 'GB'\nname = 'A line'", "help_lines.0.phone"),
            ("[[help_lines]]\ncountry = 'GB'\nname = 'A line'\nfone = '000'", "help_lines.0.fone"),
            ("[[help_lines]]\ncountry = 'GB'\nname = 'A line'\nurl = 'ftp://x.org'", "help_lines.0.url"),
            // A number would lose its leading zero.
            ("[[help_lines]]\ncountry = 'GB'\nname = 'A line'\nphone = 800", "help_lines.0.phone"),
            ("help_lines = 'none'", "help_lines"),
            ("trusted_documents_only = true", "trusted_documents_only"),
            ("listen =", "evenkeel.toml"),
            ("lease_seconds = 4", "lease_seconds"),
            ("master_key = 'AAAA'", "master_key"),
            ("master_key = 'x'\nmaster_key_command = 'y'", "master_key_command"),
        ] {
            let error = read(toml).unwrap_err();
            assert_eq!(error.field, field, "{toml}: {error}");
        }
    }

    #[test]
    fn help_lines_are_read_from_the_file_and_from_the_environment() {
        assert_eq!(read("").unwrap().help_lines, []);
        let file = "[[help_lines]]\ncountry = 'GB'\nname = 'A line'\nphone = '000 000'\nhours = 'day and night'\n\
            [[help_lines]]\ncountry = 'de'\nname = 'Another'\nurl = 'https://help.example.org/'";
        let lines = read(file).unwrap().help_lines;
        assert_eq!(lines.len(), 2);
        assert_eq!((lines[0].phone.as_deref(), lines[1].country.code()), (Some("000 000"), "DE"));
        // figment's `Env` parses environment values like this.
        let value = r#"[{country=GB, name="A line", phone="000 000", hours="day and night"},
            {country="de", name=Another, url="https://help.example.org/"}]"#;
        let value: figment::value::Value = value.parse().unwrap();
        let figment = Figment::from(Serialized::defaults(Written::default())).merge(("help_lines", value));
        assert_eq!(Config::read(&figment).unwrap().help_lines, lines);
    }

    #[test]
    fn production_refuses_the_defaults_of_development() {
        let mut toml = "mode = 'production'\n".to_owned();
        for (field, line) in [
            ("public_url", "public_url = 'https://care.example.org'"),
            ("smtp_url", "smtp_url = 'smtps://mail.example.org'"),
            ("mail_from", "mail_from = 'Reminders <reminders@example.org>'"),
            ("push_contact", "push_contact = 'mailto:admin@example.org'"),
        ] {
            assert_eq!(read(&toml).unwrap_err().field, field);
            toml = format!("{toml}{line}\n");
        }
        assert_eq!(read(&format!("{toml}lease_seconds = 89")).unwrap_err().field, "lease_seconds");
        let origins = |origin: &str| read(&format!("{toml}cors_origins = ['{origin}']"));
        assert_eq!(origins("http://app.example.org").unwrap_err().field, "cors_origins");
        assert!(
            origins("https://app.example.org").is_ok() && origins("https://app.example.org:8443").is_ok()
        );
        let hosts = read(&format!("{toml}hosts = ['care.lan:8080']")).unwrap().all_hosts();
        assert_eq!(hosts, ["care.example.org", "care.lan:8080"]);
        assert!(!read(&toml).unwrap().introspection);
        let heartbeat = |url: &str| read(&format!("{toml}heartbeat_url = '{url}'"));
        assert_eq!(heartbeat("http://hc.example.org/ping").unwrap_err().field, "heartbeat_url");
        assert!(
            heartbeat("https://hc.example.org/ping").is_ok() && heartbeat("http://localhost/ping").is_ok()
        );
    }

    #[test]
    fn a_wrong_secret_is_not_quoted() {
        for toml in [
            "heartbeat_url = 'ftp://hc.example.org/hunter2'",
            "heartbeat_url = 'https://[hunter2'",
            "smtp_url = 'user:hunter2@mail'",
            "smtp_url = 'smtps://user:hunter2@mail",
            "public_url = 'http://u:hunter2@[x'",
            "database_url = 'postgres://u:hunter2/x@localhost/db'",
            "master_key = 'hunter2'",
            "master_key = ['hunter2']",
            "master_key_command = { run = 'hunter2' }",
            "database_url = 'postgres://u:hunter2%ter@localhost/db'",
        ] {
            let error = read(toml).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}

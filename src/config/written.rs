//! The settings as operators write them, and the checks that they must pass.

use super::checks;
use super::{Config, ConfigError, Dkim, LEASE_SECONDS, LogFormat, Mode, wrong};
use crate::auth::network::TrustedProxies;
use crate::delivery::smtp::MailServer;
use crate::domain::hand_over::LEASE_MAX;
use crate::domain::help_line::{self, HELP_LINES_MAX, HelpLine};
use crate::domain::retention::{Keep, days};
use crate::store::{DatabaseThreads, Location};
use actix_web::http::uri::Authority;
use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use jiff::SignedDuration;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::PathBuf;
use url::Url;

/// The shortest lease, in seconds.
const LEASE_SECONDS_MIN: u16 = 5;
/// How many connections to PostgreSQL a process works on.
const DATABASE_CONNECTIONS: u16 = 12;
const DATABASE_CONNECTIONS_RANGE: std::ops::RangeInclusive<u16> = 2..=200;

/// The settings as written: `EVENKEEL_<NAME>` in the environment, or `<name>` in `evenkeel.toml`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    mode: Mode,
    listen: SocketAddr,
    development_on_network: bool,
    public_url: Option<Url>,
    hosts: Vec<String>,
    cors_origins: Vec<Url>,
    data_dir: PathBuf,
    /// Also read from `DATABASE_URL`.
    #[serde(skip_serializing)]
    database_url: Option<SecretString>,
    #[serde(skip_serializing)]
    database_direct_url: Option<SecretString>,
    #[serde(skip_serializing)]
    master_key: Option<SecretString>,
    #[serde(skip_serializing)]
    master_key_command: Option<SecretString>,
    #[serde(skip_serializing)]
    smtp_url: Option<SecretString>,
    mail_from: String,
    dkim_selector: Option<String>,
    dkim_domain: Option<String>,
    dkim_key_file: Option<PathBuf>,
    leave_url: Option<Url>,
    push_contact: Option<Url>,
    push_hosts: Vec<String>,
    push_insecure_origins: Vec<Url>,
    passkey_origins: Vec<Url>,
    introspection: Option<bool>,
    trusted_documents: Option<PathBuf>,
    trusted_documents_only: bool,
    log_format: LogFormat,
    metrics_listen: Option<SocketAddr>,
    #[serde(skip_serializing)]
    heartbeat_url: Option<SecretString>,
    database_connections: u16,
    lease_seconds: u16,
    keep_nudges_days: u16,
    keep_scenes_days: Option<u16>,
    keep_exports_days: u16,
    trusted_proxies: Vec<String>,
    help_lines: Vec<WrittenHelpLine>,
}

/// A help line as written. Missing parts are named when it is checked.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenHelpLine {
    #[serde(default)]
    country: String,
    #[serde(default)]
    name: String,
    phone: Option<String>,
    url: Option<String>,
    hours: Option<String>,
}

impl From<WrittenHelpLine> for help_line::Written {
    fn from(written: WrittenHelpLine) -> Self {
        let WrittenHelpLine { country, name, phone, url, hours } = written;
        Self { country, name, phone, url, hours }
    }
}

impl Default for Written {
    fn default() -> Self {
        Self {
            mode: Mode::Development,
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            development_on_network: false,
            public_url: None,
            hosts: Vec::new(),
            cors_origins: Vec::new(),
            data_dir: PathBuf::from("data"),
            database_url: None,
            database_direct_url: None,
            master_key: None,
            master_key_command: None,
            smtp_url: None,
            mail_from: "Evenkeel <reminders@localhost>".to_owned(),
            dkim_selector: None,
            dkim_domain: None,
            dkim_key_file: None,
            leave_url: None,
            push_contact: None,
            push_hosts: Vec::new(),
            push_insecure_origins: Vec::new(),
            passkey_origins: Vec::new(),
            introspection: None,
            trusted_documents: None,
            trusted_documents_only: false,
            log_format: LogFormat::Text,
            metrics_listen: None,
            heartbeat_url: None,
            database_connections: DATABASE_CONNECTIONS,
            lease_seconds: LEASE_SECONDS,
            keep_nudges_days: days::NUDGES,
            keep_scenes_days: None,
            keep_exports_days: days::EXPORTS,
            trusted_proxies: Vec::new(),
            help_lines: Vec::new(),
        }
    }
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

    pub(super) fn read(figment: &Figment) -> Result<Self, ConfigError> {
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

impl Written {
    /// Where the data lives; by default in the data folder.
    fn database(&self) -> Result<Location, ConfigError> {
        let database = match &self.database_url {
            Some(url) => {
                Location::parse(url.expose_secret()).map_err(|sentence| wrong("database_url", sentence))?
            }
            None => Location::Sqlite(self.data_dir.join("evenkeel.db").display().to_string()),
        };
        match &self.database_direct_url {
            Some(direct) => database
                .pooled(direct.expose_secret())
                .map_err(|sentence| wrong("database_direct_url", sentence)),
            None => Ok(database),
        }
    }

    /// Names and origins, and what is served where.
    fn check_web(&self, production: bool) -> Result<(), ConfigError> {
        if self.hosts.iter().any(|host| host.parse::<Authority>().is_err() || host.contains('@')) {
            return Err(wrong("hosts", "these must be names such as care.lan or care.lan:8080"));
        }
        let bare = |url: &Url| {
            url.origin().is_tuple()
                && url
                    .as_str()
                    .strip_suffix('/')
                    .is_some_and(|origin| url.origin().ascii_serialization() == origin)
        };
        if !self.cors_origins.iter().all(bare) {
            return Err(wrong("cors_origins", "these must be bare origins such as https://app.example.org"));
        }
        if production && self.cors_origins.iter().any(|url| url.scheme() != "https") {
            return Err(wrong("cors_origins", "production needs https"));
        }
        if self.leave_url.as_ref().is_some_and(|url| !matches!(url.scheme(), "http" | "https")) {
            return Err(wrong("leave_url", "this must begin with https:// or http://"));
        }
        if self.trusted_documents_only && self.trusted_documents.is_none() {
            let sentence = "this needs trusted_documents, a file that says which";
            return Err(wrong("trusted_documents_only", sentence));
        }
        if self.passkey_origins.iter().any(|origin| !matches!(origin.scheme(), "https" | "android")) {
            return Err(wrong("passkey_origins", "each must begin with https:// or android:apk-key-hash:"));
        }
        if self.metrics_listen.is_some_and(|watch| watch.port() != 0 && watch == self.listen) {
            return Err(wrong("metrics_listen", "this must be another port than that of listen"));
        }
        Ok(())
    }

    /// Mail, push and heartbeat.
    fn check_ways(&self, production: bool) -> Result<(), ConfigError> {
        if production && self.smtp_url.is_none() {
            return Err(wrong("smtp_url", "production needs a mail server; without one mail goes to files"));
        }
        if let Some(url) = &self.smtp_url {
            MailServer::at(url.expose_secret()).map_err(|sentence| wrong("smtp_url", sentence))?;
        }
        if production && self.mail_from.contains("@localhost") {
            return Err(wrong("mail_from", "production needs a sender's address that people can trust"));
        }
        if production && !self.push_insecure_origins.is_empty() {
            return Err(wrong("push_insecure_origins", "this is for development only"));
        }
        match &self.heartbeat_url {
            Some(url) => check_heartbeat(url, production),
            None => Ok(()),
        }
    }

    /// How long what is kept, how long a lease holds, and how many connections there are.
    fn check_numbers(&self, production: bool) -> Result<(), ConfigError> {
        for (name, count, range) in [
            ("keep_nudges_days", Some(self.keep_nudges_days), days::NUDGES_RANGE),
            ("keep_scenes_days", self.keep_scenes_days, days::SCENES_RANGE),
            ("keep_exports_days", Some(self.keep_exports_days), days::EXPORTS_RANGE),
            ("database_connections", Some(self.database_connections), DATABASE_CONNECTIONS_RANGE),
        ] {
            if count.is_some_and(|count| !range.contains(&count)) {
                return Err(wrong(name, format!("this must be {} to {}", range.start(), range.end())));
            }
        }
        if self.lease_seconds < LEASE_SECONDS_MIN {
            return Err(wrong("lease_seconds", format!("this must be at least {LEASE_SECONDS_MIN}")));
        }
        let most = LEASE_MAX.as_secs();
        if i64::from(self.lease_seconds) > most {
            return Err(wrong("lease_seconds", format!("this must be at most {most}")));
        }
        if production && self.lease_seconds < LEASE_SECONDS {
            let sentence = format!("production needs at least {LEASE_SECONDS}: a send may take so long");
            return Err(wrong("lease_seconds", sentence));
        }
        Ok(())
    }

    pub(super) fn check(self) -> Result<Config, ConfigError> {
        let production = self.mode == Mode::Production;
        let database = self.database()?;
        let public_url = checks::public_url(self.public_url.clone(), self.listen, production)?;
        checks::reach(self.listen, production, self.development_on_network)?;
        checks::trial_defaults(&database, self.smtp_url.as_ref(), production)?;
        self.check_web(production)?;
        self.check_ways(production)?;
        self.check_numbers(production)?;
        let master = checks::master(self.master_key, self.master_key_command)?;
        let Ok(from) = self.mail_from.parse::<lettre::message::Mailbox>() else {
            return Err(wrong("mail_from", "this is not of the form Name <address@example.org>"));
        };
        let dkim = check_dkim(self.dkim_selector, self.dkim_domain, self.dkim_key_file, from.email.domain())?;
        let push_contact = checks::push_contact(self.push_contact, production)?;
        let trusted_proxies = TrustedProxies::parse(&self.trusted_proxies)
            .map_err(|sentence| wrong("trusted_proxies", sentence))?;
        Ok(Config {
            mode: self.mode,
            listen: self.listen,
            public_url,
            hosts: self.hosts,
            cors_origins: self.cors_origins,
            data_dir: self.data_dir,
            database,
            database_threads: DatabaseThreads {
                postgres: self.database_connections.into(),
                ..DatabaseThreads::default()
            },
            master,
            smtp_url: self.smtp_url,
            mail_from: self.mail_from,
            dkim,
            leave_url: self.leave_url,
            push_contact,
            push_hosts: self.push_hosts,
            push_insecure_origins: self.push_insecure_origins,
            passkey_origins: self.passkey_origins,
            introspection: self.introspection.unwrap_or(!production),
            trusted_documents: self.trusted_documents,
            trusted_documents_only: self.trusted_documents_only,
            log_format: self.log_format,
            metrics_listen: self.metrics_listen,
            heartbeat_url: self.heartbeat_url,
            lease: SignedDuration::from_secs(self.lease_seconds.into()),
            keep: Keep::for_days(self.keep_nudges_days, self.keep_scenes_days, self.keep_exports_days),
            trusted_proxies,
            help_lines: check_help_lines(self.help_lines)?,
        })
    }
}

/// Checks the help lines. The error names the first wrong one by its place in the list, from 0.
fn check_help_lines(written: Vec<WrittenHelpLine>) -> Result<Vec<HelpLine>, ConfigError> {
    if written.len() > HELP_LINES_MAX {
        return Err(wrong("help_lines", format!("at most {HELP_LINES_MAX} can be set")));
    }
    let check = |(n, line): (usize, WrittenHelpLine)| {
        HelpLine::check(line.into()).map_err(|problems| match problems.into_iter().next() {
            Some(problem) => wrong(&format!("help_lines.{n}.{}", problem.field), problem.sentence),
            None => wrong(&format!("help_lines.{n}"), "this is not a help line"),
        })
    };
    written.into_iter().enumerate().map(check).collect()
}

/// Checks that selector and key file come together, and that the domain is the sender's or above it: a signature of
/// another domain says nothing for the sender (RFC 7489, 3.1.1).
fn check_dkim(
    selector: Option<String>,
    domain: Option<String>,
    key_file: Option<PathBuf>,
    sender: &str,
) -> Result<Option<Dkim>, ConfigError> {
    let given = domain.is_some();
    let domain = domain.unwrap_or_else(|| sender.to_owned()).to_ascii_lowercase();
    let is_name = |name: &str| {
        name.split('.').all(|label| {
            !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        })
    };
    match (selector, key_file) {
        (None, None) if given => Err(wrong("dkim_domain", "this needs dkim_selector and dkim_key_file")),
        (None, None) => Ok(None),
        (None, Some(_)) => Err(wrong("dkim_selector", "dkim_key_file needs a selector, such as autumn")),
        (Some(_), None) => Err(wrong("dkim_key_file", "dkim_selector needs a file with a private key")),
        (Some(selector), Some(_)) if !is_name(&selector) => {
            Err(wrong("dkim_selector", format!("{selector:?} is not a name for the DNS")))
        }
        (Some(_), Some(_)) if !is_name(&domain) => {
            Err(wrong("dkim_domain", format!("{domain:?} is not a name for the DNS")))
        }
        (Some(selector), Some(key_file)) => {
            let sender = sender.to_ascii_lowercase();
            if sender != domain && !sender.ends_with(&format!(".{domain}")) {
                return Err(wrong("dkim_domain", "this must be the domain of mail_from, or one above it"));
            }
            Ok(Some(Dkim { selector, domain, key_file }))
        }
    }
}

/// Refuses a plain-text heartbeat URL in production: others on the way could read the token in it.
fn check_heartbeat(url: &SecretString, production: bool) -> Result<(), ConfigError> {
    let url = Url::parse(url.expose_secret()).map_err(|_| wrong("heartbeat_url", "this is not a URL"))?;
    let loopback = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    match url.scheme() {
        "https" => Ok(()),
        "http" if loopback || !production => Ok(()),
        _ => Err(wrong(
            "heartbeat_url",
            "this must begin with https:// (or http:// in development or to localhost)",
        )),
    }
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
            ("listen = '0.0.0.0:8080'", "listen"),
            ("listen = '[::]:8080'", "listen"),
            ("listen = '192.0.2.1:8080'", "listen"),
            ("databse_url = 'sqlite:x'", "databse_url"),
            ("database_url = 'mysql://x'", "database_url"),
            ("database_url = 'postgre://x'", "database_url"),
            ("database_direct_url = 'postgres://u@h/name'", "database_direct_url"),
            ("database_url = 'sqlite:x'\ndatabase_direct_url = 'postgres://u@h/name'", "database_direct_url"),
            (
                "database_url = 'postgres://u@h/name'\ndatabase_direct_url = 'postgres://u@h/name'",
                "database_direct_url",
            ),
            ("database_url = 'postgres://u@h/name'\ndatabase_direct_url = 'sqlite:x'", "database_direct_url"),
            ("database_url = 'postgres://u@h/name'\ndatabase_direct_url = 'h:5432'", "database_direct_url"),
            ("database_url = 'postgres://u@h/name'\ndatabase_direct_url = true", "database_direct_url"),
            ("database_url = 'x'\ndatabase_direct_url = 'postgres://u@h/name'", "database_url"),
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
            ("lease_seconds = 601", "lease_seconds"),
            ("database_connections = 1", "database_connections"),
            ("master_key = 'AAAA'", "master_key"),
            ("master_key = 'x'\nmaster_key_command = 'y'", "master_key_command"),
        ] {
            let error = read(toml).unwrap_err();
            assert_eq!(error.field, field, "{toml}: {error}");
        }
    }

    #[test]
    fn a_direct_url_says_that_the_other_leads_to_a_pooler() {
        let toml =
            "database_url = 'postgres://u@pooler:6432/name'\ndatabase_direct_url = 'postgres://u@h/name'";
        let database = read(toml).unwrap().database;
        assert!(
            database
                == Location::Postgres("postgres://u@pooler:6432/name".to_owned())
                    .pooled("postgres://u@h/name")
                    .unwrap()
        );
        assert_eq!(database.direct(), Location::Postgres("postgres://u@h/name".to_owned()));
        let refused = read("database_direct_url = 'postgres://u@h/name'").unwrap_err().sentence;
        assert!(refused.contains("SQLite"), "{refused}");
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
            "database_url = 'postgres://h/db'\ndatabase_direct_url = 'postgres://u:hunter2/x@localhost/db'",
            "database_direct_url = ['hunter2']",
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

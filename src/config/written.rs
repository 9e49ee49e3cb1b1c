//! The settings as operators write them, and the checks that they must pass.

use super::{Config, ConfigError, Dkim, LogFormat, Mode, wrong};
use crate::auth::network::TrustedProxies;
use crate::delivery::smtp::MailServer;
use crate::domain::help_line::{self, HELP_LINES_MAX, HelpLine};
use crate::domain::retention::{Keep, days};
use crate::store::{DatabaseThreads, Location};
use crate::vault::key_ring::{MasterSource, are_masters};
use actix_web::http::uri::Authority;
use jiff::SignedDuration;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::PathBuf;
use url::Url;

/// Default lease of a claim, in seconds: longer than any send may take.
pub(super) const LEASE_SECONDS: u16 = 90;
/// The shortest lease, in seconds.
const LEASE_SECONDS_MIN: u16 = 5;

/// The settings as written: `EVENKEEL_<NAME>` in the environment, or `<name>` in `evenkeel.toml`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    mode: Mode,
    listen: SocketAddr,
    public_url: Option<Url>,
    hosts: Vec<String>,
    cors_origins: Vec<Url>,
    data_dir: PathBuf,
    /// Also read from `DATABASE_URL`.
    #[serde(skip_serializing)]
    database_url: Option<SecretString>,
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
            public_url: None,
            hosts: Vec::new(),
            cors_origins: Vec::new(),
            data_dir: PathBuf::from("data"),
            database_url: None,
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
            lease_seconds: LEASE_SECONDS,
            keep_nudges_days: days::NUDGES,
            keep_scenes_days: None,
            keep_exports_days: days::EXPORTS,
            trusted_proxies: Vec::new(),
            help_lines: Vec::new(),
        }
    }
}

impl Written {
    pub(super) fn check(self) -> Result<Config, ConfigError> {
        let production = self.mode == Mode::Production;
        let database = match &self.database_url {
            Some(url) => {
                Location::parse(url.expose_secret()).map_err(|sentence| wrong("database_url", sentence))?
            }
            None => Location::Sqlite(self.data_dir.join("evenkeel.db").display().to_string()),
        };
        let master = match (self.master_key, self.master_key_command) {
            (None, None) => MasterSource::File,
            (Some(keys), None) if are_masters(&keys) => MasterSource::Given(keys),
            (Some(_), None) => {
                return Err(wrong(
                    "master_key",
                    "this must be 32 bytes in base64url, or several such with blanks between",
                ));
            }
            (None, Some(command)) => MasterSource::Command(command),
            (Some(_), Some(_)) => {
                return Err(wrong("master_key_command", "master_key is set too; set one of them"));
            }
        };
        let public_url = match self.public_url {
            Some(url) => url,
            None if production => {
                return Err(wrong(
                    "public_url",
                    "production needs the address under which people reach the service",
                ));
            }
            None => Url::parse(&format!("http://{}", self.listen))
                .map_err(|e| wrong("public_url", e.to_string()))?,
        };
        if !matches!(public_url.scheme(), "http" | "https") || public_url.cannot_be_a_base() {
            return Err(wrong("public_url", "this must begin with https:// (or http:// in development)"));
        }
        if public_url.path() != "/" || public_url.query().is_some() || !public_url.username().is_empty() {
            return Err(wrong("public_url", "this must be a bare origin such as https://care.example.org"));
        }
        if production && public_url.scheme() != "https" {
            return Err(wrong("public_url", "production needs https"));
        }
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
        if production && self.smtp_url.is_none() {
            return Err(wrong("smtp_url", "production needs a mail server; without one mail goes to files"));
        }
        if let Some(url) = &self.smtp_url {
            MailServer::at(url.expose_secret()).map_err(|sentence| wrong("smtp_url", sentence))?;
        }
        let Ok(from) = self.mail_from.parse::<lettre::message::Mailbox>() else {
            return Err(wrong("mail_from", "this is not of the form Name <address@example.org>"));
        };
        let dkim = check_dkim(self.dkim_selector, self.dkim_domain, self.dkim_key_file, from.email.domain())?;
        if production && self.mail_from.contains("@localhost") {
            return Err(wrong("mail_from", "production needs a sender's address that people can trust"));
        }
        if self.leave_url.as_ref().is_some_and(|url| !matches!(url.scheme(), "http" | "https")) {
            return Err(wrong("leave_url", "this must begin with https:// or http://"));
        }
        let push_contact = match self.push_contact {
            Some(url) if matches!(url.scheme(), "mailto" | "https") => url,
            Some(_) => return Err(wrong("push_contact", "this must begin with mailto: or https://")),
            None if production => {
                return Err(wrong("push_contact", "production needs the operator's mailto: or https:"));
            }
            None => {
                Url::parse("mailto:operator@localhost").map_err(|e| wrong("push_contact", e.to_string()))?
            }
        };
        if production && !self.push_insecure_origins.is_empty() {
            return Err(wrong("push_insecure_origins", "this is for development only"));
        }
        if self.passkey_origins.iter().any(|origin| !matches!(origin.scheme(), "https" | "android")) {
            return Err(wrong("passkey_origins", "each must begin with https:// or android:apk-key-hash:"));
        }
        if self.metrics_listen.is_some_and(|watch| watch.port() != 0 && watch == self.listen) {
            return Err(wrong("metrics_listen", "this must be another port than that of listen"));
        }
        if let Some(url) = &self.heartbeat_url {
            check_heartbeat(url, production)?;
        }
        for (name, count, range) in [
            ("keep_nudges_days", Some(self.keep_nudges_days), days::NUDGES_RANGE),
            ("keep_scenes_days", self.keep_scenes_days, days::SCENES_RANGE),
            ("keep_exports_days", Some(self.keep_exports_days), days::EXPORTS_RANGE),
        ] {
            if count.is_some_and(|count| !range.contains(&count)) {
                return Err(wrong(name, format!("this must be {} to {}", range.start(), range.end())));
            }
        }
        if self.lease_seconds < LEASE_SECONDS_MIN {
            return Err(wrong("lease_seconds", format!("this must be at least {LEASE_SECONDS_MIN}")));
        }
        if production && self.lease_seconds < LEASE_SECONDS {
            let sentence = format!("production needs at least {LEASE_SECONDS}: a send may take so long");
            return Err(wrong("lease_seconds", sentence));
        }
        if self.trusted_documents_only && self.trusted_documents.is_none() {
            let sentence = "this needs trusted_documents, a file that says which";
            return Err(wrong("trusted_documents_only", sentence));
        }
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
            database_threads: DatabaseThreads::default(),
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

//! Settings that become something else when they are checked.

use super::{ConfigError, wrong};
use crate::store::Location;
use crate::vault::key_ring::{MasterSource, are_masters};
use secrecy::ExposeSecret;
use secrecy::SecretString;
use std::net::SocketAddr;
use url::Url;

/// Where the master key comes from: a file, a setting, or a command.
pub(super) fn master(
    keys: Option<SecretString>,
    command: Option<SecretString>,
) -> Result<MasterSource, ConfigError> {
    match (keys, command) {
        (None, None) => Ok(MasterSource::File),
        (Some(keys), None) if are_masters(&keys) => Ok(MasterSource::Given(keys)),
        (Some(_), None) => Err(wrong(
            "master_key",
            "this must be 32 bytes in base64url, or several such with blanks between",
        )),
        (None, Some(command)) => Ok(MasterSource::Command(command)),
        (Some(_), Some(_)) => Err(wrong("master_key_command", "master_key is set too; set one of them")),
    }
}

/// The address under which people reach the service; in development the one that it listens on.
pub(super) fn public_url(url: Option<Url>, listen: SocketAddr, production: bool) -> Result<Url, ConfigError> {
    let url = match url {
        Some(url) => url,
        None if production => {
            let sentence = "production needs the address under which people reach the service";
            return Err(wrong("public_url", sentence));
        }
        None => Url::parse(&format!("http://{listen}")).map_err(|e| wrong("public_url", e.to_string()))?,
    };
    if !matches!(url.scheme(), "http" | "https") || url.cannot_be_a_base() {
        return Err(wrong("public_url", "this must begin with https:// (or http:// in development)"));
    }
    if url.path() != "/" || url.query().is_some() || !url.username().is_empty() {
        return Err(wrong("public_url", "this must be a bare origin such as https://care.example.org"));
    }
    if production && url.scheme() != "https" {
        return Err(wrong("public_url", "production needs https"));
    }
    Ok(url)
}

/// Whom push services can write to (RFC 8292).
pub(super) fn push_contact(contact: Option<Url>, production: bool) -> Result<Url, ConfigError> {
    match contact {
        Some(url) if matches!(url.scheme(), "mailto" | "https") => Ok(url),
        Some(_) => Err(wrong("push_contact", "this must begin with mailto: or https://")),
        None if production => Err(wrong("push_contact", "production needs the operator's mailto: or https:")),
        None => Url::parse("mailto:operator@localhost").map_err(|e| wrong("push_contact", e.to_string())),
    }
}

/// The password of the database in `docker-compose.yml`, for trying out. Everybody knows it.
const TRIAL_PASSWORD: &str = "only-for-trying-out";
/// Programs that take mails and deliver none, by the names that their containers have.
const MAIL_CATCHERS: [&str; 5] = ["mailpit", "mailhog", "mailcatcher", "maildev", "mailcrab"];
/// The port on which such programs listen.
const CATCHERS_PORT: u16 = 1025;

/// Refuses in production what `docker-compose.yml` has for trying out: a database password that everybody knows, and a
/// mail server that delivers nothing.
pub(super) fn trial_defaults(
    database: &Location,
    smtp_url: Option<&SecretString>,
    production: bool,
) -> Result<(), ConfigError> {
    let parsed = |url: &str| Url::parse(url).ok();
    let Some(mail) = smtp_url.and_then(|url| parsed(url.expose_secret())).filter(|_| production) else {
        return Ok(());
    };
    // Anywhere in it: there are more ways to write a password than before the host.
    let urls = match database {
        Location::Sqlite(_) => vec![],
        Location::Postgres(url) => vec![("database_url", url)],
        Location::Pooled { pooler, direct } => {
            vec![("database_url", pooler), ("database_direct_url", direct)]
        }
    };
    if let Some((field, _)) = urls.into_iter().find(|(_, url)| url.contains(TRIAL_PASSWORD)) {
        let sentence = "its password is that of docker-compose.yml, which everybody knows; set another one";
        return Err(wrong(field, sentence));
    }
    let host = mail.host_str().unwrap_or_default().to_ascii_lowercase();
    let first = host.split('.').next().unwrap_or_default();
    if MAIL_CATCHERS.contains(&first) || mail.port() == Some(CATCHERS_PORT) {
        return Err(wrong("smtp_url", "this is a mail catcher for trying out, which delivers nothing"));
    }
    Ok(())
}

/// Refuses development where others than this machine reach it, unless the settings say so: it shows mails, and with
/// them the links that sign somebody up or set a password, and its whole schema.
pub(super) fn reach(listen: SocketAddr, production: bool, on_network: bool) -> Result<(), ConfigError> {
    if production || on_network || listen.ip().to_canonical().is_loopback() {
        return Ok(());
    }
    Err(wrong(
        "listen",
        "development is for this machine alone, such as 127.0.0.1:8080; set mode to production, or \
         development_on_network to true if everybody who reaches this address may see all of it",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_production_refuses_is_what_the_containers_have_for_trying_out() {
        let containers = include_str!("../../docker-compose.yml");
        assert!(containers.contains(&format!("POSTGRES_PASSWORD:-{TRIAL_PASSWORD}}}@")));
        let (_, url) = containers.split_once("EVENKEEL_SMTP_URL:-").unwrap();
        let (url, _) = url.split_once('}').unwrap();
        let refused = |database: &str, mail: &str, production| {
            let mail = SecretString::from(mail.to_owned());
            let outcome = trial_defaults(&Location::parse(database).unwrap(), Some(&mail), production);
            outcome.err().map(|error| error.field)
        };
        let (known, own) = (
            format!("postgres://evenkeel:{TRIAL_PASSWORD}@postgres:5432/evenkeel"),
            "postgres://evenkeel:of-its-own@postgres:5432/evenkeel",
        );
        let real = "smtps://user:password@mail.example.org";
        assert_eq!(refused(&known, real, true).as_deref(), Some("database_url"));
        let pooled = Location::parse("postgres://u@pooler:6432/evenkeel").unwrap().pooled(&known).unwrap();
        let mail = SecretString::from(real.to_owned());
        assert_eq!(trial_defaults(&pooled, Some(&mail), true).unwrap_err().field, "database_direct_url");
        assert_eq!(refused(own, url, true).as_deref(), Some("smtp_url"));
        assert_eq!(refused(own, "smtp://localhost:1025", true).as_deref(), Some("smtp_url"));
        assert_eq!(refused(own, "smtp://mailhog.care.svc?tls=none", true).as_deref(), Some("smtp_url"));
        assert_eq!(refused(own, real, true), None);
        assert_eq!(refused("sqlite:evenkeel.db", real, true), None);
        assert_eq!(refused(&known, url, false), None, "trying out is what they are for");
    }
}

//! Settings that become something else when they are checked.

use super::{ConfigError, wrong};
use crate::vault::key_ring::{MasterSource, are_masters};
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

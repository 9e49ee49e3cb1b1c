//! The check-up's findings on keys, push identity, zones, the mail server, the public address and monitoring.

use super::finding::Finding;
use crate::actions::accounts::mail_features::MailFeatures;
use crate::config::{Config, Dkim, Mode};
use crate::delivery::dkim::Signer;
use crate::delivery::smtp::{MailServer, Refused};
use crate::delivery::web_push::VapidKey;
use crate::domain::zone_rules::ZoneRules;
use crate::vault::keys::{KeyError, Keys};
use crate::vault::ledger::Ledger;
use secrecy::ExposeSecret;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use url::{Host, Url};

/// How long connecting to the mail server may take, TLS and log-in included.
const SMTP_TIMEOUT: Duration = Duration::from_secs(15);
/// How long looking up a host name may take.
const LOOK_UP_TIMEOUT: Duration = Duration::from_secs(5);

/// Whether the key files exist, are whole, and can be read by their owner alone.
pub fn keys(folder: &Path, keys: Result<&Keys, &KeyError>) -> Finding {
    let shown = folder.display();
    match keys {
        Ok(_) => match std::fs::metadata(folder).map(|found| found.permissions().mode() & 0o077) {
            Ok(0) => Finding::ok("keys", format!("all are in {shown}, and only their owner can read them")),
            Ok(_) => Finding::warn("keys", format!("others can look into {shown}: chmod 700 it")),
            Err(error) => Finding::fail("keys", format!("{shown}: {error}")),
        },
        Err(KeyError::Io(path, error)) if error.kind() == std::io::ErrorKind::NotFound => Finding::fail(
            "keys",
            format!("{} is missing; put it back, or on a new machine run evenkeel keys", path.display()),
        ),
        Err(error) => Finding::fail("keys", error.to_string()),
    }
}

/// Why the ledger of erased accounts cannot be read, if so: `serve` does not start then.
pub fn ledger(folder: &Path) -> Option<Finding> {
    let error = Ledger::beside(folder).read().err()?;
    Some(Finding::fail("keys", format!("the list of who was erased, {}/erased: {error}", folder.display())))
}

/// Whether a host is this machine, or one that others cannot find.
fn is_local(host: Option<Host<&str>>) -> bool {
    match host {
        None => true,
        Some(Host::Domain(name)) => is_local_name(name),
        Some(Host::Ipv4(ip)) => ip.is_loopback() || ip.is_unspecified(),
        Some(Host::Ipv6(ip)) => ip.is_loopback() || ip.is_unspecified(),
    }
}

fn is_local_name(name: &str) -> bool {
    let last = name.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
    !name.contains('.') || matches!(last, "localhost" | "local" | "test" | "invalid" | "example" | "internal")
}

/// Push services know this server by its key and the operator's address (RFC 8292, 2.1 and 3.2).
pub fn vapid(config: &Config, keys: Option<&Keys>) -> Vec<Finding> {
    let key = keys.map(|keys| match VapidKey::new(&keys.vapid) {
        Ok(key) => Finding::ok("push", format!("the VAPID key is one of P-256: {}", key.public())),
        Err(error) => Finding::fail("push", format!("vapid.key is not usable: {error}")),
    });
    key.into_iter().chain([subject(&config.push_contact, config.mode)]).collect()
}

fn subject(contact: &Url, mode: Mode) -> Finding {
    let (well_formed, local) = match contact.scheme() {
        "mailto" => match contact.path().rsplit_once('@') {
            Some((name, host)) => (!name.is_empty() && !host.is_empty(), is_local_name(host)),
            None => (false, false),
        },
        "https" => (true, is_local(contact.host())),
        _ => (false, false),
    };
    if !well_formed {
        let sentence =
            "push_contact is neither mailto:name@host nor https://…; push services would refuse it";
        return Finding::fail("push", sentence);
    }
    match (local, mode) {
        (false, _) => Finding::ok("push", "push_contact tells push services whom to write to"),
        (true, Mode::Production) => Finding::fail(
            "push",
            "push_contact is an address that nobody can reach; Apple refuses such pushes",
        ),
        (true, Mode::Development) => Finding::warn(
            "push",
            "push_contact is an address that nobody can reach; real phones of Apple will get nothing",
        ),
    }
}

/// Whether local times are right: the zone data are built in, and show a known clock change.
pub fn zones() -> Finding {
    let rules = ZoneRules::chosen();
    let hours = |zone: &str, day: i8| -> Result<i64, jiff::Error> {
        let date = jiff::civil::date(2026, 10, day);
        let zone = rules.zone(zone).ok_or_else(|| jiff::Error::from_args(format_args!("no zone {zone}")))?;
        let (from, to) = (date.to_zoned_datetime(zone.clone())?, date.tomorrow()?.to_zoned_datetime(zone)?);
        Ok(to.timestamp().duration_since(from.timestamp()).as_hours())
    };
    match (hours("Europe/Berlin", 25), hours("America/Los_Angeles", 25), hours("Asia/Kolkata", 25)) {
        (Ok(25), Ok(24), Ok(24)) => {
            let version = &rules.version;
            let sentence = match (rules.of_machine, &rules.other) {
                (true, Some(own)) => {
                    format!("rules {version} of this machine count, newer than this program's {own}")
                }
                (true, None) => format!("rules {version} of this machine count"),
                (false, Some(other)) if other == version => {
                    format!("rules {version} count, this program's and the machine's")
                }
                (false, Some(other)) => {
                    format!("rules {version} of this program count, newer than this machine's {other}")
                }
                (false, None) => {
                    format!("rules {version} of this program count; the machine's tell no version")
                }
            };
            Finding::ok("zones", sentence)
        }
        (Ok(_), Ok(_), Ok(_)) => {
            Finding::fail("zones", "the time zones' data are wrong; update tzdata on this machine")
        }
        (Err(error), _, _) | (_, Err(error), _) | (_, _, Err(error)) => {
            Finding::fail("zones", format!("{error}; install tzdata on this machine"))
        }
    }
}

/// Connects to the mail server, with TLS and the log-in as set. It sends no mail.
pub async fn mail(config: &Config) -> Finding {
    let Some(secret) = &config.smtp_url else {
        let outbox = config.data_dir.join("outbox");
        let sentence = format!("no smtp_url is set: mails become files in {}", outbox.display());
        return Finding::warn("mail", sentence);
    };
    let features = Arc::<MailFeatures>::default();
    let server = match MailServer::at(secret.expose_secret()) {
        Ok(server) => server.greeted_as(config.public_url.host()).noting(Arc::clone(&features)),
        Err(sentence) => return Finding::fail("mail", format!("smtp_url: {sentence}")),
    };
    match tokio::time::timeout(SMTP_TIMEOUT, server.check()).await {
        Ok(Ok(())) => greeted(&server, config.mode, &features),
        Ok(Err(refused)) => Finding::fail("mail", refusal(&refused)),
        Err(_) => Finding::fail("mail", "the mail server does not answer in time; check host and port"),
    }
}

/// Whether mails are signed, and the DNS record that this needs. The check-up does not query the DNS: this machine may
/// see another answer than the mail servers that will ask.
pub fn signing(config: &Config) -> Vec<Finding> {
    let Some(Dkim { selector, domain, key_file }) = &config.dkim else {
        let sentence = "mails are not signed here (no dkim_key_file is set); let the mail server sign them";
        return vec![Finding::ok("signing", sentence)];
    };
    let signer = match Signer::read(selector, domain, key_file) {
        Ok(signer) => signer,
        Err(sentence) => return vec![Finding::fail("signing", format!("dkim_key_file: {sentence}"))],
    };
    let (name, record) = signer.record();
    let told = Finding::ok("signing", format!("mails are signed; the DNS must have TXT {name} \"{record}\""));
    let open = std::fs::metadata(key_file).is_ok_and(|found| found.permissions().mode() & 0o077 != 0);
    let readable = open
        .then(|| Finding::warn("signing", format!("others can read {}: chmod 600 it", key_file.display())));
    readable.into_iter().chain([told]).collect()
}

fn greeted(server: &MailServer, mode: Mode, features: &MailFeatures) -> Finding {
    if server.can_be_read() && mode == Mode::Production {
        let sentence =
            "the mail server answers, and mails may go to it unencrypted; use smtps://… or ?tls=required";
        return Finding::warn("mail", sentence);
    }
    let taken = if server.logs_in() { " and takes the log-in" } else { "" };
    let letters = if features.ascii_only() {
        "; it lacks SMTPUTF8, so addresses with letters such as ä before the @ are refused"
    } else {
        ""
    };
    Finding::ok("mail", format!("the mail server answers{taken}{letters}"))
}

fn refusal(refused: &Refused) -> String {
    match refused.reply.map(|reply| reply.code) {
        Some(code @ (530 | 534 | 535 | 538)) => {
            format!("the mail server does not take the log-in ({code}); check user and password in smtp_url")
        }
        Some(code) => format!("the mail server refuses ({code})"),
        None => {
            format!("no talk with the mail server comes about: {}; check host, port and tls", refused.cause)
        }
    }
}

/// Whether the links in mails can work.
pub fn public_url(config: &Config) -> Finding {
    let url = &config.public_url;
    match config.mode {
        Mode::Development => Finding::ok("address", format!("links in mails begin with {url}")),
        Mode::Production if is_local(url.host()) => {
            Finding::fail("address", format!("public_url is {url}, which leads nowhere from a phone"))
        }
        Mode::Production if !matches!(url.host(), Some(Host::Domain(_))) => Finding::warn(
            "address",
            format!("public_url is {url}: no certificate that phones trust has that name"),
        ),
        Mode::Production => Finding::ok("address", format!("links in mails begin with {url}")),
    }
}

/// Whether clients behind a proxy are told apart.
pub fn proxies(config: &Config) -> Option<Finding> {
    let said = "no proxy is trusted, so behind one everybody counts as one client, and one who tries passwords keeps \
                all from logging in: set trusted_proxies to the proxy's address";
    config.takes_all_for_one().then(|| Finding::warn("proxies", said.to_owned()))
}

/// Whether anybody would notice that the service is down.
pub async fn watching(config: &Config) -> Vec<Finding> {
    let production = config.mode == Mode::Production;
    let metrics = match config.metrics_listen {
        Some(at) if at.ip().is_unspecified() && production => Finding::warn(
            "watching",
            format!("metrics_listen is {at}, every network's; let it be the one of whoever scrapes"),
        ),
        Some(at) => Finding::ok("watching", format!("metrics are served on {at}")),
        None if production => Finding::warn("watching", "no metrics_listen is set: nothing can be graphed"),
        None => Finding::ok("watching", "no metrics_listen is set"),
    };
    vec![metrics, heartbeat(config, production).await]
}

/// The check-up does not fetch the URL: that would report a healthy worker.
async fn heartbeat(config: &Config, production: bool) -> Finding {
    let url = config.heartbeat_url.as_ref().and_then(|url| Url::parse(url.expose_secret()).ok());
    let host = url.as_ref().and_then(|url| Some((url.host_str()?.to_owned(), url.port_or_known_default()?)));
    let Some((host, port)) = host else {
        return if production {
            Finding::warn("watching", "no heartbeat_url is set: nobody is told if this machine goes down")
        } else {
            Finding::ok("watching", "no heartbeat_url is set")
        };
    };
    match tokio::time::timeout(LOOK_UP_TIMEOUT, tokio::net::lookup_host((host.as_str(), port))).await {
        Ok(Ok(_)) => Finding::ok("watching", "the host of heartbeat_url is found"),
        Ok(Err(_)) | Err(_) => Finding::fail(
            "watching",
            "the host of heartbeat_url is not found; check its spelling and the DNS",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Mark;
    use super::*;

    #[test]
    fn push_services_are_told_somebody_who_can_be_reached() {
        for (contact, production, development) in [
            ("mailto:operator@example.org", Mark::Ok, Mark::Ok),
            ("https://care.example.org/contact", Mark::Ok, Mark::Ok),
            ("mailto:operator@localhost", Mark::Fail, Mark::Warn),
            ("https://127.0.0.1/", Mark::Fail, Mark::Warn),
            ("mailto:operator@care.local", Mark::Fail, Mark::Warn),
            ("mailto:operator", Mark::Fail, Mark::Fail),
            ("mailto:@example.org", Mark::Fail, Mark::Fail),
        ] {
            let contact = contact.parse().unwrap();
            assert_eq!(subject(&contact, Mode::Production).mark, production, "{contact}");
            assert_eq!(subject(&contact, Mode::Development).mark, development, "{contact}");
        }
    }

    #[test]
    fn a_mail_server_elsewhere_is_not_talked_to_in_the_open() {
        for (url, mark) in [
            ("smtps://u:p@mail.example.org", Mark::Ok),
            ("smtp://u:p@mail.example.org?tls=required", Mark::Ok),
            ("smtp://u:p@mail.example.org", Mark::Ok),
            ("smtp://u:p@mail.example.org?tls=none", Mark::Warn),
            ("smtp://u:p@mail.example.org?tls=opportunistic", Mark::Warn),
            ("smtp://localhost", Mark::Ok),
        ] {
            let features = MailFeatures::default();
            assert_eq!(
                greeted(&MailServer::at(url).unwrap(), Mode::Production, &features).mark,
                mark,
                "{url}"
            );
        }
    }
}

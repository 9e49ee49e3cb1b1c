//! SMTP, step by step, so that refusals of this server, of the recipient and of the text can be told apart (R20).

use crate::actions::accounts::mail_features::MailFeatures;
use crate::domain::mail_reply::{MailReply, MailStep};
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use lettre::{Address, Message};
use percent_encoding::percent_decode_str;
use std::borrow::Cow;
use std::error::Error as _;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use url::{Host, Url};

/// The time-out of connecting.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// Idle connections kept for the next mail, and for how long: servers close idle ones after some minutes.
const IDLE_MAX: usize = 4;
const IDLE_FOR: Duration = Duration::from_mins(1);

/// How the connection is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tls {
    /// From the first byte (RFC 8314).
    Implicit,
    /// By `STARTTLS`; without it, no mail is sent.
    Required,
    /// By `STARTTLS` if the server offers it, else in clear.
    Opportunistic,
    /// Not encrypted: the default for a server on the same machine.
    None,
}

/// A mail server and its idle connections.
pub struct MailServer {
    host: String,
    local: bool,
    port: u16,
    tls: Tls,
    parameters: TlsParameters,
    credentials: Option<Credentials>,
    hello: ClientId,
    features: Arc<MailFeatures>,
    idle: Mutex<Vec<(AsyncSmtpConnection, Instant)>>,
}

/// Why a mail was not accepted.
#[derive(Debug)]
pub struct Refused {
    /// The step that failed.
    pub step: MailStep,
    /// The server's reply; `None`: it gave none.
    pub reply: Option<MailReply>,
    /// The kind of error, without personal data.
    pub cause: &'static str,
}

impl Refused {
    fn at(step: MailStep, error: &Error) -> Self {
        let cause = if error.is_response() || error.status().is_some() {
            "refused"
        } else if error.is_tls() {
            "TLS failed"
        } else if error.is_timeout() {
            "timed out"
        } else if error.is_client() {
            "the server lacks what is needed"
        } else {
            "the connection failed"
        };
        // The server's words are read and not kept: they may quote an address.
        let words = error.source().map(ToString::to_string).unwrap_or_default();
        let reply = error.status().map(|code| MailReply::read(code.into(), &words));
        Self { step, reply, cause }
    }
}

impl MailServer {
    /// The server at that URL: `smtps://USER:PASSWORD@HOST:PORT` for TLS from the first byte, `smtp://…` for
    /// `STARTTLS`. Passwords and reminders must not cross a network in clear, so `STARTTLS` is required unless the
    /// host is this machine or the URL sets `?tls=required`, `?tls=opportunistic` or `?tls=none`.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the URL and quotes nothing of it.
    pub fn at(url: &str) -> Result<Self, &'static str> {
        const FORMS: &str =
            "the valid forms are smtp://… and smtps://…, such as smtps://user:password@mail.example.org";
        let url = Url::parse(url).map_err(|_| FORMS)?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(FORMS)?;
        // The URL standard does not parse IP addresses in these schemes.
        let local = host == "localhost" || bare(host).parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        let wanted = url.query_pairs().find(|(name, _)| name == "tls").map(|(_, value)| value.into_owned());
        let tls = match (url.scheme(), wanted.as_deref()) {
            ("smtps", None) => Tls::Implicit,
            ("smtp", None) if local => Tls::None,
            ("smtp", None | Some("required")) => Tls::Required,
            ("smtp", Some("opportunistic")) => Tls::Opportunistic,
            ("smtp", Some("none")) => Tls::None,
            ("smtp", Some(_)) => return Err("tls is one of required, opportunistic, none"),
            _ => return Err(FORMS),
        };
        let port = url.port().unwrap_or(match tls {
            Tls::Implicit => 465,
            Tls::Required | Tls::Opportunistic => 587,
            Tls::None => 25,
        });
        let host = bare(host).to_owned();
        let decoded =
            |text: &str| percent(text).ok_or("special characters in the password are written as %XX");
        let credentials = match url.password() {
            Some(password) => Some(Credentials::new(decoded(url.username())?, decoded(password)?)),
            None if url.username().is_empty() => None,
            None => return Err("a user needs a password: smtps://user:password@mail.example.org"),
        };
        let parameters = TlsParameters::new(host.clone()).map_err(|_| "TLS cannot be used with this host")?;
        // The path names this machine to the server, as in smtps://mail.example.org/care.example.org.
        let hello = match url.path().trim_matches('/') {
            "" => ClientId::default(),
            name => ClientId::Domain(name.to_owned()),
        };
        let (features, idle) = (Arc::default(), Mutex::default());
        Ok(Self { host, local, port, tls, parameters, credentials, hello, features, idle })
    }

    /// The same server, greeted (`EHLO`) in the name of this host, unless the server's URL names another.
    #[must_use]
    pub fn greeted_as(mut self, host: Option<Host<&str>>) -> Self {
        if self.hello == ClientId::default() {
            self.hello = match host {
                Some(Host::Domain(name)) => ClientId::Domain(name.trim_end_matches('.').to_owned()),
                Some(Host::Ipv4(ip)) => ClientId::Ipv4(ip),
                Some(Host::Ipv6(ip)) => ClientId::Ipv6(ip),
                None => self.hello,
            };
        }
        self
    }

    /// The same server, whose features are noted whenever a connection is made.
    #[must_use]
    pub fn noting(mut self, features: Arc<MailFeatures>) -> Self {
        self.features = features;
        self
    }

    /// Hands a mail over; returns the server's code.
    ///
    /// # Errors
    /// The step that failed and why.
    pub async fn send(&self, mail: &Message) -> Result<u16, Refused> {
        let mut connection = self.connection().await?;
        let code = hand_over(&mut connection, mail).await?;
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_MAX {
            idle.push((connection, Instant::now()));
        }
        Ok(code)
    }

    /// Whether mails to this server may cross a network in clear.
    pub fn can_be_read(&self) -> bool {
        !self.local && matches!(self.tls, Tls::None | Tls::Opportunistic)
    }

    /// Whether the URL has a user and a password.
    pub fn logs_in(&self) -> bool {
        self.credentials.is_some()
    }

    /// Checks the settings: connects, starts TLS, logs in and quits.
    ///
    /// # Errors
    /// Why it could not connect or log in.
    pub async fn check(&self) -> Result<(), Refused> {
        let mut connection =
            self.connect().await.map_err(|error| Refused::at(MailStep::Connection, &error))?;
        // A failed QUIT says nothing about the settings.
        let _ = connection.quit().await;
        Ok(())
    }

    async fn connection(&self) -> Result<AsyncSmtpConnection, Refused> {
        loop {
            let kept = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some((mut connection, since)) = kept else { break };
            if since.elapsed() < IDLE_FOR && connection.test_connected().await {
                return Ok(connection);
            }
        }
        self.connect().await.map_err(|error| Refused::at(MailStep::Connection, &error))
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Error> {
        let server = (self.host.as_str(), self.port);
        let implicit = (self.tls == Tls::Implicit).then(|| self.parameters.clone());
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(server, Some(CONNECT_WITHIN), &self.hello, implicit, None)
                .await?;
        let offered = connection.can_starttls();
        if self.tls == Tls::Required || (self.tls == Tls::Opportunistic && offered) {
            // If the server lacks STARTTLS, this fails before anything confidential is sent.
            connection.starttls(self.parameters.clone(), &self.hello).await?;
        }
        if let Some(credentials) = &self.credentials {
            connection.auth(DEFAULT_MECHANISMS, credentials).await?;
        }
        self.features.note(connection.server_info().supports_feature(Extension::SmtpUtfEight));
        Ok(connection)
    }
}

async fn hand_over(connection: &mut AsyncSmtpConnection, mail: &Message) -> Result<u16, Refused> {
    let at = |step| move |error: Error| Refused::at(step, &error);
    let (envelope, text) = (mail.envelope(), mail.formatted());
    let mut parameters = Vec::new();
    let addresses = envelope.from().into_iter().chain(envelope.to());
    if addresses.map(|address: &Address| AsRef::<str>::as_ref(address)).any(|address| !address.is_ascii()) {
        if !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
            let cause = "the server lacks SMTPUTF8, which this address needs";
            let reply = Some(MailReply::read(553, "5.6.7 not sent"));
            return Err(Refused { step: MailStep::Text, reply, cause });
        }
        parameters.push(MailParameter::SmtpUtfEight);
    }
    if !text.is_ascii() && connection.server_info().supports_feature(Extension::EightBitMime) {
        parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    connection
        .command(Mail::new(envelope.from().cloned(), parameters))
        .await
        .map_err(at(MailStep::Sender))?;
    for recipient in envelope.to() {
        let rcpt = Rcpt::new(recipient.clone(), Vec::new());
        connection.command(rcpt).await.map_err(at(MailStep::Recipient))?;
    }
    connection.command(Data).await.map_err(at(MailStep::Text))?;
    let answer = connection.message(&text).await.map_err(at(MailStep::Text))?;
    Ok(answer.code().into())
}

/// A host without the brackets of an IPv6 address, if it has any.
fn bare(host: &str) -> &str {
    host.trim_matches(['[', ']'])
}

/// Decodes `%XX`; `None` if the result is not UTF-8.
fn percent(text: &str) -> Option<String> {
    percent_decode_str(text).decode_utf8().ok().map(Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_crosses_a_network_in_clear_unless_the_url_says_so() {
        for (url, tls, port) in [
            ("smtps://u:p@mail.example.org", Tls::Implicit, 465),
            ("smtp://mail.example.org", Tls::Required, 587),
            ("smtp://mail.example.org:25?tls=opportunistic", Tls::Opportunistic, 25),
            ("smtp://mailpit:1025?tls=none", Tls::None, 1025),
            ("smtp://127.0.0.1:1025", Tls::None, 1025),
            ("smtp://[::1]", Tls::None, 25),
            ("smtp://localhost?tls=required", Tls::Required, 587),
        ] {
            let server = MailServer::at(url).unwrap();
            assert_eq!((server.tls, server.port), (tls, port), "{url}");
        }
        for wrong in [
            "mail.example.org",
            "http://mail.example.org",
            "smtp://",
            "smtp://h?tls=maybe",
            "smtps://h?tls=none",
        ] {
            assert!(MailServer::at(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_password_may_hold_anything() {
        assert_eq!(percent("a%40b+c%20d%2B&e=f").as_deref(), Some("a@b+c d+&e=f"));
        assert_eq!(percent("a%FFb"), None);
        let server = MailServer::at("smtps://me%40example.org:a%2Fb@mail.example.org").unwrap();
        let expected = Credentials::new("me@example.org".to_owned(), "a/b".to_owned());
        assert_eq!(server.credentials, Some(expected));
    }
}

//! Sending by e-mail: composes a discreet text and HTML mail, and sends it by SMTP or writes it to a file.

use super::dkim::Signer;
use super::smtp::{MailServer, Refused};
use crate::actions::accounts::mail_features::MailFeatures;
use crate::actions::nudges::claim::Mailing;
use crate::domain::account::Email;
use crate::domain::hand_over::SendResult;
use crate::domain::mail_reply::MailStep;
use crate::domain::nudge::{AttemptOutcome, fingerprint};
use crate::domain::wording::Letter;
use crate::store::nudge::NudgeRow;
use askama::Template;
use data_encoding::HEXLOWER;
use jiff::Timestamp;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::{Address, Message};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};
use url::{Host, Url};

/// The time-out of a hand-over to the mail server, as long as a lease allows: many servers scan a mail before they
/// accept it, and a client that gives up earlier sends it twice (RFC 5321, 4.5.3.2.6).
pub const TIMEOUT: Duration = Duration::from_secs(75);

/// The text part.
#[derive(Template)]
#[template(path = "mail.txt", escape = "none")]
struct TextPart<'a> {
    letter: &'a Letter,
    link: &'a str,
    choices: Option<&'a str>,
}

/// The HTML part.
#[derive(Template)]
#[template(path = "mail.html")]
struct HtmlPart<'a> {
    letter: &'a Letter,
    link: &'a str,
    choices: Option<&'a str>,
}

/// Why the mail sender could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// The sender's address or the server's URL is wrong.
    #[error("mail settings: {0}")]
    Settings(String),
    /// The folder for mails cannot be created.
    #[error("the folder for mails: {0}")]
    Outbox(#[from] std::io::Error),
}

enum Transport {
    Smtp(MailServer),
    Files(PathBuf),
}

/// Hands mails to a mail server, or writes them to files.
pub struct MailSender {
    transport: Transport,
    from: Mailbox,
    public_url: Url,
    signer: Option<Signer>,
}

impl MailSender {
    /// A sender through a mail server, which is greeted in the name of the public URL's host; notes what it can do.
    pub fn smtp(
        url: &str,
        from: &str,
        public_url: Url,
        features: Arc<MailFeatures>,
    ) -> Result<Self, MailError> {
        let server = MailServer::at(url).map_err(|sentence| MailError::Settings(sentence.to_owned()))?;
        let server = server.greeted_as(public_url.host()).noting(features);
        Self::new(Transport::Smtp(server), from, public_url)
    }

    /// A sender that writes `*.eml` files, for trying the service out.
    pub fn files(folder: &Path, from: &str, public_url: Url) -> Result<Self, MailError> {
        std::fs::create_dir_all(folder)?;
        Self::new(Transport::Files(folder.to_owned()), from, public_url)
    }

    fn new(transport: Transport, from: &str, public_url: Url) -> Result<Self, MailError> {
        let wrong = || MailError::Settings("mail_from is not an address".to_owned());
        let mut from: Mailbox = from.parse().map_err(|_| wrong())?;
        if !from.email.domain().is_ascii() {
            // In its DNS form: a Message-ID can hold no other letters, and not every server takes them in an address.
            let domain = Host::parse(from.email.domain()).map_err(|_| wrong())?;
            from.email = Address::new(from.email.user(), domain.to_string()).map_err(|_| wrong())?;
        }
        Ok(Self { transport, from, public_url, signer: None })
    }

    /// The same sender, which signs its mails if there is a signer.
    #[must_use]
    pub fn signing(mut self, signer: Option<Signer>) -> Self {
        self.signer = signer;
        self
    }

    /// Sends one nudge to one address.
    pub async fn send(&self, nudge: &NudgeRow, mailing: &Mailing, now: Timestamp) -> SendResult {
        let link = self.link(&mailing.path);
        let mail = match self.compose(nudge, mailing, &link, now) {
            Ok(mail) => mail,
            Err(error) => {
                tracing::error!(%error, nudge = %nudge.id, "a mail could not be composed");
                return SendResult::new(AttemptOutcome::Refused, None);
            }
        };
        match &self.transport {
            Transport::Smtp(server) => match tokio::time::timeout(TIMEOUT, server.send(&mail)).await {
                Ok(Ok(code)) => SendResult::new(AttemptOutcome::Accepted, Some(code.into())),
                Ok(Err(Refused { step, reply, cause })) => {
                    let result = SendResult::of_mail(step, reply.as_ref());
                    let (code, enhanced) =
                        (result.code, reply.and_then(|reply| reply.enhanced).map(tracing::field::display));
                    // The server's words are not logged: they may quote the address (R35).
                    if result.refuses_us {
                        tracing::error!(?step, code, enhanced, cause, "the mail server refuses this server");
                    } else {
                        tracing::info!(nudge = %nudge.id, ?step, code, enhanced, cause, "a mail was not taken");
                    }
                    result
                }
                Err(_) => SendResult::of_mail(MailStep::Connection, None),
            },
            Transport::Files(folder) => {
                let file = folder.join(format!("{}.eml", nudge.id));
                match tokio::fs::write(&file, mail.formatted()).await {
                    Ok(()) => {
                        // The link is logged only here, without a mail server, so that a developer finds it.
                        tracing::info!("a mail was written to {}; its link: {link}", file.display());
                        SendResult::new(AttemptOutcome::Accepted, None)
                    }
                    Err(error) => {
                        tracing::error!(%error, "a mail could not be written");
                        SendResult::new(AttemptOutcome::Deferred, None)
                    }
                }
            }
        }
    }

    /// Asks the mail server what it can do, so that an address that it cannot write to is refused when it is entered. False:
    /// it could not be asked.
    pub async fn ask_features(&self) -> bool {
        let Transport::Smtp(server) = &self.transport else { return true };
        match tokio::time::timeout(TIMEOUT, server.check()).await {
            Ok(Ok(())) => true,
            Ok(Err(Refused { step, cause, .. })) => {
                tracing::warn!(?step, cause, "the mail server could not be asked what it can do");
                false
            }
            Err(_) => {
                tracing::warn!(
                    "the mail server could not be asked what it can do: it does not answer in time"
                );
                false
            }
        }
    }

    fn compose(
        &self,
        nudge: &NudgeRow,
        mailing: &Mailing,
        link: &str,
        now: Timestamp,
    ) -> Result<Message, Box<dyn std::error::Error + Send + Sync>> {
        let Mailing { to, letter, path: _, choices } = mailing;
        let preferences = choices.as_ref().map(|token| self.link(&format!("preferences/{token}")));
        let address = Email::parse("to", to).map_or_else(|_| to.clone(), |email| email.for_mail());
        let text = TextPart { letter, link, choices: preferences.as_deref() }.render()?;
        let html = HtmlPart { letter, link, choices: preferences.as_deref() }.render()?;
        let seconds = u64::try_from(now.as_second()).unwrap_or(0);
        let header =
            |name, value: &str| HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned());
        let mut mail = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, address.parse()?))
            .subject(letter.subject)
            .date(UNIX_EPOCH + Duration::from_secs(seconds))
            .message_id(Some(self.message_id(nudge)))
            .raw_header(header("Auto-Submitted", "auto-generated"))
            .raw_header(header("X-Auto-Response-Suppress", "All"));
        if let Some(token) = choices {
            let stop = format!("<{}>", self.link(&format!("unsubscribe/{token}")));
            mail = mail
                .raw_header(header("List-Unsubscribe", &stop))
                .raw_header(header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"));
        }
        let mut mail = mail.multipart(MultiPart::alternative_plain_html(text, html))?;
        if let Some(signer) = &self.signer {
            signer.sign(&mut mail);
        }
        Ok(mail)
    }

    /// A link to a page of the service.
    fn link(&self, path: &str) -> String {
        self.public_url.join(path).map_or_else(|_| self.public_url.to_string(), |url| url.to_string())
    }

    /// The Message-ID, made of the nudge's key: a repeat has the same one, and mail programs show it once (R14).
    fn message_id(&self, nudge: &NudgeRow) -> String {
        let hex = HEXLOWER.encode(&fingerprint(nudge.shown_key())[..16]);
        format!("<{hex}@{}>", self.from.email.domain())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_senders_domain_is_written_in_its_dns_form() {
        let folder = tempfile::tempdir().unwrap();
        let url: Url = "https://example.org".parse().unwrap();
        let from = |from| {
            MailSender::files(folder.path(), from, url.clone()).ok().map(|sender| sender.from.to_string())
        };
        assert_eq!(from("Sam <sam@exämple.org>").as_deref(), Some("Sam <sam@xn--exmple-cua.org>"));
        assert_eq!(from("Sam <sam@Example.org>").as_deref(), Some("Sam <sam@Example.org>"));
        assert_eq!(from("sam"), None);
    }

    #[test]
    fn whatever_a_letter_or_a_link_holds_is_text_in_html_and_plain_in_text() {
        let hostile = "\"><script>alert('1')</script>&";
        let letter = Letter {
            subject: "</title><script>",
            paragraphs: vec!["<b>a</b> & \"b\""].into(),
            link: "<i>go</i>",
        };
        let html = HtmlPart { letter: &letter, link: hostile, choices: Some(hostile) }.render().unwrap();
        for raw in ["<script", "<b>", "<i>", "\">\"", "'1'"] {
            assert!(!html.contains(raw), "{raw} in {html}");
        }
        let text = TextPart { letter: &letter, link: hostile, choices: None }.render().unwrap();
        assert!(text.starts_with("<b>a</b> & \"b\"\n\n<i>go</i>:\n") && text.contains(hostile), "{text}");
        assert!(!text.contains("No more of these"), "a mail that somebody asked for has no choices");
    }
}

//! A mail server on 127.0.0.1 that keeps each mail.

use std::{
    borrow::Cow,
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener as StdListener},
    sync::{Arc, Mutex},
};

use jiff::Timestamp;
use mail_parser::{HeaderForm, Message, MessageParser, MessagePart, PartType};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    sync::watch,
};

use super::loopback::{Connection, Handling, Loopback, Now, locked};

/// The largest mail accepted, as advertised by `SIZE`.
pub const MAX_MAIL: usize = 10 * 1024 * 1024;
const MAX_LINE: u64 = 64 * 1024;

/// A mail that was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// When it was accepted, by the receiver's clock.
    pub at: Timestamp,
    /// The envelope's sender.
    pub from: String,
    /// The envelope's recipients.
    pub to: Vec<String>,
    /// The mail as sent, without the dots that SMTP adds.
    pub raw: Vec<u8>,
}

impl Mail {
    /// The decoded subject.
    pub fn subject(&self) -> Option<String> {
        Some(self.parse()?.subject()?.to_owned())
    }

    /// The Message-ID without its angle brackets.
    pub fn message_id(&self) -> Option<String> {
        Some(self.parse()?.message_id()?.to_owned())
    }

    /// The decoded text part; an HTML part is not turned into one.
    pub fn text(&self) -> Option<String> {
        let message = self.parse()?;
        message.text_bodies().find_map(|part| match &part.body {
            PartType::Text(text) => Some(text.to_string()),
            _ => None,
        })
    }

    /// The decoded HTML part; a text part is not turned into one.
    pub fn html(&self) -> Option<String> {
        let message = self.parse()?;
        message.html_bodies().find_map(|part: &MessagePart<'_>| match &part.body {
            PartType::Html(html) => Some(html.to_string()),
            _ => None,
        })
    }

    /// The first header of this name, in any case: unfolded, and decoded if it holds encoded words.
    pub fn header(&self, name: &str) -> Option<String> {
        let message = self.parse()?;
        let raw = message.header_raw(Cow::Owned(name.to_owned()))?;
        if raw.contains("=?") {
            let decoded = message.header_as(Cow::Owned(name.to_owned()), HeaderForm::Text);
            return Some(decoded.first()?.as_text()?.to_owned());
        }
        Some(raw.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    fn parse(&self) -> Option<Message<'_>> {
        MessageParser::default().parse(&self.raw)
    }
}

/// A valid step of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// `MAIL FROM`.
    Sender,
    /// `RCPT TO` of this address, once for each recipient.
    Recipient(&'a str),
    /// `DATA`, before the text.
    Data,
    /// The dot that ends the text.
    EndOfData,
}

/// What a mail server does at a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// The step succeeds.
    Usual,
    /// The step fails with this code.
    Fail(u16),
    /// The step fails with this reply, code and words.
    Say(&'static str),
    /// The connection closes without a reply: at `Data` in the middle of the text.
    Close {
        /// At `EndOfData`: whether the mail is kept first.
        keep: bool,
    },
}

/// How a mail server answers each step.
pub trait MailHandler: Send + Sync {
    /// Decides, when it is ready to; it may watch the connection meanwhile.
    fn course<'a>(&'a self, step: Step<'a>, stream: &'a mut Connection) -> Handling<'a, Course>;

    /// Whether the server offers SMTPUTF8; one that does not refuses addresses beyond ASCII.
    fn takes_utf8(&self) -> bool {
        true
    }

    /// Hears the name that a client gives in `EHLO`.
    fn greeted(&self, _name: &str) {}
}

/// The default: accepts every mail.
struct Accepting;

impl MailHandler for Accepting {
    fn course<'a>(&'a self, _: Step<'a>, _: &'a mut Connection) -> Handling<'a, Course> {
        Box::pin(std::future::ready(Course::Usual))
    }
}

/// A mail server on a port of its own. It stops when dropped.
pub struct SmtpReceiver {
    shared: Arc<Shared>,
    address: SocketAddr,
    server: Loopback,
}

struct Shared {
    now: Now,
    received: Mutex<Vec<Mail>>,
    count: watch::Sender<usize>,
    handler: Box<dyn MailHandler>,
}

impl SmtpReceiver {
    /// Listens on a free port of 127.0.0.1, with a thread and a runtime of its own, and accepts every mail.
    pub fn start(now: Now) -> io::Result<Self> {
        Self::start_with(now, Box::new(Accepting))
    }

    /// Like [`SmtpReceiver::start`], with another handler of the steps.
    pub fn start_with(now: Now, handler: Box<dyn MailHandler>) -> io::Result<Self> {
        let listener = StdListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let count = watch::Sender::new(0);
        let shared = Arc::new(Shared { now, received: Mutex::default(), count, handler });
        let of_server = Arc::clone(&shared);
        let server = Loopback::run(listener, move |stream| {
            let shared = Arc::clone(&of_server);
            // A sender that disconnects in the middle is an ordinary end.
            async move { shared.serve(stream).await.unwrap_or_default() }
        })?;
        Ok(Self { shared, address, server })
    }

    /// `smtp://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    /// Every mail kept so far, oldest first.
    pub fn received(&self) -> Vec<Mail> {
        locked(&self.shared.received).clone()
    }

    /// Waits until at least `count` mails were kept in all, and returns them.
    pub async fn received_at_least(&self, count: usize) -> Vec<Mail> {
        // `wait_for` fails only when the sender is gone, and this receiver holds it.
        let _ = self.shared.count.subscribe().wait_for(|kept| *kept >= count).await;
        self.received()
    }

    /// Waits until every connection has been served: nothing that was sent is still on its way.
    pub async fn quiet(&self) -> io::Result<()> {
        self.server.quiet().await
    }

    /// The mails to one address, compared without case, oldest first.
    pub fn inbox(&self, address: &str) -> Vec<Mail> {
        let mut mails = self.received();
        mails.retain(|mail| mail.to.iter().any(|to| same_address(to, address)));
        mails
    }
}

#[derive(Default)]
struct Envelope {
    from: Option<String>,
    to: Vec<String>,
}

impl Shared {
    async fn serve(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut stream = BufReader::new(stream);
        let mut envelope = Envelope::default();
        say(&mut stream, "220 evenkeel.test ESMTP").await?;
        while let Some(line) = read_line(&mut stream).await? {
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            let verb = line.split(' ').next().unwrap_or_default().to_ascii_uppercase();
            let reply: Cow<'static, str> = match verb.as_str() {
                "EHLO" => {
                    envelope = Envelope::default();
                    self.handler.greeted(line.get(5..).unwrap_or_default());
                    let utf8 = if self.handler.takes_utf8() { "250-SMTPUTF8\r\n" } else { "" };
                    let size = MAX_MAIL;
                    format!("250-evenkeel.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n{utf8}250 SIZE {size}")
                        .into()
                }
                "HELO" => {
                    envelope = Envelope::default();
                    "250 evenkeel.test".into()
                }
                "MAIL" | "RCPT" if !line.is_ascii() && !self.handler.takes_utf8() => {
                    "553 5.6.7 only ASCII addresses".into()
                }
                "MAIL" if envelope.from.is_some() => "503 one sender is enough".into(),
                "MAIL" => match path(&line, "FROM:") {
                    None => "501 MAIL FROM:<address>".into(),
                    Some(from) => match self.handler.course(Step::Sender, &mut stream).await {
                        Course::Close { .. } => return Ok(()),
                        Course::Fail(code) => failed(code),
                        Course::Say(reply) => reply.into(),
                        Course::Usual => {
                            envelope.from = Some(from);
                            "250 sender taken".into()
                        }
                    },
                },
                "RCPT" if envelope.from.is_none() => "503 MAIL comes first".into(),
                "RCPT" => match path(&line, "TO:") {
                    None => "501 RCPT TO:<address>".into(),
                    Some(to) => match self.handler.course(Step::Recipient(&to), &mut stream).await {
                        Course::Close { .. } => return Ok(()),
                        Course::Fail(code) => failed(code),
                        Course::Say(reply) => reply.into(),
                        Course::Usual => {
                            envelope.to.push(to);
                            "250 recipient taken".into()
                        }
                    },
                },
                "DATA" if envelope.to.is_empty() => "503 RCPT comes first".into(),
                "DATA" => match self.handler.course(Step::Data, &mut stream).await {
                    Course::Fail(code) => failed(code),
                    Course::Say(reply) => reply.into(),
                    Course::Close { .. } => {
                        say(&mut stream, "354 end with a dot").await?;
                        read_line(&mut stream).await?;
                        return Ok(());
                    }
                    Course::Usual => {
                        say(&mut stream, "354 end with a dot").await?;
                        let Some(raw) = read_text(&mut stream).await? else {
                            return Ok(());
                        };
                        match self.take(std::mem::take(&mut envelope), raw, &mut stream).await {
                            Some(reply) => reply,
                            None => return Ok(()),
                        }
                    }
                },
                "RSET" => {
                    envelope = Envelope::default();
                    "250 forgotten".into()
                }
                "NOOP" => "250 nothing done".into(),
                "QUIT" => return say(&mut stream, "221 bye").await,
                _ => "502 not known here".into(),
            };
            say(&mut stream, &reply).await?;
        }
        Ok(())
    }

    /// Keeps a complete mail and returns the reply to it, or `None` to close the connection.
    async fn take(
        &self,
        envelope: Envelope,
        raw: Vec<u8>,
        stream: &mut Connection,
    ) -> Option<Cow<'static, str>> {
        if raw.len() > MAX_MAIL {
            return Some("552 too large".into());
        }
        let course = self.handler.course(Step::EndOfData, stream).await;
        match course {
            Course::Fail(code) => return Some(failed(code)),
            Course::Say(reply) => return Some(reply.into()),
            Course::Usual | Course::Close { .. } => {}
        }
        if !matches!(course, Course::Close { keep: false }) {
            let from = envelope.from.unwrap_or_default();
            let mail = Mail { at: (self.now)(), from, to: envelope.to, raw };
            let mut received = locked(&self.received);
            received.push(mail);
            self.count.send_replace(received.len());
        }
        matches!(course, Course::Usual).then_some("250 mail taken".into())
    }
}

fn same_address(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}

fn failed(code: u16) -> Cow<'static, str> {
    format!("{code} {}.0.0 not taken", code / 100).into()
}

/// The address in `MAIL FROM:<address> …` or `RCPT TO:<address> …`; it ignores parameters after it.
fn path(line: &str, keyword: &str) -> Option<String> {
    let rest = line.get(5..)?.trim_start();
    let named = rest.get(..keyword.len()).is_some_and(|word| word.eq_ignore_ascii_case(keyword));
    let (address, _) = rest.get(keyword.len()..)?.trim_start().strip_prefix('<')?.split_once('>')?;
    named.then(|| address.to_owned())
}

async fn say(stream: &mut Connection, reply: &str) -> io::Result<()> {
    stream.write_all(format!("{reply}\r\n").as_bytes()).await
}

/// Reads a line with its end; `None` when the sender closed, or the line is too long.
async fn read_line(stream: &mut Connection) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    stream.take(MAX_LINE).read_until(b'\n', &mut line).await?;
    Ok(line.ends_with(b"\n").then_some(line))
}

/// Reads up to the line with the single dot, without it; reads a mail over the limit to its end, but does not keep it
/// whole.
async fn read_text(stream: &mut Connection) -> io::Result<Option<Vec<u8>>> {
    let mut text = Vec::new();
    loop {
        let Some(line) = read_line(stream).await? else {
            return Ok(None);
        };
        if line == b".\r\n" {
            return Ok(Some(text));
        }
        if text.len() <= MAX_MAIL {
            text.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        }
    }
}

//! A mail server on 127.0.0.1, for `evenkeel demo` and for tests: it keeps each mail, and fails in the ways that a test scripts.

use std::{
    borrow::Cow,
    collections::{HashMap, VecDeque},
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

use super::loopback::{Gate, Loopback, Now, locked};

/// The largest mail taken, as advertised by `SIZE`.
pub const MAX_MAIL: usize = 10 * 1024 * 1024;
const MAX_LINE: u64 = 64 * 1024;

/// A mail that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// When it was taken, by the receiver's clock.
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

/// The step of a delivery that a scripted reply answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// `MAIL FROM`.
    Mail,
    /// `RCPT TO`, once for each recipient.
    Rcpt,
    /// `DATA`, before the text.
    Data,
    /// The dot that ends the text.
    EndOfData,
}

/// A scripted reply.
#[derive(Clone, Debug)]
pub enum Reply {
    /// This code, such as 451 or 550, and the step fails; a 2xx or 3xx code changes nothing.
    Code(u16),
    /// The connection is closed without a reply and nothing is kept; at `Data`, in the middle of the text.
    Drop,
    /// At `EndOfData`: the mail is kept, then the connection is closed before the 250. Elsewhere as `Drop`.
    AcceptThenDrop,
    /// No reply until the sender or the receiver goes away.
    Hang,
    /// The usual reply, once the gate lets it through.
    Gate(Gate),
}

/// A mail server on a port of its own. It stops when dropped.
pub struct SmtpReceiver {
    shared: Arc<Shared>,
    address: SocketAddr,
    server: Loopback,
}

struct Shared {
    now: Now,
    state: Mutex<State>,
    count: watch::Sender<usize>,
}

#[derive(Default)]
struct State {
    received: Vec<Mail>,
    next: HashMap<Stage, VecDeque<Reply>>,
    recipients: HashMap<String, u16>,
}

impl SmtpReceiver {
    /// Listens on a free port of 127.0.0.1, with a thread and a runtime of its own.
    pub fn start(now: Now) -> io::Result<Self> {
        let listener = StdListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let count = watch::Sender::new(0);
        let shared = Arc::new(Shared { now, state: Mutex::default(), count });
        let of_server = Arc::clone(&shared);
        let server = Loopback::run(listener, move |stream| {
            let shared = Arc::clone(&of_server);
            // A sender that goes away in the middle is an ordinary end.
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
        locked(&self.shared.state).received.clone()
    }

    /// Waits until at least `count` mails were kept in all, and gives them.
    pub async fn received_at_least(&self, count: usize) -> Vec<Mail> {
        // An error would mean that the sender is gone, and this receiver holds it.
        let _ = self.shared.count.subscribe().wait_for(|kept| *kept >= count).await;
        self.received()
    }

    /// Waits until every connection is over and what came on it was kept: nobody sends any more, and nothing that was
    /// sent is on its way.
    pub async fn quiet(&self) -> io::Result<()> {
        self.server.quiet().await
    }

    /// The mails to one address, in any case, oldest first.
    pub fn inbox(&self, address: &str) -> Vec<Mail> {
        let mut mails = self.received();
        mails.retain(|mail| mail.to.iter().any(|to| same_address(to, address)));
        mails
    }

    /// Replies to one coming command at this stage so; several calls queue up.
    pub fn answer_next(&self, stage: Stage, reply: Reply) {
        locked(&self.shared.state).next.entry(stage).or_default().push_back(reply);
    }

    /// Replies to every `RCPT TO` of this address with this code; `None` takes it again.
    pub fn answer_address(&self, address: &str, code: Option<u16>) {
        let recipients = &mut locked(&self.shared.state).recipients;
        match code {
            Some(code) => recipients.insert(address.to_lowercase(), code),
            None => recipients.remove(&address.to_lowercase()),
        };
    }
}

#[derive(Default)]
struct Envelope {
    from: Option<String>,
    to: Vec<String>,
}

/// What a script makes of a step: go on as usual, fail with this code, or close.
enum Course {
    Usual,
    Fail(u16),
    Close { keep: bool },
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
                    let size = MAX_MAIL;
                    format!("250-evenkeel.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE {size}").into()
                }
                "HELO" => {
                    envelope = Envelope::default();
                    "250 evenkeel.test".into()
                }
                "MAIL" if envelope.from.is_some() => "503 one sender is enough".into(),
                "MAIL" => match (path(&line, "FROM:"), self.course(Stage::Mail, &mut stream).await) {
                    (None, _) => "501 MAIL FROM:<address>".into(),
                    (_, Course::Close { .. }) => return Ok(()),
                    (_, Course::Fail(code)) => scripted(code),
                    (Some(from), Course::Usual) => {
                        envelope.from = Some(from);
                        "250 sender taken".into()
                    }
                },
                "RCPT" if envelope.from.is_none() => "503 MAIL comes first".into(),
                "RCPT" => match (path(&line, "TO:"), self.course(Stage::Rcpt, &mut stream).await) {
                    (None, _) => "501 RCPT TO:<address>".into(),
                    (_, Course::Close { .. }) => return Ok(()),
                    (_, Course::Fail(code)) => scripted(code),
                    (Some(to), Course::Usual) => match self.code_for(&to) {
                        Some(code) => scripted(code),
                        None => {
                            envelope.to.push(to);
                            "250 recipient taken".into()
                        }
                    },
                },
                "DATA" if envelope.to.is_empty() => "503 RCPT comes first".into(),
                "DATA" => match self.course(Stage::Data, &mut stream).await {
                    Course::Fail(code) => scripted(code),
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

    /// Keeps a whole mail and gives the reply to it, or `None` to close the connection.
    async fn take(
        &self,
        envelope: Envelope,
        raw: Vec<u8>,
        stream: &mut BufReader<TcpStream>,
    ) -> Option<Cow<'static, str>> {
        if raw.len() > MAX_MAIL {
            return Some("552 too large".into());
        }
        let course = self.course(Stage::EndOfData, stream).await;
        if let Course::Fail(code) = course {
            return Some(scripted(code));
        }
        if !matches!(course, Course::Close { keep: false }) {
            let from = envelope.from.unwrap_or_default();
            let mail = Mail { at: (self.now)(), from, to: envelope.to, raw };
            let mut state = locked(&self.state);
            state.received.push(mail);
            self.count.send_replace(state.received.len());
        }
        matches!(course, Course::Usual).then_some("250 mail taken".into())
    }

    async fn course(&self, stage: Stage, stream: &mut BufReader<TcpStream>) -> Course {
        let reply = locked(&self.state).next.get_mut(&stage).and_then(VecDeque::pop_front);
        match reply {
            None => Course::Usual,
            Some(Reply::Code(code)) if code < 400 => Course::Usual,
            Some(Reply::Code(code)) => Course::Fail(code),
            Some(Reply::Drop) => Course::Close { keep: false },
            Some(Reply::AcceptThenDrop) => Course::Close { keep: true },
            Some(Reply::Hang) => {
                // Ends with the sender, whether it closes or breaks off.
                let _ = tokio::io::copy(stream, &mut tokio::io::sink()).await;
                Course::Close { keep: false }
            }
            Some(Reply::Gate(gate)) => {
                gate.pass().await;
                Course::Usual
            }
        }
    }

    fn code_for(&self, address: &str) -> Option<u16> {
        locked(&self.state).recipients.get(&address.to_lowercase()).copied()
    }
}

fn same_address(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}

fn scripted(code: u16) -> Cow<'static, str> {
    format!("{code} {}.0.0 as scripted", code / 100).into()
}

/// The address in `MAIL FROM:<address> …` or `RCPT TO:<address> …`; parameters after it are taken as they come.
fn path(line: &str, keyword: &str) -> Option<String> {
    let rest = line.get(5..)?.trim_start();
    let named = rest.get(..keyword.len()).is_some_and(|word| word.eq_ignore_ascii_case(keyword));
    let (address, _) = rest.get(keyword.len()..)?.trim_start().strip_prefix('<')?.split_once('>')?;
    named.then(|| address.to_owned())
}

async fn say(stream: &mut BufReader<TcpStream>, reply: &str) -> io::Result<()> {
    stream.write_all(format!("{reply}\r\n").as_bytes()).await
}

/// Reads a line with its end; `None` when the sender closed, or sent a line without an end.
async fn read_line(stream: &mut BufReader<TcpStream>) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    stream.take(MAX_LINE).read_until(b'\n', &mut line).await?;
    Ok(line.ends_with(b"\n").then_some(line))
}

/// Reads up to the line with the single dot, which is left out; a mail over the limit is read to its end, but not kept whole.
async fn read_text(stream: &mut BufReader<TcpStream>) -> io::Result<Option<Vec<u8>>> {
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

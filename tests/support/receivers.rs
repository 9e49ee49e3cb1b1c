//! The push service and the mail server of tests: those of the demo, with failures that a test scripts.
#![allow(dead_code, reason = "each test binary that shares this file uses another part of it")]

use evenkeel::demo::loopback::{Connection, Handling, Now, head};
use evenkeel::demo::push_receiver::{self, Push, PushHandler, Refusal};
use evenkeel::demo::smtp_receiver::{self, Course, MailHandler, Step};
use std::collections::{HashMap, VecDeque};
use std::io;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::AsyncWriteExt;
use tokio::sync::Semaphore;

/// Holds answers back until a test releases them, and counts arrivals: shows concurrency without sleeping.
#[derive(Clone, Debug)]
pub struct Gate {
    arrived: Arc<Semaphore>,
    released: Arc<Semaphore>,
}

impl Gate {
    /// A closed gate.
    pub fn new() -> Self {
        Self { arrived: Arc::new(Semaphore::new(0)), released: Arc::new(Semaphore::new(0)) }
    }

    /// Waits until `count` more requests have arrived, beyond those already waited for.
    pub async fn arrived(&self, count: u32) {
        if let Ok(permits) = self.arrived.acquire_many(count).await {
            permits.forget();
        }
    }

    /// Lets `count` requests through, now or when they arrive.
    pub fn release(&self, count: usize) {
        self.released.add_permits(count);
    }

    /// Lets every request through from now on.
    pub fn open(&self) {
        self.released.close();
    }

    async fn pass(&self) {
        self.arrived.add_permits(1);
        if let Ok(permit) = self.released.acquire().await {
            permit.forget();
        }
    }
}

/// A scripted answer to a push that is itself valid.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status to answer with; a push is kept only on 2xx.
    pub status: u16,
    /// Headers besides `Content-Length`.
    pub headers: Vec<(String, String)>,
    /// How the answer is given.
    pub after: Behaviour,
}

/// How a scripted answer is given.
#[derive(Clone, Debug)]
pub enum Behaviour {
    /// At once.
    Reply,
    /// Never: the connection stays open until the sender or the receiver goes away. Keeps nothing.
    Hang,
    /// The connection is closed without an answer. Keeps nothing.
    Close,
    /// The push is kept, then the connection is closed without an answer: the lost response.
    AcceptThenClose,
    /// Status and headers at once, then a body without an end.
    EndlessBody,
    /// When the gate lets it through; the push is kept only then.
    Gate(Gate),
}

impl Answer {
    /// Answers with this status at once.
    pub fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), after: Behaviour::Reply }
    }

    /// Answers 201 in this way.
    pub fn behaving(after: Behaviour) -> Self {
        Self { status: 201, headers: Vec::new(), after }
    }

    /// Adds a header, such as `Retry-After` or `Location`.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// A push service and user agent whose answers a test scripts. It stops when dropped.
pub struct PushReceiver {
    receiver: push_receiver::PushReceiver,
    script: Arc<PushScript>,
}

#[derive(Default)]
struct PushScript {
    next: Mutex<HashMap<String, VecDeque<Answer>>>,
    always: Mutex<HashMap<String, Answer>>,
    refusals: Mutex<Vec<Refusal>>,
    in_hand: AtomicUsize,
    most_in_hand: AtomicUsize,
}

impl Deref for PushReceiver {
    type Target = push_receiver::PushReceiver;

    fn deref(&self) -> &Self::Target {
        &self.receiver
    }
}

impl PushReceiver {
    /// Listens on a free port of 127.0.0.1, with a thread and a runtime of its own.
    pub fn start(now: Now) -> io::Result<Self> {
        let script = Arc::<PushScript>::default();
        let handler = Box::new(Scripted(Arc::clone(&script)));
        let receiver = push_receiver::PushReceiver::start_with(now, super::chance(), handler)?;
        Ok(Self { receiver, script })
    }

    /// Every request that was refused as invalid, oldest first.
    pub fn refusals(&self) -> Vec<Refusal> {
        self.script.refusals.lock().unwrap().clone()
    }

    /// The most pushes in progress at the same moment.
    pub fn most_at_once(&self) -> usize {
        self.script.most_in_hand.load(Ordering::SeqCst)
    }

    /// Gives this answer to the next push to this endpoint; several calls queue up. An invalid request uses none.
    pub fn answer_next(&self, endpoint: &str, answer: Answer) {
        self.script.next.lock().unwrap().entry(endpoint.to_owned()).or_default().push_back(answer);
    }

    /// Gives this answer to every push to this endpoint once nothing is queued; `None` accepts pushes again.
    pub fn answer_always(&self, endpoint: &str, answer: Option<Answer>) {
        let mut always = self.script.always.lock().unwrap();
        match answer {
            Some(answer) => always.insert(endpoint.to_owned(), answer),
            None => always.remove(endpoint),
        };
    }
}

impl PushScript {
    fn next_answer(&self, endpoint: &str) -> Answer {
        let queued = self.next.lock().unwrap().get_mut(endpoint).and_then(VecDeque::pop_front);
        let always = || self.always.lock().unwrap().get(endpoint).cloned();
        queued.or_else(always).unwrap_or_else(|| Answer::status(201))
    }
}

/// A handler that follows a script, which the test may extend at any time.
struct Scripted<T>(Arc<T>);

impl PushHandler for Scripted<PushScript> {
    fn answer<'a>(&'a self, push: Push<'a>, stream: &'a mut Connection) -> Handling<'a, io::Result<bool>> {
        Box::pin(async move {
            let in_hand = self.0.in_hand.fetch_add(1, Ordering::SeqCst) + 1;
            self.0.most_in_hand.fetch_max(in_hand, Ordering::SeqCst);
            let open = answer(push, &self.0, stream).await;
            self.0.in_hand.fetch_sub(1, Ordering::SeqCst);
            open
        })
    }

    fn refused(&self, refusal: Refusal) {
        self.0.refusals.lock().unwrap().push(refusal);
    }
}

async fn answer(push: Push<'_>, script: &PushScript, stream: &mut Connection) -> io::Result<bool> {
    let answer = script.next_answer(push.endpoint());
    match &answer.after {
        Behaviour::Reply => {}
        Behaviour::Gate(gate) => gate.pass().await,
        Behaviour::Close => return Ok(false),
        Behaviour::AcceptThenClose => {
            push.keep();
            return Ok(false);
        }
        Behaviour::Hang => {
            tokio::io::copy(stream, &mut tokio::io::sink()).await?;
            return Ok(false);
        }
        Behaviour::EndlessBody => {
            stream.write_all(head(answer.status, &answer.headers, None).as_bytes()).await?;
            let chunk = [&b"1000\r\n"[..], &[b'.'; 0x1000], b"\r\n"].concat();
            loop {
                stream.write_all(&chunk).await?;
            }
        }
    }
    push.reply(answer.status, answer.headers, stream).await
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
    /// This whole reply, such as `550 5.4.5 Daily limit`, and the step fails.
    Says(&'static str),
    /// The connection is closed without a reply and nothing is kept; at `Data`, in the middle of the text.
    Drop,
    /// At `EndOfData`: the mail is kept, then the connection is closed before the 250. Elsewhere as `Drop`.
    AcceptThenDrop,
    /// No reply until the sender or the receiver goes away.
    Hang,
    /// The usual reply, once the gate lets it through.
    Gate(Gate),
}

/// A mail server whose replies a test scripts. It stops when dropped.
pub struct SmtpReceiver {
    receiver: smtp_receiver::SmtpReceiver,
    script: Arc<MailScript>,
}

#[derive(Default)]
struct MailScript {
    next: Mutex<HashMap<Stage, VecDeque<Reply>>>,
    recipients: Mutex<HashMap<String, u16>>,
    greetings: Mutex<Vec<String>>,
    lacks_utf8: AtomicBool,
}

impl Deref for SmtpReceiver {
    type Target = smtp_receiver::SmtpReceiver;

    fn deref(&self) -> &Self::Target {
        &self.receiver
    }
}

impl SmtpReceiver {
    /// Listens on a free port of 127.0.0.1, with a thread and a runtime of its own.
    pub fn start(now: Now) -> io::Result<Self> {
        let script = Arc::<MailScript>::default();
        let handler = Box::new(Scripted(Arc::clone(&script)));
        Ok(Self { receiver: smtp_receiver::SmtpReceiver::start_with(now, handler)?, script })
    }

    /// Gives this reply to the next command at this stage; several calls queue up.
    pub fn answer_next(&self, stage: Stage, reply: Reply) {
        self.script.next.lock().unwrap().entry(stage).or_default().push_back(reply);
    }

    /// Takes the extension SMTPUTF8 away from new connections.
    pub fn lack_utf8(&self) {
        self.script.lacks_utf8.store(true, Ordering::SeqCst);
    }

    /// The names that clients gave in `EHLO`, oldest first.
    pub fn greetings(&self) -> Vec<String> {
        self.script.greetings.lock().unwrap().clone()
    }

    /// Gives this reply code to every `RCPT TO` of this address; `None` removes it.
    pub fn answer_address(&self, address: &str, code: Option<u16>) {
        let mut recipients = self.script.recipients.lock().unwrap();
        match code {
            Some(code) => recipients.insert(address.to_lowercase(), code),
            None => recipients.remove(&address.to_lowercase()),
        };
    }
}

impl MailHandler for Scripted<MailScript> {
    fn course<'a>(&'a self, step: Step<'a>, stream: &'a mut Connection) -> Handling<'a, Course> {
        Box::pin(course(&self.0, step, stream))
    }

    fn takes_utf8(&self) -> bool {
        !self.0.lacks_utf8.load(Ordering::SeqCst)
    }

    fn greeted(&self, name: &str) {
        self.0.greetings.lock().unwrap().push(name.to_owned());
    }
}

async fn course(script: &MailScript, step: Step<'_>, stream: &mut Connection) -> Course {
    let (stage, address) = match step {
        Step::Sender => (Stage::Mail, None),
        Step::Recipient(address) => (Stage::Rcpt, Some(address)),
        Step::Data => (Stage::Data, None),
        Step::EndOfData => (Stage::EndOfData, None),
    };
    let reply = script.next.lock().unwrap().get_mut(&stage).and_then(VecDeque::pop_front);
    match reply {
        None => {}
        Some(Reply::Code(code)) if code < 400 => {}
        Some(Reply::Code(code)) => return Course::Fail(code),
        Some(Reply::Says(reply)) => return Course::Say(reply),
        Some(Reply::Drop) => return Course::Close { keep: false },
        Some(Reply::AcceptThenDrop) => return Course::Close { keep: true },
        Some(Reply::Hang) => {
            // Ends when the sender closes or breaks the connection.
            let _ = tokio::io::copy(stream, &mut tokio::io::sink()).await;
            return Course::Close { keep: false };
        }
        Some(Reply::Gate(gate)) => gate.pass().await,
    }
    let recipients = script.recipients.lock().unwrap();
    match address.and_then(|address| recipients.get(&address.to_lowercase())) {
        Some(code) => Course::Fail(*code),
        None => Course::Usual,
    }
}

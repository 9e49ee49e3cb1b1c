//! A Web Push service and user agent in one on 127.0.0.1, for `evenkeel demo` and for tests: it checks, decrypts and keeps each push.

use std::{
    collections::{HashMap, VecDeque},
    io,
    net::{Ipv4Addr, TcpListener as StdListener},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use tokio::{
    io::{AsyncWriteExt, BufReader},
    net::TcpStream,
    sync::watch,
};

use super::loopback::{Gate, Loopback, Now, Request, head, locked, read_request};

/// The longest body taken, as RFC 8030 section 7.2 lets a push service choose it.
pub const MAX_BODY: usize = 4096;

/// What a browser hands to an app after it subscribed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Where to POST.
    pub endpoint: String,
    /// The user agent's P-256 point, base64url without padding.
    pub p256dh: String,
    /// The user agent's 16-byte authentication secret, base64url without padding.
    pub auth: String,
}

/// A push that was verified, decrypted and kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The subscription's endpoint.
    pub endpoint: String,
    /// When it was accepted, by the receiver's clock.
    pub at: Timestamp,
    /// The `TTL` header, in seconds.
    pub ttl: u32,
    /// The `Topic` header.
    pub topic: Option<String>,
    /// The `Urgency` header.
    pub urgency: Option<String>,
    /// The length of the body on the wire: all that the network sees of the text.
    pub encrypted_len: usize,
    /// The decrypted text.
    pub payload: Vec<u8>,
}

/// A request that was turned away because it was wrong, not because a script said so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The endpoint as requested.
    pub endpoint: String,
    /// The status that it was answered with.
    pub status: u16,
    /// What was wrong with it.
    pub why: String,
}

/// A scripted answer to a request that is itself in order.
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
    /// When the gate lets it through; kept only then.
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

/// A push service and user agent on a port of its own. It stops when dropped.
pub struct PushReceiver {
    shared: Arc<Shared>,
    server: Loopback,
}

struct Shared {
    origin: String,
    now: Now,
    state: Mutex<State>,
    count: watch::Sender<usize>,
    in_hand: AtomicUsize,
    most_in_hand: AtomicUsize,
}

#[derive(Default)]
struct State {
    subscriptions: HashMap<String, UserAgent>,
    received: Vec<Received>,
    refusals: Vec<Refusal>,
    next: HashMap<String, VecDeque<Answer>>,
    always: HashMap<String, Answer>,
    /// Tokens whose signature was found good: senders reuse one per origin, so it is checked once.
    tokens: HashMap<String, Claims>,
}

#[derive(Clone)]
struct UserAgent {
    key: ece::EcKeyComponents,
    auth: Vec<u8>,
    server_key: Option<String>,
}

#[derive(Clone, serde::Deserialize)]
struct Claims {
    aud: String,
    exp: i64,
    #[serde(default)]
    sub: String,
}

impl PushReceiver {
    /// Listens on a free port of 127.0.0.1, with a thread and a runtime of its own.
    pub fn start(now: Now) -> io::Result<Self> {
        let listener = StdListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let shared = Arc::new(Shared {
            origin: format!("http://{}", listener.local_addr()?),
            now,
            state: Mutex::default(),
            count: watch::Sender::new(0),
            in_hand: AtomicUsize::new(0),
            most_in_hand: AtomicUsize::new(0),
        });
        let of_server = Arc::clone(&shared);
        let server = Loopback::run(listener, move |stream| {
            let shared = Arc::clone(&of_server);
            async move { shared.serve(stream).await.unwrap_or_default() }
        })?;
        Ok(Self { shared, server })
    }

    /// `http://127.0.0.1:PORT`: the audience that tokens for it must name.
    pub fn origin(&self) -> String {
        self.shared.origin.clone()
    }

    /// Makes a new user agent that takes pushes signed with any VAPID key.
    pub fn subscribe(&self) -> Subscription {
        self.subscribe_to(None)
    }

    /// Makes a new user agent bound, as browsers are, to one application server key (base64url point).
    ///
    /// # Panics
    /// When OpenSSL cannot make a key, that is without randomness.
    pub fn subscribe_to(&self, server_key: Option<&str>) -> Subscription {
        let (pair, auth) = ece::generate_keypair_and_auth_secret().expect("OpenSSL makes a P-256 key");
        let key = pair.raw_components().expect("a key just made can be read");
        let subscription = Subscription {
            endpoint: format!("{}/push/{}", self.shared.origin, random_name()),
            p256dh: URL_SAFE_NO_PAD.encode(key.public_key()),
            auth: URL_SAFE_NO_PAD.encode(auth),
        };
        let server_key = server_key.map(str::to_owned);
        let agent = UserAgent { key, auth: auth.to_vec(), server_key };
        locked(&self.shared.state).subscriptions.insert(subscription.endpoint.clone(), agent);
        subscription
    }

    /// Every push kept so far, oldest first.
    pub fn received(&self) -> Vec<Received> {
        locked(&self.shared.state).received.clone()
    }

    /// Waits until at least `count` pushes were kept in all, and gives them.
    pub async fn received_at_least(&self, count: usize) -> Vec<Received> {
        // An error would mean that the sender is gone, and this receiver holds it.
        let _ = self.shared.count.subscribe().wait_for(|kept| *kept >= count).await;
        self.received()
    }

    /// Waits until every connection is over and what came on it was kept: nobody sends any more, and nothing that was
    /// sent is on its way.
    pub async fn quiet(&self) -> io::Result<()> {
        self.server.quiet().await
    }

    /// Every request that was turned away as wrong, oldest first.
    pub fn refusals(&self) -> Vec<Refusal> {
        locked(&self.shared.state).refusals.clone()
    }

    /// What the phone shows: a later push takes the place of an earlier one with the same topic.
    pub fn displayed(&self, endpoint: &str) -> Vec<Received> {
        let mut shown: Vec<Received> = Vec::new();
        for push in locked(&self.shared.state).received.iter().filter(|push| push.endpoint == endpoint) {
            shown.retain(|earlier| earlier.topic.is_none() || earlier.topic != push.topic);
            shown.push(push.clone());
        }
        shown
    }

    /// The most requests that were in hand at the same moment.
    pub fn most_at_once(&self) -> usize {
        self.shared.most_in_hand.load(Ordering::SeqCst)
    }

    /// Answers one coming request to this endpoint so; several calls queue up. A wrong request uses none.
    pub fn answer_next(&self, endpoint: &str, answer: Answer) {
        locked(&self.shared.state).next.entry(endpoint.to_owned()).or_default().push_back(answer);
    }

    /// Answers every request to this endpoint so once nothing is queued; `None` goes back to accepting.
    pub fn answer_always(&self, endpoint: &str, answer: Option<Answer>) {
        let always = &mut locked(&self.shared.state).always;
        match answer {
            Some(answer) => always.insert(endpoint.to_owned(), answer),
            None => always.remove(endpoint),
        };
    }
}

impl Shared {
    /// Answers one connection's requests, one after the other, until either side closes.
    async fn serve(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut stream = BufReader::new(stream);
        while let Some(request) = read_request(&mut stream, MAX_BODY).await? {
            let last = request.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
            let in_hand = self.in_hand.fetch_add(1, Ordering::SeqCst) + 1;
            self.most_in_hand.fetch_max(in_hand, Ordering::SeqCst);
            let open = self.answer(&request, &mut stream).await;
            self.in_hand.fetch_sub(1, Ordering::SeqCst);
            if !open? || last {
                break;
            }
        }
        Ok(())
    }

    /// Gives the answer and says whether the connection is still of use.
    async fn answer(&self, request: &Request, stream: &mut BufReader<TcpStream>) -> io::Result<bool> {
        let endpoint = format!("{}{}", self.origin, request.path);
        let push = match self.verify(&endpoint, request) {
            Ok(push) => push,
            Err((status, why)) => {
                let answer = Answer::status(status).with_header("Connection", "close");
                let text = format!("{}{why}", head(answer.status, &answer.headers, Some(why.len())));
                locked(&self.state).refusals.push(Refusal { endpoint, status, why });
                stream.write_all(text.as_bytes()).await?;
                stream.shutdown().await?;
                // What was not read yet would reset the connection, and take the answer with it.
                tokio::io::copy(stream, &mut tokio::io::sink()).await?;
                return Ok(false);
            }
        };
        let answer = self.next_answer(&endpoint);
        match &answer.after {
            Behaviour::Reply => {}
            Behaviour::Gate(gate) => gate.pass().await,
            Behaviour::Close => return Ok(false),
            Behaviour::AcceptThenClose => {
                self.keep(push);
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
        let answer = if (200..300).contains(&answer.status) {
            self.keep(push);
            answer.with_header("Location", &format!("{}/message/{}", self.origin, random_name()))
        } else {
            answer
        };
        stream.write_all(head(answer.status, &answer.headers, Some(0)).as_bytes()).await?;
        Ok(true)
    }

    fn next_answer(&self, endpoint: &str) -> Answer {
        let mut state = locked(&self.state);
        let queued = state.next.get_mut(endpoint).and_then(VecDeque::pop_front);
        queued.or_else(|| state.always.get(endpoint).cloned()).unwrap_or_else(|| Answer::status(201))
    }

    fn keep(&self, push: Received) {
        let at = (self.now)(); // before the lock: a clock may have one of its own
        let mut state = locked(&self.state);
        state.received.push(Received { at, ..push });
        self.count.send_replace(state.received.len());
    }

    /// Checks a push as its service and its user agent would, or says with which status to refuse it and why.
    fn verify(&self, endpoint: &str, request: &Request) -> Result<Received, (u16, String)> {
        let wrong = |status, why: &str| (status, why.to_owned());
        let agent = locked(&self.state).subscriptions.get(endpoint).cloned();
        let agent = agent.ok_or_else(|| wrong(404, "no such subscription"))?;
        if request.method != "POST" {
            return Err(wrong(405, "a push is a POST"));
        }
        if request.body.len() > MAX_BODY {
            return Err((413, format!("more than {MAX_BODY} bytes")));
        }
        let ttl = request.header("ttl").ok_or_else(|| wrong(400, "no TTL"))?;
        let ttl = ttl.parse().map_err(|_| wrong(400, "TTL is no number of seconds"))?;
        let topic = request.header("topic").map(str::to_owned);
        if topic.as_ref().is_some_and(|topic| !is_topic(topic)) {
            return Err(wrong(400, "Topic is not 1 to 32 base64url characters"));
        }
        let urgency = request.header("urgency").map(str::to_owned);
        if urgency.as_deref().is_some_and(|urgency| !["very-low", "low", "normal", "high"].contains(&urgency))
        {
            return Err(wrong(400, "Urgency is not one of very-low, low, normal, high"));
        }
        self.verify_vapid(request.header("authorization"), agent.server_key.as_deref())?;
        if request.header("content-encoding") != Some("aes128gcm") {
            return Err(wrong(400, "Content-Encoding is not aes128gcm"));
        }
        let payload = ece::decrypt(&agent.key, &agent.auth, &request.body)
            .map_err(|fault| (400, format!("the user agent cannot decrypt it: {fault}")))?;
        let encrypted_len = request.body.len();
        let at = Timestamp::UNIX_EPOCH; // `keep` stamps it
        Ok(Received { endpoint: endpoint.to_owned(), at, ttl, topic, urgency, encrypted_len, payload })
    }

    /// RFC 8292: `Authorization: vapid t=…, k=…`, signed with `k`, for this origin, for a day at most, naming a contact.
    fn verify_vapid(&self, header: Option<&str>, server_key: Option<&str>) -> Result<(), (u16, String)> {
        let refused = |why: &str| (403, why.to_owned());
        let header = header.ok_or_else(|| (401, "no Authorization".to_owned()))?;
        let (token, key) =
            vapid_parts(header).ok_or_else(|| (401, "Authorization is not `vapid t=…, k=…`".to_owned()))?;
        if server_key.is_some_and(|wanted| wanted != key) {
            return Err(refused("k is not the key that the subscription was made with"));
        }
        let known = locked(&self.state).tokens.get(header).cloned();
        let claims = match known {
            Some(claims) => claims,
            None => {
                let point = URL_SAFE_NO_PAD.decode(key).map_err(|_| refused("k is not base64url"))?;
                // The time is checked below, by the receiver's own clock.
                let mut rules = Validation::new(Algorithm::ES256);
                rules.required_spec_claims.clear();
                (rules.validate_exp, rules.validate_aud) = (false, false);
                let claims = jsonwebtoken::decode::<Claims>(token, &DecodingKey::from_ec_der(&point), &rules)
                    .map_err(|fault| (403, format!("the token is not good: {fault}")))?
                    .claims;
                locked(&self.state).tokens.insert(header.to_owned(), claims.clone());
                claims
            }
        };
        if claims.aud != self.origin {
            return Err((403, format!("aud is {}, not {}", claims.aud, self.origin)));
        }
        let now = (self.now)();
        let exp = Timestamp::from_second(claims.exp).map_err(|_| refused("exp is no instant"))?;
        if exp <= now {
            return Err((403, format!("exp {exp} is over at {now}")));
        }
        if exp.duration_since(now) > SignedDuration::from_hours(24) {
            return Err((403, format!("exp {exp} is more than 24 h after {now}")));
        }
        if !claims.sub.starts_with("mailto:") && !claims.sub.starts_with("https:") {
            return Err(refused("sub is neither mailto: nor https:"));
        }
        Ok(())
    }
}

fn vapid_parts(header: &str) -> Option<(&str, &str)> {
    let (scheme, parameters) = header.split_once(' ')?;
    let find = |name| parameters.split(',').find_map(|part| part.trim().strip_prefix(name));
    scheme.eq_ignore_ascii_case("vapid").then(|| Some((find("t=")?, find("k=")?)))?
}

fn is_topic(topic: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    (1..=32).contains(&topic.len()) && topic.chars().all(allowed)
}

fn random_name() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; 16]>())
}

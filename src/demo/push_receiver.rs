//! A Web Push service and user agent in one on 127.0.0.1: it checks, decrypts and keeps each push.

use std::{
    collections::HashMap,
    io,
    net::{Ipv4Addr, TcpListener as StdListener},
    sync::{Arc, Mutex},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use tokio::{
    io::{AsyncWriteExt, BufReader},
    net::TcpStream,
    sync::watch,
};

use super::loopback::{Connection, Handling, Loopback, Now, Request, head, locked, read_request};
use crate::chance::Chance;

/// The longest body accepted; RFC 8030 section 7.2 lets a push service choose it.
pub const MAX_BODY: usize = 4096;

/// What a browser gives an app that subscribed.
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
    /// The length of the encrypted body: all that the network learns about the text.
    pub encrypted_len: usize,
    /// The decrypted text.
    pub payload: Vec<u8>,
}

/// A request that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The endpoint as requested.
    pub endpoint: String,
    /// The status of the answer.
    pub status: u16,
    /// What was wrong with it.
    pub why: String,
}

/// How a push service answers a valid push, and what it does with a refused one.
pub trait PushHandler: Send + Sync {
    /// Answers, and says whether the connection can still be used.
    fn answer<'a>(&'a self, push: Push<'a>, stream: &'a mut Connection) -> Handling<'a, io::Result<bool>>;

    /// Is told of a request that was refused.
    fn refused(&self, refusal: Refusal);
}

/// The default: accepts every valid push.
struct Accepting;

impl PushHandler for Accepting {
    fn answer<'a>(&'a self, push: Push<'a>, stream: &'a mut Connection) -> Handling<'a, io::Result<bool>> {
        Box::pin(push.reply(201, Vec::new(), stream))
    }

    fn refused(&self, _: Refusal) {}
}

/// A valid push that is not kept yet.
pub struct Push<'a> {
    receiver: &'a Shared,
    received: Received,
}

impl Push<'_> {
    /// The subscription's endpoint.
    pub fn endpoint(&self) -> &str {
        &self.received.endpoint
    }

    /// Keeps it, as accepted now.
    pub fn keep(self) {
        self.receiver.keep(self.received);
    }

    /// Answers with a status and headers besides `Content-Length`. On 2xx it keeps the push and adds its `Location`.
    pub async fn reply(
        self,
        status: u16,
        mut headers: Vec<(String, String)>,
        stream: &mut Connection,
    ) -> io::Result<bool> {
        if (200..300).contains(&status) {
            let location = format!("{}/message/{}", self.receiver.origin, self.receiver.random_name());
            headers.push(("Location".to_owned(), location));
            self.keep();
        }
        stream.write_all(head(status, &headers, Some(0)).as_bytes()).await?;
        Ok(true)
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
    chance: Chance,
    handler: Box<dyn PushHandler>,
}

#[derive(Default)]
struct State {
    subscriptions: HashMap<String, UserAgent>,
    received: Vec<Received>,
    /// Tokens whose signature was verified: senders reuse one per origin, so each is checked once.
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
    /// Listens on a free port of 127.0.0.1, with a thread and a runtime of its own, and accepts every valid push.
    pub fn start(now: Now, chance: Chance) -> io::Result<Self> {
        Self::start_with(now, chance, Box::new(Accepting))
    }

    /// Like [`PushReceiver::start`], with another handler of pushes.
    pub fn start_with(now: Now, chance: Chance, handler: Box<dyn PushHandler>) -> io::Result<Self> {
        let listener = StdListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let shared = Arc::new(Shared {
            origin: format!("http://{}", listener.local_addr()?),
            now,
            state: Mutex::default(),
            count: watch::Sender::new(0),
            chance,
            handler,
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

    /// Makes a new user agent that accepts pushes signed with any VAPID key.
    pub fn subscribe(&self) -> Subscription {
        self.subscribe_to(None)
    }

    /// Makes a new user agent bound, as browsers are, to one application server key (base64url point).
    ///
    /// # Panics
    /// If OpenSSL cannot make a key, that is, without randomness.
    pub fn subscribe_to(&self, server_key: Option<&str>) -> Subscription {
        let (pair, auth) = ece::generate_keypair_and_auth_secret().expect("OpenSSL makes a P-256 key");
        let key = pair.raw_components().expect("a key just made can be read");
        let subscription = Subscription {
            endpoint: format!("{}/push/{}", self.shared.origin, self.shared.random_name()),
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

    /// Waits until at least `count` pushes were kept in all, and returns them.
    pub async fn received_at_least(&self, count: usize) -> Vec<Received> {
        // `wait_for` fails only when the sender is gone, and this receiver holds it.
        let _ = self.shared.count.subscribe().wait_for(|kept| *kept >= count).await;
        self.received()
    }

    /// Waits until every connection has been served: nothing that was sent is still on its way.
    pub async fn quiet(&self) -> io::Result<()> {
        self.server.quiet().await
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
}

impl Shared {
    /// Answers one connection's requests, one after the other, until either side closes.
    async fn serve(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut stream = BufReader::new(stream);
        while let Some(request) = read_request(&mut stream, MAX_BODY).await? {
            let last = request.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
            if !self.answer(&request, &mut stream).await? || last {
                break;
            }
        }
        Ok(())
    }

    /// Answers a request, and says whether the connection can still be used.
    async fn answer(&self, request: &Request, stream: &mut Connection) -> io::Result<bool> {
        let endpoint = format!("{}{}", self.origin, request.path);
        match self.verify(&endpoint, request) {
            Ok(received) => self.handler.answer(Push { receiver: self, received }, stream).await,
            Err((status, why)) => {
                let headers = [("Connection".to_owned(), "close".to_owned())];
                let text = format!("{}{why}", head(status, &headers, Some(why.len())));
                self.handler.refused(Refusal { endpoint, status, why });
                stream.write_all(text.as_bytes()).await?;
                stream.shutdown().await?;
                // Unread bytes would reset the connection before the client reads the answer.
                tokio::io::copy(stream, &mut tokio::io::sink()).await?;
                Ok(false)
            }
        }
    }

    fn random_name(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.chance.bytes::<16>())
    }

    fn keep(&self, push: Received) {
        let at = (self.now)(); // before the lock: a clock may have one of its own
        let mut state = locked(&self.state);
        state.received.push(Received { at, ..push });
        self.count.send_replace(state.received.len());
    }

    /// Checks a push as its service and its user agent would; the error is the status and the reason of the refusal.
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

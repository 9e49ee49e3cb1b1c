//! Sending by Web Push: encrypted for one device (RFC 8291), signed for its service (RFC 8292), all the same size.

use super::retry;
use crate::actions::nudges::claim::Target;
use crate::actions::nudges::device::Subscription;
use crate::domain::device::{PushPolicy, is_public};
use crate::domain::hand_over::SendResult;
use crate::domain::nudge::{AttemptOutcome, fingerprint};
use crate::domain::wording::{Letter, PUSH_ANSWERS, PUSH_BODY, PUSH_TITLE};
use crate::store::nudge::NudgeRow;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use p256::SecretKey;
use p256::elliptic_curve::sec1::ToEncodedPoint;
use p256::pkcs8::EncodePrivateKey;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use url::Url;
use web_push::{
    ContentEncoding, SubscriptionInfo, Urgency, VapidSignature, WebPushMessage, WebPushMessageBuilder,
};

/// Bytes of every payload before encryption (R24). With the delimiter it fills eight of the 128-byte blocks that the
/// encryption pads to: 1126 bytes on the wire.
const PAYLOAD: usize = 1023;
/// The time-out of a request to a push service.
pub const TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of a response body that are read so that its connection can be reused, and the time-out of that.
const BODY_MAX: usize = 4096;
const BODY_WITHIN: Duration = Duration::from_millis(200);
/// The lifetime of a VAPID token; at most a day (RFC 8292, 2).
const TOKEN_LIFE: SignedDuration = SignedDuration::from_hours(12);
/// How long before its expiry a token is replaced.
const TOKEN_RENEWAL: SignedDuration = SignedDuration::from_hours(1);
/// Origins whose token is cached; beyond that the cache is cleared.
const TOKENS_MAX: usize = 1024;

/// Why the push sender could not be set up, or a token not signed.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// The key is not a P-256 key.
    #[error("VAPID key: it is no key of P-256")]
    Key(#[from] p256::elliptic_curve::Error),
    /// The key cannot be encoded as PKCS #8.
    #[error("VAPID key: {0}")]
    Form(#[from] p256::pkcs8::Error),
    /// A token could not be signed.
    #[error("VAPID token: {0}")]
    Sign(#[from] jsonwebtoken::errors::Error),
    /// The HTTP client could not be built.
    #[error("HTTP client: {0}")]
    Client(#[from] reqwest::Error),
}

/// The key that signs VAPID tokens.
pub struct VapidKey {
    signing: EncodingKey,
    public: Vec<u8>,
}

impl VapidKey {
    /// The key with that secret scalar.
    pub fn new(scalar: &[u8; 32]) -> Result<Self, PushError> {
        let key = SecretKey::from_slice(scalar)?;
        let signing = EncodingKey::from_ec_der(key.to_pkcs8_der()?.as_bytes());
        let public = key.public_key().to_encoded_point(false).as_bytes().to_vec();
        Ok(Self { signing, public })
    }

    /// The public half as browsers take it: an uncompressed point in base64url (RFC 8292, 3.2).
    pub fn public(&self) -> String {
        URL_SAFE_NO_PAD.encode(&self.public)
    }

    fn sign(&self, origin: &str, contact: &Url, expires: Timestamp) -> Result<VapidSignature, PushError> {
        let claims =
            serde_json::json!({ "aud": origin, "exp": expires.as_second(), "sub": contact.as_str() });
        let auth_t = jsonwebtoken::encode(&Header::new(Algorithm::ES256), &claims, &self.signing)?;
        Ok(VapidSignature { auth_t, auth_k: self.public.clone() })
    }
}

/// How long a push service keeps a push for a device that is off, in seconds: a night and a day. The same for every kind,
/// since what is left of a reminder's time would tell the kinds apart (R24); what it leads to can be answered for longer.
const TTL: u32 = 24 * 60 * 60;

/// Hands pushes to push services.
pub struct PushSender {
    client: reqwest::Client,
    key: VapidKey,
    contact: Url,
    policy: PushPolicy,
    public_url: Url,
    tokens: Mutex<HashMap<String, (VapidSignature, Timestamp)>>,
}

impl PushSender {
    /// A sender; one per process, since it caches connections and tokens.
    pub fn new(key: VapidKey, contact: Url, policy: PushPolicy, public_url: Url) -> Result<Self, PushError> {
        let insecure =
            policy.insecure_origins.iter().filter_map(|url| url.host_str().map(str::to_owned)).collect();
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(TIMEOUT)
            .connect_timeout(Duration::from_secs(5))
            .dns_resolver(Arc::new(PublicOnly { insecure }))
            .build()?;
        Ok(Self { client, key, contact, policy, public_url, tokens: Mutex::default() })
    }

    /// Sends one nudge to one device.
    ///
    /// `letter`: the text for a device whose owner chose fuller words, and whether a tap beside it can answer.
    pub async fn send(
        &self,
        nudge: &NudgeRow,
        to: &Target,
        letter: (&Letter, bool),
        now: Timestamp,
    ) -> SendResult {
        // Checked again: the operator may have narrowed what is allowed since the device was registered (R33).
        let Ok(endpoint) = self.policy.endpoint("endpoint", &to.subscription.endpoint) else {
            return SendResult::new(AttemptOutcome::Refused, None);
        };
        let message = match self.message(nudge, to, &endpoint, letter, now) {
            Ok(message) => message,
            Err(error) => {
                tracing::error!(%error, nudge = %nudge.id, "a push could not be made");
                return SendResult::new(AttemptOutcome::Refused, None);
            }
        };
        let answer = match request(&self.client, endpoint, message).send().await {
            Ok(answer) => answer,
            // The error itself is not logged: it names the endpoint, which is personal (R35).
            Err(error) => {
                tracing::info!(nudge = %nudge.id, timeout = error.is_timeout(), "a push service did not answer");
                return SendResult::new(AttemptOutcome::Deferred, None);
            }
        };
        let status = answer.status().as_u16();
        let header = answer.headers().get("retry-after").and_then(|value| value.to_str().ok());
        let result = SendResult::of_push(status, header.and_then(|text| retry::retry_after(text, now)));
        if result.refuses_us {
            tracing::error!(status, "a push service refuses this server's VAPID key");
        }
        read_out(answer).await;
        result
    }

    fn message(
        &self,
        nudge: &NudgeRow,
        to: &Target,
        endpoint: &Url,
        letter: (&Letter, bool),
        now: Timestamp,
    ) -> Result<WebPushMessage, Box<dyn std::error::Error + Send + Sync>> {
        let unpadded = |text: &str| text.trim_end_matches('=').to_owned();
        let Subscription { endpoint: at, p256dh, auth, fuller_words } = &to.subscription;
        let info = SubscriptionInfo::new(at.clone(), unpadded(p256dh), unpadded(auth));
        let payload = self.payload(nudge, &to.path, fuller_words.then_some(letter))?;
        let mut builder = WebPushMessageBuilder::new(&info);
        builder.set_ttl(TTL);
        builder.set_urgency(Urgency::Normal);
        builder.set_topic(topic(nudge.shown_key()));
        builder.set_payload(ContentEncoding::Aes128Gcm, &payload);
        builder.set_vapid_signature(self.token(endpoint, now)?);
        Ok(builder.build()?)
    }

    /// The payload as Declarative Web Push (WebKit's explainer; W3C Push API, "declarative push message"), which a
    /// service worker can read too. All kinds of nudge look alike in it (R24); with the `fuller` words that a device's
    /// owner chose it still has the same padded size on the network.
    fn payload(
        &self,
        nudge: &NudgeRow,
        path: &str,
        fuller: Option<(&Letter, bool)>,
    ) -> Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>> {
        let mut navigate = self.public_url.join(path)?;
        navigate.set_fragment(Some(&nudge.id.to_string()));
        let words = fuller.and_then(|(letter, _)| letter.paragraphs.first());
        let mut message = serde_json::json!({
            "web_push": 8030,
            "notification": {
                "title": PUSH_TITLE,
                "body": words.unwrap_or(&PUSH_BODY),
                "lang": "en",
                "dir": "ltr",
                "navigate": navigate.as_str(),
            },
            "nudge": nudge.id.to_string(),
        });
        if fuller.is_some_and(|(_, answers)| answers) {
            // Without a service worker, each action leads where a tap does.
            let action = |(action, title): &(&str, &str)| serde_json::json!({ "action": action, "title": title, "navigate": navigate.as_str() });
            message["notification"]["actions"] = PUSH_ANSWERS.iter().map(action).collect();
        }
        let mut text = serde_json::to_vec(&message)?;
        if text.len() > PAYLOAD {
            return Err("the public URL is too long for a push".into());
        }
        text.resize(PAYLOAD, b' ');
        Ok(text)
    }

    /// The VAPID token for an endpoint's origin: signed once and cached until shortly before its expiry.
    fn token(&self, endpoint: &Url, now: Timestamp) -> Result<VapidSignature, PushError> {
        let origin = endpoint.origin().ascii_serialization();
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((token, expires)) = tokens.get(&origin)
            && now + TOKEN_RENEWAL < *expires
            && *expires <= now + TOKEN_LIFE
        {
            return Ok(token.clone());
        }
        if tokens.len() >= TOKENS_MAX {
            tokens.clear();
        }
        let expires = now + TOKEN_LIFE;
        let token = self.key.sign(&origin, &self.contact, expires)?;
        tokens.insert(origin, (token.clone(), expires));
        Ok(token)
    }
}

fn request(client: &reqwest::Client, endpoint: Url, message: WebPushMessage) -> reqwest::RequestBuilder {
    let mut request = client.post(endpoint).header("TTL", message.ttl);
    if let Some(urgency) = message.urgency {
        request = request.header("Urgency", urgency.to_string());
    }
    if let Some(topic) = message.topic {
        request = request.header("Topic", topic);
    }
    let Some(payload) = message.payload else { return request };
    request = request
        .header("Content-Encoding", payload.content_encoding.to_str())
        .header("Content-Type", "application/octet-stream");
    for (name, value) in payload.crypto_headers {
        request = request.header(name, value);
    }
    request.body(payload.content)
}

/// Reads a short body to its end, which frees its connection. A longer one is dropped with its connection.
async fn read_out(mut answer: reqwest::Response) {
    let mut left = BODY_MAX;
    let whole = async {
        while let Ok(Some(chunk)) = answer.chunk().await
            && chunk.len() < left
        {
            left -= chunk.len();
        }
    };
    // After the time-out, the connection is not worth keeping.
    let _ = tokio::time::timeout(BODY_WITHIN, whole).await;
}

/// The Topic of a nudge (RFC 8030, 5.4): 32 characters made of its key, so that a repeat replaces the first push and
/// the push service learns nothing (R14).
fn topic(key: &str) -> String {
    URL_SAFE_NO_PAD.encode(&fingerprint(key)[..24])
}

/// Resolves names to public addresses only. The client connects to the addresses checked here, so DNS rebinding gains
/// nothing.
struct PublicOnly {
    insecure: Vec<String>,
}

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let host = name.as_str().to_owned();
        let insecure = self.insecure.contains(&host);
        Box::pin(async move {
            let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
            let allowed: Vec<_> = found.filter(|address| insecure || is_public(address.ip())).collect();
            if allowed.is_empty() {
                return Err("the name has no public address".into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

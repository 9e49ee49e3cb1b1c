//! The push service and the mail server that tests and `evenkeel demo` deliver to.

use std::{sync::Arc, time::Duration};

use crate::support::chance;
use crate::support::receivers::{Answer, Behaviour, Gate, PushReceiver, Reply, SmtpReceiver, Stage};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as B64};
use evenkeel::demo::{loopback::Now, push_receiver::Subscription};
use jiff::Timestamp;
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation,
    jwk::{AlgorithmParameters, Jwk, JwkSet},
};
use serde_json::json;
use web_push::{
    ContentEncoding, SubscriptionInfo, Urgency, VapidSignature, VapidSignatureBuilder, WebPushMessage,
    WebPushMessageBuilder,
};

const PKCS8_P256: [u8; 35] = [
    0x30, 0x41, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
    0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x04, 0x27, 0x30, 0x25, 0x02, 0x01, 0x01, 0x04,
    0x20,
];
const PKCS8_ED25519: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// A VAPID key from 32 random bytes: the signing key and the public point (65 bytes, 0x04 x y).
struct Vapid {
    seed: [u8; 32],
    key: EncodingKey,
    point: Vec<u8>,
}

impl Vapid {
    fn from_seed(seed: [u8; 32]) -> Result<Self, jsonwebtoken::errors::Error> {
        let key = EncodingKey::from_ec_der(&[&PKCS8_P256[..], &seed].concat());
        let AlgorithmParameters::EllipticCurve(public) =
            Jwk::from_encoding_key(&key, Algorithm::ES256)?.algorithm
        else {
            unreachable!("ES256 is a curve")
        };
        let point = [vec![4], B64.decode(public.x).unwrap(), B64.decode(public.y).unwrap()].concat();
        Ok(Self { seed, key, point })
    }

    fn generate() -> Self {
        // Fails once in 2^32: a seed that is no scalar of the curve.
        loop {
            if let Ok(vapid) = Self::from_seed(chance().bytes()) {
                return vapid;
            }
        }
    }

    /// Signed once per origin and reused: `VapidSignature` is plain data and Clone.
    fn sign(&self, audience: &str, exp: Timestamp) -> VapidSignature {
        let claims = json!({ "aud": audience, "exp": exp.as_second(), "sub": "mailto:operator@example.org" });
        let auth_t = jsonwebtoken::encode(&Header::new(Algorithm::ES256), &claims, &self.key).unwrap();
        VapidSignature { auth_t, auth_k: self.point.clone() }
    }
}

fn now() -> Timestamp {
    "2026-03-01T12:00:00.000Z".parse().unwrap()
}

fn clock() -> Now {
    Arc::new(now)
}

fn hours(hours: i64) -> Timestamp {
    now() + jiff::SignedDuration::from_hours(hours)
}

fn message(to: &Subscription, vapid: VapidSignature, topic: &str, text: &[u8]) -> WebPushMessage {
    let info = SubscriptionInfo::new(&to.endpoint, &to.p256dh, &to.auth);
    let mut builder = WebPushMessageBuilder::new(&info);
    builder.set_ttl(3600);
    builder.set_urgency(Urgency::High);
    builder.set_topic(topic.to_owned());
    builder.set_payload(ContentEncoding::Aes128Gcm, text);
    builder.set_vapid_signature(vapid);
    builder.build().unwrap()
}

fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(Duration::from_secs(10))
        .build()
        .unwrap()
}

async fn post(client: &reqwest::Client, message: WebPushMessage) -> reqwest::Result<reqwest::Response> {
    let payload = message.payload.unwrap();
    let mut request = client
        .post(message.endpoint.to_string())
        .header("TTL", message.ttl)
        .header("Content-Encoding", payload.content_encoding.to_str())
        .header("Content-Type", "application/octet-stream");
    if let Some(urgency) = message.urgency {
        request = request.header("Urgency", urgency.to_string());
    }
    if let Some(topic) = message.topic {
        request = request.header("Topic", topic);
    }
    for (name, value) in payload.crypto_headers {
        request = request.header(name, value);
    }
    request.body(payload.content).send().await
}

#[tokio::test]
async fn a_good_push_is_decrypted_and_a_repeat_takes_its_place() {
    let receiver = PushReceiver::start(clock()).unwrap();
    let vapid = Vapid::generate();
    let phone = receiver.subscribe_to(Some(&B64.encode(&vapid.point)));
    let token = vapid.sign(&receiver.origin(), hours(12));
    let client = client();
    for text in ["erste Frage", "zweite Frage, größer ✓"] {
        let answer =
            post(&client, message(&phone, token.clone(), "check-in-1", text.as_bytes())).await.unwrap();
        assert_eq!(answer.status(), 201);
        assert!(answer.headers()["location"].to_str().unwrap().starts_with(&receiver.origin()));
    }
    post(&client, message(&phone, token, "check-in-2", b"other")).await.unwrap();
    let all = receiver.received_at_least(3).await;
    assert_eq!(all.len(), 3);
    assert_eq!((all[0].ttl, all[0].at, all[0].urgency.as_deref()), (3600, now(), Some("high")));
    let shown: Vec<_> = receiver.displayed(&phone.endpoint).into_iter().map(|push| push.payload).collect();
    assert_eq!(shown, ["zweite Frage, größer ✓".as_bytes(), b"other"]);
    assert_eq!(receiver.refusals(), []);
}

#[tokio::test]
async fn web_pushs_own_signature_is_taken_on_the_real_clock_and_needs_aud_on_a_port() {
    let receiver = PushReceiver::start(Arc::new(|| evenkeel::clock::Clock::System.now())).unwrap();
    let phone = receiver.subscribe();
    let info = SubscriptionInfo::new(&phone.endpoint, &phone.p256dh, &phone.auth);
    let seed = B64.encode(Vapid::generate().seed);
    let mut builder = VapidSignatureBuilder::from_base64(&seed, &info).unwrap();
    builder.add_claim("sub", "mailto:operator@example.org");
    builder.add_claim("aud", receiver.origin());
    let good = post(&client(), message(&phone, builder.build().unwrap(), "t", b"x")).await.unwrap();
    assert_eq!(good.status(), 201);
    let without_port = VapidSignatureBuilder::from_base64(&seed, &info).unwrap().build().unwrap();
    let bad = post(&client(), message(&phone, without_port, "t", b"x")).await.unwrap();
    assert_eq!(bad.status(), 403);
    assert!(receiver.refusals()[0].why.starts_with("aud is http://127.0.0.1, not http://127.0.0.1:"));
}

#[tokio::test]
async fn wrong_pushes_are_refused_and_not_kept() {
    let receiver = PushReceiver::start(clock()).unwrap();
    let vapid = Vapid::generate();
    let phone = receiver.subscribe();
    let bound = receiver.subscribe_to(Some(&B64.encode(&Vapid::generate().point)));
    let origin = receiver.origin();
    let good = vapid.sign(&origin, hours(12));
    let mut stolen = good.clone();
    stolen.auth_k = Vapid::generate().point;
    let mut no_ttl = message(&phone, good.clone(), "t", b"x");
    no_ttl.ttl = 0;
    let mut garbled = message(&phone, good.clone(), "t", b"x");
    garbled.payload.as_mut().unwrap().content[120] ^= 1;
    let mut unsigned = message(&phone, good.clone(), "t", b"x");
    unsigned.payload.as_mut().unwrap().crypto_headers.clear();
    let mut stranger = phone.clone();
    stranger.endpoint.push('x');
    let mut large = message(&phone, good.clone(), "t", b"x");
    large.payload.as_mut().unwrap().content = vec![7; 200_000];
    let altered = |name: &'static str, value: &'static str| {
        let mut push = message(&phone, good.clone(), "t", b"x");
        push.payload.as_mut().unwrap().crypto_headers = vec![(name, value.to_owned())];
        push
    };
    let no_contact = {
        let claims = json!({ "aud": &origin, "exp": hours(1).as_second() });
        let auth_t = jsonwebtoken::encode(&Header::new(Algorithm::ES256), &claims, &vapid.key).unwrap();
        message(&phone, VapidSignature { auth_t, auth_k: vapid.point.clone() }, "t", b"x")
    };
    let cases = [
        (401, "Authorization is not", altered("Authorization", "Bearer x")),
        (403, "sub is neither", no_contact),
        (403, "the token is not good: InvalidSignature", message(&phone, stolen, "t", b"x")),
        (403, "aud is", message(&phone, vapid.sign("https://push.example", hours(12)), "t", b"x")),
        (403, "exp 2026-03-01T11:00:00Z is over", message(&phone, vapid.sign(&origin, hours(-1)), "t", b"x")),
        (
            403,
            "exp 2026-03-02T13:00:00Z is more than 24 h",
            message(&phone, vapid.sign(&origin, hours(25)), "t", b"x"),
        ),
        (403, "k is not the key", message(&bound, good.clone(), "t", b"x")),
        (401, "no Authorization", unsigned),
        (400, "the user agent cannot decrypt it", garbled),
        (404, "no such subscription", message(&stranger, good.clone(), "t", b"x")),
        (413, "more than 4096 bytes", large),
    ];
    let client = client();
    for (nth, (status, why, wrong)) in cases.into_iter().enumerate() {
        assert_eq!(post(&client, wrong).await.unwrap().status(), status, "{why}");
        let refusal = &receiver.refusals()[nth];
        assert!(refusal.why.starts_with(why) && refusal.status == status, "{why}: {refusal:?}");
    }
    assert_eq!(post(&client, no_ttl).await.unwrap().status(), 201, "a TTL of 0 is good");
    let bare = client.post(&phone.endpoint).body("x").send().await.unwrap();
    assert_eq!((bare.status().as_u16(), bare.text().await.unwrap().as_str()), (400, "no TTL"));
    assert_eq!(receiver.received().len(), 1);
}

#[tokio::test]
async fn scripted_answers_come_in_order_and_keep_only_what_they_say() {
    let receiver = PushReceiver::start(clock()).unwrap();
    let vapid = Vapid::generate();
    let phone = receiver.subscribe();
    let token = vapid.sign(&receiver.origin(), hours(1));
    let client = client();
    let send = || post(&client, message(&phone, token.clone(), "t", b"x"));
    let next = |answer| receiver.answer_next(&phone.endpoint, answer);
    next(Answer::status(429).with_header("Retry-After", "120"));
    next(Answer::status(307).with_header("Location", "http://127.0.0.1:1/"));
    next(Answer::behaving(Behaviour::Close));
    next(Answer::behaving(Behaviour::AcceptThenClose));
    next(Answer { after: Behaviour::EndlessBody, ..Answer::status(503) });
    let slow = send().await.unwrap();
    assert_eq!((slow.status().as_u16(), &slow.headers()["retry-after"]), (429, &"120".parse().unwrap()));
    let moved = send().await.unwrap();
    assert_eq!(
        (moved.status().as_u16(), moved.headers()["location"].to_str().unwrap()),
        (307, "http://127.0.0.1:1/")
    );
    assert!(send().await.is_err());
    assert_eq!(receiver.received(), []);
    assert!(send().await.is_err());
    assert_eq!(receiver.received().len(), 1, "the answer was lost, the push was not");
    let mut endless = send().await.unwrap();
    assert_eq!(endless.status(), 503);
    let mut read = 0;
    while read < 100_000 {
        read += endless.chunk().await.unwrap().unwrap().len();
    }
    drop(endless);
    receiver.answer_always(&phone.endpoint, Some(Answer::status(410)));
    for _ in 0..2 {
        assert_eq!(send().await.unwrap().status(), 410);
    }
    receiver.answer_always(&phone.endpoint, None);
    assert_eq!(send().await.unwrap().status(), 201);
    assert_eq!(receiver.received().len(), 2);
}

#[tokio::test]
async fn a_gate_shows_that_pushes_are_in_hand_together_and_dropping_stops_all() {
    let receiver = PushReceiver::start(clock()).unwrap();
    let vapid = Vapid::generate();
    let phone = receiver.subscribe();
    let token = vapid.sign(&receiver.origin(), hours(1));
    let gate = Gate::new();
    receiver.answer_always(&phone.endpoint, Some(Answer::behaving(Behaviour::Gate(gate.clone()))));
    let client = client();
    let spawn = || {
        let (client, push) = (client.clone(), message(&phone, token.clone(), "t", b"x"));
        tokio::spawn(async move { post(&client, push).await })
    };
    let sends: Vec<_> = (0..8).map(|_| spawn()).collect();
    gate.arrived(8).await;
    assert_eq!((receiver.received().len(), receiver.most_at_once()), (0, 8));
    gate.release(8);
    for send in sends {
        assert_eq!(send.await.unwrap().unwrap().status(), 201);
    }
    assert_eq!(receiver.received().len(), 8);
    gate.open();
    assert_eq!(spawn().await.unwrap().unwrap().status(), 201);
    let shut = Gate::new();
    receiver.answer_next(&phone.endpoint, Answer::behaving(Behaviour::Gate(shut.clone())));
    let held = spawn();
    shut.arrived(1).await;
    receiver.answer_next(&phone.endpoint, Answer::behaving(Behaviour::Hang));
    let hanging = spawn();
    let address = receiver.origin().replace("http://", "");
    drop(receiver);
    assert!(held.await.unwrap().is_err() && hanging.await.unwrap().is_err());
    assert!(std::net::TcpStream::connect(address).is_err());
}

/// How fast it is, with `--ignored --nocapture --release`-like builds.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a figure, not a test"]
async fn speed() {
    let receiver = PushReceiver::start(clock()).unwrap();
    let vapid = Vapid::generate();
    let phone = receiver.subscribe();
    let token = vapid.sign(&receiver.origin(), hours(1));
    let client = client();
    let start = std::time::Instant::now();
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let (client, phone, token) = (client.clone(), phone.clone(), token.clone());
            tokio::spawn(async move {
                for _ in 0..250 {
                    post(&client, message(&phone, token.clone(), "t", &[b' '; 1000])).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    println!("{} pushes/s", 4000.0 / start.elapsed().as_secs_f64());
}

#[tokio::test]
async fn every_payload_of_one_padded_length_has_one_size_on_the_wire() {
    const PADDED: usize = 1023;
    let receiver = PushReceiver::start(clock()).unwrap();
    let vapid = Vapid::generate();
    let phone = receiver.subscribe();
    let token = vapid.sign(&receiver.origin(), hours(1));
    let size = |text: &[u8]| message(&phone, token.clone(), "t", text).payload.unwrap().content.len();
    assert_eq!(
        [0, 1, 127, 128, 255, 256, 1023, 1024, 3052].map(|n| if n == 0 { 0 } else { size(&vec![b' '; n]) }),
        [0, 230, 230, 358, 358, 486, 1126, 1254, 3174]
    );
    for value in
        [json!({ "web_push": 8030 }), json!({ "web_push": 8030, "notification": { "title": "größer" } })]
    {
        let mut text = value.to_string().into_bytes();
        assert!(text.len() <= PADDED);
        text.resize(PADDED, b' ');
        assert_eq!(size(&text), 86 + PADDED + 1 + 16);
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&text).unwrap(), value);
    }
}

#[test]
fn an_ed25519_seed_signs_and_its_jwks_verifies() {
    let seed = chance().bytes::<32>();
    let key = EncodingKey::from_ed_der(&[&PKCS8_ED25519[..], &seed].concat());
    let mut jwk = Jwk::from_encoding_key(&key, Algorithm::EdDSA).unwrap();
    jwk.common.key_id = Some("2026-03".to_owned());
    jwk.common.public_key_use = Some(jsonwebtoken::jwk::PublicKeyUse::Signature);
    let set = JwkSet { keys: vec![jwk] };
    println!("{}", serde_json::to_string(&set).unwrap());
    let mut header = Header::new(Algorithm::EdDSA);
    header.kid = Some("2026-03".to_owned());
    let claims = json!({ "sub": "a", "iss": "evenkeel", "aud": "access", "exp": hours(1).as_second() });
    let token = jsonwebtoken::encode(&header, &claims, &key).unwrap();
    let published: JwkSet = serde_json::from_str(&serde_json::to_string(&set).unwrap()).unwrap();
    let kid = jsonwebtoken::decode_header(&token).unwrap().kid.unwrap();
    let verifier = DecodingKey::from_jwk(published.find(&kid).unwrap()).unwrap();
    let mut rules = Validation::new(Algorithm::EdDSA);
    rules.set_audience(&["access"]);
    rules.set_issuer(&["evenkeel"]);
    rules.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
    rules.validate_exp = false; // its clock is SystemTime; compare exp with your own
    let claims = jsonwebtoken::decode::<serde_json::Value>(&token, &verifier, &rules).unwrap().claims;
    assert_eq!(claims["sub"], "a");
    rules.set_audience(&["reset"]);
    assert!(jsonwebtoken::decode::<serde_json::Value>(&token, &verifier, &rules).is_err());
}

mod mail {
    use super::*;
    use lettre::{
        AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
        address::Envelope,
        message::{
            Mailbox, MultiPart,
            header::{HeaderName, HeaderValue},
        },
    };

    fn mailer(receiver: &SmtpReceiver) -> AsyncSmtpTransport<Tokio1Executor> {
        AsyncSmtpTransport::<Tokio1Executor>::from_url(&receiver.url())
            .unwrap()
            .timeout(Some(Duration::from_secs(10)))
            .build()
    }

    fn mail(to: &str) -> Message {
        let list =
            |name, value: &str| HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned());
        Message::builder()
            .from("Evenkeel <post@evenkeel.test>".parse::<Mailbox>().unwrap())
            .to(to.parse().unwrap())
            .subject("Erinnerung – größer ✓")
            .message_id(Some("<nudge-1@evenkeel.test>".to_owned()))
            .date(std::time::UNIX_EPOCH + Duration::from_secs(now().as_second() as u64))
            .raw_header(list("Auto-Submitted", "auto-generated"))
            .raw_header(list("List-Unsubscribe", "<https://evenkeel.test/unsubscribe/abc>"))
            .raw_header(list("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"))
            .multipart(MultiPart::alternative_plain_html(
                ".\r\n..two\r\n.Grüße\r\n.".to_owned(),
                "<p>Grüße</p>".to_owned(),
            ))
            .unwrap()
    }

    #[tokio::test]
    async fn a_mail_arrives_whole() {
        let receiver = SmtpReceiver::start(clock()).unwrap();
        let mailer = mailer(&receiver);
        for to in ["Sam <sam@example.org>", "alex@example.org"] {
            mailer.send(mail(to)).await.unwrap();
        }
        let got = &receiver.received_at_least(2).await[0];
        assert_eq!((got.at, got.from.as_str()), (now(), "post@evenkeel.test"));
        assert_eq!(got.subject().as_deref(), Some("Erinnerung – größer ✓"));
        assert_eq!(got.header("subject").as_deref(), Some("Erinnerung – größer ✓"));
        assert_eq!(got.message_id().as_deref(), Some("nudge-1@evenkeel.test"));
        assert_eq!(got.header("message-id").as_deref(), Some("<nudge-1@evenkeel.test>"));
        assert_eq!(got.header("auto-submitted").as_deref(), Some("auto-generated"));
        assert_eq!(
            got.header("List-Unsubscribe").as_deref(),
            Some("<https://evenkeel.test/unsubscribe/abc>")
        );
        assert_eq!(got.header("X-Missing"), None);
        assert_eq!(got.text().map(|text| text.replace("\r\n", "\n")).as_deref(), Some(".\n..two\n.Grüße\n."));
        assert_eq!(got.html().as_deref(), Some("<p>Grüße</p>"));
        assert_eq!(receiver.inbox("SAM@example.org").len(), 1);
        assert_eq!(receiver.inbox("nobody@example.org").len(), 0);
    }

    #[tokio::test]
    async fn non_ascii_addresses_and_a_raw_envelope_pass() {
        let receiver = SmtpReceiver::start(clock()).unwrap();
        let envelope = Envelope::new(
            Some("post@evenkeel.test".parse().unwrap()),
            vec!["jürgen@example.org".parse().unwrap()],
        )
        .unwrap();
        mailer(&receiver).send_raw(&envelope, b"Subject: x\r\n\r\n..a").await.unwrap();
        assert_eq!(receiver.inbox("JÜRGEN@example.org")[0].raw, b"Subject: x\r\n\r\n..a\r\n"); // lettre adds the last line end
    }

    #[tokio::test]
    async fn scripted_failures_look_as_they_do_in_life() {
        let receiver = SmtpReceiver::start(clock()).unwrap();
        let mailer = mailer(&receiver);
        for (stage, code) in
            [(Stage::Mail, 451), (Stage::Rcpt, 550), (Stage::Data, 452), (Stage::EndOfData, 554)]
        {
            receiver.answer_next(stage, Reply::Code(code));
            let fault = mailer.send(mail("sam@example.org")).await.unwrap_err();
            assert_eq!(fault.status().map(u16::from), Some(code), "{stage:?}");
            assert_eq!((fault.is_permanent(), fault.is_transient()), (code >= 500, code < 500));
        }
        receiver.answer_address("sam@example.org", Some(550));
        assert!(mailer.send(mail("sam@example.org")).await.unwrap_err().is_permanent());
        receiver.answer_address("sam@example.org", None);
        for stage in [Stage::Mail, Stage::Rcpt, Stage::Data, Stage::EndOfData] {
            receiver.answer_next(stage, Reply::Drop);
            let fault = mailer.send(mail("sam@example.org")).await.unwrap_err();
            println!(
                "{stage:?}: {fault:?} permanent={} transient={} client={}",
                fault.is_permanent(),
                fault.is_transient(),
                fault.is_client()
            );
            assert_eq!(fault.status(), None);
        }
        assert_eq!(receiver.received(), []);
        receiver.answer_next(Stage::EndOfData, Reply::AcceptThenDrop);
        assert!(mailer.send(mail("sam@example.org")).await.is_err());
        assert_eq!(receiver.received().len(), 1, "the reply was lost, the mail was not");
        mailer.send(mail("sam@example.org")).await.unwrap();
        assert_eq!(receiver.inbox("sam@example.org").len(), 2);
    }

    #[tokio::test]
    async fn pipelined_commands_are_answered_in_order() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let receiver = SmtpReceiver::start(clock()).unwrap();
        let mut stream = tokio::net::TcpStream::connect(receiver.url().replace("smtp://", "")).await.unwrap();
        let all = "EHLO x\r\nRCPT TO:<early@x>\r\nMAIL FROM:<> BODY=8BITMIME SMTPUTF8 SIZE=9\r\nRSET\r\n\
                   mail from:<a@x>\r\nMAIL FROM:<b@x>\r\nRCPT TO:<c@x>\r\nRCPT TO:d@x\r\nNOOP\r\nDATA\r\n\
                   ..\r\n...\r\n.ä\r\n.\r\nVRFY c\r\nQUIT\r\n";
        stream.write_all(all.as_bytes()).await.unwrap();
        let mut replies = String::new();
        stream.read_to_string(&mut replies).await.unwrap();
        let codes: Vec<_> = replies
            .lines()
            .filter(|line| &line[3..4] == " ")
            .map(|line| line[..3].parse::<u16>().unwrap())
            .collect();
        assert_eq!(codes, [220, 250, 503, 250, 250, 250, 503, 250, 501, 250, 354, 250, 502, 221]);
        assert_eq!(receiver.received()[0].raw, ".\r\n..\r\nä\r\n".as_bytes());
        assert_eq!(receiver.received()[0].to, ["c@x"]);
    }

    #[tokio::test]
    async fn a_hanging_server_never_replies() {
        let receiver = SmtpReceiver::start(clock()).unwrap();
        receiver.answer_next(Stage::EndOfData, Reply::Hang);
        let mailer = mailer(&receiver);
        // lettre's own `timeout` bounds connecting only.
        let sending = tokio::time::timeout(Duration::from_millis(200), mailer.send(mail("sam@example.org")));
        assert!(sending.await.is_err());
        assert_eq!(receiver.received(), []);
    }

    #[tokio::test]
    async fn a_gate_holds_mails_and_dropping_stops_the_server() {
        let receiver = SmtpReceiver::start(clock()).unwrap();
        let gate = Gate::new();
        let mailer = mailer(&receiver);
        for _ in 0..3 {
            receiver.answer_next(Stage::EndOfData, Reply::Gate(gate.clone()));
        }
        let sends: Vec<_> = (0..3)
            .map(|_| {
                let mailer = mailer.clone();
                tokio::spawn(async move { mailer.send(mail("sam@example.org")).await })
            })
            .collect();
        gate.arrived(3).await;
        assert_eq!(receiver.received(), []);
        gate.release(3);
        for send in sends {
            send.await.unwrap().unwrap();
        }
        let address = receiver.url().replace("smtp://", "");
        drop(receiver);
        assert!(std::net::TcpStream::connect(address).is_err());
        assert!(mailer.send(mail("sam@example.org")).await.is_err());
    }
}

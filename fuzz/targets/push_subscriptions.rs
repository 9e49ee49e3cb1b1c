//! Push subscriptions (R33): an endpoint that is taken leads to a known push service over https and stays taken, and keys
//! that are taken can be encrypted for.

#![no_main]

use evenkeel::actions::nudges::device::{Subscription, check_keys};
use evenkeel::domain::device::{ENDPOINT_MAX, PushPolicy, ServiceClass, is_public};
use evenkeel::domain::problem::Checks;
use evenkeel_fuzz::texts;
use libfuzzer_sys::fuzz_target;
use std::net::IpAddr;
use std::sync::LazyLock;
use url::{Host, Url};
use web_push::{ContentEncoding, SubscriptionInfo, WebPushMessageBuilder};

const KNOWN: [&str; 2] = ["fcm.googleapis.com", "jmt17.google.com"];
const KNOWN_ABOVE: [&str; 3] = [".push.services.mozilla.com", ".push.apple.com", ".notify.windows.com"];

/// A production policy with a host of the operator's, and one that also trusts a receiver on the same machine.
static POLICIES: LazyLock<[PushPolicy; 2]> = LazyLock::new(|| {
    let hosts = vec!["up.example.org".to_owned(), ".push.example.org".to_owned()];
    let insecure_origins = vec!["http://127.0.0.1:4000".parse().unwrap()];
    [PushPolicy { hosts: hosts.clone(), ..PushPolicy::default() }, PushPolicy { hosts, insecure_origins }]
});

/// Whether a host is one that a policy may allow, and a name that can be looked up.
fn is_known(host: &str, operators: bool) -> bool {
    let below = |parent: &str| host.strip_suffix(parent).is_some_and(|sub| !sub.is_empty());
    let known = KNOWN.contains(&host) || KNOWN_ABOVE.iter().any(|parent| below(parent));
    let added = operators && (host == "up.example.org" || below(".push.example.org"));
    (known || added) && host.split('.').all(|label| !label.is_empty())
}

fn check_endpoint(policy: &PushPolicy, operators: bool, text: &str) {
    let Ok(url) = policy.endpoint("endpoint", text) else { return };
    // The worker checks the stored form again before it sends.
    assert_eq!(
        policy.endpoint("endpoint", url.as_str()),
        Ok(url.clone()),
        "{text:?} is taken and never sent to"
    );
    assert!(url.as_str().chars().count() <= ENDPOINT_MAX, "{text:?} is stored with more characters");
    if url.origin().ascii_serialization() == "http://127.0.0.1:4000" {
        assert!(!policy.insecure_origins.is_empty(), "{url}");
        return;
    }
    assert!(url.scheme() == "https" && url.port_or_known_default() == Some(443), "{url}");
    assert!(url.username().is_empty() && url.password().is_none() && url.fragment().is_none(), "{url}");
    let Some(Host::Domain(host)) = url.host() else { panic!("{url} has no name") };
    assert!(is_known(host, operators), "{host} is not a push service");
    if !operators {
        assert_ne!(ServiceClass::of_host(host), ServiceClass::Other, "{host}");
    }
}

/// Addresses that nobody but the operator may reach, as in the special-purpose registries of IANA, and what IPv6 does not
/// use for hosts of the internet.
const HIDDEN: [(&str, u8); 22] = [
    ("0.0.0.0", 8),
    ("10.0.0.0", 8),
    ("100.64.0.0", 10),
    ("127.0.0.0", 8),
    ("169.254.0.0", 16),
    ("172.16.0.0", 12),
    ("192.0.0.0", 24),
    ("192.0.2.0", 24),
    ("192.88.99.0", 24),
    ("192.168.0.0", 16),
    ("198.18.0.0", 15),
    ("198.51.100.0", 24),
    ("203.0.113.0", 24),
    ("224.0.0.0", 4),
    ("240.0.0.0", 4),
    ("::", 3),
    ("2001::", 23),
    ("2001:db8::", 32),
    ("2002::", 16),
    ("3fff::", 20),
    ("4000::", 2),
    ("8000::", 1),
];

fn is_hidden(address: IpAddr) -> bool {
    let bits = |address| match address {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()) << 96, false),
        IpAddr::V6(v6) => (v6.to_bits(), true),
    };
    let (own, kind) = bits(address);
    HIDDEN.iter().any(|(network, length)| {
        let (network, other) = bits(network.parse().unwrap());
        kind == other && (own ^ network) >> (128 - u32::from(*length)) == 0
    })
}

fn check_address(text: &str) {
    // Also numbers, which reach every address more easily than its written form.
    let written =
        text.parse().or_else(|_| text.parse().map(|number: u128| IpAddr::from(number.to_be_bytes())));
    let Ok(address) = written else { return };
    assert_eq!(is_public(address), !is_hidden(address), "{address}");
    for policy in POLICIES.iter() {
        let host = if address.is_ipv4() { address.to_string() } else { format!("[{address}]") };
        assert!(policy.endpoint("endpoint", &format!("https://{host}/")).is_err(), "{address} is no name");
    }
}

fn check_keys_and_encrypt(p256dh: &str, auth: &str) {
    let endpoint = "https://fcm.googleapis.com/a".to_owned();
    let (p256dh, auth) = (p256dh.to_owned(), auth.to_owned());
    let subscription = Subscription { endpoint, p256dh, auth, fuller_words: false };
    let mut checks = Checks::new();
    check_keys(&mut checks, &subscription);
    if checks.finish(()).is_err() {
        return;
    }
    // As `delivery::web_push` makes a message.
    let Subscription { endpoint, p256dh, auth, .. } = subscription;
    let unpadded = |text: String| text.trim_end_matches('=').to_owned();
    let info = SubscriptionInfo::new(endpoint, unpadded(p256dh), unpadded(auth));
    let mut message = WebPushMessageBuilder::new(&info);
    message.set_payload(ContentEncoding::Aes128Gcm, &[b' '; 1023]);
    let payload = message.build().expect("keys that were taken can be encrypted for").payload.unwrap();
    assert_eq!(payload.content.len(), 1126, "all pushes have one size (R24)");
}

fuzz_target!(|data: &[u8]| {
    let Some([endpoint, p256dh, auth, address]) = texts::<4>(data) else { return };
    check_endpoint(&PushPolicy::default(), false, endpoint);
    for policy in POLICIES.iter() {
        check_endpoint(policy, true, endpoint);
    }
    if let Ok(url) = Url::parse(endpoint) {
        check_endpoint(&PushPolicy::default(), false, url.as_str());
    }
    check_keys_and_encrypt(p256dh, auth);
    check_address(address);
});

//! Devices: which push endpoints are allowed (R33), and which service they belong to.

use super::problem::{Problem, ProblemCode};
use std::net::IpAddr;
use url::{Host, Url};

/// Longest endpoint, in characters.
pub const ENDPOINT_MAX: usize = 2000;
/// Longest label, in characters.
pub const LABEL_MAX: usize = 60;
/// Maximum number of live devices per account.
pub const DEVICES_MAX: usize = 20;

/// Hosts of the known push services; a leading dot stands for every host below.
const KNOWN: &[(&str, ServiceClass)] = &[
    ("fcm.googleapis.com", ServiceClass::Google),
    ("jmt17.google.com", ServiceClass::Google),
    (".push.services.mozilla.com", ServiceClass::Mozilla),
    (".push.apple.com", ServiceClass::Apple),
    (".notify.windows.com", ServiceClass::Microsoft),
];

/// The service that takes a nudge, as a metrics label: few values, so they identify nobody, and never a
/// host's name, which an operator may have chosen for one person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ServiceClass {
    /// Firebase Cloud Messaging.
    Google,
    /// Mozilla's autopush.
    Mozilla,
    /// Apple's push service.
    Apple,
    /// Windows Push Notification Services.
    Microsoft,
    /// Any other push service.
    Other,
    /// The mail server.
    Mail,
}

impl ServiceClass {
    /// Every class.
    pub const ALL: &'static [Self] =
        &[Self::Google, Self::Mozilla, Self::Apple, Self::Microsoft, Self::Other, Self::Mail];

    /// The push service of a host. The host must be in lower case, as in a parsed URL.
    pub fn of_host(host: &str) -> Self {
        KNOWN.iter().find(|(known, _)| covers(known, host)).map_or(Self::Other, |(_, class)| *class)
    }

    /// Its metrics label.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Google => "google",
            Self::Mozilla => "mozilla",
            Self::Apple => "apple",
            Self::Microsoft => "microsoft",
            Self::Other => "other",
            Self::Mail => "mail",
        }
    }
}

/// Whether a host is the known one, or lies below it if `known` begins with a dot.
fn covers(known: &str, host: &str) -> bool {
    match known.strip_prefix('.') {
        Some(parent) => host
            .strip_suffix(parent)
            .and_then(|sub| sub.strip_suffix('.'))
            .is_some_and(|sub| sub.split('.').all(|label| !label.is_empty())),
        None => host == known,
    }
}

/// Which push endpoints are allowed.
#[derive(Clone, Debug, Default)]
pub struct PushPolicy {
    /// Allowed hosts besides the known ones, set by the operator.
    pub hosts: Vec<String>,
    /// Origins that may be plain http and local; for development.
    pub insecure_origins: Vec<Url>,
}

impl PushPolicy {
    /// Parses an endpoint: https on its default port, an allowed host, no credentials. A free choice of
    /// address would let a client make the server send requests into its own network (SSRF).
    pub fn endpoint(&self, field: &str, text: &str) -> Result<Url, Problem> {
        let refused = |sentence: &str| Problem::new(field, ProblemCode::Malformed, sentence);
        let too_long = || {
            let sentence = format!("At most {ENDPOINT_MAX} characters fit here.");
            Problem::new(field, ProblemCode::TooLong, sentence)
        };
        if text.chars().count() > ENDPOINT_MAX {
            return Err(too_long());
        }
        let url = Url::parse(text).map_err(|_| refused("This is not a URL."))?;
        // Escapes make it longer, and what is kept is checked again before each push.
        if url.as_str().len() > ENDPOINT_MAX {
            return Err(too_long());
        }
        if self.is_insecure_origin(&url) {
            return Ok(url);
        }
        let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
        if url.scheme() != "https" || url.port().is_some() || !plain {
            return Err(refused("This is not the https address of a push service."));
        }
        let Some(Host::Domain(host)) = url.host() else {
            return Err(refused("This is not the https address of a push service."));
        };
        let known = KNOWN.iter().any(|(known, _)| covers(known, host))
            || self.hosts.iter().any(|known| covers(known, host));
        if known { Ok(url) } else { Err(refused("This push service is not one that this server may use.")) }
    }

    /// Whether the operator allowed this origin to be plain http and local.
    pub fn is_insecure_origin(&self, url: &Url) -> bool {
        self.insecure_origins.iter().any(|allowed| allowed.origin() == url.origin())
    }
}

/// Whether an address is on the public internet: not private, loopback, link-local, shared (CGNAT), multicast,
/// reserved, or an IPv6 form that embeds an IPv4 address (IANA special-purpose registries; RFC 6890).
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            !(v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_multicast()
                || v4.is_broadcast()
                || v4.is_documentation()
                || a == 0
                || a >= 240
                || (a == 100 && (64..128).contains(&b))
                || (a == 192 && b == 0 && c == 0)
                || (a == 192 && b == 88 && c == 99)
                || (a == 198 && (b == 18 || b == 19)))
        }
        IpAddr::V6(v6) => {
            let [a, b, ..] = v6.segments();
            // Only global unicast (2000::/3) is public, without Teredo, documentation, 6to4 and similar ranges.
            // IPv4-mapped, NAT64, unique local, link-local and multicast addresses all lie outside 2000::/3.
            (0x2000..0x4000).contains(&a)
                && !(a == 0x2001 && b < 0x0200)
                && !(a == 0x2001 && b == 0x0db8)
                && a != 0x2002
                && !(a == 0x3fff && b < 0x1000)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r33_only_known_push_services_over_https_are_taken() {
        let policy = PushPolicy {
            hosts: vec!["up.example.org".to_owned()],
            insecure_origins: vec!["http://127.0.0.1:4000".parse().unwrap()],
        };
        for good in [
            "https://fcm.googleapis.com/fcm/send/abc",
            "https://updates.push.services.mozilla.com/wpush/v2/abc",
            "https://web.push.apple.com/abc",
            "https://a.web.push.apple.com/abc",
            "https://up.example.org/abc",
            "http://127.0.0.1:4000/push/abc",
        ] {
            assert!(policy.endpoint("endpoint", good).is_ok(), "{good}");
        }
        for bad in [
            "http://fcm.googleapis.com/abc",
            "https://fcm.googleapis.com:8443/abc",
            "https://fcm.googleapis.com@10.0.0.1/abc",
            "https://user:pw@fcm.googleapis.com/abc",
            "https://evilpush.apple.com/abc",
            "https://push.apple.com/abc",
            "https://.push.apple.com/abc",
            "https://a..push.apple.com/abc",
            "https://..a.push.apple.com/abc",
            "https://push.apple.com.evil.org/abc",
            "https://example.org/abc",
            "https://127.0.0.1/abc",
            "https://[::1]/abc",
            "https://2130706433/abc",
            "http://127.0.0.1:4001/push/abc",
            "file:///etc/passwd",
            "gopher://fcm.googleapis.com/",
            "",
        ] {
            assert!(policy.endpoint("endpoint", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn r35_a_service_is_told_by_whose_it_is_and_never_by_its_host() {
        for (host, class) in [
            ("fcm.googleapis.com", ServiceClass::Google),
            ("updates.push.services.mozilla.com", ServiceClass::Mozilla),
            ("web.push.apple.com", ServiceClass::Apple),
            ("db5p.notify.windows.com", ServiceClass::Microsoft),
            ("evilpush.apple.com", ServiceClass::Other),
            ("push.sams-own-host.example.org", ServiceClass::Other),
            ("", ServiceClass::Other),
        ] {
            assert_eq!(ServiceClass::of_host(host), class, "{host}");
        }
    }

    #[test]
    fn r33_only_public_addresses_are_connected_to() {
        for public in ["8.8.8.8", "100.63.0.1", "100.128.0.1", "172.32.0.1", "2606:4700::1", "2a00:1450::1"] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for hidden in [
            "127.0.0.1",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "192.0.2.1",
            "198.18.0.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "ff02::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "2002:a00:1::",
            "2001::1",
            "2001:db8::1",
        ] {
            assert!(!is_public(hidden.parse().unwrap()), "{hidden}");
        }
    }

    #[test]
    fn r33_an_endpoint_carries_no_credentials_no_fragment_and_is_not_endless() {
        let policy = PushPolicy::default();
        let code = |text: &str| policy.endpoint("endpoint", text).err().map(|problem| problem.code);
        for bad in ["sam@fcm.googleapis.com/a", ":pw@fcm.googleapis.com/a", "fcm.googleapis.com/a#b"] {
            assert_eq!(code(&format!("https://{bad}")), Some(ProblemCode::Malformed), "{bad}");
        }
        let of_length = |length| format!("{:a<length$}", "https://fcm.googleapis.com/");
        assert_eq!(code(&of_length(ENDPOINT_MAX)), None);
        for more in [1, 2] {
            assert_eq!(code(&of_length(ENDPOINT_MAX + more)), Some(ProblemCode::TooLong));
        }
        // It is kept with six characters for this letter; those count.
        let kept = |length: usize| of_length(length - 6) + "é";
        assert_eq!(policy.endpoint("endpoint", &kept(ENDPOINT_MAX)).unwrap().as_str().len(), ENDPOINT_MAX);
        assert_eq!(code(&kept(ENDPOINT_MAX + 1)), Some(ProblemCode::TooLong));
    }

    #[test]
    fn r33_what_lies_beside_a_reserved_range_is_public_and_its_edges_are_not() {
        for public in [
            "1.0.0.1",
            "8.0.0.1",
            "8.18.0.1",
            "8.64.0.1",
            "8.88.99.1",
            "192.0.1.1",
            "192.1.0.1",
            "192.1.99.1",
            "192.88.98.1",
            "192.89.99.1",
            "198.17.0.1",
            "198.20.0.1",
            "223.255.255.254",
            "2000::1",
            "2001:200::1",
            "2001:db9::1",
            "2003::1",
            "2a00:1::1",
            "2a00:db8::1",
            "3ffe:1::1",
            "3fff:1000::1",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for hidden in [
            "100.127.255.255",
            "192.0.0.1",
            "192.88.99.1",
            "198.19.255.255",
            "240.0.0.1",
            "2001:1ff::1",
            "2002::1",
            "3fff::1",
            "3fff:fff::1",
            "4000::1",
        ] {
            assert!(!is_public(hidden.parse().unwrap()), "{hidden}");
        }
    }

    #[test]
    fn r35_the_words_for_services_stay_since_dashboards_hold_them() {
        let words = ServiceClass::ALL.iter().map(|class| class.word()).collect::<Vec<_>>();
        assert_eq!(words, ["google", "mozilla", "apple", "microsoft", "other", "mail"]);
    }
}

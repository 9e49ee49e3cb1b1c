//! The client's network, read from trusted proxy headers only and no more exact than a rate limit needs.

use ipnet::IpNet;
use std::net::IpAddr;

/// How many widths a client is counted by at most.
pub const WIDTHS: usize = 3;
/// Prefix lengths of IPv6: a client has a /64 (RFC 6177), a home or an office a /56 or a /48.
const V6_LENGTHS: [u8; WIDTHS] = [64, 56, 48];

/// What one client is counted by: an IPv4 address, or the /64 of an IPv6 address. For counting alone; it never reaches a
/// log (R35). Without a network, no address is known, or none counts.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Network(Option<IpNet>);

impl Network {
    /// No network.
    pub const NONE: Self = Self(None);

    /// The network of an address.
    pub fn of(address: IpAddr) -> Self {
        let whole = Self(Some(address.to_canonical().into()));
        whole.widths().next().unwrap_or(whole)
    }

    /// The networks that a client may have as a whole, the narrowest first: an IPv4 address alone, or the /64, /56 and
    /// /48.
    pub fn widths(self) -> impl Iterator<Item = Self> {
        let lengths: &[u8] = match self.0 {
            Some(IpNet::V6(_)) => &V6_LENGTHS,
            Some(IpNet::V4(_)) => &[32],
            None => &[0],
        };
        lengths.iter().map(move |length| self.cut(*length))
    }

    /// The widest of them.
    pub fn widest(self) -> Self {
        self.widths().last().unwrap_or(self)
    }

    /// The network of a provider, in which clients have nothing to do with each other: the /16 of IPv4, the /32 of IPv6.
    pub fn provider(self) -> Self {
        self.cut(if matches!(self.0, Some(IpNet::V6(_))) { 32 } else { 16 })
    }

    fn cut(self, length: u8) -> Self {
        Self(self.0.and_then(|network| IpNet::new(network.addr(), length).ok()).map(|cut| cut.trunc()))
    }
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Network(…)")
    }
}

/// The proxies whose forwarding headers are believed.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Reads networks such as `10.0.0.0/8`, or single addresses.
    ///
    /// # Errors
    /// A sentence about the first entry that is neither.
    pub fn parse(networks: &[String]) -> Result<Self, String> {
        let read = |text: &String| {
            let network = text.parse::<IpNet>().ok();
            network
                .or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
                .ok_or_else(|| format!("{text:?} is not a network such as 10.0.0.0/8 or fd00::/8"))
        };
        networks.iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// Whether no proxy is trusted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The client's address: the peer's, or the one that trusted proxies forward for. Headers are read from the right,
    /// where the nearest proxy writes, and only as far as hops are trusted: a client can write anything further left.
    /// If `X-Forwarded-For` and `Forwarded` (RFC 7239) disagree, a proxy passed on a header that it does not write
    /// itself; then neither counts.
    pub fn client<'a>(
        &self,
        peer: IpAddr,
        forwarded_for: impl Iterator<Item = &'a str>,
        forwarded: impl Iterator<Item = &'a str>,
    ) -> IpAddr {
        if !self.trusts(peer) {
            return peer;
        }
        let listed: Vec<_> = forwarded_for.flat_map(|line| line.split(',')).map(node).collect();
        let elements: Vec<_> = forwarded.flat_map(|line| line.split(',')).map(element).collect();
        match (listed.is_empty(), elements.is_empty()) {
            (true, _) => self.walk(peer, &elements),
            (false, true) => self.walk(peer, &listed),
            (false, false) => {
                let client = self.walk(peer, &listed);
                if client == self.walk(peer, &elements) { client } else { peer }
            }
        }
    }

    fn walk(&self, peer: IpAddr, hops: &[Option<IpAddr>]) -> IpAddr {
        let mut client = peer;
        for hop in hops.iter().rev() {
            match hop {
                Some(address) if self.trusts(client) => client = *address,
                Some(_) | None => break,
            }
        }
        client
    }
}

/// An address, with or without brackets and port; None: `unknown`, a name, or anything else.
fn node(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_matches('"');
    let bare = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.0,
        None if text.matches(':').count() == 1 => text.split_once(':')?.0,
        None => text,
    };
    bare.parse().ok()
}

/// The `for` of one forwarded-element.
fn element(text: &str) -> Option<IpAddr> {
    let pairs = text.split(';').filter_map(|pair| pair.split_once('='));
    pairs
        .into_iter()
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))
        .and_then(|(_, value)| node(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, forwarded_for: &[&str], forwarded: &[&str]) -> String {
        let proxies = ["10.0.0.0/8".to_owned(), "fd00::1".to_owned()];
        let proxies = TrustedProxies::parse(&proxies).unwrap();
        let client =
            proxies.client(peer.parse().unwrap(), forwarded_for.iter().copied(), forwarded.iter().copied());
        client.to_string()
    }

    #[test]
    fn r34_only_what_a_trusted_proxy_wrote_counts() {
        for (peer, forwarded_for, expected) in [
            ("192.0.2.1", &["198.51.100.7"][..], "192.0.2.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.7"], "198.51.100.7"),
            ("10.0.0.1", &["203.0.113.9, 198.51.100.7"], "198.51.100.7"),
            ("10.0.0.1", &["203.0.113.9, 198.51.100.7, 10.9.9.9"], "198.51.100.7"),
            ("10.0.0.1", &["203.0.113.9", "198.51.100.7 , 10.9.9.9"], "198.51.100.7"),
            ("10.0.0.1", &["10.1.1.1, 10.2.2.2"], "10.1.1.1"),
            ("10.0.0.1", &["198.51.100.7, nonsense"], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.7:4711"], "198.51.100.7"),
            ("::ffff:10.0.0.1", &["2001:db8::7"], "2001:db8::7"),
            ("fd00::1", &["[2001:db8::7]:443"], "2001:db8::7"),
            ("fd00::2", &["2001:db8::7"], "fd00::2"),
        ] {
            assert_eq!(client(peer, forwarded_for, &[]), expected, "{peer} {forwarded_for:?}");
        }
        for (forwarded, expected) in [
            ("for=198.51.100.7", "198.51.100.7"),
            ("For=\"[2001:db8::7]:443\";proto=https, for=10.3.3.3;by=10.0.0.1", "2001:db8::7"),
            ("for=198.51.100.7, for=unknown", "10.0.0.1"),
            ("for=_hidden", "10.0.0.1"),
            ("proto=https", "10.0.0.1"),
        ] {
            assert_eq!(client("10.0.0.1", &[], &[forwarded]), expected, "{forwarded}");
        }
        assert_eq!(client("10.0.0.1", &["198.51.100.7"], &["for=198.51.100.7"]), "198.51.100.7");
        assert_eq!(client("10.0.0.1", &["198.51.100.7"], &["for=203.0.113.9"]), "10.0.0.1", "one is made up");
    }

    #[test]
    fn r34_who_has_one_address_of_a_64_has_them_all() {
        let of = |text: &str| Network::of(text.parse().unwrap());
        assert_eq!(of("2001:db8:0:1::1"), of("2001:db8:0:1:ffff::2"));
        assert_ne!(of("2001:db8:0:1::1"), of("2001:db8:0:2::1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_eq!(format!("{:?}", of("192.0.2.1")), "Network(…)");
        let widths = |text: &str| of(text).widths().collect::<Vec<_>>();
        let together = |one: &str, other: &str| {
            widths(one).iter().zip(widths(other)).filter(|(one, other)| **one == *other).count()
        };
        assert_eq!(together("2001:db8:0:100::1", "2001:db8:0:100:ffff::1"), 3);
        assert_eq!(together("2001:db8:0:100::1", "2001:db8:0:1ff::1"), 2);
        assert_eq!(together("2001:db8:0:100::1", "2001:db8:0:200::1"), 1);
        assert_eq!(together("2001:db8:0:100::1", "2001:db8:1:100::1"), 0);
        assert_eq!(of("2001:db8:0:100::1").widest(), of("2001:db8:0:ffff::1").widest());
        assert_eq!(of("2001:db8:0:100::1").provider(), of("2001:db8:ffff::1").provider());
        assert_ne!(of("2001:db8::1").provider(), of("2001:db9::1").provider());
        assert_eq!(widths("192.0.2.1"), [of("192.0.2.1")]);
        assert_eq!(of("192.0.2.1").provider(), of("192.0.99.1").provider());
        assert_ne!(of("192.0.2.1").provider(), of("192.1.2.1").provider());
    }

    #[test]
    fn what_is_no_network_is_named() {
        for wrong in ["10.0.0.0/33", "proxy", ""] {
            assert!(TrustedProxies::parse(&[wrong.to_owned()]).unwrap_err().contains("10.0.0.0/8"));
        }
    }
}

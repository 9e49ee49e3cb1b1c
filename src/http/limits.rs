//! The HTTP limits: allowed hosts and origins, time-outs, and how many requests run at a time.

use crate::graphql::limits;
use crate::ids::AccountId;
use actix_cors::Cors;
use actix_web::HttpRequest;
use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE, ETAG, HOST, IF_NONE_MATCH, ORIGIN, RETRY_AFTER};
use actix_web::http::{Method, uri::Authority};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The header of a request's id, in requests and responses.
pub const REQUEST_ID: &str = "x-request-id";

/// The limits of requests and connections.
#[derive(Clone)]
pub struct HttpLimits {
    /// The hosts that requests may name, with the port if it is not the default.
    pub hosts: Vec<String>,
    /// Whether requests may also name this machine: by a loopback name, or by any IP address, which no other site can
    /// have as its name. For development.
    pub local: bool,
    /// The origins whose pages may call the API.
    pub origins: Vec<String>,
    /// Whether browsers are told to use TLS only from now on (RFC 6797).
    pub strict_transport: bool,
    /// How long the head of a connection's first request may take.
    pub head: Duration,
    /// How long a connection may be idle between two requests.
    pub keep_alive: Duration,
    /// How long a connection may go without a complete request, and a client without reading its response.
    pub stall: Duration,
    /// How long a request may take, including its body.
    pub request: Duration,
    /// How long the execution of a document may take.
    pub execution: Duration,
    /// Concurrent connections per thread.
    pub connections: usize,
    /// Concurrent requests per account.
    pub at_once: usize,
    /// Concurrent subscription connections per account.
    pub following: usize,
    /// Idle time before a subscription ping.
    pub ping: Duration,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            hosts: Vec::new(),
            local: true,
            origins: Vec::new(),
            strict_transport: false,
            head: limits::HEAD,
            keep_alive: limits::KEEP_ALIVE,
            stall: limits::STALL,
            request: limits::REQUEST,
            execution: limits::EXECUTION,
            connections: limits::CONNECTIONS,
            at_once: limits::AT_ONCE,
            following: limits::FOLLOWING,
            ping: limits::PING,
        }
    }
}

/// A host in the form for comparison: in lower case, without a default port and the root's dot.
fn usual(host: &str) -> String {
    let host = host.to_ascii_lowercase();
    let bare = host.strip_suffix(":443").or_else(|| host.strip_suffix(":80")).unwrap_or(&host);
    bare.strip_suffix('.').unwrap_or(bare).to_owned()
}

/// A host's name without its port.
fn name(host: &str) -> Option<String> {
    let authority = host.parse::<Authority>().ok().filter(|authority| !authority.as_str().contains('@'))?;
    Some(authority.host().trim_end_matches('.').to_ascii_lowercase())
}

fn address(name: &str) -> Option<IpAddr> {
    name.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// Whether a host is a loopback name or address, with any port.
fn is_loopback(host: &str) -> bool {
    name(host).is_some_and(|name| name == "localhost" || address(&name).is_some_and(|ip| ip.is_loopback()))
}

/// Whether a host is a loopback name or any address, with any port. Against DNS rebinding such a name needs no check:
/// a site that makes its own name lead here keeps that name.
fn is_local(host: &str) -> bool {
    is_loopback(host) || name(host).is_some_and(|name| address(&name).is_some())
}

/// The one host that a request names (RFC 9110, 7.2).
fn named(request: &HttpRequest) -> Option<&str> {
    let mut named = request.headers().get_all(HOST);
    let (Some(host), None) = (named.next(), named.next()) else { return None };
    let host = host.to_str().ok()?;
    let elsewhere =
        request.uri().authority().is_some_and(|authority| usual(authority.as_str()) != usual(host));
    (!elsewhere).then_some(host)
}

/// Whether a request comes from a page of the very host that it names, or from no page at all: a browser always says
/// which page asks for a WebSocket (RFC 6455, 10.2), and other programs have none.
pub fn is_from_here(request: &HttpRequest) -> bool {
    let Some(origin) = request.headers().get(ORIGIN) else { return true };
    let place =
        origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, place)| usual(place));
    place.is_some() && place == named(request).map(usual)
}

impl HttpLimits {
    /// Whether a request names an allowed host (RFC 9110, 7.2 and 7.4), against DNS rebinding by other sites. Health
    /// checks on this machine may use a loopback name.
    pub fn serves(&self, request: &HttpRequest) -> bool {
        let Some(host) = named(request) else { return false };
        let is_health = matches!(request.path(), "/healthz" | "/readyz");
        self.hosts.iter().any(|known| usual(known) == usual(host))
            || self.local && is_local(host)
            || is_health && is_loopback(host)
    }

    /// The same for the monitoring listener, whatever the port: it may also be named by an address, as scrapers do, or
    /// by a single word such as a container's name, which no site on the internet has.
    pub fn watches(&self, request: &HttpRequest) -> bool {
        let Some(host) = named(request) else { return false };
        let known = |host: &str| self.hosts.iter().any(|known| name(known).as_deref() == Some(host));
        is_local(host)
            || name(host).is_some_and(|name| !name.is_empty() && !name.contains('.') || known(&name))
    }

    /// The CORS rules (Fetch, "CORS protocol"): pages of the allowed origins may call the API with a token. There are
    /// no cookies, and credentials are not allowed.
    pub fn cors(&self) -> Cors {
        let cors = Cors::default()
            .allowed_methods([Method::GET, Method::POST])
            .allowed_headers([
                AUTHORIZATION.as_str(),
                CONTENT_TYPE.as_str(),
                "accept",
                "idempotency-key",
                IF_NONE_MATCH.as_str(),
                REQUEST_ID,
            ])
            .expose_headers([REQUEST_ID, RETRY_AFTER.as_str(), ETAG.as_str()])
            .block_on_origin_mismatch(false)
            .max_age(600);
        self.origins.iter().fold(cors, |cors, origin| cors.allowed_origin(origin))
    }
}

/// Counts the permits of each account.
#[derive(Clone, Default)]
pub struct ConcurrencyLimiter(Arc<Mutex<HashMap<AccountId, usize>>>);

/// One account's permit; released when dropped.
pub struct Permit {
    request_limiter: ConcurrencyLimiter,
    account: AccountId,
}

impl ConcurrencyLimiter {
    /// A permit for the account; `None` if it has `most` already.
    pub fn acquire(&self, account: AccountId, most: usize) -> Option<Permit> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(account).or_insert(0);
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Permit { request_limiter: self.clone(), account })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut counts = self.request_limiter.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.account) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.account);
            }
        }
    }
}

//! What the routes need, and the headers that every answer has.

use super::limits::{ConcurrencyLimiter, HttpLimits};
use crate::actions::AppContext;
use crate::auth::network::TrustedProxies;
use crate::graphql::Schema;
use crate::graphql::documents::Documents;
use actix_web::Route;
use actix_web::guard;
use actix_web::middleware::DefaultHeaders;
use std::sync::Arc;

/// `Cache-Control` of responses that are the same for everybody and hold no personal data.
pub(super) const SHARED: (&str, &str) = ("Cache-Control", "public, max-age=3600");

/// The same for the public keys, which change.
pub(super) const SHARED_BRIEFLY: (&str, &str) = ("Cache-Control", "public, max-age=300");

/// What the routes need.
#[derive(Clone)]
pub struct Web {
    /// The context of all actions.
    pub context: Arc<AppContext>,
    /// The GraphQL schema.
    pub schema: Schema,
    /// The trusted documents, and the cache of recent ones.
    pub documents: Arc<Documents>,
    /// Whether GraphiQL is served.
    pub explorer: bool,
    /// Where "leave quickly" leads; `None`: to a blank page.
    pub leave_url: Option<url::Url>,
    /// The proxies whose forwarding headers are trusted.
    pub proxies: Arc<TrustedProxies>,
    /// The limits of requests and connections.
    pub limits: HttpLimits,
    /// Counts the requests under way of each account.
    pub request_limiter: ConcurrencyLimiter,
    /// Counts the subscription connections of each account.
    pub following: ConcurrencyLimiter,
    /// The folder of mails written to files, shown in development; `None`: no outbox is served.
    pub outbox: Option<std::path::PathBuf>,
}

/// A route for GET, and so for HEAD too (RFC 9110, section 9.1).
pub(super) fn look() -> Route {
    actix_web::web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

/// The headers of every response: no caching, framing, sniffing or referrer, and only the service's own scripts and
/// styles. A response that may be cached sets its own `Cache-Control`.
pub(super) const STANDING: [(&str, &str); 8] = [
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Frame-Options", "DENY"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Permissions-Policy", "geolocation=(), camera=(), microphone=()"),
    (
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; form-action 'self'; \
         base-uri 'none'; frame-ancestors 'none'",
    ),
];

/// One more header for a service that is reached by TLS only.
pub(super) const STRICT_TRANSPORT: (&str, &str) =
    ("Strict-Transport-Security", "max-age=63072000; includeSubDomains");

pub(super) fn standing(strict_transport: bool) -> impl Iterator<Item = (&'static str, &'static str)> {
    STANDING.into_iter().chain(strict_transport.then_some(STRICT_TRANSPORT))
}

/// Adds those headers to every response that lacks them.
pub fn headers(strict_transport: bool) -> DefaultHeaders {
    standing(strict_transport).fold(DefaultHeaders::new(), DefaultHeaders::add)
}

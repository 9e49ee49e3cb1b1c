//! HTTP: the routes, and the headers of every response.

mod answer_page;
mod choices_page;
mod client;
mod companion;
mod etag;
mod export;
mod graphql;
mod health;
mod limits;
mod metrics;
mod middleware;
mod openapi;
mod outbox;
mod pages;
mod problem;
mod rest;
mod slow_clients;
mod wire_enums;

pub use companion::documents as companion_documents;
pub use limits::{ConcurrencyLimiter, HttpLimits};
pub use metrics::{Watch, watch_routes};
pub use middleware::middleware;
pub use slow_clients::watch_connection;

use crate::actions::AppContext;
use crate::auth::network::TrustedProxies;
use crate::graphql::documents::Documents;
use crate::graphql::{Schema, limits as query_limits};
use actix_web::guard::{self, fn_guard};
use actix_web::http::Method;
use actix_web::middleware::{Condition, DefaultHeaders};
use actix_web::{Route, web};
use std::sync::Arc;

/// `Cache-Control` of responses that are the same for everybody and hold no personal data.
const SHARED: (&str, &str) = ("Cache-Control", "public, max-age=3600");
/// The same for the public keys, which change.
const SHARED_BRIEFLY: (&str, &str) = ("Cache-Control", "public, max-age=300");

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
fn look() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

/// Registers all routes.
pub fn routes(config: &mut web::ServiceConfig, web_data: &Web) {
    config
        .app_data(web::Data::new(web_data.clone()))
        .app_data(web::Data::new(Arc::clone(&web_data.context)))
        // For the forms of pages; GraphQL reads its body with its own limit.
        .app_data(web::PayloadConfig::new(query_limits::FORM))
        .service(
            web::resource("/graphql")
                .route(web::post().to(graphql::post))
                .route(
                    web::get().guard(fn_guard(graphql::websocket::is_asked_for)).to(graphql::websocket::open),
                )
                .route(look().to(graphql::get))
                .route(web::method(Method::OPTIONS).to(graphql::options))
                .default_service(web::to(graphql::method_not_allowed))
                .wrap(Condition::new(!web_data.limits.origins.is_empty(), web_data.limits.cors())),
        )
        .route("/.well-known/jwks.json", look().to(health::jwks))
        .route("/openapi.json", look().to(openapi::document))
        .route("/healthz", look().to(health::healthz))
        .route("/readyz", look().to(health::readyz))
        .route("/assets/style.css", look().to(pages::style))
        .route("/assets/leave.js", look().to(pages::leave_script))
        .route("/app", look().to(companion::page))
        .route("/app/", look().to(companion::page))
        .route("/app/{file}", look().to(companion::file))
        .route("/open", look().to(pages::open))
        .route("/leave", look().to(pages::leave))
        .service(
            web::resource("/verify/{token}")
                .route(look().to(pages::verify_form))
                .route(web::post().to(pages::verify)),
        )
        .service(
            web::resource("/new-address/{token}")
                .route(look().to(pages::new_address_form))
                .route(web::post().to(pages::new_address)),
        )
        .service(
            web::resource("/export/{token}")
                .route(look().to(export::form))
                .route(web::post().to(export::download)),
        )
        .service(
            web::resource("/reset/{token}")
                .route(look().to(pages::reset_form))
                .route(web::post().to(pages::reset)),
        )
        .service(
            web::resource("/c/{token}")
                .route(look().to(answer_page::show))
                .route(web::post().to(answer_page::answer)),
        )
        .service(
            web::resource("/unsubscribe/{token}")
                .route(look().to(choices_page::stop_form))
                .route(web::post().to(choices_page::stop)),
        )
        .service(
            web::resource("/preferences/{token}")
                .route(look().to(choices_page::show))
                .route(web::post().to(choices_page::choose)),
        );
    if web_data.outbox.is_some() {
        config
            .route("/dev/outbox", look().to(outbox::index))
            .route("/dev/outbox/{mail}", look().to(outbox::letter))
            .route("/dev/outbox/{mail}/html", look().to(outbox::paper));
    }
    if web_data.explorer {
        config
            .route("/", look().to(pages::explorer))
            .route("/graphiql/{file}", look().to(pages::explorer_file));
    } else {
        config.route("/", look().to(pages::open));
    }
}

/// The headers of every response: no caching, framing, sniffing or referrer, and only the service's own scripts and
/// styles. A response that may be cached sets its own `Cache-Control`.
const STANDING: [(&str, &str); 8] = [
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
const STRICT_TRANSPORT: (&str, &str) = ("Strict-Transport-Security", "max-age=63072000; includeSubDomains");

fn standing(strict_transport: bool) -> impl Iterator<Item = (&'static str, &'static str)> {
    STANDING.into_iter().chain(strict_transport.then_some(STRICT_TRANSPORT))
}

/// Adds those headers to every response that lacks them.
pub fn headers(strict_transport: bool) -> DefaultHeaders {
    standing(strict_transport).fold(DefaultHeaders::new(), DefaultHeaders::add)
}

//! HTTP: the routes, and the headers of every response.

mod answer_page;
mod choices_page;
mod client;
mod companion;
mod etag;
mod export;
mod graphql;
mod health;
mod html;
mod limits;
mod metrics;
mod middleware;
mod openapi;
mod outbox;
mod pages;
mod problem;
mod rest;
mod slow_clients;
mod web;
mod wire_enums;

pub use companion::documents as companion_documents;
pub use limits::{ConcurrencyLimiter, HttpLimits};
pub use metrics::{Watch, known_host, watch_routes};
pub use middleware::middleware;
pub use slow_clients::watch_connection;
use web::look;
pub use web::{Web, headers};

use crate::graphql::limits as query_limits;
use actix_web::guard::fn_guard;
use actix_web::http::Method;
use actix_web::middleware::Condition;
use actix_web::web as actix;
use std::sync::Arc;

/// Registers all routes.
pub fn routes(config: &mut actix::ServiceConfig, web_data: &Web) {
    config
        .app_data(actix::Data::new(web_data.clone()))
        .app_data(actix::Data::new(Arc::clone(&web_data.context)))
        // For the forms of pages; GraphQL reads its body with its own limit.
        .app_data(actix::PayloadConfig::new(query_limits::FORM))
        .service(
            actix::resource("/graphql")
                .route(actix::post().to(graphql::post))
                .route(
                    actix::get()
                        .guard(fn_guard(graphql::websocket::is_asked_for))
                        .to(graphql::websocket::open),
                )
                .route(look().to(graphql::get))
                .route(actix::method(Method::OPTIONS).to(graphql::options))
                .default_service(actix::to(graphql::method_not_allowed))
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
            actix::resource("/verify/{token}")
                .route(look().to(pages::verify_form))
                .route(actix::post().to(pages::verify)),
        )
        .service(
            actix::resource("/new-address/{token}")
                .route(look().to(pages::new_address_form))
                .route(actix::post().to(pages::new_address)),
        )
        .service(
            actix::resource("/old-address/{token}")
                .route(look().to(pages::old_address_form))
                .route(actix::post().to(pages::old_address)),
        )
        .service(
            actix::resource("/export/{token}")
                .route(look().to(export::form))
                .route(actix::post().to(export::download)),
        )
        .service(
            actix::resource("/reset/{token}")
                .route(look().to(pages::reset_form))
                .route(actix::post().to(pages::reset)),
        )
        .service(
            actix::resource("/c/{token}")
                .route(look().to(answer_page::show))
                .route(actix::post().to(answer_page::answer)),
        )
        .service(
            actix::resource("/unsubscribe/{token}")
                .route(look().to(choices_page::stop_form))
                .route(actix::post().to(choices_page::stop)),
        )
        .service(
            actix::resource("/preferences/{token}")
                .route(look().to(choices_page::show))
                .route(actix::post().to(choices_page::choose)),
        );
    if web_data.outbox.is_some() {
        config
            .route("/dev/outbox", outbox::here().to(outbox::index))
            .route("/dev/outbox/{mail}", outbox::here().to(outbox::letter))
            .route("/dev/outbox/{mail}/html", outbox::here().to(outbox::paper));
    }
    if web_data.explorer {
        config
            .route("/", look().to(pages::explorer))
            .route("/graphiql/{file}", look().to(pages::explorer_file));
    } else {
        config.route("/", look().to(pages::open));
    }
}

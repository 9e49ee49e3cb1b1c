//! The OpenAPI document of the routes beside GraphQL, generated from the code.

use super::web::SHARED;
use super::{answer_page, choices_page, export, health, pages, problem};
use actix_web::HttpResponse;
use std::sync::LazyLock;
use utoipa::OpenApi;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Evenkeel",
        description = "What needs no sign-in: a token in the address says what may be done, and a program gets JSON. \
            Everything else is GraphQL, at `/graphql`. A program that names `text/html` in `Accept`, or sends a form, \
            gets the pages that people see; what their forms send is their own and not described here. GET changes \
            nothing, and HEAD is answered wherever GET is.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    servers((url = "/", description = "This service.")),
    tags(
        (name = "check-in", description = "Answering a check-in by the link of a push or a mail."),
        (name = "choices", description = "Saying what may come, by the links at the foot of a mail."),
        (name = "account", description = "What the links in other mails are for, and taking one's data out."),
        (name = "service", description = "Whether the service is there, and its keys.")
    ),
    paths(
        answer_page::answer,
        choices_page::stop,
        choices_page::choose,
        pages::verify,
        pages::new_address,
        pages::old_address,
        pages::reset,
        export::download,
        health::healthz,
        health::readyz,
        health::jwks,
        document
    ),
    components(schemas(problem::ProblemDetails))
)]
struct Document;

static TEXT: LazyLock<String> = LazyLock::new(|| {
    let text = Document::openapi().to_pretty_json();
    text.unwrap_or_else(|_| unreachable!("a document of nothing but texts"))
});

/// This document.
#[utoipa::path(
    get, path = "/openapi.json", tag = "service", operation_id = "openapi",
    responses((status = 200, description = "OpenAPI 3.1.", body = serde_json::Value))
)]
pub async fn document() -> HttpResponse {
    HttpResponse::Ok().insert_header(SHARED).content_type("application/json").body(TEXT.as_str())
}

//! Health and readiness checks, and the public keys (JWKS) that verify the service's tokens.

use super::web::{SHARED_BRIEFLY, Web};
use crate::actions::AppContext;
use crate::actions::operations::watch;
use actix_web::{HttpResponse, web};
use serde_json::{Value, json};
use std::sync::Arc;
use utoipa::ToSchema;

/// How the service is.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what is written below")]
pub(super) struct Health {
    /// `ok`, `ready` or `not ready`.
    status: String,
    /// With `/readyz`: the same for each part, such as `database`, `worker` and `time`.
    parts: Option<std::collections::BTreeMap<String, String>>,
}

/// Keys (RFC 7517).
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what is written below")]
pub(super) struct KeySet {
    /// The keys, each with its `kid`.
    keys: Vec<Value>,
}

/// The process answers.
#[utoipa::path(
    get, path = "/healthz", tag = "service",
    responses((status = 200, description = "It does.", body = Health))
)]
pub async fn healthz() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "ok" }))
}

/// Each part that this process needs answers too, or which does not. Why is for the log (R36).
#[utoipa::path(
    get, path = "/readyz", tag = "service",
    responses(
        (status = 200, description = "Every part does.", body = Health),
        (status = 503, description = "A part does not.", body = Health)
    )
)]
pub async fn readyz(context: web::Data<Arc<AppContext>>) -> HttpResponse {
    let ready = watch::readiness(&context).await;
    let word = |part: bool| Value::from(if part { "ready" } else { "not ready" });
    let mut parts = serde_json::Map::from_iter([("database".to_owned(), word(ready.database))]);
    parts.extend(ready.worker.map(|worker| ("worker".to_owned(), word(worker))));
    parts.extend(ready.time.map(|time| ("time".to_owned(), word(time))));
    let body = json!({ "status": word(ready.is_ready()), "parts": parts });
    if ready.is_ready() {
        HttpResponse::Ok().json(body)
    } else {
        HttpResponse::ServiceUnavailable().json(body)
    }
}

/// The public keys of access tokens (RFC 7517).
#[utoipa::path(
    get, path = "/.well-known/jwks.json", tag = "service",
    responses((status = 200, description = "The keys.", body = KeySet))
)]
pub async fn jwks(web: web::Data<Web>) -> HttpResponse {
    HttpResponse::Ok().insert_header(SHARED_BRIEFLY).json(web.context.tokens.jwks(web.context.clock.now()))
}

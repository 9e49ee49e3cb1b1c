//! Whether the service is there, whether it is ready, and the keys that others check its tokens with.

use super::{SHARED_BRIEFLY, Web};
use crate::actions::{House, watch};
use actix_web::{HttpResponse, web};
use serde_json::{Value, json};
use std::sync::Arc;

/// The process answers.
pub async fn healthz() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "ok" }))
}

/// Each part that this process needs answers too, or which does not. Why is for the log (R36).
pub async fn readyz(house: web::Data<Arc<House>>) -> HttpResponse {
    let ready = watch::readiness(&house).await;
    let word = |part: bool| Value::from(if part { "ready" } else { "not ready" });
    let mut parts = serde_json::Map::from_iter([("database".to_owned(), word(ready.database))]);
    parts.extend(ready.worker.map(|worker| ("worker".to_owned(), word(worker))));
    let body = json!({ "status": word(ready.is_ready()), "parts": parts });
    if ready.is_ready() {
        HttpResponse::Ok().json(body)
    } else {
        HttpResponse::ServiceUnavailable().json(body)
    }
}

/// The public keys of access tokens (RFC 7517).
pub async fn jwks(web: web::Data<Web>) -> HttpResponse {
    HttpResponse::Ok().insert_header(SHARED_BRIEFLY).json(web.house.tokens.jwks(web.house.clock.now()))
}

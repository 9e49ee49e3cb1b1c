//! Whether the service is there, whether it is ready, and the keys that others check its tokens with.

use super::Web;
use crate::actions::Fault;
use actix_web::{HttpResponse, web};

/// The process answers.
pub async fn healthz() -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({ "status": "ok" }))
}

/// The database answers too.
pub async fn readyz(web: web::Data<Web>) -> HttpResponse {
    match web.house.look(|unit| Ok::<_, Fault>(unit.db.ping()?)).await {
        Ok(()) => HttpResponse::Ok().json(serde_json::json!({ "status": "ready" })),
        Err(error) => {
            tracing::error!(cause = %error, "not ready");
            HttpResponse::ServiceUnavailable()
                .json(serde_json::json!({ "status": "not ready", "missing": ["database"] }))
        }
    }
}

/// The public keys of access tokens (RFC 7517).
pub async fn jwks(web: web::Data<Web>) -> HttpResponse {
    HttpResponse::Ok().json(web.house.tokens.jwks())
}

//! Answers to requests that were not executed.

use super::accept::Media;
use super::body::error_body;
use crate::actions::Fault;
use crate::auth::rates::Seconds;
use crate::graphql::errors::{ErrorCode, log_fault};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, RETRY_AFTER};

pub(super) fn not_acceptable() -> HttpResponse {
    let sentence = "Accept application/graphql-response+json or application/json.";
    Media::Json.refused(StatusCode::NOT_ACCEPTABLE, error_body(sentence, ErrorCode::BadRequest))
}

pub(super) fn bad_request(media: Media, sentence: &str) -> HttpResponse {
    media.refused(StatusCode::BAD_REQUEST, error_body(sentence, ErrorCode::BadRequest))
}

pub(super) fn internal(media: Media, fault: &Fault) -> HttpResponse {
    let id = log_fault(fault);
    let error = serde_json::json!({
        "errors": [{ "message": "internal error", "extensions": { "code": ErrorCode::Internal.name(), "id": id } }]
    });
    media.refused(StatusCode::INTERNAL_SERVER_ERROR, error.to_string().into_bytes())
}

pub(super) fn too_many(media: Media) -> HttpResponse {
    let sentence =
        "Too many requests of this account at the same time. Wait for an answer, then send this again.";
    later(media, sentence, 1)
}

pub(super) fn too_often(media: Media, seconds: Seconds) -> HttpResponse {
    later(media, "Too many changes by this account in a short time. Please wait a little.", seconds)
}

fn later(media: Media, sentence: &str, seconds: Seconds) -> HttpResponse {
    let code = ErrorCode::TryLater.name();
    let error = serde_json::json!({ "errors": [{
        "message": sentence,
        "extensions": { "code": code, "retryAfterSeconds": seconds },
    }] });
    let mut answer = media.refused(StatusCode::TOO_MANY_REQUESTS, error.to_string().into_bytes());
    answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    answer
}

//! Conditional GET (RFC 9110, 13) of what one person's app asks again and again: an `ETag`, and 304 while it stands.
//!
//! Nothing shared may keep such an answer, and the person's own app asks before it shows what it kept (`no-cache`).

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH, VARY};
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// What marks this body in this media type: weakly, for the fields of an object come in the order in which they were
/// found, which says nothing.
fn tag_of(media: &str, body: &[u8]) -> String {
    // Read as a value, an object has its fields by name.
    let sorted = serde_json::from_slice::<serde_json::Value>(body).map(|value| value.to_string());
    let body = sorted.as_ref().map_or(body, String::as_bytes);
    let digest = Sha256::new().chain_update(media).chain_update([0]).chain_update(body).finalize();
    format!("W/\"{}\"", URL_SAFE_NO_PAD.encode(&digest[..16]))
}

/// Whether a client has it already. Tags are compared weakly, as RFC 9110 says for `If-None-Match`.
fn has(headers: &HeaderMap, tag: &str) -> bool {
    let lines = headers.get_all(IF_NONE_MATCH).filter_map(|line| line.to_str().ok());
    let mut tags = lines.flat_map(|line| line.split(',')).map(str::trim);
    let opaque = |tag: &str| tag.strip_prefix("W/").unwrap_or(tag).to_owned();
    tags.any(|known| known == "*" || opaque(known) == opaque(tag))
}

/// The answer to a query that went well: as it is, or only that the client has it already.
pub(super) fn fresh(request: &HttpRequest, media: &str, body: &[u8], answer: HttpResponse) -> HttpResponse {
    let tag = tag_of(media, body);
    let mut answer = match has(request.headers(), &tag) {
        true => HttpResponse::build(StatusCode::NOT_MODIFIED).finish(),
        false => answer,
    };
    let headers = answer.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.insert(VARY, HeaderValue::from_static("Authorization, Accept"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(ETAG, tag);
    }
    answer
}

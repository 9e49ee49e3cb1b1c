//! Conditional GET (RFC 9110, 13) of what one person's app asks again and again: an `ETag`, and 304 while it stands.
//!
//! Nothing shared may keep such an answer, and the person's own app asks before it shows what it kept (`no-cache`).

use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, ETAG, ETag, EntityTag, Header, HeaderValue, IfNoneMatch, TryIntoHeaderValue, VARY,
};
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// What marks this body in this media type: weakly, for the fields of an object come in the order in which they were
/// found, which says nothing.
fn tag_of(media: &str, body: &[u8]) -> EntityTag {
    // Read as a value, an object has its fields by name.
    let sorted = serde_json::from_slice::<serde_json::Value>(body).map(|value| value.to_string());
    let body = sorted.as_ref().map_or(body, String::as_bytes);
    let digest = Sha256::new().chain_update(media).chain_update([0]).chain_update(body).finalize();
    EntityTag::new_weak(URL_SAFE_NO_PAD.encode(&digest[..16]))
}

/// Whether a client has it already. Tags are compared weakly, as RFC 9110 says for `If-None-Match`.
pub(super) fn has(request: &HttpRequest, tag: &EntityTag) -> bool {
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) => true,
        Ok(IfNoneMatch::Items(known)) => known.iter().any(|known| known.weak_eq(tag)),
        Err(_) => false,
    }
}

/// The answer to a query that went well: as it is, or only that the client has it already.
pub(super) fn fresh(request: &HttpRequest, media: &str, body: &[u8], answer: HttpResponse) -> HttpResponse {
    let tag = tag_of(media, body);
    let mut answer = match has(request, &tag) {
        true => HttpResponse::build(StatusCode::NOT_MODIFIED).finish(),
        false => answer,
    };
    let headers = answer.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.insert(VARY, HeaderValue::from_static("Authorization, Accept"));
    if let Ok(tag) = ETag(tag).try_into_value() {
        headers.insert(ETAG, tag);
    }
    answer
}

//! Conditional GET (RFC 9110, 13) for queries that an app repeats: an `ETag`, and 304 while it is unchanged.
//!
//! Shared caches may not keep such a response, and the app revalidates its own copy before each use (`no-cache`).

use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, ETAG, ETag, EntityTag, Header, HeaderValue, IfNoneMatch, TryIntoHeaderValue, VARY,
};
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// The `ETag` of a body in a media type. It is weak, since the order of an object's fields is left out of it.
fn tag_of(media: &str, body: &[u8]) -> EntityTag {
    // A parsed value has its fields sorted by name.
    let sorted = serde_json::from_slice::<serde_json::Value>(body).map(|value| value.to_string());
    let body = sorted.as_ref().map_or(body, String::as_bytes);
    let digest = Sha256::new().chain_update(media).chain_update([0]).chain_update(body).finalize();
    EntityTag::new_weak(URL_SAFE_NO_PAD.encode(&digest[..16]))
}

/// Whether the client has this version already. Tags compare weakly, as RFC 9110 says for `If-None-Match`.
pub(super) fn has(request: &HttpRequest, tag: &EntityTag) -> bool {
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) => true,
        Ok(IfNoneMatch::Items(known)) => known.iter().any(|known| known.weak_eq(tag)),
        Err(_) => false,
    }
}

/// The response to a successful query with its `ETag`, or 304 if the client has this version.
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

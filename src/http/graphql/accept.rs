//! The media types of GraphQL over HTTP: which one a client accepts, and the statuses of each.

use crate::http::graphql::sse;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, ACCEPT, CONTENT_TYPE, Header, Quality, QualityItem};
use actix_web::mime::{self, Mime};
use actix_web::{HttpRequest, HttpResponse};

/// The status of a response with data and errors (GraphQL over HTTP, September 2026, "Partial success").
const PARTIAL: u16 = 294;

/// The response's media type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Media {
    /// `application/graphql-response+json`: the status tells whether the request could be executed.
    GraphQl,
    /// `application/json`, for older clients: 200 for every response to a well-formed request.
    Json,
    /// `text/event-stream` (GraphQL over SSE, "distinct connections"): errors too are events of the stream.
    Events,
}

/// The media ranges of a client's `Accept` (RFC 9110, 12.5.1). A range with another charset than UTF-8 is left out, and
/// a header that cannot be parsed accepts nothing.
pub(in crate::http) struct Accept(Vec<QualityItem<Mime>>);

/// How specifically a range matches a media type, from 0 to 2; `None`: it does not match.
fn closeness(range: &Mime, media: &str) -> Option<u8> {
    let kind = media.split('/').next()?;
    match (range.type_(), range.subtype()) {
        (mime::STAR, mime::STAR) => Some(0),
        (of, mime::STAR) if of == kind => Some(1),
        _ if range.essence_str() == media => Some(2),
        _ => None,
    }
}

impl Accept {
    /// Reads the header; `None`: there is no such header.
    pub(in crate::http) fn of(request: &HttpRequest) -> Option<Self> {
        request.headers().get(ACCEPT)?;
        let mut ranges = header::Accept::parse(request).map(|accept| accept.0).unwrap_or_default();
        ranges
            .retain(|range| range.item.get_param(mime::CHARSET).is_none_or(|charset| charset == mime::UTF_8));
        Some(Self(ranges))
    }

    /// How specifically a media type is named, and its quality; `None`: it is not accepted.
    pub(in crate::http) fn takes(&self, media: &str) -> Option<(u8, Quality)> {
        let named = self.0.iter().filter_map(|range| Some((closeness(&range.item, media)?, range.quality)));
        named.max_by_key(|(closeness, _)| *closeness).filter(|(_, quality)| *quality > Quality::ZERO)
    }
}

impl Media {
    /// The media type for a request's response; `None`: the client accepts none of ours.
    pub(in crate::http) fn of(request: &HttpRequest) -> Option<Self> {
        let Some(accept) = Accept::of(request) else { return Some(Self::Json) };
        let graphql = accept.takes("application/graphql-response+json");
        let json = accept.takes("application/json");
        // Event streams need to be named exactly, and beside another type they need the higher quality.
        let events = accept.takes("text/event-stream").filter(|(closeness, _)| *closeness == 2);
        let others = [graphql, json].into_iter().flatten().map(|(_, wanted)| wanted).max();
        if events.is_some_and(|(_, wanted)| Some(wanted) > others) {
            return Some(Self::Events);
        }
        match (graphql, json) {
            (None, None) => None,
            (None, Some(_)) => Some(Self::Json),
            (Some(_), None) => Some(Self::GraphQl),
            // At equal quality, a client that does not name the newer type may not know it.
            (Some((closeness, wanted)), Some((_, instead))) => {
                let newer = wanted > instead || wanted == instead && closeness == 2;
                Some(if newer { Self::GraphQl } else { Self::Json })
            }
        }
    }

    /// The value of `Content-Type`.
    pub(in crate::http) fn name(self) -> &'static str {
        match self {
            Self::GraphQl => "application/graphql-response+json; charset=utf-8",
            Self::Json => "application/json; charset=utf-8",
            Self::Events => "text/event-stream; charset=utf-8",
        }
    }

    /// The response to a request that was executed, with errors or without.
    pub(in crate::http) fn executed(self, errors: bool, body: Vec<u8>) -> HttpResponse {
        let partial = StatusCode::from_u16(PARTIAL).unwrap_or(StatusCode::OK);
        let status = if errors && self == Self::GraphQl { partial } else { StatusCode::OK };
        self.refused(status, body)
    }

    /// The response to a well-formed request that was not executed because of its content.
    pub(in crate::http) fn unfit(self, body: Vec<u8>) -> HttpResponse {
        let status = if self == Self::GraphQl { StatusCode::BAD_REQUEST } else { StatusCode::OK };
        self.refused(status, body)
    }

    /// Any other response, with the same status in all media types except event streams.
    pub(in crate::http) fn refused(self, status: StatusCode, body: Vec<u8>) -> HttpResponse {
        if self == Self::Events {
            return sse::single(&body);
        }
        HttpResponse::build(status).insert_header((CONTENT_TYPE, self.name())).body(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn of(accept: &str) -> Option<Media> {
        Media::of(&TestRequest::default().insert_header((ACCEPT, accept)).to_http_request())
    }

    #[test]
    fn what_is_wanted_most_is_sent_and_the_newer_one_where_it_is_named() {
        assert_eq!(Media::of(&TestRequest::default().to_http_request()), Some(Media::Json));
        for accept in [
            "application/graphql-response+json",
            "application/graphql-response+json, application/json;q=0.9",
            "application/json, application/graphql-response+json",
            "application/json;q=0.5, Application/GraphQL-Response+JSON; charset=UTF-8; q=0.6",
            "*/*;q=0.1, application/graphql-response+json",
            "application/*, application/json;q=0",
            "text/html, application/json;charset=utf-16, application/graphql-response+json;q=0.1",
        ] {
            assert_eq!(of(accept), Some(Media::GraphQl), "{accept}");
        }
        for accept in [
            "*/*",
            "application/*;q=0.2",
            "application/json",
            "application/json, application/graphql-response+json;q=0.9",
            "application/graphql-response+json;q=0, */*",
            "application/graphql-response+json;q=0.000, application/json;q=0.001",
        ] {
            assert_eq!(of(accept), Some(Media::Json), "{accept}");
        }
        for accept in ["text/event-stream", "text/event-stream, application/json;q=0.5"] {
            assert_eq!(of(accept), Some(Media::Events), "{accept}");
        }
        assert_eq!(of("text/event-stream, application/json"), Some(Media::Json));
        for accept in
            ["", "text/html", "image/*", "application/json;q=0", "*/*;q=0", "json", "application/json;q=x"]
        {
            assert_eq!(of(accept), None, "{accept}");
        }
    }
}

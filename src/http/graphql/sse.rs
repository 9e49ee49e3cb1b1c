//! Server-sent events: each answer of an operation is a `next` event (GraphQL over SSE, "distinct connections" mode).
//!
//! A stream that ends because the reader's token does, or the process, ends without `complete`: clients take that for a
//! connection that broke and come again, with a new token and from their last cursor.

use crate::graphql::errors::ErrorCode;
use crate::http::graphql::{body_of, has_code};
use crate::http::limits::Permit;
use crate::http::slow_clients::Connection;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use async_graphql::Response;
use futures::stream::{BoxStream, Stream, StreamExt, unfold};
use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

const MEDIA: (actix_web::http::header::HeaderName, &str) = (CONTENT_TYPE, "text/event-stream; charset=utf-8");
/// For proxies that would collect a stream before they pass it on.
const UNBUFFERED: (&str, &str) = ("X-Accel-Buffering", "no");
const COMPLETE: &[u8] = b"event: complete\ndata:\n\n";
/// A comment, which readers pass over.
const PING: &[u8] = b": ping\n\n";

/// An answer as an event. JSON of ours has no line breaks.
fn next(body: &[u8]) -> Vec<u8> {
    [b"event: next\ndata: ", body, b"\n\n"].concat()
}

/// A stream of one answer.
pub fn single(body: &[u8]) -> HttpResponse {
    HttpResponse::Ok().insert_header(MEDIA).insert_header(UNBUFFERED).body([&next(body), COMPLETE].concat())
}

/// What a stream holds while it lasts.
struct Streaming {
    responses: BoxStream<'static, Response>,
    ping: Duration,
    connection: Option<Rc<Connection>>,
    gone: Pin<Box<dyn Future<Output = ()>>>,
    /// Whether something was said.
    begun: bool,
    /// Whether the last answer was that it cannot go on.
    failed: bool,
    over: bool,
    _place: Option<Permit>,
}

impl Streaming {
    async fn chunk(&mut self) -> Option<Vec<u8>> {
        if self.over {
            return None;
        }
        // Asked for more: the reader has taken what there was, or there is room for more.
        if let Some(connection) = &self.connection {
            connection.flows();
        }
        let response = tokio::select! {
            response = self.responses.next() => response,
            () = &mut self.gone => return None,
            () = tokio::time::sleep(self.ping) => return Some(PING.to_vec()),
        };
        let Some(response) = response else {
            self.over = true;
            return self.failed.then(|| COMPLETE.to_vec());
        };
        if self.begun && has_code(&response, ErrorCode::Unauthenticated) {
            return None;
        }
        (self.begun, self.failed) = (true, response.is_err());
        body_of(response, true).ok().map(|body| next(&body))
    }
}

/// A stream of answers that lasts.
pub fn stream(
    request: &HttpRequest,
    ping: Duration,
    place: Option<Permit>,
    responses: impl Stream<Item = Response> + Send + 'static,
) -> HttpResponse {
    let connection = request.conn_data::<Rc<Connection>>().cloned();
    let gone: Pin<Box<dyn Future<Output = ()>>> = match &connection {
        Some(connection) => Box::pin(connection.gone()),
        None => Box::pin(std::future::pending()),
    };
    let streaming = Streaming {
        responses: responses.boxed(),
        ping,
        connection,
        gone,
        begun: false,
        failed: false,
        over: false,
        _place: place,
    };
    let chunks = unfold(streaming, |mut streaming| async {
        let chunk = streaming.chunk().await?;
        Some((Ok::<_, Infallible>(Bytes::from(chunk)), streaming))
    });
    HttpResponse::Ok().insert_header(MEDIA).insert_header(UNBUFFERED).streaming(chunks)
}

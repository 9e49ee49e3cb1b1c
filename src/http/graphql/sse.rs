//! Server-sent events: each response of an operation is a `next` event (GraphQL over SSE, "distinct connections" mode).
//!
//! A stream that ends because the token expired or the process stops has no `complete`: clients take that for a lost
//! connection and reconnect, with a new token and from their last cursor.

use crate::actions::AppContext;
use crate::actions::metered::with_meter;
use crate::graphql::errors::ErrorCode;
use crate::http::Web;
use crate::http::graphql::body::{body_of, has_code};
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
use std::sync::Arc;
use std::time::Duration;

const MEDIA: (actix_web::http::header::HeaderName, &str) = (CONTENT_TYPE, "text/event-stream; charset=utf-8");
/// Tells proxies not to buffer the stream.
const UNBUFFERED: (&str, &str) = ("X-Accel-Buffering", "no");
const COMPLETE: &[u8] = b"event: complete\ndata:\n\n";
/// A comment, which clients ignore.
const PING: &[u8] = b": ping\n\n";

/// A response as an event. Our JSON has no line breaks.
fn next(body: &[u8]) -> Vec<u8> {
    [b"event: next\ndata: ", body, b"\n\n"].concat()
}

/// A stream of one response.
pub fn single(body: &[u8]) -> HttpResponse {
    HttpResponse::Ok().insert_header(MEDIA).insert_header(UNBUFFERED).body([&next(body), COMPLETE].concat())
}

/// The state of an open stream.
struct Streaming {
    responses: BoxStream<'static, Response>,
    ping: Duration,
    context: Arc<AppContext>,
    connection: Option<Rc<Connection>>,
    gone: Pin<Box<dyn Future<Output = ()>>>,
    /// Whether a response was sent.
    begun: bool,
    /// Whether the last response was an error.
    failed: bool,
    over: bool,
    _permit: Option<Permit>,
}

impl Streaming {
    async fn chunk(&mut self) -> Option<Vec<u8>> {
        if self.over {
            return None;
        }
        // The server asks for more: the client has read, or there is room in the buffer.
        if let Some(connection) = &self.connection {
            connection.flows();
        }
        let response = tokio::select! {
            // Each event has a meter of its own: a stream goes on for long.
            response = with_meter(self.context.new_meter(None), self.responses.next()) => response,
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

/// A stream of responses that stays open.
pub fn stream(
    request: &HttpRequest,
    web: &Web,
    permit: Option<Permit>,
    responses: impl Stream<Item = Response> + Send + 'static,
) -> HttpResponse {
    let connection = request.conn_data::<Rc<Connection>>().cloned();
    let gone: Pin<Box<dyn Future<Output = ()>>> = match &connection {
        Some(connection) => Box::pin(connection.gone()),
        None => Box::pin(std::future::pending()),
    };
    let streaming = Streaming {
        responses: responses.boxed(),
        ping: web.limits.ping,
        context: Arc::clone(&web.context),
        connection,
        gone,
        begun: false,
        failed: false,
        over: false,
        _permit: permit,
    };
    let chunks = unfold(streaming, |mut streaming| async {
        let chunk = streaming.chunk().await?;
        Some((Ok::<_, Infallible>(Bytes::from(chunk)), streaming))
    });
    HttpResponse::Ok().insert_header(MEDIA).insert_header(UNBUFFERED).streaming(chunks)
}

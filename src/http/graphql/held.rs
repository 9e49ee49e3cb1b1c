//! Answers that hold something until they were sent.

use actix_web::HttpResponse;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::web::Bytes;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Bytes that are given to a connection at a time: it asks for more when it has sent most of what it has.
const PIECE: usize = 32 * 1024;

/// A body, with what is given back when it was sent or its connection is gone.
pub(super) struct Held<T> {
    rest: Bytes,
    _held: T,
}

impl<T: Unpin + 'static> Held<T> {
    /// The same answer, which holds `held` until it was sent.
    pub(super) fn until_sent(answer: HttpResponse, held: T) -> HttpResponse {
        answer.map_body(|_, body| match body.try_into_bytes() {
            Ok(rest) => BoxBody::new(Self { rest, _held: held }),
            Err(stream) => stream,
        })
    }
}

impl<T: Unpin> MessageBody for Held<T> {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.rest.len() as u64)
    }

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        let length = self.rest.len().min(PIECE);
        Poll::Ready(Some(Ok(self.rest.split_to(length))))
    }
}

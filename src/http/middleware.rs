//! The middleware of every request: gives it an id, refuses other hosts, sets a time-out, and logs one line without
//! personal data (R35).

use crate::chance::Chance;
use crate::http::limits::{HttpLimits, REQUEST_ID};
use crate::http::slow_clients::Connection;
use crate::http::web::{Web, standing};
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{CONNECTION, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, web};
use data_encoding::HEXLOWER;
use std::rc::Rc;
use std::time::Instant;
use tracing::Instrument;

/// A client's id for its request, if it is a UUID or 16 to 36 hexadecimal digits. Anything else may hold personal data
/// and does not go into the log.
fn well_formed(id: &HeaderValue) -> Option<&str> {
    let id = id.to_str().ok()?;
    let of_digits = id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    ((16..=36).contains(&id.len()) && of_digits).then_some(id)
}

fn new_id(chance: &Chance) -> String {
    HEXLOWER.encode(&chance.bytes::<16>())
}

/// The middleware around all routes.
pub async fn middleware<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let begun = Instant::now();
    let Some(web) = request.app_data::<web::Data<Web>>() else {
        unreachable!("the routes have what they need")
    };
    let limits = web.limits.clone();
    let given = request.headers().get(REQUEST_ID).and_then(well_formed);
    let id = given.map_or_else(|| new_id(&web.context.chance), str::to_owned);
    let span = tracing::info_span!("request", id);
    let method = method(request.method());
    let busy = request.conn_data::<Rc<Connection>>().map(Connection::busy);
    let passed = pass(&limits, request, next).instrument(span.clone()).await;
    drop(busy);
    let (route, mut answer) = match passed {
        Ok(response) => (response.request().match_pattern(), Ok(response)),
        // On an error the request and its route are lost, and the headers middleware does not run: add them here.
        Err(mut answer) => {
            for (name, value) in standing(limits.strict_transport) {
                if let Ok(name) = HeaderName::from_bytes(name.as_bytes()) {
                    answer.headers_mut().insert(name, HeaderValue::from_static(value));
                }
            }
            (None, Err(answer))
        }
    };
    let head = match &mut answer {
        Ok(response) => response.response_mut(),
        Err(answer) => answer,
    };
    if let Ok(value) = HeaderValue::from_str(&id) {
        head.headers_mut().insert(HeaderName::from_static(REQUEST_ID), value);
    }
    let route = route.unwrap_or_else(|| "(none)".to_owned());
    let (status, milliseconds) = (head.status().as_u16(), begun.elapsed().as_secs_f64() * 1000.0);
    let bytes = match head.body().size() {
        BodySize::None => Some(0),
        BodySize::Sized(bytes) => Some(bytes),
        BodySize::Stream => None,
    };
    let _inside = span.enter();
    // Health checks every few seconds would fill the log.
    if matches!(route.as_str(), "/healthz" | "/readyz") && status == 200 {
        tracing::debug!(method, route, status, milliseconds, bytes, "answered");
    } else {
        tracing::info!(method, route, status, milliseconds, bytes, "answered");
    }
    answer.map_err(|answer| InternalError::from_response("no answer in time", answer).into())
}

/// The name of a method. An unknown one may be any text and is logged as `other`.
fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

async fn pass<B: MessageBody + 'static>(
    limits: &HttpLimits,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, HttpResponse> {
    if !limits.serves(request.request()) {
        let answer =
            HttpResponse::build(StatusCode::MISDIRECTED_REQUEST).body("This service has another name.");
        return Ok(request.into_response(answer));
    }
    match tokio::time::timeout(limits.request, next.call(request)).await {
        Ok(Ok(response)) => Ok(response.map_into_boxed_body()),
        Ok(Err(error)) => Err(error.error_response()),
        Err(_) => Err(HttpResponse::RequestTimeout().insert_header((CONNECTION, "close")).finish()),
    }
}

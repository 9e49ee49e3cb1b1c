//! GraphQL over HTTP: POST, GET for queries, `Accept` negotiation, bearer tokens, idempotency keys, event streams.

pub mod accept;
mod body;
mod held;
mod request;
mod response;
pub mod sse;
pub mod websocket;

use crate::actions::Fault;
use crate::actions::auth::session::{self, Bearer};
use crate::actions::idempotency::{Remembered, keep, remember};
use crate::actions::metered::{Meter, with_meter};
use crate::auth::Requester;
use crate::graphql::errors::ErrorCode;
use crate::graphql::{AccessToken, Asker, limits, prepare};
use crate::http::etag::fresh;
use crate::http::limits::Permit;
use crate::http::{Web, client};
use accept::Media;
use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use async_graphql::Request;
use async_graphql::parser::types::OperationType;
use body::{body_of, error_body, has_code, has_errors};
use held::Held;
use request::{Parameters, Unfit, is_json, token};
use response::{bad_request, internal, not_acceptable, too_many, too_often};
use serde::Deserialize;
use std::sync::Arc;
use tracing::Instrument;

/// The allowed methods.
const METHODS: (HeaderName, &str) = (ALLOW, "GET, HEAD, POST, OPTIONS");

/// Responds with the allowed methods. (The CORS middleware answers preflight requests before.)
pub async fn options() -> HttpResponse {
    HttpResponse::NoContent().insert_header(METHODS).finish()
}

/// Refuses every other method.
pub async fn method_not_allowed() -> HttpResponse {
    let body = error_body("Send GET or POST.", ErrorCode::BadRequest);
    let mut answer = Media::Json.refused(StatusCode::METHOD_NOT_ALLOWED, body);
    answer.headers_mut().insert(METHODS.0, HeaderValue::from_static(METHODS.1));
    answer
}

/// A request in the query string: queries only (R30).
pub async fn get(request: HttpRequest, web: web::Data<Web>) -> HttpResponse {
    let Some(media) = Media::of(&request) else { return not_acceptable() };
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct InUrl {
        query: Option<String>,
        operation_name: Option<String>,
        variables: Option<String>,
        extensions: Option<String>,
        document_id: Option<String>,
        id: Option<String>,
    }
    let bad = || bad_request(media, "The query string is not that of a GraphQL request.");
    let Ok(parameters) = web::Query::<InUrl>::from_query(request.query_string()) else { return bad() };
    let parameters = parameters.into_inner();
    // In a query string, an empty value counts as left out.
    let said = |text: Option<String>| text.filter(|text| !text.is_empty());
    let json = |text| said(text).map(|text| serde_json::from_str(&text)).transpose();
    let (Ok(variables), Ok(extensions)) = (json(parameters.variables), json(parameters.extensions)) else {
        return bad();
    };
    let parameters = Parameters {
        query: said(parameters.query),
        operation_name: said(parameters.operation_name),
        variables,
        extensions,
        document_id: said(parameters.document_id),
        id: said(parameters.id).map(Into::into),
    };
    answer(&request, &web, media, parameters, None).await
}

/// A request in the body.
pub async fn post(request: HttpRequest, web: web::Data<Web>, body: web::Payload) -> HttpResponse {
    let Some(media) = Media::of(&request) else { return not_acceptable() };
    let body = match body.to_bytes_limited(limits::BODY).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => return bad_request(media, "The body did not arrive whole."),
        Err(_) => {
            let sentence = format!("Bytes of a body: at most {}.", limits::BODY);
            return media
                .refused(StatusCode::PAYLOAD_TOO_LARGE, error_body(&sentence, ErrorCode::LimitExceeded));
        }
    };
    if !is_json(&request) {
        let sentence = "Send application/json in UTF-8.";
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return media.refused(status, error_body(sentence, ErrorCode::BadRequest));
    }
    // Serde would take a list for a struct too; GraphQL over HTTP does not.
    let is_object = body.trim_ascii_start().starts_with(b"{");
    match serde_json::from_slice::<Parameters>(&body) {
        Ok(parameters) if is_object => answer(&request, &web, media, parameters, Some(&body)).await,
        Ok(_) | Err(_) => bad_request(media, "The body is not a GraphQL request in JSON."),
    }
}

async fn answer(
    request: &HttpRequest,
    web: &web::Data<Web>,
    media: Media,
    parameters: Parameters,
    body: Option<&[u8]>,
) -> HttpResponse {
    let fit = match parameters.read(&web.documents) {
        Ok(fit) => fit,
        Err(Unfit::Form(sentence)) => return bad_request(media, sentence),
        Err(Unfit::Content(errors)) => return media.unfit(errors.to_string().into_bytes()),
        Err(Unfit::Untrusted(errors)) => {
            return media.refused(StatusCode::FORBIDDEN, errors.to_string().into_bytes());
        }
    };
    let is_mutation = match fit.operation {
        Some((OperationType::Mutation, single)) => Some(single),
        Some((OperationType::Query | OperationType::Subscription, _)) | None => None,
    };
    let is_get = body.is_none();
    if is_get && is_mutation.is_some() {
        let body = error_body("GET is for queries only.", ErrorCode::BadRequest);
        let mut answer = media.refused(StatusCode::METHOD_NOT_ALLOWED, body);
        answer.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        return answer;
    }
    let bearer = match authenticate(request, web).await {
        Ok(bearer) => bearer,
        Err(fault) => return internal(media, &fault),
    };
    let requester = bearer.requester();
    if fit.is_subscription() {
        return follow(request, web, media, requester, fit.request);
    }
    let permit = match requester {
        Some(requester) => match web.request_limiter.acquire(requester.account, web.limits.at_once) {
            Some(permit) => Some(permit),
            None => return too_many(media),
        },
        None => None,
    };
    if let (Some(_), Some(requester)) = (is_mutation, requester)
        && let Err(seconds) = web.context.rates.write(requester.session)
    {
        return too_often(media, seconds);
    }
    let network = client::network(request, &web.proxies);
    let mut asker = Asker { requester, network, key: None };
    if let (Some(body), Some(single)) = (body, is_mutation) {
        match idempotency(request, web, media, bearer, single, body).await {
            Ok(key) => asker.key = key,
            Err(answer) => return answer,
        }
    }
    let key = asker.key.clone();
    let by_trusted_id = fit.by_trusted_id;
    let prepared = prepare(fit.request, &web.context, asker);
    let meter = web.context.new_meter(requester.map(|requester| requester.account));
    // Held until the answer was sent: whoever does not read it has it in hand.
    let held = Arc::new((meter.clone(), permit));
    let performing = with_meter(meter, perform(web.clone(), prepared, key, Arc::clone(&held)));
    let performing = performing.instrument(tracing::Span::current());
    let limit = web.limits.execution;
    let performed = match is_mutation {
        // A mutation runs to its end and its response is saved, even if the client no longer waits.
        Some(_) => tokio::time::timeout(limit, actix_web::rt::spawn(performing)).await.map(|ended| {
            ended.unwrap_or_else(|_| Err(Fault::Inconsistent("a mutation ended without an answer")))
        }),
        None => tokio::time::timeout(limit, performing).await,
    };
    Held::until_sent(answer_with(request, media, by_trusted_id && is_get, performed), held)
}

/// What came of a request, as an answer. `validated`: a document by its trusted id, asked for by GET, gets an ETag.
fn answer_with(
    request: &HttpRequest,
    media: Media,
    validated: bool,
    performed: Result<Result<Performed, Fault>, tokio::time::error::Elapsed>,
) -> HttpResponse {
    match performed {
        Ok(Ok(Performed { executed: true, errors: false, body })) if validated && media != Media::Events => {
            let answer = media.executed(false, body.clone());
            fresh(request, media.name(), &body, answer)
        }
        Ok(Ok(Performed { executed: true, errors, body })) => media.executed(errors, body),
        Ok(Ok(Performed { executed: false, body, .. })) => media.unfit(body),
        Ok(Err(fault)) => internal(media, &fault),
        Err(_) => {
            let sentence = "This took too long. A mutation is finished all the same: send it again under its \
                            Idempotency-Key, or read the state.";
            media.refused(StatusCode::SERVICE_UNAVAILABLE, error_body(sentence, ErrorCode::TimedOut))
        }
    }
}

/// Streams the responses of a subscription.
fn follow(
    request: &HttpRequest,
    web: &web::Data<Web>,
    media: Media,
    requester: Option<Requester>,
    graphql: Request,
) -> HttpResponse {
    if media != Media::Events {
        let sentence = "Accept text/event-stream for a subscription, or use graphql-transport-ws.";
        return media.unfit(error_body(sentence, ErrorCode::BadRequest));
    }
    let permit =
        match requester.map(|requester| web.following.acquire(requester.account, web.limits.following)) {
            None => None,
            Some(Some(permit)) => Some(permit),
            Some(None) => return too_many(media),
        };
    let asker = Asker { requester, network: client::network(request, &web.proxies), key: None };
    let token = AccessToken(token(request).unwrap_or_default().to_owned());
    let responses = web.schema.execute_stream(prepare(graphql, &web.context, asker).data(token));
    sse::stream(request, web, permit, responses)
}

/// The result of a request.
struct Performed {
    /// Whether it was executed; then its body has `data`, perhaps null.
    executed: bool,
    /// Whether the response has errors.
    errors: bool,
    body: Vec<u8>,
}

/// Executes a request, and saves a mutation's response under its idempotency key.
async fn perform(
    web: web::Data<Web>,
    request: Request,
    key: Option<crate::actions::RequestKey>,
    _held: Arc<(Meter, Option<Permit>)>,
) -> Result<Performed, Fault> {
    let response = web.schema.execute(request).await;
    // That the service is busy is no answer to keep either: the mutation was done, and may be read.
    let repeated = [ErrorCode::IdempotencyKeyInProgress, ErrorCode::TryLater]
        .map(|code| has_code(&response, code))
        .contains(&true);
    // Errors of executed fields have a path; without one, the document was not executed and has no data.
    let executed = response.errors.is_empty() || response.errors.iter().any(|error| !error.path.is_empty());
    let errors = !response.errors.is_empty();
    let body = body_of(response, executed).map_err(|_| Fault::Inconsistent("an answer without a form"))?;
    if let (Some(key), false) = (key, repeated)
        && let Err(fault) = keep(&web.context, key, &body).await
    {
        tracing::error!(cause = %fault, "the answer to a mutation was not kept for repetitions");
    }
    Ok(Performed { executed, errors, body })
}

async fn authenticate(request: &HttpRequest, web: &Web) -> Result<Bearer, Fault> {
    match token(request) {
        Some(token) => session::authenticate(&web.context, token).await,
        None => Ok(Bearer::Nobody),
    }
}

/// Reads the `Idempotency-Key`: the key to save with the mutation, or the response to send at once.
async fn idempotency(
    request: &HttpRequest,
    web: &Web,
    media: Media,
    bearer: Bearer,
    single: bool,
    body: &[u8],
) -> Result<Option<crate::actions::RequestKey>, HttpResponse> {
    let Some(header) = request.headers().get("idempotency-key") else { return Ok(None) };
    let text = header.to_str().unwrap_or_default().trim();
    if text.is_empty() || text.len() > limits::KEY_MAX {
        return Err(bad_request(media, "An Idempotency-Key has 1 to 200 ASCII characters."));
    }
    // Clients without a session share one set of keys, so their keys must be long enough not to collide.
    if matches!(bearer, Bearer::Nobody) && text.len() < limits::STRANGERS_KEY_MIN {
        let sentence = "Without signing in, an Idempotency-Key has at least 16 characters, such as a UUID.";
        return Err(bad_request(media, sentence));
    }
    if !single {
        return Err(bad_request(media, "Under an Idempotency-Key a request has exactly one mutation."));
    }
    let conflict = |sentence: &str, code| media.refused(StatusCode::CONFLICT, error_body(sentence, code));
    match remember(&web.context, bearer, text, body).await {
        Ok(Remembered::New(key)) => Ok(Some(key)),
        Ok(Remembered::Answer(answer)) => Err(media.executed(has_errors(&answer), answer)),
        Ok(Remembered::Unanswered) => Err(conflict(
            "This mutation was done under this key, and its answer is not there: not yet, or no longer, since it held a \
             secret. Read the state.",
            ErrorCode::IdempotencyKeyInProgress,
        )),
        Ok(Remembered::Reused) => Err(conflict(
            "This Idempotency-Key was used for another request.",
            ErrorCode::IdempotencyKeyReused,
        )),
        Err(fault) => Err(internal(media, &fault)),
    }
}

//! GraphQL over HTTP: POST, GET for queries, `Accept` negotiation, bearer tokens, idempotency keys, event streams.

pub mod accept;
pub mod sse;
pub mod websocket;

use crate::actions::Fault;
use crate::actions::auth::session::{self, Bearer};
use crate::actions::idempotency::{Remembered, keep, remember};
use crate::auth::Requester;
use crate::graphql::documents::{Documents, Found, Missing, Named};
use crate::graphql::errors::{ErrorCode, log_fault};
use crate::graphql::query_cost::Unreadable;
use crate::graphql::{AccessToken, Asker, limits, prepare};
use crate::http::etag::fresh;
use crate::http::graphql::accept::Media;
use crate::http::limits::Permit;
use crate::http::{Web, client};
use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, AUTHORIZATION, HeaderName, HeaderValue, RETRY_AFTER};
use actix_web::{HttpMessage, HttpRequest, HttpResponse, mime, web};
use async_graphql::parser::types::{
    DocumentOperations, ExecutableDocument, OperationDefinition, OperationType, Selection,
};
use async_graphql::{Request, Response, Variables};
use serde::Deserialize;
use tracing::Instrument;

/// The parameters of a request, in its body or its query string.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Parameters {
    query: Option<String>,
    operation_name: Option<String>,
    variables: Option<serde_json::Value>,
    extensions: Option<serde_json::Value>,
    /// GraphQL over HTTP, "Persisted documents".
    document_id: Option<String>,
    /// The document's id by the name that some clients use; a value that is not a string is ignored.
    id: Option<serde_json::Value>,
}

impl Parameters {
    /// The requested document. If the text is there, only Apollo's hash is checked against it.
    fn named(&self) -> Named<'_> {
        let hash = self.extensions.as_ref().and_then(|e| e.pointer("/persistedQuery/sha256Hash")?.as_str());
        let text = self.query.as_deref();
        let id = self.document_id.as_deref().or(self.id.as_ref().and_then(serde_json::Value::as_str));
        Named { text, id: if text.is_some() { hash } else { id.or(hash) } }
    }
}

/// A response of one error and no data.
pub(super) fn errors(sentence: &str, code: ErrorCode) -> serde_json::Value {
    serde_json::json!({ "errors": [{ "message": sentence, "extensions": { "code": code.name() } }] })
}

fn error_body(sentence: &str, code: ErrorCode) -> Vec<u8> {
    errors(sentence, code).to_string().into_bytes()
}

fn syntax_error(positions: &[(usize, usize)]) -> serde_json::Value {
    let locations: Vec<_> = positions
        .iter()
        .map(|(line, column)| serde_json::json!({ "line": line, "column": column }))
        .collect();
    serde_json::json!({ "errors": [{
        "message": "The document is not valid GraphQL.",
        "locations": locations,
        "extensions": { "code": ErrorCode::BadRequest.name() },
    }] })
}

/// Why a request cannot be executed.
pub(super) enum Unfit {
    /// It is not a GraphQL request; the sentence says why.
    Form(&'static str),
    /// Its content is not acceptable; with the response.
    Content(serde_json::Value),
    /// Its document is not a trusted one, and only those are executed; with the response.
    Untrusted(serde_json::Value),
}

impl From<Unreadable> for Unfit {
    fn from(unreadable: Unreadable) -> Self {
        Self::Content(match unreadable {
            Unreadable::Syntax(positions) => syntax_error(&positions),
            Unreadable::TooMuch(sentence) => errors(&sentence, ErrorCode::BadRequest),
        })
    }
}

impl From<Missing> for Unfit {
    fn from(missing: Missing) -> Self {
        match missing {
            Missing::Unnamed => Self::Form("A request needs a query or a documentId."),
            Missing::Mismatch => Self::Form("The hash is not that of the query."),
            // Apollo's clients know by this message that they should send the text.
            Missing::Unknown => {
                Self::Content(errors("PersistedQueryNotFound", ErrorCode::PersistedQueryNotFound))
            }
            Missing::Untrusted => {
                let sentence = "Only the documents of known apps are executed here.";
                Self::Untrusted(errors(sentence, ErrorCode::DocumentNotTrusted))
            }
            Missing::Unreadable(unreadable) => unreadable.into(),
        }
    }
}

/// A request that was read and is within all limits.
pub(super) struct Fit {
    request: Request,
    /// The type of the selected operation, if there is exactly one, and whether it has a single field.
    operation: Option<(OperationType, bool)>,
    /// Whether the client sent only the id of a trusted document.
    by_trusted_id: bool,
}

impl Parameters {
    /// Finds the requested document and checks the request's limits (R34).
    pub(super) fn read(self, documents: &Documents) -> Result<Fit, Unfit> {
        let object =
            |value: &Option<serde_json::Value>| value.as_ref().is_none_or(|v| v.is_object() || v.is_null());
        if !object(&self.variables) || !object(&self.extensions) {
            return Err(Unfit::Form("variables and extensions are objects."));
        }
        let Found { document, by_trusted_id } = documents.find(self.named())?;
        let variables = self.variables.unwrap_or_default();
        document.fits(&variables)?;
        let operation = operation(document.parsed(), self.operation_name.as_deref())
            .map(|operation| (operation.ty, single_field(operation)));
        let mut request = Request::new(String::new());
        request.set_parsed_query(document.parsed().clone());
        request.operation_name = self.operation_name;
        request.variables = Variables::from_json(variables);
        Ok(Fit { request, operation, by_trusted_id })
    }
}

impl Fit {
    /// The request, if it is a subscription.
    pub(super) fn subscription(self) -> Option<Request> {
        self.is_subscription().then_some(self.request)
    }

    fn is_subscription(&self) -> bool {
        matches!(self.operation, Some((OperationType::Subscription, _)))
    }
}

fn not_acceptable() -> HttpResponse {
    let sentence = "Accept application/graphql-response+json or application/json.";
    Media::Json.refused(StatusCode::NOT_ACCEPTABLE, error_body(sentence, ErrorCode::BadRequest))
}

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
                .refused(StatusCode::PAYLOAD_TOO_LARGE, error_body(&sentence, ErrorCode::BadRequest));
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

/// Whether the body's media type is JSON in UTF-8, which is JSON's default charset.
fn is_json(request: &HttpRequest) -> bool {
    let Ok(Some(said)) = request.mime_type() else { return false };
    said.essence_str() == mime::APPLICATION_JSON.essence_str()
        && said.get_param(mime::CHARSET).is_none_or(|charset| charset == mime::UTF_8)
}

fn bad_request(media: Media, sentence: &str) -> HttpResponse {
    media.refused(StatusCode::BAD_REQUEST, error_body(sentence, ErrorCode::BadRequest))
}

fn internal(media: Media, fault: &Fault) -> HttpResponse {
    let id = log_fault(fault);
    let error = serde_json::json!({
        "errors": [{ "message": "internal error", "extensions": { "code": ErrorCode::Internal.name(), "id": id } }]
    });
    media.refused(StatusCode::INTERNAL_SERVER_ERROR, error.to_string().into_bytes())
}

/// The selected operation; `None` if the name does not match, or is missing among several operations.
fn operation<'a>(document: &'a ExecutableDocument, name: Option<&str>) -> Option<&'a OperationDefinition> {
    match (&document.operations, name) {
        (DocumentOperations::Single(operation), None) => Some(&operation.node),
        (DocumentOperations::Single(_), Some(_)) => None,
        (DocumentOperations::Multiple(operations), Some(name)) => {
            operations.get(name).map(|found| &found.node)
        }
        (DocumentOperations::Multiple(operations), None) if operations.len() == 1 => {
            operations.values().next().map(|found| &found.node)
        }
        (DocumentOperations::Multiple(_), None) => None,
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
    let place = match requester {
        Some(requester) => match web.request_limiter.acquire(requester.account, web.limits.at_once) {
            Some(place) => Some(place),
            None => return too_many(media),
        },
        None => None,
    };
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
    let performing = perform(web.clone(), prepare(fit.request, &web.context, asker), key, place);
    let performing = performing.instrument(tracing::Span::current());
    let limit = web.limits.execution;
    let performed = match is_mutation {
        // A mutation runs to its end and its response is saved, even if the client no longer waits.
        Some(_) => tokio::time::timeout(limit, actix_web::rt::spawn(performing)).await.map(|ended| {
            ended.unwrap_or_else(|_| Err(Fault::Inconsistent("a mutation ended without an answer")))
        }),
        None => tokio::time::timeout(limit, performing).await,
    };
    match performed {
        Ok(Ok(Performed { executed: true, errors: false, body }))
            if by_trusted_id && is_get && media != Media::Events =>
        {
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
    let place =
        match requester.map(|requester| web.following.acquire(requester.account, web.limits.following)) {
            None => None,
            Some(Some(place)) => Some(place),
            Some(None) => return too_many(media),
        };
    let asker = Asker { requester, network: client::network(request, &web.proxies), key: None };
    let token = AccessToken(token(request).unwrap_or_default().to_owned());
    let responses = web.schema.execute_stream(prepare(graphql, &web.context, asker).data(token));
    sse::stream(request, web.limits.ping, place, responses)
}

fn too_many(media: Media) -> HttpResponse {
    let sentence =
        "Too many requests of this account at the same time. Wait for an answer, then send this again.";
    let code = ErrorCode::TryLater.name();
    let error = serde_json::json!({ "errors": [{
        "message": sentence,
        "extensions": { "code": code, "retryAfterSeconds": 1 },
    }] });
    let mut answer = media.refused(StatusCode::TOO_MANY_REQUESTS, error.to_string().into_bytes());
    answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    answer
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
    _place: Option<Permit>,
) -> Result<Performed, Fault> {
    let response = web.schema.execute(request).await;
    let repeated = has_code(&response, ErrorCode::IdempotencyKeyInProgress);
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

/// The response as JSON, without `data` if the request was not executed. An error without a code comes from the library
/// and is about an input that it could not read.
pub(super) fn body_of(mut response: Response, executed: bool) -> Result<Vec<u8>, serde_json::Error> {
    for error in &mut response.errors {
        let extensions = error.extensions.get_or_insert_default();
        if extensions.get("code").is_none() {
            extensions.set("code", ErrorCode::BadRequest.name());
        }
    }
    if executed {
        serde_json::to_vec(&response)
    } else {
        serde_json::to_vec(&serde_json::json!({ "errors": response.errors }))
    }
}

pub(super) fn has_code(response: &Response, code: ErrorCode) -> bool {
    let name = async_graphql::Value::from(code.name());
    response.errors.iter().any(|error| error.extensions.as_ref().and_then(|e| e.get("code")) == Some(&name))
}

/// Whether a saved response has errors.
fn has_errors(answer: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Kept {
        errors: Option<serde::de::IgnoredAny>,
    }
    serde_json::from_slice::<Kept>(answer).is_ok_and(|kept| kept.errors.is_some())
}

/// Whether an operation has exactly one root field, outside of any fragment.
fn single_field(operation: &OperationDefinition) -> bool {
    matches!(operation.selection_set.node.items.as_slice(), [one] if matches!(one.node, Selection::Field(_)))
}

/// The token of a request's `Authorization: Bearer …`.
pub(super) fn token(request: &HttpRequest) -> Option<&str> {
    bearer_token(request.headers().get(AUTHORIZATION)?.to_str().ok()?)
}

/// The token of a header value `Bearer …`.
pub(super) fn bearer_token(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
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
            "This mutation was done under this key, and its answer is not there (yet). Read the state.",
            ErrorCode::IdempotencyKeyInProgress,
        )),
        Ok(Remembered::Reused) => Err(conflict(
            "This Idempotency-Key was used for another request.",
            ErrorCode::IdempotencyKeyReused,
        )),
        Err(fault) => Err(internal(media, &fault)),
    }
}

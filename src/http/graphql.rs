//! GraphQL over HTTP: POST, GET for queries, `Accept` negotiation, bearer tokens, idempotency keys.

use super::door::Place;
use super::freshness::fresh;
use super::media::Media;
use super::{Web, client};
use crate::actions::Fault;
use crate::actions::idempotency::{Remembered, keep, remember};
use crate::actions::session::{self, Bearer};
use crate::graphql::documents::{Found, Missing, Named};
use crate::graphql::errors::{ErrorCode, log_fault};
use crate::graphql::measure::Unreadable;
use crate::graphql::{Asker, limits, prepare};
use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use actix_web::{HttpRequest, HttpResponse, web};
use async_graphql::parser::types::{
    DocumentOperations, ExecutableDocument, OperationDefinition, OperationType, Selection,
};
use async_graphql::{Request, Response, Variables};
use serde::Deserialize;
use tracing::Instrument;

/// The parameters of a request, in its body or its query string.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Parameters {
    query: Option<String>,
    operation_name: Option<String>,
    variables: Option<serde_json::Value>,
    extensions: Option<serde_json::Value>,
    /// GraphQL over HTTP, "Persisted documents".
    document_id: Option<String>,
    /// The same, as some clients call it; whatever else others mean by it is not for this service.
    id: Option<serde_json::Value>,
}

impl Parameters {
    /// The document that is meant. Beside a text, only Apollo's hash is held against it.
    fn named(&self) -> Named<'_> {
        let hash = self.extensions.as_ref().and_then(|e| e.pointer("/persistedQuery/sha256Hash")?.as_str());
        let text = self.query.as_deref();
        let id = self.document_id.as_deref().or(self.id.as_ref().and_then(serde_json::Value::as_str));
        Named { text, id: if text.is_some() { hash } else { id.or(hash) } }
    }
}

fn error_body(sentence: &str, code: ErrorCode) -> Vec<u8> {
    let error =
        serde_json::json!({ "errors": [{ "message": sentence, "extensions": { "code": code.name() } }] });
    error.to_string().into_bytes()
}

fn syntax_error(positions: &[(usize, usize)]) -> Vec<u8> {
    let locations: Vec<_> = positions
        .iter()
        .map(|(line, column)| serde_json::json!({ "line": line, "column": column }))
        .collect();
    let error = serde_json::json!({ "errors": [{
        "message": "The document is not valid GraphQL.",
        "locations": locations,
        "extensions": { "code": ErrorCode::BadRequest.name() },
    }] });
    error.to_string().into_bytes()
}

fn not_acceptable() -> HttpResponse {
    let sentence = "Accept application/graphql-response+json or application/json.";
    Media::Json.refused(StatusCode::NOT_ACCEPTABLE, error_body(sentence, ErrorCode::BadRequest))
}

/// What can be done here.
const METHODS: (HeaderName, &str) = (ALLOW, "GET, HEAD, POST, OPTIONS");

/// Tells which methods there are. (What a browser asks before it sends to another origin is answered before.)
pub async fn options() -> HttpResponse {
    HttpResponse::NoContent().insert_header(METHODS).finish()
}

/// Every other method.
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
    // In a query string, empty is as good as left out.
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
    // To serde a list is a struct, too; to GraphQL over HTTP it is not.
    let is_object = body.trim_ascii_start().starts_with(b"{");
    match serde_json::from_slice::<Parameters>(&body) {
        Ok(parameters) if is_object => answer(&request, &web, media, parameters, Some(&body)).await,
        Ok(_) | Err(_) => bad_request(media, "The body is not a GraphQL request in JSON."),
    }
}

/// Whether a body is said to be JSON in UTF-8, which JSON is unless it is said to be something else.
fn is_json(request: &HttpRequest) -> bool {
    let said = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut parts = said.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    let utf8 = |value: &str| value.trim_matches('"').eq_ignore_ascii_case("utf-8");
    let mut named = parts.filter_map(|part| part.split_once('='));
    essence.eq_ignore_ascii_case("application/json")
        && named.all(|(name, value)| !name.eq_ignore_ascii_case("charset") || utf8(value))
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

/// The operation that is meant, if the document says so clearly.
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

fn unread(media: Media, unreadable: Unreadable) -> HttpResponse {
    media.unfit(match unreadable {
        Unreadable::Syntax(positions) => syntax_error(&positions),
        Unreadable::TooMuch(sentence) => error_body(&sentence, ErrorCode::BadRequest),
    })
}

fn without_document(media: Media, missing: Missing) -> HttpResponse {
    match missing {
        Missing::Unnamed => bad_request(media, "A request needs a query or a documentId."),
        Missing::Mismatch => bad_request(media, "The hash is not that of the query."),
        // In the words by which Apollo's clients know that they should send the text.
        Missing::Unknown => {
            media.unfit(error_body("PersistedQueryNotFound", ErrorCode::PersistedQueryNotFound))
        }
        Missing::Untrusted => {
            let sentence = "Only the documents of known apps are executed here.";
            media.refused(StatusCode::FORBIDDEN, error_body(sentence, ErrorCode::DocumentNotTrusted))
        }
        Missing::Unreadable(unreadable) => unread(media, unreadable),
    }
}

async fn answer(
    request: &HttpRequest,
    web: &web::Data<Web>,
    media: Media,
    parameters: Parameters,
    body: Option<&[u8]>,
) -> HttpResponse {
    let object =
        |value: &Option<serde_json::Value>| value.as_ref().is_none_or(|v| v.is_object() || v.is_null());
    if !object(&parameters.variables) || !object(&parameters.extensions) {
        return bad_request(media, "variables and extensions are objects.");
    }
    let found = match web.documents.find(parameters.named()) {
        Ok(found) => found,
        Err(missing) => return without_document(media, missing),
    };
    let Found { document, by_trusted_id } = found;
    let variables = parameters.variables.unwrap_or_default();
    if let Err(unreadable) = document.fits(&variables) {
        return unread(media, unreadable);
    }
    let is_mutation = operation(document.parsed(), parameters.operation_name.as_deref())
        .filter(|operation| operation.ty == OperationType::Mutation)
        .map(single_field);
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
    let place = match requester {
        Some(requester) => match web.inside.enter(requester.account, web.door.at_once) {
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
    let mut graphql = Request::new(String::new());
    graphql.set_parsed_query(document.parsed().clone());
    graphql.operation_name = parameters.operation_name;
    graphql.variables = Variables::from_json(variables);
    let performing = perform(web.clone(), prepare(graphql, &web.house, asker), key, place);
    let performing = performing.instrument(tracing::Span::current());
    let limit = web.door.execution;
    let performed = match is_mutation {
        // What was begun is finished, and its answer kept, whether or not anybody still waits for it.
        Some(_) => tokio::time::timeout(limit, actix_web::rt::spawn(performing)).await.map(|ended| {
            ended.unwrap_or_else(|_| Err(Fault::Inconsistent("a mutation ended without an answer")))
        }),
        None => tokio::time::timeout(limit, performing).await,
    };
    match performed {
        Ok(Ok(Performed { executed: true, errors: false, body })) if by_trusted_id && is_get => {
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

/// What came of a request.
struct Performed {
    /// Whether it was executed; its body has data then, perhaps null.
    executed: bool,
    /// Whether something went wrong in it.
    errors: bool,
    body: Vec<u8>,
}

/// Executes a request, and keeps a mutation's answer under its key.
async fn perform(
    web: web::Data<Web>,
    request: Request,
    key: Option<crate::actions::RequestKey>,
    _place: Option<Place>,
) -> Result<Performed, Fault> {
    let response = web.schema.execute(request).await;
    let repeated = has_code(&response, ErrorCode::IdempotencyKeyInProgress);
    // A document that could not be executed has no data at all; one whose fields failed has data, perhaps null.
    let executed = response.errors.is_empty() || response.errors.iter().any(|error| !error.path.is_empty());
    let errors = !response.errors.is_empty();
    let body = body_of(response, executed).map_err(|_| Fault::Inconsistent("an answer without a form"))?;
    if let (Some(key), false) = (key, repeated)
        && let Err(fault) = keep(&web.house, key, &body).await
    {
        tracing::error!(cause = %fault, "the answer to a mutation was not kept for repetitions");
    }
    Ok(Performed { executed, errors, body })
}

/// The response as JSON; of a request that was not executed, without `data`. An error without a code is one of
/// the library's own, about an input that it could not read.
fn body_of(mut response: Response, executed: bool) -> Result<Vec<u8>, serde_json::Error> {
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

fn has_code(response: &Response, code: ErrorCode) -> bool {
    let name = async_graphql::Value::from(code.name());
    response.errors.iter().any(|error| error.extensions.as_ref().and_then(|e| e.get("code")) == Some(&name))
}

/// Whether an answer that was kept has errors.
fn has_errors(answer: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Kept {
        errors: Option<serde::de::IgnoredAny>,
    }
    serde_json::from_slice::<Kept>(answer).is_ok_and(|kept| kept.errors.is_some())
}

/// Whether an operation has exactly one root field, spelled out.
fn single_field(operation: &OperationDefinition) -> bool {
    matches!(operation.selection_set.node.items.as_slice(), [one] if matches!(one.node, Selection::Field(_)))
}

async fn authenticate(request: &HttpRequest, web: &Web) -> Result<Bearer, Fault> {
    let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = header
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    match token {
        Some((_, token)) => session::authenticate(&web.house, token.trim()).await,
        None => Ok(Bearer::Nobody),
    }
}

/// Reads the `Idempotency-Key`: the key to save with the mutation, or the answer to give at once.
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
    if !single {
        return Err(bad_request(media, "Under an Idempotency-Key a request has exactly one mutation."));
    }
    let conflict = |sentence: &str, code| media.refused(StatusCode::CONFLICT, error_body(sentence, code));
    match remember(&web.house, bearer, text, body).await {
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

//! GraphQL over HTTP: POST, GET for queries, `Accept` negotiation, bearer tokens, idempotency keys.

use super::door::Place;
use super::{Web, client};
use crate::actions::Fault;
use crate::actions::idempotency::{Remembered, keep, remember};
use crate::actions::session::{self, Bearer};
use crate::graphql::errors::{ErrorCode, log_fault};
use crate::graphql::measure::{Unreadable, read};
use crate::graphql::{Asker, limits, prepare};
use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT, ALLOW, AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use actix_web::{HttpRequest, HttpResponse, web};
use async_graphql::parser::types::{
    DocumentOperations, ExecutableDocument, OperationDefinition, OperationType, Selection,
};
use async_graphql::{Request, Response, Variables};
use serde::Deserialize;
use tracing::Instrument;

/// The answer's media type, by what the client accepts (GraphQL over HTTP, "Accept").
#[derive(Clone, Copy, PartialEq, Eq)]
enum Media {
    /// `application/graphql-response+json`: the status tells whether the request could be executed.
    GraphQl,
    /// `application/json`: the status is 200 for every well-formed answer.
    Json,
}

impl Media {
    fn of(request: &HttpRequest) -> Option<Self> {
        let Some(accept) = request.headers().get(ACCEPT) else { return Some(Self::Json) };
        let accept = accept.to_str().unwrap_or_default();
        accept.split(',').find_map(|part| {
            let mut pieces = part.split(';').map(str::trim);
            let media = pieces.next().unwrap_or_default().to_ascii_lowercase();
            if pieces.any(|piece| piece == "q=0" || piece == "q=0.0") {
                return None;
            }
            match media.as_str() {
                "application/graphql-response+json" => Some(Self::GraphQl),
                "application/json" | "*/*" | "application/*" => Some(Self::Json),
                _ => None,
            }
        })
    }

    fn answer(self, status: StatusCode, body: Vec<u8>) -> HttpResponse {
        let (media, status) = match self {
            Self::GraphQl => ("application/graphql-response+json; charset=utf-8", status),
            Self::Json if status == StatusCode::BAD_REQUEST => {
                ("application/json; charset=utf-8", StatusCode::OK)
            }
            Self::Json => ("application/json; charset=utf-8", status),
        };
        HttpResponse::build(status).insert_header((CONTENT_TYPE, media)).body(body)
    }
}

/// The parameters of a request, in its body or its query string.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Parameters {
    query: Option<String>,
    operation_name: Option<String>,
    variables: Option<serde_json::Value>,
    extensions: Option<serde_json::Value>,
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
    HttpResponse::NotAcceptable().json(serde_json::json!({
        "errors": [{ "message": "Accept application/graphql-response+json or application/json." }]
    }))
}

/// Every other method.
pub async fn method_not_allowed() -> HttpResponse {
    HttpResponse::MethodNotAllowed().insert_header((ALLOW, "GET, POST")).finish()
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
    }
    let bad = || bad_request(media, "The query string is not that of a GraphQL request.");
    let Ok(parameters) = web::Query::<InUrl>::from_query(request.query_string()) else { return bad() };
    let parameters = parameters.into_inner();
    let json = |text: Option<String>| text.map(|text| serde_json::from_str(&text)).transpose();
    let (Ok(variables), Ok(extensions)) = (json(parameters.variables), json(parameters.extensions)) else {
        return bad();
    };
    let parameters = Parameters {
        query: parameters.query,
        operation_name: parameters.operation_name,
        variables,
        extensions,
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
            return media.answer(StatusCode::PAYLOAD_TOO_LARGE, error_body(&sentence, ErrorCode::BadRequest));
        }
    };
    let content_type =
        request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        let sentence = "Send application/json.";
        return media.answer(StatusCode::UNSUPPORTED_MEDIA_TYPE, error_body(sentence, ErrorCode::BadRequest));
    }
    match serde_json::from_slice::<Parameters>(&body) {
        Ok(parameters) => answer(&request, &web, media, parameters, Some(&body)).await,
        Err(_) => {
            // Not even JSON parameters: 400 whatever is accepted.
            let body = error_body("The body is not a GraphQL request in JSON.", ErrorCode::BadRequest);
            HttpResponse::BadRequest()
                .insert_header((CONTENT_TYPE, "application/json; charset=utf-8"))
                .body(body)
        }
    }
}

fn bad_request(media: Media, sentence: &str) -> HttpResponse {
    let media = match media {
        Media::GraphQl => "application/graphql-response+json; charset=utf-8",
        Media::Json => "application/json; charset=utf-8",
    };
    let body = error_body(sentence, ErrorCode::BadRequest);
    HttpResponse::BadRequest().insert_header((CONTENT_TYPE, media)).body(body)
}

fn internal(media: Media, fault: &Fault) -> HttpResponse {
    let id = log_fault(fault);
    let error = serde_json::json!({
        "errors": [{ "message": "internal error", "extensions": { "code": ErrorCode::Internal.name(), "id": id } }]
    });
    media.answer(StatusCode::INTERNAL_SERVER_ERROR, error.to_string().into_bytes())
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

async fn answer(
    request: &HttpRequest,
    web: &web::Data<Web>,
    media: Media,
    parameters: Parameters,
    body: Option<&[u8]>,
) -> HttpResponse {
    let Some(query) = parameters.query else { return bad_request(media, "A request needs a query.") };
    let object =
        |value: &Option<serde_json::Value>| value.as_ref().is_none_or(|v| v.is_object() || v.is_null());
    if !object(&parameters.variables) || !object(&parameters.extensions) {
        return bad_request(media, "variables and extensions are objects.");
    }
    let variables = parameters.variables.unwrap_or_default();
    let document = match read(&query, &variables) {
        Ok(document) => document,
        Err(Unreadable::Syntax(positions)) => {
            return media.answer(StatusCode::BAD_REQUEST, syntax_error(&positions));
        }
        Err(Unreadable::TooMuch(sentence)) => {
            return media.answer(StatusCode::BAD_REQUEST, error_body(&sentence, ErrorCode::BadRequest));
        }
    };
    let is_mutation = operation(&document, parameters.operation_name.as_deref())
        .filter(|operation| operation.ty == OperationType::Mutation)
        .map(single_field);
    if body.is_none() && is_mutation.is_some() {
        let body = error_body("GET is for queries only.", ErrorCode::BadRequest);
        return HttpResponse::MethodNotAllowed().insert_header((ALLOW, "POST")).body(body);
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
    let mut graphql = Request::new(query);
    graphql.set_parsed_query(document);
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
        Ok(Ok((status, body))) => media.answer(status, body),
        Ok(Err(fault)) => internal(media, &fault),
        Err(_) => {
            let sentence = "This took too long. A mutation is finished all the same: send it again under its \
                            Idempotency-Key, or read the state.";
            media.answer(StatusCode::SERVICE_UNAVAILABLE, error_body(sentence, ErrorCode::TimedOut))
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
    let mut answer = media.answer(StatusCode::TOO_MANY_REQUESTS, error.to_string().into_bytes());
    answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    answer
}

/// Executes a request, keeps a mutation's answer under its key, and returns status and body.
async fn perform(
    web: web::Data<Web>,
    request: Request,
    key: Option<crate::actions::RequestKey>,
    _place: Option<Place>,
) -> Result<(StatusCode, Vec<u8>), Fault> {
    let response = web.schema.execute(request).await;
    let repeated = has_code(&response, ErrorCode::IdempotencyKeyInProgress);
    // A document that could not be executed has no data at all; one whose fields failed has data, perhaps null.
    let executed = response.errors.is_empty() || response.errors.iter().any(|error| !error.path.is_empty());
    let status = if executed { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    let body = body_of(response, executed).map_err(|_| Fault::Inconsistent("an answer without a form"))?;
    if let (Some(key), false) = (key, repeated)
        && let Err(fault) = keep(&web.house, key, &body).await
    {
        tracing::error!(cause = %fault, "the answer to a mutation was not kept for repetitions");
    }
    Ok((status, body))
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
    let conflict = |sentence: &str, code| media.answer(StatusCode::CONFLICT, error_body(sentence, code));
    match remember(&web.house, bearer, text, body).await {
        Ok(Remembered::New(key)) => Ok(Some(key)),
        Ok(Remembered::Answer(answer)) => Err(media.answer(StatusCode::OK, answer)),
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

//! Chooses between a page and JSON for a response, and builds problem details in JSON (RFC 9457).

use crate::actions::check_ins::page;
use crate::actions::{Fault, Refusal};
use crate::graphql::errors::log_fault;
use crate::http::graphql::accept::Accept;
use crate::http::wire_enums::Code;
use actix_web::HttpMessage as _;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, RETRY_AFTER};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;

/// The form of a response: a page for a person or JSON for a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wants {
    /// A page.
    Page,
    /// JSON.
    Json,
}

/// The media type of a request's body, without parameters and in lower case.
pub(super) fn media_of(request: &HttpRequest) -> String {
    request.content_type().to_ascii_lowercase()
}

impl Wants {
    /// A request that accepts HTML gets a page, unless it prefers JSON. With neither in `Accept`, GET and forms, which
    /// mail programs send too (RFC 8058), get a page, and other requests JSON.
    pub(super) fn of(request: &HttpRequest) -> Self {
        let accept = Accept::of(request);
        let named = |media| accept.as_ref().and_then(|a| a.takes(media)).filter(|(c, _)| *c > 0);
        let json = [named("application/json"), named("application/problem+json")];
        let json = json.into_iter().flatten().map(|(_, wanted)| wanted).max();
        let is_form = || {
            matches!(media_of(request).as_str(), "application/x-www-form-urlencoded" | "multipart/form-data")
        };
        match (named("text/html"), json) {
            (Some((_, wanted)), Some(instead)) if instead > wanted => Self::Json,
            (Some(_), _) => Self::Page,
            (None, Some(_)) => Self::Json,
            (None, None) if is_form() || request.method().is_safe() => Self::Page,
            (None, None) => Self::Json,
        }
    }
}

/// The kind of problem, which ends its `type`.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// The token is used up, expired or unknown, which all look alike.
    Gone,
    /// The body does not have the expected form.
    Malformed,
    /// The body is too long.
    TooLong,
    /// A value is not accepted.
    Refused,
    /// There were too many tries.
    TooMany,
    /// The action was done already.
    Repeated,
    /// An unexpected fault.
    Internal,
}

impl Kind {
    fn parts(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Gone => (StatusCode::NOT_FOUND, "gone", "This link does not work"),
            Self::Malformed => (StatusCode::BAD_REQUEST, "malformed", "The body is not of this form"),
            Self::TooLong => (StatusCode::PAYLOAD_TOO_LARGE, "too-long", "The body is too long"),
            Self::Refused => (StatusCode::UNPROCESSABLE_ENTITY, "refused", "This was not done"),
            Self::TooMany => (StatusCode::TOO_MANY_REQUESTS, "too-many", "Too many tries"),
            Self::Repeated => (StatusCode::CONFLICT, "repeated", "This was done already"),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal", "Internal error"),
        }
    }
}

/// Why something was not done (RFC 9457).
#[derive(Serialize, ToSchema)]
pub(super) struct ProblemDetails {
    /// A stable name: `urn:evenkeel:problem:` and one of `gone`, `malformed`, `too-long`, `refused`, `too-many`,
    /// `repeated`, `internal`.
    #[schema(example = "urn:evenkeel:problem:refused")]
    r#type: String,
    /// The same in words.
    title: &'static str,
    /// The status of the answer.
    status: u16,
    /// With `internal`: what to tell the operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// What stood in the way, field by field; empty where no field is at fault.
    problems: Vec<FieldProblem>,
}

/// One thing that stood in the way.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct FieldProblem {
    /// The field; `token` where it is the link itself.
    field: String,
    /// The stable code, as in the GraphQL API.
    code: Code,
    /// A sentence in English that may be shown to the person.
    sentence: String,
    /// With `TRY_LATER`: after how many seconds to try again.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_seconds: Option<u32>,
}

impl From<page::Problem> for FieldProblem {
    fn from(problem: page::Problem) -> Self {
        let page::Problem { field, code, sentence, retry_after } = problem;
        Self { field, code: Code(code), sentence, retry_after_seconds: retry_after }
    }
}

fn details(kind: Kind, id: Option<String>, problems: Vec<page::Problem>) -> HttpResponse {
    let (status, name, title) = kind.parts();
    let wait = problems.iter().find_map(|problem| problem.retry_after);
    let problems = problems.into_iter().map(Into::into).collect();
    let r#type = format!("urn:evenkeel:problem:{name}");
    let body = ProblemDetails { r#type, title, status: status.as_u16(), id, problems };
    let mut answer = HttpResponse::build(status).json(body);
    let headers = answer.headers_mut();
    headers
        .insert(CONTENT_TYPE, actix_web::http::header::HeaderValue::from_static("application/problem+json"));
    if let Some(seconds) = wait {
        headers.insert(RETRY_AFTER, seconds.into());
    }
    answer
}

/// A problem without details.
pub(super) fn plain(kind: Kind) -> HttpResponse {
    details(kind, None, Vec::new())
}

/// An internal fault, of which only the log's id is told (R36).
pub(super) fn internal(fault: &Fault) -> HttpResponse {
    details(Kind::Internal, Some(log_fault(fault)), Vec::new())
}

/// The problem for a refused action.
pub(super) fn refusal(refusal: Refusal) -> HttpResponse {
    match refusal {
        Refusal::Problems(problems) if problems.iter().any(|problem| problem.retry_after.is_some()) => {
            details(Kind::TooMany, None, problems)
        }
        Refusal::Problems(problems) => details(Kind::Refused, None, problems),
        Refusal::Repeated => plain(Kind::Repeated),
        Refusal::Fault(fault) => internal(&fault),
    }
}

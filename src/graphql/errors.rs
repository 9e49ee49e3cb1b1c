//! Errors and problems with stable codes, as clients get them; the causes of faults go only to the log (R36).

use crate::actions::metered::Spent;
use crate::actions::{ActionResult, Done, Fault, Refusal};
use crate::chance::Chance;
use crate::domain::problem::{Problem, ProblemCode};
use async_graphql::{Enum, ErrorExtensions, ID, SimpleObject};
use data_encoding::HEXLOWER;
use std::str::FromStr;
use std::sync::Arc;

/// The codes that stand in `errors[].extensions.code`. An expected outcome is not among them: that is data, in a
/// payload's `status` and `problems`. More may be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum ErrorCode {
    /// The request needs a valid access token in `Authorization: Bearer …`; refresh it or log in.
    Unauthenticated,
    /// The HTTP or WebSocket request itself is not acceptable: its method, media type, headers or form.
    BadRequest,
    /// The document is not GraphQL, or does not fit this schema. The app needs another one: see `server.version`.
    DocumentInvalid,
    /// A variable or an argument such as `first` or `after` has a value that is not acceptable.
    BadArgument,
    /// The request asks for more than is allowed at once: too long, too deep, too many fields, aliases or entries. Ask for
    /// less; `message` names the limit.
    LimitExceeded,
    /// No document is known by this id or hash (yet). Send its text with it, unless only trusted documents are executed.
    PersistedQueryNotFound,
    /// Only trusted documents are executed here, and this is not one of them.
    DocumentNotTrusted,
    /// The same `Idempotency-Key` was sent with another request. Use a new key for a new mutation.
    IdempotencyKeyReused,
    /// The first request with this `Idempotency-Key` is still being executed, or its answer was lost. Read the state.
    IdempotencyKeyInProgress,
    /// A query was asked too often, or this account has too many requests under way (then with status 429);
    /// `extensions.retryAfterSeconds` says when to ask again. A mutation that is asked too often says so in its `problems`.
    TryLater,
    /// The request took too long. A query was given up. A mutation is completed all the same: send it again with the
    /// same `Idempotency-Key`, or read the state.
    TimedOut,
    /// An unexpected fault. Show `extensions.id` to the person, for whoever runs the server: the cause is in the log
    /// under it.
    Internal,
}

impl ErrorCode {
    /// The code as it stands in `extensions.code`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::BadRequest => "BAD_REQUEST",
            Self::DocumentInvalid => "DOCUMENT_INVALID",
            Self::BadArgument => "BAD_ARGUMENT",
            Self::LimitExceeded => "LIMIT_EXCEEDED",
            Self::PersistedQueryNotFound => "PERSISTED_QUERY_NOT_FOUND",
            Self::DocumentNotTrusted => "DOCUMENT_NOT_TRUSTED",
            Self::IdempotencyKeyReused => "IDEMPOTENCY_KEY_REUSED",
            Self::IdempotencyKeyInProgress => "IDEMPOTENCY_KEY_IN_PROGRESS",
            Self::TryLater => "TRY_LATER",
            Self::TimedOut => "TIMED_OUT",
            Self::Internal => "INTERNAL",
        }
    }

    /// The code of an error that the library made, which knows none: a value that it could not read, or a document that
    /// does not fit the schema.
    pub fn of_library(error: &async_graphql::ServerError) -> Self {
        let of_value = !error.path.is_empty() || error.message.starts_with("Invalid value for argument");
        if of_value { Self::BadArgument } else { Self::DocumentInvalid }
    }
}

/// What a client reads whose request opens too much.
const TOO_MUCH: &str = "This asks for more text than one answer holds. Ask for fewer entries at once.";
/// The same while others do.
const BUSY: &str = "The service has much to do. Please ask again in a moment.";

/// Why a field has no value. It has no `Display`, so that `?` cannot turn a cause into text for the client.
#[derive(Debug)]
pub enum Failure {
    /// Nobody is signed in.
    SignInNeeded,
    /// An argument is not acceptable.
    BadArgument(&'static str),
    /// The mutation was sent before under the same idempotency key.
    Repeated,
    /// Asked too often; the number is the seconds until the next try.
    TryLater(u32),
    /// An unexpected fault.
    Fault(Fault),
    /// An unexpected fault of a batch that several fields share. Each field gets its own id in the log.
    Shared(Arc<Fault>),
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Logs a fault under a new id and returns the id, which is all that the client gets (R36).
pub fn log_fault(fault: &dyn std::error::Error) -> String {
    // No context is at hand where errors are made, and this id is only for the log.
    let id = HEXLOWER.encode(&Chance::system().bytes::<8>());
    tracing::error!(id, cause = %fault, "internal error");
    id
}

impl Failure {
    /// The error as clients get it; `log` writes the cause of a fault into the log and returns its id there.
    pub fn error(&self, log: impl FnOnce(&Fault) -> String) -> async_graphql::Error {
        let coded = |sentence: &str, code: ErrorCode| {
            async_graphql::Error::new(sentence).extend_with(|_, e| e.set("code", code.name()))
        };
        let internal = |fault: &Fault| {
            let id = log(fault);
            coded("internal error", ErrorCode::Internal).extend_with(|_, e| e.set("id", id.clone()))
        };
        let of_fault = |fault: &Fault| match fault.spent() {
            Some(Spent::Request) => coded(TOO_MUCH, ErrorCode::LimitExceeded),
            Some(Spent::Others) => {
                coded(BUSY, ErrorCode::TryLater).extend_with(|_, e| e.set("retryAfterSeconds", 1))
            }
            None => internal(fault),
        };
        match self {
            Self::SignInNeeded => coded("Please sign in.", ErrorCode::Unauthenticated),
            Self::BadArgument(sentence) => coded(sentence, ErrorCode::BadArgument),
            Self::Repeated => coded(
                "This mutation was sent before under the same key; its answer is not there (yet).",
                ErrorCode::IdempotencyKeyInProgress,
            ),
            Self::TryLater(seconds) => coded("Please wait a little.", ErrorCode::TryLater)
                .extend_with(|_, e| e.set("retryAfterSeconds", *seconds)),
            Self::Fault(fault) => of_fault(fault),
            Self::Shared(fault) => of_fault(fault),
        }
    }
}

impl From<Failure> for async_graphql::Error {
    fn from(failure: Failure) -> Self {
        failure.error(|fault| log_fault(fault))
    }
}

/// Outcome of a mutation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum Status {
    /// It was done.
    Done,
    /// It was so already; nothing was changed.
    Unchanged,
    /// Nothing was changed; `problems` says why.
    Refused,
}

/// One reason why a mutation was refused.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(name = "Problem")]
pub struct ProblemView {
    /// The path of the field inside `input`, such as `terms.protocol`, with the indexes of list entries from 0;
    /// `input` if no single field is at fault.
    field: String,
    /// The stable code.
    code: ProblemCode,
    /// A sentence in English that can be shown to the person.
    sentence: String,
    /// With `TRY_LATER`: after how many seconds to try again.
    retry_after_seconds: Option<u32>,
}

impl From<Problem> for ProblemView {
    fn from(problem: Problem) -> Self {
        Self {
            field: problem.field,
            code: problem.code,
            sentence: problem.sentence,
            retry_after_seconds: problem.retry_after,
        }
    }
}

/// The parts of every payload: the status, the object (if the mutation was done or changed nothing, and it is
/// still there), the problems.
pub type Settled<T> = (Status, Option<T>, Vec<ProblemView>);

/// Turns an action's result into a payload's parts.
///
/// # Errors
/// The failure, if the action ended with a fault or was repeated.
pub fn settle<T>(outcome: ActionResult<Done<T>>) -> Result<Settled<T>, Failure> {
    match outcome {
        Ok(Done { value, changed: true }) => Ok((Status::Done, Some(value), Vec::new())),
        Ok(Done { value, changed: false }) => Ok((Status::Unchanged, Some(value), Vec::new())),
        Err(Refusal::Problems(problems)) => {
            Ok((Status::Refused, None, problems.into_iter().map(Into::into).collect()))
        }
        Err(Refusal::Repeated) => Err(Failure::Repeated),
        Err(Refusal::Fault(fault)) => Err(Failure::Fault(fault)),
    }
}

/// As [`settle`], for an action that is never [`Status::Unchanged`].
pub fn settle_done<T>(outcome: ActionResult<T>) -> Result<Settled<T>, Failure> {
    settle(outcome.map(Done::now))
}

/// As [`settle`], for what is created once under a client id: a repeat may find it gone.
pub fn settle_once<T>(outcome: ActionResult<Done<Option<T>>>) -> Result<Settled<T>, Failure> {
    let (status, value, problems) = settle(outcome)?;
    Ok((status, value.flatten(), problems))
}

/// Reads a typed id from an input field. A malformed id gets the same problem as a missing object (R29).
pub fn id<T: FromStr>(field: &str, text: &ID) -> Result<T, Problem> {
    text.parse().map_err(|_| Problem::not_found(field))
}

/// Ids as they are on the wire.
pub fn to_ids<T: std::fmt::Display>(ids: Vec<T>) -> Vec<ID> {
    ids.into_iter().map(|id| id.to_string().into()).collect()
}

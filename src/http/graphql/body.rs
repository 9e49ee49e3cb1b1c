//! The bodies of answers: errors that came before execution, and a response as JSON.

use crate::graphql::errors::ErrorCode;
use async_graphql::Response;
use serde::Deserialize;

/// A response of one error and no data.
pub(super) fn errors(sentence: &str, code: ErrorCode) -> serde_json::Value {
    serde_json::json!({ "errors": [{ "message": sentence, "extensions": { "code": code.name() } }] })
}

pub(super) fn error_body(sentence: &str, code: ErrorCode) -> Vec<u8> {
    errors(sentence, code).to_string().into_bytes()
}

pub(super) fn syntax_error(positions: &[(usize, usize)]) -> serde_json::Value {
    let locations: Vec<_> = positions
        .iter()
        .map(|(line, column)| serde_json::json!({ "line": line, "column": column }))
        .collect();
    serde_json::json!({ "errors": [{
        "message": "The document is not valid GraphQL.",
        "locations": locations,
        "extensions": { "code": ErrorCode::DocumentInvalid.name() },
    }] })
}

/// The response as JSON, without `data` if the request was not executed. An error without a code comes from the library
/// and is about an input that it could not read.
pub(super) fn body_of(mut response: Response, executed: bool) -> Result<Vec<u8>, serde_json::Error> {
    for error in &mut response.errors {
        let code = ErrorCode::of_library(error).name();
        let extensions = error.extensions.get_or_insert_default();
        if extensions.get("code").is_none() {
            extensions.set("code", code);
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
pub(super) fn has_errors(answer: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Kept {
        errors: Option<serde::de::IgnoredAny>,
    }
    serde_json::from_slice::<Kept>(answer).is_ok_and(|kept| kept.errors.is_some())
}

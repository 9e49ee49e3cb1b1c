//! Requests: the parameters, the document that is meant, and the bearer token.

use super::body::{errors, syntax_error};
use crate::graphql::documents::{Documents, Found, Missing, Named};
use crate::graphql::errors::ErrorCode;
use crate::graphql::query_cost::Unreadable;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{HttpMessage, HttpRequest, mime};
use async_graphql::parser::types::{
    DocumentOperations, ExecutableDocument, OperationDefinition, OperationType, Selection,
};
use async_graphql::{Request, Variables};
use serde::Deserialize;

/// The parameters of a request, in its body or its query string.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Parameters {
    pub(super) query: Option<String>,
    pub(super) operation_name: Option<String>,
    pub(super) variables: Option<serde_json::Value>,
    pub(super) extensions: Option<serde_json::Value>,
    /// GraphQL over HTTP, "Persisted documents".
    pub(super) document_id: Option<String>,
    /// The document's id by the name that some clients use; a value that is not a string is ignored.
    pub(super) id: Option<serde_json::Value>,
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
            Unreadable::TooMuch(sentence) => errors(&sentence, ErrorCode::LimitExceeded),
            Unreadable::UnknownType => {
                errors("A variable's type is not in the schema.", ErrorCode::DocumentInvalid)
            }
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
    pub(super) request: Request,
    /// The type of the selected operation, if there is exactly one, and whether it has a single field.
    pub(super) operation: Option<(OperationType, bool)>,
    /// Whether the client sent only the id of a trusted document.
    pub(super) by_trusted_id: bool,
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

    pub(super) fn is_subscription(&self) -> bool {
        matches!(self.operation, Some((OperationType::Subscription, _)))
    }
}

/// Whether the body's media type is JSON in UTF-8, which is JSON's default charset.
pub(super) fn is_json(request: &HttpRequest) -> bool {
    let Ok(Some(said)) = request.mime_type() else { return false };
    said.essence_str() == mime::APPLICATION_JSON.essence_str()
        && said.get_param(mime::CHARSET).is_none_or(|charset| charset == mime::UTF_8)
}

/// The selected operation; `None` if the name does not match, or is missing among several operations.
pub(super) fn operation<'a>(
    document: &'a ExecutableDocument,
    name: Option<&str>,
) -> Option<&'a OperationDefinition> {
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

/// Whether an operation has exactly one root field, outside of any fragment.
pub(super) fn single_field(operation: &OperationDefinition) -> bool {
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

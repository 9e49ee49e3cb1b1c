//! Refuses a request that lacks a required variable (GraphQL, "Coercing Variable Values"), which the library itself
//! does not check.

use super::errors::ErrorCode;
use async_graphql::extensions::{Extension, ExtensionContext, ExtensionFactory, NextPrepareRequest};
use async_graphql::parser::types::{DocumentOperations, OperationDefinition};
use async_graphql::{Name, Request, ServerError, ServerResult, Value, Variables};
use std::sync::Arc;

/// The extension that checks each request.
pub struct NeededVariables;

impl ExtensionFactory for NeededVariables {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self)
    }
}

#[async_graphql::async_trait::async_trait]
impl Extension for NeededVariables {
    async fn prepare_request(
        &self,
        ctx: &ExtensionContext<'_>,
        request: Request,
        next: NextPrepareRequest<'_>,
    ) -> ServerResult<Request> {
        let mut request = next.run(ctx, request).await?;
        let name = request.operation_name.clone();
        let missing = match &request.parsed_query()?.operations {
            DocumentOperations::Single(operation) => needed(&operation.node),
            DocumentOperations::Multiple(operations) => name
                .and_then(|name| operations.get(name.as_str()))
                .map(|operation| needed(&operation.node))
                .unwrap_or_default(),
        }
        .into_iter()
        .find(|name| !is_given(&request.variables, name));
        match missing {
            None => Ok(request),
            Some(name) => Err(refusal(&name)),
        }
    }
}

/// The required variables: those with a non-null type and no default.
fn needed(operation: &OperationDefinition) -> Vec<Name> {
    let definitions = operation.variable_definitions.iter().map(|definition| &definition.node);
    let needed = definitions.filter(|it| !it.var_type.node.nullable && it.default_value.is_none());
    needed.map(|definition| definition.name.node.clone()).collect()
}

fn is_given(variables: &Variables, name: &Name) -> bool {
    variables.get(name).is_some_and(|value| *value != Value::Null)
}

fn refusal(name: &Name) -> ServerError {
    let mut error = ServerError::new(format!("The variable ${name} is needed, and must not be null."), None);
    error.extensions.get_or_insert_default().set("code", ErrorCode::BadArgument.name());
    error
}

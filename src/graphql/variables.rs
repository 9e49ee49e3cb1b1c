//! Variables that are not sent. A required one is refused (GraphQL, "Coercing Variable Values"), and of any other what it
//! stands for counts as left out ("Coercing Field Arguments", "Input Objects"). The library would make null of it, and null
//! clears.

use super::errors::ErrorCode;
use async_graphql::Positioned;
use async_graphql::extensions::{Extension, ExtensionContext, ExtensionFactory, NextPrepareRequest};
use async_graphql::parser::types::{
    DocumentOperations, ExecutableDocument, OperationDefinition, Selection, SelectionSet,
};
use async_graphql::{Name, Request, ServerError, ServerResult, Value, Variables};
use async_graphql_value::Value as Written;
use std::collections::HashSet;
use std::sync::Arc;

/// The extension that looks at the variables of each request.
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
        let operation = match &request.parsed_query()?.operations {
            DocumentOperations::Single(operation) => Some(operation),
            DocumentOperations::Multiple(all) => name.and_then(|name| all.get(name.as_str())),
        };
        let without_default = |nullable| {
            operation.map(|operation| without_default(&operation.node, nullable)).unwrap_or_default()
        };
        let (needed, optional) = (without_default(false), without_default(true));
        if let Some(name) = needed.into_iter().find(|name| !is_given(&request.variables, name)) {
            return Err(refusal(&name));
        }
        let not_sent = |name: &Name| !request.variables.contains_key(name);
        let left_out: HashSet<Name> = optional.into_iter().filter(not_sent).collect();
        if !left_out.is_empty() {
            let mut document = request.parsed_query()?.clone();
            leave_out(&mut document, &left_out);
            request.set_parsed_query(document);
        }
        Ok(request)
    }
}

/// The variables that have no default: those that may be null, and so left out, or those that are needed.
fn without_default(operation: &OperationDefinition, nullable: bool) -> Vec<Name> {
    let definitions = operation.variable_definitions.iter().map(|definition| &definition.node);
    let found = definitions.filter(|it| it.var_type.node.nullable == nullable && it.default_value.is_none());
    found.map(|definition| definition.name.node.clone()).collect()
}

/// Removes the arguments and fields of input objects that are one of these variables, and then the variables.
fn leave_out(document: &mut ExecutableDocument, variables: &HashSet<Name>) {
    let mut used = HashSet::new();
    let mut in_set = |set: &mut SelectionSet| of_selections(set, variables, &mut used);
    let mut operations: Vec<&mut Positioned<OperationDefinition>> = match &mut document.operations {
        DocumentOperations::Single(operation) => vec![operation],
        DocumentOperations::Multiple(all) => all.values_mut().collect(),
    };
    for fragment in document.fragments.values_mut() {
        in_set(&mut fragment.node.selection_set.node);
    }
    for operation in &mut operations {
        in_set(&mut operation.node.selection_set.node);
    }
    // One that is used nowhere stays, for the validation to find it.
    for operation in operations {
        operation.node.variable_definitions.retain(|it| !used.contains(&it.node.name.node));
    }
}

fn of_selections(set: &mut SelectionSet, variables: &HashSet<Name>, used: &mut HashSet<Name>) {
    for selection in &mut set.items {
        match &mut selection.node {
            Selection::Field(field) => {
                field.node.arguments.retain_mut(|(_, value)| stays(&mut value.node, variables, used));
                of_selections(&mut field.node.selection_set.node, variables, used);
            }
            Selection::InlineFragment(fragment) => {
                of_selections(&mut fragment.node.selection_set.node, variables, used);
            }
            Selection::FragmentSpread(_) => {}
        }
    }
}

/// Whether a value is none of the variables; what it contains of them is removed from it. In a list there is a place to
/// keep: it holds null.
fn stays(value: &mut Written, variables: &HashSet<Name>, used: &mut HashSet<Name>) -> bool {
    match value {
        Written::Variable(name) if variables.contains(name) => {
            used.insert(name.clone());
            return false;
        }
        Written::Object(fields) => fields.retain(|_, field| stays(field, variables, used)),
        Written::List(entries) => {
            for entry in entries {
                if !stays(entry, variables, used) {
                    *entry = Written::Null;
                }
            }
        }
        _ => {}
    }
    true
}

fn is_given(variables: &Variables, name: &Name) -> bool {
    variables.get(name).is_some_and(|value| *value != Value::Null)
}

fn refusal(name: &Name) -> ServerError {
    let mut error = ServerError::new(format!("The variable ${name} is needed, and must not be null."), None);
    error.extensions.get_or_insert_default().set("code", ErrorCode::BadArgument.name());
    error
}

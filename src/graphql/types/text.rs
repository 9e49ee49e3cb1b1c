//! Texts that people wrote: strings of the schema that count against the bytes of an answer.

use crate::actions::metered;
use crate::graphql::errors::Failure;
use async_graphql::parser::types::Field;
use async_graphql::registry::Registry;
use async_graphql::{ContextSelectionSet, OutputType, Positioned, ServerResult, Value};
use std::borrow::Cow;

/// A text, which may be long. To clients it is a `String`; put into an answer, however often, it counts each time.
#[derive(Clone, Debug, Default)]
pub struct Text(pub String);

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl OutputType for Text {
    fn type_name() -> Cow<'static, str> {
        <String as OutputType>::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        <String as OutputType>::create_type_info(registry)
    }

    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, field: &Positioned<Field>) -> ServerResult<Value> {
        metered::count(self.0.len()).map_err(|fault| {
            let error = async_graphql::Error::from(Failure::from(fault));
            ctx.set_error_path(error.into_server_error(field.pos))
        })?;
        Ok(Value::String(self.0.clone()))
    }
}

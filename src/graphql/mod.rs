//! The GraphQL API: the domain's objects, read through `viewer` and changed by mutations with payloads.

pub mod documents;
pub mod errors;
pub mod limits;
pub mod loaders;
pub mod mutation;
pub mod node;
pub mod paging;
mod patch;
mod payload;
pub mod query;
pub mod query_cost;
mod readable;
mod request;
pub mod subscription;
pub mod types;
mod variables;

pub use request::{AccessToken, Asker, prepare};
pub(crate) use request::{caller, context, loaders, requester, visitor};

use crate::actions::AppContext;
use std::sync::Arc;

/// The schema.
pub type Schema = async_graphql::Schema<query::Query, mutation::Mutation, subscription::Subscription>;

/// The schema without a context, which is enough to print it.
pub fn builder(
    introspection: bool,
) -> async_graphql::SchemaBuilder<query::Query, mutation::Mutation, subscription::Subscription> {
    let builder = Schema::build(query::Query, mutation::Mutation::default(), subscription::Subscription)
        .register_output_type::<errors::ErrorCode>()
        // `query_cost` allows nothing deeper; the library's default is lower.
        .limit_recursive_depth(limits::NESTING);
    if introspection { builder } else { builder.disable_introspection().disable_suggestions() }
}

/// The schema as text, as in `schema.graphql`.
pub fn print() -> String {
    let options = async_graphql::SDLExportOptions::new().include_specified_by();
    builder(true).finish().sdl_with_options(options)
}

/// The schema of a running service.
pub fn schema(context: Arc<AppContext>, introspection: bool) -> Schema {
    builder(introspection).extension(variables::NeededVariables).data(context).finish()
}

//! The GraphQL API: the domain's objects, read through `viewer` and changed by mutations with payloads.

pub mod documents;
pub mod errors;
pub mod limits;
pub mod loaders;
pub mod mutation;
pub mod paging;
pub mod query;
pub mod query_cost;
pub mod subscription;
pub mod types;
mod variables;

use crate::actions::{AppContext, Caller, RequestKey, Visitor};
use crate::auth::Requester;
use crate::auth::network::Network;
use async_graphql::Context;
use errors::Failure;
use loaders::Loaders;
use std::sync::Arc;

/// The schema.
pub type Schema = async_graphql::Schema<query::Query, mutation::Mutation, subscription::Subscription>;

/// The access token of a subscription, checked again before every event.
pub struct AccessToken(pub String);

/// The client of one request.
#[derive(Clone, Debug, Default)]
pub struct Asker {
    /// The signed-in requester, if any.
    pub requester: Option<Requester>,
    /// The client's network, for rate limits.
    pub network: Network,
    /// The request's idempotency key.
    pub key: Option<RequestKey>,
}

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

/// Adds the data that resolvers need to a request.
pub fn prepare(
    request: async_graphql::Request,
    context: &Arc<AppContext>,
    asker: Asker,
) -> async_graphql::Request {
    let loaders = asker.requester.map(|requester| Loaders::new(context, requester.account));
    let request = request.data(asker);
    match loaders {
        Some(loaders) => request.data(loaders),
        None => request,
    }
}

/// The context of a resolver's actions.
pub(crate) fn context<'a>(ctx: &Context<'a>) -> &'a Arc<AppContext> {
    ctx.data_unchecked()
}

/// The signed-in requester.
///
/// # Errors
/// [`Failure::SignInNeeded`] if there is none.
pub(crate) fn requester(ctx: &Context<'_>) -> Result<Requester, Failure> {
    ctx.data_unchecked::<Asker>().requester.ok_or(Failure::SignInNeeded)
}

/// The signed-in requester with the idempotency key, for a mutation.
///
/// # Errors
/// [`Failure::SignInNeeded`] if nobody is signed in.
pub(crate) fn caller(ctx: &Context<'_>) -> Result<Caller, Failure> {
    let asker = ctx.data_unchecked::<Asker>();
    Ok(Caller { requester: asker.requester.ok_or(Failure::SignInNeeded)?, key: asker.key.clone() })
}

/// The client as a visitor, for an action that needs no sign-in.
pub(crate) fn visitor(ctx: &Context<'_>) -> Visitor {
    let asker = ctx.data_unchecked::<Asker>();
    Visitor { network: asker.network, key: asker.key.clone() }
}

/// The loaders of the signed-in person.
pub(crate) fn loaders<'a>(ctx: &Context<'a>) -> &'a Loaders {
    ctx.data_unchecked()
}

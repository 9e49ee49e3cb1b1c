//! Who asks, and what resolvers find in a request's context.

use super::errors::Failure;
use super::loaders::Loaders;
use super::readable::Causes;
use crate::actions::{AppContext, Caller, RequestKey, Visitor};
use crate::auth::Requester;
use crate::auth::network::Network;
use async_graphql::Context;
use std::sync::Arc;

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

/// Adds the data that resolvers need to a request.
pub fn prepare(
    request: async_graphql::Request,
    context: &Arc<AppContext>,
    asker: Asker,
) -> async_graphql::Request {
    let loaders = asker.requester.map(|requester| Loaders::new(context, requester.account));
    let request = request.data(asker).data(Causes::default());
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

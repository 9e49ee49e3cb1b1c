//! Log in, refresh, log out, end sessions.

use crate::actions::{refresh, session};
use crate::graphql::errors::{Failure, id, payload, settle, settle_done};
use crate::graphql::types::account::SessionTokens;
use crate::graphql::{caller, house, key};
use async_graphql::{Context, ID, InputObject, Object};

/// What signs a device in.
#[derive(InputObject)]
struct LogInInput {
    /// The e-mail address (254 characters, RFC 5321).
    email: String,
    /// The password.
    password: String,
    /// A name for the device, for the list of sessions; at most 60 characters.
    #[graphql(default)]
    device_label: String,
}

/// Exchanges a refresh token.
#[derive(InputObject)]
struct RefreshSessionInput {
    /// The refresh token.
    refresh_token: String,
}

/// Names a session.
#[derive(InputObject)]
struct EndSessionInput {
    /// One of one's own sessions.
    session_id: ID,
}

payload!(
    /// The answer to `logIn`.
    LogInPayload {
        /// What the device keeps.
        tokens: SessionTokens
    }
);
payload!(
    /// The answer to `refreshSession`.
    RefreshSessionPayload {
        /// What the device keeps from now on.
        tokens: SessionTokens
    }
);
payload!(
    /// The answer to `logOut`.
    LogOutPayload {}
);
payload!(
    /// The answer to `endSession`.
    EndSessionPayload {}
);
payload!(
    /// The answer to `endOtherSessions`.
    EndOtherSessionsPayload {}
);

/// Changes to sessions.
#[derive(Default)]
pub struct SessionMutation;

#[Object]
impl SessionMutation {
    /// Signs a device in. A wrong password, an unknown address and one that is not confirmed look alike.
    async fn log_in(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Address, password, device.")] input: LogInInput,
    ) -> Result<LogInPayload, Failure> {
        let LogInInput { email, password, device_label } = input;
        let outcome =
            session::log_in(house(ctx), key(ctx).as_ref(), email, password.into(), device_label).await;
        Ok(settle_done(outcome)?.into())
    }

    /// Exchanges a refresh token for new tokens. If the answer was lost, the same token gives the same refresh token once
    /// more for 15 seconds; after that another use ends the session, and its owner is told.
    async fn refresh_session(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The refresh token.")] input: RefreshSessionInput,
    ) -> Result<RefreshSessionPayload, Failure> {
        let outcome = refresh::refresh(house(ctx), key(ctx).as_ref(), input.refresh_token).await;
        Ok(settle_done(outcome)?.into())
    }

    /// Signs this device out.
    async fn log_out(&self, ctx: &Context<'_>) -> Result<LogOutPayload, Failure> {
        let by = caller(ctx)?;
        Ok(settle(session::end(house(ctx), &by, by.requester.session).await)?.into())
    }

    /// Signs one of one's own devices out.
    async fn end_session(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] input: EndSessionInput,
    ) -> Result<EndSessionPayload, Failure> {
        let by = caller(ctx)?;
        let outcome = async { session::end(house(ctx), &by, id("sessionId", &input.session_id)?).await };
        Ok(settle(outcome.await)?.into())
    }

    /// Signs every other device out. Needs a fresh proof: see `proveItIsMe`.
    async fn end_other_sessions(&self, ctx: &Context<'_>) -> Result<EndOtherSessionsPayload, Failure> {
        Ok(settle_done(session::end_others(house(ctx), &caller(ctx)?).await)?.into())
    }
}

//! Log in, refresh, log out, end sessions.

use crate::actions::auth::refresh;
use crate::actions::auth::second_step::{self, LogIn};
use crate::actions::auth::session::{self, Credentials};
use crate::graphql::errors::{Failure, id, settle_done, to_ids};
use crate::graphql::payload::payload;
use crate::graphql::types::account::SessionTokens;
use crate::graphql::types::factor::{SecondFactorInput, SecondStep};
use crate::graphql::{caller, context, visitor};
use async_graphql::{Context, ID, InputObject, Object, Union};

/// Logs a device in. Null is the same as left out.
#[derive(InputObject)]
struct LogInInput {
    /// The e-mail address (254 characters, RFC 5321).
    email: String,
    /// The password.
    password: String,
    /// A name for the device in the list of sessions; at most 60 characters.
    #[graphql(default)]
    device_label: String,
    /// The last refresh token of an earlier session on this device, if the app still has one; at most 64 characters.
    /// It shows that the device is known: a known device can log in while others are slowed down for too many tries,
    /// and a log-in by an unknown device is told to the owner by e-mail.
    earlier_refresh_token: Option<String>,
}

/// Completes a log-in by a second factor.
#[derive(InputObject)]
struct CompleteLogInInput {
    /// The `challenge` of the `SecondStep` that `logIn` answered with.
    challenge: String,
    /// A code of the authenticator app, or a recovery code in its place.
    second_factor: SecondFactorInput,
}

/// Exchanges a refresh token. Null is the same as left out.
#[derive(InputObject)]
struct RefreshSessionInput {
    /// The refresh token that the device holds.
    refresh_token: String,
    /// A secret that the app makes for this exchange, such as a UUID, and stores before it sends it; 16 to 64 visible
    /// ASCII characters. If the answer is lost, send the same token and the same `attempt` again, at any later time:
    /// it gives the same new refresh token once more, unless that has been used already.
    attempt: Option<String>,
}

/// Names the session to end.
#[derive(InputObject)]
struct EndSessionInput {
    /// One of the viewer's sessions.
    session_id: ID,
}

/// What a right password leads to: tokens, or a second step if the account has an authenticator app.
#[derive(Union)]
enum LogInOutcome {
    /// The device is signed in.
    SessionTokens(SessionTokens),
    /// Address and password are right: go on with `completeLogIn`.
    SecondStep(SecondStep),
}

impl From<LogIn> for LogInOutcome {
    fn from(outcome: LogIn) -> Self {
        match outcome {
            LogIn::Done(tokens) => Self::SessionTokens(tokens.into()),
            LogIn::SecondStep(challenge) => Self::SecondStep(challenge.into()),
        }
    }
}

payload!(
    /// The answer to `logIn`.
    LogInPayload for nobody {
        /// The tokens, or the second step; null: refused.
        outcome: LogInOutcome
    }
);
payload!(
    /// The answer to `completeLogIn`.
    CompleteLogInPayload for nobody {
        /// The tokens of the new session. Null: refused.
        tokens: SessionTokens
    }
);
payload!(
    /// The answer to `refreshSession`.
    RefreshSessionPayload for nobody {
        /// The new tokens: they replace the old ones. Null: refused; log in again if the problem says so.
        tokens: SessionTokens
    }
);
payload!(
    /// The answer to `logOut`.
    LogOutPayload {
        /// The session that was ended.
        ended_session_id: ID
    }
);
payload!(
    /// The answer to `endSession`.
    EndSessionPayload {
        /// The session that was ended.
        ended_session_id: ID
    }
);
payload!(
    /// The answer to `endOtherSessions`.
    EndOtherSessionsPayload {
        /// The sessions that were ended.
        ended_session_ids: Vec<ID>
    }
);

/// Changes to sessions.
#[derive(Default)]
pub struct SessionMutation;

#[Object]
impl SessionMutation {
    /// Logs a device in, or answers with a second step if the account has an authenticator app. A wrong password, an
    /// unknown address and an unconfirmed one all look alike.
    async fn log_in(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Address, password, device.")] input: LogInInput,
    ) -> Result<LogInPayload, Failure> {
        let credentials = Credentials {
            email: input.email,
            password: input.password.into(),
            label: input.device_label,
            earlier: input.earlier_refresh_token,
        };
        Ok(settle_done(session::log_in(context(ctx), &visitor(ctx), credentials).await)?.into())
    }

    /// Completes a log-in that needs a second step, within five minutes. After a few wrong codes, start again with
    /// `logIn`.
    async fn complete_log_in(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The challenge and a code.")] input: CompleteLogInInput,
    ) -> Result<CompleteLogInPayload, Failure> {
        let CompleteLogInInput { challenge, second_factor } = input;
        let outcome =
            second_step::complete(context(ctx), &visitor(ctx), challenge, second_factor.into()).await;
        Ok(settle_done(outcome)?.into())
    }

    /// Exchanges a refresh token for new tokens. If the answer is lost, the same token gives the same refresh token
    /// for 15 seconds, and with the same `attempt` once more at any later time. Using it in any other way a second
    /// time ends the session, and its owner is told.
    async fn refresh_session(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The refresh token.")] input: RefreshSessionInput,
    ) -> Result<RefreshSessionPayload, Failure> {
        let outcome = refresh::refresh(context(ctx), &visitor(ctx), input.refresh_token, input.attempt).await;
        Ok(settle_done(outcome)?.into())
    }

    /// Logs this device out.
    async fn log_out(&self, ctx: &Context<'_>) -> Result<LogOutPayload, Failure> {
        let by = caller(ctx)?;
        let ended = session::end(context(ctx), &by, by.requester.session).await;
        Ok(settle_done(ended.map(|id| id.to_string()))?.into())
    }

    /// Logs one of the viewer's devices out. Another device than this one needs a fresh proof: see `reauthenticate`.
    async fn end_session(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] input: EndSessionInput,
    ) -> Result<EndSessionPayload, Failure> {
        let by = caller(ctx)?;
        let outcome = async { session::end(context(ctx), &by, id("sessionId", &input.session_id)?).await };
        Ok(settle_done(outcome.await.map(|id| id.to_string()))?.into())
    }

    /// Logs every other device out. Needs a fresh proof: see `reauthenticate`.
    async fn end_other_sessions(&self, ctx: &Context<'_>) -> Result<EndOtherSessionsPayload, Failure> {
        let ended = session::end_others(context(ctx), &caller(ctx)?).await;
        Ok(settle_done(ended.map(to_ids))?.into())
    }
}

//! Register and remove passkeys, log in and reauthenticate with one.

use crate::actions::auth::passkey;
use crate::graphql::errors::{Failure, id, settle_done};
use crate::graphql::payload::payload;
use crate::graphql::types::account::SessionTokens;
use crate::graphql::types::factor::{Passkey, PasskeyCeremony};
use crate::graphql::{caller, context, visitor};
use async_graphql::{Context, ID, InputObject, Object};

/// Finishes the making of a passkey.
#[derive(InputObject)]
struct FinishPasskeyRegistrationInput {
    /// What `beginPasskeyRegistration` answered.
    ceremony: String,
    /// `JSON.stringify` of the new credential (its `toJSON()`), or `registrationResponseJson` of Android.
    credential: String,
    /// A name for it; at most 60 characters.
    label: String,
}

/// Names a passkey.
#[derive(InputObject)]
struct RemovePasskeyInput {
    /// One of one's own passkeys.
    passkey_id: ID,
}

/// Finishes a log-in by a passkey. Null is the same as left out.
#[derive(InputObject)]
struct FinishPasskeyLogInInput {
    /// What `beginPasskeyLogIn` answered.
    ceremony: String,
    /// `JSON.stringify` of the credential (its `toJSON()`), or `authenticationResponseJson` of Android.
    credential: String,
    /// A name for the device, for the list of sessions; at most 60 characters.
    #[graphql(default)]
    device_label: String,
    /// The last refresh token of an earlier session on this device, if the app still has it: of a device that was not
    /// signed in before, the owner is told by mail. It has at most 64 characters.
    earlier_refresh_token: Option<String>,
}

/// Finishes a proof by a passkey.
#[derive(InputObject)]
struct FinishPasskeyReauthenticationInput {
    /// What `beginPasskeyReauthentication` answered.
    ceremony: String,
    /// `JSON.stringify` of the credential (its `toJSON()`), or `authenticationResponseJson` of Android.
    credential: String,
}

payload!(
    /// The answer to `beginPasskeyRegistration`.
    BeginPasskeyRegistrationPayload {
        /// What to ask the authenticator.
        begun: PasskeyCeremony
    }
);
payload!(
    /// The answer to `finishPasskeyRegistration`.
    FinishPasskeyRegistrationPayload {
        /// The passkey.
        passkey: Passkey
    }
);
payload!(
    /// The answer to `removePasskey`.
    RemovePasskeyPayload {
        /// The passkey that is gone.
        removed_passkey_id: ID
    }
);
payload!(
    /// The answer to `beginPasskeyLogIn`.
    BeginPasskeyLogInPayload for nobody {
        /// What to ask the authenticator.
        begun: PasskeyCeremony
    }
);
payload!(
    /// The answer to `finishPasskeyLogIn`.
    FinishPasskeyLogInPayload for nobody {
        /// What the device keeps.
        tokens: SessionTokens
    }
);
payload!(
    /// The answer to `beginPasskeyReauthentication`.
    BeginPasskeyReauthenticationPayload {
        /// What to ask the authenticator.
        begun: PasskeyCeremony
    }
);
payload!(
    /// The answer to `finishPasskeyReauthentication`.
    FinishPasskeyReauthenticationPayload {}
);

/// Changes to passkeys.
#[derive(Default)]
pub struct PasskeyMutation;

#[Object]
impl PasskeyMutation {
    /// Begins to make a passkey. Needs a fresh proof: see `reauthenticate`.
    async fn begin_passkey_registration(
        &self,
        ctx: &Context<'_>,
    ) -> Result<BeginPasskeyRegistrationPayload, Failure> {
        Ok(settle_done(passkey::begin_registration(context(ctx), &caller(ctx)?).await)?.into())
    }

    /// Keeps the passkey that the authenticator made.
    async fn finish_passkey_registration(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What the authenticator answered.")] input: FinishPasskeyRegistrationInput,
    ) -> Result<FinishPasskeyRegistrationPayload, Failure> {
        let FinishPasskeyRegistrationInput { ceremony, credential, label } = input;
        let outcome =
            passkey::finish_registration(context(ctx), &caller(ctx)?, ceremony, credential, label).await;
        Ok(settle_done(outcome)?.into())
    }

    /// Removes a passkey: it logs nobody in any more. Needs a fresh proof: see `reauthenticate`.
    async fn remove_passkey(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] input: RemovePasskeyInput,
    ) -> Result<RemovePasskeyPayload, Failure> {
        let by = caller(ctx)?;
        let outcome = async { passkey::remove(context(ctx), &by, id("passkeyId", &input.passkey_id)?).await };
        Ok(settle_done(outcome.await.map(|()| input.passkey_id.clone()))?.into())
    }

    /// Begins a log-in by a passkey. Nobody need say who they are: the authenticator knows.
    async fn begin_passkey_log_in(&self, ctx: &Context<'_>) -> Result<BeginPasskeyLogInPayload, Failure> {
        Ok(settle_done(passkey::begin_log_in(context(ctx), &visitor(ctx)).await)?.into())
    }

    /// Signs a device in by a passkey. There is no second step: a passkey verifies its user.
    async fn finish_passkey_log_in(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What the authenticator answered.")] input: FinishPasskeyLogInInput,
    ) -> Result<FinishPasskeyLogInPayload, Failure> {
        let FinishPasskeyLogInInput { ceremony, credential, device_label, earlier_refresh_token } = input;
        let device = (device_label, earlier_refresh_token);
        let outcome = passkey::finish_log_in(context(ctx), &visitor(ctx), ceremony, credential, device).await;
        Ok(settle_done(outcome)?.into())
    }

    /// Begins what `reauthenticate` does, by one of one's own passkeys.
    async fn begin_passkey_reauthentication(
        &self,
        ctx: &Context<'_>,
    ) -> Result<BeginPasskeyReauthenticationPayload, Failure> {
        Ok(settle_done(passkey::begin_proof(context(ctx), &caller(ctx)?).await)?.into())
    }

    /// Shows by a passkey that it is the owner who holds this session, for five minutes.
    async fn finish_passkey_reauthentication(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What the authenticator answered.")] input: FinishPasskeyReauthenticationInput,
    ) -> Result<FinishPasskeyReauthenticationPayload, Failure> {
        let FinishPasskeyReauthenticationInput { ceremony, credential } = input;
        Ok(settle_done(passkey::finish_proof(context(ctx), &caller(ctx)?, ceremony, credential).await)?
            .into())
    }
}

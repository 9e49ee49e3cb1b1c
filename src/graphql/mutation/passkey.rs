//! Register and remove passkeys, log in and reauthenticate with one.

use crate::actions::auth::passkey;
use crate::graphql::errors::{Failure, id, settle_done};
use crate::graphql::payload::payload;
use crate::graphql::types::account::SessionTokens;
use crate::graphql::types::factor::{Passkey, PasskeyCeremony};
use crate::graphql::{caller, context, visitor};
use async_graphql::{Context, ID, InputObject, Object};

/// Finishes the registration of a passkey.
#[derive(InputObject)]
struct FinishPasskeyRegistrationInput {
    /// The `ceremony` that `beginPasskeyRegistration` answered.
    ceremony: String,
    /// `JSON.stringify` of the new credential (its `toJSON()`), or `registrationResponseJson` of Android.
    credential: String,
    /// A name for the passkey; at most 60 characters.
    label: String,
}

/// Names the passkey to remove.
#[derive(InputObject)]
struct RemovePasskeyInput {
    /// One of the viewer's passkeys.
    passkey_id: ID,
}

/// Finishes a log-in by a passkey. Null is the same as left out.
#[derive(InputObject)]
struct FinishPasskeyLogInInput {
    /// The `ceremony` that `beginPasskeyLogIn` answered.
    ceremony: String,
    /// `JSON.stringify` of the credential (its `toJSON()`), or `authenticationResponseJson` of Android.
    credential: String,
    /// A name for the device in the list of sessions; at most 60 characters.
    #[graphql(default)]
    device_label: String,
    /// The last refresh token of an earlier session on this device, if the app still has one; at most 64 characters.
    /// It shows that the device is known: a log-in by an unknown device is told to the owner by e-mail.
    earlier_refresh_token: Option<String>,
}

/// Finishes a reauthentication by a passkey.
#[derive(InputObject)]
struct FinishPasskeyReauthenticationInput {
    /// The `ceremony` that `beginPasskeyReauthentication` answered.
    ceremony: String,
    /// `JSON.stringify` of the credential (its `toJSON()`), or `authenticationResponseJson` of Android.
    credential: String,
}

payload!(
    /// The answer to `beginPasskeyRegistration`.
    BeginPasskeyRegistrationPayload {
        /// The options for the authenticator.
        begun: PasskeyCeremony
    }
);
payload!(
    /// The answer to `finishPasskeyRegistration`.
    FinishPasskeyRegistrationPayload {
        /// The new passkey.
        passkey: Passkey
    }
);
payload!(
    /// The answer to `removePasskey`.
    RemovePasskeyPayload {
        /// The passkey that was removed.
        removed_passkey_id: ID
    }
);
payload!(
    /// The answer to `beginPasskeyLogIn`.
    BeginPasskeyLogInPayload for nobody {
        /// The options for the authenticator.
        begun: PasskeyCeremony
    }
);
payload!(
    /// The answer to `finishPasskeyLogIn`.
    FinishPasskeyLogInPayload for nobody {
        /// The tokens of the new session. Null: refused.
        tokens: SessionTokens
    }
);
payload!(
    /// The answer to `beginPasskeyReauthentication`.
    BeginPasskeyReauthenticationPayload {
        /// The options for the authenticator.
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
    /// Begins to register a passkey. Needs a fresh proof: see `reauthenticate`.
    async fn begin_passkey_registration(
        &self,
        ctx: &Context<'_>,
    ) -> Result<BeginPasskeyRegistrationPayload, Failure> {
        Ok(settle_done(passkey::begin_registration(context(ctx), &caller(ctx)?).await)?.into())
    }

    /// Stores the passkey that the authenticator made.
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

    /// Removes a passkey: it can no longer log in. Needs a fresh proof: see `reauthenticate`.
    async fn remove_passkey(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] input: RemovePasskeyInput,
    ) -> Result<RemovePasskeyPayload, Failure> {
        let by = caller(ctx)?;
        let outcome = async { passkey::remove(context(ctx), &by, id("passkeyId", &input.passkey_id)?).await };
        Ok(settle_done(outcome.await.map(|()| input.passkey_id.clone()))?.into())
    }

    /// Begins a log-in by a passkey. It needs no address: the authenticator knows the account.
    async fn begin_passkey_log_in(&self, ctx: &Context<'_>) -> Result<BeginPasskeyLogInPayload, Failure> {
        Ok(settle_done(passkey::begin_log_in(context(ctx), &visitor(ctx)).await)?.into())
    }

    /// Logs a device in by a passkey. There is no second step, since a passkey verifies its user.
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

    /// Begins what `reauthenticate` does, by one of the viewer's passkeys.
    async fn begin_passkey_reauthentication(
        &self,
        ctx: &Context<'_>,
    ) -> Result<BeginPasskeyReauthenticationPayload, Failure> {
        Ok(settle_done(passkey::begin_proof(context(ctx), &caller(ctx)?).await)?.into())
    }

    /// Proves by a passkey that the owner holds this session, for five minutes.
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

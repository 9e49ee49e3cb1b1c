//! Reauthenticate; set up, confirm and remove an authenticator app; renew recovery codes.

use crate::actions::auth::{password_proof, recovery_code, totp};
use crate::graphql::errors::{Failure, settle, settle_done};
use crate::graphql::payload::payload;
use crate::graphql::types::factor::{SecondFactorInput, TotpSetup};
use crate::graphql::{caller, context};
use async_graphql::{Context, InputObject, Object};

/// Proves again that the owner holds this session, like a log-in by password. Null is the same as left out.
#[derive(InputObject)]
struct ReauthenticateInput {
    /// The password.
    password: String,
    /// Needed if the account has an authenticator app.
    second_factor: Option<SecondFactorInput>,
}

/// Confirms that an authenticator app is set up.
#[derive(InputObject)]
struct ConfirmTotpInput {
    /// The six digits that the authenticator app shows now.
    totp_code: String,
}

payload!(
    /// The answer to `reauthenticate`.
    ReauthenticatePayload {}
);
payload!(
    /// The answer to `beginTotp`.
    BeginTotpPayload {
        /// What to set the authenticator app up with. It is shown only once.
        setup: TotpSetup
    }
);
payload!(
    /// The answer to `confirmTotp`.
    ConfirmTotpPayload {
        /// Ten recovery codes for when the app is lost; each works once. They are shown only once: ask the person to
        /// keep them.
        recovery_codes: Vec<String>
    }
);
payload!(
    /// The answer to `removeTotp`.
    RemoveTotpPayload {}
);
payload!(
    /// The answer to `renewRecoveryCodes`.
    RenewRecoveryCodesPayload {
        /// Ten new recovery codes; the old ones no longer work. They are shown only once.
        recovery_codes: Vec<String>
    }
);

/// Changes to what a person proves themselves with.
#[derive(Default)]
pub struct FactorMutation;

#[Object]
impl FactorMutation {
    /// Proves again that the owner holds this session. For five minutes it may then do what otherwise answers
    /// `REAUTHENTICATION_REQUIRED`; so it may for five minutes after a log-in.
    async fn reauthenticate(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The proof.")] input: ReauthenticateInput,
    ) -> Result<ReauthenticatePayload, Failure> {
        let second = input.second_factor.map(Into::into);
        let outcome = password_proof::prove(context(ctx), &caller(ctx)?, input.password.into(), second).await;
        Ok(settle_done(outcome)?.into())
    }

    /// Begins to set up an authenticator app (TOTP, RFC 6238). `confirmTotp` completes it within 15 minutes. Needs a
    /// fresh proof: see `reauthenticate`.
    async fn begin_totp(&self, ctx: &Context<'_>) -> Result<BeginTotpPayload, Failure> {
        Ok(settle_done(totp::begin(context(ctx), &caller(ctx)?).await)?.into())
    }

    /// Completes the set-up of an authenticator app: from now on a log-in by password needs a code of it.
    async fn confirm_totp(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "A code of the app.")] input: ConfirmTotpInput,
    ) -> Result<ConfirmTotpPayload, Failure> {
        Ok(settle_done(totp::confirm(context(ctx), &caller(ctx)?, input.totp_code.into()).await)?.into())
    }

    /// Removes the authenticator app and its recovery codes: from now on a log-in needs the password only. Needs a
    /// fresh proof: see `reauthenticate`.
    async fn remove_totp(&self, ctx: &Context<'_>) -> Result<RemoveTotpPayload, Failure> {
        Ok(settle(totp::remove(context(ctx), &caller(ctx)?).await)?.into())
    }

    /// Replaces all recovery codes by new ones. Needs a fresh proof: see `reauthenticate`.
    async fn renew_recovery_codes(&self, ctx: &Context<'_>) -> Result<RenewRecoveryCodesPayload, Failure> {
        Ok(settle_done(recovery_code::renew(context(ctx), &caller(ctx)?).await)?.into())
    }
}

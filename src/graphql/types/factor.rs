//! Authentication factors: authenticator app, recovery codes and passkeys.

use super::{Date, DateTime};
use crate::actions::auth::factors::FactorsView;
use crate::actions::auth::passkey::{Ceremony, PasskeyView};
use crate::actions::auth::second_factor::SecondFactor;
use crate::actions::auth::second_step::Challenge;
use crate::actions::auth::totp::Begun;
use crate::graphql::errors::Failure;
use crate::graphql::readable::Readable;
use crate::graphql::{context, requester};
use async_graphql::{ComplexObject, Context, ID, OneofObject, SimpleObject};

/// What to set an authenticator app up with. It is shown only once.
#[derive(SimpleObject)]
pub struct TotpSetup {
    /// The secret in base 32 (RFC 4648), to be typed into an app.
    secret: String,
    /// The same as an `otpauth:` URI, to be shown as a QR code, or opened if the app is on the same device.
    uri: String,
}

impl From<Begun> for TotpSetup {
    fn from(begun: Begun) -> Self {
        Self { secret: begun.secret, uri: begun.uri }
    }
}

/// A second factor. Exactly one field must be given.
#[derive(OneofObject)]
pub enum SecondFactorInput {
    /// The six digits that the authenticator app shows now.
    TotpCode(String),
    /// A recovery code; it works once.
    RecoveryCode(String),
}

impl From<SecondFactorInput> for SecondFactor {
    fn from(given: SecondFactorInput) -> Self {
        match given {
            SecondFactorInput::TotpCode(code) => Self::Totp(code.into()),
            SecondFactorInput::RecoveryCode(code) => Self::Recovery(code.into()),
        }
    }
}

/// The second step of a log-in, for an account that has an authenticator app.
#[derive(SimpleObject)]
pub struct SecondStep {
    /// Pass it to `completeLogIn`, once. It stands for the password: keep it in memory only.
    challenge: String,
    /// When it stops working.
    expires_at: DateTime,
}

impl From<Challenge> for SecondStep {
    fn from(challenge: Challenge) -> Self {
        Self { challenge: challenge.token, expires_at: challenge.expires_at.into() }
    }
}

/// What the viewer can log in with besides the password.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct Factors {
    /// The day since which a log-in by password needs a code of an authenticator app; null: it does not.
    totp_since: Option<Date>,
    /// How many recovery codes have not been used.
    recovery_codes_left: i32,
}

impl From<FactorsView> for Factors {
    fn from(view: FactorsView) -> Self {
        Self { totp_since: view.totp_since.map(Into::into), recovery_codes_left: view.recovery_codes_left }
    }
}

#[ComplexObject]
impl Factors {
    /// The passkeys, the oldest first; at most 20.
    async fn passkeys(&self, ctx: &Context<'_>) -> Result<Vec<Passkey>, Failure> {
        let views = crate::actions::auth::passkey::list(context(ctx), requester(ctx)?.account).await?;
        Ok(views.into_iter().map(Into::into).collect())
    }
}

/// A passkey: it logs in without address and password, and without a second step.
#[derive(SimpleObject)]
pub struct Passkey {
    /// The opaque id.
    #[graphql(owned)]
    pub id: ID,
    /// Its name, at most 60 characters. Null: it cannot be read now.
    label: Readable<String>,
    /// The day on which it was registered.
    created_on: Date,
    /// The day on which it was last used; null: never.
    last_used_on: Option<Date>,
}

impl From<PasskeyView> for Passkey {
    fn from(view: PasskeyView) -> Self {
        Self {
            id: view.id.to_string().into(),
            label: view.label.into(),
            created_on: view.created_on.into(),
            last_used_on: view.last_used_on.map(Into::into),
        }
    }
}

/// A passkey ceremony that was begun (WebAuthn Level 3). It can be finished once, within five minutes.
#[derive(SimpleObject)]
pub struct PasskeyCeremony {
    /// Pass it to the mutation that finishes the ceremony.
    ceremony: String,
    /// The options as JSON text. In a browser: `JSON.parse` it, then `PublicKeyCredential.parseCreationOptionsFromJSON`
    /// or `parseRequestOptionsFromJSON`. On Android it is the `requestJson` of Credential Manager as it stands.
    options: String,
}

impl From<Ceremony> for PasskeyCeremony {
    fn from(ceremony: Ceremony) -> Self {
        Self { ceremony: ceremony.token, options: ceremony.options }
    }
}

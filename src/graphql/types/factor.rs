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

/// What an authenticator app is set up with. Shown once: it is not to be had again.
#[derive(SimpleObject)]
pub struct TotpSetup {
    /// The secret in base 32 (RFC 4648), for typing it into an app.
    secret: String,
    /// The same as an `otpauth:` URI, to be shown as a QR code or opened on the device itself.
    uri: String,
}

impl From<Begun> for TotpSetup {
    fn from(begun: Begun) -> Self {
        Self { secret: begun.secret, uri: begun.uri }
    }
}

/// A second factor: a code of the authenticator app, or a recovery code in its place.
#[derive(OneofObject)]
pub enum SecondFactorInput {
    /// The six digits that the authenticator app shows now.
    TotpCode(String),
    /// A recovery code, which is used up by this.
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

/// The second step of a log-in, for an account that has one.
#[derive(SimpleObject)]
pub struct SecondStep {
    /// For `completeLogIn`, once. It stands for the password: keep it in memory only.
    challenge: String,
    /// When it stops working.
    expires_at: DateTime,
}

impl From<Challenge> for SecondStep {
    fn from(challenge: Challenge) -> Self {
        Self { challenge: challenge.token, expires_at: challenge.expires_at.into() }
    }
}

/// What the signed-in person proves themselves with besides their password; nobody else sees it.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct Factors {
    /// The day since which a log-in by password asks for a code of an authenticator app; null: there is none.
    totp_since: Option<Date>,
    /// How many recovery codes still work.
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
    /// The day on which it was made, in the person's time zone.
    created_on: Date,
    /// The day on which it was used last, likewise; null: not yet.
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
    /// For the mutation that finishes it.
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

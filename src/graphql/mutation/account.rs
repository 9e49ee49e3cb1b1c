//! Sign up, confirm, reset and change the password, profile, pause.

use crate::actions::accounts::account::{self, ProfileChange};
use crate::actions::accounts::password::{self, Remaining};
use crate::actions::accounts::sign_up::{self, SignUp};
use crate::domain::account::AnswerSharing;
use crate::graphql::errors::{Failure, settle, settle_done, to_ids};
use crate::graphql::payload::payload;
use crate::graphql::types::account::{Account, ConsentInput, QuietHours};
use crate::graphql::types::{DateTime, TimeZone};
use crate::graphql::{caller, context, visitor};
use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, SimpleObject};

/// Signs a person up. Null is the same as left out.
#[derive(InputObject)]
struct SignUpInput {
    /// The e-mail address (254 characters, RFC 5321); a mail there confirms it.
    email: String,
    /// The name that partners will see; at most 60 characters.
    display_name: String,
    /// The time zone in which the person lives.
    zone: TimeZone,
    /// The hours in which no reminder is sent; default 22:00 to 08:00.
    quiet_hours: Option<QuietHours>,
    /// One for each of `consentTexts`, with the version that the person read. `CHANGED`: there is a newer text; show
    /// it.
    consents: Vec<ConsentInput>,
}

/// Names the account by its e-mail address.
#[derive(InputObject)]
struct RequestPasswordResetInput {
    /// The e-mail address (254 characters, RFC 5321).
    email: String,
}

/// Confirms an address.
#[derive(InputObject)]
struct ConfirmEmailInput {
    /// The last part of the path in the link of the mail.
    token: String,
    /// The password that the account is to have: at least 15 characters, at most 128 bytes; not one that is easily
    /// guessed.
    password: String,
}

/// Sets a new password by the token of a mail.
#[derive(InputObject)]
struct ResetPasswordInput {
    /// The last part of the path in the link of the mail.
    token: String,
    /// The new password: at least 15 characters, at most 128 bytes; not one that is easily guessed.
    new_password: String,
}

/// Changes the password.
#[derive(InputObject)]
struct ChangePasswordInput {
    /// The current password.
    current_password: String,
    /// The new password: at least 15 characters, at most 128 bytes; not one that is easily guessed.
    new_password: String,
}

/// Changes the profile. A patch: what is left out stays. Only `quietHours` may be null.
#[derive(InputObject)]
struct UpdateProfileInput {
    /// The name that partners see; at most 60 characters.
    display_name: MaybeUndefined<String>,
    /// The time zone in which the person lives.
    zone: MaybeUndefined<TimeZone>,
    /// The hours in which no reminder is sent; null: reminders may come at any hour.
    quiet_hours: MaybeUndefined<QuietHours>,
    /// What the partner sees of an answer that does not say so itself.
    default_sharing: MaybeUndefined<AnswerSharing>,
    /// Whether reminders may come as Web Push.
    push_wanted: MaybeUndefined<bool>,
    /// Whether reminders about check-ins may come by e-mail.
    mail_wanted: MaybeUndefined<bool>,
}

/// Pauses reminders. Null is the same as left out.
#[derive(InputObject)]
struct PauseNudgesInput {
    /// When the pause ends; left out: until `resumeNudges`.
    until: Option<DateTime>,
}

/// What else can log in after a password was reset.
#[derive(SimpleObject)]
struct RemainingSignIns {
    /// How many passkeys can: ask the person to check them and to remove what they do not know.
    passkeys: i32,
    /// Whether a log-in by password also needs a code of an authenticator app.
    authenticator: bool,
}

impl From<Remaining> for RemainingSignIns {
    fn from(remaining: Remaining) -> Self {
        let passkeys = i32::try_from(remaining.passkeys).unwrap_or(i32::MAX);
        Self { passkeys, authenticator: remaining.authenticator }
    }
}

payload!(
    /// The answer to `signUp`: the same whether or not the address has an account.
    SignUpPayload for nobody {}
);
payload!(
    /// The answer to `requestPasswordReset`: the same whether or not the address has an account.
    RequestPasswordResetPayload for nobody {}
);
payload!(
    /// The answer to `confirmEmail`.
    ConfirmEmailPayload for nobody {}
);
payload!(
    /// The answer to `resetPassword`.
    ResetPasswordPayload for nobody {
        /// What else can log in to the account.
        remaining: RemainingSignIns
    }
);
payload!(
    /// The answer to `changePassword`.
    ChangePasswordPayload {
        /// The sessions that were ended: all but this one.
        ended_session_ids: Vec<ID>
    }
);
payload!(
    /// The answer to `updateProfile`.
    UpdateProfilePayload {
        /// The account after the change.
        account: Account
    }
);
payload!(
    /// The answer to `pauseNudges`.
    PauseNudgesPayload {
        /// The account after the change.
        account: Account
    }
);
payload!(
    /// The answer to `resumeNudges`.
    ResumeNudgesPayload {
        /// The account after the change.
        account: Account
    }
);
payload!(
    /// The answer to `retryEmail`.
    RetryEmailPayload {
        /// The account after the change.
        account: Account
    }
);

/// Changes to accounts.
#[derive(Default)]
pub struct AccountMutation;

#[Object]
impl AccountMutation {
    /// Signs a person up. A mail to the address says how to go on; the answer does not tell whether the address has
    /// an account.
    async fn sign_up(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who signs up.")] input: SignUpInput,
    ) -> Result<SignUpPayload, Failure> {
        let typed = SignUp {
            email: input.email,
            display_name: input.display_name,
            zone: input.zone.into(),
            quiet_hours: input.quiet_hours.map(Into::into),
            consents: input.consents.into_iter().map(Into::into).collect(),
        };
        Ok(settle_done(sign_up::sign_up(context(ctx), &visitor(ctx), typed).await)?.into())
    }

    /// Confirms the address of a new account by the token of the mail, and sets the password; then the person can log
    /// in.
    async fn confirm_email(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The token and the password.")] input: ConfirmEmailInput,
    ) -> Result<ConfirmEmailPayload, Failure> {
        let password = input.password.into();
        Ok(settle_done(sign_up::confirm_email(context(ctx), &visitor(ctx), input.token, password).await)?
            .into())
    }

    /// Sends a mail by which a new password can be set. The answer does not tell whether the address has an account.
    async fn request_password_reset(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "For which address.")] input: RequestPasswordResetInput,
    ) -> Result<RequestPasswordResetPayload, Failure> {
        Ok(settle_done(password::request_password_reset(context(ctx), &visitor(ctx), input.email).await)?
            .into())
    }

    /// Sets a new password by the token of a mail, logs every device out, and takes back invitations that nobody has
    /// accepted. It also removes an authenticator app that is less than a week old, with its recovery codes. Passkeys
    /// are removed as well: all of them, or only those of the last week if an older app protects the account.
    async fn reset_password(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The token and the new password.")] input: ResetPasswordInput,
    ) -> Result<ResetPasswordPayload, Failure> {
        let new = input.new_password.into();
        Ok(settle_done(password::reset_password(context(ctx), &visitor(ctx), input.token, new).await)?.into())
    }

    /// Changes the password, logs every other device out, and takes back invitations that nobody has accepted.
    async fn change_password(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Both passwords.")] input: ChangePasswordInput,
    ) -> Result<ChangePasswordPayload, Failure> {
        let (current, new) = (input.current_password.into(), input.new_password.into());
        let ended = password::change_password(context(ctx), &caller(ctx)?, current, new).await;
        Ok(settle_done(ended.map(to_ids))?.into())
    }

    /// Changes the profile. Reminders that are waiting are planned again for a new time zone or new quiet hours.
    async fn update_profile(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What changes.")] input: UpdateProfileInput,
    ) -> Result<UpdateProfilePayload, Failure> {
        let change = ProfileChange {
            display_name: input.display_name.into(),
            zone: input.zone.map_value(String::from).into(),
            quiet_hours: input.quiet_hours.into(),
            default_share: input.default_sharing.into(),
            push: input.push_wanted.into(),
            mail: input.mail_wanted.into(),
        };
        Ok(settle_done(account::update_profile(context(ctx), &caller(ctx)?, change).await)?.into())
    }

    /// Pauses all reminders at once. Nobody is told; to a partner it looks like any other silence.
    async fn pause_nudges(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Until when.")] input: PauseNudgesInput,
    ) -> Result<PauseNudgesPayload, Failure> {
        let until = input.until.map(|until| until.0);
        Ok(settle_done(account::pause(context(ctx), &caller(ctx)?, until).await)?.into())
    }

    /// Ends a pause. What is still to come then comes as planned.
    async fn resume_nudges(&self, ctx: &Context<'_>) -> Result<ResumeNudgesPayload, Failure> {
        Ok(settle(account::resume(context(ctx), &caller(ctx)?).await)?.into())
    }

    /// Lets mail be sent to the viewer's address again, after the mail server had refused it. What was dropped
    /// meanwhile stays dropped.
    async fn retry_email(&self, ctx: &Context<'_>) -> Result<RetryEmailPayload, Failure> {
        Ok(settle(account::retry_email(context(ctx), &caller(ctx)?).await)?.into())
    }
}

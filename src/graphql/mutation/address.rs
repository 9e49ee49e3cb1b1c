//! Change the e-mail address: request and confirm.

use crate::actions::accounts::address_change;
use crate::graphql::errors::{Failure, settle_done};
use crate::graphql::payload::payload;
use crate::graphql::{caller, context, visitor};
use async_graphql::{Context, InputObject, Object};

/// Asks for another e-mail address.
#[derive(InputObject)]
struct RequestEmailChangeInput {
    /// The new e-mail address (254 characters, RFC 5321); a mail there confirms it.
    email: String,
}

/// Confirms a new address.
#[derive(InputObject)]
struct ConfirmEmailChangeInput {
    /// The last part of the path in the link of the mail.
    token: String,
    /// The password of the account that asked for the change.
    password: String,
}

payload!(
    /// The answer to `requestEmailChange`: the same whether or not the address has an account.
    RequestEmailChangePayload {}
);
payload!(
    /// The answer to `confirmEmailChange`.
    ConfirmEmailChangePayload for nobody {}
);

/// Changes of addresses.
#[derive(Default)]
pub struct AddressMutation;

#[Object]
impl AddressMutation {
    /// Asks for another e-mail address. A mail to the new address asks to confirm it; the old address is told too,
    /// and stays in use until then. A new password, or logging this device out, cancels it; the mail to the old
    /// address can undo it for seven days. Needs a fresh proof: see `reauthenticate`.
    async fn request_email_change(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The new address.")] input: RequestEmailChangeInput,
    ) -> Result<RequestEmailChangePayload, Failure> {
        Ok(settle_done(address_change::request(context(ctx), &caller(ctx)?, input.email).await)?.into())
    }

    /// Confirms the new address by the token of the mail to it, and by the account's password. No device is logged
    /// out.
    async fn confirm_email_change(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The token and the password.")] input: ConfirmEmailChangeInput,
    ) -> Result<ConfirmEmailChangePayload, Failure> {
        let password = input.password.into();
        Ok(settle_done(address_change::confirm(context(ctx), &visitor(ctx), input.token, password).await)?
            .into())
    }
}

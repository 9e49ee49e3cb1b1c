//! Passwords: set by a mail, or changed with the current one.

use crate::actions::accounts::mail_request::{
    ask_by_mail, expired, find_request, take_request, tell_of_security,
};
use crate::actions::accounts::people::{Person, email_index};
use crate::actions::auth::sign_out::{Which, shut_out};
use crate::actions::auth::{factors, reauthentication, second_factor};
use crate::actions::{ActionResult, AppContext, Caller, Fault, Transaction, Visitor};
use crate::auth::tokens::opaque_hash;
use crate::domain::account::Email;
use crate::domain::nudge::MailPurpose;
use crate::domain::password::check_password;
use crate::domain::problem::{Checks, Problem, ProblemCode};
use crate::ids::{AccountId, SessionId};
use crate::store;
use crate::store::account::AccountChange;
use crate::vault::VaultError;
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;

/// Asks for a password reset mail. The answer is always the same (R28).
pub async fn request_password_reset(
    context: &Arc<AppContext>,
    by: &Visitor,
    email: String,
) -> ActionResult<()> {
    let email = Email::parse("email", &email)?;
    let limit = context.rates.reset(by.network, &email_index(&context.vault, &email));
    limit.map_err(Problem::too_often)?;
    context
        .write_tx(by.key.as_ref(), move |tx| {
            ask_by_mail(tx, MailPurpose::ResetPassword, None, &email, None::<&()>)
        })
        .await
}

/// What can still sign in after a password was set by mail.
#[derive(Clone, Copy, Debug, Default)]
pub struct Remaining {
    /// How many passkeys.
    pub passkeys: usize,
    /// Whether an authenticator app is asked for after the password.
    pub authenticator: bool,
}

/// Sets a new password by the token of a mail and signs out every device. Somebody who was in the account may have left a
/// factor there, and the mailbox is all that its owner can prove: what such a person may have added goes, and passkeys
/// stay only where an older authenticator protects the account.
pub async fn reset_password(
    context: &Arc<AppContext>,
    by: &Visitor,
    token: String,
    password: SecretString,
) -> ActionResult<Remaining> {
    context.rates.token(by.network).map_err(Problem::too_often)?;
    let token_hash = opaque_hash(&token);
    let related_words = context
        .read_tx(move |tx| {
            let request =
                store::address_request::find_by_token(tx.db, MailPurpose::ResetPassword, &token_hash)?;
            let Some(request) = request else { return Ok(Vec::new()) };
            let account = store::account::find_by_email(tx.db, &request.email_index)?;
            account.map_or(Ok(Vec::new()), |row| Ok(own_words(&Person::open(tx.vault, row)?)?))
        })
        .await?;
    let password_hash = hash_new(context, "newPassword", password, &related_words).await?;
    context
        .write_tx(by.key.as_ref(), move |tx| {
            let request = find_request(tx, MailPurpose::ResetPassword, &token)?.ok_or_else(expired)?;
            let account = store::account::find_by_email(tx.db, &request.email_index)?.ok_or_else(expired)?;
            store::dialect::lock_account(tx.db, account.id)?;
            // The address may have become another's while this waited for the lock.
            let account = store::account::find(tx.db, account.id)?
                .filter(|row| row.email_index == request.email_index)
                .ok_or_else(expired)?;
            take_request(tx, MailPurpose::ResetPassword, &token)?;
            let change = AccountChange { password_hash: Some(password_hash), ..Default::default() };
            store::account::update(tx.db, account.id, &change)?;
            close_resets(tx, &account.email_index)?;
            shut_out(tx, account.id, Which::All)?;
            tell_of_security(tx, account.id)?;
            factors::forget_unproved(tx, account.id, request.created_at)?;
            remaining(tx, account.id)
        })
        .await
}

fn remaining(tx: &mut Transaction<'_>, account: AccountId) -> ActionResult<Remaining> {
    let passkeys = store::passkey::list(tx.db, account)?.len();
    Ok(Remaining { passkeys, authenticator: second_factor::is_asked(tx, account)? })
}

/// Uses up the open reset requests: after a password change no earlier reset mail may work.
fn close_resets(tx: &mut Transaction<'_>, email_index: &[u8]) -> Result<(), Fault> {
    let now = tx.ts();
    store::address_request::use_up_all(tx.db, MailPurpose::ResetPassword, email_index, now)?;
    Ok(())
}

/// Words that anybody who knows the person would try as a password.
fn own_words(person: &Person) -> Result<Vec<String>, VaultError> {
    Ok(vec![person.display_name()?, person.email()?])
}

/// Checks a new password, typed into `field`, and hashes it.
pub(in crate::actions) async fn hash_new(
    context: &Arc<AppContext>,
    field: &str,
    password: SecretString,
    related_words: &[String],
) -> ActionResult<String> {
    let mut checks = Checks::new();
    let related_words: Vec<&str> = related_words.iter().map(String::as_str).collect();
    check_password(&mut checks, field, password.expose_secret(), &related_words);
    checks.finish(())?;
    Ok(context.passwords.hash(password).await?)
}

/// Changes the password, given the current one, and signs out every other device; returns which sessions ended.
pub async fn change_password(
    context: &Arc<AppContext>,
    by: &Caller,
    current: SecretString,
    new: SecretString,
) -> ActionResult<Vec<SessionId>> {
    let requester = by.requester;
    context.rates.password(requester.session).map_err(Problem::too_often)?;
    let person = context.read_tx(move |tx| Person::load(tx, requester.account)).await?;
    let related_words = own_words(&person)?;
    let stored = Some(person.row.password_hash);
    if !context.passwords.verify(current, stored.clone()).await? {
        let sentence = "This is not the current password.";
        return Err(Problem::new("currentPassword", ProblemCode::Incorrect, sentence).into());
    }
    let password_hash = hash_new(context, "newPassword", new, &related_words).await?;
    context
        .write_tx(by.key.as_ref(), move |tx| {
            store::dialect::lock_account(tx.db, requester.account)?;
            let row = store::account::find(tx.db, requester.account)?;
            if row.map(|row| row.password_hash) != stored {
                let sentence = "The password was changed meanwhile.";
                return Err(Problem::new("currentPassword", ProblemCode::Changed, sentence).into());
            }
            if second_factor::is_asked(tx, requester.account)? {
                // This ends every other session; an account with a second factor needs more than the password
                // for that.
                reauthentication::require(tx, requester)?;
            }
            let change = AccountChange { password_hash: Some(password_hash), ..Default::default() };
            let row = store::account::update(tx.db, requester.account, &change)?;
            close_resets(tx, &row.email_index)?;
            let ended = shut_out(tx, requester.account, Which::AllBut(requester.session))?;
            tell_of_security(tx, requester.account)?;
            Ok(ended)
        })
        .await
}

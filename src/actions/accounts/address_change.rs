//! Changing the e-mail address: needs reauthentication, is announced to the old address, confirmed from the new one.

use crate::actions::accounts::erasure;
use crate::actions::accounts::mail_request::{
    ask_by_mail, expired, find_request, request_details, request_email, take_request,
};
use crate::actions::accounts::people::{Person, email_index};
use crate::actions::auth::sign_out::{Which, shut_out, void_links};
use crate::actions::auth::{factors, reauthentication};
use crate::actions::{ActionResult, AppContext, Caller, Fault, Refusal, Transaction, Visitor};
use crate::domain::account::Email;
use crate::domain::change::ChangeKind;
use crate::domain::nudge::MailPurpose;
use crate::domain::problem::{Problem, ProblemCode};
use crate::ids::{AccountId, SessionId};
use crate::store;
use crate::store::account::{AccountChange, AccountRow};
use crate::vault::sha256;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What must still hold when the new address is confirmed. The owner of the old address can therefore stop a
/// change that they did not ask for: with a new password, or by signing that device out.
#[derive(Serialize, Deserialize, PartialEq, Eq)]
struct AddressPreconditions {
    account: AccountId,
    session: SessionId,
    /// The old address's blind index.
    email_index: Vec<u8>,
    /// SHA-256 of the password's hash.
    password_mark: Vec<u8>,
}

impl AddressPreconditions {
    fn of(row: &AccountRow, session: SessionId) -> Self {
        Self {
            account: row.id,
            session,
            email_index: row.email_index.clone(),
            password_mark: sha256(row.password_hash.as_bytes()),
        }
    }
}

/// Asks for another address; needs reauthentication. A new address that already has an account gets the same answer and
/// the same work; only the mail to it differs (R28). The old address is told of the request, and can take it back.
pub async fn request(context: &Arc<AppContext>, by: &Caller, email: String) -> ActionResult<()> {
    let requester = by.requester;
    let email = context.mail_features.check("email", Email::parse("email", &email)?)?;
    context.rates.new_address(requester.account).map_err(Problem::too_often)?;
    context
        .write_tx(by.key.as_ref(), move |tx| {
            store::dialect::lock_account(tx.db, requester.account)?;
            reauthentication::require(tx, requester)?;
            let person = Person::load(tx, requester.account)?;
            if store::erasure::find(tx.db, requester.account)?.is_some() {
                // The mails would outlive the account.
                let sentence = "Your account is about to be erased; undo that first.";
                return Err(Problem::wrong_state("input", sentence).into());
            }
            if email_index(tx.vault, &email) == person.row.email_index {
                return Err(
                    Problem::wrong_state("email", "This is the address of your account already.").into()
                );
            }
            let old = Email::parse("email", &person.email()?)?;
            let standing = AddressPreconditions::of(&person.row, requester.session);
            let account = Some(requester.account);
            ask_by_mail(tx, MailPurpose::ConfirmNewAddress, account, &email, Some(&standing))?;
            ask_by_mail(tx, MailPurpose::AddressChange, account, &old, None::<&()>)
        })
        .await
}

/// Confirms the new address by the token of its mail and gives it to the account. Whoever holds the mailbox proves that
/// the account is theirs by its password: nobody gives a prepared account to somebody else's mailbox. Sessions stay.
pub async fn confirm(
    context: &Arc<AppContext>,
    by: &Visitor,
    token: String,
    password: SecretString,
) -> ActionResult<()> {
    context.rates.token(by.network).map_err(Problem::too_often)?;
    let sought = token.clone();
    let asked = context
        .read_tx(move |tx| {
            let Some(request) = find_request(tx, MailPurpose::ConfirmNewAddress, &sought)? else {
                return Ok(None);
            };
            let asked: AddressPreconditions = request_details(tx.vault, &request)?;
            let account = asked.account;
            // A link that works no longer tells nothing of a password.
            if !stands(tx, &asked)? {
                return Ok(None);
            }
            Ok(store::account::find(tx.db, account)?.map(|row| (account, row.password_hash)))
        })
        .await?;
    let (account, stored) = asked.ok_or_else(expired)?;
    context.rates.confirming_password(account).map_err(Problem::too_often)?;
    if !context.passwords.verify(password, Some(stored)).await? {
        let sentence = "This is not the password of the account that asked for this address.";
        return Err(Problem::new("password", ProblemCode::Incorrect, sentence).into());
    }
    context
        .write_tx(by.key.as_ref(), move |tx| {
            store::dialect::lock_account(tx.db, account)?;
            let request = take_request(tx, MailPurpose::ConfirmNewAddress, &token)?;
            let asked: AddressPreconditions = request_details(tx.vault, &request)?;
            let stands = stands(tx, &asked)?;
            let taken = store::account::find_by_email(tx.db, &request.email_index)?.is_some();
            if !stands || taken {
                return Err(expired().into());
            }
            let email = request_email(tx.vault, &request)?;
            let person = Person::load(tx, asked.account)?;
            let change = AccountChange {
                email: Some(person.key.seal_text(person.aad("email"), &email)?),
                email_index: Some(request.email_index),
                address_failed_at: Some(None),
                ..Default::default()
            };
            save_address(tx, asked.account, &change)?;
            tx.tell(&[asked.account], ChangeKind::AccountChanged, asked.account);
            void_links(tx, asked.account)?;
            // The old mailbox must not reset the password any more.
            let now = tx.ts();
            store::address_request::use_up_all(tx.db, MailPurpose::ResetPassword, &asked.email_index, now)?;
            Ok(())
        })
        .await
}

/// Another account may have, or confirm, the same address at the same moment; the first one wins.
fn save_address(tx: &mut Transaction<'_>, account: AccountId, change: &AccountChange) -> ActionResult<()> {
    store::account::update(tx.db, account, change).map_err(|error| Refusal::of_write(error, expired()))?;
    Ok(())
}

fn stands(tx: &mut Transaction<'_>, asked: &AddressPreconditions) -> Result<bool, Fault> {
    let Some(row) = store::account::find(tx.db, asked.account)? else { return Ok(false) };
    let signed_in = store::session::find_live(tx.db, asked.session, asked.account)?.is_some();
    Ok(signed_in && AddressPreconditions::of(&row, asked.session) == *asked)
}

/// Takes a change of address back by the token of the mail to the old address, for [`TAKE_BACK_LIFE`] after it could be
/// confirmed. Whoever made the change may know the password and have been in the account: the password works no more,
/// every session ends, later changes and an erasure are taken back with it, and so are factors that are not older than a
/// week before the request. A mail to the old address sets a new password.
///
/// [`TAKE_BACK_LIFE`]: crate::actions::accounts::mail_request::TAKE_BACK_LIFE
pub async fn take_back(context: &Arc<AppContext>, by: &Visitor, token: String) -> ActionResult<()> {
    context.rates.token(by.network).map_err(Problem::too_often)?;
    let nobodys_password = context.passwords.nobodys();
    context
        .write_tx(by.key.as_ref(), move |tx| {
            let request = find_request(tx, MailPurpose::AddressChange, &token)?.ok_or_else(expired)?;
            let account = request.account_id.ok_or_else(expired)?;
            store::dialect::lock_account(tx.db, account)?;
            take_request(tx, MailPurpose::AddressChange, &token)?;
            let person = Person::load(tx, account)?;
            let old = Email::parse("email", &request_email(tx.vault, &request)?)?;
            let now = tx.ts();
            // Whoever changed it twice has a link of their own: the first one counts.
            for later in store::address_request::of_changes(tx.db, account, request.created_at, now)? {
                store::address_request::use_up(tx.db, later.id, now)?;
            }
            for index in [&person.row.email_index, &request.email_index] {
                store::address_request::use_up_all(tx.db, MailPurpose::ResetPassword, index, now)?;
            }
            let change = AccountChange {
                email: Some(person.key.seal_text(person.aad("email"), old.as_str())?),
                email_index: Some(request.email_index),
                address_failed_at: Some(None),
                password_hash: Some(nobodys_password),
                ..Default::default()
            };
            save_address(tx, account, &change)?;
            shut_out(tx, account, Which::All)?;
            factors::forget_unproved(tx, account, request.created_at)?;
            erasure::cancel_requested_since(tx, account, request.created_at)?;
            tx.tell(&[account], ChangeKind::AccountChanged, account);
            ask_by_mail(tx, MailPurpose::ResetPassword, None, &old, None::<&()>)
        })
        .await
}

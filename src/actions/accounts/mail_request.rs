//! Mails by address: the requests behind them, and the tokens of their links.

use crate::actions::accounts::people::{Person, email_index};
use crate::actions::{ActionResult, Fault, Transaction};
use crate::auth::tokens::opaque_hash;
use crate::domain::account::Email;
use crate::domain::nudge::{About, Channel, MailPurpose};
use crate::domain::problem::{Problem, ProblemCode};
use crate::ids::{AccountId, AddressRequestId, TypedId};
use crate::store;
use crate::store::address_request::AddressRequestRow;
use crate::store::nudge::NudgeRow;
use crate::vault::{Aad, Vault};
use jiff::SignedDuration;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// How long the link in a mail works.
pub const REQUEST_LIFE: SignedDuration = SignedDuration::from_hours(24);

/// How long a change of address can be taken back by the old mailbox, counted from the last moment to confirm it.
pub const TAKE_BACK_LIFE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// How soon a mail that was asked for goes out again. Nobody can fill an inbox, and a lost mail is soon replaced.
pub const RESEND_AFTER: SignedDuration = SignedDuration::from_mins(10);

/// The AAD of a sealed column of an address request.
fn request_aad(column: &'static str, id: AddressRequestId) -> Aad {
    Aad::new("address_requests", column, id.uuid())
}

/// The token in a request's mail, derived from the request's id.
pub fn request_token(vault: &Vault, purpose: MailPurpose, id: AddressRequestId) -> String {
    vault.derived_token(purpose.word(), id.uuid())
}

/// Stores an address request and plans its mail, whether or not the address has an account.
///
/// One request of a purpose, address and account (or visitor) works at a time. Asked for again within [`RESEND_AFTER`],
/// the mail that went out stands, with what was typed last; asked for later, a new mail goes out and the earlier link
/// stops working.
pub(in crate::actions) fn ask_by_mail(
    tx: &mut Transaction<'_>,
    purpose: MailPurpose,
    account: Option<AccountId>,
    email: &Email,
    details: Option<&impl Serialize>,
) -> ActionResult<()> {
    let index = email_index(tx.vault, email);
    let system = tx.vault.system();
    let seal = |id| details.map(|details| system.seal_json(request_aad("details", id), details)).transpose();
    if purpose.is_asked_for() {
        // Several may ask at once.
        store::dialect::lock_index(tx.db, &index)?;
        let now = tx.ts();
        if let Some(open) = store::address_request::open(tx.db, purpose, account, &index, now)? {
            if tx.now < open.created_at.get() + RESEND_AFTER {
                store::address_request::set_details(tx.db, open.id, seal(open.id)?)?;
                return Ok(());
            }
            store::address_request::use_up(tx.db, open.id, now)?;
        }
    }
    let id = AddressRequestId::at(tx.now, tx.chance);
    let mail_expires_at = (tx.now + REQUEST_LIFE).into();
    let expires_at = match purpose {
        MailPurpose::AddressChange => (tx.now + REQUEST_LIFE + TAKE_BACK_LIFE).into(),
        _ => mail_expires_at,
    };
    let row = AddressRequestRow {
        id,
        purpose,
        account_id: account,
        email_index: index,
        email: system.seal_text(request_aad("email", id), email.as_str())?,
        details: seal(id)?,
        token_hash: opaque_hash(&request_token(tx.vault, purpose, id)),
        created_at: tx.ts(),
        expires_at,
        used_at: None,
    };
    store::address_request::insert(tx.db, &row)?;
    let times = (tx.ts(), mail_expires_at);
    let about = About::Address(id, purpose);
    let nudge = NudgeRow::waiting(about, Channel::Mail, None, times, tx.now, tx.chance);
    store::nudge::plan(tx.db, &[nudge])?;
    Ok(())
}

/// Opens the address of a request.
pub fn request_email(vault: &Vault, row: &AddressRequestRow) -> Result<String, Fault> {
    Ok(vault.system().open_text(request_aad("email", row.id), &row.email)?)
}

/// Opens what was typed with a request.
pub(in crate::actions) fn request_details<T: DeserializeOwned>(
    vault: &Vault,
    row: &AddressRequestRow,
) -> Result<T, Fault> {
    let sealed = row.details.as_deref().ok_or(Fault::Inconsistent("a request without details"))?;
    Ok(vault.system().open_json(request_aad("details", row.id), sealed)?)
}

/// Sends the owner of an account a mail that says nothing of why, and could be read by others.
pub(in crate::actions) fn tell_owner(
    tx: &mut Transaction<'_>,
    owner: &Person,
    purpose: MailPurpose,
) -> ActionResult<()> {
    let address = Email::parse("email", &owner.email()?)?;
    ask_by_mail(tx, purpose, Some(owner.row.id), &address, None::<&()>)
}

/// Tells the owner by mail that something of the account's security changed. A mail that still waits says it already.
pub(in crate::actions) fn tell_of_security(tx: &mut Transaction<'_>, account: AccountId) -> ActionResult<()> {
    let owner = Person::load(tx, account)?;
    if store::address_request::waits(tx.db, MailPurpose::SecurityChange, &owner.row.email_index)? {
        return Ok(());
    }
    tell_owner(tx, &owner, MailPurpose::SecurityChange)
}

pub(in crate::actions) fn expired() -> Problem {
    Problem::new(
        "token",
        ProblemCode::Expired,
        "This link was used already or is too old. Please ask for a new one.",
    )
}

/// The request with this token, if its link still works.
pub(in crate::actions) fn find_request(
    tx: &mut Transaction<'_>,
    purpose: MailPurpose,
    token: &str,
) -> Result<Option<AddressRequestRow>, Fault> {
    let now = tx.ts();
    let found = store::address_request::find_by_token(tx.db, purpose, &opaque_hash(token))?;
    Ok(found.filter(|request| request.used_at.is_none() && request.expires_at > now))
}

/// Uses the request with this token up.
pub(in crate::actions) fn take_request(
    tx: &mut Transaction<'_>,
    purpose: MailPurpose,
    token: &str,
) -> ActionResult<AddressRequestRow> {
    let found = store::address_request::find_by_token(tx.db, purpose, &opaque_hash(token))?;
    let request = found.ok_or_else(expired)?;
    let now = tx.ts();
    if store::address_request::use_up(tx.db, request.id, now)? { Ok(request) } else { Err(expired().into()) }
}

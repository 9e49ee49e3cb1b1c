//! Requests by e-mail address: confirm a sign-up, reset a password, tell of a copied session.

use super::dialect::delete_first;
use super::schema::{address_requests, nudges};
use super::types::Ts;
use super::{Db, MultiBackend};
use crate::domain::nudge::{MailPurpose, NudgeState};
use crate::ids::{AccountId, AddressRequestId};
use diesel::prelude::*;

/// A mail that is sent by address. The row looks alike whether or not the address has an account (R28).
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = address_requests, check_for_backend(MultiBackend), treat_none_as_default_value = false)]
pub struct AddressRequestRow {
    /// The token in the mail is derived from it and a key; the token itself is not kept.
    pub id: AddressRequestId,
    /// confirm_address, reset_password, signed_out, confirm_new_address, address_change or security_change.
    pub purpose: MailPurpose,
    /// The account that a signed-in person asked for; None: nobody was signed in. The request goes with it.
    pub account_id: Option<AccountId>,
    /// Keyed hash of the normalised address.
    pub email_index: Vec<u8>,
    /// The address, sealed with a key derived from the house secret.
    pub email: Vec<u8>,
    /// What the person entered at sign-up, sealed with the same key.
    pub details: Option<Vec<u8>>,
    /// SHA-256 of the token in the mail.
    pub token_hash: Vec<u8>,
    /// When it was made.
    pub created_at: Ts,
    /// When the token stops working.
    pub expires_at: Ts,
    /// When the token was used.
    pub used_at: Option<Ts>,
}

/// Saves a request.
pub fn insert(db: &mut Db, row: &AddressRequestRow) -> QueryResult<usize> {
    diesel::insert_into(address_requests::table).values(row).execute(db)
}

/// The request with this id.
pub fn find(db: &mut Db, id: AddressRequestId) -> QueryResult<Option<AddressRequestRow>> {
    address_requests::table.find(id).select(AddressRequestRow::as_select()).first(db).optional()
}

/// The request with this token, used or not.
pub fn find_by_token(
    db: &mut Db,
    purpose: MailPurpose,
    token_hash: &[u8],
) -> QueryResult<Option<AddressRequestRow>> {
    address_requests::table
        .filter(address_requests::token_hash.eq(token_hash))
        .filter(address_requests::purpose.eq(purpose))
        .select(AddressRequestRow::as_select())
        .first(db)
        .optional()
}

/// Uses a token up; false if it was used before, or has expired at `now`.
pub fn use_up(db: &mut Db, id: AddressRequestId, now: Ts) -> QueryResult<bool> {
    let fresh = address_requests::table
        .filter(address_requests::id.eq(id))
        .filter(address_requests::used_at.is_null())
        .filter(address_requests::expires_at.gt(now));
    Ok(diesel::update(fresh).set(address_requests::used_at.eq(Some(now))).execute(db)? == 1)
}

/// The latest request of one purpose for an address, of one account or of nobody, that still works at `now`.
pub fn open(
    db: &mut Db,
    purpose: MailPurpose,
    account: Option<AccountId>,
    email_index: &[u8],
    now: Ts,
) -> QueryResult<Option<AddressRequestRow>> {
    let rows: Vec<AddressRequestRow> = address_requests::table
        .filter(address_requests::email_index.eq(email_index))
        .filter(address_requests::purpose.eq(purpose))
        .filter(address_requests::used_at.is_null())
        .filter(address_requests::expires_at.gt(now))
        .order((address_requests::created_at.desc(), address_requests::id.desc()))
        .select(AddressRequestRow::as_select())
        .load(db)?;
    Ok(rows.into_iter().find(|row| row.account_id == account))
}

/// The requests about another address of an account that still work at `now` and were made since `since`.
pub fn of_changes(
    db: &mut Db,
    account: AccountId,
    since: Ts,
    now: Ts,
) -> QueryResult<Vec<AddressRequestRow>> {
    address_requests::table
        .filter(address_requests::account_id.eq(account))
        .filter(
            address_requests::purpose.eq_any([MailPurpose::AddressChange, MailPurpose::ConfirmNewAddress]),
        )
        .filter(address_requests::used_at.is_null())
        .filter(address_requests::created_at.ge(since))
        .filter(address_requests::expires_at.gt(now))
        .select(AddressRequestRow::as_select())
        .load(db)
}

/// Replaces what was typed with a request.
pub fn set_details(db: &mut Db, id: AddressRequestId, details: Option<Vec<u8>>) -> QueryResult<usize> {
    diesel::update(address_requests::table.find(id)).set(address_requests::details.eq(details)).execute(db)
}

/// Uses up all open requests of one purpose for an address.
pub fn use_up_all(db: &mut Db, purpose: MailPurpose, email_index: &[u8], now: Ts) -> QueryResult<usize> {
    let open = address_requests::table
        .filter(address_requests::email_index.eq(email_index))
        .filter(address_requests::purpose.eq(purpose))
        .filter(address_requests::used_at.is_null());
    diesel::update(open).set(address_requests::used_at.eq(Some(now))).execute(db)
}

/// Whether a mail of that purpose to an address has not been sent yet.
pub fn waits(db: &mut Db, purpose: MailPurpose, email_index: &[u8]) -> QueryResult<bool> {
    let waiting = address_requests::table
        .inner_join(nudges::table.on(nudges::address_request_id.eq(address_requests::id.nullable())))
        .filter(address_requests::email_index.eq(email_index))
        .filter(address_requests::purpose.eq(purpose))
        .filter(nudges::state.eq(NudgeState::Waiting));
    diesel::select(diesel::dsl::exists(waiting)).get_result(db)
}

/// All requests for an address, the oldest first.
pub fn of_address(db: &mut Db, email_index: &[u8]) -> QueryResult<Vec<AddressRequestRow>> {
    address_requests::table
        .filter(address_requests::email_index.eq(email_index))
        .order((address_requests::created_at.asc(), address_requests::id.asc()))
        .select(AddressRequestRow::as_select())
        .load(db)
}

/// Deletes some of the requests that expired before `before`, with their nudges, the oldest first.
pub fn forget(db: &mut Db, before: Ts, most: i64) -> QueryResult<usize> {
    let old = address_requests::expires_at.lt(before);
    delete_first!(db, most, address_requests: id as AddressRequestId, old, by expires_at)
}

//! Passkeys, and the WebAuthn ceremonies that make and use them.

use super::dialect::delete_first;
use super::schema::{passkey_ceremonies, passkeys};
use super::types::Ts;
use super::{Db, MultiBackend};
use crate::ids::{AccountId, PasskeyId};
use diesel::prelude::*;

/// One passkey (WebAuthn).
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = passkeys, check_for_backend(MultiBackend), treat_none_as_default_value = false)]
pub struct PasskeyRow {
    /// Its id.
    pub id: PasskeyId,
    /// The account it belongs to.
    pub account_id: AccountId,
    /// Keyed hash of the authenticator's credential id: the only way to find a passkey by it.
    pub credential_index: Vec<u8>,
    /// Public key, counter and flags, sealed with the account's data key.
    pub credential: Vec<u8>,
    /// Its name, sealed with the account's data key.
    pub label: Vec<u8>,
    /// When it was made.
    pub created_at: Ts,
    /// When it was used last; null: never.
    pub last_used_at: Option<Ts>,
}

/// A ceremony that was begun. Deleted when it is finished, successfully or not.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = passkey_ceremonies, check_for_backend(MultiBackend), treat_none_as_default_value = false)]
pub struct CeremonyRow {
    /// SHA-256 of the token that the device was given.
    pub token_hash: Vec<u8>,
    /// The account; null: a log-in, whose account is not known yet.
    pub account_id: Option<AccountId>,
    /// Its purpose and challenge, sealed with a key derived from the house secret.
    pub state: Vec<u8>,
    /// When it stops working.
    pub expires_at: Ts,
}

/// Saves a new passkey.
pub fn insert(db: &mut Db, row: &PasskeyRow) -> QueryResult<usize> {
    diesel::insert_into(passkeys::table).values(row).execute(db)
}

/// The passkey with this blind index.
pub fn find_by_credential(db: &mut Db, index: &[u8]) -> QueryResult<Option<PasskeyRow>> {
    passkeys::table
        .filter(passkeys::credential_index.eq(index))
        .select(PasskeyRow::as_select())
        .first(db)
        .optional()
}

/// A person's passkeys, the oldest first.
pub fn list(db: &mut Db, account: AccountId) -> QueryResult<Vec<PasskeyRow>> {
    passkeys::table
        .filter(passkeys::account_id.eq(account))
        .order((passkeys::created_at.asc(), passkeys::id.asc()))
        .select(PasskeyRow::as_select())
        .load(db)
}

/// Notes that a passkey was used, and stores its changed credential.
pub fn note_used(db: &mut Db, id: PasskeyId, credential: Vec<u8>, now: Ts) -> QueryResult<usize> {
    let used = (passkeys::credential.eq(credential), passkeys::last_used_at.eq(Some(now)));
    diesel::update(passkeys::table.find(id)).set(used).execute(db)
}

/// Deletes a passkey of a person; false if there is none.
pub fn delete(db: &mut Db, id: PasskeyId, account: AccountId) -> QueryResult<bool> {
    let own = passkeys::table.filter(passkeys::id.eq(id)).filter(passkeys::account_id.eq(account));
    Ok(diesel::delete(own).execute(db)? == 1)
}

/// Removes a person's passkeys that were made since an instant.
pub fn delete_since(db: &mut Db, account: AccountId, since: Ts) -> QueryResult<usize> {
    let made =
        passkeys::table.filter(passkeys::account_id.eq(account)).filter(passkeys::created_at.ge(since));
    diesel::delete(made).execute(db)
}

/// Removes every passkey of a person.
pub fn delete_all(db: &mut Db, account: AccountId) -> QueryResult<usize> {
    diesel::delete(passkeys::table.filter(passkeys::account_id.eq(account))).execute(db)
}

/// Saves a ceremony that was begun.
pub fn insert_ceremony(db: &mut Db, row: &CeremonyRow) -> QueryResult<usize> {
    diesel::insert_into(passkey_ceremonies::table).values(row).execute(db)
}

/// Takes out the ceremony of this owner, or of a log-in if there is none. Of two requests that finish it at once, one
/// gets it. Another owner's ceremony stays.
pub fn take_ceremony(
    db: &mut Db,
    token_hash: &[u8],
    owner: Option<AccountId>,
    now: Ts,
) -> QueryResult<Option<CeremonyRow>> {
    let found: Option<CeremonyRow> = passkey_ceremonies::table
        .find(token_hash)
        .filter(passkey_ceremonies::expires_at.gt(now))
        .select(CeremonyRow::as_select())
        .first(db)
        .optional()?;
    let Some(row) = found.filter(|row| row.account_id == owner) else { return Ok(None) };
    let taken = diesel::delete(passkey_ceremonies::table.find(token_hash)).execute(db)? == 1;
    Ok(taken.then_some(row))
}

/// Deletes some of the ceremonies that expired before `before`, the oldest first.
pub fn forget_ceremonies(db: &mut Db, before: Ts, most: i64) -> QueryResult<usize> {
    let old = passkey_ceremonies::expires_at.lt(before);
    delete_first!(db, most, passkey_ceremonies: token_hash as Vec<u8>, old, by expires_at)
}

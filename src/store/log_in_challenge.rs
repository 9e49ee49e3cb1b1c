//! Log-ins that wait for their second factor.

use super::dialect::delete_first;
use super::schema::log_in_challenges;
use super::types::Ts;
use super::{Db, MultiBackend};
use crate::ids::AccountId;
use diesel::prelude::*;

/// A log-in with the right password that waits for the second factor. Deleted when done, or after too many wrong codes.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = log_in_challenges, check_for_backend(MultiBackend), treat_none_as_default_value = false)]
pub struct ChallengeRow {
    /// SHA-256 of the token that the device was given.
    pub token_hash: Vec<u8>,
    /// The account that logs in.
    pub account_id: AccountId,
    /// The device's name, sealed with a key derived from the house secret.
    pub label: Vec<u8>,
    /// SHA-256 of the password's hash: a log-in does not outlive the password.
    pub password_mark: Vec<u8>,
    /// Wrong codes so far.
    pub wrong_codes: i32,
    /// When it stops working.
    pub expires_at: Ts,
    /// Whether the device showed a token of an earlier session of the account.
    pub known_device: bool,
}

/// Saves a challenge.
pub fn insert(db: &mut Db, row: &ChallengeRow) -> QueryResult<usize> {
    diesel::insert_into(log_in_challenges::table).values(row).execute(db)
}

/// The challenge with this token, if it has not expired at `now`.
pub fn find(db: &mut Db, token_hash: &[u8], now: Ts) -> QueryResult<Option<ChallengeRow>> {
    log_in_challenges::table
        .find(token_hash)
        .filter(log_in_challenges::expires_at.gt(now))
        .select(ChallengeRow::as_select())
        .first(db)
        .optional()
}

/// Sets the count of wrong codes.
pub fn note_wrong(db: &mut Db, token_hash: &[u8], wrong_codes: i32) -> QueryResult<usize> {
    let challenge = log_in_challenges::table.find(token_hash);
    diesel::update(challenge).set(log_in_challenges::wrong_codes.eq(wrong_codes)).execute(db)
}

/// Deletes a challenge; false if it is gone.
pub fn delete(db: &mut Db, token_hash: &[u8]) -> QueryResult<bool> {
    Ok(diesel::delete(log_in_challenges::table.find(token_hash)).execute(db)? == 1)
}

/// Deletes some of the challenges that expired before `before`, the oldest first.
pub fn forget(db: &mut Db, before: Ts, most: i64) -> QueryResult<usize> {
    let old = log_in_challenges::expires_at.lt(before);
    delete_first!(db, most, log_in_challenges: token_hash as Vec<u8>, old, by expires_at)
}

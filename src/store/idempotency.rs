//! Mutations that were sent with an idempotency key (R04).

use super::dialect::delete_first;
use super::schema::idempotency_keys;
use super::types::Ts;
use super::{Db, MultiBackend};
use crate::ids::AccountId;
use diesel::prelude::*;

/// One idempotency key.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = idempotency_keys, check_for_backend(MultiBackend), treat_none_as_default_value = false)]
pub struct KeyRow {
    /// Keyed hash of the account and the client's key.
    pub key_hash: Vec<u8>,
    /// Keyed hash of the request.
    pub body_hash: Vec<u8>,
    /// The sealed response; None: there is none yet.
    pub response: Option<Vec<u8>>,
    /// When it was first sent.
    pub created_at: Ts,
    /// The account that sent it; None: nobody was signed in.
    pub account_id: Option<AccountId>,
    /// Until when the response is given again, where it holds a secret; None: as long as the row is kept.
    pub secret_until: Option<Ts>,
}

/// Saves a key. A unique violation means that the mutation was done, or is being done.
pub fn insert(db: &mut Db, row: &KeyRow) -> QueryResult<usize> {
    diesel::insert_into(idempotency_keys::table).values(row).execute(db)
}

/// The row of this key hash.
pub fn find(db: &mut Db, key_hash: &[u8]) -> QueryResult<Option<KeyRow>> {
    idempotency_keys::table.find(key_hash).select(KeyRow::as_select()).first(db).optional()
}

/// Notes that the response to a key holds a secret, and until when it is given again.
pub fn limit_response(db: &mut Db, key_hash: &[u8], until: Ts) -> QueryResult<usize> {
    diesel::update(idempotency_keys::table.find(key_hash))
        .set(idempotency_keys::secret_until.eq(Some(until)))
        .execute(db)
}

/// Stores the response, unless there is one.
pub fn keep_response(db: &mut Db, key_hash: &[u8], response: Vec<u8>) -> QueryResult<usize> {
    diesel::update(idempotency_keys::table.find(key_hash).filter(idempotency_keys::response.is_null()))
        .set(idempotency_keys::response.eq(Some(response)))
        .execute(db)
}

/// Deletes a key if it is from before `before`.
pub fn forget_one(db: &mut Db, key_hash: &[u8], before: Ts) -> QueryResult<usize> {
    let old = idempotency_keys::table.find(key_hash).filter(idempotency_keys::created_at.lt(before));
    diesel::delete(old).execute(db)
}

/// Deletes some of the keys from before `before`, the oldest first.
pub fn forget(db: &mut Db, before: Ts, most: i64) -> QueryResult<usize> {
    let old = idempotency_keys::created_at.lt(before);
    delete_first!(db, most, idempotency_keys: key_hash as Vec<u8>, old, by created_at)
}

/// Clears some of the responses with a secret that are given no longer at `now`.
pub fn forget_secrets(db: &mut Db, now: Ts, most: i64) -> QueryResult<usize> {
    let over: Vec<Vec<u8>> = idempotency_keys::table
        .filter(idempotency_keys::response.is_not_null())
        .filter(idempotency_keys::secret_until.le(Some(now)))
        .order(idempotency_keys::secret_until.asc())
        .select(idempotency_keys::key_hash)
        .limit(most)
        .load(db)?;
    if over.is_empty() {
        return Ok(0);
    }
    diesel::update(idempotency_keys::table.filter(idempotency_keys::key_hash.eq_any(over)))
        .set(idempotency_keys::response.eq(None::<Vec<u8>>))
        .execute(db)
}

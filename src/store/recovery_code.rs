//! Recovery codes.

use super::schema::recovery_codes;
use super::types::Ts;
use super::{Db, MultiBackend};
use crate::ids::AccountId;
use diesel::prelude::*;

/// A code that stands in for the app when it is lost; each works once.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = recovery_codes, check_for_backend(MultiBackend), treat_none_as_default_value = false)]
pub struct RecoveryCodeRow {
    /// SHA-256 of account and code.
    pub code_hash: Vec<u8>,
    /// The account it belongs to.
    pub account_id: AccountId,
    /// When it was given out.
    pub created_at: Ts,
    /// When it was used.
    pub used_at: Option<Ts>,
}

/// A person's codes, used ones too.
pub fn list(db: &mut Db, account: AccountId) -> QueryResult<Vec<RecoveryCodeRow>> {
    let own = recovery_codes::table.filter(recovery_codes::account_id.eq(account));
    own.order(recovery_codes::created_at.asc()).select(RecoveryCodeRow::as_select()).load(db)
}

/// Saves a code.
pub fn insert(db: &mut Db, row: &RecoveryCodeRow) -> QueryResult<usize> {
    diesel::insert_into(recovery_codes::table).values(row).execute(db)
}

/// Uses a code up; false if the person has no such unused code.
pub fn use_up(db: &mut Db, account: AccountId, code_hash: &[u8], now: Ts) -> QueryResult<bool> {
    let unused = recovery_codes::table
        .filter(recovery_codes::code_hash.eq(code_hash))
        .filter(recovery_codes::account_id.eq(account))
        .filter(recovery_codes::used_at.is_null());
    Ok(diesel::update(unused).set(recovery_codes::used_at.eq(Some(now))).execute(db)? == 1)
}

/// How many of a person's codes are unused.
pub fn count_unused(db: &mut Db, account: AccountId) -> QueryResult<i64> {
    recovery_codes::table
        .filter(recovery_codes::account_id.eq(account))
        .filter(recovery_codes::used_at.is_null())
        .count()
        .get_result(db)
}

/// Deletes all codes of a person.
pub fn delete_all(db: &mut Db, account: AccountId) -> QueryResult<usize> {
    diesel::delete(recovery_codes::table.filter(recovery_codes::account_id.eq(account))).execute(db)
}

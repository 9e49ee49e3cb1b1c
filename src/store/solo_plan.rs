//! What somebody needs after a scene of their own, and when they want to be asked.

use super::dialect::put;
use super::schema::solo_plans;
use super::types::Ts;
use super::{Db, MultiBackend};
use crate::ids::AccountId;
use diesel::prelude::*;

/// One person's plan.
#[derive(Clone, Debug, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = solo_plans, check_for_backend(MultiBackend))]
pub struct SoloPlanRow {
    /// The person.
    pub account_id: AccountId,
    /// Needs and protocol, sealed with the account's data key.
    pub content: Vec<u8>,
    /// When it was written last.
    pub written_at: Ts,
}

/// The plan of a person; None: none was written.
pub fn find(db: &mut Db, account: AccountId) -> QueryResult<Option<SoloPlanRow>> {
    solo_plans::table.find(account).select(SoloPlanRow::as_select()).first(db).optional()
}

/// Saves a plan in place of the one before.
pub fn write(db: &mut Db, row: &SoloPlanRow) -> QueryResult<usize> {
    put!(db, solo_plans by account_id, row)
}

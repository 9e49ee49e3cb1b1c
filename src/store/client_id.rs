//! What an app created under an id of its own (R04).

use super::schema::client_ids;
use super::{Db, MultiBackend};
use crate::ids::{AccountId, RowId};
use diesel::prelude::*;

/// One id that an app made, and what was created under it.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = client_ids, check_for_backend(MultiBackend))]
pub struct ClientIdRow {
    /// Whose app made the id.
    pub account_id: AccountId,
    /// Keyed hash of the account and the id.
    pub client_hash: Vec<u8>,
    /// The noun of what was created.
    pub noun: String,
    /// What was created, or what was found instead.
    pub object_id: RowId,
}

/// Saves an id.
pub fn insert(db: &mut Db, row: &ClientIdRow) -> QueryResult<usize> {
    diesel::insert_into(client_ids::table).values(row).execute(db)
}

/// The row of an id of this person's apps.
pub fn find(db: &mut Db, account: AccountId, client_hash: &[u8]) -> QueryResult<Option<ClientIdRow>> {
    client_ids::table.find((account, client_hash)).select(ClientIdRow::as_select()).first(db).optional()
}

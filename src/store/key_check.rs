//! What tells at a start that the master key is the one that this database was sealed with.

use super::dialect::on_both;
use super::schema::key_checks;
use super::{Db, MultiBackend};
use diesel::prelude::*;

/// One check.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = key_checks, check_for_backend(MultiBackend))]
pub struct KeyCheckRow {
    /// Which key.
    pub name: String,
    /// A known text, sealed with it.
    pub sealed: Vec<u8>,
}

/// The check of that name.
pub fn find(db: &mut Db, name: &str) -> QueryResult<Option<KeyCheckRow>> {
    key_checks::table.find(name).select(KeyCheckRow::as_select()).first(db).optional()
}

/// Saves a check unless there is one, and returns the one that there is.
pub fn keep(db: &mut Db, row: &KeyCheckRow) -> QueryResult<KeyCheckRow> {
    on_both!(db, |c| diesel::insert_into(key_checks::table).values(row).on_conflict_do_nothing().execute(c))?;
    key_checks::table.find(&row.name).select(KeyCheckRow::as_select()).first(db)
}

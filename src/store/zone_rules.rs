//! Which version of the tz database planned what waits.

use super::Db;
use super::dialect::put;
use super::schema::zone_rules;
use crate::ids::RowId;
use diesel::prelude::*;
use uuid::Uuid;

/// The only row of its table.
#[derive(Insertable, AsChangeset)]
#[diesel(table_name = zone_rules)]
struct RulesRow<'a> {
    /// Always nil: there is one row.
    id: RowId,
    /// The version, such as 2025b.
    version: &'a str,
}

/// The version; None: nobody noted it.
pub fn version(db: &mut Db) -> QueryResult<Option<String>> {
    zone_rules::table.select(zone_rules::version).first(db).optional()
}

/// Notes the version, in place of the last one.
pub fn note(db: &mut Db, version: &str) -> QueryResult<usize> {
    let row = RulesRow { id: RowId(Uuid::nil()), version };
    put!(db, zone_rules by id, &row)
}

//! The house secret of the database, wrapped by the master key in force.

use super::dialect::on_both;
use super::schema::house_secrets;
use super::{Db, MultiBackend};
use crate::ids::RowId;
use diesel::prelude::*;
use uuid::Uuid;

/// The only row of its table.
#[derive(Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = house_secrets, check_for_backend(MultiBackend))]
pub struct HouseSecretRow {
    /// Always nil: there is one row.
    pub id: RowId,
    /// The secret, wrapped by the master key in force.
    pub secret: Vec<u8>,
}

/// The wrapped secret; None: nothing is sealed in the database yet.
pub fn find(db: &mut Db) -> QueryResult<Option<Vec<u8>>> {
    house_secrets::table.find(RowId(Uuid::nil())).select(house_secrets::secret).first(db).optional()
}

/// Saves a wrapped secret unless there is one, and returns the saved one.
pub fn keep(db: &mut Db, secret: Vec<u8>) -> QueryResult<Vec<u8>> {
    let row = HouseSecretRow { id: RowId(Uuid::nil()), secret };
    on_both!(db, |c| diesel::insert_into(house_secrets::table)
        .values(&row)
        .on_conflict_do_nothing()
        .execute(c))?;
    house_secrets::table.find(row.id).select(house_secrets::secret).first(db)
}

/// Inserts any row, for the check-up, which rolls it back.
pub fn insert(db: &mut Db, row: &HouseSecretRow) -> QueryResult<usize> {
    diesel::insert_into(house_secrets::table).values(row).execute(db)
}

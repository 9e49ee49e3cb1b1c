//! The queries of the check-up and of readiness; all that they leave in the database is when it last took a write.

use super::dialect::{POSTGRES_MIGRATIONS, Purpose, SQLITE_MIGRATIONS, put};
use super::schema::write_checks;
use super::types::{Ts, sql};
use super::{Db, StoreError};
use crate::ids::RowId;
use diesel::migration::MigrationSource;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::result::Error as DieselError;
use diesel::sqlite::Sqlite;
use diesel_migrations::MigrationHarness;

/// How the database's schema compares with this program's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schema {
    /// Migrations of this program that have not run there.
    pub pending: usize,
    /// Migrations that ran there and that this program does not know: a later version was there.
    pub unknown: usize,
}

/// Runs work in a transaction and rolls it back.
fn undone<T>(db: &mut Db, work: impl FnOnce(&mut Db) -> Result<T, StoreError>) -> Result<T, StoreError> {
    let mut value = None;
    let ended: Result<(), StoreError> = db.transact(Purpose::Write, |db| {
        value = Some(work(db)?);
        Err(DieselError::RollbackTransaction.into())
    });
    match (value, ended) {
        (Some(value), Err(StoreError::Query(DieselError::RollbackTransaction))) => Ok(value),
        (_, Err(error)) => Err(error),
        (_, Ok(())) => Err(StoreError::Dropped),
    }
}

/// Compares the migrations that ran with this program's.
///
/// # Errors
/// If the database cannot be read.
pub fn schema(db: &mut Db) -> Result<Schema, StoreError> {
    type Failure = Box<dyn std::error::Error + Send + Sync>;
    let counts = |db: &mut Db| -> Result<(usize, usize, usize), Failure> {
        Ok(match db {
            Db::Postgres(c) => (
                c.pending_migrations(POSTGRES_MIGRATIONS)?.len(),
                c.applied_migrations()?.len(),
                MigrationSource::<Pg>::migrations(&POSTGRES_MIGRATIONS)?.len(),
            ),
            Db::Sqlite(c) => (
                c.pending_migrations(SQLITE_MIGRATIONS)?.len(),
                c.applied_migrations()?.len(),
                MigrationSource::<Sqlite>::migrations(&SQLITE_MIGRATIONS)?.len(),
            ),
        })
    };
    // Reading creates the table of migrations if it is missing, so this is rolled back too.
    let (pending, applied, known) =
        undone(db, |db| counts(db).map_err(|error| StoreError::Migration(error.to_string())))?;
    Ok(Schema { pending, unknown: applied.saturating_sub(known - pending) })
}

/// The only row of its table.
#[derive(Insertable, AsChangeset)]
#[diesel(table_name = write_checks)]
struct CheckRow {
    /// Always nil: there is one row.
    id: RowId,
    /// When.
    checked_at: Ts,
}

/// Writes when the database was last seen to take a write. It counts only if it is committed: what is undone need not reach
/// the disk, which may be full.
///
/// # Errors
/// If the database refuses the write.
pub fn note_write(db: &mut Db, now: Ts) -> QueryResult<usize> {
    let row = CheckRow { id: RowId(uuid::Uuid::nil()), checked_at: now };
    put!(db, write_checks by id, &row)
}

/// [`note_write`] in a transaction of its own.
///
/// # Errors
/// As there.
pub fn try_write(db: &mut Db, now: Ts) -> Result<(), StoreError> {
    db.transact(Purpose::Write, |db| Ok(note_write(db, now).map(drop)?))
}

#[derive(QueryableByName)]
struct Clock {
    #[diesel(sql_type = sql::Ts)]
    now: Ts,
}

/// The clock of the database server; None: the backend has none of its own.
///
/// # Errors
/// If the database cannot be read.
pub fn server_clock(db: &mut Db) -> QueryResult<Option<Ts>> {
    match db {
        Db::Sqlite(_) => Ok(None),
        Db::Postgres(c) => {
            let clock: Clock = diesel::sql_query("SELECT clock_timestamp() AS now").get_result(c)?;
            Ok(Some(clock.now))
        }
    }
}

//! Whether the settings' URLs lead to a transaction pooler where they should, and nowhere else.

use super::dialect::Purpose;
use super::{Db, Location, Pooling, StoreError, house_secret};
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel::sql_types::Integer;

const UNNAMED: &str = "setting database_url: this leads to a transaction pooler. Set database_direct_url too, to a URL that \
    leads past the pooler, straight to PostgreSQL";
const NOT_DIRECT: &str = "setting database_direct_url: this leads to a transaction pooler; it must lead past it, straight to \
    PostgreSQL";
const ELSEWHERE: &str = "setting database_direct_url: this leads to another database than database_url does";

/// How diesel names the statements that it prepares. Only a pooler makes them unknown or known twice.
const STATEMENT: &str = "__diesel_stmt_";

#[derive(QueryableByName)]
struct Backend {
    #[diesel(sql_type = Integer)]
    pid: i32,
}

/// The process of the server that answers on this connection.
fn backend(connection: &mut PgConnection) -> QueryResult<i32> {
    let backend: Backend = diesel::sql_query("SELECT pg_backend_pid() AS pid").get_result(connection)?;
    Ok(backend.pid)
}

/// Refuses a transaction pooler that the settings do not name as one. Two open connections have two processes of the server;
/// a transaction pooler lends one process to both, in turn. On a busy one they may get two, so that it is not always found.
///
/// # Errors
/// [`StoreError::Misdirected`] if there is such a pooler; else as the database.
pub fn refuse_unnamed(direct: &mut Db, location: &Location) -> Result<(), StoreError> {
    let Db::Postgres(first) = direct else { return Ok(()) };
    let Db::Postgres(mut second) = Db::open(&location.direct())? else { return Ok(()) };
    if backend(first)? != backend(&mut second)? {
        return Ok(());
    }
    Err(StoreError::Misdirected(match location.pooling() {
        Pooling::Off => UNNAMED,
        Pooling::Transaction => NOT_DIRECT,
    }))
}

/// Refuses two URLs that lead to two databases, by the secret that each holds. Before the first start there is none yet.
///
/// # Errors
/// [`StoreError::Misdirected`] if they do; else as the database.
pub fn refuse_other_database(direct: &mut Db, location: &Location) -> Result<(), StoreError> {
    if location.pooling() == Pooling::Off {
        return Ok(());
    }
    let find = |db: &mut Db| match house_secret::find(db) {
        // There is no such table.
        Err(DieselError::DatabaseError(DatabaseErrorKind::Unknown, _)) => Ok(None),
        found => found.map_err(StoreError::from),
    };
    let mut pooled = Db::open(location)?;
    // A rotation of the master key may wrap it anew between the two looks.
    for _ in 0..3 {
        let secret = find(direct)?;
        if secret.is_none() || secret == pooled.transact_by(location.pooling(), Purpose::Look, find)? {
            return Ok(());
        }
    }
    Err(StoreError::Misdirected(ELSEWHERE))
}

/// The error, or what to set if this is how a pooler shows that the settings do not name.
pub fn explained(error: StoreError) -> StoreError {
    if error.to_string().contains(STATEMENT) { StoreError::Misdirected(UNNAMED) } else { error }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_pooler_says_of_prepared_statements_becomes_what_to_set() {
        let told = |text: &str| explained(StoreError::Migration(text.to_owned())).to_string();
        for text in [
            "prepared statement \"__diesel_stmt_0\" already exists",
            "prepared statement \"__diesel_stmt_3\" does not exist",
        ] {
            assert!(told(text).contains("database_direct_url"), "{text}");
        }
        assert_eq!(told("disk full"), "migration: disk full");
    }
}

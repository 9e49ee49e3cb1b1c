//! A connection to either backend, and why it could not do its work.

use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DieselError};

/// A connection to either backend.
#[derive(diesel::MultiConnection)]
pub enum Db {
    /// PostgreSQL.
    Postgres(PgConnection),
    /// SQLite.
    Sqlite(SqliteConnection),
}

/// Why a query or transaction failed. Clients never see it (R36).
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A query failed.
    #[error("query: {0}")]
    Query(DieselError),
    /// No connection could be opened.
    #[error("connection: {0}")]
    Connection(#[from] diesel::ConnectionError),
    /// The schema could not be brought up to date.
    #[error("migration: {0}")]
    Migration(String),
    /// The settings' URLs do not lead where they should; the sentence names the setting.
    #[error("{0}")]
    Misdirected(&'static str),
    /// The time-out for a free thread passed; nothing was done.
    #[error("the database did not come to this work in time")]
    Busy,
    /// The connection did not answer in time and was given up; nobody knows whether the work is done.
    #[error("the database fell silent")]
    Silent,
    /// The work was lost: it panicked, or the process is stopping.
    #[error("the database thread dropped the work")]
    Dropped,
}

impl From<DieselError> for StoreError {
    fn from(error: DieselError) -> Self {
        Self::Query(error)
    }
}

impl StoreError {
    /// Whether a unique constraint refused a row.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Query(DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _)))
    }

    /// Whether PostgreSQL may have undone the transaction for another one's sake. A serialization failure has a kind of its
    /// own; a deadlock has none, and its words are in the server's language, so that what has no kind counts as one.
    pub(super) fn may_pass(&self) -> bool {
        use DatabaseErrorKind::{SerializationFailure, Unknown};
        matches!(self, Self::Query(DieselError::DatabaseError(SerializationFailure | Unknown, _)))
    }
}

/// Why a transaction failed.
pub trait Failure: From<StoreError> {
    /// The database's error, if it was one.
    fn of_store(&self) -> Option<&StoreError>;
}

impl Failure for StoreError {
    fn of_store(&self) -> Option<&StoreError> {
        Some(self)
    }
}

/// `as_returning()` does not compile on the `Db` enum; this names the columns instead.
pub fn columns<T: diesel::Selectable<MultiBackend>>() -> T::SelectExpression {
    T::construct_selection()
}

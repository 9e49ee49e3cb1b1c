//! The database: one set of diesel queries for SQLite and PostgreSQL, run on threads that own their connection.

pub mod account;
pub mod address_request;
pub mod change;
pub mod check_in;
pub mod checkup;
pub mod debrief;
pub mod device;
pub mod dialect;
pub mod erasure;
pub mod export;
pub mod feeds;
pub mod house_secret;
pub mod idempotency;
pub mod journal;
mod keyset_page;
pub mod log_in_challenge;
pub mod negotiation;
pub mod notify;
pub mod nudge;
pub mod page_token;
pub mod partner_link;
pub mod passkey;
pub mod queue;
pub mod recovery_code;
pub mod scene;
pub mod schema;
pub mod sealed;
pub mod session;
mod threads;
pub mod totp;
pub mod types;

pub use dialect::Location;
pub use threads::{DatabaseThreads, Store};

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
    /// The time-out for a free thread passed; nothing was done.
    #[error("the database did not come to this work in time")]
    Busy,
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
}

/// `as_returning()` does not compile on the `Db` enum; this names the columns instead.
pub fn columns<T: diesel::Selectable<MultiBackend>>() -> T::SelectExpression {
    T::construct_selection()
}

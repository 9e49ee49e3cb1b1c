//! Everything that differs between the two backends: opening, migrating, transactions, locks, claims.

use super::{Db, StoreError};
use crate::store::types::Ts;
use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::prelude::*;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

/// PostgreSQL's migrations.
pub const POSTGRES_MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/postgres");
/// SQLite's migrations, under the same names.
pub const SQLITE_MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

/// The advisory lock of the process that migrates; the others wait for it. The number is arbitrary.
const MIGRATION_LOCK: &str = "7315001";

/// The advisory lock that every write transaction shares, and that [`Purpose::WriteAlone`] takes for itself.
const WRITERS_LOCK: &str = "7315002";
/// How long [`Purpose::WriteAlone`] waits for transactions under way, while others queue up behind it.
const ALONE_WITHIN: &str = "3s";

/// What a transaction is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Read only: all statements see the same state.
    Look,
    /// Write.
    Write,
    /// Write while no other transaction does, for changes to what others have already read, such as a data key.
    WriteAlone,
}

/// Compiles one diesel expression for each backend, for what the `Db` enum cannot express (`ON CONFLICT`, inserting
/// several rows).
macro_rules! on_both {
    ($db:expr, |$connection:ident| $body:expr) => {
        match $db {
            $crate::store::Db::Postgres($connection) => $body,
            $crate::store::Db::Sqlite($connection) => $body,
        }
    };
}
pub(crate) use on_both;

/// Where the database is, from `DATABASE_URL`.
#[derive(Clone, PartialEq, Eq)]
pub enum Location {
    /// The path of a file.
    Sqlite(String),
    /// A connection URL, password included.
    Postgres(String),
}

/// Shows the backend only: a connection URL may hold a password.
impl std::fmt::Debug for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.backend())
    }
}

impl Location {
    /// Reads a `DATABASE_URL`. Refuses unknown schemes: a mistyped one must not become a file name.
    pub fn parse(url: &str) -> Result<Self, String> {
        match url.split_once(':') {
            Some(("sqlite", path)) if !path.is_empty() => {
                Ok(Self::Sqlite(path.strip_prefix("//").unwrap_or(path).to_owned()))
            }
            // Checked here, since the client library quotes a URL that it cannot read, password included.
            Some(("postgres" | "postgresql", _)) => match url::Url::parse(url) {
                Ok(parsed) if parsed.path().matches('/').count() <= 1 && whole_escapes(url) => {
                    Ok(Self::Postgres(url.to_owned()))
                }
                Ok(_) | Err(_) => Err("this is not of the form postgres://USER:PASSWORD@HOST/NAME; \
                    write special characters in the password as %XX"
                    .to_owned()),
            },
            _ => Err("the valid forms are sqlite:PATH and postgres://USER@HOST/NAME".to_owned()),
        }
    }

    /// The backend's name, for people.
    pub fn backend(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "SQLite",
            Self::Postgres(_) => "PostgreSQL",
        }
    }
}

/// Whether every `%` starts an escape of two hexadecimal digits.
fn whole_escapes(url: &str) -> bool {
    let two_digits = |rest: &str| rest.len() >= 2 && rest.bytes().take(2).all(|b| b.is_ascii_hexdigit());
    url.split('%').skip(1).all(two_digits)
}

impl Db {
    /// Opens a connection.
    pub fn open(location: &Location) -> Result<Self, StoreError> {
        match location {
            Location::Postgres(url) => Ok(Self::Postgres(PgConnection::establish(url)?)),
            Location::Sqlite(path) => {
                let mut connection = SqliteConnection::establish(path)?;
                // busy_timeout comes first: switching to WAL can itself find the file locked. FULL, since a confirmed
                // agreement or answer must survive a power cut.
                connection.batch_execute(
                    "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
                     PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON;",
                )?;
                Ok(Self::Sqlite(connection))
            }
        }
    }

    /// Brings the schema up to date. Several processes may start at once: one migrates, the others wait.
    pub fn migrate(&mut self) -> Result<(), StoreError> {
        let failed =
            |error: Box<dyn std::error::Error + Send + Sync>| StoreError::Migration(error.to_string());
        match self {
            Self::Postgres(connection) => {
                connection.batch_execute(&format!("SELECT pg_advisory_lock({MIGRATION_LOCK})"))?;
                let migrated = connection.run_pending_migrations(POSTGRES_MIGRATIONS).map(drop);
                connection.batch_execute(&format!("SELECT pg_advisory_unlock({MIGRATION_LOCK})"))?;
                migrated.map_err(failed)
            }
            // SQLite has one writer: a second process waits, and then finds nothing to do.
            Self::Sqlite(connection) => connection.immediate_transaction(|connection| {
                connection.run_pending_migrations(SQLITE_MIGRATIONS).map(drop).map_err(failed)
            }),
        }
    }

    /// Whether the connection still answers.
    pub fn ping(&mut self) -> QueryResult<()> {
        self.batch_execute("SELECT 1")
    }

    /// Runs a transaction: commits if `work` returns `Ok`, else rolls back. Writes are `BEGIN IMMEDIATE` on SQLite, so
    /// that no lock upgrade fails half way; they are always alone there.
    pub(crate) fn transact<T, E: From<StoreError>>(
        &mut self,
        purpose: Purpose,
        work: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        type Manager = <Db as Connection>::TransactionManager;
        let begun = match self {
            Self::Sqlite(connection) => AnsiTransactionManager::begin_transaction_sql(
                connection,
                match purpose {
                    Purpose::Look => "BEGIN",
                    Purpose::Write | Purpose::WriteAlone => "BEGIN IMMEDIATE",
                },
            ),
            // One statement per transaction start: no extra round trip to the server.
            Self::Postgres(connection) => AnsiTransactionManager::begin_transaction_sql(
                connection,
                &match purpose {
                    Purpose::Look => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY".to_owned(),
                    Purpose::Write => format!("BEGIN; SELECT pg_advisory_xact_lock_shared({WRITERS_LOCK})"),
                    Purpose::WriteAlone => format!(
                        "BEGIN; SET LOCAL lock_timeout = '{ALONE_WITHIN}'; SELECT pg_advisory_xact_lock({WRITERS_LOCK})"
                    ),
                },
            ),
        };
        begun.map_err(StoreError::from)?;
        match work(self) {
            Ok(value) => {
                Manager::commit_transaction(self).map_err(StoreError::from)?;
                Ok(value)
            }
            Err(error) => {
                Manager::rollback_transaction(self).map_err(StoreError::from)?;
                Err(error)
            }
        }
    }
}

/// Locks one row of `partner_links` until the transaction ends, so that two people act on one link one after the other.
/// SQLite's writers are alone anyway.
pub fn lock_link(db: &mut Db, id: crate::ids::LinkId) -> QueryResult<()> {
    use super::schema::partner_links;
    match db {
        Db::Sqlite(_) => Ok(()),
        Db::Postgres(connection) => partner_links::table
            .find(id)
            .select(partner_links::id)
            .for_no_key_update()
            .first::<crate::ids::LinkId>(connection)
            .optional()
            .map(drop),
    }
}

/// Locks one row of `accounts` against others that lock it. Rows that refer to it can still be inserted.
pub fn lock_account(db: &mut Db, id: crate::ids::AccountId) -> QueryResult<()> {
    use super::schema::accounts;
    match db {
        Db::Sqlite(_) => Ok(()),
        Db::Postgres(connection) => accounts::table
            .find(id)
            .select(accounts::id)
            .for_no_key_update()
            .first::<crate::ids::AccountId>(connection)
            .optional()
            .map(drop),
    }
}

/// Locks a keyed hash until the transaction ends: of two transactions that would insert the same unique value, the
/// second waits and finds the first one's row.
pub fn lock_index(db: &mut Db, index: &[u8]) -> QueryResult<()> {
    match db {
        Db::Sqlite(_) => Ok(()),
        Db::Postgres(connection) => {
            let mut number = [0; 8];
            number.iter_mut().zip(index).for_each(|(to, from)| *to = *from);
            diesel::sql_query("SELECT pg_advisory_xact_lock($1)")
                .bind::<diesel::sql_types::BigInt, _>(i64::from_be_bytes(number))
                .execute(connection)
                .map(drop)
        }
    }
}

/// Locks the daily counts of some recipients until the transaction ends, so that workers which claimed nudges of the
/// same people count one after the other (R22). Only workers take it, and in one order, so that none deadlocks.
pub fn lock_counts(db: &mut Db, recipients: &[crate::ids::AccountId]) -> QueryResult<()> {
    use crate::ids::TypedId as _;
    match db {
        Db::Sqlite(_) => Ok(()),
        Db::Postgres(connection) => {
            let number = |id: &crate::ids::AccountId| {
                let (high, low) = id.uuid().as_u64_pair();
                (high ^ low).cast_signed()
            };
            let mut numbers: Vec<i64> = recipients.iter().map(number).collect();
            numbers.sort_unstable();
            numbers.dedup();
            diesel::sql_query(
                "SELECT pg_advisory_xact_lock(n) FROM unnest($1) WITH ORDINALITY AS t(n, o) ORDER BY o",
            )
            .bind::<diesel::sql_types::Array<diesel::sql_types::BigInt>, _>(numbers)
            .execute(connection)
            .map(drop)
        }
    }
}

/// Notifies workers in other processes, on commit, that nudges were planned.
pub fn notify_workers(db: &mut Db) -> QueryResult<()> {
    match db {
        // SQLite's processes poll often enough; see the worker's poll.
        Db::Sqlite(_) => Ok(()),
        Db::Postgres(connection) => {
            diesel::sql_query(format!("NOTIFY {}", super::notify::CHANNEL)).execute(connection).map(drop)
        }
    }
}

diesel::alias!(super::schema::nudges as due: Due);

/// Claims up to `most` due nudges: gives `worker` a lease until `lease_until` and counts one attempt more (R15).
pub fn claim(
    db: &mut Db,
    worker: crate::ids::WorkerId,
    now: Ts,
    lease_until: Ts,
    most: i64,
) -> QueryResult<Vec<super::nudge::NudgeRow>> {
    use super::schema::nudges;
    use crate::domain::nudge::NudgeState;
    let ready = due
        .filter(due.field(nudges::state).eq(NudgeState::Waiting))
        .filter(due.field(nudges::send_at).le(now))
        .filter(due.field(nudges::lease_until).is_null().or(due.field(nudges::lease_until).le(now)))
        .order((due.field(nudges::send_at).asc(), due.field(nudges::id).asc()))
        .select(due.field(nudges::id))
        .limit(most);
    let lease = (
        nudges::attempts.eq(nudges::attempts + 1),
        nudges::leased_by.eq(Some(worker)),
        nudges::lease_until.eq(Some(lease_until)),
    );
    match db {
        // ANY(ARRAY(…)) runs the subquery once; IN (… LIMIT …) may run it again and claim more than asked.
        Db::Postgres(connection) => diesel::update(nudges::table)
            .filter(
                nudges::id.eq_any(diesel::dsl::array::<crate::ids::Uid, _>(ready.for_update().skip_locked())),
            )
            .set(lease)
            .returning(nudges::all_columns)
            .get_results(connection),
        Db::Sqlite(connection) => diesel::update(nudges::table)
            .filter(nudges::id.eq_any(ready))
            .set(lease)
            .returning(nudges::all_columns)
            .get_results(connection),
    }
}

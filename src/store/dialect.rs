//! Everything that the two backends say differently: opening, migrating, write transactions, upserts, claims.

use super::{Db, StoreError};
use crate::store::types::Ts;
use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::prelude::*;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

/// PostgreSQL's tree.
pub const POSTGRES_MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/postgres");
/// SQLite's tree; the same names.
pub const SQLITE_MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

/// The advisory lock under which one process migrates and the others wait. Any number will do; it is ours.
const MIGRATION_LOCK: &str = "7315001";

/// The advisory lock that every unit which writes shares, and that one which must be alone has for itself.
const WRITERS_LOCK: &str = "7315002";
/// How long such a one waits, and has others wait behind it, for those that are under way.
const ALONE_WITHIN: &str = "3s";

/// What a transaction is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To read: all statements see the same state.
    Look,
    /// To write.
    Write,
    /// To write while nobody else does, since it changes what others hold in hand, such as a data key.
    WriteAlone,
}

/// The same diesel expression, compiled once for each backend: for what the enum cannot say (`ON CONFLICT`,
/// insertion of several rows).
macro_rules! on_both {
    ($db:expr, |$connection:ident| $body:expr) => {
        match $db {
            $crate::store::Db::Postgres($connection) => $body,
            $crate::store::Db::Sqlite($connection) => $body,
        }
    };
}
pub(crate) use on_both;

/// Where the data lives, as `DATABASE_URL` says.
#[derive(Clone, PartialEq, Eq)]
pub enum Location {
    /// A file of the embedded database.
    Sqlite(String),
    /// A connection URL, password and all.
    Postgres(String),
}

/// A connection URL may hold a password: it is not shown.
impl std::fmt::Debug for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.backend())
    }
}

impl Location {
    /// Reads a `DATABASE_URL`. Every scheme that is not known is refused: a mistyped one must not become a file.
    pub fn parse(url: &str) -> Result<Self, String> {
        match url.split_once(':') {
            Some(("sqlite", path)) if !path.is_empty() => {
                Ok(Self::Sqlite(path.strip_prefix("//").unwrap_or(path).to_owned()))
            }
            // Checked here, since the client library quotes what it cannot read, password and all.
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

/// Whether every `%` begins an escape of two hexadecimal digits.
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
                // busy_timeout comes first: switching to WAL can itself find the file locked. FULL, because an
                // agreement or an answer that was confirmed must survive a power cut.
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
            // One writer at a time: the second process finds everything done.
            Self::Sqlite(connection) => connection.immediate_transaction(|connection| {
                connection.run_pending_migrations(SQLITE_MIGRATIONS).map(drop).map_err(failed)
            }),
        }
    }

    /// Whether the connection still answers.
    pub fn ping(&mut self) -> QueryResult<()> {
        self.batch_execute("SELECT 1")
    }

    /// A transaction. One that writes is `BEGIN IMMEDIATE` on SQLite, so that no lock upgrade can fail half way; there
    /// it is alone anyway.
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
            // Whatever it is, it is sent at once: no unit pays for a way of its own to the server and back.
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

/// Locks one row of `partner_links`, so that two people who act on one link act one after the other. SQLite's
/// writers are alone anyway.
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

/// Locks one row of `accounts` against others that lock it; rows that refer to it may still be added.
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

/// Locks a keyed hash against others that lock it, until the end of the transaction: two that would insert the same
/// unique value do so one after the other, and the second finds the first's row.
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

/// Lets workers that have nudges of the same people in hand count what those got one after the other, until the end
/// of the transaction (R22). Taken by workers alone, in one order, so that none waits for one that waits for it.
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

/// Tells workers in other processes, once the transaction is saved, that nudges were planned.
pub fn notify_workers(db: &mut Db) -> QueryResult<()> {
    match db {
        // Its processes look often enough; see the worker's poll.
        Db::Sqlite(_) => Ok(()),
        Db::Postgres(connection) => {
            diesel::sql_query(format!("NOTIFY {}", super::notify::CHANNEL)).execute(connection).map(drop)
        }
    }
}

diesel::alias!(super::schema::nudges as due: Due);

/// Claims up to `most` nudges that are due: a lease until `lease_until` for `worker`, one attempt more (R15).
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

//! Everything that differs between the two backends: opening, migrating, transactions, locks.

use super::location::with_defaults;
use super::types::{Ts, sql};
use super::{Db, Failure, Location, Pooling, StoreError};
use crate::domain::hand_over::LEASE_MAX;
use crate::domain::lane::Share;
use crate::ids::{AccountId, NudgeId, Uid};
use diesel::ConnectionError;
use diesel::connection::{AnsiTransactionManager, CacheSize, SimpleConnection, TransactionManager};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use jiff::{SignedDuration, Timestamp};
use std::sync::LazyLock;

/// PostgreSQL's migrations.
pub const POSTGRES_MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/postgres");
/// SQLite's migrations, under the same names.
pub const SQLITE_MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

/// The advisory lock of the process that migrates; the others wait for it. The number is arbitrary.
const MIGRATION_LOCK: &str = "7315001";

/// The tables whose keys others read at the start of their transaction. Whoever read one holds a lock of it until the end
/// anyway, so that a transaction which locks them for itself is alone with the keys, and no other pays for that.
const KEY_TABLES: &str = "accounts, partner_links, house_secrets";
/// How long [`Purpose::WriteAlone`] waits for one of these tables, while others queue up behind it. It is shorter than
/// PostgreSQL waits before it looks for a deadlock: it gives way itself, and nobody else is turned away.
const ALONE_WITHIN: &str = "100ms";
/// How often it tries, and how long it lets the others pass in between: 10 s in all at the least.
const ALONE_TRIES: usize = 50;
const ALONE_PAUSE: std::time::Duration = std::time::Duration::from_millis(200);
/// How often a transaction runs that PostgreSQL undoes for another one's sake.
const TRIES: usize = 4;
/// It runs again only so soon after its first begin: a caller waits, and a connection is given up that seems to be silent. One
/// that ended in a deadlock has waited for the server's `deadlock_timeout`, 1 s unless it was changed.
const AGAIN_WITHIN: std::time::Duration = std::time::Duration::from_secs(5);
/// What holds for each statement on PostgreSQL. It ends before its connection is given up, and a transaction whose client
/// fell silent lets go of its locks. Nothing is compiled, since no statement runs for long: the look at the lanes took 24 ms
/// beside 100,000 due nudges, of which compiling it took 16.
const SETTINGS: [(&str, &str); 3] =
    [("jit", "off"), ("statement_timeout", "15s"), ("idle_in_transaction_session_timeout", "30s")];
/// What a connection to PostgreSQL begins with. One that waits for work stays open (its setting is there since version 14).
static ON_OPEN: LazyLock<String> = LazyLock::new(|| {
    let stays = "SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'idle_session_timeout'";
    SETTINGS.map(|(name, value)| format!("SET {name} = '{value}'; ")).concat() + stays
});
/// What a transaction behind a pooler goes on with, in the same message: the session has other clients before and after it.
static ON_BEGIN: LazyLock<String> =
    LazyLock::new(|| SETTINGS.map(|(name, value)| format!("; SET LOCAL {name} = '{value}'")).concat());
/// How often a connection to a pooler is opened anew; see [`open_pooled`].
const OPEN_TRIES: usize = 20;
/// Fails unless the session can write: a server that was demoted by a fail-over still answers. One message, which a
/// transaction pooler takes as one transaction.
const WRITABLE: &str = "DO $$BEGIN IF current_setting('transaction_read_only') = 'on' \
    THEN RAISE read_only_sql_transaction; END IF; END$$";
/// The seed of the hash that makes an advisory lock of a recipient. The number is arbitrary.
const RECIPIENTS: &str = "7315003";

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

/// Saves a row in place of the one with its key.
macro_rules! put {
    ($db:expr, $table:ident by $key:ident, $row:expr) => {
        $crate::store::dialect::on_both!($db, |c| diesel::insert_into($table::table)
            .values($row)
            .on_conflict($table::$key)
            .do_update()
            .set($row)
            .execute(c))
    };
}
pub(crate) use put;

/// Deletes the first of the rows that meet a condition, and says how many: in the order of an index and few at a time, since
/// whoever waits for one of them waits for them all.
macro_rules! delete_first {
    ($db:expr, $most:expr, $table:ident: $key:ident as $kind:ty, $condition:expr, by $order:ident) => {{
        let old = $table::table.filter($condition).order($table::$order.asc()).limit($most);
        let old: Vec<$kind> = old.select($table::$key).load($db)?;
        match old.is_empty() {
            true => Ok(0),
            false => diesel::delete($table::table.filter($table::$key.eq_any(old))).execute($db),
        }
    }};
}
pub(crate) use delete_first;

/// The bytes of a table's `content`, summed up: neither backend reads the values themselves for it.
pub fn total_length() -> diesel::expression::SqlLiteral<diesel::sql_types::BigInt> {
    diesel::dsl::sql("COALESCE(SUM(LENGTH(content)), 0)")
}

impl Db {
    /// Opens a connection.
    pub fn open(location: &Location) -> Result<Self, StoreError> {
        match location {
            Location::Postgres(url) => {
                let mut connection = PgConnection::establish(&with_defaults(url, Pooling::Off))?;
                connection.batch_execute(&ON_OPEN)?;
                Ok(Self::Postgres(connection))
            }
            Location::Pooled { pooler, .. } => {
                Ok(Self::Postgres(open_pooled(&with_defaults(pooler, Pooling::Transaction))?))
            }
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

    /// Brings the schema up to date. Several processes may start at once: one migrates, the others wait. The connection must
    /// not lead through a pooler, where the lock would be somebody else's.
    pub fn migrate(&mut self) -> Result<(), StoreError> {
        let failed =
            |error: Box<dyn std::error::Error + Send + Sync>| StoreError::Migration(error.to_string());
        match self {
            Self::Postgres(connection) => {
                // However long a migration takes, and the wait for another process that makes one.
                connection.batch_execute(&format!(
                    "SET statement_timeout = 0; SELECT pg_advisory_lock({MIGRATION_LOCK})"
                ))?;
                let migrated = connection.run_pending_migrations(POSTGRES_MIGRATIONS).map(drop);
                connection
                    .batch_execute(&format!("SELECT pg_advisory_unlock({MIGRATION_LOCK}); {}", *ON_OPEN))?;
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

    /// Whether the connection still answers, and can be written to: a demoted server refuses every write for as long as one
    /// stays with it.
    pub(super) fn is_sound(&mut self) -> bool {
        match self {
            Self::Sqlite(connection) => connection.batch_execute("SELECT 1").is_ok(),
            Self::Postgres(connection) => connection.batch_execute(WRITABLE).is_ok(),
        }
    }

    fn begin(&mut self, pooling: Pooling, purpose: Purpose) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(connection) => Ok(AnsiTransactionManager::begin_transaction_sql(
                connection,
                match purpose {
                    Purpose::Look => "BEGIN",
                    Purpose::Write | Purpose::WriteAlone => "BEGIN IMMEDIATE",
                },
            )?),
            Self::Postgres(connection) => {
                let settings = match pooling {
                    Pooling::Off => "",
                    Pooling::Transaction => &ON_BEGIN,
                };
                let begin = match purpose {
                    Purpose::Look => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
                    Purpose::Write => "BEGIN",
                    Purpose::WriteAlone => return begin_alone(connection, settings),
                };
                Ok(AnsiTransactionManager::begin_transaction_sql(connection, &format!("{begin}{settings}"))?)
            }
        }
    }

    /// Runs a transaction on a connection without a pooler; see [`Db::transact_by`].
    pub(crate) fn transact<T, E: From<StoreError>>(
        &mut self,
        purpose: Purpose,
        work: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        self.transact_by(Pooling::Off, purpose, work)
    }

    /// Runs a transaction: commits if `work` returns `Ok`, else rolls back. Writes are `BEGIN IMMEDIATE` on SQLite, so
    /// that no lock upgrade fails half way; they are always alone there.
    pub(super) fn transact_by<T, E: From<StoreError>>(
        &mut self,
        pooling: Pooling,
        purpose: Purpose,
        work: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        type Manager = <Db as Connection>::TransactionManager;
        self.begin(pooling, purpose)?;
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

impl Db {
    /// As [`Db::transact_by`], and again if PostgreSQL undid the transaction for another one's sake.
    pub(super) fn transact_again<T, E: Failure>(
        &mut self,
        pooling: Pooling,
        purpose: Purpose,
        work: impl FnOnce(&mut Self) -> Result<T, E> + Clone,
    ) -> Result<T, E> {
        let begun = std::time::Instant::now();
        for _ in 1..TRIES {
            let done = self.transact_by(pooling, purpose, work.clone());
            let undone = done.as_ref().err().and_then(Failure::of_store).is_some_and(StoreError::may_pass);
            if !undone || matches!(self, Self::Sqlite(_)) || begun.elapsed() > AGAIN_WITHIN {
                return done;
            }
        }
        self.transact_by(pooling, purpose, work)
    }
}

/// Opens a connection to a transaction pooler. Statements have no names there: the next transaction runs in another session,
/// where a name means something else or nothing.
///
/// The client library itself sets time zone and encoding first, each prepared in one round trip and executed in the next. On
/// a busy pooler these reach two sessions, and the second knows nothing of it; then it tries again.
fn open_pooled(url: &str) -> Result<PgConnection, StoreError> {
    let mut tries = 1..OPEN_TRIES;
    loop {
        match PgConnection::establish(url) {
            Err(ConnectionError::CouldntSetupConfiguration(_)) if tries.next().is_some() => {}
            opened => {
                let mut connection = opened?;
                connection.set_prepared_statement_cache_size(CacheSize::Disabled);
                return Ok(connection);
            }
        }
    }
}

fn begin_alone(connection: &mut PgConnection, settings: &str) -> Result<(), StoreError> {
    // One message to the server for all of it.
    let begin = format!(
        "BEGIN{settings}; SET LOCAL lock_timeout = '{ALONE_WITHIN}'; LOCK TABLE {KEY_TABLES} IN ACCESS EXCLUSIVE MODE"
    );
    let mut tries = 1..=ALONE_TRIES;
    loop {
        let Err(error) = AnsiTransactionManager::begin_transaction_sql(connection, &begin) else {
            return Ok(());
        };
        connection.batch_execute("ROLLBACK")?;
        if tries.next().is_none() {
            return Err(error.into());
        }
        std::thread::park_timeout(ALONE_PAUSE);
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
pub fn lock_account(db: &mut Db, id: AccountId) -> QueryResult<()> {
    use super::schema::accounts;
    match db {
        Db::Sqlite(_) => Ok(()),
        Db::Postgres(connection) => accounts::table
            .find(id)
            .select(accounts::id)
            .for_no_key_update()
            .first::<AccountId>(connection)
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

/// The instants of a lease, by the database's clock where it has one (R38).
#[derive(Clone, Copy, Debug)]
pub struct LeaseTimes {
    /// Leases that ended by then are free.
    pub now: Ts,
    /// When a new one ends.
    pub until: Ts,
    /// No lease ends later than this: one that does was written by a wrong clock, and is free.
    pub latest: Ts,
}

impl LeaseTimes {
    /// Those of a lease of this length that begins at an instant of the clock of leases.
    pub fn at(now: Timestamp, lease: SignedDuration) -> Self {
        let latest = now + lease.max(LEASE_MAX);
        Self { now: now.into(), until: (now + lease).into(), latest: latest.into() }
    }
}

/// Not leased at `$1`, where no lease ends after `$2`; of the lane `$3`, due by `$4`: what can be claimed.
const FREE: &str = "(lease_until IS NULL OR lease_until <= $1 OR lease_until > $2) AND state = 'waiting' AND lane = $3 \
                    AND send_at <= $4";

/// A nudge that may be claimed.
#[derive(Clone, Copy, Debug, QueryableByName)]
pub struct Claimable {
    /// The nudge.
    #[diesel(sql_type = Uid)]
    pub id: NudgeId,
    /// Its recipient, who is locked.
    #[diesel(sql_type = Nullable<Uid>)]
    pub recipient_id: Option<AccountId>,
}

/// Finds one lane's share of due nudges, the oldest first, and locks their recipients until the transaction ends: one worker at
/// a time claims for a person and counts that person's day (R22). Leaves out whom another worker has locked, and never
/// waits, so that no two workers deadlock. SQLite's writers are alone anyway.
pub fn lock_due(db: &mut Db, lease: LeaseTimes, share: &Share) -> QueryResult<Vec<Claimable>> {
    let most = i64::try_from(share.most).unwrap_or(i64::MAX);
    let due_by = Ts::from(share.due_by);
    let due = format!("SELECT id, recipient_id FROM nudges WHERE {FREE} ORDER BY send_at, id");
    match db {
        Db::Sqlite(connection) => diesel::sql_query(format!("{due} LIMIT $5"))
            .bind::<sql::Ts, _>(lease.now)
            .bind::<sql::Ts, _>(lease.latest)
            .bind::<Text, _>(&share.lane)
            .bind::<sql::Ts, _>(due_by)
            .bind::<BigInt, _>(most)
            .load(connection),
        // OFFSET 0 keeps the lock out of the inner query, which may sort all due rows: none beyond `most` is locked.
        Db::Postgres(connection) => diesel::sql_query(format!(
            "SELECT id, recipient_id FROM ({due} OFFSET 0) AS due WHERE recipient_id IS NULL \
             OR pg_try_advisory_xact_lock(uuid_hash_extended(recipient_id, {RECIPIENTS})) LIMIT $5"
        ))
        .bind::<sql::Ts, _>(lease.now)
        .bind::<sql::Ts, _>(lease.latest)
        .bind::<Text, _>(&share.lane)
        .bind::<sql::Ts, _>(due_by)
        .bind::<BigInt, _>(most)
        .load(connection),
    }
}

/// Notifies workers in other processes, on commit, that nudges were planned. Only for what an operator does by hand: it
/// makes commits wait for each other, so ordinary writes ring the [`Bell`](super::notify::Bell) after theirs.
pub fn notify_workers(db: &mut Db) -> QueryResult<()> {
    match db {
        // SQLite's processes poll often enough; see the worker's poll.
        Db::Sqlite(_) => Ok(()),
        Db::Postgres(connection) => {
            diesel::sql_query(format!("NOTIFY {}", super::notify::CHANNEL)).execute(connection).map(drop)
        }
    }
}

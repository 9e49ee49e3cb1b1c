//! Transactions: the only ways to open one; each write also saves the change events it causes.
//!
//! Events are saved last in their transaction. After the commit, subscribers are notified in this process and in others;
//! nothing is told inside it, since on PostgreSQL that would make all commits wait for each other.

use super::context::{AppContext, RequestKey};
use super::error::{ActionResult, Fault, Refusal};
use super::metered::meter;
use crate::auth::tokens::REFRESH_GRACE;
use crate::chance::Chance;
use crate::clock::Clock;
use crate::ids::AccountId;
use crate::store::change::ChangeEvents;
use crate::store::dialect::Purpose;
use crate::store::types::Ts;
use crate::store::{Db, Failure, LeaseTimes, StoreError, checkup, house_secret, idempotency};
use crate::vault::{Aad, DataKey, Vault};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;
use std::sync::Arc;

/// How long an idempotency key is remembered.
pub const KEY_LIFE: SignedDuration = SignedDuration::from_hours(24);

/// An open database transaction, with what its actions need.
pub struct Transaction<'a> {
    /// The database connection.
    pub db: &'a mut Db,
    /// Seals and opens columns.
    pub vault: &'a Vault,
    /// The time of the whole transaction.
    pub now: Timestamp,
    /// Randomness: that of the vault.
    pub chance: &'a Chance,
    /// The clocks.
    clock: &'a Clock,
    /// The database's clock, once it was read.
    database: Option<Option<Timestamp>>,
    /// The request's idempotency key, if the transaction is a person's request with one.
    key_hash: Option<Vec<u8>>,
    /// Events to save at the end. Private, so that no transaction can be opened without saving its events.
    events: ChangeEvents,
}

impl<'a> Transaction<'a> {
    fn new(db: &'a mut Db, vault: &'a Vault, clock: &'a Clock) -> Self {
        let now = clock.now();
        Self {
            db,
            vault,
            now,
            clock,
            database: None,
            chance: vault.chance(),
            key_hash: None,
            events: ChangeEvents::default(),
        }
    }

    /// The transaction's time, as it is stored.
    pub fn ts(&self) -> Ts {
        self.now.into()
    }

    /// The instants of a lease that begins now: by the database's clock where it has one, since workers share it (R38).
    pub fn lease_times(&mut self, lease: SignedDuration) -> Result<LeaseTimes, Fault> {
        let now = self.database_clock()?.unwrap_or(self.now);
        Ok(LeaseTimes::at(now, lease))
    }

    /// The database's clock, as it was when this transaction first asked for it. None: it has none of its own.
    pub fn database_clock(&mut self) -> Result<Option<Timestamp>, Fault> {
        if let Some(read) = self.database {
            return Ok(read);
        }
        let read = self.clock.database(checkup::server_clock(self.db)?.map(Timestamp::from));
        self.database = Some(read);
        Ok(read)
    }

    /// Notes that the answer holds a secret, such as a token: it is kept for a repetition no longer than a refresh
    /// token may be used again (R31), so that whoever copied the request later gets nothing by it.
    pub fn answer_is_secret(&mut self) -> Result<(), Fault> {
        if let Some(key_hash) = &self.key_hash {
            idempotency::limit_response(self.db, key_hash, (self.now + REFRESH_GRACE).into())?;
        }
        Ok(())
    }

    /// A new data key, wrapped for its row by the master key in force in this transaction.
    pub fn new_data_key(&mut self, aad: Aad) -> Result<(DataKey, Vec<u8>), Fault> {
        let secret =
            house_secret::find(self.db)?.ok_or(Fault::Inconsistent("a database without its secret"))?;
        Ok(self.vault.new_data_key(aad, Vault::in_force(&secret)?)?)
    }

    /// The events to save when the transaction ends.
    pub(super) fn events(&mut self) -> &mut ChangeEvents {
        &mut self.events
    }

    /// The connection and the events, for code that [`startup_tx`] runs too.
    pub(super) fn db_and_events(&mut self) -> (&mut Db, &mut ChangeEvents) {
        (self.db, &mut self.events)
    }
}

impl AppContext {
    /// Reads in one transaction, from one consistent state.
    ///
    /// # Errors
    /// The closure's; also if it has events to send, because a reader causes none.
    pub async fn read_tx<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&mut Transaction<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let (context, vault) = (Arc::clone(self), self.vault.metered(meter()));
        let read = move |db: &mut Db| {
            let mut tx = Transaction::new(db, &vault, &context.clock);
            let seen = work(&mut tx)?;
            if !tx.events.is_empty() {
                return Err(Fault::Inconsistent("a transaction that only reads has something to tell"));
            }
            Ok(seen)
        };
        self.store.look(read).await
    }

    /// Reads by one statement without a transaction; for the check that every request makes.
    ///
    /// # Errors
    /// The closure's.
    pub async fn read_once<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&mut Db) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        self.store.read(work).await
    }

    /// Writes on a person's request, in one transaction with the request's idempotency key: all or nothing is
    /// saved. Notifies the workers of all processes, because nudges may have been planned.
    ///
    /// # Errors
    /// The closure's; [`Refusal::Repeated`] if the key was used before.
    pub async fn write_tx<T: Send + 'static>(
        self: &Arc<Self>,
        key: Option<&RequestKey>,
        work: impl FnOnce(&mut Transaction<'_>) -> ActionResult<T> + Clone + Send + 'static,
    ) -> ActionResult<T> {
        let key = key.cloned();
        let keyed = move |tx: &mut Transaction<'_>| {
            if let Some(key) = key {
                keep_key(tx, key)?;
            }
            work(tx)
        };
        self.commit(Purpose::Write, keyed, true).await
    }

    /// Writes on the service's own behalf, such as a worker's claims and results, or retention. Does not
    /// notify the worker, which looks at its own results anyway.
    ///
    /// # Errors
    /// The closure's; nothing is saved then.
    pub async fn worker_tx<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&mut Transaction<'_>) -> Result<T, Fault> + Clone + Send + 'static,
    ) -> Result<T, Fault> {
        self.commit(Purpose::Write, work, false).await
    }

    /// As [`AppContext::worker_tx`], while no other transaction writes, in any process: for changes to a key
    /// that others read at the start of their transaction and seal with at its end.
    ///
    /// # Errors
    /// As [`AppContext::worker_tx`]; also if the other transactions do not end in time.
    pub async fn exclusive_tx<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&mut Transaction<'_>) -> Result<T, Fault> + Clone + Send + 'static,
    ) -> Result<T, Fault> {
        self.commit(Purpose::WriteAlone, work, false).await
    }

    /// Runs one write transaction and saves its events. The database thread notifies the subscribers, and the workers if
    /// nudges may have been `planned`, so they hear of it even if the caller is cancelled meanwhile.
    async fn commit<T, E>(
        self: &Arc<Self>,
        purpose: Purpose,
        work: impl FnOnce(&mut Transaction<'_>) -> Result<T, E> + Clone + Send + 'static,
        planned: bool,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: Failure + From<diesel::result::Error> + Send + 'static,
    {
        let (context, vault) = (Arc::clone(self), self.vault.metered(meter()));
        let write = move |db: &mut Db| {
            let mut tx = Transaction::new(db, &vault, &context.clock);
            let done = work(&mut tx)?;
            let told = tx.events.save(tx.db)?;
            Ok::<_, E>((done, told))
        };
        let context = Arc::clone(self);
        let saved = move |(_, told): &(T, BTreeSet<AccountId>)| {
            if planned {
                context.planned.notify_one();
            }
            for account in told {
                context.feeds.wake(*account);
            }
            if let Some(bell) = context.store.bell() {
                bell.ring(planned, told);
            }
        };
        let (done, _) = self.store.write_then(purpose, write, saved).await?;
        Ok(done)
    }
}

/// How many answers whose secrets are given no longer a request clears on its way.
const SECRETS_CLEARED: i64 = 20;

/// Stores the request's idempotency key, in place of an expired one.
fn keep_key(tx: &mut Transaction<'_>, key: RequestKey) -> ActionResult<()> {
    let RequestKey { key_hash, body_hash, account } = key;
    idempotency::forget_secrets(tx.db, tx.ts(), SECRETS_CLEARED)?;
    idempotency::forget_one(tx.db, &key_hash, (tx.now - KEY_LIFE).into())?;
    tx.key_hash = Some(key_hash.clone());
    let row = idempotency::KeyRow {
        key_hash,
        body_hash,
        response: None,
        created_at: tx.ts(),
        account_id: account,
        secret_until: None,
    };
    idempotency::insert(tx.db, &row)
        .map_err(StoreError::from)
        .map_err(|error| if error.is_conflict() { Refusal::Repeated } else { error.into() })?;
    Ok(())
}

/// A transaction at start-up, before there is a context. Its events are saved too: the followers in other processes find
/// them when they look next, and this one has none yet.
///
/// # Errors
/// The closure's; nothing is saved then.
pub(super) fn startup_tx<T>(
    db: &mut Db,
    work: impl FnOnce(&mut Db, &mut ChangeEvents) -> Result<T, Fault>,
) -> Result<T, Fault> {
    db.transact(Purpose::Write, |db| {
        let mut events = ChangeEvents::default();
        let done = work(db, &mut events)?;
        events.save(db)?;
        Ok(done)
    })
}

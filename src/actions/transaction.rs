//! Transactions: the only ways to open one, and each that writes also saves what followers must hear.
//!
//! What a transaction tells is saved as the last thing in it. Once it is committed, whoever follows those feeds is woken,
//! in this process and in others.

use super::context::{AppContext, RequestKey};
use super::error::{ActionResult, Fault, Refusal};
use crate::chance::Chance;
use crate::ids::AccountId;
use crate::store::change::ChangeEvents;
use crate::store::dialect::Purpose;
use crate::store::types::Ts;
use crate::store::{Db, StoreError, house_secret, idempotency};
use crate::vault::{Aad, DataKey, Vault};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;
use std::sync::Arc;

/// How long an idempotency key is remembered.
pub const KEY_LIFE: SignedDuration = SignedDuration::from_hours(24);

/// A unit of work inside one transaction.
pub struct Transaction<'a> {
    /// The open transaction.
    pub db: &'a mut Db,
    /// What seals and opens.
    pub vault: &'a Vault,
    /// The instant of the whole unit.
    pub now: Timestamp,
    /// Chance: that of the vault.
    pub chance: &'a Chance,
    /// What is told when the unit ends. Private, so that nobody opens a unit whose news are not saved.
    events: ChangeEvents,
}

impl<'a> Transaction<'a> {
    fn new(db: &'a mut Db, vault: &'a Vault, now: Timestamp) -> Self {
        Self { db, vault, now, chance: vault.chance(), events: ChangeEvents::default() }
    }

    /// Now, as it is stored.
    pub fn ts(&self) -> Ts {
        self.now.into()
    }

    /// A new data key, wrapped for its row by the master key that is in force in this transaction.
    pub fn new_data_key(&mut self, aad: Aad) -> Result<(DataKey, Vec<u8>), Fault> {
        let secret =
            house_secret::find(self.db)?.ok_or(Fault::Inconsistent("a database without its secret"))?;
        Ok(self.vault.new_data_key(aad, Vault::in_force(&secret)?)?)
    }

    /// What is told when the unit ends.
    pub(super) fn events(&mut self) -> &mut ChangeEvents {
        &mut self.events
    }

    /// The open transaction and what is told when it ends, for what [`startup_tx`] does too.
    pub(super) fn db_and_news(&mut self) -> (&mut Db, &mut ChangeEvents) {
        (self.db, &mut self.events)
    }
}

impl AppContext {
    /// Reads in one transaction: all of it sees the same state.
    ///
    /// # Errors
    /// What the closure says; also if it has something to tell, since a reader causes no events.
    pub async fn read_tx<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&mut Transaction<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let context = Arc::clone(self);
        let read = move |db: &mut Db| {
            let mut tx = Transaction::new(db, &context.vault, context.clock.now());
            let seen = work(&mut tx)?;
            if !tx.events.is_empty() {
                return Err(Fault::Inconsistent("a transaction that only reads has something to tell"));
            }
            Ok(seen)
        };
        self.store.look(read).await
    }

    /// Reads by one statement, without a transaction around it: for what every request asks.
    ///
    /// # Errors
    /// What the closure says.
    pub async fn read_once<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&mut Db) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        self.store.read(work).await
    }

    /// Changes something that somebody asked for in one transaction, together with the request's idempotency key:
    /// either all of it is saved, or nothing. The worker is woken too, since nudges may have been planned.
    ///
    /// # Errors
    /// What the closure says; [`Refusal::Repeated`] if the key was used before.
    pub async fn write_tx<T: Send + 'static>(
        self: &Arc<Self>,
        key: Option<&RequestKey>,
        work: impl FnOnce(&mut Transaction<'_>) -> ActionResult<T> + Send + 'static,
    ) -> ActionResult<T> {
        let key = key.cloned();
        let keyed = move |tx: &mut Transaction<'_>| {
            if let Some(key) = key {
                keep_key(tx, key)?;
            }
            work(tx)
        };
        let context = Arc::clone(self);
        self.commit(Purpose::Write, keyed, move || context.planned.notify_one()).await
    }

    /// Changes something that the service does by itself in one transaction: what the worker records and claims, what
    /// is tidied up. The worker is not woken: it looks by itself at what it made due.
    ///
    /// # Errors
    /// What the closure says; then nothing is saved.
    pub async fn worker_tx<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&mut Transaction<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        self.commit(Purpose::Write, work, || {}).await
    }

    /// As [`AppContext::worker_tx`], while no other transaction writes, in whatever process: for what changes a key that
    /// others read at the beginning of their transaction and seal with at its end.
    ///
    /// # Errors
    /// As [`AppContext::worker_tx`]; also if the others do not end in time.
    pub async fn exclusive_tx<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&mut Transaction<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        self.commit(Purpose::WriteAlone, work, || {}).await
    }

    /// One transaction that writes, with its events. Who is to hear of it is woken by the database's thread, so that a
    /// caller that goes away meanwhile keeps it from nobody.
    async fn commit<T, E>(
        self: &Arc<Self>,
        purpose: Purpose,
        work: impl FnOnce(&mut Transaction<'_>) -> Result<T, E> + Send + 'static,
        woken: impl FnOnce() + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + From<diesel::result::Error> + Send + 'static,
    {
        let context = Arc::clone(self);
        let write = move |db: &mut Db| {
            let mut tx = Transaction::new(db, &context.vault, context.clock.now());
            let done = work(&mut tx)?;
            let told = tx.events.save(tx.db)?;
            Ok::<_, E>((done, told))
        };
        let feeds = Arc::clone(&self.feeds);
        let saved = move |(_, told): &(T, BTreeSet<AccountId>)| {
            woken();
            for account in told {
                feeds.wake(*account);
            }
        };
        let (done, _) = self.store.write_then(purpose, write, saved).await?;
        Ok(done)
    }
}

/// Notes that a request was taken, and forgets those that are too old.
fn keep_key(tx: &mut Transaction<'_>, key: RequestKey) -> ActionResult<()> {
    let RequestKey { key_hash, body_hash, account } = key;
    idempotency::forget(tx.db, (tx.now - KEY_LIFE).into())?;
    let row =
        idempotency::KeyRow { key_hash, body_hash, response: None, created_at: tx.ts(), account_id: account };
    idempotency::insert(tx.db, &row)
        .map_err(StoreError::from)
        .map_err(|error| if error.is_conflict() { Refusal::Repeated } else { error.into() })?;
    Ok(())
}

/// A transaction of the start, before the service is put together. What it tells is saved too; followers of other
/// processes are woken by the database, and this one has none yet.
///
/// # Errors
/// What the closure says; then nothing is saved.
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

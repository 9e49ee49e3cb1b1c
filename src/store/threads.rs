//! The database as other modules use it: work that is sent to threads which own a connection each.

use crate::metrics::Metrics;
use crate::store::crew::{Crew, Work};
use crate::store::dialect::Purpose;
use crate::store::notify::Bell;
use crate::store::{Db, Failure, Location, Pooling, StoreError, pooler};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, oneshot};
use tokio_util::sync::CancellationToken;

/// How many work items may wait for a thread before callers wait for room in the queue.
const QUEUE: usize = 512;
/// How long a caller waits for room before [`StoreError::Busy`].
const DEADLINE: Duration = Duration::from_secs(10);

/// How many threads, each with a connection of its own, work on the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatabaseThreads {
    /// Threads that read on SQLite, beside the one that writes. 0: there is no thread at all, and whoever asks does the work
    /// meanwhile, so that a simulation runs again as it ran.
    pub sqlite_readers: usize,
    /// Threads that read and write on PostgreSQL.
    pub postgres: usize,
    /// How long a connection to PostgreSQL may leave its work unanswered before it is given up; waiting in a pooler counts.
    /// The server ends each statement earlier than the default.
    pub answer_within: Duration,
}

impl Default for DatabaseThreads {
    fn default() -> Self {
        Self { sqlite_readers: 4, postgres: 12, answer_within: Duration::from_secs(20) }
    }
}

/// A queue and the threads that serve it.
#[derive(Clone)]
struct DbThreads {
    sender: mpsc::Sender<Work>,
    room: Arc<Semaphore>,
    metrics: Arc<Metrics>,
}

/// Who does the work.
#[derive(Clone)]
enum Hands {
    /// Threads.
    Threads(DbThreads),
    /// Whoever asks, on one connection.
    Asker(Arc<Mutex<Db>>),
}

/// The database, as other modules use it. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    readers: Hands,
    writers: Hands,
    bell: Option<Arc<Bell>>,
    backend: &'static str,
    pooling: Pooling,
}

impl Store {
    /// Opens the database, brings its schema up to date and starts its threads.
    pub fn open(location: &Location) -> Result<Self, StoreError> {
        let nothing = |_: &mut Db| Ok::<_, StoreError>(());
        Self::open_with(location, DatabaseThreads::default(), Arc::default(), nothing)
            .map(|(store, ())| store)
    }

    /// Like [`Store::open`], with metrics for the waits. `read` runs on the first connection before any thread starts.
    pub fn open_with<T, E: From<StoreError>>(
        location: &Location,
        threads: DatabaseThreads,
        metrics: Arc<Metrics>,
        read: impl FnOnce(&mut Db) -> Result<T, E>,
    ) -> Result<(Self, T), E> {
        let mut first = Db::open(&location.direct())?;
        pooler::refuse_unnamed(&mut first, location)?;
        pooler::refuse_other_database(&mut first, location)?;
        first.migrate().map_err(pooler::explained)?;
        let value = read(&mut first)?;
        // Two that were both empty differ now.
        pooler::refuse_other_database(&mut first, location)?;
        Ok((Self::start(location, threads, &metrics)?, value))
    }

    fn start(
        location: &Location,
        threads: DatabaseThreads,
        metrics: &Arc<Metrics>,
    ) -> Result<Self, StoreError> {
        let start = |count| DbThreads::start(location, count, threads.answer_within, metrics);
        let (readers, writers) = match location {
            Location::Sqlite(_) if threads.sqlite_readers == 0 => {
                let asker = Hands::Asker(Arc::new(Mutex::new(Db::open(location)?)));
                (asker.clone(), asker)
            }
            // SQLite has one writer; more would only wait for each other.
            Location::Sqlite(_) => {
                (Hands::Threads(start(threads.sqlite_readers)?), Hands::Threads(start(1)?))
            }
            Location::Postgres(_) | Location::Pooled { .. } => {
                let threads = Hands::Threads(start(threads.postgres)?);
                (threads.clone(), threads)
            }
        };
        let bell = Bell::start(location)?.map(Arc::new);
        Ok(Self { readers, writers, bell, backend: location.backend(), pooling: location.pooling() })
    }

    /// By which other processes hear of news; None: they are not told, and look now and then.
    pub fn bell(&self) -> Option<&Arc<Bell>> {
        self.bell.as_ref()
    }

    /// The backend's name and the way there.
    pub fn backend(&self) -> &'static str {
        self.backend
    }

    /// Runs queries that only read, without a transaction around them. Behind a pooler they get one: a statement is prepared
    /// in one round trip and executed in the next, which reach the same session only within a transaction.
    ///
    /// # Errors
    /// The closure's; [`StoreError::Busy`] if it did not start in time, [`StoreError::Dropped`] if it panicked.
    pub async fn read<T, E>(
        &self,
        work: impl FnOnce(&mut Db) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        match self.pooling {
            Pooling::Off => self.readers.run(|db, _| work(db)).await,
            Pooling::Transaction => self.look(work).await,
        }
    }

    /// Runs a write transaction: commits if the closure returns `Ok`, else rolls back. The closure is not async, so
    /// that no mail or push can be sent while the transaction is open. It runs again if PostgreSQL undid the transaction for
    /// another one's sake, so it does nothing that a rollback does not undo.
    ///
    /// # Errors
    /// Like [`Store::read`].
    pub async fn write<T, E>(
        &self,
        work: impl FnOnce(&mut Db) -> Result<T, E> + Clone + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: Failure + Send + 'static,
    {
        self.write_then(Purpose::Write, work, |_| {}).await
    }

    /// Like [`Store::write`], with a `purpose`. `saved` is called with the result after the commit, even if the caller
    /// has gone away.
    ///
    /// # Errors
    /// Like [`Store::read`]; with [`Purpose::WriteAlone`], also if other writes do not end in time.
    pub async fn write_then<T, E>(
        &self,
        purpose: Purpose,
        work: impl FnOnce(&mut Db) -> Result<T, E> + Clone + Send + 'static,
        saved: impl FnOnce(&T) + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: Failure + Send + 'static,
    {
        let pooling = self.pooling;
        let write = move |db: &mut Db, lost: &CancellationToken| {
            db.transact_again(pooling, purpose, unless_lost(lost.clone(), work)).inspect(saved)
        };
        self.writers.run(write).await
    }

    /// Runs queries in one read-only transaction: they see one state, whatever is written meanwhile.
    ///
    /// # Errors
    /// Like [`Store::read`].
    pub async fn look<T, E>(
        &self,
        work: impl FnOnce(&mut Db) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let pooling = self.pooling;
        self.readers.run(move |db, _| db.transact_by(pooling, Purpose::Look, work)).await
    }
}

/// The work of a transaction that is rolled back if its caller was told meanwhile that it is lost. A connection that fell
/// silent may come back, above all if a pooler let it wait: what was claimed then would be held by nobody.
fn unless_lost<T, E: From<StoreError>>(
    lost: CancellationToken,
    work: impl FnOnce(&mut Db) -> Result<T, E> + Clone,
) -> impl FnOnce(&mut Db) -> Result<T, E> + Clone {
    let still = move || if lost.is_cancelled() { Err(StoreError::Silent) } else { Ok(()) };
    move |db| {
        still()?;
        let done = work(db)?;
        still()?;
        Ok(done)
    }
}

impl Hands {
    /// Has the work done, which is told by the token that its caller has been told that it is lost.
    async fn run<T, E>(
        &self,
        work: impl FnOnce(&mut Db, &CancellationToken) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        match self {
            Self::Threads(threads) => threads.run(work).await,
            Self::Asker(db) => {
                let db = &mut db.lock().unwrap_or_else(PoisonError::into_inner);
                work(db, &CancellationToken::new())
            }
        }
    }
}

impl DbThreads {
    fn start(
        location: &Location,
        threads: usize,
        answer_within: Duration,
        metrics: &Arc<Metrics>,
    ) -> Result<Self, StoreError> {
        let (sender, queue) = mpsc::channel();
        Crew::start(location, threads, answer_within, queue)?;
        Ok(Self { sender, room: Arc::new(Semaphore::new(QUEUE)), metrics: Arc::clone(metrics) })
    }

    async fn run<T, E>(
        &self,
        work: impl FnOnce(&mut Db, &CancellationToken) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let asked = Instant::now();
        let room = tokio::time::timeout(DEADLINE, Arc::clone(&self.room).acquire_owned()).await;
        let Ok(Ok(room)) = room else {
            self.metrics.database_waited(asked.elapsed());
            return Err(StoreError::Busy.into());
        };
        let (reply, answer) = oneshot::channel();
        let metrics = Arc::clone(&self.metrics);
        let lost = CancellationToken::new();
        let theirs = lost.clone();
        let run = Box::new(move |db: &mut Db| {
            metrics.database_waited(asked.elapsed());
            let result = work(db, &theirs);
            let sound = result.is_ok();
            drop(room);
            // A caller that went away needs no answer; its work is done all the same.
            let _ = reply.send(result);
            sound
        });
        let work = Work { run, lost: lost.clone() };
        self.sender.send(work).map_err(|_| E::from(StoreError::Dropped))?;
        tokio::select! {
            biased;
            answer = answer => answer.unwrap_or_else(|_| Err(StoreError::Dropped.into())),
            () = lost.cancelled() => Err(StoreError::Silent.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use diesel::prelude::*;

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.db").display().to_string();
        (folder, Store::open(&Location::Sqlite(path)).unwrap())
    }

    async fn one(store: &Store) -> i32 {
        let select = |db: &mut Db| {
            Ok::<_, StoreError>(
                diesel::select(diesel::dsl::sql::<diesel::sql_types::Integer>("1")).get_result(db)?,
            )
        };
        store.read(select).await.unwrap()
    }

    #[tokio::test]
    async fn a_panic_is_an_error_and_the_thread_goes_on() {
        let (_folder, store) = store();
        for _ in 0..DatabaseThreads::default().sqlite_readers * 2 {
            let result: Result<(), StoreError> = store.write(|_| panic!("the work went wrong")).await;
            assert!(matches!(result, Err(StoreError::Dropped)));
        }
        assert_eq!(one(&store).await, 1);
        store.write(|_| Ok::<_, StoreError>(())).await.unwrap();
    }

    #[tokio::test]
    async fn an_error_undoes_the_whole_transaction() {
        let (_folder, store) = store();
        let insert = |db: &mut Db| {
            diesel::sql_query(
                "INSERT INTO idempotency_keys (key_hash, body_hash, created_at) VALUES (zeroblob(32), zeroblob(32), 0)",
            )
            .execute(db)
        };
        let failed: Result<(), StoreError> = store
            .write(move |db| {
                insert(db)?;
                Err(StoreError::Busy)
            })
            .await;
        assert!(failed.is_err());
        store.write(move |db| Ok::<_, StoreError>(insert(db)?)).await.unwrap();
    }

    #[tokio::test]
    async fn every_wait_for_a_connection_is_measured() {
        let folder = tempfile::tempdir().unwrap();
        let location = Location::Sqlite(folder.path().join("test.db").display().to_string());
        let metrics = Arc::new(Metrics::new());
        let nothing = |_: &mut Db| Ok::<_, StoreError>(());
        let threads = DatabaseThreads::default();
        let opened = Store::open_with(&location, threads, Arc::clone(&metrics), nothing);
        let (store, ()) = opened.unwrap();
        assert_eq!(one(&store).await, 1);
        store.write(|_| Ok::<_, StoreError>(())).await.unwrap();
        assert!(metrics.render().unwrap().contains("evenkeel_database_wait_seconds_count 2\n"));
    }

    #[tokio::test]
    async fn callers_beyond_the_bound_wait_for_room_and_are_served() {
        let (_folder, store) = store();
        let calls = (0..QUEUE * 2).map(|_| one(&store));
        let sum: i32 = futures::future::join_all(calls).await.into_iter().sum();
        assert_eq!(usize::try_from(sum).unwrap(), QUEUE * 2);
    }
}

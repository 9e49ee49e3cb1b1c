//! The threads that own a connection each, and what becomes of connections that break or fall silent.

use crate::store::{Db, Location, StoreError};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak, mpsc};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// A connection that was idle for so long is asked before it is used: servers and gateways close what is idle.
const IDLE: Duration = Duration::from_secs(30);

/// Work for a thread.
pub(super) struct Work {
    /// Does it; returns whether the connection is still known to be sound.
    pub run: Box<dyn FnOnce(&mut Db) -> bool + Send>,
    /// Cancelled when the thread is given up: nobody knows whether the work is done.
    pub lost: CancellationToken,
}

/// Threads that serve one queue.
pub(super) struct Crew {
    location: Location,
    queue: Mutex<mpsc::Receiver<Work>>,
    /// Counts connections that broke. When one does, each thread asks its own before it takes more work: after a crash of
    /// the server, one work item fails and not one for each thread.
    broken: AtomicUsize,
    /// Counts connections that fell silent. Asking the others would only wait as long: each thread opens a new one.
    silent: AtomicUsize,
}

/// Where one thread stands.
#[derive(Default)]
struct Post {
    /// Since when it has been at work, and what tells the caller that it is lost.
    at: Mutex<Option<(Instant, CancellationToken)>>,
    /// Whether it was given up: another one is in its place.
    given_up: AtomicBool,
}

/// A connection, and what was known of the others when it was last found sound.
struct Held {
    db: Db,
    broken: usize,
    silent: usize,
    used: Instant,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Crew {
    /// Opens the connections and starts the threads. They end when the sender of `queue` is dropped.
    ///
    /// # Errors
    /// If a connection or a thread cannot be had.
    pub(super) fn start(
        location: &Location,
        threads: usize,
        answer_within: Duration,
        queue: mpsc::Receiver<Work>,
    ) -> Result<(), StoreError> {
        let crew = Arc::new(Self {
            location: location.clone(),
            queue: Mutex::new(queue),
            broken: AtomicUsize::new(0),
            silent: AtomicUsize::new(0),
        });
        let mut posts = Vec::with_capacity(threads);
        for _ in 0..threads {
            posts.push(crew.man(Some(Db::open(location)?))?);
        }
        // A file does not fall silent.
        if location.is_postgres() {
            let crew = Arc::downgrade(&crew);
            spawn("database-watch", move || watch(&crew, posts, answer_within))?;
        }
        Ok(())
    }

    fn man(self: &Arc<Self>, db: Option<Db>) -> Result<Arc<Post>, StoreError> {
        let (crew, post) = (Arc::clone(self), Arc::new(Post::default()));
        let theirs = Arc::clone(&post);
        spawn("database", move || crew.serve(&theirs, db))?;
        Ok(post)
    }

    fn serve(&self, post: &Post, db: Option<Db>) {
        let mut held = db.map(|db| Held { db, broken: 0, silent: 0, used: Instant::now() });
        while !post.given_up.load(Ordering::Acquire) {
            // The guard is dropped at the end of this statement: other threads wait for the next work item, not for this one
            // to end.
            let next = lock(&self.queue).recv();
            let Ok(work) = next else { return };
            *lock(&post.at) = Some((Instant::now(), work.lost));
            if let Some(mut now) =
                held.take().and_then(|held| self.still_sound(held)).or_else(|| self.reopen())
            {
                // A panic or an error may leave the connection in any state: it is kept only if it can be written to.
                let outcome = catch_unwind(AssertUnwindSafe(|| (work.run)(&mut now.db)));
                held = match outcome {
                    Ok(true) => Some(now),
                    Ok(false) if now.db.is_sound() => Some(now),
                    Ok(false) => {
                        self.broken.fetch_add(1, Ordering::AcqRel);
                        None
                    }
                    Err(_) => None,
                };
                if let Some(held) = &mut held {
                    held.used = Instant::now();
                }
            }
            *lock(&post.at) = None;
        }
    }

    /// Counts are read before the connection is opened or asked, so that what breaks meanwhile is noticed next time.
    fn counts(&self) -> (usize, usize) {
        (self.broken.load(Ordering::Acquire), self.silent.load(Ordering::Acquire))
    }

    fn still_sound(&self, held: Held) -> Option<Held> {
        let (broken, silent) = self.counts();
        let Held { mut db, used, .. } = held;
        let doubted = broken != held.broken || used.elapsed() > IDLE;
        (silent == held.silent && (!doubted || db.is_sound())).then_some(Held { db, broken, silent, used })
    }

    /// A new connection in place of a broken one. If none can be opened, the work item that needs it is dropped (its caller
    /// gets [`StoreError::Dropped`]), and the next one tries again.
    fn reopen(&self) -> Option<Held> {
        let (broken, silent) = self.counts();
        let opened = Db::open(&self.location);
        let db = opened.inspect_err(|error| tracing::error!(%error, "no database connection")).ok()?;
        Some(Held { db, broken, silent, used: Instant::now() })
    }
}

/// Gives up threads whose connection does not answer in time, and puts others in their place. The client library waits for
/// an answer for ever, as long as the network takes what it sends.
fn watch(crew: &Weak<Crew>, mut posts: Vec<Arc<Post>>, answer_within: Duration) {
    loop {
        std::thread::park_timeout(answer_within / 10);
        let Some(crew) = crew.upgrade() else { return };
        for post in &mut posts {
            let Some((_, lost)) = lock(&post.at).take_if(|(since, _)| since.elapsed() > answer_within) else {
                continue;
            };
            tracing::error!("the database has fallen silent on a connection, which is given up");
            post.given_up.store(true, Ordering::Release);
            crew.silent.fetch_add(1, Ordering::AcqRel);
            lost.cancel();
            match crew.man(None) {
                Ok(new) => *post = new,
                Err(error) => tracing::error!(%error, "no thread can be started in its place"),
            }
        }
    }
}

/// Starts a thread.
///
/// # Errors
/// If the system has none left.
pub(super) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), StoreError> {
    let spawned = std::thread::Builder::new().name(name.to_owned()).spawn(work);
    spawned
        .map(drop)
        .map_err(|error| StoreError::Connection(diesel::ConnectionError::BadConnection(error.to_string())))
}

//! The notify channels: PostgreSQL tells this process that others planned nudges or recorded changes.

use crate::ids::AccountId;
use crate::store::crew::spawn;
use crate::store::feeds::Feeds;
use crate::store::{Db, Location, StoreError};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use std::collections::BTreeSet;
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::Notify;

/// The notify channel for workers.
pub const CHANNEL: &str = "evenkeel_nudges";
/// The notify channel for followers; the payload is the ids of their accounts, with commas between them.
const FEEDS: &str = "evenkeel_feeds";
/// How often the listener reads what its connection received; this sends no query.
const LOOK: Duration = Duration::from_millis(50);
/// How long the bell gathers news after it rang.
const PAUSE: Duration = Duration::from_millis(5);
/// How many ids stay below the 8,000 bytes that a payload may have.
const ACCOUNTS_AT_ONCE: usize = 150;
/// How long the listener waits after a lost connection.
const RECONNECT: Duration = Duration::from_secs(2);

/// What other processes are to be told.
#[derive(Default)]
struct News {
    planned: bool,
    accounts: BTreeSet<AccountId>,
    closed: bool,
}

impl News {
    fn is_empty(&self) -> bool {
        !self.planned && self.accounts.is_empty()
    }
}

/// Tells the other processes on PostgreSQL that nudges were planned or changes recorded. It does so on a connection of its
/// own after the commit, many in one: `NOTIFY` inside a transaction makes all commits of a database wait for each other.
/// Whoever is not told, since the process or the connection ended, looks now and then.
pub struct Bell(Arc<(Mutex<News>, Condvar)>);

impl Bell {
    /// Starts it; None on SQLite, where looking now and then is enough for a second process on one machine.
    ///
    /// # Errors
    /// If its thread cannot be started.
    pub(super) fn start(location: &Location) -> Result<Option<Self>, StoreError> {
        if !location.is_postgres() {
            return Ok(None);
        }
        let bell = Self(Arc::default());
        let (location, news) = (location.direct(), Arc::clone(&bell.0));
        spawn("database-bell", move || {
            let mut connection = None;
            while let Some(news) = next(&news) {
                // A connection that was idle may have been closed meanwhile.
                let told = tell(&location, &mut connection, &news).or_else(|_| {
                    connection = None;
                    tell(&location, &mut connection, &news)
                });
                if let Err(error) = told {
                    connection = None;
                    tracing::warn!(%error, "other processes are not told of news; they look now and then");
                }
                std::thread::park_timeout(PAUSE);
            }
        })?;
        Ok(Some(bell))
    }

    /// Has the others told: workers if nudges may have been planned, and the followers of these accounts. It never waits.
    pub fn ring(&self, planned: bool, accounts: &BTreeSet<AccountId>) {
        let (news, rung) = &*self.0;
        let mut news = news.lock().unwrap_or_else(PoisonError::into_inner);
        news.planned |= planned;
        news.accounts.extend(accounts);
        if !news.is_empty() {
            rung.notify_one();
        }
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        let (news, rung) = &*self.0;
        news.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        rung.notify_one();
    }
}

/// Waits for news and takes them; None: there are none, and no more to come.
fn next((news, rung): &(Mutex<News>, Condvar)) -> Option<News> {
    let news = news.lock().unwrap_or_else(PoisonError::into_inner);
    let quiet = |news: &mut News| news.is_empty() && !news.closed;
    let mut news = rung.wait_while(news, quiet).unwrap_or_else(PoisonError::into_inner);
    let taken = News { closed: news.closed, ..std::mem::take(&mut *news) };
    news.closed = taken.closed;
    (!taken.is_empty()).then_some(taken)
}

fn tell(location: &Location, connection: &mut Option<Db>, news: &News) -> Result<(), StoreError> {
    let db = match connection {
        Some(db) => db,
        None => connection.insert(Db::open(location)?),
    };
    let Db::Postgres(connection) = db else { return Ok(()) };
    if news.planned {
        connection.batch_execute(&format!("NOTIFY {CHANNEL}"))?;
    }
    let accounts: Vec<_> = news.accounts.iter().map(ToString::to_string).collect();
    for some in accounts.chunks(ACCOUNTS_AT_ONCE) {
        diesel::sql_query("SELECT pg_notify($1, $2)")
            .bind::<diesel::sql_types::Text, _>(FEEDS)
            .bind::<diesel::sql_types::Text, _>(some.join(","))
            .execute(connection)?;
    }
    Ok(())
}

/// Wakes this process's worker and followers when another process planned nudges or recorded changes, until `planned`
/// is dropped. On SQLite it does nothing: polling is enough for a second process on one machine.
///
/// # Errors
/// If the listener's thread cannot be started.
pub fn listen(location: &Location, planned: &Arc<Notify>, feeds: &Arc<Feeds>) -> Result<(), StoreError> {
    if !location.is_postgres() {
        return Ok(());
    }
    // A transaction pooler would lend the session that listens to others, and deliver nothing.
    let (location, planned, feeds) = (location.direct(), Arc::downgrade(planned), Arc::downgrade(feeds));
    let listen = move || {
        while planned.strong_count() > 0 {
            if let Err(error) = hear(&location, &planned, &feeds) {
                tracing::warn!(%error, "the database cannot be listened to; looking now and then goes on");
                std::thread::park_timeout(RECONNECT);
            }
        }
    };
    spawn("database-notify", listen)
}

/// Listens until `planned` is dropped, or the connection breaks.
fn hear(location: &Location, planned: &Weak<Notify>, feeds: &Weak<Feeds>) -> Result<(), StoreError> {
    let Db::Postgres(mut connection) = Db::open(location)? else { return Ok(()) };
    connection.batch_execute(&format!("LISTEN {CHANNEL}; LISTEN {FEEDS}"))?;
    // Notifications may have been missed before.
    let mut nudges_planned = true;
    if let Some(feeds) = feeds.upgrade() {
        feeds.wake_all();
    }
    loop {
        let (Some(planned), feeds) = (planned.upgrade(), feeds.upgrade()) else { return Ok(()) };
        for notification in connection.notifications_iter() {
            let notification = notification?;
            if notification.channel == CHANNEL {
                nudges_planned = true;
                continue;
            }
            let Some(feeds) = &feeds else { continue };
            for account in notification.payload.split(',') {
                match account.parse() {
                    Ok(account) => feeds.wake(account),
                    Err(_) => feeds.wake_all(),
                }
            }
        }
        if std::mem::take(&mut nudges_planned) {
            planned.notify_one();
        }
        drop((planned, feeds));
        std::thread::park_timeout(LOOK);
    }
}

//! The notify channels: PostgreSQL tells this process that others planned nudges or recorded changes.

use crate::ids::AccountId;
use crate::store::feeds::Feeds;
use crate::store::{Db, Location, StoreError};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::Notify;

/// The notify channel for workers.
pub const CHANNEL: &str = "evenkeel_nudges";
/// The notify channel for followers; the payload is the account's id.
const FEEDS: &str = "evenkeel_feeds";
/// How often the listener reads what its connection received; this sends no query.
const LOOK: Duration = Duration::from_millis(50);
/// How long it waits after a lost connection.
const RECONNECT: Duration = Duration::from_secs(2);

/// Notifies followers in other processes, on commit, that there is something to read. On SQLite they poll.
pub fn notify_followers(db: &mut Db, account: AccountId) -> QueryResult<()> {
    match db {
        Db::Sqlite(_) => Ok(()),
        Db::Postgres(connection) => diesel::sql_query("SELECT pg_notify($1, $2)")
            .bind::<diesel::sql_types::Text, _>(FEEDS)
            .bind::<diesel::sql_types::Text, _>(account.to_string())
            .execute(connection)
            .map(drop),
    }
}

/// Wakes this process's worker and followers when another process planned nudges or recorded changes, until `planned`
/// is dropped. On SQLite it does nothing: polling is enough for a second process on one machine.
///
/// # Errors
/// If the listener's thread cannot be started.
pub fn listen(location: &Location, planned: &Arc<Notify>, feeds: &Arc<Feeds>) -> Result<(), StoreError> {
    if !matches!(location, Location::Postgres(_)) {
        return Ok(());
    }
    let (location, planned, feeds) = (location.clone(), Arc::downgrade(planned), Arc::downgrade(feeds));
    let listen = move || {
        while planned.strong_count() > 0 {
            if let Err(error) = hear(&location, &planned, &feeds) {
                tracing::warn!(%error, "the database cannot be listened to; looking now and then goes on");
                std::thread::park_timeout(RECONNECT);
            }
        }
    };
    let spawned = std::thread::Builder::new().name("database-notify".to_owned()).spawn(listen);
    spawned
        .map(drop)
        .map_err(|error| StoreError::Connection(diesel::ConnectionError::BadConnection(error.to_string())))
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
            match (notification.payload.parse(), &feeds) {
                (Ok(account), Some(feeds)) if notification.channel == FEEDS => feeds.wake(account),
                _ => nudges_planned = true,
            }
        }
        if std::mem::take(&mut nudges_planned) {
            planned.notify_one();
        }
        drop((planned, feeds));
        std::thread::park_timeout(LOOK);
    }
}

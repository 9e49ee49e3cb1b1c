//! The bell: tells the workers of this process that nudges were planned, by this process or by another.

use super::{Db, Location, StoreError};
use diesel::connection::SimpleConnection;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::Notify;

/// The channel of PostgreSQL's `NOTIFY`.
pub const CHANNEL: &str = "evenkeel_nudges";
/// How often the listener looks at what its connection has received: it asks no question to the database.
const LOOK: Duration = Duration::from_millis(50);
/// How long it waits after a lost connection.
const RECONNECT: Duration = Duration::from_secs(2);

/// Rings `bell` whenever another process planned nudges, for as long as somebody holds the bell. On SQLite there is
/// nobody to listen to: the workers' poll is enough for a second process on one machine.
///
/// # Errors
/// The listener's thread cannot be started.
pub fn listen(location: &Location, bell: &Arc<Notify>) -> Result<(), StoreError> {
    if !matches!(location, Location::Postgres(_)) {
        return Ok(());
    }
    let (location, bell) = (location.clone(), Arc::downgrade(bell));
    let listen = move || {
        while bell.strong_count() > 0 {
            if let Err(error) = hear(&location, &bell) {
                tracing::warn!(%error, "the database cannot be listened to; the workers' poll goes on");
                std::thread::park_timeout(RECONNECT);
            }
        }
    };
    let spawned = std::thread::Builder::new().name("database-bell".to_owned()).spawn(listen);
    spawned
        .map(drop)
        .map_err(|error| StoreError::Connection(diesel::ConnectionError::BadConnection(error.to_string())))
}

/// Listens until the bell is gone, or the connection.
fn hear(location: &Location, bell: &Weak<Notify>) -> Result<(), StoreError> {
    let Db::Postgres(mut connection) = Db::open(location)? else { return Ok(()) };
    connection.batch_execute(&format!("LISTEN {CHANNEL}"))?;
    // What was planned while nobody listened.
    let mut rings = true;
    loop {
        let Some(bell) = bell.upgrade() else { return Ok(()) };
        for notification in connection.notifications_iter() {
            notification?;
            rings = true;
        }
        if std::mem::take(&mut rings) {
            bell.notify_one();
        }
        drop(bell);
        std::thread::park_timeout(LOOK);
    }
}

//! Counts the SQL statements that work asks for, separately for each database of the test process.

use diesel::connection::{Instrumentation, InstrumentationEvent, set_default_instrumentation};
use evenkeel::store::Location;
use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

static COUNTS: LazyLock<Mutex<HashMap<String, usize>>> = LazyLock::new(Mutex::default);

/// What a connection says for itself, at times of its own: its settings, whether it can still be written to, and what the
/// bell tells other processes after a commit.
const HOUSEKEEPING: [&str; 4] = ["SET jit", "transaction_read_only", "NOTIFY ", "pg_notify("];

/// Counts one connection's statements.
struct Counter(String);

impl Instrumentation for Counter {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        match event {
            InstrumentationEvent::StartEstablishConnection { url, .. } => self.0 = base(url).to_owned(),
            InstrumentationEvent::StartQuery { query, .. } => {
                let query = query.to_string();
                if HOUSEKEEPING.iter().any(|words| query.contains(words)) {
                    return;
                }
                *COUNTS.lock().unwrap().entry(self.0.clone()).or_default() += 1;
            }
            _ => {}
        }
    }
}

/// A URL without its parameters: the service adds some.
fn base(url: &str) -> &str {
    url.split('?').next().unwrap_or(url)
}

/// Counts the statements of every connection opened from now on.
pub fn watch() {
    set_default_instrumentation(|| Some(Box::new(Counter(String::new())))).unwrap();
}

/// The number of statements that work asked of a database.
pub fn count(location: &Location) -> usize {
    let (Location::Sqlite(url) | Location::Postgres(url) | Location::Pooled { pooler: url, .. }) = location;
    COUNTS.lock().unwrap().get(base(url)).copied().unwrap_or(0)
}

//! Counts SQL statements, separately for each database of the test process.

use diesel::connection::{Instrumentation, InstrumentationEvent, set_default_instrumentation};
use evenkeel::store::Location;
use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

static COUNTS: LazyLock<Mutex<HashMap<String, usize>>> = LazyLock::new(Mutex::default);

/// Counts one connection's statements.
struct Counter(String);

impl Instrumentation for Counter {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        match event {
            InstrumentationEvent::StartEstablishConnection { url, .. } => self.0 = base(url).to_owned(),
            InstrumentationEvent::StartQuery { .. } => {
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

/// The number of statements that a database received.
pub fn count(location: &Location) -> usize {
    let (Location::Sqlite(url) | Location::Postgres(url)) = location;
    COUNTS.lock().unwrap().get(base(url)).copied().unwrap_or(0)
}

//! Counts SQL statements, for each database of the test process apart.

use diesel::connection::{Instrumentation, InstrumentationEvent, set_default_instrumentation};
use evenkeel::store::Location;
use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

static COUNTS: LazyLock<Mutex<HashMap<String, usize>>> = LazyLock::new(Mutex::default);

/// What counts one connection's statements.
struct Counter(String);

impl Instrumentation for Counter {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        match event {
            InstrumentationEvent::StartEstablishConnection { url, .. } => self.0 = url.to_owned(),
            InstrumentationEvent::StartQuery { .. } => {
                *COUNTS.lock().unwrap().entry(self.0.clone()).or_default() += 1;
            }
            _ => {}
        }
    }
}

/// From now on the statements of every new connection are counted.
pub fn watch() {
    set_default_instrumentation(|| Some(Box::new(Counter(String::new())))).unwrap();
}

/// How many statements a database got.
pub fn count(location: &Location) -> usize {
    let (Location::Sqlite(url) | Location::Postgres(url)) = location;
    COUNTS.lock().unwrap().get(url).copied().unwrap_or(0)
}

//! The log of this process, kept for tests to read, and the ids by which an answer points to its lines.

use super::people::text;
use serde_json::Value;
use std::io::Write;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use tracing_subscriber::EnvFilter;

/// Everything logged in this process; each test finds its own lines by ids.
static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct ToLog(MutexGuard<'static, Vec<u8>>);

impl Write for ToLog {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn log() -> MutexGuard<'static, Vec<u8>> {
    LOG.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps what this crate logs at any level, and what other crates log at the service's level.
pub fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let filter = EnvFilter::new("info,evenkeel=trace");
        let lines = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false);
        lines.with_writer(|| ToLog(log())).init();
    });
}

/// Everything logged so far.
pub fn logged() -> String {
    String::from_utf8(log().clone()).unwrap()
}

/// Checks that an error says nothing but "internal error" and an id, and returns the id.
pub fn id_of(error: &Value) -> String {
    assert_eq!(error["message"], "internal error");
    let extensions = error["extensions"].as_object().unwrap();
    assert_eq!(extensions.keys().collect::<Vec<_>>(), ["code", "id"]);
    assert_eq!(extensions["code"], "INTERNAL");
    let id = text(&extensions["id"]);
    assert!(id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    id
}

/// The cause logged under an id: exactly one line.
pub fn cause_of(id: &str) -> String {
    let log = logged();
    let lines: Vec<_> = log.lines().filter(|line| line.contains(id)).collect();
    assert_eq!(lines.len(), 1, "{id}: {lines:?}");
    lines[0].to_owned()
}

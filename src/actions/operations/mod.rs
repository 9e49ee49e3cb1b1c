//! Operations: retention, key rotation, readiness and queue metrics, and the guard of the time.

pub mod retention;
pub mod rotation;
pub mod time_guard;
pub mod timed;
pub mod watch;
pub mod write_check;
pub mod zone_change;

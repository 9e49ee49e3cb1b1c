//! Operations: retention, key rotation, readiness and queue metrics.

pub mod retention;
pub mod rotation;
pub mod watch;

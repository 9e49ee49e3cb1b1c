//! What the operator runs: retention, key rotation, watching.

pub mod retention;
pub mod rotation;
pub mod watch;

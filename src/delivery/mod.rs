//! The worker: claims due nudges, has them checked again, hands them to the senders and records the results.

mod circuits;
mod dispatch;
pub mod dkim;
pub mod heartbeat;
pub mod mail;
mod record;
pub mod retry;
mod senders;
pub mod smtp;
pub mod web_push;
mod worker;
mod worker_loop;

pub use senders::{Outcome, Senders, StandIn};
pub use worker::Worker;
pub use worker_loop::BATCH;

//! Actions: each authorises, lets the domain decide, and saves the result with its nudges in one transaction.

pub mod accounts;
pub mod auth;
pub mod check_ins;
mod client_id;
pub mod context;
pub mod error;
pub mod export;
pub mod feed;
pub mod idempotency;
pub mod links;
pub mod metered;
pub mod nudges;
pub mod opened;
pub mod operations;
pub mod scenes;
pub mod transaction;

pub use context::{AppContext, Caller, RequestKey, Visitor};
pub use error::{ActionResult, Done, Fault, Refusal};
pub use transaction::{KEY_LIFE, Transaction};

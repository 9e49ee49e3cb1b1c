//! Authentication: passwords, tokens, passkeys, rate limits, and the requester that other layers receive.

pub mod network;
pub mod passkeys;
pub mod passwords;
pub mod rates;
pub mod tokens;

use crate::ids::{AccountId, SessionId};

/// The signed-in person behind a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requester {
    /// The person.
    pub account: AccountId,
    /// The device.
    pub session: SessionId,
}

//! Who is asking: passwords, tokens, rates, and the requester that the rest of the house is handed.

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

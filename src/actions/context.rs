//! The context that every action gets: what the service is made of, and who asks for something.

use crate::auth::Requester;
use crate::auth::network::Network;
use crate::auth::passkeys::Passkeys;
use crate::auth::passwords::Passwords;
use crate::auth::rates::Rates;
use crate::auth::tokens::AccessTokens;
use crate::chance::Chance;
use crate::clock::Clock;
use crate::domain::device::PushPolicy;
use crate::domain::help_line::HelpLine;
use crate::domain::retention::Keep;
use crate::ids::AccountId;
use crate::metrics::Metrics;
use crate::store::Store;
use crate::store::feeds::Feeds;
use crate::vault::Vault;
use crate::vault::ledger::Ledger;
use std::sync::Arc;
use tokio::sync::Notify;

/// What every action needs. One per process.
pub struct AppContext {
    /// The database.
    pub store: Store,
    /// What seals and opens.
    pub vault: Vault,
    /// What time it is.
    pub clock: Clock,
    /// Chance.
    pub chance: Chance,
    /// Access tokens.
    pub tokens: AccessTokens,
    /// Password hashing.
    pub passwords: Passwords,
    /// The relying party of passkeys; None: the service has no domain name.
    pub passkeys: Option<Passkeys>,
    /// How often what may be tried.
    pub rates: Rates,
    /// Which push services may be used.
    pub push_policy: PushPolicy,
    /// The public half of the VAPID key (RFC 8292, 3.2), base64url.
    pub vapid_public_key: String,
    /// Whom people can call, as whoever runs the service set it.
    pub help_lines: Vec<HelpLine>,
    /// How long what is not for ever is kept.
    pub keep: Keep,
    /// Who was erased.
    pub ledger: Ledger,
    /// Told when nudges were planned, by this process or another, so that the worker looks.
    pub planned: Arc<Notify>,
    /// Who follows their feed by way of this process.
    pub feeds: Arc<Feeds>,
    /// Told when an export was asked for, so that the worker of this process makes it.
    pub to_tend: Arc<Notify>,
    /// What this process counts about itself.
    pub metrics: Arc<Metrics>,
}

/// The idempotency key of a request, hashed, with the hash of what was asked (R04).
#[derive(Clone, Debug)]
pub struct RequestKey {
    /// Hash of the account and the client's key.
    pub key_hash: Vec<u8>,
    /// Hash of the request.
    pub body_hash: Vec<u8>,
    /// Whose it is; None: of nobody signed in.
    pub account: Option<AccountId>,
}

/// Whoever asks for something for which one need not be signed in.
#[derive(Clone, Debug, Default)]
pub struct Visitor {
    /// Where they are, for limits.
    pub network: Network,
    /// The request's key, if it has one.
    pub key: Option<RequestKey>,
}

/// Who does something, and under which idempotency key.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The signed-in person.
    pub requester: Requester,
    /// The request's key, if it has one.
    pub key: Option<RequestKey>,
}

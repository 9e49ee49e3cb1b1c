//! The context that every action gets, and the requester's identity and idempotency key.

use crate::actions::accounts::mail_features::MailFeatures;
use crate::actions::operations::time_guard::TimeGuard;
use crate::actions::operations::write_check::WriteCheck;
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
use crate::vault::meter::Pools;
use std::sync::Arc;
use tokio::sync::Notify;

/// What every action needs; one per process.
pub struct AppContext {
    /// The database.
    pub store: Store,
    /// Seals and opens columns.
    pub vault: Vault,
    /// The current time.
    pub clock: Clock,
    /// Randomness.
    pub chance: Chance,
    /// Access tokens.
    pub tokens: AccessTokens,
    /// Password hashing.
    pub passwords: Passwords,
    /// The relying party of passkeys; None: the service has no domain name.
    pub passkeys: Option<Passkeys>,
    /// The bytes that the requests under way have in hand.
    pub meters: Pools,
    /// Rate limits.
    pub rates: Rates,
    /// Which push services may be used.
    pub push_policy: PushPolicy,
    /// The public half of the VAPID key (RFC 8292, 3.2), base64url.
    pub vapid_public_key: String,
    /// Help lines, as the operator configured them.
    pub help_lines: Vec<HelpLine>,
    /// Retention periods.
    pub keep: Keep,
    /// What the mail server can do.
    pub mail_features: Arc<MailFeatures>,
    /// What is known about this process's clocks.
    pub time_guard: TimeGuard,
    /// When the database last took a write that was made to see whether it does.
    pub write_check: WriteCheck,
    /// The ledger of erased accounts.
    pub ledger: Ledger,
    /// Notified when nudges were planned, by this process or another, so that the worker looks.
    pub planned: Arc<Notify>,
    /// The change-feed subscribers of this process.
    pub feeds: Arc<Feeds>,
    /// Notified when an export was requested, so that this process's worker makes it.
    pub to_tend: Arc<Notify>,
    /// This process's metrics.
    pub metrics: Arc<Metrics>,
}

/// A request's idempotency key, hashed, with the hash of its body (R04).
#[derive(Clone, Debug)]
pub struct RequestKey {
    /// Hash of the account and the client's key.
    pub key_hash: Vec<u8>,
    /// Hash of the request.
    pub body_hash: Vec<u8>,
    /// Its account; None if nobody is signed in.
    pub account: Option<AccountId>,
}

/// A client that need not be signed in.
#[derive(Clone, Debug, Default)]
pub struct Visitor {
    /// The network it comes from, for rate limits.
    pub network: Network,
    /// The request's key, if it has one.
    pub key: Option<RequestKey>,
}

/// A signed-in requester with the idempotency key.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The signed-in person.
    pub requester: Requester,
    /// The request's key, if it has one.
    pub key: Option<RequestKey>,
}

//! What people do: each action authorises, lets the domain decide, and saves the result with its nudges at once.

pub mod account;
pub mod address_change;
pub mod aftercare;
pub mod archive;
pub mod change;
pub mod check_in;
pub mod claim;
pub mod consent;
pub mod dead;
pub mod debrief;
pub mod device;
pub mod erasure;
pub mod export;
pub mod factors;
pub mod hold;
pub mod idempotency;
pub mod insight;
pub mod journal;
pub mod locked_link;
pub mod material;
pub mod negotiation;
pub mod nudge;
pub mod page;
pub mod partner_link;
pub mod passkey;
pub mod password_proof;
pub mod people;
pub mod planning;
pub mod promise;
pub mod proof;
pub mod recovery_code;
pub mod refresh;
pub mod retention;
pub mod revision_snapshot;
pub mod revisions;
pub mod rotation;
pub mod scene;
pub mod scene_view;
pub mod second_factor;
pub mod second_step;
pub mod session;
pub mod session_tokens;
pub mod totp;
pub mod watch;

use crate::auth::Requester;
use crate::auth::network::Network;
use crate::auth::passkeys::{PasskeyError, Passkeys};
use crate::auth::passwords::{BUSY_SECONDS, HashError, Passwords};
use crate::auth::rates::Rates;
use crate::auth::tokens::{AccessTokens, TokenError};
use crate::clock::Clock;
use crate::domain::device::PushPolicy;
use crate::domain::help_line::HelpLine;
use crate::domain::problem::Problem;
use crate::domain::retention::Keep;
use crate::ids::AccountId;
use crate::meters::Meters;
use crate::store::change::News;
use crate::store::feeds::Feeds;
use crate::store::types::Ts;
use crate::store::{Db, Store, StoreError};
use crate::store::{house_secret, idempotency as keys};
use crate::vault::ledger::Ledger;
use crate::vault::{DataKey, Place, Vault, VaultError};
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use tokio::sync::Notify;

/// How long an idempotency key is remembered.
pub const KEY_LIFE: SignedDuration = SignedDuration::from_hours(24);

/// What every action needs. One per process.
pub struct House {
    /// The database.
    pub store: Store,
    /// What seals and opens.
    pub vault: Vault,
    /// What time it is.
    pub clock: Clock,
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
    pub meters: Arc<Meters>,
}

/// Something unexpected went wrong. The cause is for the log alone (R36).
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A sealed value.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// Password hashing.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// Token signing.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// A passkey ceremony.
    #[error(transparent)]
    Passkey(#[from] PasskeyError),
    /// The archive of an export.
    #[error("the archive: {0}")]
    Archive(zip::result::ZipError),
    /// The ledger of erased accounts.
    #[error("the ledger of erased accounts: {0}")]
    Ledger(std::io::Error),
    /// Two rows contradict each other.
    #[error("inconsistent data: {0}")]
    Inconsistent(&'static str),
}

/// Why an action did not take place.
#[derive(Debug)]
pub enum Refusal {
    /// What the person can mend.
    Problems(Vec<Problem>),
    /// The mutation was sent before under the same idempotency key (R04).
    Repeated,
    /// What they cannot.
    Fault(Fault),
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self::Problems(vec![problem])
    }
}

impl From<Vec<Problem>> for Refusal {
    fn from(problems: Vec<Problem>) -> Self {
        Self::Problems(problems)
    }
}

impl From<diesel::result::Error> for Refusal {
    fn from(error: diesel::result::Error) -> Self {
        Self::Fault(StoreError::from(error).into())
    }
}

impl From<diesel::result::Error> for Fault {
    fn from(error: diesel::result::Error) -> Self {
        StoreError::from(error).into()
    }
}

macro_rules! refusal_from {
    ($($fault:ty),*) => {$(
        impl From<$fault> for Refusal {
            fn from(error: $fault) -> Self {
                Self::Fault(error.into())
            }
        }
    )*};
}
refusal_from!(StoreError, VaultError, TokenError, PasskeyError, Fault);

impl From<HashError> for Refusal {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy => Problem::too_often(BUSY_SECONDS).into(),
            HashError::Failed(_) => Self::Fault(error.into()),
        }
    }
}

/// What an action came to.
pub type Outcome<T> = Result<T, Refusal>;

/// The result of an action that may find everything done already.
#[derive(Clone, Debug)]
pub struct Done<T> {
    /// What stands now.
    pub value: T,
    /// False: it stood already, and nothing was changed.
    pub changed: bool,
}

impl<T> Done<T> {
    /// It was done.
    pub fn now(value: T) -> Self {
        Self { value, changed: true }
    }

    /// It was so already.
    pub fn already(value: T) -> Self {
        Self { value, changed: false }
    }
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

/// A unit of work inside one transaction.
pub struct Unit<'a> {
    /// The open transaction.
    pub db: &'a mut Db,
    /// What seals and opens.
    pub vault: &'a Vault,
    /// The instant of the whole unit.
    pub now: Timestamp,
    /// What is told when the unit ends.
    news: News,
}

impl<'a> Unit<'a> {
    /// A unit inside an open transaction.
    pub fn new(db: &'a mut Db, vault: &'a Vault, now: Timestamp) -> Self {
        Self { db, vault, now, news: News::default() }
    }

    /// Now, as it is stored.
    pub fn ts(&self) -> Ts {
        self.now.into()
    }

    /// A new data key, wrapped for its row by the master key that is in force in this transaction.
    pub fn new_data_key(&mut self, place: Place) -> Result<(DataKey, Vec<u8>), Fault> {
        let secret =
            house_secret::find(self.db)?.ok_or(Fault::Inconsistent("a database without its secret"))?;
        Ok(self.vault.new_data_key(place, Vault::in_force(&secret)?)?)
    }
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

impl House {
    /// Reads in one go: all of it sees the same state.
    pub async fn look<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&mut Unit<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let house = Arc::clone(self);
        self.store.look(move |db| work(&mut Unit::new(db, &house.vault, house.clock.now()))).await
    }

    /// Changes something in one transaction, together with the request's idempotency key: either all of it is
    /// saved, or nothing.
    pub async fn change<T: Send + 'static>(
        self: &Arc<Self>,
        key: Option<&RequestKey>,
        work: impl FnOnce(&mut Unit<'_>) -> Outcome<T> + Send + 'static,
    ) -> Outcome<T> {
        let house = Arc::clone(self);
        let key = key.cloned();
        let (done, told) = self
            .store
            .write(move |db| {
                let now = house.clock.now();
                if let Some(RequestKey { key_hash, body_hash, account }) = key {
                    keys::forget(db, (now - KEY_LIFE).into())?;
                    let row = keys::KeyRow {
                        key_hash,
                        body_hash,
                        response: None,
                        created_at: now.into(),
                        account_id: account,
                    };
                    keys::insert(db, &row).map_err(StoreError::from).map_err(|error| {
                        if error.is_conflict() { Refusal::Repeated } else { error.into() }
                    })?;
                }
                let mut unit = Unit::new(db, &house.vault, now);
                let done = work(&mut unit)?;
                let told = std::mem::take(&mut unit.news).save(unit.db)?;
                Ok::<_, Refusal>((done, told))
            })
            .await?;
        self.planned.notify_one();
        for account in told {
            self.feeds.ring(account);
        }
        Ok(done)
    }
}

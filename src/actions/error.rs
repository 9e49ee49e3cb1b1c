//! Errors of actions: problems that the person can fix, and faults that only the log shows.

use crate::auth::passkeys::PasskeyError;
use crate::auth::passwords::{BUSY_SECONDS, HashError};
use crate::auth::tokens::TokenError;
use crate::domain::problem::Problem;
use crate::store::{Failure, StoreError};
use crate::vault::VaultError;

/// An unexpected failure. The cause goes only to the log (R36).
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

impl Failure for Fault {
    fn of_store(&self) -> Option<&StoreError> {
        if let Self::Store(error) = self { Some(error) } else { None }
    }
}

/// Why an action did not take place.
#[derive(Debug)]
pub enum Refusal {
    /// Problems that the person can fix.
    Problems(Vec<Problem>),
    /// The mutation was sent before under the same idempotency key (R04).
    Repeated,
    /// A fault that the person cannot fix.
    Fault(Fault),
}

impl Refusal {
    /// A write that failed: the problem if another row was in its way, which may have come at the same moment.
    pub(super) fn of_write(error: diesel::result::Error, in_its_way: Problem) -> Self {
        let error = StoreError::from(error);
        if error.is_conflict() { in_its_way.into() } else { error.into() }
    }
}

impl Failure for Refusal {
    fn of_store(&self) -> Option<&StoreError> {
        if let Self::Fault(fault) = self { fault.of_store() } else { None }
    }
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

/// The result of an action.
pub type ActionResult<T> = Result<T, Refusal>;

/// The result of an action that may find its work done already.
#[derive(Clone, Debug)]
pub struct Done<T> {
    /// The current state.
    pub value: T,
    /// False: it was so already, and nothing changed.
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

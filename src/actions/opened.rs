//! Sealed values as views hold them: each opened on its own, so that one that does not open takes nothing else with it.

use super::Fault;
use crate::vault::VaultError;

pub use crate::vault::VaultError as Unopened;

/// A sealed value, or why it could not be opened. It is never replaced by an empty one.
pub type Opened<T> = Result<T, Unopened>;

/// A value as it was opened, for a view. That a request may open no more is no fault of this value: it ends the look-up.
pub(super) fn opened<T>(value: Result<T, VaultError>) -> Result<Opened<T>, Fault> {
    match value {
        Err(spent @ VaultError::Spent(_)) => Err(spent.into()),
        value => Ok(value),
    }
}

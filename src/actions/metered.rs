//! The meter of the request under way: what its transactions open counts against it, wherever they are called from.

use super::{AppContext, Fault};
use crate::ids::{AccountId, TypedId};
use crate::vault::VaultError;

pub use crate::vault::meter::{Meter, Spent};

tokio::task_local! {
    static METER: Meter;
}

impl Fault {
    /// Which limit of bytes was reached, if that is the fault.
    pub fn spent(&self) -> Option<Spent> {
        match self {
            Self::Vault(VaultError::Spent(spent)) => Some(*spent),
            _ => None,
        }
    }
}

/// Runs a future with a meter.
pub async fn with_meter<T>(meter: Meter, work: impl Future<Output = T>) -> T {
    METER.scope(meter, work).await
}

/// The meter of the request under way; None in what no request asked for, such as a worker's pass.
pub fn meter() -> Option<Meter> {
    METER.try_with(Meter::clone).ok()
}

/// Counts the bytes of a text that goes into the answer.
///
/// # Errors
/// If the request has no more of them.
pub fn count(bytes: usize) -> Result<(), Fault> {
    meter().map_or(Ok(()), |meter| Ok(meter.count(bytes)?))
}

impl AppContext {
    /// A meter for one request of this account, or of nobody.
    pub fn new_meter(&self, account: Option<AccountId>) -> Meter {
        self.meters.meter(account.map(TypedId::uuid))
    }
}

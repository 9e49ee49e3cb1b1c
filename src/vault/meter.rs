//! Meters: how many bytes of text one request may open and put into its answer, those of one account together, and those
//! of a process.

pub use super::envelope::Spent;
use super::envelope::VaultError;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use uuid::Uuid;

/// Bytes of one request: more than any page of the longest texts.
pub const REQUEST_BYTES: usize = 8 * 1024 * 1024;
/// Bytes of all requests of one account whose answers were not sent yet.
pub const ACCOUNT_BYTES: usize = 16 * 1024 * 1024;
/// Bytes of all requests of one process whose answers were not sent yet.
pub const PROCESS_BYTES: usize = 128 * 1024 * 1024;

type Count = AtomicUsize;

/// Adds to a count, unless that goes beyond its limit.
fn take(count: &Count, bytes: usize, limit: usize) -> bool {
    let more = |now: usize| now.checked_add(bytes).filter(|sum| *sum <= limit);
    count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
}

/// What the requests of a process have in hand.
#[derive(Clone, Default)]
pub struct Pools {
    process: Arc<Count>,
    accounts: Arc<Mutex<HashMap<Uuid, Weak<Count>>>>,
}

impl Pools {
    /// A meter at zero for a request of this account, or of nobody.
    pub fn meter(&self, account: Option<Uuid>) -> Meter {
        let account = account.map(|account| self.account(account));
        Meter(Arc::new(Counts { own: Count::new(0), account, process: Arc::clone(&self.process) }))
    }

    fn account(&self, account: Uuid) -> Arc<Count> {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = accounts.get(&account).and_then(Weak::upgrade) {
            return count;
        }
        accounts.retain(|_, count| count.strong_count() > 0);
        let count = Arc::default();
        accounts.insert(account, Arc::downgrade(&count));
        count
    }
}

/// Counts the bytes of one request; gives them back when the last clone is dropped.
#[derive(Clone)]
pub struct Meter(Arc<Counts>);

struct Counts {
    own: Count,
    account: Option<Arc<Count>>,
    process: Arc<Count>,
}

impl Meter {
    /// Counts bytes.
    ///
    /// # Errors
    /// If they go beyond a limit; they do not count then.
    pub fn count(&self, bytes: usize) -> Result<(), VaultError> {
        let Counts { own, account, process } = &*self.0;
        let back = |count: &Count| count.fetch_sub(bytes, Ordering::Relaxed);
        if !take(own, bytes, REQUEST_BYTES) {
            return Err(VaultError::Spent(Spent::Request));
        }
        if account.as_ref().is_some_and(|account| !take(account, bytes, ACCOUNT_BYTES)) {
            back(own);
            return Err(VaultError::Spent(Spent::Others));
        }
        if !take(process, bytes, PROCESS_BYTES) {
            back(own);
            account.as_ref().map(|account| back(account));
            return Err(VaultError::Spent(Spent::Others));
        }
        Ok(())
    }
}

impl Drop for Counts {
    fn drop(&mut self) {
        let own = *self.own.get_mut();
        for count in self.account.iter().chain([&self.process]) {
            count.fetch_sub(own, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r34_a_request_an_account_and_a_process_have_their_bytes() {
        let (pools, alex) = (Pools::default(), Some(Uuid::from_u128(1)));
        let meters: Vec<_> = (0..3).map(|_| pools.meter(alex)).collect();
        assert_eq!(meters[0].count(REQUEST_BYTES), Ok(()));
        assert_eq!(meters[0].clone().count(1), Err(VaultError::Spent(Spent::Request)));
        assert_eq!(meters[1].count(REQUEST_BYTES), Ok(()));
        assert_eq!(meters[2].count(1), Err(VaultError::Spent(Spent::Others)), "an account has two such");
        let others: Vec<_> = (2..).map(|n| pools.meter(Some(Uuid::from_u128(n)))).take(20).collect();
        let taken = others.iter().filter(|other| other.count(REQUEST_BYTES).is_ok()).count();
        assert_eq!(taken, PROCESS_BYTES / REQUEST_BYTES - 2, "no account takes what all have");
        assert_eq!(pools.meter(None).count(1), Err(VaultError::Spent(Spent::Others)));
        drop(meters);
        assert_eq!(pools.meter(alex).count(REQUEST_BYTES), Ok(()), "what ended gives back what it had");
        drop(others);
        assert_eq!(pools.process.load(Ordering::Relaxed), 0);
        drop(pools.meter(alex));
        assert!(pools.accounts.lock().unwrap().len() <= 2, "who has nothing in hand is forgotten");
    }
}

//! Meters: how many bytes of text one request may open and put into its answer, and all requests of a process together.

pub use super::envelope::Spent;
use super::envelope::VaultError;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of one request: more than any page of the longest texts.
pub const REQUEST_BYTES: usize = 8 * 1024 * 1024;
/// Bytes of all requests that are under way in one process.
pub const PROCESS_BYTES: usize = 64 * 1024 * 1024;

/// Bytes that the requests under way have in hand.
#[derive(Clone, Default)]
pub struct Pool(Arc<AtomicUsize>);

/// Counts the bytes of one request; gives them back to its pool when the last clone is dropped.
#[derive(Clone)]
pub struct Meter(Arc<Counts>);

struct Counts {
    own: AtomicUsize,
    pool: Pool,
}

impl Meter {
    /// A meter at zero.
    pub fn new(pool: &Pool) -> Self {
        Self(Arc::new(Counts { own: AtomicUsize::new(0), pool: pool.clone() }))
    }

    /// Counts bytes.
    ///
    /// # Errors
    /// If they go beyond a limit. They count all the same, so that what was refused once is refused from then on.
    pub fn count(&self, bytes: usize) -> Result<(), VaultError> {
        let Counts { own, pool } = &*self.0;
        let mine = own.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let all = pool.0.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if mine > REQUEST_BYTES {
            return Err(VaultError::Spent(Spent::Request));
        }
        if all > PROCESS_BYTES {
            return Err(VaultError::Spent(Spent::Process));
        }
        Ok(())
    }
}

impl Drop for Counts {
    fn drop(&mut self) {
        self.pool.0.fetch_sub(*self.own.get_mut(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r34_a_request_has_its_bytes_and_all_together_have_theirs() {
        let pool = Pool::default();
        let one = Meter::new(&pool);
        assert_eq!(one.count(REQUEST_BYTES), Ok(()));
        assert_eq!(one.clone().count(1), Err(VaultError::Spent(Spent::Request)));
        let others: Vec<_> = (1..PROCESS_BYTES / REQUEST_BYTES).map(|_| Meter::new(&pool)).collect();
        let refused = others.iter().filter(|other| other.count(REQUEST_BYTES).is_err()).count();
        assert_eq!(refused, 1, "the byte too many of the first is in hand as well");
        let late = Meter::new(&pool);
        assert_eq!(late.count(1), Err(VaultError::Spent(Spent::Process)));
        drop(one);
        assert_eq!(late.count(1), Ok(()), "what ended gives back what it had");
        drop((others, late));
        assert_eq!(pool.0.load(Ordering::Relaxed), 0);
    }
}

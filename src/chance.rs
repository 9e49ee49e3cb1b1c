//! The one source of randomness: the machine's, which is fit for keys, or a seeded one for tests.

use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The seeded sources of this process, by seed.
static SEEDED: Mutex<Option<HashMap<u64, Arc<Mutex<StdRng>>>>> = Mutex::new(None);

/// Gives keys, nonces, tokens, ids and waits their random part. Clones share one source.
#[derive(Clone)]
pub struct Chance(Source);

#[derive(Clone)]
enum Source {
    /// ChaCha12, seeded and reseeded by the operating system.
    System,
    Seeded(Arc<Mutex<StdRng>>),
}

impl Chance {
    /// The machine's source: cryptographically secure.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A source that gives the same bytes in every run. For tests alone: no setting leads here. Within a process one
    /// seed has one source, which never starts over, so that no nonce comes twice.
    pub fn seeded(seed: u64) -> Self {
        let mut all = SEEDED.lock().unwrap_or_else(PoisonError::into_inner);
        let source = all.get_or_insert_default().entry(seed);
        let source = source.or_insert_with(|| Arc::new(Mutex::new(StdRng::seed_from_u64(seed))));
        Self(Source::Seeded(Arc::clone(source)))
    }

    /// Fills a buffer.
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the machine for chance")]
    pub fn fill(&self, bytes: &mut [u8]) {
        match &self.0 {
            Source::System => rand::rng().fill_bytes(bytes),
            Source::Seeded(source) => source.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(bytes),
        }
    }

    /// `N` random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    /// A number from 0 up to, but without, 1.
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the machine for chance")]
    pub fn fraction(&self) -> f64 {
        match &self.0 {
            Source::System => rand::rng().random(),
            Source::Seeded(source) => source.lock().unwrap_or_else(PoisonError::into_inner).random(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_bytes_in_every_run_and_no_bytes_twice() {
        let first = Chance::seeded(7).bytes::<8>();
        // Another version of `rand` may give other bytes; then write those here.
        assert_eq!(first, [190, 251, 168, 106, 233, 224, 194, 7]);
        let (shared, again) = (Chance::seeded(7), Chance::seeded(7));
        let all = [first, shared.bytes(), again.bytes(), shared.clone().bytes(), Chance::seeded(8).bytes()];
        let different: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(different.len(), all.len());
    }

    #[test]
    fn a_fraction_lies_below_one() {
        for chance in [Chance::system(), Chance::seeded(9)] {
            for _ in 0..1000 {
                assert!((0.0..1.0).contains(&chance.fraction()));
            }
        }
    }
}

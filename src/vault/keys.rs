//! The keys of an installation: made once, read at every start.

use super::hashing::random_key;
use super::key_files::{load, write_new};
use crate::chance::Chance;
use crate::vault::key_ring::{KeyRing, MasterSource};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use zeroize::Zeroizing;

pub use super::key_files::KeyError;

/// The secrets of an installation. Without the master key, no sealed value can ever be read again.
pub struct Keys {
    /// Wraps all data keys.
    pub master: Arc<KeyRing>,
    /// Seed of the Ed25519 key that signs access tokens (RFC 8032).
    pub token_seed: Zeroizing<[u8; 32]>,
    /// P-256 private scalar that signs VAPID tokens (RFC 8292).
    pub vapid: Zeroizing<[u8; 32]>,
}

impl Keys {
    /// Reads the keys, and makes missing key files.
    ///
    /// # Errors
    /// If one cannot be read or made, or is not a key.
    pub fn load_or_make(folder: &Path, master: &MasterSource, chance: &Chance) -> Result<Self, KeyError> {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|error| KeyError::Io(folder.to_owned(), error))?;
        let made = Self::ephemeral(chance);
        match master {
            MasterSource::File => made.save(folder, chance)?,
            MasterSource::Given(_) | MasterSource::Command(_) => made.save_own(folder, chance)?,
        }
        Self::load(folder, master)
    }

    /// Reads the keys, and makes none.
    ///
    /// # Errors
    /// If one is missing ([`KeyError::Io`]), is not a key, or can be read by others.
    pub fn load(folder: &Path, master: &MasterSource) -> Result<Self, KeyError> {
        let master = Arc::new(KeyRing::load(folder, master)?);
        let read = |name: &str| load(&folder.join(name));
        Ok(Self { master, token_seed: read("tokens.key")?, vapid: read("vapid.key")? })
    }

    /// New keys in memory only, for the demo and for tests.
    pub fn ephemeral(chance: &Chance) -> Self {
        let master = Arc::new(KeyRing::ephemeral(chance));
        Self { master, token_seed: random_key(chance), vapid: p256_scalar(chance) }
    }

    /// Writes the keys to a folder; existing files stay as they are.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn save(&self, folder: &Path, chance: &Chance) -> Result<(), KeyError> {
        self.master.save(folder, chance)?;
        self.save_own(folder, chance)
    }

    /// Like [`Keys::save`], without the master key.
    fn save_own(&self, folder: &Path, chance: &Chance) -> Result<(), KeyError> {
        write_new(&folder.join("tokens.key"), &self.token_seed, chance)?;
        write_new(&folder.join("vapid.key"), &self.vapid, chance)
    }
}

/// A scalar of 255 random bits: below the order of P-256, whose top 32 bits are all ones, and not zero.
fn p256_scalar(chance: &Chance) -> Zeroizing<[u8; 32]> {
    let mut key = random_key(chance);
    key[0] &= 0x7f;
    key[31] |= 1;
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn processes_that_start_at_once_share_their_keys() {
        let folder = tempfile::tempdir().unwrap();
        let (folder, start) = (folder.path().join("keys"), std::sync::Barrier::new(8));
        let masters = std::thread::scope(|scope| {
            let make = || {
                start.wait();
                Keys::load_or_make(&folder, &MasterSource::File, &Chance::seeded(2)).unwrap().master.newest()
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(make)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        assert!(masters.iter().all(|master| *master == masters[0]));
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 3, "nothing unfinished is left");
    }

    #[test]
    fn keys_are_made_once_and_for_their_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("keys");
        let first = Keys::load_or_make(&folder, &MasterSource::File, &Chance::seeded(2)).unwrap();
        let second = Keys::load_or_make(&folder, &MasterSource::File, &Chance::seeded(2)).unwrap();
        assert_eq!(first.master.newest(), second.master.newest());
        assert_eq!((*first.token_seed, *first.vapid), (*second.token_seed, *second.vapid));
        let file = folder.join("master.key");
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
        assert!(matches!(
            Keys::load_or_make(&folder, &MasterSource::File, &Chance::seeded(2)),
            Err(KeyError::Open(_))
        ));
    }
}

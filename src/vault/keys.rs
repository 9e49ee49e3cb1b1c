//! The key files: made once with mode 0600, read at every start.

use super::random_key;
use super::ring::{MasterSource, Ring};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zeroize::Zeroizing;

/// The secrets of an installation. Losing the master key loses every sealed word.
pub struct Keys {
    /// Wrap all data keys.
    pub master: Arc<Ring>,
    /// Seed of the Ed25519 key that signs access tokens (RFC 8032).
    pub token_seed: Zeroizing<[u8; 32]>,
    /// P-256 private scalar that signs VAPID tokens (RFC 8292).
    pub vapid: Zeroizing<[u8; 32]>,
}

/// Why the keys could not be had. Nothing of a key is told.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file could not be read or written.
    #[error("key file {0}: {1}")]
    Io(PathBuf, std::io::Error),
    /// The file does not hold 32 bytes in base64url.
    #[error("key file {0} does not hold a key (32 bytes in base64url)")]
    Malformed(PathBuf),
    /// Others can read the file.
    #[error("key file {0} can be read by others than its owner: chmod 600 it")]
    Open(PathBuf),
    /// The setting does not hold master keys.
    #[error(
        "EVENKEEL_MASTER_KEY does not hold master keys (32 bytes in base64url each, with blanks between)"
    )]
    Given,
    /// The command did not give master keys.
    #[error("EVENKEEL_MASTER_KEY_COMMAND gave no master key: {0}")]
    Command(&'static str),
    /// Another process changes the key files.
    #[error("another evenkeel keys rotate has {0} in hand; let it finish")]
    InHand(PathBuf),
    /// The next key is not the one that everything was wrapped by.
    #[error("key file {0} was changed meanwhile; both keys were left where they are")]
    Changed(PathBuf),
}

impl Keys {
    /// Reads the keys; key files that are missing are made.
    ///
    /// # Errors
    /// If one cannot be read or made, or is no key.
    pub fn load_or_make(folder: &Path, master: &MasterSource) -> Result<Self, KeyError> {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|error| KeyError::Io(folder.to_owned(), error))?;
        let made = Self::ephemeral();
        match master {
            MasterSource::File => made.save(folder)?,
            MasterSource::Given(_) | MasterSource::Command(_) => made.save_own(folder)?,
        }
        Self::load(folder, master)
    }

    /// Reads the keys and makes none.
    ///
    /// # Errors
    /// If one is missing ([`KeyError::Io`]), is no key, or can be read by others.
    pub fn load(folder: &Path, master: &MasterSource) -> Result<Self, KeyError> {
        let master = Arc::new(Ring::load(folder, master)?);
        let read = |name: &str| load(&folder.join(name));
        Ok(Self { master, token_seed: read("tokens.key")?, vapid: read("vapid.key")? })
    }

    /// New keys that live in memory only, for the demo and for tests.
    pub fn ephemeral() -> Self {
        Self { master: Arc::new(Ring::ephemeral()), token_seed: random_key(), vapid: p256_scalar() }
    }

    /// Writes the keys to a folder. Those that are there already stay as they are.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn save(&self, folder: &Path) -> Result<(), KeyError> {
        self.master.save(folder)?;
        self.save_own(folder)
    }

    /// As [`Keys::save`], without the master key.
    fn save_own(&self, folder: &Path) -> Result<(), KeyError> {
        write_new(&folder.join("tokens.key"), &self.token_seed)?;
        write_new(&folder.join("vapid.key"), &self.vapid)?;
        keep_names(folder)
    }
}

/// A scalar of 255 random bits: below the order of P-256, whose top 32 bits are all ones, and not zero.
fn p256_scalar() -> Zeroizing<[u8; 32]> {
    let mut key = random_key();
    key[0] &= 0x7f;
    key[31] |= 1;
    key
}

/// Writes a key file unless it is there. Written whole under another name and then linked: of two processes that start
/// at once, the second finds either no file or a whole one, and both go on with the same key.
pub(super) fn write_new(path: &Path, key: &[u8; 32]) -> Result<(), KeyError> {
    let io = |error| KeyError::Io(path.to_owned(), error);
    if path.try_exists().map_err(io)? {
        return Ok(());
    }
    let unfinished = path.with_extension(format!("{:016x}.new", rand::random::<u64>()));
    let text = Zeroizing::new(URL_SAFE_NO_PAD.encode(key));
    let mut file =
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished).map_err(io)?;
    let made = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::hard_link(&unfinished, path));
    let cleaned = std::fs::remove_file(&unfinished);
    match made {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(io(error)),
        Ok(()) | Err(_) => cleaned.map_err(io),
    }
}

/// Has the names in a folder survive a power cut, as what is sealed with the keys under them will.
pub(super) fn keep_names(folder: &Path) -> Result<(), KeyError> {
    let kept = File::open(folder).and_then(|folder| folder.sync_all());
    kept.map_err(|error| KeyError::Io(folder.to_owned(), error))
}

/// Reads a key file.
pub(super) fn load(path: &Path) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    let io = |error| KeyError::Io(path.to_owned(), error);
    let mut file = File::open(path).map_err(io)?;
    if file.metadata().map_err(io)?.permissions().mode() & 0o077 != 0 {
        return Err(KeyError::Open(path.to_owned()));
    }
    // With room for all of it: a text that grows leaves copies behind.
    let mut text = Zeroizing::new(String::with_capacity(128));
    file.read_to_string(&mut text).map_err(io)?;
    read_key(text.trim()).ok_or_else(|| KeyError::Malformed(path.to_owned()))
}

/// Reads a key from its text; None: it is none.
pub(super) fn read_key(text: &str) -> Option<Zeroizing<[u8; 32]>> {
    let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(text).ok()?);
    bytes.as_slice().try_into().ok().map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_that_start_at_once_share_their_keys() {
        let folder = tempfile::tempdir().unwrap();
        let (folder, start) = (folder.path().join("keys"), std::sync::Barrier::new(8));
        let masters = std::thread::scope(|scope| {
            let make = || {
                start.wait();
                Keys::load_or_make(&folder, &MasterSource::File).unwrap().master.newest()
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
        let first = Keys::load_or_make(&folder, &MasterSource::File).unwrap();
        let second = Keys::load_or_make(&folder, &MasterSource::File).unwrap();
        assert_eq!(first.master.newest(), second.master.newest());
        assert_eq!((*first.token_seed, *first.vapid), (*second.token_seed, *second.vapid));
        let file = folder.join("master.key");
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
        assert!(matches!(Keys::load_or_make(&folder, &MasterSource::File), Err(KeyError::Open(_))));
    }
}

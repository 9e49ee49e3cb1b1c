//! The key files: made once with mode 0600, read at every start.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The secrets of an installation. Losing the master key loses every sealed word.
pub struct Keys {
    /// Wraps all data keys.
    pub master: Zeroizing<[u8; 32]>,
    /// Seed of the Ed25519 key that signs access tokens (RFC 8032).
    pub token_seed: Zeroizing<[u8; 32]>,
    /// P-256 private scalar that signs VAPID tokens (RFC 8292).
    pub vapid: Zeroizing<[u8; 32]>,
}

/// Why the keys could not be had.
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
}

impl Keys {
    /// Reads the key files of a folder; those that are missing are made.
    pub fn load_or_make(folder: &Path) -> Result<Self, KeyError> {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|error| KeyError::Io(folder.to_owned(), error))?;
        Ok(Self {
            master: load_or_make(&folder.join("master.key"), random)?,
            token_seed: load_or_make(&folder.join("tokens.key"), random)?,
            vapid: load_or_make(&folder.join("vapid.key"), p256_scalar)?,
        })
    }

    /// Reads the key files of a folder and makes none.
    ///
    /// # Errors
    /// If one is missing ([`KeyError::Io`]), is no key, or can be read by others.
    pub fn load(folder: &Path) -> Result<Self, KeyError> {
        let read = |name: &str| load(&folder.join(name));
        Ok(Self { master: read("master.key")?, token_seed: read("tokens.key")?, vapid: read("vapid.key")? })
    }

    /// Keys that live in memory only, for the demo and for tests.
    pub fn ephemeral() -> Self {
        Self { master: random(), token_seed: random(), vapid: p256_scalar() }
    }
}

fn random() -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    rand::fill(key.as_mut_slice());
    key
}

/// A scalar of 255 random bits: below the order of P-256, whose top 32 bits are all ones, and not zero.
fn p256_scalar() -> Zeroizing<[u8; 32]> {
    let mut key = random();
    key[0] &= 0x7f;
    key[31] |= 1;
    key
}

fn load_or_make(path: &Path, make: fn() -> Zeroizing<[u8; 32]>) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    let io = |error| KeyError::Io(path.to_owned(), error);
    if !path.try_exists().map_err(io)? {
        // Written whole under another name and then linked: of two processes that start at once, the second finds
        // either no file or a whole one, and both go on with the same key.
        let unfinished = path.with_extension(format!("{:016x}.new", rand::random::<u64>()));
        let text = Zeroizing::new(URL_SAFE_NO_PAD.encode(make().as_slice()));
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&unfinished)
            .map_err(io)?;
        let made = file
            .write_all(text.as_bytes())
            .and_then(|()| file.sync_all())
            .and_then(|()| std::fs::hard_link(&unfinished, path));
        let cleaned = std::fs::remove_file(&unfinished);
        match made {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(io(error)),
            Ok(()) | Err(_) => cleaned.map_err(io)?,
        }
    }
    load(path)
}

fn load(path: &Path) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    let io = |error| KeyError::Io(path.to_owned(), error);
    let mut file = std::fs::File::open(path).map_err(io)?;
    if file.metadata().map_err(io)?.permissions().mode() & 0o077 != 0 {
        return Err(KeyError::Open(path.to_owned()));
    }
    let mut text = Zeroizing::new(String::new());
    file.read_to_string(&mut text).map_err(io)?;
    let bytes = Zeroizing::new(
        URL_SAFE_NO_PAD.decode(text.trim()).map_err(|_| KeyError::Malformed(path.to_owned()))?,
    );
    let key: [u8; 32] = bytes.as_slice().try_into().map_err(|_| KeyError::Malformed(path.to_owned()))?;
    Ok(Zeroizing::new(key))
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
                *Keys::load_or_make(&folder).unwrap().master
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
        let first = Keys::load_or_make(&folder).unwrap();
        let second = Keys::load_or_make(&folder).unwrap();
        assert_eq!(*first.master, *second.master);
        let file = folder.join("master.key");
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
        assert!(matches!(Keys::load_or_make(&folder), Err(KeyError::Open(_))));
    }
}

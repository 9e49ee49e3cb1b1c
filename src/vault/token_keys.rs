//! The token keys of an installation: the one that signs, and the one before it until its tokens have expired (R31).

use super::key_files::{load, replace};
use super::keys::KeyError;
use super::random_key;
use crate::chance::Chance;
use jiff::Timestamp;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The file of the key that signs.
pub(crate) const CURRENT: &str = "tokens.key";

/// The seed of an Ed25519 key (RFC 8032).
pub type Seed = Zeroizing<[u8; 32]>;

/// The token keys in a key folder.
pub struct TokenKeys {
    /// The key that signs.
    pub current: Seed,
    /// The key before, and when it stopped signing.
    pub previous: Option<(Seed, Timestamp)>,
}

/// The identity of a key file: its replacement has another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp(u64, i64, i64);

/// The stamp of the current key file in a folder; None: there is none.
pub fn stamp(folder: &Path) -> Option<Stamp> {
    // The file is replaced, never written to. The change time also changes when its permissions are fixed.
    let file = std::fs::metadata(folder.join(CURRENT)).ok()?;
    Some(Stamp(file.ino(), file.ctime(), file.ctime_nsec()))
}

/// The file name of a key that signed until `at`: `tokens.<seconds since 1970>.key`.
fn retired_name(at: Timestamp) -> String {
    format!("tokens.{}.key", at.as_second())
}

/// The keys that no longer sign, the latest first.
fn retired(folder: &Path) -> Result<Vec<(Timestamp, PathBuf)>, KeyError> {
    let io = |error| KeyError::Io(folder.to_owned(), error);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let seconds = name.strip_prefix("tokens.").and_then(|rest| rest.strip_suffix(".key"));
        if let Some(at) = seconds.and_then(|text| Timestamp::from_second(text.parse().ok()?).ok()) {
            found.push((at, path));
        }
    }
    found.sort_by(|a, b| b.cmp(a));
    Ok(found)
}

impl TokenKeys {
    /// Reads the keys of a folder.
    ///
    /// # Errors
    /// If one cannot be read, is not a key, or can be read by others.
    pub fn load(folder: &Path) -> Result<Self, KeyError> {
        // In this order: a rotation meanwhile sets the old key aside before the new one replaces it.
        let current = load(&folder.join(CURRENT))?;
        let previous = match retired(folder)?.first() {
            Some((at, path)) => Some((load(path)?, *at)),
            None => None,
        };
        Ok(Self { current, previous })
    }
}

/// Makes a new key that signs from now on, and sets the old one aside. Running processes watch the folder and use the
/// new key at once.
///
/// # Errors
/// If the files cannot be read or written. The next call starts an interrupted rotation anew.
pub fn rotate(folder: &Path, now: Timestamp, chance: &Chance) -> Result<(), KeyError> {
    let io = |error| KeyError::Io(folder.to_owned(), error);
    let held = File::open(folder).map_err(io)?;
    // One rotation at a time; the lock ends with the process.
    held.lock().map_err(io)?;
    let old = load(&folder.join(CURRENT))?;
    let aside = folder.join(retired_name(now));
    replace(&aside, &old, chance)?;
    replace(&folder.join(CURRENT), &random_key(chance), chance)?;
    for (_, path) in retired(folder)?.into_iter().filter(|(_, path)| *path != aside) {
        std::fs::remove_file(&path).map_err(|error| KeyError::Io(path, error))?;
    }
    held.sync_all().map_err(io)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r31_the_key_before_is_set_aside_until_the_next_rotation() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().to_owned();
        let first = Seed::new([7; 32]);
        let chance = Chance::seeded(3);
        replace(&folder.join(CURRENT), &first, &chance).unwrap();
        let at = |second| Timestamp::from_second(second).unwrap();
        let before = (TokenKeys::load(&folder).unwrap(), stamp(&folder));
        assert_eq!((*before.0.current, before.0.previous.is_none()), (*first, true));
        rotate(&folder, at(1_000_000_000), &chance).unwrap();
        let second = TokenKeys::load(&folder).unwrap();
        assert_ne!(*second.current, *first);
        assert_ne!(stamp(&folder), before.1);
        let previous = second.previous.unwrap();
        assert_eq!((*previous.0, previous.1), (*first, at(1_000_000_000)));
        rotate(&folder, at(1_000_000_900), &chance).unwrap();
        let third = TokenKeys::load(&folder).unwrap();
        assert_eq!(*third.previous.unwrap().0, *second.current);
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 2);
        assert!(stamp(&folder.join("elsewhere")).is_none());
    }
}

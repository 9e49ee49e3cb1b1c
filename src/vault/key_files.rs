//! Key files: one key each, readable by the owner alone, and never half written, even after a crash.

use crate::chance::Chance;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use data_encoding::HEXLOWER;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Why the keys could not be loaded. No message contains a key.
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
    /// Another process is rotating the key files.
    #[error("another evenkeel keys rotate has {0} in hand; let it finish")]
    InHand(PathBuf),
    /// The next key is not the one that everything was wrapped by.
    #[error("key file {0} was changed meanwhile; both keys were left where they are")]
    Changed(PathBuf),
}

/// Writes a key file unless it exists. Of two processes that start at once, the second finds no file or a whole one,
/// and both continue with the same key.
pub(super) fn write_new(path: &Path, key: &[u8; 32], chance: &Chance) -> Result<(), KeyError> {
    if path.try_exists().map_err(|error| KeyError::Io(path.to_owned(), error))? {
        return Ok(());
    }
    // Unlike a rename, a hard link does not replace an existing file.
    put(path, key, chance, |unfinished| match std::fs::hard_link(unfinished, path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        Ok(()) | Err(_) => std::fs::remove_file(unfinished),
    })
}

/// Replaces a key file.
pub(crate) fn replace(path: &Path, key: &[u8; 32], chance: &Chance) -> Result<(), KeyError> {
    put(path, key, chance, |unfinished| std::fs::rename(unfinished, path))
}

/// Writes a key whole to a temporary file, has `place` put it in place, and syncs the folder.
fn put(
    path: &Path,
    key: &[u8; 32],
    chance: &Chance,
    place: impl FnOnce(&Path) -> io::Result<()>,
) -> Result<(), KeyError> {
    let unfinished = path.with_extension(format!("{}.new", HEXLOWER.encode(&chance.bytes::<8>())));
    let text = Zeroizing::new(URL_SAFE_NO_PAD.encode(key));
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished);
    let placed = file.and_then(|mut file| {
        let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
        written.and_then(|()| place(&unfinished)).inspect_err(|_| {
            // Report the error of the write, not one of this clean-up.
            drop(std::fs::remove_file(&unfinished));
        })
    });
    placed.map_err(|error| KeyError::Io(path.to_owned(), error))?;
    path.parent().map_or(Ok(()), keep_names)
}

/// Syncs a folder, so that its file names survive a power cut, as the values sealed with these keys do.
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
    // Full capacity at once: a text that grows leaves copies in memory.
    let mut text = Zeroizing::new(String::with_capacity(128));
    file.read_to_string(&mut text).map_err(io)?;
    read_key(text.trim()).ok_or_else(|| KeyError::Malformed(path.to_owned()))
}

/// Decodes a key; None if the text is not one.
pub(super) fn read_key(text: &str) -> Option<Zeroizing<[u8; 32]>> {
    let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(text).ok()?);
    bytes.as_slice().try_into().ok().map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let names = std::fs::read_dir(folder).unwrap();
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_key_file_is_its_owners_alone_and_is_replaced_only_when_that_is_meant() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("some.key");
        let chance = Chance::seeded(1);
        write_new(&path, &[1; 32], &chance).unwrap();
        write_new(&path, &[2; 32], &chance).unwrap();
        assert_eq!(*load(&path).unwrap(), [1; 32]);
        replace(&path, &[3; 32], &chance).unwrap();
        assert_eq!(*load(&path).unwrap(), [3; 32]);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(names(folder.path()), ["some.key"], "nothing unfinished is left");
    }

    #[test]
    fn what_cannot_be_put_in_its_place_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("some.key");
        std::fs::create_dir(&path).unwrap();
        assert!(matches!(replace(&path, &[1; 32], &Chance::seeded(1)), Err(KeyError::Io(..))));
        assert_eq!(names(folder.path()), ["some.key"]);
    }
}

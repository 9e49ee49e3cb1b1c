//! The ledger of erased accounts: a file beside the keys, so that an older backup of the database brings no account
//! back.

use super::sha256;
use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use std::collections::BTreeSet;
use std::fs::{DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The file's name.
const NAME: &str = "erased";

/// SHA-256 of the id of an erased account. An id is mostly random: it cannot be guessed from this.
pub type AccountHash = Vec<u8>;

/// The hash that stands for an account in the ledger.
pub fn account_hash(account: uuid::Uuid) -> AccountHash {
    sha256(account.as_bytes())
}

/// The file: one hash per line, in hex. Lines are only ever appended.
#[derive(Clone, Debug)]
pub struct Ledger {
    path: PathBuf,
}

impl Ledger {
    /// The ledger in a key folder. The first entry creates the file.
    pub fn beside(folder: &Path) -> Self {
        Self { path: folder.join(NAME) }
    }

    /// All entries. A line that a crash cut off is skipped, and written again later.
    ///
    /// # Errors
    /// If the file exists and cannot be read.
    pub fn read(&self) -> std::io::Result<BTreeSet<AccountHash>> {
        let text = match std::fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeSet::new()),
            Err(error) => return Err(error),
        };
        let entry = |line: &str| HEXLOWER_PERMISSIVE.decode(line.as_bytes()).ok();
        Ok(text.lines().filter(|line| line.len() == 64).filter_map(entry).collect())
    }

    /// Appends the hashes that are missing, and returns once they are on disk.
    ///
    /// # Errors
    /// If the file cannot be read or written.
    pub fn add(&self, hashes: &[AccountHash]) -> std::io::Result<()> {
        let known = self.read()?;
        // A line break first, in case the last line was cut off; an empty line is not an entry.
        let new: String = hashes
            .iter()
            .filter(|hash| !known.contains(*hash))
            .map(|hash| format!("\n{}", HEXLOWER.encode(hash)))
            .collect();
        if new.is_empty() {
            return Ok(());
        }
        if let Some(folder) = self.path.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(&self.path)?;
        file.write_all(format!("{new}\n").as_bytes())?;
        file.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_stay_even_beside_one_that_was_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::beside(&folder.path().join("keys"));
        assert!(ledger.read().unwrap().is_empty());
        let hash = |n: u128| account_hash(uuid::Uuid::from_u128(n));
        ledger.add(&[hash(1)]).unwrap();
        let path = folder.path().join("keys").join(NAME);
        let mut text = std::fs::read_to_string(&path).unwrap();
        text.push_str(&HEXLOWER.encode(&hash(2))[..20]);
        std::fs::write(&path, text).unwrap();
        ledger.add(&[hash(1), hash(3)]).unwrap();
        assert_eq!(ledger.read().unwrap(), BTreeSet::from([hash(1), hash(3)]));
    }
}

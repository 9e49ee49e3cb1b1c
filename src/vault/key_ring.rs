//! The master keys that a process knows, newest first; the id in an envelope tells which one made it.

use crate::chance::Chance;
use crate::vault::hashing::{hmac, random_key};
use crate::vault::key_files::{KeyError, keep_names, load, read_key, write_new};
use data_encoding::HEXLOWER;
use secrecy::{ExposeSecret, SecretString};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{OnceLock, PoisonError, RwLock, mpsc};
use std::time::Duration;
use zeroize::Zeroizing;

/// The file of the key in force. During `evenkeel keys rotate`, [`NEXT`] holds its successor.
pub const CURRENT: &str = "master.key";
/// The file of the next key, until it replaces [`CURRENT`].
pub const NEXT: &str = "master.next.key";

/// How long the command that prints the master keys may take.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(20);
/// Longest output of that command, in bytes: more than any sensible number of keys.
const COMMAND_OUTPUT_MAX: u16 = 4096;

/// Length of a master key's id, in bytes.
const ID: usize = 4;

/// The id of a master key. It stands in every envelope that the key made, and reveals nothing about the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MasterId([u8; ID]);

impl MasterId {
    /// Splits an envelope into the id that it starts with and the rest.
    pub(super) fn split(envelope: &[u8]) -> Option<(Self, &[u8])> {
        envelope.split_first_chunk().map(|(id, rest)| (Self(*id), rest))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Display for MasterId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

/// Where the master key comes from.
#[derive(Clone, Debug, Default)]
pub enum MasterSource {
    /// `master.key` in the key folder; made if it is missing.
    #[default]
    File,
    /// A setting with one or more keys, the newest first, separated by blanks.
    Given(SecretString),
    /// A shell command that prints the same. It runs once, at start.
    Command(SecretString),
}

#[derive(Clone)]
pub(super) struct Master {
    pub(super) id: MasterId,
    pub(super) key: Zeroizing<[u8; 32]>,
}

impl Master {
    fn new(key: Zeroizing<[u8; 32]>) -> Self {
        let mut id = [0; ID];
        id.iter_mut().zip(hmac(&key, b"evenkeel master key id")).for_each(|(to, from)| *to = from);
        Self { id: MasterId(id), key }
    }
}

/// The master keys of a process.
pub struct KeyRing {
    /// Never empty; the newest first.
    masters: RwLock<Vec<Master>>,
    /// The folder to read again when a key is not known.
    folder: OnceLock<PathBuf>,
}

impl KeyRing {
    /// One new key, in memory only.
    pub(super) fn ephemeral(chance: &Chance) -> Self {
        Self { masters: RwLock::new(vec![Master::new(random_key(chance))]), folder: OnceLock::new() }
    }

    /// Reads the master keys. Makes none.
    ///
    /// # Errors
    /// If there is no key, or what is there is not one.
    pub fn load(folder: &Path, source: &MasterSource) -> Result<Self, KeyError> {
        let (masters, folder) = match source {
            MasterSource::File => (read_files(folder)?, OnceLock::from(folder.to_owned())),
            MasterSource::Given(text) => {
                (parse(text.expose_secret()).ok_or(KeyError::Given)?, OnceLock::new())
            }
            MasterSource::Command(command) => (run(command)?, OnceLock::new()),
        };
        Ok(Self { masters: RwLock::new(masters), folder })
    }

    /// Writes the newest key to the folder unless there is one. From then on, new keys are looked for there.
    pub(super) fn save(&self, folder: &Path, chance: &Chance) -> Result<(), KeyError> {
        self.folder.get_or_init(|| folder.to_owned());
        write_new(&folder.join(CURRENT), &self.first().key, chance)
    }

    pub(super) fn first(&self) -> Master {
        let masters = self.masters.read().unwrap_or_else(PoisonError::into_inner);
        masters.first().cloned().unwrap_or_else(|| unreachable!("a ring is never empty"))
    }

    /// The id of the newest key, to which a rotation wraps.
    pub fn newest(&self) -> MasterId {
        self.first().id
    }

    fn known(&self, id: MasterId) -> Option<Master> {
        let masters = self.masters.read().unwrap_or_else(PoisonError::into_inner);
        masters.iter().find(|master| master.id == id).cloned()
    }

    /// The key with this id. If it is not known, it may be new: the key files are read again.
    pub(super) fn find(&self, id: MasterId) -> Option<Master> {
        self.known(id).or_else(|| {
            let read = self.folder.get().map(|folder| read_files(folder))?;
            let read = read.inspect_err(|error| tracing::error!(%error, "the master keys")).ok()?;
            let mut masters = self.masters.write().unwrap_or_else(PoisonError::into_inner);
            for master in read.into_iter().rev() {
                // Keep known keys: values that this process read a moment ago may need them.
                if masters.iter().all(|known| known.id != master.id) {
                    masters.insert(0, master);
                }
            }
            drop(masters);
            self.known(id)
        })
    }
}

/// Reads the key files, next key first: if it replaces the current one meanwhile, it is found there.
fn read_files(folder: &Path) -> Result<Vec<Master>, KeyError> {
    let next = match load(&folder.join(NEXT)) {
        Err(KeyError::Io(_, error)) if error.kind() == std::io::ErrorKind::NotFound => None,
        other => Some(other?),
    };
    let keys = next.into_iter().chain([load(&folder.join(CURRENT))?]);
    Ok(keys.map(Master::new).collect())
}

/// Reads one or more keys, 32 bytes each in base64url; None if the text is something else.
fn parse(text: &str) -> Option<Vec<Master>> {
    let keys = text.split_ascii_whitespace().map(|word| read_key(word).map(Master::new));
    keys.collect::<Option<Vec<_>>>().filter(|masters| !masters.is_empty())
}

/// Whether a text holds master keys, as a setting gives them.
pub fn are_masters(text: &SecretString) -> bool {
    parse(text.expose_secret()).is_some()
}

/// Runs the command that prints the keys. Its output goes into no error or log: it may contain secrets.
fn run(command: &SecretString) -> Result<Vec<Master>, KeyError> {
    let failed = |_| KeyError::Command("it cannot be run");
    let mut shell = Command::new("sh");
    shell.args(["-c", command.expose_secret()]).stdin(Stdio::null()).stderr(Stdio::null());
    let mut child = shell.stdout(Stdio::piped()).spawn().map_err(failed)?;
    let (told, hear) = mpsc::channel();
    let output = child.stdout.take();
    // A thread of its own: a command that prints nothing and does not end would block this one forever.
    let listen = move || {
        // Full capacity at once: a text that grows leaves copies in memory.
        let mut text = Zeroizing::new(String::with_capacity(COMMAND_OUTPUT_MAX.into()));
        let read = output.map(|output| output.take(COMMAND_OUTPUT_MAX.into()).read_to_string(&mut text));
        drop(told.send(read.and_then(Result::ok).map(|_| text)));
    };
    std::thread::Builder::new().name("master-key".to_owned()).spawn(listen).map_err(failed)?;
    let heard = hear.recv_timeout(COMMAND_TIMEOUT);
    if heard.is_err() {
        // It may have ended by itself just now.
        drop(child.kill());
    }
    let ended = child.wait().map_err(failed)?;
    match heard {
        Err(_) => Err(KeyError::Command("it took too long")),
        Ok(_) if !ended.success() => Err(KeyError::Command("it failed")),
        Ok(text) => {
            text.and_then(|text| parse(&text)).ok_or(KeyError::Command("what it printed is not a master key"))
        }
    }
}

/// A rotation's lock on the master key files: one process at a time.
pub struct Handover {
    folder: PathBuf,
    /// The lock is released when the process ends, however it ends.
    _lock: File,
}

impl Handover {
    /// Locks the key folder, and makes the next key unless an earlier run did.
    ///
    /// # Errors
    /// If another process has the lock, or the files cannot be read or written.
    pub fn begin(folder: &Path, chance: &Chance) -> Result<Self, KeyError> {
        let io = |error| KeyError::Io(folder.to_owned(), error);
        let lock = File::open(folder).map_err(io)?;
        lock.try_lock().map_err(|error| match error {
            std::fs::TryLockError::WouldBlock => KeyError::InHand(folder.to_owned()),
            std::fs::TryLockError::Error(error) => io(error),
        })?;
        // There must be a current key to rotate from.
        load(&folder.join(CURRENT))?;
        write_new(&folder.join(NEXT), &random_key(chance), chance)?;
        load(&folder.join(NEXT))?;
        Ok(Self { folder: folder.to_owned(), _lock: lock })
    }

    /// Makes the next key the current one, after everything was wrapped by it, and sets the old key aside. Returns the
    /// path of the old key.
    ///
    /// # Errors
    /// If the next key is not `to`, or the files cannot be changed.
    pub fn finish(self, to: MasterId) -> Result<PathBuf, KeyError> {
        let (current, next) = (self.folder.join(CURRENT), self.folder.join(NEXT));
        if Master::new(load(&next)?).id != to {
            return Err(KeyError::Changed(next));
        }
        let before = Master::new(load(&current)?).id;
        let aside = self.folder.join(format!("master-{before}.retired"));
        let changed = match std::fs::hard_link(&current, &aside) {
            // It exists if an earlier run was killed right here.
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
            Ok(()) | Err(_) => std::fs::rename(&next, &current),
        };
        changed.map_err(|error| KeyError::Io(current, error))?;
        keep_names(&self.folder)?;
        Ok(aside)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::keys::Keys;
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    /// A process that starts inherits for a moment what this one has open, the lock of a hand-over too: tests that
    /// start a process and the test of the lock take turns.
    static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());

    fn turn() -> std::sync::MutexGuard<'static, ()> {
        TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn text(byte: u8) -> String {
        URL_SAFE_NO_PAD.encode([byte; 32])
    }

    fn given(text: &str) -> Result<KeyRing, KeyError> {
        KeyRing::load(Path::new("/nowhere"), &MasterSource::Given(text.into()))
    }

    fn printed(command: &str) -> Result<KeyRing, KeyError> {
        let _turn = turn();
        KeyRing::load(Path::new("/nowhere"), &MasterSource::Command(command.into()))
    }

    #[test]
    fn r26_the_master_key_comes_from_a_setting_or_a_command_too() {
        let new = Master::new(Zeroizing::new([1; 32])).id;
        let old = Master::new(Zeroizing::new([2; 32])).id;
        let both = format!("{} {}\n", text(1), text(2));
        for key_ring in [given(&both).unwrap(), printed(&format!("echo '{both}'")).unwrap()] {
            assert!(key_ring.newest() == new && key_ring.find(old).is_some());
            assert!(key_ring.find(Master::new(Zeroizing::new([3; 32])).id).is_none());
        }
    }

    #[test]
    fn what_is_no_key_is_refused_without_being_quoted() {
        for wrong in ["", "hunter2", &text(1)[1..], &format!("{} hunter2", text(1))] {
            let told = given(wrong).err().unwrap().to_string();
            assert!(told.contains("EVENKEEL_MASTER_KEY") && !told.contains("hunter2"), "{told}");
        }
        for wrong in ["echo hunter2", "echo hunter2 >&2; exit 1", "no-such-program hunter2", "true"] {
            let told = printed(wrong).err().unwrap().to_string();
            assert!(told.contains("EVENKEEL_MASTER_KEY_COMMAND") && !told.contains("hunter2"), "{told}");
        }
        assert!(matches!(printed(&format!("echo {}; exit 3", text(1))), Err(KeyError::Command("it failed"))));
    }

    #[test]
    fn a_running_process_finds_the_next_key_when_it_meets_its_id_and_keeps_the_one_before() {
        let _turn = turn();
        let folder = tempfile::tempdir().unwrap();
        let chance = Chance::seeded(4);
        let folder = folder.path();
        let key_ring = Keys::load_or_make(folder, &MasterSource::File, &chance).unwrap().master;
        let first = key_ring.newest();
        let handover = Handover::begin(folder, &chance).unwrap();
        assert!(
            matches!(Handover::begin(folder, &chance), Err(KeyError::InHand(_))),
            "two would cross each other"
        );
        let started_meanwhile = KeyRing::load(folder, &MasterSource::File).unwrap();
        let second = started_meanwhile.newest();
        assert!(second != first && started_meanwhile.known(first).is_some());
        assert!(
            key_ring.known(second).is_none()
                && key_ring.find(second).is_some()
                && key_ring.known(first).is_some()
        );
        drop(handover);
        // A run that was killed between the last two steps has already set the old key aside.
        std::fs::hard_link(folder.join(CURRENT), folder.join(format!("master-{first}.retired"))).unwrap();
        let aside = Handover::begin(folder, &chance).unwrap().finish(second).unwrap();
        let after = KeyRing::load(folder, &MasterSource::File).unwrap();
        assert!(after.newest() == second && after.find(first).is_none(), "it is read no more");
        assert!(Master::new(load(&aside).unwrap()).id == first, "and is kept for the operator");
        let third = Handover::begin(folder, &chance).unwrap();
        assert!(
            third.finish(second).is_err(),
            "a key that nothing was wrapped by does not become the current one"
        );
    }
}

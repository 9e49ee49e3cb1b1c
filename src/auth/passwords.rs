//! Passwords: Argon2id in a bounded thread pool of its own; a check takes as long without an account as with one (R28,
//! R32).

use crate::chance::Chance;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{ARGON2ID_IDENT, Argon2, Params, Version};
use secrecy::{ExposeSecret, SecretString};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::oneshot;

/// How many hashes may wait for a thread: one or two seconds of work. More are refused at once.
const WAITING_MAX: usize = 32;
/// Bytes of a salt (RFC 9106, 3.1).
const SALT: usize = 16;
/// After how many seconds a refused caller may try again.
pub const BUSY_SECONDS: u32 = 5;

/// Why a password was not hashed or checked.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// The queue is full.
    #[error("password hashing: too many are waiting")]
    Busy,
    /// The pool is closing, or a stored hash is damaged.
    #[error("password hashing: {0}")]
    Failed(String),
}

type Work = Box<dyn FnOnce() + Send>;

/// Hashes and checks passwords.
#[derive(Clone)]
pub struct Passwords {
    queue: SyncSender<Work>,
    /// Compared with the password when there is no account, so that it takes as long.
    decoy: Arc<str>,
    /// Makes the salts.
    chance: Chance,
}

impl Passwords {
    /// Starts the pool on half of the processors: a hash takes 19 MiB and a processor for some tens of milliseconds,
    /// and the rest of the service must go on meanwhile.
    pub fn new(chance: Chance) -> Result<Self, HashError> {
        let (queue, waiting) = sync_channel::<Work>(WAITING_MAX);
        let waiting = Arc::new(Mutex::new(waiting));
        let threads = std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).max(1));
        for _ in 0..threads {
            let waiting = Arc::clone(&waiting);
            let thread = std::thread::Builder::new().name("hashing".to_owned());
            thread.spawn(move || serve(&waiting)).map_err(|error| HashError::Failed(error.to_string()))?;
        }
        let nobodys: [u8; 32] = chance.bytes();
        let decoy = hash(&nobodys, &chance)?;
        Ok(Self { queue, decoy: decoy.into(), chance })
    }

    /// Hashes a password with a new salt, in PHC form.
    ///
    /// # Errors
    /// [`HashError::Busy`] at once if the queue is full; [`Passwords::verify`] shares it.
    pub async fn hash(&self, password: SecretString) -> Result<String, HashError> {
        let chance = self.chance.clone();
        self.run(move || hash(password.expose_secret().as_bytes(), &chance)).await
    }

    /// The hash of a password that nobody has, for an account whose password may not be used any more.
    pub fn nobodys(&self) -> String {
        self.decoy.to_string()
    }

    /// Whether the password matches the hash. Without a hash it takes as long and is false.
    pub async fn verify(&self, password: SecretString, stored: Option<String>) -> Result<bool, HashError> {
        let decoy = Arc::clone(&self.decoy);
        self.run(move || {
            let known = stored.is_some();
            let text = stored.as_deref().unwrap_or(&decoy);
            let parsed = PasswordHash::new(text).map_err(|error| HashError::Failed(error.to_string()))?;
            // `verify_password` uses the parameters in the hash, not today's.
            let matches =
                Argon2::default().verify_password(password.expose_secret().as_bytes(), &parsed).is_ok();
            Ok(known && matches)
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, HashError> + Send + 'static,
    ) -> Result<T, HashError> {
        let (done, result) = oneshot::channel();
        let work: Work = Box::new(move || {
            // The caller has gone: skip the work.
            if !done.is_closed() {
                let _ = done.send(work());
            }
        });
        self.queue.try_send(work).map_err(|refused| match refused {
            TrySendError::Full(_) => HashError::Busy,
            TrySendError::Disconnected(_) => HashError::Failed("the pool is closed".to_owned()),
        })?;
        result.await.map_err(|error| HashError::Failed(error.to_string()))?
    }
}

/// The loop of one thread; it ends with the last [`Passwords`].
fn serve(waiting: &Mutex<Receiver<Work>>) {
    loop {
        let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(work) = next else { return };
        // After a panic the caller sees that no answer came, and the thread goes on with the next.
        let _ = catch_unwind(AssertUnwindSafe(work));
    }
}

/// OWASP's parameters: 19 MiB, two passes, one lane. Hashes with other parameters are renewed at the next log-in.
fn today() -> Argon2<'static> {
    Argon2::default()
}

fn hash(password: &[u8], chance: &Chance) -> Result<String, HashError> {
    let hash = today().hash_password_with_salt(password, &chance.bytes::<SALT>());
    let hash = hash.map_err(|error| HashError::Failed(error.to_string()))?;
    Ok(hash.to_string())
}

/// Whether a hash was made with another algorithm or other parameters than today's.
pub fn is_outdated(stored: &str) -> bool {
    let Ok(parsed) = PasswordHash::new(stored) else { return true };
    let (argon2, version) = (today(), u32::from(Version::default()));
    parsed.algorithm != ARGON2ID_IDENT
        || parsed.version != Some(version)
        || Params::try_from(&parsed).ok().as_ref().is_none_or(|params| {
            let same = |number: fn(&Params) -> u32| number(params) == number(argon2.params());
            !(same(Params::m_cost) && same(Params::t_cost) && same(Params::p_cost))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r32_hashes_with_other_parameters_are_outdated() {
        let today = hash(b"four calm boats on a lake", &Chance::seeded(0)).unwrap();
        assert!(today.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{today}");
        assert!(!is_outdated(&today));
        for (what, instead) in
            [("m=19456", "m=9728"), ("t=2", "t=3"), ("p=1", "p=2"), ("argon2id", "argon2i"), ("v=19", "v=16")]
        {
            assert!(is_outdated(&today.replacen(what, instead, 1)), "{instead}");
        }
        assert!(is_outdated("nonsense"));
    }
}

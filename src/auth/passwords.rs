//! Passwords: Argon2id in a bounded pool of its own, and as slow for nobody as for somebody (R28, R32).

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Hashes at once: each takes 19 MiB and a core for some tens of milliseconds.
const AT_ONCE: usize = 2;

/// Hashing failed: the pool is closing, or a stored hash is damaged.
#[derive(Debug, thiserror::Error)]
#[error("password hashing: {0}")]
pub struct HashError(String);

/// Hashes and checks passwords.
#[derive(Clone)]
pub struct Passwords {
    room: Arc<Semaphore>,
    /// What a password of nobody is compared with, so that it takes as long.
    decoy: Arc<str>,
}

impl Passwords {
    /// A pool.
    pub fn new() -> Result<Self, HashError> {
        let decoy = hash(b"nobody has this password")?;
        Ok(Self { room: Arc::new(Semaphore::new(AT_ONCE)), decoy: decoy.into() })
    }

    /// Hashes a password with a new salt, in PHC form.
    pub async fn hash(&self, password: SecretString) -> Result<String, HashError> {
        self.run(move || hash(password.expose_secret().as_bytes())).await
    }

    /// Whether the password is the one of that hash. Without a hash it takes as long and is never true.
    pub async fn verify(&self, password: SecretString, stored: Option<String>) -> Result<bool, HashError> {
        let decoy = Arc::clone(&self.decoy);
        self.run(move || {
            let known = stored.is_some();
            let text = stored.as_deref().unwrap_or(&decoy);
            let parsed = PasswordHash::new(text).map_err(|error| HashError(error.to_string()))?;
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
        let _room = self.room.acquire().await.map_err(|error| HashError(error.to_string()))?;
        tokio::task::spawn_blocking(work).await.map_err(|error| HashError(error.to_string()))?
    }
}

fn hash(password: &[u8]) -> Result<String, HashError> {
    // The defaults are OWASP's: Argon2id, 19 MiB, two passes, one lane.
    let hash = Argon2::default().hash_password(password).map_err(|error| HashError(error.to_string()))?;
    Ok(hash.to_string())
}

//! The key of one account or link: seals and opens its values.

use super::envelope::{Aad, SEALED, VaultError, decrypt, encrypt};
use super::hashing::random_key;
use super::meter::Meter;
use crate::chance::Chance;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use zeroize::Zeroizing;

/// The data key of one account or link. It has no `Debug`, so that it cannot get into a log.
#[derive(Clone)]
pub struct DataKey {
    /// Or why it could not be unwrapped: then nothing is sealed or opened with it.
    key: Result<Zeroizing<[u8; 32]>, VaultError>,
    /// Makes the nonces.
    chance: Chance,
    /// Counts openings; shared with the vault that the key comes from.
    decryptions: Arc<AtomicU64>,
    /// The meter of the request that opens with it.
    meter: Option<Meter>,
}

impl DataKey {
    /// A new random key.
    pub fn random(chance: &Chance) -> Self {
        Self::new(Ok(random_key(chance)), chance, &Arc::default(), None)
    }

    /// A key as it was unwrapped, or why it was not.
    pub(super) fn new(
        key: Result<Zeroizing<[u8; 32]>, VaultError>,
        chance: &Chance,
        decryptions: &Arc<AtomicU64>,
        meter: Option<Meter>,
    ) -> Self {
        Self { key, chance: chance.clone(), decryptions: Arc::clone(decryptions), meter }
    }

    /// The same key, for one request.
    pub(super) fn metered(&self, meter: Option<Meter>) -> Self {
        Self { meter, ..self.clone() }
    }

    /// The key itself.
    ///
    /// # Errors
    /// Why it could not be unwrapped.
    pub(super) fn bytes(&self) -> Result<&[u8; 32], VaultError> {
        self.key.as_deref().map_err(|error| *error)
    }

    /// Seals bytes for one place. An error, never an empty value, if they cannot be sealed.
    ///
    /// # Errors
    /// If the cipher refuses the bytes, or the key could not be unwrapped.
    pub fn seal(&self, aad: Aad, plain: &[u8]) -> Result<Vec<u8>, VaultError> {
        encrypt(self.bytes()?, &[SEALED], aad, plain, &self.chance)
    }

    /// Opens bytes that were sealed for this place.
    pub fn open(&self, aad: Aad, sealed: &[u8]) -> Result<Vec<u8>, VaultError> {
        let key = self.bytes()?;
        let body = sealed.strip_prefix(&[SEALED]).ok_or(VaultError::Malformed(aad.column))?;
        self.decryptions.fetch_add(1, Ordering::Relaxed);
        if let Some(meter) = &self.meter {
            meter.count(body.len())?;
        }
        decrypt(key, aad, body)
    }

    /// Seals a text.
    ///
    /// # Errors
    /// Like [`DataKey::seal`].
    pub fn seal_text(&self, aad: Aad, text: &str) -> Result<Vec<u8>, VaultError> {
        self.seal(aad, text.as_bytes())
    }

    /// Opens a text.
    pub fn open_text(&self, aad: Aad, sealed: &[u8]) -> Result<String, VaultError> {
        String::from_utf8(self.open(aad, sealed)?).map_err(|_| VaultError::Form(aad.column))
    }

    /// Seals a structure as JSON.
    ///
    /// # Errors
    /// If it cannot be serialised; else like [`DataKey::seal`].
    pub fn seal_json(&self, aad: Aad, value: &impl Serialize) -> Result<Vec<u8>, VaultError> {
        let plain = serde_json::to_vec(value).map_err(|_| VaultError::Unsealable(aad.column))?;
        self.seal(aad, &Zeroizing::new(plain))
    }

    /// Opens a structure that was sealed as JSON.
    pub fn open_json<T: DeserializeOwned>(&self, aad: Aad, sealed: &[u8]) -> Result<T, VaultError> {
        let plain = Zeroizing::new(self.open(aad, sealed)?);
        serde_json::from_slice(&plain).map_err(|_| VaultError::Form(aad.column))
    }
}

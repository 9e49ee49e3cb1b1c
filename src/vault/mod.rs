//! The vault: seals values that must not be readable at rest, wraps data keys, and makes blind indexes and tokens
//! (R26).

mod data_key;
mod envelope;
mod hashing;
pub(crate) mod key_files;
pub mod key_ring;
pub mod keys;
pub mod ledger;
pub mod meter;
pub mod token_keys;

pub use data_key::DataKey;
pub use envelope::{Aad, VaultError};
pub use hashing::sha256;

use crate::chance::Chance;
use envelope::{WRAPPED, decrypt, encrypt};
use hashing::{hmac, random_key};
use key_ring::{KeyRing, Master, MasterId};
use meter::Meter;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use zeroize::Zeroizing;

/// Wraps data keys with a master key. All other secrets are derived from the house secret: it is random, belongs to one
/// database and is stored there, wrapped like a data key. So the master key can change, and derived secrets stay.
#[derive(Clone)]
pub struct Vault {
    key_ring: Arc<KeyRing>,
    index_key: Zeroizing<[u8; 32]>,
    token_key: Zeroizing<[u8; 32]>,
    system: DataKey,
    chance: Chance,
    decryptions: Arc<AtomicU64>,
    meter: Option<Meter>,
}

impl Vault {
    /// A new house secret, wrapped by the newest master key, for a database that has none.
    ///
    /// # Errors
    /// If the cipher refuses it.
    pub fn new_house_secret(key_ring: &KeyRing, chance: &Chance) -> Result<Vec<u8>, VaultError> {
        wrap(&key_ring.first(), Self::house_aad(), &random_key(chance), chance)
    }

    /// Opens the vault with a database's wrapped house secret. New keys and nonces come from `chance`.
    ///
    /// # Errors
    /// If it was changed, or wrapped by a master key that is not in the ring.
    pub fn open(key_ring: Arc<KeyRing>, house_secret: &[u8], chance: Chance) -> Result<Self, VaultError> {
        let secret = unwrap(&key_ring, Self::house_aad(), house_secret)?;
        let derive = |label: &str| Zeroizing::new(hmac(&secret, label.as_bytes()));
        let decryptions = Arc::<AtomicU64>::default();
        Ok(Self {
            index_key: derive("evenkeel blind index"),
            token_key: derive("evenkeel tokens"),
            system: DataKey::new(Ok(derive("evenkeel system data")), &chance, &decryptions, None),
            decryptions,
            meter: None,
            key_ring,
            chance,
        })
    }

    /// How many values and data keys were decrypted so far, successfully or not. Tests measure with it what a request
    /// costs besides its statements.
    pub fn decryptions(&self) -> u64 {
        self.decryptions.load(Ordering::Relaxed)
    }

    /// The same vault, for one request: what is opened by it counts against that meter.
    #[must_use]
    pub fn metered(&self, meter: Option<Meter>) -> Self {
        Self { system: self.system.metered(meter.clone()), meter, ..self.clone() }
    }

    /// The source of its keys and nonces.
    pub fn chance(&self) -> &Chance {
        &self.chance
    }

    fn house_aad() -> Aad {
        Aad::new("house_secrets", "secret", uuid::Uuid::nil())
    }

    /// The newest master key that this process knows. To wrap, use the one of [`Vault::in_force`].
    pub fn newest(&self) -> MasterId {
        self.key_ring.newest()
    }

    /// The id of the master key that wraps a key.
    ///
    /// # Errors
    /// If the bytes are not a wrapped key.
    pub fn wrapped_by(aad: Aad, wrapped: &[u8]) -> Result<MasterId, VaultError> {
        split(aad, wrapped).map(|(id, _)| id)
    }

    /// The master key in force: the one that wraps the house secret, so that all processes on a database agree.
    ///
    /// # Errors
    /// If the bytes are not a wrapped secret.
    pub fn in_force(house_secret: &[u8]) -> Result<MasterId, VaultError> {
        Self::wrapped_by(Self::house_aad(), house_secret)
    }

    /// A new data key, wrapped for its row by the master key `by`.
    ///
    /// # Errors
    /// If that master key is not in the ring.
    pub fn new_data_key(&self, aad: Aad, by: MasterId) -> Result<(DataKey, Vec<u8>), VaultError> {
        let key = self.data_key(Ok(random_key(&self.chance)));
        let wrapped = self.wrap(aad, &key, by)?;
        Ok((key, wrapped))
    }

    /// Wraps a data key for its row by the master key `by`.
    ///
    /// # Errors
    /// If that master key is not in the ring.
    pub fn wrap(&self, aad: Aad, key: &DataKey, by: MasterId) -> Result<Vec<u8>, VaultError> {
        let master = self.key_ring.find(by).ok_or(VaultError::MissingKey(aad.column, by))?;
        wrap(&master, aad, key.bytes()?, &self.chance)
    }

    /// Unwraps the data key of a row.
    ///
    /// # Errors
    /// If the master key is not in the ring, or the bytes were changed or moved.
    pub fn unwrap(&self, aad: Aad, wrapped: &[u8]) -> Result<DataKey, VaultError> {
        self.decryptions.fetch_add(1, Ordering::Relaxed);
        Ok(self.data_key(Ok(unwrap(&self.key_ring, aad, wrapped)?)))
    }

    /// The data key of a row, also where it cannot be unwrapped: whatever is sealed or opened with it then fails by that,
    /// and what is not sealed can still be read.
    pub fn unwrap_or_shut(&self, aad: Aad, wrapped: &[u8]) -> DataKey {
        self.unwrap(aad, wrapped).unwrap_or_else(|error| self.data_key(Err(error)))
    }

    fn data_key(&self, key: Result<Zeroizing<[u8; 32]>, VaultError>) -> DataKey {
        DataKey::new(key, &self.chance, &self.decryptions, self.meter.clone())
    }

    /// Wraps the same key by another master key; None if that one wraps it already.
    ///
    /// # Errors
    /// Like [`Vault::unwrap`] and [`Vault::wrap`].
    pub fn rewrap(&self, aad: Aad, wrapped: &[u8], by: MasterId) -> Result<Option<Vec<u8>>, VaultError> {
        if Self::wrapped_by(aad, wrapped)? == by {
            return Ok(None);
        }
        let key = self.unwrap(aad, wrapped)?;
        self.wrap(aad, &key, by).map(Some)
    }

    /// The key for values of no account yet, such as an unconfirmed sign-up.
    pub fn system(&self) -> &DataKey {
        &self.system
    }

    /// A keyed hash by which a value can be found without being readable. `kind` keeps indexes apart.
    pub fn blind_index(&self, kind: &str, value: &str) -> Vec<u8> {
        hmac(&self.index_key, format!("{kind}\0{value}").as_bytes()).to_vec()
    }

    /// A secret token that is derived again from its row when needed, so that it is not stored.
    pub fn derived_token(&self, kind: &str, row: uuid::Uuid) -> String {
        use base64::Engine as _;
        let message = [kind.as_bytes(), b"\0", row.as_bytes()].concat();
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(hmac(&self.token_key, &message))
    }
}

fn wrap(master: &Master, aad: Aad, key: &[u8; 32], chance: &Chance) -> Result<Vec<u8>, VaultError> {
    let head = [&[WRAPPED], master.id.bytes()].concat();
    encrypt(&master.key, &head, aad, key, chance)
}

/// Splits a wrapped key into the id of its master key and the rest.
fn split(aad: Aad, wrapped: &[u8]) -> Result<(MasterId, &[u8]), VaultError> {
    let rest = wrapped.strip_prefix(&[WRAPPED]);
    rest.and_then(MasterId::split).ok_or(VaultError::Malformed(aad.column))
}

fn unwrap(key_ring: &KeyRing, aad: Aad, wrapped: &[u8]) -> Result<Zeroizing<[u8; 32]>, VaultError> {
    let (id, body) = split(aad, wrapped)?;
    let master = key_ring.find(id).ok_or(VaultError::MissingKey(aad.column, id))?;
    let plain = Zeroizing::new(decrypt(&master.key, aad, body)?);
    let key: [u8; 32] = plain.as_slice().try_into().map_err(|_| VaultError::Form(aad.column))?;
    Ok(Zeroizing::new(key))
}

#[cfg(test)]
mod tests {
    use super::envelope::NONCE;
    use super::*;
    use uuid::Uuid;

    #[test]
    fn r26_a_value_opens_in_its_place_only_and_unchanged_only() {
        let key = DataKey::random(&Chance::seeded(5));
        let aad = Aad::new("accounts", "email", Uuid::from_u128(1));
        let sealed = key.seal_text(aad, "words").unwrap();
        assert_eq!(key.open_text(aad, &sealed).as_deref(), Ok("words"));
        for elsewhere in [
            Aad::new("accounts", "email", Uuid::from_u128(2)),
            Aad::new("accounts", "display_name", Uuid::from_u128(1)),
            Aad::new("links", "email", Uuid::from_u128(1)),
            Aad::pair("accounts", "email", Uuid::from_u128(1), Uuid::from_u128(1)),
        ] {
            assert_eq!(key.open(elsewhere, &sealed), Err(VaultError::Forged(elsewhere.column)));
        }
        for bit in 8..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(key.open(aad, &flipped), Err(VaultError::Forged(aad.column)));
        }
        for short in 0..sealed.len() {
            assert!(key.open(aad, &sealed[..short]).is_err());
        }
        let told = key.open(aad, b"").unwrap_err().to_string();
        assert_eq!(told, "accounts.email: not a sealed value");
    }

    #[test]
    fn r26_what_cannot_be_sealed_is_an_error_and_no_empty_value() {
        let (key, aad) =
            (DataKey::random(&Chance::seeded(2)), Aad::new("accounts", "email", Uuid::from_u128(1)));
        let formless = std::collections::BTreeMap::from([((1, 2), "JSON has no such key")]);
        assert_eq!(key.seal_json(aad, &formless), Err(VaultError::Unsealable(aad.column)));
        let empty = key.seal(aad, b"").unwrap();
        assert!(empty.len() > NONCE, "also nothing is sealed as something");
        assert_eq!(key.open(aad, &empty).as_deref(), Ok(&[][..]));
    }

    fn vault() -> Vault {
        let chance = Chance::seeded(6);
        let key_ring = Arc::new(KeyRing::ephemeral(&chance));
        let secret = Vault::new_house_secret(&key_ring, &chance).unwrap();
        Vault::open(key_ring, &secret, chance).unwrap()
    }

    #[test]
    fn r26_a_data_key_needs_its_master_key_and_its_row() {
        let aad = Aad::new("accounts", "data_key", Uuid::from_u128(1));
        let (ours, other) = (vault(), vault());
        let (key, wrapped) = ours.new_data_key(aad, ours.newest()).unwrap();
        let sealed = key.seal_text(aad, "words").unwrap();
        assert_eq!(ours.unwrap(aad, &wrapped).unwrap().open_text(aad, &sealed).as_deref(), Ok("words"));
        let missing = VaultError::MissingKey(aad.column, ours.newest());
        assert_eq!(other.unwrap(aad, &wrapped).err(), Some(missing));
        assert_eq!(
            missing.to_string(),
            format!("accounts.data_key: wrapped by master key {}, which is not here", ours.newest())
        );
        let elsewhere = Aad::new("accounts", "data_key", Uuid::from_u128(2));
        assert_eq!(ours.unwrap(elsewhere, &wrapped).err(), Some(VaultError::Forged(elsewhere.column)));
        for bit in 0..wrapped.len() * 8 {
            let mut flipped = wrapped.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(ours.unwrap(aad, &flipped).is_err());
        }
        let shut = other.unwrap_or_shut(aad, &wrapped);
        assert_eq!((shut.open(aad, &sealed), shut.seal(aad, b"words")), (Err(missing), Err(missing)));
        assert_eq!(
            other.wrap(aad, &shut, other.newest()),
            Err(missing),
            "a key that is not there is not wrapped"
        );
        assert_ne!(ours.blind_index("email", "a@b.org"), other.blind_index("email", "a@b.org"));
    }

    #[test]
    fn r26_keys_cannot_be_shown() {
        struct Probe<T>(std::marker::PhantomData<T>);
        trait Hidden {
            const SHOWN: bool = false;
        }
        impl<T> Hidden for Probe<T> {}
        // An inherent constant takes precedence over a trait's, where there is one.
        impl<T: std::fmt::Debug> Probe<T> {
            const SHOWN: bool = true;
        }
        const { assert!(Probe::<Aad>::SHOWN, "the probe tells them apart") };
        const { assert!(!Probe::<DataKey>::SHOWN && !Probe::<Vault>::SHOWN && !Probe::<KeyRing>::SHOWN) };
        const { assert!(!Probe::<Master>::SHOWN && !Probe::<keys::Keys>::SHOWN) };
    }
}

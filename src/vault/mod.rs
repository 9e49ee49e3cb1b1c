//! The vault: seals what must not be readable at rest, wraps data keys, and makes blind indexes and tokens (R26).

pub mod keys;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// The first byte of everything sealed with a data key.
const SEALED: u8 = 1;
/// The first byte of a wrapped data key; the id of the master key follows.
const WRAPPED: u8 = 2;
/// The text of a key check.
const KEY_CHECK: &str = "evenkeel";
const NONCE: usize = 24;
const KEY_ID: usize = 4;

/// Why something could not be opened. It never says what was inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// The bytes are not an envelope of this vault.
    #[error("not a sealed value")]
    Malformed,
    /// The envelope was made with a master key that is not here.
    #[error("sealed with a master key that is not here")]
    MissingKey,
    /// A bit was flipped, or the value was moved from another row or column.
    #[error("the sealed value does not belong here or was changed")]
    Forged,
    /// It opened, and what was inside is not of the expected form.
    #[error("the sealed value has another form than expected")]
    Form,
}

/// Where a sealed value belongs: it opens nowhere else.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    table: &'static str,
    column: &'static str,
    row: [u8; 32],
}

impl Place {
    /// A column of the row with that id.
    pub fn new(table: &'static str, column: &'static str, row: uuid::Uuid) -> Self {
        Self::pair(table, column, row, uuid::Uuid::nil())
    }

    /// A column of a row whose key is two ids.
    pub fn pair(table: &'static str, column: &'static str, first: uuid::Uuid, second: uuid::Uuid) -> Self {
        let mut row = [0; 32];
        row[..16].copy_from_slice(first.as_bytes());
        row[16..].copy_from_slice(second.as_bytes());
        Self { table, column, row }
    }

    /// A column of a row whose key is a hash.
    pub fn hashed(table: &'static str, column: &'static str, hash: &[u8]) -> Self {
        let mut row = [0; 32];
        for (to, from) in row.iter_mut().zip(hash) {
            *to = *from;
        }
        Self { table, column, row }
    }

    fn aad(&self) -> Vec<u8> {
        [self.table.as_bytes(), b"\0", self.column.as_bytes(), b"\0", &self.row].concat()
    }
}

/// The key of one account or link.
#[derive(Clone)]
pub struct DataKey(Zeroizing<[u8; 32]>);

impl DataKey {
    /// A new random key.
    pub fn random() -> Self {
        let mut key = Zeroizing::new([0; 32]);
        rand::fill(key.as_mut_slice());
        Self(key)
    }

    /// Seals bytes for a place.
    pub fn seal(&self, place: Place, plain: &[u8]) -> Vec<u8> {
        encrypt(&self.0, &[SEALED], &place.aad(), plain)
    }

    /// Opens what was sealed for a place.
    pub fn open(&self, place: Place, sealed: &[u8]) -> Result<Vec<u8>, VaultError> {
        let body = sealed.strip_prefix(&[SEALED]).ok_or(VaultError::Malformed)?;
        decrypt(&self.0, &place.aad(), body)
    }

    /// Seals a text.
    pub fn seal_text(&self, place: Place, text: &str) -> Vec<u8> {
        self.seal(place, text.as_bytes())
    }

    /// Opens a text.
    pub fn open_text(&self, place: Place, sealed: &[u8]) -> Result<String, VaultError> {
        String::from_utf8(self.open(place, sealed)?).map_err(|_| VaultError::Form)
    }

    /// Seals a structure as JSON.
    pub fn seal_json(&self, place: Place, value: &impl Serialize) -> Vec<u8> {
        // Our own structures have string keys only and always serialise.
        self.seal(place, &serde_json::to_vec(value).unwrap_or_default())
    }

    /// Opens a structure.
    pub fn open_json<T: DeserializeOwned>(&self, place: Place, sealed: &[u8]) -> Result<T, VaultError> {
        serde_json::from_slice(&Zeroizing::new(self.open(place, sealed)?)).map_err(|_| VaultError::Form)
    }
}

/// Wraps data keys with the master key, and derives every other secret from it.
pub struct Vault {
    master: Zeroizing<[u8; 32]>,
    master_id: [u8; KEY_ID],
    index_key: Zeroizing<[u8; 32]>,
    token_key: Zeroizing<[u8; 32]>,
    system: DataKey,
}

impl Vault {
    /// A vault under a master key.
    pub fn new(master: Zeroizing<[u8; 32]>) -> Self {
        let derive = |label: &str| Zeroizing::new(hmac(&master, label.as_bytes()));
        let id = derive("evenkeel master key id");
        let mut master_id = [0; KEY_ID];
        master_id.copy_from_slice(&id[..KEY_ID]);
        Self {
            index_key: derive("evenkeel blind index"),
            token_key: derive("evenkeel tokens"),
            system: DataKey(derive("evenkeel system data")),
            master,
            master_id,
        }
    }

    /// A new data key, wrapped for its row.
    pub fn new_data_key(&self, place: Place) -> (DataKey, Vec<u8>) {
        let key = DataKey::random();
        let head = [&[WRAPPED], self.master_id.as_slice()].concat();
        let wrapped = encrypt(&self.master, &head, &place.aad(), key.0.as_slice());
        (key, wrapped)
    }

    /// Unwraps the data key of a row.
    pub fn unwrap(&self, place: Place, wrapped: &[u8]) -> Result<DataKey, VaultError> {
        let rest = wrapped.strip_prefix(&[WRAPPED]).ok_or(VaultError::Malformed)?;
        let (id, body) = rest.split_at_checked(KEY_ID).ok_or(VaultError::Malformed)?;
        if id != self.master_id {
            return Err(VaultError::MissingKey);
        }
        let plain = Zeroizing::new(decrypt(&self.master, &place.aad(), body)?);
        let key: [u8; 32] = plain.as_slice().try_into().map_err(|_| VaultError::Form)?;
        Ok(DataKey(Zeroizing::new(key)))
    }

    /// The key for what belongs to nobody yet, such as a sign-up that is not confirmed.
    pub fn system(&self) -> &DataKey {
        &self.system
    }

    /// A known text, sealed: kept in the database, it tells whether a later start has the same master key.
    pub fn key_check(&self) -> Vec<u8> {
        self.system.seal_text(Self::key_check_place(), KEY_CHECK)
    }

    /// Whether a sealed text was made with this master key.
    pub fn is_own(&self, key_check: &[u8]) -> bool {
        self.system.open_text(Self::key_check_place(), key_check).as_deref() == Ok(KEY_CHECK)
    }

    fn key_check_place() -> Place {
        Place::new("key_checks", "sealed", uuid::Uuid::nil())
    }

    /// A keyed hash by which something can be found without being readable. `kind` keeps indexes apart.
    pub fn blind_index(&self, kind: &str, value: &str) -> Vec<u8> {
        hmac(&self.index_key, format!("{kind}\0{value}").as_bytes()).to_vec()
    }

    /// A secret token that can be made again from its row, so that it need not be kept.
    pub fn derived_token(&self, kind: &str, row: uuid::Uuid) -> String {
        use base64::Engine as _;
        let message = [kind.as_bytes(), b"\0", row.as_bytes()].concat();
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(hmac(&self.token_key, &message))
    }
}

/// SHA-256, for tokens that are random enough to need no key.
pub fn sha256(bytes: &[u8]) -> Vec<u8> {
    Sha256::digest(bytes).to_vec()
}

fn hmac(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    // HMAC pads a short key with zeros to its block of 64 bytes (RFC 2104); so does this, and cannot fail.
    let mut block = Zeroizing::new([0; 64]);
    block[..32].copy_from_slice(key);
    let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new(&(*block).into());
    mac.update(message);
    mac.finalize().into_bytes().into()
}

fn encrypt(key: &[u8; 32], head: &[u8], aad: &[u8], plain: &[u8]) -> Vec<u8> {
    let mut nonce = [0; NONCE];
    rand::fill(&mut nonce);
    let cipher = XChaCha20Poly1305::new(&(*key).into());
    // The cipher refuses only texts of more than 256 GiB.
    let body = cipher.encrypt(&XNonce::from(nonce), Payload { msg: plain, aad }).unwrap_or_default();
    [head, &nonce, &body].concat()
}

fn decrypt(key: &[u8; 32], aad: &[u8], body: &[u8]) -> Result<Vec<u8>, VaultError> {
    let (nonce, text) = body.split_first_chunk::<NONCE>().ok_or(VaultError::Malformed)?;
    let cipher = XChaCha20Poly1305::new(&(*key).into());
    cipher.decrypt(&XNonce::from(*nonce), Payload { msg: text, aad }).map_err(|_| VaultError::Forged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_value_opens_in_its_place_only_and_unchanged_only() {
        let key = DataKey::random();
        let place = Place::new("accounts", "email", Uuid::from_u128(1));
        let sealed = key.seal_text(place, "words");
        assert_eq!(key.open_text(place, &sealed).as_deref(), Ok("words"));
        for elsewhere in [
            Place::new("accounts", "email", Uuid::from_u128(2)),
            Place::new("accounts", "display_name", Uuid::from_u128(1)),
            Place::new("links", "email", Uuid::from_u128(1)),
        ] {
            assert_eq!(key.open(elsewhere, &sealed), Err(VaultError::Forged));
        }
        for bit in 8..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(key.open(place, &flipped), Err(VaultError::Forged));
        }
        assert_eq!(key.open(place, b""), Err(VaultError::Malformed));
    }

    #[test]
    fn a_data_key_needs_its_master_key() {
        let place = Place::new("accounts", "data_key", Uuid::from_u128(1));
        let (ours, other) = (Vault::new(Zeroizing::new([1; 32])), Vault::new(Zeroizing::new([2; 32])));
        let (key, wrapped) = ours.new_data_key(place);
        let sealed = key.seal_text(place, "words");
        assert_eq!(ours.unwrap(place, &wrapped).unwrap().open_text(place, &sealed).as_deref(), Ok("words"));
        assert_eq!(other.unwrap(place, &wrapped).err(), Some(VaultError::MissingKey));
        assert_ne!(ours.blind_index("email", "a@b.org"), other.blind_index("email", "a@b.org"));
    }
}

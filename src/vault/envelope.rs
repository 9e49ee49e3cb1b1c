//! Envelopes: what a sealed value is bound to, how it is encrypted, and why one does not open.

use super::key_ring::MasterId;
use crate::chance::Chance;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};

/// The first byte of every value sealed with a data key.
pub(super) const SEALED: u8 = 1;

/// The first byte of every wrapped key; the id of the master key follows.
pub(super) const WRAPPED: u8 = 2;

pub(super) const NONCE: usize = 24;

/// Why a value could not be sealed or opened. It names the column, never the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// The bytes are not an envelope of this vault.
    #[error("{0}: not a sealed value")]
    Malformed(Column),
    /// The envelope was made with a master key that this process does not have.
    #[error("{0}: wrapped by master key {1}, which is not here")]
    MissingKey(Column, MasterId),
    /// The envelope was changed, or moved from another row or column.
    #[error("{0}: the sealed value does not belong here or was changed")]
    Forged(Column),
    /// It opened, but the content does not have the expected form.
    #[error("{0}: the sealed value has another form than expected")]
    Form(Column),
    /// A request opened more than it may. No column is to blame.
    #[error("too many bytes were opened: {0:?}")]
    Spent(Spent),
    /// The value cannot be serialised, or is longer than the cipher allows.
    #[error("{0}: the value cannot be sealed")]
    Unsealable(Column),
}

/// Which limit of bytes a request reached: see [`super::meter`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spent {
    /// The request's own bytes.
    Request,
    /// Those of the account, or of the process, while other requests are under way.
    Others,
}

/// The column of a sealed value, for error messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    table: &'static str,
    column: &'static str,
}

impl std::fmt::Display for Column {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.table, self.column)
    }
}

/// The additional data (AAD) that binds a sealed value to its table, column and row: it opens nowhere else.
#[derive(Clone, Copy, Debug)]
pub struct Aad {
    pub(super) column: Column,
    row: [u8; 32],
}

impl Aad {
    /// A column of the row with this id.
    pub fn new(table: &'static str, column: &'static str, row: uuid::Uuid) -> Self {
        Self::pair(table, column, row, uuid::Uuid::nil())
    }

    /// A column of a row whose key is two ids.
    pub fn pair(table: &'static str, column: &'static str, first: uuid::Uuid, second: uuid::Uuid) -> Self {
        let mut row = [0; 32];
        row[..16].copy_from_slice(first.as_bytes());
        row[16..].copy_from_slice(second.as_bytes());
        Self { column: Column { table, column }, row }
    }

    /// A column of a row whose key is a hash.
    pub fn hashed(table: &'static str, column: &'static str, hash: &[u8]) -> Self {
        let mut row = [0; 32];
        for (to, from) in row.iter_mut().zip(hash) {
            *to = *from;
        }
        Self { column: Column { table, column }, row }
    }

    /// The error for a value that opened but has another form.
    pub fn wrong_form(self) -> VaultError {
        VaultError::Form(self.column)
    }

    fn bytes(&self) -> Vec<u8> {
        let Column { table, column } = self.column;
        [table.as_bytes(), b"\0", column.as_bytes(), b"\0", &self.row].concat()
    }
}

pub(super) fn encrypt(
    key: &[u8; 32],
    head: &[u8],
    aad: Aad,
    plain: &[u8],
    chance: &Chance,
) -> Result<Vec<u8>, VaultError> {
    let nonce = chance.bytes::<NONCE>();
    let cipher = XChaCha20Poly1305::new(key.into());
    let (number, bound_to) = (XNonce::from(nonce), aad.bytes());
    let sealed = cipher.encrypt(&number, Payload { msg: plain, aad: &bound_to });
    let body = sealed.map_err(|_| VaultError::Unsealable(aad.column))?;
    Ok([head, &nonce, &body].concat())
}

pub(super) fn decrypt(key: &[u8; 32], aad: Aad, body: &[u8]) -> Result<Vec<u8>, VaultError> {
    let (nonce, text) = body.split_first_chunk::<NONCE>().ok_or(VaultError::Malformed(aad.column))?;
    let cipher = XChaCha20Poly1305::new(key.into());
    let (nonce, bound_to) = (XNonce::from(*nonce), aad.bytes());
    cipher.decrypt(&nonce, Payload { msg: text, aad: &bound_to }).map_err(|_| VaultError::Forged(aad.column))
}

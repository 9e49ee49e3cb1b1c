//! Hashes, keyed hashes and random keys of 32 bytes.

use crate::chance::Chance;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// SHA-256, for tokens that are random enough to need no key.
pub fn sha256(bytes: &[u8]) -> Vec<u8> {
    Sha256::digest(bytes).to_vec()
}

pub(super) fn hmac(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    // HMAC pads a short key with zeros to its block of 64 bytes (RFC 2104). Doing so here cannot fail.
    let mut block = Zeroizing::new([0; 64]);
    block[..32].copy_from_slice(key);
    let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new((&*block).into());
    mac.update(message);
    mac.finalize().into_bytes().into()
}

pub(super) fn random_key(chance: &Chance) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    chance.fill(key.as_mut_slice());
    key
}

//! Envelopes (R26): a value opens where it was sealed, unchanged, and nothing else opens anywhere.

#![no_main]

use arbitrary::Arbitrary;
use evenkeel::chance::Chance;
use evenkeel::vault::keys::Keys;
use evenkeel::vault::{Aad, DataKey, Vault};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use uuid::Uuid;

/// Names of tables and columns, some of which read the same when they are put together.
const NAMES: [&str; 6] = ["", "a", "ab", "b", "accounts", "email"];

/// A vault and a key that no other input has, in this process or another: libFuzzer remembers what it sees compared, and
/// would put an envelope of an earlier input into a later one, where it would rightly open. So nothing here is seeded.
fn vault() -> (Vault, DataKey) {
    let chance = Chance::system();
    let key_ring = Keys::ephemeral(&chance).master;
    let secret = Vault::new_house_secret(&key_ring, &chance).unwrap();
    (Vault::open(key_ring, &secret, chance.clone()).unwrap(), DataKey::random(&chance))
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Row {
    One(u128),
    Two(u128, u128),
    Hash([u8; 33], u8),
}

/// A place for a sealed value.
#[derive(Arbitrary, Clone, Copy, Debug)]
struct Place {
    table: u8,
    column: u8,
    row: Row,
}

impl Place {
    fn names(self) -> (&'static str, &'static str) {
        let name = |number: u8| NAMES[usize::from(number) % NAMES.len()];
        (name(self.table), name(self.column))
    }

    fn aad(self) -> Aad {
        let (table, column) = self.names();
        match self.row {
            Row::One(id) => Aad::new(table, column, Uuid::from_u128(id)),
            Row::Two(first, second) => {
                Aad::pair(table, column, Uuid::from_u128(first), Uuid::from_u128(second))
            }
            Row::Hash(hash, length) => Aad::hashed(table, column, &hash[..usize::from(length) % 34]),
        }
    }

    /// Whether two places are the same one, which the 32 bytes of a row decide.
    fn is(self, other: Self) -> bool {
        let bytes = |row| match row {
            Row::One(id) => (id, 0),
            Row::Two(first, second) => (first, second),
            Row::Hash(mut hash, length) => {
                hash[usize::from(length) % 34..].fill(0);
                let half = |at: usize| u128::from_be_bytes(hash[at..at + 16].try_into().unwrap());
                (half(0), half(16))
            }
        };
        self.names() == other.names() && bytes(self.row) == bytes(other.row)
    }
}

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    at: Place,
    elsewhere: Place,
    plain: &'a [u8],
    flips: Vec<(u16, u8)>,
    cut: Option<u16>,
    more: &'a [u8],
    raw: &'a [u8],
}

impl Input<'_> {
    /// Sealed bytes with the input's changes.
    fn touched(&self, sealed: &[u8]) -> Vec<u8> {
        let mut bytes = sealed.to_vec();
        for (at, by) in &self.flips {
            let at = usize::from(*at) % bytes.len();
            bytes[at] ^= by;
        }
        if let Some(end) = self.cut {
            bytes.truncate(usize::from(end) % (bytes.len() + 1));
        }
        bytes.extend(self.more);
        bytes
    }
}

fuzz_target!(|input: Input| {
    let (vault, key) = vault();
    let (aad, elsewhere) = (input.at.aad(), input.elsewhere.aad());
    let moved = !input.at.is(input.elsewhere);

    let sealed = key.seal(aad, input.plain).unwrap();
    assert_eq!(key.open(aad, &sealed).unwrap(), input.plain);
    assert_eq!(key.open_text(aad, &sealed).ok(), String::from_utf8(input.plain.to_vec()).ok());
    assert_eq!(key.open_json::<Value>(aad, &sealed).ok(), serde_json::from_slice(input.plain).ok());
    assert_eq!(key.open(elsewhere, &sealed).is_err(), moved);
    let touched = input.touched(&sealed);
    if touched != sealed {
        assert!(key.open(aad, &touched).is_err() && key.open(elsewhere, &touched).is_err());
        assert!(key.open_text(aad, &touched).is_err() && key.open_json::<Value>(aad, &touched).is_err());
    }
    assert!(vault.system().open(aad, &sealed).is_err(), "another key");

    let (own, wrapped) = vault.new_data_key(aad, vault.newest()).unwrap();
    let inside = own.seal(elsewhere, input.plain).unwrap();
    assert_eq!(vault.unwrap(aad, &wrapped).unwrap().open(elsewhere, &inside).unwrap(), input.plain);
    assert_eq!(vault.unwrap(elsewhere, &wrapped).is_err(), moved);
    assert_eq!(vault.rewrap(aad, &wrapped, vault.newest()), Ok(None));
    let touched = input.touched(&wrapped);
    if touched != wrapped {
        assert!(vault.unwrap(aad, &touched).is_err());
    }
    assert!(key.open(aad, &wrapped).is_err() && vault.unwrap(aad, &sealed).is_err(), "each in its own role");

    // Bytes of any kind, also behind the first bytes of a real envelope.
    for head in [&[][..], &sealed[..1], &sealed[..25], &wrapped[..5], &wrapped[..29]] {
        let bytes = [head, input.raw].concat();
        if bytes != sealed && bytes != wrapped {
            assert!(key.open(aad, &bytes).is_err() && vault.unwrap(aad, &bytes).is_err());
        }
        assert_eq!(Vault::wrapped_by(aad, &bytes).is_ok(), bytes.len() >= 5 && bytes[0] == 2);
        if bytes.len() > 5 {
            assert!(vault.rewrap(aad, &bytes, vault.newest()).is_err() || bytes[..5] == wrapped[..5]);
        }
    }
});

//! People as actions see them: an account's row with the key that opens it.

use crate::actions::{Fault, Transaction};
use crate::domain::account::Email;
use crate::ids::{AccountId, LinkId, TypedId};
use crate::store;
use crate::store::account::AccountRow;
use crate::store::partner_link::LinkRow;
use crate::vault::{Aad, DataKey, Vault, VaultError};
use jiff::Timestamp;
use std::collections::HashMap;

/// Where an account's data key belongs.
pub fn account_key_aad(id: AccountId) -> Aad {
    Aad::new("accounts", "data_key", id.uuid())
}

/// Where a link's data key belongs.
pub fn link_key_aad(id: LinkId) -> Aad {
    Aad::new("partner_links", "data_key", id.uuid())
}

/// An account and its opened key.
#[derive(Clone)]
pub struct Person {
    /// The row.
    pub row: AccountRow,
    /// Opens what is the person's.
    pub key: DataKey,
}

impl Person {
    /// Opens an account's key.
    pub fn open(vault: &Vault, row: AccountRow) -> Result<Self, VaultError> {
        let key = vault.unwrap(account_key_aad(row.id), &row.data_key)?;
        Ok(Self { row, key })
    }

    /// The person of that id, who must exist.
    pub fn load(tx: &mut Transaction<'_>, id: AccountId) -> Result<Self, Fault> {
        let row = store::account::find(tx.db, id)?.ok_or(Fault::Inconsistent("the account is gone"))?;
        Ok(Self::open(tx.vault, row)?)
    }

    /// The people of those ids, in one statement; who is gone is left out.
    pub fn load_all(tx: &mut Transaction<'_>, ids: &[AccountId]) -> Result<HashMap<AccountId, Self>, Fault> {
        let rows = store::account::find_all(tx.db, ids)?;
        rows.into_iter().map(|row| Ok((row.id, Self::open(tx.vault, row)?))).collect()
    }

    /// The first instant of the day, in the person's zone, on which something was: all that is told of when a device
    /// or a factor was used.
    pub fn start_of_day(&self, at: Timestamp) -> Timestamp {
        let zone = self.row.reach().rhythm.zone;
        zone.start_of(zone.date(at))
    }

    /// A place in one of the person's own columns.
    pub fn aad(&self, column: &'static str) -> Aad {
        Aad::new("accounts", column, self.row.id.uuid())
    }

    /// What partners see.
    pub fn display_name(&self) -> Result<String, VaultError> {
        self.key.open_text(self.aad("display_name"), &self.row.display_name)
    }

    /// The address.
    pub fn email(&self) -> Result<String, VaultError> {
        self.key.open_text(self.aad("email"), &self.row.email)
    }
}

/// Opens a link's key.
pub fn link_key(vault: &Vault, link: &LinkRow) -> Result<DataKey, VaultError> {
    vault.unwrap(link_key_aad(link.id), &link.data_key)
}

/// The blind index of an address.
pub fn email_index(vault: &Vault, email: &Email) -> Vec<u8> {
    vault.blind_index("email", &email.normalised())
}

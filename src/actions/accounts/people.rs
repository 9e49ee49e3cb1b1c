//! A person as actions see one: the account's row with the data key that opens it.

use crate::actions::{Fault, Transaction};
use crate::domain::account::Email;
use crate::ids::{AccountId, LinkId, TypedId};
use crate::store;
use crate::store::account::AccountRow;
use crate::store::partner_link::LinkRow;
use crate::vault::{Aad, DataKey, Vault, VaultError};
use jiff::Timestamp;
use std::collections::HashMap;

/// The AAD of an account's data key.
pub fn account_key_aad(id: AccountId) -> Aad {
    Aad::new("accounts", "data_key", id.uuid())
}

/// The AAD of a link's data key.
pub fn link_key_aad(id: LinkId) -> Aad {
    Aad::new("partner_links", "data_key", id.uuid())
}

/// An account and its opened key.
#[derive(Clone)]
pub struct Person {
    /// The row.
    pub row: AccountRow,
    /// Opens the person's sealed columns.
    pub key: DataKey,
}

impl Person {
    /// Opens an account's key, without which nothing can be done here.
    ///
    /// # Errors
    /// If it cannot be unwrapped.
    pub fn open(vault: &Vault, row: AccountRow) -> Result<Self, VaultError> {
        let key = vault.unwrap(account_key_aad(row.id), &row.data_key)?;
        Ok(Self { row, key })
    }

    /// An account whose key may not be there: each sealed column then fails on its own, and the rest can be read.
    pub fn read(vault: &Vault, row: AccountRow) -> Self {
        let key = vault.unwrap_or_shut(account_key_aad(row.id), &row.data_key);
        Self { row, key }
    }

    /// Loads the account of that id, which must exist, as [`Person::read`] does.
    pub fn load(tx: &mut Transaction<'_>, id: AccountId) -> Result<Self, Fault> {
        let row = store::account::find(tx.db, id)?.ok_or(Fault::Inconsistent("the account is gone"))?;
        Ok(Self::read(tx.vault, row))
    }

    /// Loads the accounts of those ids in one statement, as [`Person::read`] does; missing ones are left out.
    pub fn load_all(tx: &mut Transaction<'_>, ids: &[AccountId]) -> Result<HashMap<AccountId, Self>, Fault> {
        let rows = store::account::find_all(tx.db, ids)?;
        Ok(rows.into_iter().map(|row| (row.id, Self::read(tx.vault, row))).collect())
    }

    /// The day in the person's zone. Times at which a device or a factor was used are shown no more exactly.
    pub fn day(&self, at: Timestamp) -> jiff::civil::Date {
        self.row.reach().rhythm.zone.date(at)
    }

    /// The AAD of one of the person's own columns.
    pub fn aad(&self, column: &'static str) -> Aad {
        Aad::new("accounts", column, self.row.id.uuid())
    }

    /// The name that partners see.
    pub fn display_name(&self) -> Result<String, VaultError> {
        self.key.open_text(self.aad("display_name"), &self.row.display_name)
    }

    /// The address.
    pub fn email(&self) -> Result<String, VaultError> {
        self.key.open_text(self.aad("email"), &self.row.email)
    }
}

/// A link's key. Where it cannot be unwrapped, each column that it seals fails on its own.
pub fn link_key(vault: &Vault, link: &LinkRow) -> DataKey {
    vault.unwrap_or_shut(link_key_aad(link.id), &link.data_key)
}

/// The blind index of an address.
pub fn email_index(vault: &Vault, email: &Email) -> Vec<u8> {
    vault.blind_index("email", &email.normalised())
}

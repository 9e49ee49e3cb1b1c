//! The one list of columns that hold wrapped keys and sealed values, and the queries that walk them.

use super::Db;
use super::schema::key_renewals;
use crate::ids::{RowId, Uid};
use diesel::prelude::*;
use diesel::sql_types::Binary;
use uuid::Uuid;

/// A column whose values are bound to their row: the row's key is part of the AAD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// The table.
    pub table: &'static str,
    /// The column.
    pub column: &'static str,
    /// The row's key column, or the first of its two.
    pub key: &'static str,
    /// The row's second key column, if there is one.
    pub second_key: Option<&'static str>,
}

const fn column(table: &'static str, column: &'static str) -> Column {
    keyed(table, column, "id")
}

const fn keyed(table: &'static str, column: &'static str, key: &'static str) -> Column {
    Column { table, column, key, second_key: None }
}

const fn paired(
    table: &'static str,
    column: &'static str,
    key: &'static str,
    second_key: &'static str,
) -> Column {
    Column { table, column, key, second_key: Some(second_key) }
}

/// Which kind of key seals a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// An account's data key.
    Account,
    /// A link's data key.
    Link,
    /// A key derived from the house secret, for values of no account yet that are kept for days only. Never renewed.
    HouseSecret,
}

/// A column of sealed values.
#[derive(Clone, Copy, Debug)]
pub struct Sealed {
    /// The column.
    pub at: Column,
    /// Which kind of key seals it.
    pub owner: Owner,
    /// SQL condition for the rows of one owner, `$1`.
    owned: &'static str,
}

/// Every column that holds a key wrapped by a master key. The first is the house secret: the master key that wraps it
/// is the one in force.
pub const WRAPPED: &[Column] = &[column("house_secrets", "secret"), ACCOUNT_KEYS, LINK_KEYS];
/// The data keys of accounts.
pub const ACCOUNT_KEYS: Column = column("accounts", "data_key");
/// The data keys of links.
pub const LINK_KEYS: Column = column("partner_links", "data_key");

const fn of_account(at: Column, owned: &'static str) -> Sealed {
    Sealed { at, owner: Owner::Account, owned }
}

const fn of_link(at: Column, owned: &'static str) -> Sealed {
    Sealed { at, owner: Owner::Link, owned }
}

const fn of_house(at: Column) -> Sealed {
    Sealed { at, owner: Owner::HouseSecret, owned: "" }
}

/// Every column that holds sealed values.
pub const SEALED: &[Sealed] = &[
    of_account(column("accounts", "email"), "id = $1"),
    of_account(column("accounts", "display_name"), "id = $1"),
    of_account(column("sessions", "label"), "account_id = $1"),
    of_account(column("devices", "subscription"), "account_id = $1"),
    of_account(column("devices", "label"), "account_id = $1"),
    of_account(column("check_ins", "answer"), "subject_id = $1"),
    of_account(keyed("totp_factors", "secret", "account_id"), "account_id = $1"),
    of_account(column("passkeys", "credential"), "account_id = $1"),
    of_account(column("passkeys", "label"), "account_id = $1"),
    of_account(column("journal_entries", "content"), "account_id = $1"),
    of_account(keyed("solo_plans", "content", "account_id"), "account_id = $1"),
    of_account(paired("debriefs", "content", "scene_id", "account_id"), "account_id = $1"),
    of_link(paired("link_members", "needs", "link_id", "account_id"), "link_id = $1"),
    of_link(paired("link_members", "name_at_end", "link_id", "account_id"), "link_id = $1"),
    of_link(column("revisions", "content"), "link_id = $1"),
    of_account(column("aftercare", "content"), "recorded_by = $1"),
    of_account(paired("revision_parts", "content", "revision_id", "account_id"), "account_id = $1"),
    of_account(
        column("export_chunks", "content"),
        "export_id IN (SELECT id FROM exports WHERE account_id = $1)",
    ),
    of_house(column("address_requests", "email")),
    of_house(column("address_requests", "details")),
    of_house(keyed("idempotency_keys", "response", "key_hash")),
    of_house(keyed("log_in_challenges", "label", "token_hash")),
    of_house(keyed("passkey_ceremonies", "state", "token_hash")),
];

/// One value with the key of its row.
#[derive(Clone, QueryableByName)]
pub struct Cell {
    /// The row's key, or its first part.
    #[diesel(sql_type = Uid)]
    pub key: RowId,
    /// The second part; equal to the first if there is only one.
    #[diesel(sql_type = Uid)]
    second: RowId,
    /// The sealed value or wrapped key.
    #[diesel(sql_type = Binary)]
    pub bytes: Vec<u8>,
}

impl Cell {
    /// The row's key, as it stands in the AAD.
    pub fn aad(&self, of: Column) -> (Uuid, Uuid) {
        (self.key.0, of.second_key.map_or(Uuid::nil(), |_| self.second.0))
    }
}

fn select(of: Column, rows: &str) -> String {
    let Column { table, column, key, second_key } = of;
    let second = second_key.unwrap_or(key);
    format!(
        "SELECT {key} AS key, {second} AS second, {column} AS bytes FROM {table} \
         WHERE {column} IS NOT NULL AND {rows} ORDER BY {key}"
    )
}

/// Up to `most` values of a column with a single key, after `after`, ordered by key.
pub fn page(db: &mut Db, of: Column, after: Option<RowId>, most: i64) -> QueryResult<Vec<Cell>> {
    let query = |rows: &str| format!("{} LIMIT {most}", select(of, rows));
    match after {
        Some(after) => diesel::sql_query(query(&format!("{} > $1", of.key))).bind::<Uid, _>(after).load(db),
        None => diesel::sql_query(query("TRUE")).load(db),
    }
}

/// All values of a column that are sealed with one owner's key.
pub fn owned(db: &mut Db, sealed: &Sealed, owner: RowId) -> QueryResult<Vec<Cell>> {
    diesel::sql_query(select(sealed.at, sealed.owned)).bind::<Uid, _>(owner).load(db)
}

/// Replaces a value.
pub fn replace(db: &mut Db, of: Column, cell: &Cell, bytes: Vec<u8>) -> QueryResult<usize> {
    let Column { table, column, key, second_key } = of;
    let second = second_key.unwrap_or(key);
    diesel::sql_query(format!("UPDATE {table} SET {column} = $1 WHERE {key} = $2 AND {second} = $3"))
        .bind::<Binary, _>(bytes)
        .bind::<Uid, _>(cell.key)
        .bind::<Uid, _>(cell.second)
        .execute(db)
}

/// The last owner whose key was renewed; None: no renewal is under way.
pub fn renewed_up_to(db: &mut Db, owners: &str) -> QueryResult<Option<RowId>> {
    key_renewals::table.find(owners).select(key_renewals::reached).first(db).optional()
}

/// Notes the last owner whose key was renewed.
pub fn note_renewed(db: &mut Db, owners: &str, reached: RowId) -> QueryResult<usize> {
    diesel::delete(key_renewals::table.find(owners)).execute(db)?;
    let row = (key_renewals::owner.eq(owners), key_renewals::reached.eq(reached));
    diesel::insert_into(key_renewals::table).values(row).execute(db)
}

/// Notes that the renewal is done.
pub fn end_renewal(db: &mut Db) -> QueryResult<usize> {
    diesel::delete(key_renewals::table).execute(db)
}

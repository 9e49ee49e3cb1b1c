//! The one list of columns that hold wrapped keys and sealed values, and how to go through them.

use super::Db;
use super::schema::key_renewals;
use crate::ids::{RowId, Uid};
use diesel::prelude::*;
use diesel::sql_types::Binary;
use uuid::Uuid;

/// A column whose values belong to their row: the row's key is part of what was sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// The table.
    pub table: &'static str,
    /// The column.
    pub column: &'static str,
    /// The column that is the row's key, or the first of the two that are.
    pub key: &'static str,
    /// The second column of the row's key, if there is one.
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

/// Whose data key seals a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// An account's.
    Account,
    /// A link's.
    Link,
    /// The key that is derived from the house secret, for what belongs to nobody yet and is kept for days only. It is
    /// never renewed.
    AppContext,
}

/// A column of sealed values.
#[derive(Clone, Copy, Debug)]
pub struct Sealed {
    /// Which.
    pub at: Column,
    /// Whose data key seals it.
    pub owner: Owner,
    /// Which rows are one owner's, `$1`.
    owned: &'static str,
}

/// Every column that holds a key wrapped by a master key. The first is the house secret: whichever master key wraps it
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
    Sealed { at, owner: Owner::AppContext, owned: "" }
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

/// One value with its row's key.
#[derive(Clone, QueryableByName)]
pub struct Cell {
    /// The row's key, or its first part.
    #[diesel(sql_type = Uid)]
    pub key: RowId,
    /// The second part; as the first, if there is only one.
    #[diesel(sql_type = Uid)]
    second: RowId,
    /// What is sealed or wrapped.
    #[diesel(sql_type = Binary)]
    pub bytes: Vec<u8>,
}

impl Cell {
    /// The row's key as its place says it.
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

/// Up to `most` values of a column with a single key, from behind `after` on, in the order of their keys.
pub fn page(db: &mut Db, of: Column, after: Option<RowId>, most: i64) -> QueryResult<Vec<Cell>> {
    let query = |rows: &str| format!("{} LIMIT {most}", select(of, rows));
    match after {
        Some(after) => diesel::sql_query(query(&format!("{} > $1", of.key))).bind::<Uid, _>(after).load(db),
        None => diesel::sql_query(query("TRUE")).load(db),
    }
}

/// Everything of a column that is sealed with one owner's key.
pub fn owned(db: &mut Db, sealed: &Sealed, owner: RowId) -> QueryResult<Vec<Cell>> {
    diesel::sql_query(select(sealed.at, sealed.owned)).bind::<Uid, _>(owner).load(db)
}

/// Puts other bytes in a value's place.
pub fn replace(db: &mut Db, of: Column, cell: &Cell, bytes: Vec<u8>) -> QueryResult<usize> {
    let Column { table, column, key, second_key } = of;
    let second = second_key.unwrap_or(key);
    diesel::sql_query(format!("UPDATE {table} SET {column} = $1 WHERE {key} = $2 AND {second} = $3"))
        .bind::<Binary, _>(bytes)
        .bind::<Uid, _>(cell.key)
        .bind::<Uid, _>(cell.second)
        .execute(db)
}

/// Up to which owner the keys are renewed; None: no renewal is under way.
pub fn renewed_up_to(db: &mut Db, owners: &str) -> QueryResult<Option<RowId>> {
    key_renewals::table.find(owners).select(key_renewals::reached).first(db).optional()
}

/// Notes up to which owner the keys are renewed.
pub fn note_renewed(db: &mut Db, owners: &str, reached: RowId) -> QueryResult<usize> {
    diesel::delete(key_renewals::table.find(owners)).execute(db)?;
    let row = (key_renewals::owner.eq(owners), key_renewals::reached.eq(reached));
    diesel::insert_into(key_renewals::table).values(row).execute(db)
}

/// Notes that the renewal is over.
pub fn end_renewal(db: &mut Db) -> QueryResult<usize> {
    diesel::delete(key_renewals::table).execute(db)
}

//! Journal entries.

use super::dialect::total_length;
use super::schema::journal_entries;
use super::types::Ts;
use super::{Db, MultiBackend, columns};
use crate::domain::keyset_page::KeysetPage;
use crate::ids::{AccountId, JournalEntryId, SceneId};
use crate::store::keyset_page::load_page;
use diesel::prelude::*;

/// One entry of a person's journal.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = journal_entries, check_for_backend(MultiBackend), treat_none_as_default_value = false)]
pub struct JournalRow {
    /// Its id.
    pub id: JournalEntryId,
    /// The account it belongs to.
    pub account_id: AccountId,
    /// The scene that it is about; null: none.
    pub scene_id: Option<SceneId>,
    /// The text, sealed with the account's data key.
    pub content: Vec<u8>,
    /// When it was written, as shown in the journal.
    pub written_at: Ts,
    /// When it was last changed; null: never.
    pub edited_at: Option<Ts>,
    /// When it was saved.
    pub created_at: Ts,
}

/// The columns of an entry that can change.
#[derive(Default, AsChangeset)]
#[diesel(table_name = journal_entries)]
pub struct JournalChange {
    /// The scene that it is about.
    pub scene_id: Option<Option<SceneId>>,
    /// The sealed text.
    pub content: Option<Vec<u8>>,
    /// When it was written, as shown in the journal.
    pub written_at: Option<Ts>,
    /// When it was changed.
    pub edited_at: Option<Option<Ts>>,
}

/// Saves a new entry.
pub fn insert(db: &mut Db, row: &JournalRow) -> QueryResult<usize> {
    diesel::insert_into(journal_entries::table).values(row).execute(db)
}

/// The entry, if it belongs to this person; another's is as good as missing (R29).
pub fn find_for(db: &mut Db, id: JournalEntryId, account: AccountId) -> QueryResult<Option<JournalRow>> {
    journal_entries::table
        .find(id)
        .filter(journal_entries::account_id.eq(account))
        .select(JournalRow::as_select())
        .first(db)
        .optional()
}

/// The bytes of all entries of a person, as they are kept.
pub fn bytes(db: &mut Db, account: AccountId) -> QueryResult<i64> {
    journal_entries::table
        .filter(journal_entries::account_id.eq(account))
        .select(total_length())
        .get_result(db)
}

/// How many entries a person saved since `since`.
pub fn count_since(db: &mut Db, account: AccountId, since: Ts) -> QueryResult<i64> {
    journal_entries::table
        .filter(journal_entries::account_id.eq(account))
        .filter(journal_entries::created_at.gt(since))
        .count()
        .get_result(db)
}

/// A page of a person's journal, the newest first: all of it, or the entries about one scene.
pub fn page(
    db: &mut Db,
    account: AccountId,
    about: Option<SceneId>,
    page: KeysetPage<JournalEntryId>,
) -> QueryResult<Vec<JournalRow>> {
    let mut query = journal_entries::table
        .filter(journal_entries::account_id.eq(account))
        .select(JournalRow::as_select())
        .into_boxed();
    if let Some(scene) = about {
        query = query.filter(journal_entries::scene_id.eq(scene));
    }
    load_page!(db, query, page, rising: false, by: (journal_entries::written_at, journal_entries::id))
}

/// Changes an entry and returns the changed row.
pub fn update(db: &mut Db, id: JournalEntryId, change: &JournalChange) -> QueryResult<JournalRow> {
    diesel::update(journal_entries::table.find(id))
        .set(change)
        .returning(columns::<JournalRow>())
        .get_result(db)
}

/// Deletes an entry.
pub fn delete(db: &mut Db, id: JournalEntryId) -> QueryResult<usize> {
    diesel::delete(journal_entries::table.find(id)).execute(db)
}

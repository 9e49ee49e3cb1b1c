//! Debriefs: each person's reflection on a scene.

use super::schema::debriefs;
use super::types::Ts;
use super::{Db, MultiBackend};
use crate::ids::{AccountId, SceneId};
use diesel::prelude::*;

/// One person's reflection on a scene.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = debriefs, check_for_backend(MultiBackend), treat_none_as_default_value = false)]
pub struct DebriefRow {
    /// The scene.
    pub scene_id: SceneId,
    /// The account that wrote it.
    pub account_id: AccountId,
    /// The text, sealed with its author's data key.
    pub content: Vec<u8>,
    /// When it was written, or last replaced.
    pub written_at: Ts,
}

/// The debriefs that a person wrote about some scenes.
pub fn by(db: &mut Db, author: AccountId, scenes: &[SceneId]) -> QueryResult<Vec<DebriefRow>> {
    debriefs::table
        .filter(debriefs::account_id.eq(author))
        .filter(debriefs::scene_id.eq_any(scenes))
        .select(DebriefRow::as_select())
        .load(db)
}

/// The debriefs that others wrote about some scenes.
pub fn not_by(db: &mut Db, reader: AccountId, scenes: &[SceneId]) -> QueryResult<Vec<DebriefRow>> {
    debriefs::table
        .filter(debriefs::account_id.ne(reader))
        .filter(debriefs::scene_id.eq_any(scenes))
        .select(DebriefRow::as_select())
        .load(db)
}

/// Saves a new debrief.
pub fn insert(db: &mut Db, row: &DebriefRow) -> QueryResult<usize> {
    diesel::insert_into(debriefs::table).values(row).execute(db)
}

/// Replaces the text of a debrief.
pub fn replace(db: &mut Db, row: &DebriefRow) -> QueryResult<usize> {
    diesel::update(debriefs::table.find((row.scene_id, row.account_id)))
        .set((debriefs::content.eq(&row.content), debriefs::written_at.eq(row.written_at)))
        .execute(db)
}

/// Deletes a debrief.
pub fn delete(db: &mut Db, scene: SceneId, author: AccountId) -> QueryResult<usize> {
    diesel::delete(debriefs::table.find((scene, author))).execute(db)
}

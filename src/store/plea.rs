//! Pleas: one person's wish to hear from the other.

use super::dialect::delete_first;
use super::schema::pleas;
use super::types::Ts;
use super::{Db, MultiBackend};
use crate::ids::{AccountId, LinkId, PleaId, SceneId};
use diesel::prelude::*;

/// "I would like to hear from you": one person asks the other by hand.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = pleas, check_for_backend(MultiBackend), treat_none_as_default_value = false)]
pub struct PleaRow {
    /// Its id.
    pub id: PleaId,
    /// The tie of the two.
    pub link_id: LinkId,
    /// The scene that it was made from.
    pub scene_id: Option<SceneId>,
    /// Who would like to hear from the other.
    pub author_id: AccountId,
    /// When it was made. It goes out two minutes later.
    pub created_at: Ts,
    /// When its author took it back, before that.
    pub taken_back_at: Option<Ts>,
}

/// Saves a plea.
pub fn insert(db: &mut Db, row: &PleaRow) -> QueryResult<usize> {
    diesel::insert_into(pleas::table).values(row).execute(db)
}

/// The plea with this id.
pub fn find(db: &mut Db, id: PleaId) -> QueryResult<Option<PleaRow>> {
    pleas::table.find(id).select(PleaRow::as_select()).first(db).optional()
}

/// The pleas with these ids.
pub fn find_all(db: &mut Db, ids: &[PleaId]) -> QueryResult<Vec<PleaRow>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    pleas::table.filter(pleas::id.eq_any(ids)).select(PleaRow::as_select()).load(db)
}

/// A person's own pleas on some links, the latest first.
pub fn of_author(
    db: &mut Db,
    links: &[LinkId],
    author: AccountId,
    since: Ts,
    most: i64,
) -> QueryResult<Vec<PleaRow>> {
    pleas::table
        .filter(pleas::link_id.eq_any(links))
        .filter(pleas::author_id.eq(author))
        .filter(pleas::created_at.ge(since))
        .order((pleas::created_at.desc(), pleas::id.desc()))
        .limit(most)
        .select(PleaRow::as_select())
        .load(db)
}

/// Notes that a plea was taken back.
pub fn take_back(db: &mut Db, id: PleaId, now: Ts) -> QueryResult<usize> {
    diesel::update(pleas::table.find(id)).set(pleas::taken_back_at.eq(Some(now))).execute(db)
}

/// Deletes up to `most` pleas from before `before`, with their nudges.
pub fn forget(db: &mut Db, before: Ts, most: i64) -> QueryResult<usize> {
    delete_first!(db, most, pleas: id as PleaId, pleas::created_at.lt(before), by created_at)
}

//! Scenes, each person's part in them, aftercare and outreach.

use super::dialect::on_both;
use super::schema::{aftercare, check_ins, outreaches, scene_members, scenes};
use super::types::Ts;
use super::{Db, MultiBackend, columns};
use crate::domain::check_in::{CheckInState, Ends};
use crate::domain::keyset_page::KeysetPage;
use crate::domain::negotiation::ContactWay;
use crate::domain::partner_link::Role;
use crate::domain::scene::{SceneSetting, SceneState};
use crate::ids::{AccountId, AftercareId, LinkId, OutreachId, RevisionId, SceneId};
use crate::store::keyset_page::load_page;
use diesel::dsl::not;
use diesel::prelude::*;

/// One occasion.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = scenes, check_for_backend(MultiBackend), treat_none_as_default_value = false)]
pub struct SceneRow {
    /// Its id.
    pub id: SceneId,
    /// The link; null: it is of created_by alone.
    pub link_id: Option<LinkId>,
    /// planned, under_way, ended, cancelled.
    pub status: SceneState,
    /// in_person, online.
    pub setting: SceneSetting,
    /// 1 to 5.
    pub intensity: Option<i32>,
    /// When it is planned to begin.
    pub planned_for: Option<Ts>,
    /// When it began.
    pub started_at: Option<Ts>,
    /// When it ended.
    pub ended_at: Option<Ts>,
    /// The agreed Revision that it stood under; null: none.
    pub revision_id: Option<RevisionId>,
    /// The account that recorded it.
    pub created_by: Option<AccountId>,
    /// When it was recorded.
    pub created_at: Ts,
    /// When the two part, or parted; null: nobody said.
    pub parted_at: Option<Ts>,
    /// When that was said last; null: nobody said.
    pub parting_said_at: Option<Ts>,
}

impl SceneRow {
    /// When it ended, and when the two part; None: it has not ended.
    pub fn ends(&self) -> Option<Ends> {
        let parted_at = self.parted_at.map(Ts::get);
        self.ended_at.map(|ended_at| Ends { ended_at: ended_at.get(), parted_at })
    }
}

/// One person's part in a scene.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = scene_members, check_for_backend(MultiBackend), treat_none_as_default_value = false)]
pub struct SceneMemberRow {
    /// The scene.
    pub scene_id: SceneId,
    /// The person.
    pub account_id: AccountId,
    /// The role in this scene.
    pub role: Role,
    /// The alert_allowed of the link, overridden for this scene; null: the link's applies.
    pub alert_allowed: Option<bool>,
}

/// What was given right after a scene.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = aftercare, check_for_backend(MultiBackend), treat_none_as_default_value = false)]
pub struct AftercareRow {
    /// Its id.
    pub id: AftercareId,
    /// The scene.
    pub scene_id: SceneId,
    /// The account that wrote it down.
    pub recorded_by: Option<AccountId>,
    /// What, for whom, how long, and a note, sealed with the link's data key.
    pub content: Option<Vec<u8>>,
    /// When it was written down.
    pub created_at: Ts,
}

/// A record of having reached out.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = outreaches, check_for_backend(MultiBackend), treat_none_as_default_value = false)]
pub struct OutreachRow {
    /// Its id.
    pub id: OutreachId,
    /// The scene it is about.
    pub scene_id: SceneId,
    /// Who reached out.
    pub account_id: AccountId,
    /// message, call, video, in_person.
    pub way: ContactWay,
    /// When the person reached out.
    pub happened_at: Ts,
    /// When it was written down.
    pub created_at: Ts,
}

/// The columns of a scene that can change.
#[derive(Default, AsChangeset)]
#[diesel(table_name = scenes)]
pub struct SceneChange {
    /// planned, under_way, ended, cancelled.
    pub status: Option<SceneState>,
    /// in_person, online.
    pub setting: Option<SceneSetting>,
    /// 1 to 5.
    pub intensity: Option<Option<i32>>,
    /// When it began.
    pub started_at: Option<Option<Ts>>,
    /// When it ended.
    pub ended_at: Option<Option<Ts>>,
    /// The agreed Revision that it stood under.
    pub revision_id: Option<Option<RevisionId>>,
    /// When the two part.
    pub parted_at: Option<Option<Ts>>,
    /// When that was said.
    pub parting_said_at: Option<Option<Ts>>,
}

/// Saves a new scene with each one's part.
pub fn insert(db: &mut Db, row: &SceneRow, members: &[SceneMemberRow]) -> QueryResult<()> {
    diesel::insert_into(scenes::table).values(row).execute(db)?;
    on_both!(db, |c| diesel::insert_into(scene_members::table).values(members).execute(c)).map(drop)
}

/// The scene, if this person took part in it; another's takes as long as a missing one (R29).
pub fn find_for(db: &mut Db, id: SceneId, account: AccountId) -> QueryResult<Option<SceneRow>> {
    let own = scene_members::table
        .filter(scene_members::account_id.eq(account))
        .filter(scene_members::scene_id.eq(id))
        .select(scene_members::scene_id);
    scenes::table.find(id).filter(scenes::id.eq_any(own)).select(SceneRow::as_select()).first(db).optional()
}

/// The scenes with these ids.
pub fn find_all(db: &mut Db, ids: &[SceneId]) -> QueryResult<Vec<SceneRow>> {
    scenes::table.filter(scenes::id.eq_any(ids)).select(SceneRow::as_select()).load(db)
}

/// The scenes of a link that somebody else than `account` recorded since `since`, under way or ended.
pub fn recorded_by_other(
    db: &mut Db,
    link: LinkId,
    account: AccountId,
    since: Ts,
) -> QueryResult<Vec<SceneRow>> {
    scenes::table
        .filter(scenes::link_id.eq(link))
        .filter(scenes::created_by.ne(account))
        .filter(scenes::created_at.ge(since))
        .filter(scenes::status.eq_any([SceneState::UnderWay, SceneState::Ended]))
        .order((scenes::created_at.desc(), scenes::id.desc()))
        .select(SceneRow::as_select())
        .load(db)
}

/// The scenes of a link that are planned or under way.
pub fn unfinished(db: &mut Db, link: LinkId) -> QueryResult<Vec<SceneRow>> {
    scenes::table
        .filter(scenes::link_id.eq(link))
        .filter(scenes::status.eq_any([SceneState::Planned, SceneState::UnderWay]))
        .order(scenes::created_at.asc())
        .select(SceneRow::as_select())
        .load(db)
}

/// How many scenes of a link, or of theirs alone, this person recorded since `since`.
pub fn count_since(db: &mut Db, link: Option<LinkId>, by: AccountId, since: Ts) -> QueryResult<i64> {
    let recorded = scenes::table
        .filter(scenes::created_by.eq(Some(by)))
        .filter(scenes::created_at.gt(since))
        .count()
        .into_boxed();
    match link {
        Some(link) => recorded.filter(scenes::link_id.eq(link)).get_result(db),
        None => recorded.filter(scenes::link_id.is_null()).get_result(db),
    }
}

/// A page of a link's scenes, the newest first.
pub fn page(
    db: &mut Db,
    link: LinkId,
    states: Option<Vec<SceneState>>,
    page: KeysetPage<SceneId>,
) -> QueryResult<Vec<SceneRow>> {
    let mut query = scenes::table.filter(scenes::link_id.eq(link)).select(SceneRow::as_select()).into_boxed();
    if let Some(states) = states {
        query = query.filter(scenes::status.eq_any(states));
    }
    load_page!(db, query, page, rising: false, by: (scenes::created_at, scenes::id))
}

/// A page of the scenes of a person alone, the newest first.
pub fn page_alone(
    db: &mut Db,
    account: AccountId,
    states: Option<Vec<SceneState>>,
    page: KeysetPage<SceneId>,
) -> QueryResult<Vec<SceneRow>> {
    let mut query = scenes::table
        .filter(scenes::link_id.is_null())
        .filter(scenes::created_by.eq(Some(account)))
        .select(SceneRow::as_select())
        .into_boxed();
    if let Some(states) = states {
        query = query.filter(scenes::status.eq_any(states));
    }
    load_page!(db, query, page, rising: false, by: (scenes::created_at, scenes::id))
}

/// A page of the scenes that a person took part in, of all links and alone, the newest first.
pub fn page_of(
    db: &mut Db,
    account: AccountId,
    states: Option<Vec<SceneState>>,
    page: KeysetPage<SceneId>,
) -> QueryResult<Vec<SceneRow>> {
    let own =
        scene_members::table.filter(scene_members::account_id.eq(account)).select(scene_members::scene_id);
    let mut query = scenes::table.filter(scenes::id.eq_any(own)).select(SceneRow::as_select()).into_boxed();
    if let Some(states) = states {
        query = query.filter(scenes::status.eq_any(states));
    }
    load_page!(db, query, page, rising: false, by: (scenes::created_at, scenes::id))
}

/// A page of the ended scenes about which a person answered a check-in, the latest end first.
pub fn answered_by(db: &mut Db, subject: AccountId, page: KeysetPage<SceneId>) -> QueryResult<Vec<SceneRow>> {
    let answered = check_ins::table
        .filter(check_ins::subject_id.eq(subject))
        .filter(check_ins::state.eq(CheckInState::Answered))
        .select(check_ins::scene_id);
    let query = scenes::table
        .filter(scenes::id.eq_any(answered))
        .filter(scenes::ended_at.is_not_null())
        .select(SceneRow::as_select())
        .into_boxed();
    load_page!(db, query, page, rising: false, by: (scenes::ended_at.assume_not_null(), scenes::id))
}

/// The scenes of some links that ended since `since`.
pub fn ended_since(db: &mut Db, links: &[LinkId], since: Ts) -> QueryResult<Vec<SceneRow>> {
    scenes::table
        .filter(scenes::link_id.eq_any(links))
        .filter(scenes::ended_at.gt(Some(since)))
        .select(SceneRow::as_select())
        .load(db)
}

/// Both parts of some scenes.
pub fn members(db: &mut Db, of: &[SceneId]) -> QueryResult<Vec<SceneMemberRow>> {
    scene_members::table
        .filter(scene_members::scene_id.eq_any(of))
        .order((scene_members::scene_id.asc(), scene_members::account_id.asc()))
        .select(SceneMemberRow::as_select())
        .load(db)
}

/// Changes a scene and returns the changed row.
pub fn update(db: &mut Db, id: SceneId, change: &SceneChange) -> QueryResult<SceneRow> {
    diesel::update(scenes::table.find(id)).set(change).returning(columns::<SceneRow>()).get_result(db)
}

/// Sets, for one scene, whether the partner may be told.
pub fn set_alert(
    db: &mut Db,
    scene: SceneId,
    account: AccountId,
    allowed: Option<bool>,
) -> QueryResult<usize> {
    diesel::update(scene_members::table.find((scene, account)))
        .set(scene_members::alert_allowed.eq(allowed))
        .execute(db)
}

/// Saves aftercare.
pub fn insert_aftercare(db: &mut Db, row: &AftercareRow) -> QueryResult<usize> {
    diesel::insert_into(aftercare::table).values(row).execute(db)
}

/// The aftercare of some scenes, the oldest first.
pub fn aftercare(db: &mut Db, of: &[SceneId]) -> QueryResult<Vec<AftercareRow>> {
    aftercare::table
        .filter(aftercare::scene_id.eq_any(of))
        .order((aftercare::created_at.asc(), aftercare::id.asc()))
        .select(AftercareRow::as_select())
        .load(db)
}

/// The scene of an entry of aftercare.
pub fn of_aftercare(db: &mut Db, id: AftercareId) -> QueryResult<Option<SceneId>> {
    aftercare::table.find(id).select(aftercare::scene_id).first(db).optional()
}

/// The scene of an outreach.
pub fn of_outreach(db: &mut Db, id: OutreachId) -> QueryResult<Option<SceneId>> {
    outreaches::table.find(id).select(outreaches::scene_id).first(db).optional()
}

/// Saves an outreach.
pub fn insert_outreach(db: &mut Db, row: &OutreachRow) -> QueryResult<usize> {
    diesel::insert_into(outreaches::table).values(row).execute(db)
}

/// The outreaches about some scenes, the oldest first.
pub fn outreaches(db: &mut Db, of: &[SceneId]) -> QueryResult<Vec<OutreachRow>> {
    outreaches::table
        .filter(outreaches::scene_id.eq_any(of))
        .order((outreaches::happened_at.asc(), outreaches::id.asc()))
        .select(OutreachRow::as_select())
        .load(db)
}

/// Some of the scenes that ended before `before`, the oldest first.
pub fn ended_before(db: &mut Db, before: Ts, most: i64) -> QueryResult<Vec<SceneId>> {
    let old = scenes::table.filter(scenes::ended_at.lt(before)).order(scenes::ended_at.asc());
    old.select(scenes::id).limit(most).load(db)
}

/// Some of the scenes that were made and planned for before `before` and never begun, the oldest first.
pub fn never_begun_before(db: &mut Db, before: Ts, most: i64) -> QueryResult<Vec<SceneId>> {
    let planned_later =
        scenes::planned_for.is_not_null().and(scenes::planned_for.ge(before).assume_not_null());
    scenes::table
        .filter(scenes::created_at.lt(before))
        .filter(not(scenes::status.eq_any([SceneState::UnderWay, SceneState::Ended])))
        .filter(not(planned_later))
        .order(scenes::created_at.asc())
        .select(scenes::id)
        .limit(most)
        .load(db)
}

/// Deletes scenes. Foreign keys delete everything that belongs to them.
pub fn delete(db: &mut Db, which: &[SceneId]) -> QueryResult<usize> {
    diesel::delete(scenes::table.filter(scenes::id.eq_any(which))).execute(db)
}

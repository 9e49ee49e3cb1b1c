//! Check-ins with their answers.

use super::dialect::on_both;
use super::schema::check_ins;
use super::types::Ts;
use super::{Db, MultiBackend, columns};
use crate::domain::account::AnswerSharing;
use crate::domain::answer::Sharing;
use crate::domain::check_in::{CheckInState, Times};
use crate::domain::keyset_page::KeysetPage;
use crate::domain::protocol::CheckInTime;
use crate::ids::{AccountId, CheckInId, LinkId, SceneId};
use crate::store::keyset_page::load_page;
use diesel::dsl::case_when;
use diesel::prelude::*;
use jiff::Timestamp;

/// One question to one person about one scene at one due time.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = check_ins, check_for_backend(MultiBackend), treat_none_as_default_value = false)]
pub struct CheckInRow {
    /// Its id.
    pub id: CheckInId,
    /// The scene.
    pub scene_id: SceneId,
    /// The scene's link; null: it is of one person alone.
    pub link_id: Option<LinkId>,
    /// Who is asked.
    pub subject_id: AccountId,
    /// Minutes from the scene's end until it falls due; null: it has a time of another kind.
    pub offset_minutes: Option<i32>,
    /// When it falls due.
    pub due_at: Ts,
    /// When its ladder ends.
    pub closes_at: Ts,
    /// unanswered, answered, skipped.
    pub state: CheckInState,
    /// When the subject's snooze ends.
    pub snoozed_until: Option<Ts>,
    /// How often the subject snoozed it; part of its nudges' keys.
    pub round: i32,
    /// Mood, signs, need and note, sealed with the subject's data key.
    pub answer: Option<Vec<u8>>,
    /// How much of the answer the partner sees: nothing, mood, all.
    pub share: Option<AnswerSharing>,
    /// When the subject answered.
    pub answered_at: Option<Ts>,
    /// When the scene was ended.
    pub created_at: Ts,
    /// How much of the answer the partner sees before shared_from: nothing, mood, all; null: nothing.
    pub share_before: Option<AnswerSharing>,
    /// When share takes effect for the partner; null: since it was answered.
    pub shared_from: Option<Ts>,
    /// Until when a pause of the subject postponed it.
    pub postponed_until: Option<Ts>,
    /// Whether the subject gave a sign of life in the scene since it fell due.
    pub heard_from: bool,
    /// The time of the protocol; null: offset_minutes has it.
    pub check_in_time: Option<CheckInTime>,
    /// When the scene ended.
    pub ended_at: Ts,
}

/// The columns of a time: its minutes after the scene's end, or what it is else.
pub fn columns_of(time: CheckInTime) -> (Option<i32>, Option<CheckInTime>) {
    match time.offset() {
        Some(minutes) => (Some(i32::try_from(minutes).unwrap_or(i32::MAX)), None),
        None => (None, Some(time)),
    }
}

/// The time of those columns.
fn time_of(offset_minutes: Option<i32>, other: Option<CheckInTime>) -> CheckInTime {
    let minutes = offset_minutes.and_then(|minutes| u32::try_from(minutes).ok());
    other.unwrap_or(CheckInTime::after_end(minutes.unwrap_or(0)))
}

impl CheckInRow {
    /// When it falls due and closes.
    pub fn times(&self) -> Times {
        Times {
            time: time_of(self.offset_minutes, self.check_in_time),
            ended_at: self.ended_at.get(),
            due_at: self.due_at.get(),
            closes_at: self.closes_at.get(),
        }
    }

    /// How much of its answer is shared, and since when.
    pub fn sharing(&self) -> Sharing {
        Sharing {
            chosen: self.share.unwrap_or(AnswerSharing::Nothing),
            before: self.share_before.unwrap_or(AnswerSharing::Nothing),
            from: self.shared_from.map_or(Timestamp::MIN, Ts::get),
        }
    }
}

/// The columns of a check-in that can change.
#[derive(Default, AsChangeset)]
#[diesel(table_name = check_ins)]
pub struct CheckInChange {
    /// unanswered, answered, skipped.
    pub state: Option<CheckInState>,
    /// When the snooze ends.
    pub snoozed_until: Option<Option<Ts>>,
    /// How often it was snoozed.
    pub round: Option<i32>,
    /// The sealed answer.
    pub answer: Option<Option<Vec<u8>>>,
    /// How much is shared.
    pub share: Option<Option<AnswerSharing>>,
    /// How much is shared before shared_from.
    pub share_before: Option<Option<AnswerSharing>>,
    /// When share takes effect.
    pub shared_from: Option<Option<Ts>>,
    /// When it was answered.
    pub answered_at: Option<Option<Ts>>,
    /// Whether the subject gave a sign of life since it fell due.
    pub heard_from: Option<bool>,
}

impl CheckInChange {
    /// The same change with this sharing.
    pub fn sharing(self, sharing: Sharing) -> Self {
        Self {
            share: Some(Some(sharing.chosen)),
            share_before: Some(Some(sharing.before)),
            shared_from: Some(Some(sharing.from.into())),
            ..self
        }
    }
}

/// Saves new check-ins.
pub fn insert(db: &mut Db, rows: &[CheckInRow]) -> QueryResult<usize> {
    on_both!(db, |c| diesel::insert_into(check_ins::table).values(rows).execute(c))
}

/// The check-in, if this person is its subject.
pub fn find_for(db: &mut Db, id: CheckInId, subject: AccountId) -> QueryResult<Option<CheckInRow>> {
    check_ins::table
        .find(id)
        .filter(check_ins::subject_id.eq(subject))
        .select(CheckInRow::as_select())
        .first(db)
        .optional()
}

/// The check-ins with these ids.
pub fn find_all(db: &mut Db, ids: &[CheckInId]) -> QueryResult<Vec<CheckInRow>> {
    check_ins::table.filter(check_ins::id.eq_any(ids)).select(CheckInRow::as_select()).load(db)
}

/// All check-ins of some scenes, by due time, with the reader's own answers only. Another person's answer is not even
/// read: a private one would take longer than none (R11). [`answers`] reads those that are shared.
pub fn of_scenes(db: &mut Db, scenes: &[SceneId], reader: AccountId) -> QueryResult<Vec<CheckInRow>> {
    check_ins::table
        .filter(check_ins::scene_id.eq_any(scenes))
        .order((check_ins::due_at.asc(), check_ins::id.asc()))
        .select((
            check_ins::id,
            check_ins::scene_id,
            check_ins::link_id,
            check_ins::subject_id,
            check_ins::offset_minutes,
            check_ins::due_at,
            check_ins::closes_at,
            check_ins::state,
            check_ins::snoozed_until,
            check_ins::round,
            case_when(check_ins::subject_id.eq(reader), check_ins::answer),
            check_ins::share,
            check_ins::answered_at,
            check_ins::created_at,
            check_ins::share_before,
            check_ins::shared_from,
            check_ins::postponed_until,
            check_ins::heard_from,
            check_ins::check_in_time,
            check_ins::ended_at,
        ))
        .load(db)
}

/// The sealed answers of some check-ins.
pub fn answers(db: &mut Db, ids: &[CheckInId]) -> QueryResult<Vec<(CheckInId, Option<Vec<u8>>)>> {
    check_ins::table.filter(check_ins::id.eq_any(ids)).select((check_ins::id, check_ins::answer)).load(db)
}

/// A person's own answered check-ins of some scenes.
pub fn answered_by(db: &mut Db, subject: AccountId, scenes: &[SceneId]) -> QueryResult<Vec<CheckInRow>> {
    check_ins::table
        .filter(check_ins::subject_id.eq(subject))
        .filter(check_ins::state.eq(CheckInState::Answered))
        .filter(check_ins::scene_id.eq_any(scenes))
        .select(CheckInRow::as_select())
        .load(db)
}

/// The check-ins of a person, or of some links, that have not closed at `now`.
pub fn open(db: &mut Db, of: Whose, now: Ts) -> QueryResult<Vec<CheckInRow>> {
    let query = check_ins::table
        .filter(check_ins::closes_at.gt(now))
        .order((check_ins::due_at.asc(), check_ins::id.asc()))
        .select(CheckInRow::as_select())
        .into_boxed();
    match of {
        Whose::Links(links) => query.filter(check_ins::link_id.eq_any(links)).load(db),
        Whose::Subject(account) => query.filter(check_ins::subject_id.eq(account)).load(db),
    }
}

/// Selects check-ins by person or by links.
#[derive(Clone, Debug)]
pub enum Whose {
    /// Those of both people of some links.
    Links(Vec<LinkId>),
    /// Those of one subject.
    Subject(AccountId),
}

/// Selects check-ins by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// Not yet due.
    Coming,
    /// Due, and its ladder has not ended.
    Due,
    /// Closed.
    Past,
}

/// A page of a person's check-ins by due time: ascending for due and coming ones, descending otherwise.
pub fn page(
    db: &mut Db,
    subject: AccountId,
    (span, states): (Option<Span>, Option<Vec<CheckInState>>),
    now: Ts,
    page: KeysetPage<CheckInId>,
) -> QueryResult<Vec<CheckInRow>> {
    let mut query = check_ins::table
        .filter(check_ins::subject_id.eq(subject))
        .select(CheckInRow::as_select())
        .into_boxed();
    if let Some(states) = states {
        query = query.filter(check_ins::state.eq_any(states));
    }
    let rising = matches!(span, Some(Span::Coming | Span::Due));
    match span {
        None => {}
        Some(Span::Coming) => query = query.filter(check_ins::due_at.gt(now)),
        Some(Span::Due) => {
            query = query.filter(check_ins::due_at.le(now)).filter(check_ins::closes_at.gt(now))
        }
        Some(Span::Past) => query = query.filter(check_ins::closes_at.le(now)),
    }
    load_page!(db, query, page, rising: rising, by: (check_ins::due_at, check_ins::id))
}

/// Changes a check-in and returns the changed row.
pub fn update(db: &mut Db, id: CheckInId, change: &CheckInChange) -> QueryResult<CheckInRow> {
    diesel::update(check_ins::table.find(id)).set(change).returning(columns::<CheckInRow>()).get_result(db)
}

/// Moves a check-in to other times.
pub fn retime(db: &mut Db, id: CheckInId, times: Times) -> QueryResult<CheckInRow> {
    let Times { ended_at, due_at, closes_at, .. } = times;
    diesel::update(check_ins::table.find(id))
        .set((
            check_ins::ended_at.eq(Ts::from(ended_at)),
            check_ins::due_at.eq(Ts::from(due_at)),
            check_ins::closes_at.eq(Ts::from(closes_at)),
        ))
        .returning(columns::<CheckInRow>())
        .get_result(db)
}

/// Whose check-ins some scenes have, and their times.
pub fn times_of(db: &mut Db, scenes: &[SceneId]) -> QueryResult<Vec<(SceneId, AccountId, Times)>> {
    type Row = (SceneId, AccountId, Option<i32>, Option<CheckInTime>, Ts, Ts, Ts);
    let rows: Vec<Row> = check_ins::table
        .filter(check_ins::scene_id.eq_any(scenes))
        .select((
            check_ins::scene_id,
            check_ins::subject_id,
            check_ins::offset_minutes,
            check_ins::check_in_time,
            check_ins::ended_at,
            check_ins::due_at,
            check_ins::closes_at,
        ))
        .load(db)?;
    let times = |(scene, subject, offset, other, ended_at, due_at, closes_at): Row| {
        let time = time_of(offset, other);
        let [ended_at, due_at, closes_at] = [ended_at, due_at, closes_at].map(Ts::get);
        (scene, subject, Times { time, ended_at, due_at, closes_at })
    };
    Ok(rows.into_iter().map(times).collect())
}

/// All check-ins of a scene.
pub fn all_of(db: &mut Db, scene: SceneId) -> QueryResult<Vec<CheckInRow>> {
    check_ins::table
        .filter(check_ins::scene_id.eq(scene))
        .order((check_ins::due_at.asc(), check_ins::id.asc()))
        .select(CheckInRow::as_select())
        .load(db)
}

/// Notes that a check-in is postponed.
pub fn postpone(db: &mut Db, id: CheckInId, until: Ts) -> QueryResult<usize> {
    diesel::update(check_ins::table.find(id)).set(check_ins::postponed_until.eq(Some(until))).execute(db)
}

/// Begins the next round of a check-in: it is asked anew.
pub fn begin_round(db: &mut Db, id: CheckInId) -> QueryResult<usize> {
    diesel::update(check_ins::table.find(id)).set(check_ins::round.eq(check_ins::round + 1)).execute(db)
}

/// Notes a sign of life of a scene's subject in their check-ins that fell due, besides one; returns those that were still
/// unanswered.
pub fn hear_from(
    db: &mut Db,
    scene: SceneId,
    subject: AccountId,
    besides: CheckInId,
    now: Ts,
) -> QueryResult<Vec<CheckInId>> {
    let due = check_ins::table
        .filter(check_ins::id.ne(besides))
        .filter(check_ins::scene_id.eq(scene))
        .filter(check_ins::subject_id.eq(subject))
        .filter(check_ins::due_at.le(now))
        .filter(check_ins::state.eq(CheckInState::Unanswered));
    diesel::update(due).set(check_ins::heard_from.eq(true)).returning(check_ins::id).get_results(db)
}

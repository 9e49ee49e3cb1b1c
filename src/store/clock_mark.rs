//! The last moment at which all clocks of a worker agreed, and what a wrong clock ended (R38).

use super::dialect::put;
use super::schema::{clock_marks, nudges};
use super::types::Ts;
use super::{Db, MultiBackend};
use crate::domain::clock_doubt::Mark;
use crate::domain::nudge::{DropReason, NudgeState};
use crate::ids::{NudgeId, RowId};
use diesel::prelude::*;
use jiff::SignedDuration;
use uuid::Uuid;

/// The only row of its table.
#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = clock_marks, check_for_backend(MultiBackend))]
struct MarkRow {
    /// Always nil: there is one row.
    id: RowId,
    /// The wall clock.
    wall_at: Ts,
    /// Which start of which machine the boot-time clock counts from.
    boot_id: String,
    /// The boot-time clock, in milliseconds.
    boot_ms: i64,
    /// How far the wall clock was put forward on that start, and believed, in milliseconds.
    advance_ms: i64,
}

/// The mark; None: no worker has run on this database.
pub fn find(db: &mut Db) -> QueryResult<Option<Mark>> {
    let row = clock_marks::table.select(MarkRow::as_select()).first(db).optional()?;
    Ok(row.map(|row| Mark {
        wall: row.wall_at.get(),
        boot_id: row.boot_id,
        boot: SignedDuration::from_millis(row.boot_ms),
        advance: SignedDuration::from_millis(row.advance_ms),
    }))
}

/// Saves the mark in place of the last one.
pub fn save(db: &mut Db, mark: &Mark) -> QueryResult<usize> {
    let millis = |of: SignedDuration| i64::try_from(of.as_millis()).unwrap_or(i64::MAX);
    let row = MarkRow {
        id: RowId(Uuid::nil()),
        wall_at: mark.wall.into(),
        boot_id: mark.boot_id.clone(),
        boot_ms: millis(mark.boot),
        advance_ms: millis(mark.advance),
    };
    put!(db, clock_marks by id, &row)
}

/// Has up to `most` nudges wait again that time alone has ended and that a wrong clock has: they were finished after
/// `later`, and are still of use at `now` (R38). Whether they are wanted is decided again when they are claimed.
pub fn revive(db: &mut Db, now: Ts, later: Ts, most: i64) -> QueryResult<usize> {
    let of_time = [DropReason::Expired, DropReason::Superseded, DropReason::Paused];
    let ended: Vec<NudgeId> = nudges::table
        .filter(nudges::finished_at.gt(later))
        .filter(nudges::expires_at.gt(now))
        .filter(nudges::state.eq(NudgeState::Dropped))
        .filter(nudges::drop_reason.eq_any(of_time.map(Some)))
        .order(nudges::finished_at.asc())
        .select(nudges::id)
        .limit(most)
        .load(db)?;
    diesel::update(nudges::table.filter(nudges::id.eq_any(ended)))
        .set((
            nudges::send_at.eq(nudges::due_at),
            nudges::state.eq(NudgeState::Waiting),
            nudges::drop_reason.eq(None::<DropReason>),
            nudges::finished_at.eq(None::<Ts>),
        ))
        .execute(db)
}

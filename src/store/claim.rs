//! The claim of nudges: the one statement that each backend needs in a form of its own.

use super::Db;
use super::nudge::NudgeRow;
use super::schema::nudges;
use super::types::Ts;
use crate::domain::nudge::NudgeState;
use crate::ids::{NudgeId, Uid, WorkerId};
use diesel::prelude::*;

diesel::alias!(nudges as due: Due);

/// Gives a worker the nudges that a query finds; on PostgreSQL without those that another transaction has locked.
macro_rules! take {
    ($db:expr, $ready:expr, $worker:expr, $lease_until:expr) => {{
        let lease = (
            nudges::attempts.eq(nudges::attempts + 1),
            nudges::leased_by.eq(Some($worker)),
            nudges::lease_until.eq(Some($lease_until)),
        );
        match $db {
            // ANY(ARRAY(…)) runs the subquery once; IN (… LIMIT …) may run it again and claim more than asked.
            Db::Postgres(connection) => diesel::update(nudges::table)
                .filter(nudges::id.eq_any(diesel::dsl::array::<Uid, _>($ready.for_update().skip_locked())))
                .set(lease)
                .returning(nudges::all_columns)
                .get_results(connection),
            Db::Sqlite(connection) => diesel::update(nudges::table)
                .filter(nudges::id.eq_any($ready))
                .set(lease)
                .returning(nudges::all_columns)
                .get_results(connection),
        }
    }};
}

/// Claims up to `most` due nudges: gives `worker` a lease until `lease_until` and counts one attempt more (R15).
pub fn claim(
    db: &mut Db,
    worker: WorkerId,
    now: Ts,
    lease_until: Ts,
    most: i64,
) -> QueryResult<Vec<NudgeRow>> {
    let ready = due
        .filter(due.field(nudges::state).eq(NudgeState::Waiting))
        .filter(due.field(nudges::send_at).le(now))
        .filter(due.field(nudges::lease_until).is_null().or(due.field(nudges::lease_until).le(now)))
        .order((due.field(nudges::send_at).asc(), due.field(nudges::id).asc()))
        .select(due.field(nudges::id))
        .limit(most);
    take!(db, ready, worker, lease_until)
}

/// Claims these nudges, though they are not due yet, as far as they wait in nobody's hand and were not moved beyond `near`
/// meanwhile: they go out together with one that is due.
pub fn claim_early(
    db: &mut Db,
    worker: WorkerId,
    (now, near): (Ts, Ts),
    lease_until: Ts,
    ids: &[NudgeId],
) -> QueryResult<Vec<NudgeRow>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let ready = due
        .filter(due.field(nudges::id).eq_any(ids))
        .filter(due.field(nudges::send_at).le(near))
        .filter(due.field(nudges::state).eq(NudgeState::Waiting))
        .filter(due.field(nudges::lease_until).is_null().or(due.field(nudges::lease_until).le(now)))
        .select(due.field(nudges::id));
    take!(db, ready, worker, lease_until)
}

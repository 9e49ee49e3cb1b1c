//! The claim of nudges: the one statement that each backend needs in a form of its own.

use super::Db;
use super::dialect::{self, LeaseTimes};
use super::nudge::NudgeRow;
use super::schema::nudges;
use super::types::Ts;
use crate::domain::lane::Sharing;
use crate::domain::nudge::NudgeState;
use crate::ids::{AccountId, NudgeId, Uid, WorkerId, distinct};
use diesel::prelude::*;

diesel::alias!(nudges as due: Due);

/// Gives a worker those of some nudges that wait in nobody's hand and come until `near`; on PostgreSQL without those that
/// another transaction has locked.
macro_rules! take {
    ($db:expr, $which:expr, $near:expr, $worker:expr, $lease:expr) => {{
        let until = due.field(nudges::lease_until);
        let free = until.is_null().or(until.le($lease.now)).or(until.gt($lease.latest));
        let ready = due
            .filter($which)
            .filter(due.field(nudges::state).eq(NudgeState::Waiting))
            .filter(due.field(nudges::send_at).le($near))
            .filter(free)
            .select(due.field(nudges::id));
        let lease = (
            nudges::attempts.eq(nudges::attempts + 1),
            nudges::leased_by.eq(Some($worker)),
            nudges::lease_until.eq(Some($lease.until)),
        );
        match $db {
            // ANY(ARRAY(…)) runs the subquery once, so that nothing is locked in vain.
            Db::Postgres(connection) => diesel::update(nudges::table)
                .filter(nudges::id.eq_any(diesel::dsl::array::<Uid, _>(ready.for_update().skip_locked())))
                .set(lease)
                .returning(nudges::all_columns)
                .get_results(connection),
            Db::Sqlite(connection) => diesel::update(nudges::table)
                .filter(nudges::id.eq_any(ready))
                .set(lease)
                .returning(nudges::all_columns)
                .get_results(connection),
        }
    }};
}

/// What a claim took.
pub struct Claims {
    /// The claimed nudges.
    pub rows: Vec<NudgeRow>,
    /// The lanes in which less was free than their share.
    pub short: Vec<String>,
}

/// Claims due nudges, of each lane its share: gives `worker` a lease and counts one attempt more (R15).
/// What is due for one person goes to one worker, so that no two send a part each (R22): all of it but what waits for a
/// lane that is full.
pub fn claim(
    db: &mut Db,
    worker: WorkerId,
    now: Ts,
    lease: LeaseTimes,
    sharing: &mut Sharing,
) -> QueryResult<Claims> {
    let (mut found, mut short) = (Vec::new(), Vec::new());
    while let Some(share) = sharing.next_share() {
        let some = dialect::lock_due(db, lease, &share)?;
        sharing.took(&share.lane, some.len());
        if some.len() < share.most {
            short.push(share.lane);
        }
        found.extend(some);
    }
    let recipients = distinct(found.iter().filter_map(|nudge| nudge.recipient_id));
    let to_addresses = found.iter().filter(|nudge| nudge.recipient_id.is_none()).map(|nudge| nudge.id);
    let to_addresses: Vec<NudgeId> = to_addresses.collect();
    // Looked at anew, since the locks came after the first look: another worker may have claimed and committed between.
    let mut rows = claim_for(db, worker, now, lease, (&recipients, sharing.left_out()))?;
    rows.extend(claim_these(db, worker, now, lease, &to_addresses)?);
    Ok(Claims { rows, short })
}

/// Claims all that is due for some people, who are locked, except in some lanes.
fn claim_for(
    db: &mut Db,
    worker: WorkerId,
    now: Ts,
    lease: LeaseTimes,
    (recipients, left_out): (&[AccountId], &[String]),
) -> QueryResult<Vec<NudgeRow>> {
    if recipients.is_empty() {
        return Ok(Vec::new());
    }
    let theirs = due.field(nudges::recipient_id).eq_any(recipients).assume_not_null();
    take!(db, theirs.and(due.field(nudges::lane).ne_all(left_out)), now, worker, lease)
}

/// Claims these nudges as far as they wait in nobody's hand and come until `near`; also such as are not due yet, but go out
/// together with one that is.
pub fn claim_these(
    db: &mut Db,
    worker: WorkerId,
    near: Ts,
    lease: LeaseTimes,
    ids: &[NudgeId],
) -> QueryResult<Vec<NudgeRow>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    take!(db, due.field(nudges::id).eq_any(ids), near, worker, lease)
}

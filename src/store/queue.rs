//! The depth of the queue: bounded counts along the partial indexes, so that they cost the same at any depth.

use super::Db;
use super::dialect::{FREE, on_both};
use super::types::{Ts, sql};
use crate::domain::hand_over::LEASE_MAX;
use crate::metrics::{COUNTED_MOST, QueueDepth};
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use jiff::SignedDuration;

#[derive(QueryableByName)]
struct Counted {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

#[derive(QueryableByName)]
struct At {
    #[diesel(sql_type = sql::Ts)]
    send_at: Ts,
}

/// Counts the nudges that meet a condition on some instants, up to [`COUNTED_MOST`]. Raw SQL, since the query
/// builder has no count of a bounded subquery. `order` is that of the index to use.
fn count(db: &mut Db, condition: &str, order: &str, at: &[Ts]) -> QueryResult<i64> {
    let some = format!("SELECT 1 FROM nudges WHERE {condition} ORDER BY {order} LIMIT {COUNTED_MOST}");
    let text = format!("SELECT count(*) AS n FROM ({some}) AS some_nudges");
    let counted: Counted = on_both!(db, |c| {
        let query =
            at.iter().fold(diesel::sql_query(text).into_boxed(), |query, at| query.bind::<sql::Ts, _>(*at));
        query.get_result(c)
    })?;
    Ok(counted.n)
}

/// When the latest lease ends that may hold at an instant.
fn latest_lease(now: Ts) -> Ts {
    (now.get() + LEASE_MAX).into()
}

/// The depth of the queue at an instant.
pub fn depth(db: &mut Db, now: Ts) -> QueryResult<QueueDepth> {
    let (oldest, latest) = (oldest_due(db, now)?, latest_lease(now));
    Ok(QueueDepth {
        due: count(db, FREE, "send_at, id", &[now, now, latest])?,
        waiting: count(db, "state = 'waiting' AND send_at > $1", "send_at, id", &[now])?,
        // A leased nudge was due when it was claimed.
        held: count(
            db,
            "state = 'waiting' AND send_at <= $1 AND lease_until > $1 AND lease_until <= $2",
            "send_at, id",
            &[now, latest],
        )?,
        // The query must use its parameter; no nudge was given up later than now.
        dead: count(db, "state = 'dead' AND finished_at <= $1", "finished_at, id", &[now])?,
        oldest_due: oldest.map_or(SignedDuration::ZERO, |at| now.get().duration_since(at.get())),
    })
}

/// The `send_at` of the oldest due nudge that no worker has a lease on. None: nothing is due.
pub fn oldest_due(db: &mut Db, now: Ts) -> QueryResult<Option<Ts>> {
    let text = format!("SELECT send_at FROM nudges WHERE {FREE} ORDER BY send_at, id LIMIT 1");
    let oldest: Option<At> = on_both!(db, |c| diesel::sql_query(text)
        .bind::<sql::Ts, _>(now)
        .bind::<sql::Ts, _>(now)
        .bind::<sql::Ts, _>(latest_lease(now))
        .get_result(c)
        .optional())?;
    Ok(oldest.map(|row| row.send_at))
}

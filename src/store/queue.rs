//! The depth of the queue: bounded counts along the partial indexes, so that they cost the same at any depth.

use super::Db;
use super::dialect::{LeaseTimes, on_both};
use super::lane::{LANES, first_free};
use super::types::{Ts, sql};
use crate::metrics::{COUNTED_MOST, QueueDepth};
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use jiff::SignedDuration;

#[derive(QueryableByName)]
struct Counted {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

/// Counts the nudges that meet a condition on some instants, up to [`COUNTED_MOST`]. Raw SQL, since the query
/// builder has no count of a bounded subquery. `order` is that of the index to use.
fn count(db: &mut Db, condition: &str, order: &str, at: &[Ts]) -> QueryResult<i64> {
    let some = format!("SELECT 1 FROM nudges WHERE {condition} ORDER BY {order} LIMIT {COUNTED_MOST}");
    read(db, format!("SELECT count(*) AS n FROM ({some}) AS some_nudges"), at)
}

/// The same for waiting nudges `n`, lane by lane.
fn count_waiting(db: &mut Db, condition: &str, at: &[Ts]) -> QueryResult<i64> {
    let some = format!(
        "SELECT 1 FROM nudges AS n WHERE n.state = 'waiting' AND n.lane = lanes.lane AND {condition} \
         ORDER BY n.send_at, n.id LIMIT {COUNTED_MOST}"
    );
    let each = format!(
        "SELECT (SELECT count(*) FROM ({some}) AS some_nudges) AS n FROM lanes WHERE lane IS NOT NULL"
    );
    let sum = format!("{LANES} SELECT CAST(COALESCE(sum(n), 0) AS BIGINT) AS n FROM ({each}) AS each_lane");
    Ok(read(db, sum, at)?.min(COUNTED_MOST))
}

fn read(db: &mut Db, text: String, at: &[Ts]) -> QueryResult<i64> {
    let counted: Counted = on_both!(db, |c| {
        let query =
            at.iter().fold(diesel::sql_query(text).into_boxed(), |query, at| query.bind::<sql::Ts, _>(*at));
        query.get_result(c)
    })?;
    Ok(counted.n)
}

/// The depth of the queue at an instant. What waits for a provider that is full or left alone is due.
pub fn depth(db: &mut Db, now: Ts) -> QueryResult<QueueDepth> {
    let oldest = oldest_due(db, now, &[])?;
    let latest = LeaseTimes::at(now.get(), SignedDuration::ZERO).latest;
    let free = "n.send_at <= $1 AND (n.lease_until IS NULL OR n.lease_until <= $1 OR n.lease_until > $2)";
    let held = "n.send_at <= $1 AND n.lease_until > $1 AND n.lease_until <= $2";
    Ok(QueueDepth {
        due: count_waiting(db, free, &[now, latest])?,
        waiting: count_waiting(db, "n.send_at > $1", &[now])?,
        // A leased nudge was due when it was claimed.
        held: count_waiting(db, held, &[now, latest])?,
        // The query must use its parameter; no nudge was given up later than now.
        dead: count(db, "state = 'dead' AND finished_at <= $1", "finished_at, id", &[now])?,
        oldest_due: oldest.map_or(SignedDuration::ZERO, |at| now.get().duration_since(at.get())),
    })
}

/// The `send_at` of the oldest due nudge that no worker has a lease on, except in some lanes. None: nothing is due.
pub fn oldest_due(db: &mut Db, now: Ts, besides: &[String]) -> QueryResult<Option<Ts>> {
    let first = first_free(db, LeaseTimes::at(now.get(), SignedDuration::ZERO))?.into_iter();
    let first = first.filter(|(lane, at)| *at <= now && !besides.contains(lane));
    Ok(first.map(|(_, at)| at).min())
}

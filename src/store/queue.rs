//! How much there is to do: counts along the partial indexes, each bounded, so that they cost the same at any depth.

use super::Db;
use super::dialect::on_both;
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

#[derive(QueryableByName)]
struct At {
    #[diesel(sql_type = sql::Ts)]
    send_at: Ts,
}

/// Due and held by nobody, in the words of the claim.
const FREE: &str = "state = 'waiting' AND send_at <= $1 AND (lease_until IS NULL OR lease_until <= $1)";

/// Counts the nudges that meet a condition on `$1`, an instant, up to [`COUNTED_MOST`]. In words of SQL, since the
/// query builder cannot say a count of a bounded subquery. The order is that of the index that it is to go along.
fn count(db: &mut Db, condition: &str, order: &str, now: Ts) -> QueryResult<i64> {
    let some = format!("SELECT 1 FROM nudges WHERE {condition} ORDER BY {order} LIMIT {COUNTED_MOST}");
    let text = format!("SELECT count(*) AS n FROM ({some}) AS some_nudges");
    let counted: Counted = on_both!(db, |c| diesel::sql_query(text).bind::<sql::Ts, _>(now).get_result(c))?;
    Ok(counted.n)
}

/// How much there is to do at an instant.
pub fn depth(db: &mut Db, now: Ts) -> QueryResult<QueueDepth> {
    let oldest = oldest_due(db, now)?;
    Ok(QueueDepth {
        due: count(db, FREE, "send_at, id", now)?,
        waiting: count(db, "state = 'waiting' AND send_at > $1", "send_at, id", now)?,
        // What is held was due when it was claimed.
        held: count(db, "state = 'waiting' AND send_at <= $1 AND lease_until > $1", "send_at, id", now)?,
        // The parameter has to be named; a nudge cannot have been given up later than now.
        dead: count(db, "state = 'dead' AND finished_at <= $1", "finished_at, id", now)?,
        oldest_due: oldest.map_or(SignedDuration::ZERO, |at| now.get().duration_since(at.get())),
    })
}

/// When the oldest nudge that is due, and that no worker holds, was to go out or to be tried again. None: nothing is due.
pub fn oldest_due(db: &mut Db, now: Ts) -> QueryResult<Option<Ts>> {
    let text = format!("SELECT send_at FROM nudges WHERE {FREE} ORDER BY send_at, id LIMIT 1");
    let oldest: Option<At> =
        on_both!(db, |c| diesel::sql_query(text).bind::<sql::Ts, _>(now).get_result(c).optional())?;
    Ok(oldest.map(|row| row.send_at))
}

//! The lanes of waiting nudges: which there are, when something falls due in each, and which one a person's pushes take.

use super::Db;
use super::dialect::{LeaseTimes, on_both};
use super::schema::{accounts, devices, nudges, sessions};
use super::types::{Ts, sql};
use crate::domain::lane::{LaneDue, any_of};
use crate::domain::nudge::{Channel, NudgeState};
use crate::ids::AccountId;
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};
use jiff::Timestamp;
use std::collections::HashMap;

/// The lanes in which nudges wait, each found by one step along the index of the claim, however many wait in it.
pub(super) const LANES: &str = "WITH RECURSIVE lanes (lane) AS ( \
     SELECT (SELECT lane FROM nudges WHERE state = 'waiting' ORDER BY lane LIMIT 1) \
     UNION ALL \
     SELECT (SELECT n.lane FROM nudges AS n WHERE n.state = 'waiting' AND n.lane > lanes.lane ORDER BY n.lane LIMIT 1) \
     FROM lanes WHERE lanes.lane IS NOT NULL)";

/// The first nudge of each lane that nobody has at `$1`, where no lease ends after `$2`.
const FIRST_FREE: &str = "SELECT lane, (SELECT n.id FROM nudges AS n WHERE n.state = 'waiting' AND n.lane = lanes.lane \
     AND (n.lease_until IS NULL OR n.lease_until <= $1 OR n.lease_until > $2) ORDER BY n.send_at, n.id LIMIT 1) AS id \
     FROM lanes WHERE lane IS NOT NULL";

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = Text)]
    lane: String,
    #[diesel(sql_type = Nullable<sql::Ts>)]
    free: Option<Ts>,
    #[diesel(sql_type = Nullable<sql::Ts>)]
    held: Option<Ts>,
}

#[derive(QueryableByName)]
struct Head {
    #[diesel(sql_type = Text)]
    lane: String,
    #[diesel(sql_type = Nullable<sql::Ts>)]
    free: Option<Ts>,
}

/// The lanes in which nudges wait, each with the instant at which one of them can be claimed: when the first that nobody
/// has is due, or a lease on an earlier one ends. Of leased nudges only those before the first free one are read, also among
/// those of one instant: no more than the workers have claimed.
pub fn due(db: &mut Db, lease: LeaseTimes) -> QueryResult<Vec<LaneDue>> {
    let text = format!(
        "{LANES} SELECT found.lane, head.send_at AS free, (SELECT min(n.lease_until) FROM nudges AS n \
         WHERE n.state = 'waiting' AND n.lane = found.lane AND n.lease_until > $1 \
         AND n.lease_until <= $2 AND (n.send_at, n.id) < (COALESCE(head.send_at, $3), head.id)) AS held \
         FROM ({FIRST_FREE}) AS found LEFT JOIN nudges AS head ON head.id = found.id"
    );
    let ever = Ts::from(Timestamp::from_second(253_402_000_000).unwrap_or(lease.now.get()));
    let found: Vec<Found> = on_both!(db, |c| diesel::sql_query(text)
        .bind::<sql::Ts, _>(lease.now)
        .bind::<sql::Ts, _>(lease.latest)
        .bind::<sql::Ts, _>(ever)
        .load(c))?;
    let next = |it: Found| {
        let at = it.free.into_iter().chain(it.held).min()?;
        Some(LaneDue { lane: it.lane, at: at.get() })
    };
    Ok(found.into_iter().filter_map(next).collect())
}

/// The lanes in which nudges wait that nobody has, each with the `send_at` of the first.
pub(super) fn first_free(db: &mut Db, lease: LeaseTimes) -> QueryResult<Vec<(String, Ts)>> {
    let text = format!(
        "{LANES} SELECT found.lane, head.send_at AS free FROM ({FIRST_FREE}) AS found \
         JOIN nudges AS head ON head.id = found.id"
    );
    let found: Vec<Head> = on_both!(db, |c| diesel::sql_query(text)
        .bind::<sql::Ts, _>(lease.now)
        .bind::<sql::Ts, _>(lease.latest)
        .load(c))?;
    Ok(found.into_iter().filter_map(|head| Some((head.lane, head.free?))).collect())
}

/// When the next waiting nudge can be claimed, in whichever lane. None: nothing waits.
pub fn next_due(db: &mut Db, lease: LeaseTimes) -> QueryResult<Option<Ts>> {
    Ok(due(db, lease)?.into_iter().map(|lane| lane.at.into()).min())
}

/// The lanes of some people's pushes: of whoever wants pushes and has a live device.
pub fn of_pushes(db: &mut Db, accounts: &[AccountId]) -> QueryResult<HashMap<AccountId, String>> {
    if accounts.is_empty() {
        return Ok(HashMap::new());
    }
    let found: Vec<(AccountId, String)> = devices::table
        .inner_join(sessions::table)
        .inner_join(accounts::table)
        .filter(devices::account_id.eq_any(accounts))
        .filter(devices::ended_at.is_null())
        .filter(sessions::ended_at.is_null())
        .filter(accounts::push.eq(true))
        .select((devices::account_id, devices::lane))
        .load(db)?;
    let mut lanes: HashMap<AccountId, Vec<String>> = HashMap::new();
    for (account, lane) in found {
        lanes.entry(account).or_default().push(lane);
    }
    Ok(lanes
        .into_iter()
        .map(|(account, lanes)| (account, any_of(lanes.iter().map(String::as_str))))
        .collect())
}

/// Gives the waiting pushes of some people the lanes of the devices that they have now; without a device, the mail
/// server's. What no hook notes is put right when the nudge is next claimed.
pub fn renew(db: &mut Db, accounts: &[AccountId]) -> QueryResult<()> {
    let mut lanes = of_pushes(db, accounts)?;
    for account in accounts {
        let lane = lanes.remove(account).unwrap_or_else(|| any_of([]));
        let waiting = nudges::table
            .filter(nudges::recipient_id.eq(*account))
            .filter(nudges::state.eq(NudgeState::Waiting))
            .filter(nudges::channel.eq(Channel::Push))
            .filter(nudges::device_id.is_null())
            .filter(nudges::lane.ne(&lane));
        diesel::update(waiting).set(nudges::lane.eq(&lane)).execute(db)?;
    }
    Ok(())
}

//! What counts towards a person's day: what they got, what is on its way to them, and what comes.

use super::Db;
use super::nudge::NudgeRow;
use super::schema::nudges;
use super::types::Ts;
use crate::domain::nudge::{NudgeKind, NudgeState};
use crate::ids::{AccountId, NudgeId};
use diesel::prelude::*;

/// A reminder that counts towards its recipient's day (R22).
#[derive(Clone, Debug, Queryable)]
pub struct Counted {
    /// The recipient.
    pub recipient_id: Option<AccountId>,
    /// When it went out; None: it is on its way.
    pub finished_at: Option<Ts>,
    /// What it is for.
    pub kind: NudgeKind,
    /// Its own key.
    pub key: String,
    /// The key of the message that it came in together with others.
    pub message_key: Option<String>,
}

impl Counted {
    /// The key of the message that it came in.
    pub fn message(&self) -> &str {
        self.message_key.as_deref().unwrap_or(&self.key)
    }
}

type CountedColumns =
    (nudges::recipient_id, nudges::finished_at, nudges::rung, nudges::key, nudges::message_key);

const COUNTED: CountedColumns =
    (nudges::recipient_id, nudges::finished_at, nudges::rung, nudges::key, nudges::message_key);

/// What some people got since `since`, as far as it counts towards their day.
pub fn sent_since(db: &mut Db, recipients: &[AccountId], since: Ts) -> QueryResult<Vec<Counted>> {
    counted(recipients)
        .filter(nudges::state.eq(NudgeState::Sent))
        .filter(nudges::finished_at.ge(since))
        .select(COUNTED)
        .load(db)
}

/// What is on its way to some people, claimed and not yet recorded, except `besides`, as far as it counts towards their
/// day.
pub fn held(
    db: &mut Db,
    recipients: &[AccountId],
    besides: &[NudgeId],
    now: Ts,
) -> QueryResult<Vec<Counted>> {
    counted(recipients)
        .filter(nudges::lease_until.gt(now))
        .filter(nudges::id.ne_all(besides))
        .filter(nudges::state.eq(NudgeState::Waiting))
        .select(COUNTED)
        .load(db)
}

/// What waits for some people, in nobody's hand, and comes before `until`, by its time; what is due already is among it.
pub fn coming(db: &mut Db, recipients: &[AccountId], now: Ts, until: Ts) -> QueryResult<Vec<NudgeRow>> {
    counted(recipients)
        .filter(nudges::state.eq(NudgeState::Waiting))
        .filter(nudges::send_at.lt(until))
        .filter(nudges::lease_until.is_null().or(nudges::lease_until.le(now)))
        .order((nudges::send_at.asc(), nudges::id.asc()))
        .select(NudgeRow::as_select())
        .load(db)
}

/// The nudges of some people that count towards the daily cap, in any state: not mails that they asked for, and not the
/// copy for a second device.
#[diesel::dsl::auto_type(no_type_alias)]
fn counted<'a>(recipients: &'a [AccountId]) -> _ {
    nudges::table
        .filter(nudges::recipient_id.eq_any(recipients))
        .filter(nudges::check_in_id.is_not_null())
        .filter(nudges::device_id.is_null())
}

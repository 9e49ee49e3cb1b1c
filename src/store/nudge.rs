//! Nudges and the attempts to deliver them.

use super::dialect::{delete_first, on_both};
use super::schema::{attempts, nudges};
use super::types::Ts;
use super::{Db, MultiBackend, lane};
use crate::chance::Chance;
use crate::domain::lane::MAIL;
use crate::domain::nudge::{About, AttemptOutcome, Channel, DropReason, NudgeKind, NudgeState, Reason, key};
use crate::ids::{
    AccountId, AddressRequestId, AttemptId, CheckInId, DeviceId, NudgeId, PleaId, WorkerId, distinct,
};
use diesel::prelude::*;
use jiff::Timestamp;

/// One message to one person on one channel: the job that gets delivered.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = nudges, check_for_backend(MultiBackend), treat_none_as_default_value = false)]
pub struct NudgeRow {
    /// Its id.
    pub id: NudgeId,
    /// Check-in, round, kind, recipient and channel: the same need never makes two (R14).
    pub key: String,
    /// The word of a rung, of the prompt (reach_out) or of a mail's purpose.
    #[diesel(column_name = rung)]
    pub kind: NudgeKind,
    /// push, mail.
    pub channel: Channel,
    /// The recipient's account; null: the mail goes to the request's address.
    pub recipient_id: Option<AccountId>,
    /// The check-in it is about.
    pub check_in_id: Option<CheckInId>,
    /// The address request that it answers.
    pub address_request_id: Option<AddressRequestId>,
    /// The check-in's round that it was planned in.
    pub round: i32,
    /// When it may go out, or is tried again; once it went, no later than that.
    pub send_at: Ts,
    /// After this it is of no use.
    pub expires_at: Ts,
    /// waiting, sent, dropped, dead.
    pub state: NudgeState,
    /// Why it was dropped.
    pub drop_reason: Option<DropReason>,
    /// How often it was claimed for sending: the fence of its lease.
    pub attempts: i32,
    /// The worker that has the lease.
    pub leased_by: Option<WorkerId>,
    /// When the lease ends and the nudge may be claimed again.
    pub lease_until: Option<Ts>,
    /// When it was planned.
    pub created_at: Ts,
    /// When it was sent, dropped or given up.
    pub finished_at: Option<Ts>,
    /// When it was to go out, after quiet hours: lateness counts from here.
    pub due_at: Ts,
    /// The one device that still needs it, when the others accepted it; null: every device.
    pub device_id: Option<DeviceId>,
    /// Attempts that do not count towards the cap: made on another channel, made before an operator's retry, or never
    /// handed to a provider.
    pub attempts_forgiven: i32,
    /// The key of the message that it goes out in together with others; None: by itself.
    pub message_key: Option<String>,
    /// The plea that it is about.
    pub plea_id: Option<PleaId>,
    /// The lanes that it waits for, any of them (R23): those of its recipient's devices, or the mail server's.
    pub lane: String,
}

/// One try to hand a nudge to a provider, without its content.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = attempts, check_for_backend(MultiBackend), treat_none_as_default_value = false)]
pub struct AttemptRow {
    /// Its id.
    pub id: AttemptId,
    /// The nudge.
    pub nudge_id: NudgeId,
    /// The device; null: sent by mail.
    pub device_id: Option<DeviceId>,
    /// accepted, gone, deferred, refused.
    pub outcome: AttemptOutcome,
    /// The provider's answer: HTTP status or SMTP code; null: none came.
    pub status_code: Option<i32>,
    /// When it ended.
    pub finished_at: Ts,
}

impl NudgeRow {
    /// A new nudge that waits until `send_at` and expires at `expires_at`.
    pub fn waiting(
        about: About,
        channel: Channel,
        recipient: Option<AccountId>,
        times: (Ts, Ts),
        now: Timestamp,
        chance: &Chance,
    ) -> Self {
        let (check_in_id, address_request_id, plea_id, round) = match about {
            About::CheckIn(id, round, _) => (Some(id), None, None, round),
            About::Plea(id) => (None, None, Some(id), 0),
            About::Address(id, _) => (None, Some(id), None, 0),
        };
        Self {
            id: NudgeId::at(now, chance),
            key: key(about, recipient, channel),
            kind: about.kind(),
            channel,
            recipient_id: recipient,
            check_in_id,
            address_request_id,
            round,
            send_at: times.0,
            expires_at: times.1,
            state: NudgeState::Waiting,
            drop_reason: None,
            attempts: 0,
            leased_by: None,
            lease_until: None,
            created_at: now.into(),
            finished_at: None,
            due_at: times.0,
            device_id: None,
            attempts_forgiven: 0,
            message_key: None,
            plea_id,
            // A push takes the lanes of the devices that there are when it is saved.
            lane: match channel {
                Channel::Mail => MAIL.to_owned(),
                Channel::Push => String::new(),
            },
        }
    }

    /// What it is about; None if its columns contradict each other.
    pub fn about(&self) -> Option<About> {
        match self.kind {
            NudgeKind::Reminder(reason) => Some(About::CheckIn(self.check_in_id?, self.round, reason)),
            NudgeKind::Plea => Some(About::Plea(self.plea_id?)),
            NudgeKind::Mail(purpose) => Some(About::Address(self.address_request_id?, purpose)),
        }
    }

    /// A copy of this nudge for one device, with its lane, that did not accept it while others did, to be tried at `at`.
    pub fn straggler(
        &self,
        (device, lane): (DeviceId, &str),
        at: Timestamp,
        now: Timestamp,
        chance: &Chance,
    ) -> Self {
        Self {
            id: NudgeId::at(now, chance),
            key: format!("{}/{device}", self.own_key()),
            send_at: at.into(),
            device_id: Some(device),
            attempts_forgiven: 0,
            attempts: 0,
            leased_by: None,
            lease_until: None,
            created_at: now.into(),
            lane: lane.to_owned(),
            ..self.clone()
        }
    }

    /// The key for Topic and Message-ID: its message's, if it goes out together with others. A copy for one device has the
    /// same one, so that it replaces the message.
    pub fn shown_key(&self) -> &str {
        self.message_key.as_deref().unwrap_or_else(|| self.own_key())
    }

    /// The key of the need, without the device of a copy for one.
    pub fn own_key(&self) -> &str {
        let suffix = self.device_id.map(|device| format!("/{device}")).unwrap_or_default();
        self.key.strip_suffix(suffix.as_str()).unwrap_or(&self.key)
    }

    /// How many attempts count towards the cap (R20), the current one included.
    pub fn tries(&self) -> i32 {
        self.attempts - self.attempts_forgiven
    }
}

/// Saves planned nudges. A row with the same key is replanned if it waits and no attempt of it counts, or if it was
/// dropped for a missing consent, a pause or a correction before anything was handed over. Otherwise it stays: it may have been sent
/// (R14).
pub fn plan(db: &mut Db, rows: &[NudgeRow]) -> QueryResult<usize> {
    use diesel::dsl::{exists, not};
    use diesel::query_dsl::methods::FilterDsl;
    use diesel::upsert::excluded;
    let mut planned = 0;
    let pushes = rows.iter().filter(|row| row.channel == Channel::Push);
    let lanes = lane::of_pushes(db, &distinct(pushes.filter_map(|row| row.recipient_id)))?;
    let lane = |row: &NudgeRow| row.recipient_id.and_then(|to| lanes.get(&to)).cloned();
    for row in rows {
        let row = &match row.channel {
            Channel::Push => NudgeRow { lane: lane(row).unwrap_or_else(|| MAIL.to_owned()), ..row.clone() },
            Channel::Mail => row.clone(),
        };
        // One row at a time: SQLite has no condition on the update of several rows.
        planned += on_both!(db, |c| diesel::insert_into(nudges::table)
            .values(row)
            .on_conflict(nudges::key)
            .do_update()
            .set((
                nudges::send_at.eq(excluded(nudges::send_at)),
                nudges::due_at.eq(excluded(nudges::due_at)),
                nudges::expires_at.eq(excluded(nudges::expires_at)),
                nudges::state.eq(NudgeState::Waiting),
                nudges::drop_reason.eq(None::<DropReason>),
                nudges::finished_at.eq(None::<Ts>),
                nudges::lane.eq(excluded(nudges::lane)),
            ))
            .filter(
                // A tried nudge keeps its back-off. One that was being sent when the consent was withdrawn may have
                // arrived, and must not come twice.
                nudges::attempts.eq(nudges::attempts_forgiven).and(
                    nudges::state.eq(NudgeState::Waiting).or(nudges::drop_reason
                        .eq_any([DropReason::NotConsented, DropReason::Paused, DropReason::Corrected])
                        .assume_not_null()
                        .and(not(exists(QueryDsl::filter(
                            attempts::table,
                            attempts::nudge_id.eq(nudges::id)
                        )))))
                )
            )
            .execute(c))?;
    }
    Ok(planned)
}

/// The nudge with this id.
pub fn find(db: &mut Db, id: NudgeId) -> QueryResult<Option<NudgeRow>> {
    nudges::table.find(id).select(NudgeRow::as_select()).first(db).optional()
}

/// The update that drops waiting nudges. One that is being sent loses its lease.
#[derive(AsChangeset)]
#[diesel(table_name = nudges, treat_none_as_null = true)]
struct Dropping {
    state: NudgeState,
    drop_reason: Option<DropReason>,
    finished_at: Option<Ts>,
    leased_by: Option<WorkerId>,
    lease_until: Option<Ts>,
}

impl Dropping {
    fn new(reason: DropReason, now: Ts) -> Self {
        Self {
            state: NudgeState::Dropped,
            drop_reason: Some(reason),
            finished_at: Some(now),
            leased_by: None,
            lease_until: None,
        }
    }
}

/// Drops the waiting nudges of some check-ins that have one of some reasons. A nudge that is being sent loses its
/// lease.
pub fn drop_waiting(
    db: &mut Db,
    check_ins: &[CheckInId],
    sent_for: &[Reason],
    recipient: Option<AccountId>,
    reason: DropReason,
    now: Ts,
) -> QueryResult<usize> {
    let waiting = nudges::table
        .filter(nudges::check_in_id.eq_any(check_ins.iter().copied().map(Some)))
        .filter(nudges::rung.eq_any(sent_for.iter().copied().map(NudgeKind::Reminder)))
        .filter(nudges::state.eq(NudgeState::Waiting));
    let dropped = Dropping::new(reason, now);
    match recipient {
        Some(to) => diesel::update(waiting.filter(nudges::recipient_id.eq(to))).set(dropped).execute(db),
        None => diesel::update(waiting).set(dropped).execute(db),
    }
}

/// Drops the waiting nudges of some check-ins that nobody has tried or holds: they are to be planned anew.
pub fn withdraw_untried(
    db: &mut Db,
    check_ins: &[CheckInId],
    reason: DropReason,
    now: Ts,
) -> QueryResult<usize> {
    let waiting = nudges::table
        .filter(nudges::check_in_id.eq_any(check_ins.iter().copied().map(Some)))
        .filter(nudges::state.eq(NudgeState::Waiting))
        .filter(nudges::lease_until.is_null())
        .filter(nudges::attempts.eq(nudges::attempts_forgiven))
        .filter(diesel::dsl::not(diesel::dsl::exists(
            attempts::table.filter(attempts::nudge_id.eq(nudges::id)),
        )));
    diesel::update(waiting).set(Dropping::new(reason, now)).execute(db)
}

/// Drops the waiting nudge of a plea. If it is being sent it loses its lease.
pub fn drop_plea(db: &mut Db, id: PleaId, reason: DropReason, now: Ts) -> QueryResult<usize> {
    let waiting = nudges::table.filter(nudges::plea_id.eq(id)).filter(nudges::state.eq(NudgeState::Waiting));
    diesel::update(waiting).set(Dropping::new(reason, now)).execute(db)
}

/// Has the pleas to a person decided about anew, now: those that wait, and those that a pause kept. One that can still be taken
/// back is left alone: it expires after `until`.
pub fn review_pleas(db: &mut Db, recipient: AccountId, now: Ts, until: Ts) -> QueryResult<usize> {
    let kept = nudges::state
        .eq(NudgeState::Waiting)
        .or(nudges::drop_reason.eq(DropReason::Paused).assume_not_null());
    let pleas = nudges::table
        .filter(nudges::recipient_id.eq(recipient))
        .filter(nudges::plea_id.is_not_null())
        .filter(nudges::device_id.is_null())
        .filter(nudges::expires_at.gt(now))
        .filter(nudges::expires_at.le(until))
        .filter(nudges::lease_until.is_null())
        .filter(nudges::attempts.eq(nudges::attempts_forgiven))
        .filter(kept);
    diesel::update(pleas)
        .set((
            nudges::send_at.eq(now),
            nudges::due_at.eq(now),
            nudges::state.eq(NudgeState::Waiting),
            nudges::drop_reason.eq(None::<DropReason>),
            nudges::finished_at.eq(None::<Ts>),
        ))
        .execute(db)
}

/// All nudges of some check-ins.
pub fn of_check_ins(db: &mut Db, check_ins: &[CheckInId]) -> QueryResult<Vec<NudgeRow>> {
    nudges::table
        .filter(nudges::check_in_id.eq_any(check_ins.iter().copied().map(Some)))
        .select(NudgeRow::as_select())
        .load(db)
}

/// The update that ends a claim.
#[derive(Clone, Debug, PartialEq, Eq, AsChangeset)]
#[diesel(table_name = nudges)]
pub struct Release {
    /// The new state.
    pub state: NudgeState,
    /// Why it was dropped.
    pub drop_reason: Option<Option<DropReason>>,
    /// The channel it went by, or goes by next.
    pub channel: Channel,
    /// When it is tried again, or went early; None: unchanged.
    pub send_at: Option<Ts>,
    /// When it is to go out; None: unchanged.
    pub due_at: Option<Ts>,
    /// Attempts that do not count; None: unchanged.
    pub attempts_forgiven: Option<i32>,
    /// The lanes that it waits for next; None: unchanged.
    pub lane: Option<String>,
    /// When it was finished.
    pub finished_at: Option<Option<Ts>>,
    /// Always cleared.
    pub leased_by: Option<Option<WorkerId>>,
    /// Always cleared.
    pub lease_until: Option<Option<Ts>>,
}

impl Release {
    /// Ends the claim and leaves the nudge waiting, for any worker to claim.
    pub fn unchanged(nudge: &NudgeRow) -> Self {
        Self {
            state: NudgeState::Waiting,
            drop_reason: Some(None),
            channel: nudge.channel,
            send_at: None,
            due_at: None,
            attempts_forgiven: None,
            lane: None,
            finished_at: Some(None),
            leased_by: Some(None),
            lease_until: Some(None),
        }
    }

    /// Tries again at `at`; the current attempt counts only if `counts`.
    pub fn again(nudge: &NudgeRow, at: Timestamp, counts: bool) -> Self {
        let forgiven = (!counts).then(|| nudge.attempts_forgiven + 1);
        Self { send_at: Some(at.into()), attempts_forgiven: forgiven, ..Self::unchanged(nudge) }
    }

    /// Moves the nudge to `at`; the current attempt does not count.
    pub fn moved(nudge: &NudgeRow, at: Timestamp) -> Self {
        Self { due_at: Some(at.into()), ..Self::again(nudge, at, false) }
    }

    /// Switches to mail from `now` on; no attempt so far counts.
    pub fn by_mail(nudge: &NudgeRow, now: Timestamp) -> Self {
        let (attempts_forgiven, lane) = (Some(nudge.attempts), Some(MAIL.to_owned()));
        Self { channel: Channel::Mail, attempts_forgiven, lane, ..Self::again(nudge, now, true) }
    }

    /// Drops the nudge; this attempt handed nothing to a provider and does not count.
    pub fn dropped(nudge: &NudgeRow, reason: DropReason, now: Ts) -> Self {
        let attempts_forgiven = Some(nudge.attempts_forgiven + 1);
        Self { attempts_forgiven, ..Self::finished(nudge, NudgeState::Dropped, Some(reason), now) }
    }

    /// Finishes the nudge in this state. One that went early, with another, has gone when it went.
    pub fn finished(nudge: &NudgeRow, state: NudgeState, reason: Option<DropReason>, now: Ts) -> Self {
        let went_early = state == NudgeState::Sent && now < nudge.send_at;
        let (drop_reason, finished_at) = (Some(reason), Some(Some(now)));
        Self { state, drop_reason, send_at: went_early.then_some(now), finished_at, ..Self::unchanged(nudge) }
    }
}

/// Ends the claims that still have this worker and this attempt (the fence, R15), and returns their ids. The other
/// nudges have lost the lease, and stay unchanged.
pub fn release(
    db: &mut Db,
    ids: &[NudgeId],
    worker: WorkerId,
    attempt: i32,
    change: &Release,
) -> QueryResult<Vec<NudgeId>> {
    let mine = nudges::table
        .filter(nudges::id.eq_any(ids))
        .filter(nudges::leased_by.eq(worker))
        .filter(nudges::attempts.eq(attempt))
        .filter(nudges::state.eq(NudgeState::Waiting));
    diesel::update(mine).set(change).returning(nudges::id).get_results(db)
}

/// Marks nudges as sent that were dropped during this attempt although a provider accepted them: a delivery is not
/// denied (R25), and counts (R22). The attempt alone is the fence, since every claim counts one more. Returns the
/// changed ids.
pub fn sent_after_all(
    db: &mut Db,
    ids: &[NudgeId],
    attempt: i32,
    change: &Release,
) -> QueryResult<Vec<NudgeId>> {
    let dropped = nudges::table
        .filter(nudges::id.eq_any(ids))
        .filter(nudges::attempts.eq(attempt))
        .filter(nudges::state.eq(NudgeState::Dropped));
    diesel::update(dropped).set(change).returning(nudges::id).get_results(db)
}

/// How often some nudges were claimed; deleted nudges are left out.
pub fn claims(db: &mut Db, of: &[NudgeId]) -> QueryResult<Vec<(NudgeId, i32)>> {
    nudges::table.filter(nudges::id.eq_any(of)).select((nudges::id, nudges::attempts)).load(db)
}

/// Saves copies for devices that still need the nudge. An existing copy stays as it is.
pub fn insert_stragglers(db: &mut Db, rows: &[NudgeRow]) -> QueryResult<usize> {
    if rows.is_empty() {
        return Ok(0);
    }
    on_both!(db, |c| diesel::insert_into(nudges::table).values(rows).on_conflict_do_nothing().execute(c))
}

/// Gives up the leases of a worker that stops.
pub fn give_back(db: &mut Db, worker: WorkerId) -> QueryResult<usize> {
    let held = nudges::table.filter(nudges::leased_by.eq(worker));
    diesel::update(held.filter(nudges::state.eq(NudgeState::Waiting)))
        .set((nudges::leased_by.eq(None::<WorkerId>), nudges::lease_until.eq(None::<Ts>)))
        .execute(db)
}

/// The nudges that were given up, the latest first. `only`: among these. `useful_after`: those that expire after it.
pub fn dead(
    db: &mut Db,
    only: Option<&[NudgeId]>,
    useful_after: Option<Ts>,
    most: i64,
) -> QueryResult<Vec<NudgeRow>> {
    let mut query = nudges::table
        .filter(nudges::state.eq(NudgeState::Dead))
        .order((nudges::finished_at.desc(), nudges::id.desc()))
        .limit(most)
        .select(NudgeRow::as_select())
        .into_boxed();
    if let Some(ids) = only {
        query = query.filter(nudges::id.eq_any(ids.to_vec()));
    }
    if let Some(at) = useful_after {
        query = query.filter(nudges::expires_at.gt(at));
    }
    query.load(db)
}

/// Has a nudge that was given up wait again. Returns the number of changed rows: 0 if another process was quicker.
pub fn revive(db: &mut Db, id: NudgeId, change: &Release) -> QueryResult<usize> {
    let dead = nudges::table.filter(nudges::id.eq(id)).filter(nudges::state.eq(NudgeState::Dead));
    diesel::update(dead).set(change).execute(db)
}

/// Deletes up to `most` nudges that were finished before `before`, the oldest first, with their attempts.
pub fn forget(db: &mut Db, before: Ts, most: i64) -> QueryResult<usize> {
    delete_first!(db, most, nudges: id as NudgeId, nudges::finished_at.lt(before), by finished_at)
}

/// Saves attempts.
pub fn insert_attempts(db: &mut Db, rows: &[AttemptRow]) -> QueryResult<usize> {
    if rows.is_empty() {
        return Ok(0);
    }
    on_both!(db, |c| diesel::insert_into(attempts::table).values(rows).execute(c))
}

/// The devices whose push service refused one of some nudges for good.
pub fn refused(db: &mut Db, of: &[NudgeId]) -> QueryResult<Vec<(NudgeId, DeviceId)>> {
    if of.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<(NudgeId, Option<DeviceId>)> = attempts::table
        .filter(attempts::nudge_id.eq_any(of))
        .filter(attempts::outcome.eq(AttemptOutcome::Refused))
        .filter(attempts::device_id.is_not_null())
        .select((attempts::nudge_id, attempts::device_id))
        .load(db)?;
    Ok(rows.into_iter().filter_map(|(nudge, device)| Some((nudge, device?))).collect())
}

/// The attempts of some nudges, the oldest first.
pub fn attempts(db: &mut Db, of: &[NudgeId]) -> QueryResult<Vec<AttemptRow>> {
    attempts::table
        .filter(attempts::nudge_id.eq_any(of))
        .order((attempts::finished_at.asc(), attempts::id.asc()))
        .select(AttemptRow::as_select())
        .load(db)
}

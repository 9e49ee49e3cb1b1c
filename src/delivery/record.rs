//! Recording: saves the results of hand-overs, if the claim still belongs to this worker (R14, R15).

use super::retry;
use crate::actions::accounts::account;
use crate::actions::nudges::claim::{Payload, Ready};
use crate::actions::nudges::device;
use crate::actions::{Fault, Transaction};
use crate::chance::Chance;
use crate::domain::hand_over::{Disposition, Handed, PUSH_PATIENCE, SendResult};
use crate::domain::lane::{MAIL, any_of};
use crate::domain::nudge::{AttemptOutcome, Channel, DropReason, NudgeState};
use crate::ids::{AttemptId, DeviceId, NudgeId, WorkerId};
use crate::store;
use crate::store::nudge::{AttemptRow, NudgeRow, Release};
use crate::store::types::Ts;
use jiff::{SignedDuration, Timestamp};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// A nudge whose hand-overs have all ended, with the results to record.
pub(super) struct Finished {
    pub(super) ready: Arc<Ready>,
    pub(super) results: Vec<(Option<DeviceId>, SendResult)>,
}

impl Finished {
    /// The lane of a target; None as device: it goes by mail.
    fn lane(&self, device: Option<DeviceId>) -> &str {
        match &self.ready.payload {
            Payload::Push { targets, .. } => {
                let target = targets.iter().find(|target| Some(target.device) == device);
                target.map_or("", |target| &target.lane)
            }
            Payload::Mail(_) => MAIL,
        }
    }

    /// The lanes of those that can be tried again by then.
    fn lane_at(&self, at: Timestamp, now: Timestamp) -> String {
        let again = self.results.iter().filter(|(_, result)| {
            matches!(result.outcome, None | Some(AttemptOutcome::Deferred))
                && result.wait.is_none_or(|wait| now + wait <= at)
        });
        any_of(again.map(|(device, _)| self.lane(*device)))
    }

    /// How long a device is left alone that is tried again at `at`: its push service answered, but not for good (R20).
    fn rest(&self, device: DeviceId, at: Timestamp, now: Timestamp) -> Option<(DeviceId, Ts)> {
        let (_, result) = self.results.iter().find(|(of, _)| *of == Some(device))?;
        let answered = result.outcome == Some(AttemptOutcome::Deferred) && result.code.is_some();
        let until = now + retry::rest(result.wait, at.duration_since(now));
        (answered && until > now).then(|| (device, until.into()))
    }
}

/// What was recorded, for the metrics.
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    /// For each accepted nudge, its channel and how long after its due time it was accepted.
    pub accepted: Vec<(Channel, SignedDuration)>,
    /// Nudges given up.
    pub dead: usize,
    /// Nudges held back without an attempt.
    pub put_off: usize,
    /// Leases lost to another claim.
    pub lost: usize,
}

/// Records the results of hand-overs. A result that comes after another worker's claim is refused: that worker sends
/// the nudge under the same Topic or Message-ID. If the nudge was dropped meanwhile, only an acceptance is recorded.
pub fn record(
    tx: &mut Transaction<'_>,
    worker: WorkerId,
    finished: &[Arc<Finished>],
) -> Result<Recorded, Fault> {
    let mut recorded = Recorded::default();
    // Nudges with the same release are saved in one statement.
    let mut alike: Vec<(i32, Release, Vec<NudgeId>)> = Vec::new();
    let mut stragglers = Vec::new();
    let mut rests: Vec<(DeviceId, Ts)> = Vec::new();
    for finished in finished {
        let nudge = &finished.ready.nudge;
        let (disposition, channel) = disposition(finished, tx.now);
        if let Disposition::Sent(devices) = &disposition {
            recorded.accepted.push((channel, tx.now.duration_since(nudge.due_at.get())));
            for (device, asked) in devices {
                let at = tx.now + retry::wait(1, *asked, tx.chance.fraction());
                let copy = nudge.straggler((*device, finished.lane(Some(*device))), at, tx.now, tx.chance);
                stragglers.push((nudge.id, copy));
                rests.extend(finished.rest(*device, at, tx.now));
            }
        }
        recorded.dead += usize::from(disposition == Disposition::Dead);
        recorded.put_off += usize::from(matches!(disposition, Disposition::Again { counts: false, .. }));
        // One wait for all of a message, so that they come together again.
        let release = |of: &NudgeRow, named: &Release| match of.id == nudge.id {
            true => named.clone(),
            false => {
                let own = release(of, channel, &disposition, tx.now, tx.chance);
                let waits = own.state == NudgeState::Waiting;
                let send_at = if waits { named.send_at } else { own.send_at };
                Release { send_at, lane: named.lane.clone().filter(|_| waits).or(own.lane.clone()), ..own }
            }
        };
        let mut named = self::release(nudge, channel, &disposition, tx.now, tx.chance);
        let at = named.send_at.map_or(tx.now, Ts::get);
        if let Disposition::Again { .. } = disposition {
            named.lane = Some(finished.lane_at(at, tx.now));
        }
        if !matches!(disposition, Disposition::Sent(_)) {
            let devices = finished.results.iter().filter_map(|(device, _)| *device);
            rests.extend(devices.filter_map(|device| finished.rest(device, at, tx.now)));
        }
        for of in finished.ready.nudges() {
            let release = release(of, &named);
            match alike.iter_mut().find(|(attempt, other, _)| *attempt == of.attempts && *other == release) {
                Some((_, _, ids)) => ids.push(of.id),
                None => alike.push((of.attempts, release, vec![of.id])),
            }
        }
    }
    // `ours`: this worker's claim still stands. `after_all`: accepted although dropped on the way; not sent again.
    let (mut ours, mut after_all) = (HashSet::new(), HashSet::new());
    for (attempt, release, ids) in alike {
        ours.extend(store::nudge::release(tx.db, &ids, worker, attempt, &release)?);
        let refused: Vec<NudgeId> = ids.into_iter().filter(|id| !ours.contains(id)).collect();
        if release.state == NudgeState::Sent && !refused.is_empty() {
            after_all.extend(store::nudge::sent_after_all(tx.db, &refused, attempt, &release)?);
        }
    }
    recorded.lost = lost(tx, finished, &ours)?;
    let copies = stragglers.into_iter().filter(|(of, _)| ours.contains(of)).map(|(_, copy)| copy);
    store::nudge::insert_stragglers(tx.db, &copies.collect::<Vec<_>>())?;
    let held = finished.iter().filter(|finished| {
        let id = finished.ready.nudge.id;
        ours.contains(&id) || after_all.contains(&id)
    });
    let attempts: Vec<AttemptRow> =
        held.map(|finished| attempts(tx, finished)).collect::<Result<Vec<_>, _>>()?.concat();
    store::nudge::insert_attempts(tx.db, &attempts)?;
    // Also of a lost claim: it was asked.
    rests.sort_unstable();
    for (device, until) in rests {
        store::device::rest(tx.db, device, until)?;
    }
    Ok(recorded)
}

/// How many results came too late because another claim took the nudge over. A nudge that was dropped, given back or
/// erased meanwhile does not count.
fn lost(
    tx: &mut Transaction<'_>,
    finished: &[Arc<Finished>],
    ours: &HashSet<NudgeId>,
) -> Result<usize, Fault> {
    let others: HashMap<NudgeId, i32> = finished
        .iter()
        .map(|finished| &finished.ready.nudge)
        .filter(|nudge| !ours.contains(&nudge.id))
        .map(|nudge| (nudge.id, nudge.attempts))
        .collect();
    if others.is_empty() {
        return Ok(0);
    }
    let ids: Vec<NudgeId> = others.keys().copied().collect();
    let claims = store::nudge::claims(tx.db, &ids)?;
    Ok(claims.iter().filter(|(id, claims)| others.get(id).is_some_and(|ours| claims > ours)).count())
}

fn disposition(finished: &Finished, now: Timestamp) -> (Disposition, Channel) {
    let Finished { ready, results } = finished;
    let channel = match ready.payload {
        Payload::Push { .. } => Channel::Push,
        Payload::Mail(_) => Channel::Mail,
    };
    let handed = Handed {
        channel,
        straggler: ready.nudge.device_id.is_some(),
        tries: ready.nudge.tries(),
        most_tries: ready.nudges().map(NudgeRow::tries).max().unwrap_or_default(),
        due_at: ready.nudge.due_at.get(),
        expires_at: ready.nudge.expires_at.get(),
        mail_possible: ready.mail_possible,
        refused_before: ready.refused_before,
        results,
    };
    (handed.disposition(now), channel)
}

fn release(
    nudge: &NudgeRow,
    channel: Channel,
    disposition: &Disposition,
    now: Timestamp,
    chance: &Chance,
) -> Release {
    let finished = |state, reason| Release { channel, ..Release::finished(nudge, state, reason, now.into()) };
    match disposition {
        Disposition::Sent(_) => finished(NudgeState::Sent, None),
        Disposition::Dead => finished(NudgeState::Dead, None),
        Disposition::Unreachable => finished(NudgeState::Dropped, Some(DropReason::Unreachable)),
        Disposition::ByMail => Release::by_mail(nudge, now),
        Disposition::Again { wait: Some(wait), counts: false } => {
            let again = Release::again(nudge, now + *wait, false);
            match wait.is_zero() {
                // It keeps its place in its lane. One that waited for a provider that is left alone, and cannot go by mail,
                // is looked at again after as long.
                true if now.duration_since(nudge.send_at.get()) < PUSH_PATIENCE => {
                    Release { send_at: None, ..again }
                }
                _ => again,
            }
        }
        Disposition::Again { wait, counts } => {
            let at = now + retry::wait(nudge.tries(), *wait, chance.fraction());
            Release { channel, ..Release::again(nudge, at, *counts) }
        }
    }
}

/// The attempts of a finished nudge; also ends devices and notes addresses that the provider reported gone.
fn attempts(tx: &mut Transaction<'_>, finished: &Finished) -> Result<Vec<AttemptRow>, Fault> {
    let nudge = &finished.ready.nudge;
    let now = tx.ts();
    let mut rows = Vec::with_capacity(finished.results.len());
    for (device, result) in &finished.results {
        let (Some(outcome), device) = (result.outcome, *device) else { continue };
        if outcome == AttemptOutcome::Gone {
            match (device, nudge.recipient_id) {
                (Some(device), owner) => device::end_gone(tx, device, owner)?,
                (None, Some(recipient)) => account::note_refusal(tx, recipient)?,
                (None, None) => {}
            }
        }
        rows.extend(finished.ready.nudges().map(|of| AttemptRow {
            id: AttemptId::at(tx.now, tx.chance),
            nudge_id: of.id,
            device_id: device,
            outcome,
            status_code: result.code,
            finished_at: now,
        }));
    }
    Ok(rows)
}

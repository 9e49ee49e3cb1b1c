//! Claiming due nudges: each is checked again, then readied for a sender, moved or dropped.

mod address_mail;
mod context;
mod decision;
mod messages;
pub(in crate::actions::nudges) mod plea;
mod reminder;

use crate::actions::{Fault, Transaction};
use crate::domain::hand_over::ATTEMPTS_MAX;
use crate::domain::lane::Sharing;
use crate::domain::nudge::{About, Channel, DropReason, NudgeState};
use crate::domain::together::QUESTIONS_WITHIN;
use crate::ids::{AccountId, NudgeId, WorkerId, distinct};
use crate::store;
use crate::store::claim::Claims;
use crate::store::nudge::{NudgeRow, Release};
use crate::store::types::Ts;
use context::{ClaimContext, LONGEST_DAY};
use decision::{ClaimDecision, Prepared};
use jiff::SignedDuration;
use messages::{arrange, in_order};
use std::collections::BTreeMap;

pub use decision::{Mailing, Payload, Ready, Target};

/// How long a nudge that cannot be read waits before its next try.
const UNREADABLE_WAIT: SignedDuration = SignedDuration::from_mins(10);

/// Claims due nudges, of each lane its share (R23), and checks them again in the same transaction (R16): `ready` may be sent, the rest was
/// moved or dropped. What is due for the same people and what goes out early with it is claimed as well (R22).
///
/// # Errors
/// A database fault rolls the whole claim back; a single nudge that cannot be read only waits.
pub fn claim(
    tx: &mut Transaction<'_>,
    worker: WorkerId,
    lease: SignedDuration,
    sharing: &mut Sharing,
) -> Result<Claimed, Fault> {
    let (lease, now) = (tx.lease_times(lease)?, tx.ts());
    let until = lease.until;
    let Claims { mut rows, short } = store::claim(tx.db, worker, now, lease, sharing)?;
    rows.sort_by_key(|row| (row.send_at, row.id));
    let claimed: Vec<NudgeId> = rows.iter().map(|row| row.id).collect();
    let recipients = distinct(rows.iter().filter_map(|row| row.recipient_id));
    let coming = store::day::coming(tx.db, &recipients, now, (tx.now + LONGEST_DAY).into())?;
    let near: Ts = (tx.now + QUESTIONS_WITHIN).into();
    // What is due and was not claimed waits for a lane that is full: nothing waits for it, or takes it along.
    let soon = coming.iter().filter(|row| row.send_at > now && row.send_at <= near);
    let soon: Vec<NudgeRow> = soon.cloned().collect();
    // One unreadable row must not block the others: without a common context, each is loaded on its own.
    let loaded = ClaimContext::load(tx, &[rows.as_slice(), &soon].concat(), &claimed);
    let together = readable(loaded)?.ok().map(|context| context.with_coming(coming));
    let result = Claimed { total: rows.len(), short, ..Claimed::default() };
    let mut claim = Claim { worker, until, result };
    let mut due: BTreeMap<AccountId, Vec<(NudgeRow, Channel)>> = BTreeMap::new();
    for row in rows {
        let decision = if row.tries() > ATTEMPTS_MAX {
            spent(tx, &row, &claimed, together.as_ref())
        } else {
            decide(tx, &row, &claimed, together.as_ref())
        };
        match readable(decision)?.unwrap_or_else(|cause| unreadable(tx, &row, &cause)) {
            ClaimDecision::Send(prepared) => claim.send(tx, vec![row], prepared)?,
            ClaimDecision::End(release) => claim.end(tx, &row, &release)?,
            ClaimDecision::Remind(channel) => match (&together, row.recipient_id) {
                // The copy for one device was arranged, when the other devices took it.
                (Some(_), Some(recipient)) if row.device_id.is_none() => {
                    due.entry(recipient).or_default().push((row, channel));
                }
                (Some(context), _) => claim.remind(tx, context, vec![row], channel)?,
                (None, _) => {
                    let context = ClaimContext::load(tx, std::slice::from_ref(&row), &claimed)?;
                    claim.remind(tx, &context, vec![row], channel)?;
                }
            },
        }
    }
    let Some(context) = together else { return Ok(claim.result) };
    for (recipient, due) in due {
        let arranged = arrange(tx, &context, recipient, due, &soon)?;
        for (row, release) in arranged.ended {
            claim.end(tx, &row, &release)?;
        }
        for message in arranged.messages {
            let early: Vec<NudgeId> = message.early.iter().map(|row| row.id).collect();
            let early = store::claim_these(tx.db, worker, near, lease, &early)?;
            claim.remind(tx, &context, message.due.into_iter().chain(early).collect(), message.channel)?;
        }
    }
    Ok(claim.result)
}

/// One worker's claim, while its nudges are decided about.
struct Claim {
    worker: WorkerId,
    until: Ts,
    result: Claimed,
}

impl Claim {
    /// Ends the claim of one nudge.
    fn end(&mut self, tx: &mut Transaction<'_>, row: &NudgeRow, release: &Release) -> Result<(), Fault> {
        self.result.dead += usize::from(release.state == NudgeState::Dead);
        self.result.moved += usize::from(release.due_at.is_some());
        store::nudge::release(tx.db, &[row.id], self.worker, row.attempts, release)?;
        Ok(())
    }

    /// Prepares claimed reminders as one message. One that cannot be read waits, and with it what was to come with it.
    fn remind(
        &mut self,
        tx: &mut Transaction<'_>,
        context: &ClaimContext,
        rows: Vec<NudgeRow>,
        channel: Channel,
    ) -> Result<(), Fault> {
        let mut rows = in_order(rows);
        if let [first, _, ..] = rows.as_slice() {
            let key = first.shown_key().to_owned();
            let ids: Vec<NudgeId> = rows.iter().map(|row| row.id).collect();
            store::message::join(tx.db, &ids, Some(&key))?;
            rows.iter_mut().for_each(|row| row.message_key = Some(key.clone()));
        }
        if let [alone] = rows.as_mut_slice()
            && let (Some(key), None) = (alone.message_key.clone(), alone.device_id)
            && key != alone.key
        {
            // It was to go with another one, and goes alone: under its own name, unless this repeats what they went out as.
            let first = alone.tries() <= 1;
            if first || store::message::state_of(tx.db, &key)? == Some(NudgeState::Sent) {
                store::message::join(tx.db, &[alone.id], None)?;
                alone.message_key = None;
            }
        }
        match readable(reminder::prepare(tx, context, &rows, channel))? {
            Ok(prepared) => self.send(tx, rows, prepared),
            Err(cause) => {
                for row in &rows {
                    if let ClaimDecision::End(release) = unreadable(tx, row, &cause) {
                        self.end(tx, row, &release)?;
                    }
                }
                Ok(())
            }
        }
    }

    fn send(
        &mut self,
        tx: &mut Transaction<'_>,
        mut rows: Vec<NudgeRow>,
        Prepared { payload, mail_possible, refused_before, links }: Prepared,
    ) -> Result<(), Fault> {
        store::page_token::keep(tx.db, &links)?;
        // A claim that was taken early has the same lease.
        rows.iter_mut().for_each(|row| row.lease_until = Some(self.until));
        let mut rows = rows.into_iter();
        let Some(nudge) = rows.next() else { return Ok(()) };
        let with = rows.collect();
        self.result.ready.push(Ready { nudge, with, payload, mail_possible, refused_before });
        Ok(())
    }
}

/// The result of a claim.
#[derive(Default)]
pub struct Claimed {
    /// How many nudges were due.
    pub total: usize,
    /// The lanes in which less was free than their share.
    pub short: Vec<String>,
    /// Nudges to send now.
    pub ready: Vec<Ready>,
    /// How many became dead.
    pub dead: usize,
    /// How many were moved to a later time.
    pub moved: usize,
}

/// Tells an unreadable row (inner error) from a failing database (outer error); only the latter ends the whole claim.
fn readable<T>(result: Result<T, Fault>) -> Result<Result<T, Fault>, Fault> {
    match result {
        Err(fault @ (Fault::Vault(_) | Fault::Inconsistent(_))) => Ok(Err(fault)),
        Err(fault) => Err(fault),
        Ok(value) => Ok(Ok(value)),
    }
}

/// Retries an unreadable nudge later, because the operator may restore the right key; after the last attempt
/// it is dead.
fn unreadable(tx: &Transaction<'_>, row: &NudgeRow, cause: &Fault) -> ClaimDecision {
    tracing::error!(nudge = %row.id, %cause, "a nudge cannot be read");
    ClaimDecision::End(if row.tries() >= ATTEMPTS_MAX {
        Release::finished(row, NudgeState::Dead, None, tx.ts())
    } else {
        Release::again(row, tx.now + UNREADABLE_WAIT, true)
    })
}

/// A nudge whose attempts were exhausted by a worker that crashed. A push goes by mail if possible, as after that many
/// failed pushes (R20); otherwise it is dead. Nothing is decrypted: that may be what crashes the workers.
fn spent(
    tx: &mut Transaction<'_>,
    row: &NudgeRow,
    claimed: &[NudgeId],
    together: Option<&ClaimContext>,
) -> Result<ClaimDecision, Fault> {
    let mail_possible = match (row.channel, together) {
        (Channel::Mail, _) => false,
        (Channel::Push, Some(context)) => context.mail_possible(row),
        (Channel::Push, None) => {
            ClaimContext::load(tx, std::slice::from_ref(row), claimed)?.mail_possible(row)
        }
    };
    Ok(ClaimDecision::End(if mail_possible {
        Release::by_mail(row, tx.now)
    } else {
        Release::finished(row, NudgeState::Dead, None, tx.ts())
    }))
}

fn decide(
    tx: &mut Transaction<'_>,
    row: &NudgeRow,
    claimed: &[NudgeId],
    together: Option<&ClaimContext>,
) -> Result<ClaimDecision, Fault> {
    match row.about() {
        Some(About::CheckIn(_, _, reason)) => match together {
            Some(context) => Ok(reminder::decide(tx, context, row, reason)),
            None => {
                let context = ClaimContext::load(tx, std::slice::from_ref(row), claimed)?;
                Ok(reminder::decide(tx, &context, row, reason))
            }
        },
        Some(About::Plea(id)) => plea::decide(tx, row, id),
        Some(About::Address(request, purpose)) => address_mail::decide(tx, row, (request, purpose)),
        None => Ok(ClaimDecision::drop(row, DropReason::Expired, tx.ts())),
    }
}

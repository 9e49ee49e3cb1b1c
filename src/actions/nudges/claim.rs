//! Claiming due nudges: each is checked again, then readied for a sender, moved or dropped.

mod address_mail;
mod context;
mod decision;
mod reminder;

use crate::actions::{Fault, Transaction};
use crate::domain::hand_over::ATTEMPTS_MAX;
use crate::domain::nudge::{About, Channel, DropReason, NudgeState};
use crate::ids::{AccountId, NudgeId, WorkerId};
use crate::store;
use crate::store::nudge::{NudgeRow, Release};
use context::ClaimContext;
use decision::ClaimDecision;
use jiff::SignedDuration;
use std::collections::HashMap;

pub use decision::{Mailing, Payload, Ready, Target};

/// How long a nudge that cannot be read waits before its next try.
const UNREADABLE_WAIT: SignedDuration = SignedDuration::from_mins(10);

/// Claims due nudges and checks them again in the same transaction (R16): `ready` may be sent, the rest was
/// moved or dropped.
///
/// # Errors
/// A database fault rolls the whole claim back; a single nudge that cannot be read only waits.
pub fn claim(
    tx: &mut Transaction<'_>,
    worker: WorkerId,
    lease: SignedDuration,
    most: i64,
) -> Result<Claimed, Fault> {
    let until = (tx.now + lease).into();
    let now = tx.ts();
    let mut rows = store::claim(tx.db, worker, now, until, most)?;
    rows.sort_by_key(|row| (row.send_at, row.id));
    let total = rows.len();
    let claimed: Vec<NudgeId> = rows.iter().map(|row| row.id).collect();
    // One unreadable row must not block the others: without a common context, each is loaded on its own.
    let together = readable(ClaimContext::load(tx, &rows, &claimed))?.ok();
    let (mut ready, mut tokens, mut dead, mut moved) = (Vec::new(), Vec::new(), 0, 0);
    let mut today: HashMap<AccountId, i64> = HashMap::new();
    for row in rows {
        let decision = if row.tries() > ATTEMPTS_MAX {
            spent(tx, &row, &claimed, together.as_ref())
        } else {
            decide(tx, &row, &claimed, together.as_ref(), &today)
        };
        match readable(decision)?.unwrap_or_else(|cause| unreadable(tx, &row, &cause)) {
            ClaimDecision::Send { payload, mail_possible, refused_before, links } => {
                if let Some(recipient) = row.recipient_id {
                    *today.entry(recipient).or_default() += i64::from(row.device_id.is_none());
                }
                tokens.extend(links);
                ready.push(Ready { nudge: row, payload, mail_possible, refused_before });
            }
            ClaimDecision::End(release) => {
                dead += usize::from(release.state == NudgeState::Dead);
                moved += usize::from(release.due_at.is_some());
                store::nudge::release(tx.db, &[row.id], worker, row.attempts, &release)?;
            }
        }
    }
    store::page_token::keep(tx.db, &tokens)?;
    Ok(Claimed { total, ready, dead, moved })
}

/// The result of a claim.
pub struct Claimed {
    /// How many nudges were due.
    pub total: usize,
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
    today: &HashMap<AccountId, i64>,
) -> Result<ClaimDecision, Fault> {
    match row.about() {
        Some(About::CheckIn(_, _, reason)) => match together {
            Some(context) => reminder::decide(tx, context, (row, reason), today),
            None => {
                let context = ClaimContext::load(tx, std::slice::from_ref(row), claimed)?;
                reminder::decide(tx, &context, (row, reason), today)
            }
        },
        Some(About::Address(request, purpose)) => address_mail::decide(tx, row, (request, purpose)),
        None => Ok(ClaimDecision::drop(row, DropReason::Expired, tx.ts())),
    }
}

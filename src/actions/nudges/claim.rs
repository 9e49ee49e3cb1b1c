//! Nudges whose time has come: claimed, checked again, and either readied for a sender, moved or dropped.

mod address_mail;
mod context;
mod decision;
mod reminder;

use crate::actions::nudges::planning;
use crate::actions::{Fault, Transaction};
use crate::domain::hand_over::ATTEMPTS_MAX;
use crate::domain::nudge::{About, Channel, DropReason, NudgeState, Rung};
use crate::ids::{AccountId, NudgeId, WorkerId};
use crate::store;
use crate::store::nudge::{NudgeRow, Release};
use context::ClaimContext;
use decision::ClaimDecision;
use jiff::SignedDuration;
use std::collections::HashMap;

pub use decision::{Mailing, Payload, Ready};

/// How long a nudge that cannot be read waits.
const UNREADABLE_WAIT: SignedDuration = SignedDuration::from_mins(10);

/// Claims what is due and judges it in the same transaction (R16): what comes back may be sent; the rest was
/// moved or dropped.
///
/// # Errors
/// A fault of the database leaves everything unclaimed; one nudge that cannot be read is put off by itself.
pub fn claim(
    tx: &mut Transaction<'_>,
    worker: WorkerId,
    lease: SignedDuration,
    most: i64,
) -> Result<Claimed, Fault> {
    let until = (tx.now + lease).into();
    let now = tx.ts();
    let mut rows = store::dialect::claim(tx.db, worker, now, until, most)?;
    rows.sort_by_key(|row| (row.send_at, row.id));
    let total = rows.len();
    let claimed: Vec<NudgeId> = rows.iter().map(|row| row.id).collect();
    // One row that cannot be read must not keep the others waiting: then each is looked at by itself.
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
                if let (Some(Some(DropReason::Paused)), Some(check_in)) =
                    (release.drop_reason, row.check_in_id)
                    && row.kind.rung().is_some_and(Rung::is_question)
                {
                    // Who is paused is not asked later either, and nobody is told that they did not answer.
                    planning::stop(tx, &[check_in], planning::SUBJECTS_LADDER, DropReason::Paused)?;
                }
            }
        }
    }
    store::page_token::keep(tx.db, &tokens)?;
    Ok(Claimed { total, ready, dead, moved })
}

/// What a claim came to.
pub struct Claimed {
    /// How many nudges were due.
    pub total: usize,
    /// Those that may go out.
    pub ready: Vec<Ready>,
    /// How many were given up.
    pub dead: usize,
    /// How many are to go out later than they were.
    pub moved: usize,
}

/// Tells a row that cannot be read from a database that does not work: only the latter ends the whole claim.
fn readable<T>(result: Result<T, Fault>) -> Result<Result<T, Fault>, Fault> {
    match result {
        Err(fault @ (Fault::Vault(_) | Fault::Inconsistent(_))) => Ok(Err(fault)),
        Err(fault) => Err(fault),
        Ok(value) => Ok(Ok(value)),
    }
}

/// What becomes of a nudge whose surroundings cannot be read: it is tried again later, since the operator may put
/// the right key back, and kept as dead in the end.
fn unreadable(tx: &Transaction<'_>, row: &NudgeRow, cause: &Fault) -> ClaimDecision {
    tracing::error!(nudge = %row.id, %cause, "a nudge cannot be read");
    ClaimDecision::End(if row.tries() >= ATTEMPTS_MAX {
        Release::finished(row, NudgeState::Dead, None, tx.ts())
    } else {
        Release::again(row, tx.now + UNREADABLE_WAIT, true)
    })
}

/// What becomes of a nudge whose last claim spent its attempts and did not live to say what became of it: a push goes
/// by mail where one is possible, as it does after as many answers of a push service (R20); the rest is given up.
/// Nothing sealed is opened for it, since that may be what ends every worker that touches it.
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

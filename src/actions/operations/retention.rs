//! Retention: deletes data whose retention period is over.

use crate::actions::auth::session::COPIES_SHOWN;
use crate::actions::{AppContext, Fault, KEY_LIFE, Transaction};
use crate::auth::tokens::SESSION_LIFE;
use crate::domain::change::{self, ChangeKind};
use crate::domain::retention::Keep;
use crate::ids::SceneId;
use crate::store;
use crate::store::types::Ts;
use jiff::SignedDuration;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long an address request is kept after its link stopped working.
const REQUESTS_KEPT: SignedDuration = SignedDuration::from_hours(24);
/// How long changes are kept after no cursor can reach them: reads that began before then have ended.
const CHANGES_KEPT: SignedDuration = SignedDuration::from_hours(24);
/// How long an invitation that nobody accepted is kept after its code stopped working, so that the inviter sees that it did.
const INVITATIONS_KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How long a session is kept after it ended: for as long as the person sees that it was copied.
const SESSIONS_KEPT: SignedDuration = COPIES_SHOWN;

/// Rows per transaction: few, so that others do not wait.
const BATCH: u16 = 500;
/// The same for what takes many rows along.
const LARGE_BATCH: u16 = 25;
/// A sweep begins no other batch after so long, so that what has piled up is not deleted at one go.
const AT_MOST: Duration = Duration::from_secs(30);

/// One kind of what is forgotten, or ends by itself.
struct Kind {
    /// How long it is kept, from the instant by which it is found.
    kept: SignedDuration,
    /// Rows per transaction.
    batch: u16,
    /// Takes up to so many rows that are older, the oldest first, and says how many it took.
    take: fn(&mut Transaction<'_>, Ts, i64) -> Result<usize, Fault>,
}

/// Everything that is forgotten, or ends by itself.
fn kinds(keep: Keep) -> Vec<Kind> {
    const UNTIL_THEN: SignedDuration = SignedDuration::ZERO;
    let small = |kept, take| Kind { kept, batch: BATCH, take };
    let mut kinds = vec![
        small(KEY_LIFE, |tx, before, most| Ok(store::idempotency::forget(tx.db, before, most)?)),
        small(UNTIL_THEN, |tx, now, most| Ok(store::idempotency::forget_secrets(tx.db, now, most)?)),
        small(REQUESTS_KEPT, |tx, before, most| Ok(store::address_request::forget(tx.db, before, most)?)),
        small(UNTIL_THEN, |tx, now, most| Ok(store::page_token::forget(tx.db, now, most)?)),
        small(SESSION_LIFE, |tx, since, most| Ok(store::session::end_old(tx.db, since, most, tx.ts())?)),
        small(UNTIL_THEN, |tx, now, most| Ok(store::session::forget_tokens(tx.db, now, most)?)),
        small(SESSIONS_KEPT, |tx, before, most| Ok(store::session::forget(tx.db, before, most)?)),
        small(UNTIL_THEN, |tx, now, most| Ok(store::log_in_challenge::forget(tx.db, now, most)?)),
        small(UNTIL_THEN, |tx, now, most| Ok(store::passkey::forget_ceremonies(tx.db, now, most)?)),
        small(INVITATIONS_KEPT, forget_invitations),
        small(change::KEPT + CHANGES_KEPT, |tx, before, most| {
            Ok(store::change::forget(tx.db, before, most)?)
        }),
        small(keep.nudges, |tx, before, most| Ok(store::plea::forget(tx.db, before, most)?)),
        small(keep.nudges, |tx, before, most| Ok(store::nudge::forget(tx.db, before, most)?)),
        // Their nudges and attempts are told of no longer.
        small(keep.nudges, |tx, before, most| Ok(store::device::forget(tx.db, before, most)?)),
    ];
    if let Some(kept) = keep.scenes {
        let large = |take| Kind { kept, batch: LARGE_BATCH, take };
        kinds.push(large(|tx, before, most| {
            let old = store::scene::ended_before(tx.db, before, most)?;
            forget_scenes(tx, &old)
        }));
        kinds.push(large(|tx, before, most| {
            let old = store::scene::never_begun_before(tx.db, before, most)?;
            forget_scenes(tx, &old)
        }));
    }
    kinds
}

/// Deletes scenes and tells their people, so that no device keeps what the service does not.
fn forget_scenes(tx: &mut Transaction<'_>, which: &[SceneId]) -> Result<usize, Fault> {
    for member in store::scene::members(tx.db, which)? {
        tx.tell(&[member.account_id], ChangeKind::SceneChanged, member.scene_id);
    }
    Ok(store::scene::delete(tx.db, which)?)
}

/// The same for invitations that nobody accepted.
fn forget_invitations(tx: &mut Transaction<'_>, before: Ts, most: i64) -> Result<usize, Fault> {
    let old = store::partner_link::unaccepted_before(tx.db, before, most)?;
    for member in store::partner_link::members(tx.db, &old)? {
        tx.tell(&[member.account_id], ChangeKind::LinkChanged, member.link_id);
    }
    Ok(store::partner_link::delete(tx.db, &old)?)
}

/// Ends sessions that nobody can refresh any more, and deletes what its time is over: by rule, or by the operator's retention
/// periods. It goes from kind to kind, a batch of each in a transaction of its own, so that no kind waits for another one's
/// heap. Does nothing while the time is doubted (R38). Returns whether nothing is left: it stops after a while.
///
/// # Errors
/// The last database fault. It keeps no other kind from being forgotten, and what was deleted stays deleted.
pub async fn sweep(context: &Arc<AppContext>) -> Result<bool, Fault> {
    context.time_guard.look_again();
    let (mut left, mut fault, began) = (kinds(context.keep), None, Instant::now());
    while !left.is_empty() {
        let mut more = Vec::new();
        for kind in left {
            if began.elapsed() >= AT_MOST {
                return fault.map_or(Ok(false), Err);
            }
            let Kind { kept, batch, take } = kind;
            match context.timed_tx(move |tx| take(tx, (tx.now - kept).into(), batch.into())).await {
                Ok(None) => return fault.map_or(Ok(true), Err),
                Ok(Some(taken)) if taken >= usize::from(batch) => more.push(kind),
                Ok(Some(_)) => {}
                Err(error) => fault = Some(error),
            }
        }
        left = more;
    }
    fault.map_or(Ok(true), Err)
}

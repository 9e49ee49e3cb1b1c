//! Retention: deletes data whose retention period is over.

use crate::actions::auth::session::COPIES_SHOWN;
use crate::actions::{AppContext, Fault, KEY_LIFE};
use crate::auth::tokens::SESSION_LIFE;
use crate::domain::change;
use crate::store;
use crate::store::types::Ts;
use diesel::QueryResult;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

/// How long an address request is kept after its link stopped working.
const REQUESTS_KEPT: SignedDuration = SignedDuration::from_hours(24);
/// Rows deleted per transaction: few, so that others do not wait.
const BATCH: i64 = 500;
/// How long changes are kept after no cursor can reach them: reads that began before then have ended.
const CHANGES_KEPT: SignedDuration = SignedDuration::from_hours(24);

/// How long a session is kept after it ended: for as long as the person sees that it was copied.
const SESSIONS_KEPT: SignedDuration = COPIES_SHOWN;

/// Ends sessions that nobody can refresh any more. Deletes expired idempotency keys, address requests, page tokens, refresh
/// tokens, log-in challenges and passkey ceremonies, sessions that ended long ago, changes that no cursor can
/// reach, and pleas, nudges and scenes by the operator's retention periods. Does nothing while the time is doubted (R38).
pub async fn sweep(context: &Arc<AppContext>) -> Result<(), Fault> {
    context.time_guard.look_again();
    let swept = context
        .timed_tx(|tx| {
            let now = tx.now;
            let db = &mut *tx.db;
            store::idempotency::forget(db, (now - KEY_LIFE).into(), now.into())?;
            store::address_request::forget(db, (now - REQUESTS_KEPT).into())?;
            store::page_token::forget(db, now.into())?;
            store::session::end_expired(db, now.into(), (now - SESSION_LIFE).into())?;
            store::session::forget(db, now.into(), (now - SESSIONS_KEPT).into())?;
            store::log_in_challenge::forget(db, now.into())?;
            store::passkey::forget_ceremonies(db, now.into())?;
            Ok(now)
        })
        .await?;
    let Some(now) = swept else { return Ok(()) };
    forget(context, now - change::KEPT - CHANGES_KEPT, store::change::forget).await?;
    forget(context, now - context.keep.nudges, store::plea::forget).await?;
    forget(context, now - context.keep.nudges, store::nudge::forget).await?;
    match context.keep.scenes {
        Some(kept) => forget(context, now - kept, store::scene::forget).await,
        None => Ok(()),
    }
}

/// Deletes what is older than `before`, batch by batch.
async fn forget(
    context: &Arc<AppContext>,
    before: Timestamp,
    batch: fn(&mut store::Db, Ts, i64) -> QueryResult<usize>,
) -> Result<(), Fault> {
    loop {
        let forgotten =
            context.timed_tx(move |tx| Ok(batch(tx.db, before.into(), BATCH)?)).await?.unwrap_or(0);
        if i64::try_from(forgotten).unwrap_or(0) < BATCH {
            return Ok(());
        }
    }
}

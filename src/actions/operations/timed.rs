//! The guard of the time: what the clock decides is done only while all clocks agree (R38).

use crate::actions::{AppContext, Fault, Transaction};
use crate::clock::Clock;
use crate::domain::clock_doubt::{Doubt, Readings, ahead};
use crate::store;
use jiff::SignedDuration;
use std::sync::Arc;

/// Nudges revived per transaction.
const REVIVED_MOST: i64 = 500;
/// A nudge that was finished so much later than now was finished by a wrong clock, not by another worker's.
const LATER: SignedDuration = SignedDuration::from_mins(1);

/// Reads all clocks. The database's is asked for as part of the transaction.
fn readings(tx: &mut Transaction<'_>, clock: &Clock) -> Result<Readings, Fault> {
    let before = clock.now();
    let database = tx.database_clock()?;
    let (wall, boot) = (clock.now(), clock.boot());
    Ok(Readings { wall, boot, database: database.map(|other| ahead(other, before, wall)) })
}

/// Judges the clocks inside a transaction of the worker. While they agree, the transaction's time is the wall clock's of this
/// moment, and what a wrong clock ended is revived. While they do not, it is the time by the boot-time clock, as far as that
/// is known, so that what has been sent already is recorded under the right time.
///
/// # Errors
/// A database fault.
pub fn judge(context: &AppContext, tx: &mut Transaction<'_>) -> Result<Result<(), Doubt>, Fault> {
    let (clock, guard) = (&context.clock, &context.time_guard);
    let now = readings(tx, clock)?;
    let mark = if guard.has_begun() { None } else { store::clock_mark::find(tx.db)? };
    let judgement = guard.judge(&now, clock.boot_id(), mark.as_ref());
    context.metrics.clock_doubted(judgement.agree.is_err());
    tx.now = if judgement.agree.is_ok() { now.wall } else { judgement.reckoned.unwrap_or(tx.now) };
    if let Some(mark) = judgement.mark {
        store::clock_mark::save(tx.db, &mark)?;
        guard.marked(now.boot);
    }
    if judgement.revive {
        let later = (tx.now + LATER).into();
        let revived = store::clock_mark::revive(tx.db, tx.now.into(), later, REVIVED_MOST)?;
        if revived > 0 {
            tracing::warn!(nudges = revived, "a wrong clock had ended them; they wait again");
        }
        guard.revived(i64::try_from(revived).is_ok_and(|it| it >= REVIVED_MOST));
    }
    Ok(judgement.agree)
}

impl AppContext {
    /// As [`AppContext::worker_tx`], for what the clock decides: nothing is done while the time is doubted.
    ///
    /// # Errors
    /// The closure's; nothing is saved then.
    pub async fn timed_tx<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&mut Transaction<'_>) -> Result<T, Fault> + Clone + Send + 'static,
    ) -> Result<Option<T>, Fault> {
        let context = Arc::clone(self);
        self.worker_tx(move |tx| match judge(&context, tx)? {
            Ok(()) => work(tx).map(Some),
            Err(_) => Ok(None),
        })
        .await
    }
}

//! The guard of the time: what the clock decides is done only while all clocks agree (R38).

use crate::actions::{AppContext, Fault, Transaction};
use crate::clock::Clock;
use crate::domain::clock_doubt::{ClockWatch, Doubt, Grace, Mark, Readings, Trusted, ahead};
use crate::store;
use crate::store::checkup::server_clock;
use jiff::{SignedDuration, Timestamp};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How often the moment at which the clocks agreed is saved.
const MARK_EVERY: SignedDuration = SignedDuration::from_mins(1);
/// Nudges revived per transaction.
const REVIVED_MOST: i64 = 500;
/// A nudge that was finished so much later than now was finished by a wrong clock, not by another worker's.
const LATER: SignedDuration = SignedDuration::from_mins(1);

/// What this process knows about its clocks; one per process.
#[derive(Debug, Default)]
pub struct TimeGuard(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    watch: Option<ClockWatch>,
    doubt: Option<Doubt>,
    /// When the mark was last saved, by the boot-time clock.
    marked: Option<SignedDuration>,
    /// Whether there may be nudges that a wrong clock ended. True at the start: it may have been another process's.
    unlike: bool,
    begun: bool,
}

impl TimeGuard {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why the time was doubted when it was last judged.
    pub fn doubt(&self) -> Option<Doubt> {
        self.known().doubt
    }

    /// Has the next judgement look for nudges that a wrong clock ended: another process may have had one.
    pub fn look_again(&self) {
        self.known().unlike = true;
    }

    /// How long all clocks have agreed, as far as this process saw.
    pub fn agreed_for(&self, clock: &Clock) -> SignedDuration {
        self.known().watch.map_or(SignedDuration::ZERO, |watch| watch.agreed_for(clock.boot()))
    }

    /// Whether a grace has passed at `now`, an instant at which the time was judged.
    pub fn is_over(&self, grace: &Grace<'_>, now: Timestamp, clock: &Clock) -> bool {
        let (boot, boot_id) = (clock.boot(), clock.boot_id());
        let advance = self.known().watch.map_or(SignedDuration::ZERO, |watch| watch.advance());
        let (boot, agreed_for) = ((boot_id.as_str(), boot), self.agreed_for(clock));
        grace.has_passed(&Trusted { wall: now, boot, agreed_for, advance })
    }
}

/// Reads all clocks. The database's is asked for as part of the transaction.
fn readings(tx: &mut Transaction<'_>, clock: &Clock) -> Result<Readings, Fault> {
    let before = clock.now();
    let read = server_clock(tx.db)?.map(jiff::Timestamp::from);
    let database = clock.database(read);
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
    let clock = &context.clock;
    let now = readings(tx, clock)?;
    let boot_id = clock.boot_id();
    let mark =
        if context.time_guard.known().watch.is_none() { store::clock_mark::find(tx.db)? } else { None };
    let (judged, reckoned, save, revive) = {
        let mut known = context.time_guard.known();
        let watch = known.watch.get_or_insert_with(|| ClockWatch::begin(&now, &boot_id, mark.as_ref()));
        let judged = watch.judge(&now);
        let (reckoned, advance) = (watch.reckoned(now.boot), watch.advance());
        known.tell(judged);
        context.metrics.clock_doubted(judged.is_err());
        let save = judged.is_ok() && known.marked.is_none_or(|at| (now.boot - at).abs() >= MARK_EVERY);
        let mark = Mark { wall: now.wall, boot_id, boot: now.boot, advance };
        (judged, reckoned, save.then_some(mark), judged.is_ok() && known.unlike)
    };
    tx.now = if judged.is_ok() { now.wall } else { reckoned.unwrap_or(tx.now) };
    if let Some(mark) = save {
        store::clock_mark::save(tx.db, &mark)?;
        context.time_guard.known().marked = Some(now.boot);
    }
    if revive {
        let later = (tx.now + LATER).into();
        let revived = store::clock_mark::revive(tx.db, tx.now.into(), later, REVIVED_MOST)?;
        if revived > 0 {
            tracing::warn!(nudges = revived, "a wrong clock had ended them; they wait again");
        }
        context.time_guard.known().unlike = i64::try_from(revived).is_ok_and(|it| it >= REVIVED_MOST);
    }
    Ok(judged)
}

impl Known {
    /// Notes what was found, and logs when it changes.
    fn tell(&mut self, judged: Result<(), Doubt>) {
        let first = !std::mem::replace(&mut self.begun, true);
        match (self.doubt, judged) {
            (None, Err(doubt)) => {
                tracing::error!("the time is doubted, and nothing is sent, ended or erased: {doubt}");
            }
            (Some(_), Ok(())) => tracing::warn!("the clocks agree again; everything goes on"),
            _ => {}
        }
        self.unlike |= first || (self.doubt.is_some() && judged.is_ok());
        self.doubt = judged.err();
    }
}

impl AppContext {
    /// As [`AppContext::worker_tx`], for what the clock decides: nothing is done while the time is doubted.
    ///
    /// # Errors
    /// The closure's; nothing is saved then.
    pub async fn timed_tx<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&mut Transaction<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<Option<T>, Fault> {
        let context = Arc::clone(self);
        self.worker_tx(move |tx| match judge(&context, tx)? {
            Ok(()) => work(tx).map(Some),
            Err(_) => Ok(None),
        })
        .await
    }
}

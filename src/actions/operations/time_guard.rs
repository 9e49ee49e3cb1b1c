//! What this process knows about its clocks (R38).

use crate::clock::Clock;
use crate::domain::clock_doubt::{ClockWatch, Doubt, Grace, Mark, Readings, Trusted};
use jiff::{SignedDuration, Timestamp};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How often the moment at which the clocks agreed is saved.
const MARK_EVERY: SignedDuration = SignedDuration::from_mins(1);

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

/// A judgement of the clocks.
#[derive(Clone, Debug)]
pub(super) struct Judgement {
    /// Whether they agree.
    pub agree: Result<(), Doubt>,
    /// The time by the boot-time clock, as far as it is known.
    pub reckoned: Option<Timestamp>,
    /// The mark, if it is to be saved.
    pub mark: Option<Mark>,
    /// Whether to look for nudges that a wrong clock ended.
    pub revive: bool,
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

    /// Whether the clocks were judged before: the first time, the database's mark is asked for.
    pub(super) fn has_begun(&self) -> bool {
        self.known().watch.is_some()
    }

    /// Judges some readings on this start of the machine.
    pub(super) fn judge(&self, now: &Readings, boot_id: String, mark: Option<&Mark>) -> Judgement {
        let mut known = self.known();
        let watch = known.watch.get_or_insert_with(|| ClockWatch::begin(now, &boot_id, mark));
        let agree = watch.judge(now);
        let (reckoned, advance) = (watch.reckoned(now.boot), watch.advance());
        known.tell(agree);
        let save = agree.is_ok() && known.marked.is_none_or(|at| (now.boot - at).abs() >= MARK_EVERY);
        let mark = Mark { wall: now.wall, boot_id, boot: now.boot, advance };
        Judgement { agree, reckoned, mark: save.then_some(mark), revive: agree.is_ok() && known.unlike }
    }

    /// Notes that the mark of this reading was saved.
    pub(super) fn marked(&self, boot: SignedDuration) {
        self.known().marked = Some(boot);
    }

    /// Notes whether there may be more nudges that a wrong clock ended.
    pub(super) fn revived(&self, more: bool) {
        self.known().unlike = more;
    }
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

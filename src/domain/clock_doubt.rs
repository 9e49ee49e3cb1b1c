//! Doubt about the time (R38): wall clock, boot-time clock and the database's clock are compared before anything is claimed,
//! expired, swept or erased.
//!
//! The boot-time clock counts from the machine's start, also while it is suspended, and nobody can set it. After a
//! suspension of two days both it and the wall clock are two days further: nothing is doubted.

use jiff::{SignedDuration, Timestamp};

/// How far the wall clock may part from the boot-time clock.
pub const STEP_MAX: SignedDuration = SignedDuration::from_mins(1);
/// How far a worker's clock may part from its database's.
pub const DATABASE_MAX: SignedDuration = SignedDuration::from_secs(5);
/// How long the wall clock must keep its new pace before a step is believed to be a correction.
pub const STEADY: SignedDuration = SignedDuration::from_mins(10);
/// How long all clocks must have agreed before a sweep, and before an erasure that was asked for before the machine last
/// started: a machine may find its time server only some minutes after its start.
pub const AGREED_MIN: SignedDuration = SignedDuration::from_hours(1);

/// The clocks of one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readings {
    /// The wall clock.
    pub wall: Timestamp,
    /// The boot-time clock.
    pub boot: SignedDuration,
    /// How far the database's clock is ahead of the wall clock; None: it has none of its own, or was not asked.
    pub database: Option<SignedDuration>,
}

/// The last reading that was trusted, as the database keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The wall clock.
    pub wall: Timestamp,
    /// Which start of which machine the boot-time clock counts from.
    pub boot_id: String,
    /// The boot-time clock.
    pub boot: SignedDuration,
    /// How far the wall clock was put forward since it was first trusted on this start of the machine, and believed.
    pub advance: SignedDuration,
}

/// Why the time is doubted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// The wall clock was put forward, or back, by so much since it was last trusted.
    Stepped(SignedDuration),
    /// The database holds events that are so much later than the wall clock.
    Behind(SignedDuration),
    /// The database's clock is so far ahead of the wall clock, or behind it.
    Database(SignedDuration),
}

impl std::fmt::Display for Doubt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let seconds = |by: &SignedDuration| by.unsigned_abs().as_secs();
        match self {
            Self::Stepped(by) if by.is_negative() => {
                write!(f, "the machine's clock was put back by {} s", seconds(by))
            }
            Self::Stepped(by) => write!(f, "the machine's clock was put forward by {} s", seconds(by)),
            Self::Behind(by) => {
                write!(f, "the machine's clock is {} s behind what the database holds", seconds(by))
            }
            Self::Database(by) => {
                write!(f, "the database's clock and the machine's differ by {} s", seconds(by))
            }
        }
    }
}

/// What the wall clock is compared with.
#[derive(Clone, Copy, Debug)]
enum Basis {
    /// The instant at which the boot-time clock stood at zero, by the wall clock when it was trusted.
    Known(Timestamp),
    /// That instant at the earliest: the database holds events of another start of a machine.
    AtLeast(Timestamp),
}

/// A pace of the wall clock that is not trusted yet.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    origin: Timestamp,
    since: SignedDuration,
}

/// What one process knows about its clocks.
#[derive(Clone, Copy, Debug)]
pub struct ClockWatch {
    basis: Basis,
    candidate: Option<Candidate>,
    /// Since when all have agreed, by the boot-time clock.
    agreed_since: Option<SignedDuration>,
    /// How far the wall clock was put forward on this start of the machine, and believed.
    advance: SignedDuration,
}

/// The wall clock at the boot-time clock's zero.
fn origin(wall: Timestamp, boot: SignedDuration) -> Timestamp {
    wall.checked_sub(boot).unwrap_or(Timestamp::MIN)
}

impl ClockWatch {
    /// Begins to watch. What the database holds of an earlier process on the same start of the machine is continued; of
    /// another start, only that the time does not run backwards is known.
    pub fn begin(now: &Readings, boot_id: &str, mark: Option<&Mark>) -> Self {
        let (basis, advance) = match mark {
            // Where the system does not tell its starts apart, every process may be on another one.
            Some(mark) if mark.boot_id == boot_id && !boot_id.is_empty() => {
                (Basis::Known(origin(mark.wall, mark.boot)), mark.advance)
            }
            Some(mark) => (Basis::AtLeast(origin(mark.wall, now.boot)), SignedDuration::ZERO),
            None => (Basis::Known(origin(now.wall, now.boot)), SignedDuration::ZERO),
        };
        Self { basis, candidate: None, agreed_since: None, advance }
    }

    /// Judges some readings. A doubt ends at once when the clocks agree again; when the wall clock keeps a new pace for
    /// [`STEADY`] and the database does not contradict it, that is believed to be a correction.
    ///
    /// # Errors
    /// Why the time is doubted.
    pub fn judge(&mut self, now: &Readings) -> Result<(), Doubt> {
        let found = self.compare(now);
        match found {
            Ok(()) => {
                self.candidate = None;
                self.agreed_since.get_or_insert(now.boot);
            }
            Err(_) => self.agreed_since = None,
        }
        found
    }

    fn compare(&mut self, now: &Readings) -> Result<(), Doubt> {
        let origin = origin(now.wall, now.boot);
        if let Some(by) = now.database.filter(|by| by.abs() > DATABASE_MAX) {
            self.candidate = None;
            return Err(Doubt::Database(by));
        }
        let doubt = match self.basis {
            Basis::Known(known) if origin.duration_since(known).abs() <= STEP_MAX => return Ok(()),
            Basis::AtLeast(least) if origin.duration_since(least) >= -STEP_MAX => {
                self.basis = Basis::Known(origin);
                return Ok(());
            }
            Basis::Known(known) => Doubt::Stepped(origin.duration_since(known)),
            Basis::AtLeast(least) => Doubt::Behind(least.duration_since(origin)),
        };
        let steady =
            |it: &Candidate| origin.duration_since(it.origin).abs() <= STEP_MAX && it.since <= now.boot;
        let candidate = match self.candidate.filter(steady) {
            Some(candidate) => candidate,
            None => *self.candidate.insert(Candidate { origin, since: now.boot }),
        };
        if now.boot - candidate.since < STEADY {
            return Err(doubt);
        }
        if let Basis::Known(known) = self.basis {
            self.advance = (self.advance + origin.duration_since(known)).max(SignedDuration::ZERO);
        }
        self.basis = Basis::Known(origin);
        Ok(())
    }

    /// The time by the boot-time clock and what was last trusted: what counts while the wall clock is doubted.
    pub fn reckoned(&self, boot: SignedDuration) -> Option<Timestamp> {
        match self.basis {
            Basis::Known(known) => known.checked_add(boot).ok(),
            Basis::AtLeast(_) => None,
        }
    }

    /// How long all clocks have agreed without a break, as far as this process saw.
    pub fn agreed_for(&self, boot: SignedDuration) -> SignedDuration {
        self.agreed_since.map_or(SignedDuration::ZERO, |since| boot - since)
    }

    /// How far the wall clock was put forward since it was first trusted on this start of the machine, and believed.
    pub fn advance(&self) -> SignedDuration {
        self.advance
    }
}

/// How far another clock is ahead of this machine's, which was read before and after it; zero within that time.
pub fn ahead(other: Timestamp, before: Timestamp, after: Timestamp) -> SignedDuration {
    if other < before {
        other.duration_since(before)
    } else if other > after {
        other.duration_since(after)
    } else {
        SignedDuration::ZERO
    }
}

/// A period of grace, with the boot-time clock of the machine on which it began.
#[derive(Clone, Copy, Debug)]
pub struct Grace<'a> {
    /// When it began, and when it ends.
    pub wall: (Timestamp, Timestamp),
    /// Which start of which machine it began on, and the boot-time clock then; None: not known.
    pub boot: Option<(&'a str, SignedDuration)>,
}

/// The clocks by which a grace is judged.
#[derive(Clone, Copy, Debug)]
pub struct Trusted<'a> {
    /// The wall clock.
    pub wall: Timestamp,
    /// Which start of which machine this is, and the boot-time clock.
    pub boot: (&'a str, SignedDuration),
    /// How long all clocks have agreed.
    pub agreed_for: SignedDuration,
    /// How far the wall clock was put forward on this start of the machine, and believed.
    pub advance: SignedDuration,
}

impl Grace<'_> {
    /// Whether it has passed by both clocks. Where the machine was started anew since, or it began on another one, the wall
    /// clock alone tells: after all clocks have agreed for [`AGREED_MIN`], and without what it was put forward. If they have
    /// agreed for as long as the grace is, it has passed for certain.
    pub fn has_passed(&self, now: &Trusted<'_>) -> bool {
        let (from, until) = self.wall;
        let length = until.duration_since(from);
        let by_boot = match self.boot {
            Some((id, then)) if id == now.boot.0 => now.boot.1 - then >= length - STEP_MAX,
            Some(_) | None => {
                let unmoved = now.wall.checked_sub(now.advance).unwrap_or(Timestamp::MIN);
                (now.agreed_for >= AGREED_MIN && unmoved >= until) || now.agreed_for >= length
            }
        };
        now.wall >= until && by_boot
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: SignedDuration = SignedDuration::from_hours(1);
    const DAY: SignedDuration = SignedDuration::from_hours(24);
    const SECOND: SignedDuration = SignedDuration::from_secs(1);

    fn start() -> Timestamp {
        "2026-10-24T18:00:00Z".parse().unwrap()
    }

    /// So long after the start, with a wall clock that is so far off.
    fn at(boot: SignedDuration, off: SignedDuration) -> Readings {
        Readings { wall: start() + boot + off, boot, database: None }
    }

    fn watch() -> ClockWatch {
        ClockWatch::begin(&at(HOUR, SignedDuration::ZERO), "here", None)
    }

    #[test]
    fn r38_a_wall_clock_that_jumps_is_doubted_until_it_is_back() {
        let mut watch = watch();
        let zero = SignedDuration::ZERO;
        assert_eq!(watch.judge(&at(HOUR, zero)), Ok(()));
        assert_eq!(watch.judge(&at(HOUR, STEP_MAX)), Ok(()), "a little is no step");
        for off in [4 * DAY, -4 * DAY, STEP_MAX + SECOND] {
            assert_eq!(watch.judge(&at(HOUR + SECOND, off)), Err(Doubt::Stepped(off)));
            assert_eq!(watch.reckoned(HOUR + SECOND), Some(start() + HOUR + SECOND), "what counts meanwhile");
        }
        assert_eq!(watch.judge(&at(HOUR + 12 * SECOND, zero)), Ok(()), "back, and trusted at once");
        assert_eq!(watch.agreed_for(HOUR + 20 * SECOND), 8 * SECOND);
    }

    #[test]
    fn r38_after_a_suspension_both_clocks_have_gone_on_and_nothing_is_doubted() {
        let mut watch = watch();
        assert_eq!(watch.judge(&at(HOUR + 2 * DAY, SignedDuration::ZERO)), Ok(()));
    }

    #[test]
    fn r38_a_correction_is_believed_once_it_has_been_steady() {
        let mut watch = watch();
        let (off, step) = (4 * DAY, SignedDuration::from_mins(5));
        assert!(watch.judge(&at(HOUR, off)).is_err());
        assert!(watch.judge(&at(HOUR + step, off + step)).is_err(), "it moved again: counted from here");
        assert!(watch.judge(&at(HOUR + STEADY, off + step)).is_err());
        assert!(watch.judge(&at(HOUR + step + STEADY - SECOND, off + step)).is_err());
        assert_eq!(watch.judge(&at(HOUR + step + STEADY, off + step)), Ok(()));
        assert_eq!(watch.agreed_for(HOUR + step + STEADY), SignedDuration::ZERO);
        assert!(watch.judge(&at(2 * HOUR, SignedDuration::ZERO)).is_err(), "the old pace is a step now");
    }

    #[test]
    fn r38_the_databases_clock_must_agree() {
        let mut watch = watch();
        let with = |boot, off, database| Readings { database: Some(database), ..at(boot, off) };
        let zero = SignedDuration::ZERO;
        assert_eq!(watch.judge(&with(HOUR, zero, DATABASE_MAX)), Ok(()));
        for by in [DATABASE_MAX + SECOND, -DATABASE_MAX - SECOND, 15 * HOUR] {
            assert_eq!(watch.judge(&with(HOUR, zero, by)), Err(Doubt::Database(by)));
        }
        // A pace that the database contradicts is not steady, however long it lasts.
        assert!(watch.judge(&with(HOUR, DAY, -DAY)).is_err());
        assert!(watch.judge(&with(2 * HOUR, DAY, -DAY)).is_err());
        assert!(watch.judge(&with(2 * HOUR, DAY, zero)).is_err());
        assert_eq!(watch.judge(&with(2 * HOUR + STEADY, DAY, zero)), Ok(()));
    }

    #[test]
    fn r38_a_new_process_goes_on_from_what_the_database_holds() {
        let mark = |off, boot_id: &str| Mark {
            wall: start() + HOUR + off,
            boot_id: boot_id.to_owned(),
            boot: HOUR,
            advance: SignedDuration::ZERO,
        };
        let zero = SignedDuration::ZERO;
        let begin = |now: Readings, mark| ClockWatch::begin(&now, "here", Some(&mark)).judge(&now);
        assert_eq!(begin(at(2 * HOUR, zero), mark(zero, "here")), Ok(()));
        assert_eq!(
            begin(at(2 * HOUR, DAY), mark(zero, "here")),
            Err(Doubt::Stepped(DAY)),
            "put forward between"
        );
        // Another start: it was off for two days, or its clock is wrong; only the latter way can be told.
        assert_eq!(begin(at(SECOND, 2 * DAY), mark(zero, "elsewhere")), Ok(()));
        let behind = begin(at(SECOND, zero), mark(DAY, "elsewhere"));
        assert_eq!(behind, Err(Doubt::Behind(DAY + HOUR - SECOND)));
        let mut watch = ClockWatch::begin(&at(SECOND, zero), "here", Some(&mark(DAY, "elsewhere")));
        assert!(watch.judge(&at(SECOND, zero)).is_err());
        assert_eq!(watch.reckoned(SECOND), None);
        assert_eq!(watch.judge(&at(2 * SECOND, 3 * DAY)), Ok(()), "a time server has set it");
        assert!(watch.judge(&at(3 * SECOND, zero)).is_err(), "and from then on it is known");
    }

    #[test]
    fn r38_nobody_is_erased_before_the_grace_is_over_by_both_clocks() {
        let passed = |off: SignedDuration, boot, agreed_for, advance| {
            let grace = Grace { wall: (start(), start() + 3 * DAY), boot: Some(("here", HOUR)) };
            grace.has_passed(&Trusted { wall: start() + off, boot, agreed_for, advance })
        };
        let (long, zero) = (2 * AGREED_MIN, SignedDuration::ZERO);
        assert!(passed(3 * DAY, ("here", HOUR + 3 * DAY), zero, zero));
        assert!(!passed(3 * DAY - SECOND, ("here", HOUR + 3 * DAY), long, zero));
        assert!(!passed(4 * DAY, ("here", 2 * HOUR), long, zero), "by the wall clock alone");
        let anew = ("after a new start", SECOND);
        assert!(passed(3 * DAY, anew, AGREED_MIN, zero));
        assert!(!passed(3 * DAY, anew, AGREED_MIN - SECOND, zero));
        assert!(!passed(5 * DAY, anew, long, 4 * DAY), "only because the clock was put forward");
        assert!(passed(7 * DAY, anew, long, 4 * DAY) && passed(5 * DAY, anew, 3 * DAY, 4 * DAY));
        assert!(!passed(3 * DAY - SECOND, anew, 3 * DAY, zero));
    }

    #[test]
    fn r38_what_the_clock_was_put_forward_is_remembered_until_the_machine_starts_anew() {
        let zero = SignedDuration::ZERO;
        let believe = |watch: &mut ClockWatch, from, off| {
            assert!(watch.judge(&at(from, off)).is_err());
            assert_eq!(watch.judge(&at(from + STEADY, off)), Ok(()));
        };
        let mut watch = watch();
        believe(&mut watch, HOUR, 4 * DAY);
        assert_eq!(watch.advance(), 4 * DAY);
        believe(&mut watch, 2 * HOUR, DAY);
        assert_eq!(watch.advance(), DAY);
        let mark = Mark {
            wall: start() + 3 * HOUR + DAY,
            boot_id: "here".to_owned(),
            boot: 3 * HOUR,
            advance: watch.advance(),
        };
        let begun = |id| ClockWatch::begin(&at(3 * HOUR, DAY), id, Some(&mark)).advance();
        assert_eq!((begun("here"), begun("elsewhere")), (DAY, zero));
        believe(&mut watch, 4 * HOUR, -DAY);
        assert_eq!(watch.advance(), zero, "put back: nothing is over too early");
    }

    #[test]
    fn a_clock_that_was_read_while_asking_agrees() {
        let (before, after) = (start(), start() + 10 * SECOND);
        assert_eq!(ahead(start() + SECOND, before, after), SignedDuration::ZERO);
        assert_eq!(ahead(start() - SECOND, before, after), -SECOND);
        assert_eq!(ahead(start() + 12 * SECOND, before, after), 2 * SECOND);
    }
}

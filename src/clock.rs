//! The one source of "now": the system's clocks, or simulated ones for tests and the demo.

use jiff::{SignedDuration, Timestamp};
use rustix::time::{ClockId, clock_gettime};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Tells the time in whole milliseconds, which is what clients read: what they send back is then what is stored.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The machine's clocks.
    System,
    /// Clocks that stand still until they are set.
    Simulated(Arc<Mutex<Simulated>>),
}

/// Clocks that stand still. Set together they agree; each can be set by itself, as clocks go wrong.
#[derive(Clone, Debug)]
pub struct Simulated {
    wall: Timestamp,
    boot: SignedDuration,
    boot_id: String,
    database: Timestamp,
}

impl Clock {
    /// Simulated clocks, set to `start`.
    pub fn simulated(start: Timestamp) -> Self {
        let wall = whole_millis(start);
        let (boot, boot_id) = (SignedDuration::from_hours(24), "simulated".to_owned());
        Self::Simulated(Arc::new(Mutex::new(Simulated { wall, boot, boot_id, database: wall })))
    }

    /// The current instant, by the wall clock.
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the machine for the time")]
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => whole_millis(Timestamp::now()),
            Self::Simulated(clocks) => locked(clocks).wall,
        }
    }

    /// The time since the machine's start, suspensions included (`CLOCK_BOOTTIME`). Nobody can set this clock.
    pub fn boot(&self) -> SignedDuration {
        match self {
            Self::System => {
                let time = clock_gettime(ClockId::Boottime);
                SignedDuration::new(time.tv_sec, i32::try_from(time.tv_nsec).unwrap_or(0))
            }
            Self::Simulated(clocks) => locked(clocks).boot,
        }
    }

    /// Which start of which machine [`Clock::boot`] counts from; empty if the system does not tell.
    pub fn boot_id(&self) -> String {
        match self {
            Self::System => {
                let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
                id.map(|id| id.trim().to_owned()).unwrap_or_default()
            }
            Self::Simulated(clocks) => locked(clocks).boot_id.clone(),
        }
    }

    /// The database's clock, if it has one of its own. Where clocks are simulated, so is that one.
    pub fn database(&self, read: Option<Timestamp>) -> Option<Timestamp> {
        match self {
            Self::System => read,
            Self::Simulated(clocks) => read.map(|_| locked(clocks).database),
        }
    }

    /// Lets all simulated clocks go on, or back, until the wall clock shows `to`. Returns false, and does nothing, for the
    /// system's clocks.
    pub fn set(&self, to: Timestamp) -> bool {
        let Self::Simulated(clocks) = self else { return false };
        let mut clocks = locked(clocks);
        let by = whole_millis(to).duration_since(clocks.wall);
        clocks.wall += by;
        clocks.boot += by;
        clocks.database += by;
        true
    }

    /// Puts the simulated wall clock alone forward, or back.
    pub fn step_wall(&self, by: SignedDuration) {
        if let Self::Simulated(clocks) = self {
            locked(clocks).wall += by;
        }
    }

    /// Puts the simulated clock of the database alone forward, or back.
    pub fn step_database(&self, by: SignedDuration) {
        if let Self::Simulated(clocks) = self {
            locked(clocks).database += by;
        }
    }

    /// Starts the simulated machine anew: its boot-time clock begins at zero. The other clocks stay.
    pub fn reboot(&self) {
        if let Self::Simulated(clocks) = self {
            let mut clocks = locked(clocks);
            clocks.boot = SignedDuration::ZERO;
            clocks.boot_id.push('+');
        }
    }
}

fn locked(clocks: &Mutex<Simulated>) -> MutexGuard<'_, Simulated> {
    clocks.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `at` cut to whole milliseconds.
pub fn whole_millis(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}

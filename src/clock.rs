//! The one source of "now": the system's clock, or a simulated one for tests and the demo.

use jiff::Timestamp;
use std::sync::{Arc, Mutex, PoisonError};

/// Tells the time in whole milliseconds, which is what clients read: what they send back is then what is stored.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The machine's clock.
    System,
    /// A clock that stands still until it is set.
    Simulated(Arc<Mutex<Timestamp>>),
}

impl Clock {
    /// A simulated clock, set to `start`.
    pub fn simulated(start: Timestamp) -> Self {
        Self::Simulated(Arc::new(Mutex::new(whole_millis(start))))
    }

    /// The current instant.
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the machine for the time")]
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => whole_millis(Timestamp::now()),
            Self::Simulated(at) => *at.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// Sets a simulated clock. Returns false, and does nothing, for the system's clock.
    pub fn set(&self, to: Timestamp) -> bool {
        match self {
            Self::System => false,
            Self::Simulated(at) => {
                *at.lock().unwrap_or_else(PoisonError::into_inner) = whole_millis(to);
                true
            }
        }
    }
}

/// `at` cut to whole milliseconds.
pub fn whole_millis(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}

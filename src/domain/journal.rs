//! The journal: what a person writes down for themselves.

use super::problem::{Checks, Problem, ProblemCode};
use super::scene::SKEW;
use jiff::{SignedDuration, Timestamp};

/// Longest entry, in characters.
pub const TEXT_MAX: usize = 10_000;
/// Most entries that one person can save within [`DAY`]: enough to bring an old journal along in a few days.
pub const ENTRIES_A_DAY: i64 = 500;
/// The while in which entries are counted.
pub const DAY: SignedDuration = SignedDuration::from_hours(24);

/// The instant under which an entry stands: any in the past, or now (but for a phone's skew).
pub fn checked_instant(checks: &mut Checks, at: Timestamp, now: Timestamp) -> Timestamp {
    if at > now + SKEW {
        checks.note(Problem::new("writtenAt", ProblemCode::OutOfRange, "This lies in the future."));
    }
    at.min(now)
}

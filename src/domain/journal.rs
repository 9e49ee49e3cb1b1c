//! The journal: limits and dates of the entries that a person writes for themselves.

use super::problem::{Checks, Problem, ProblemCode};
use super::scene::SKEW;
use jiff::{SignedDuration, Timestamp};

/// Longest entry, in characters.
pub const TEXT_MAX: usize = 10_000;
/// Maximum number of entries that a person can save within [`DAY`]: enough to import an old journal in a few days.
pub const ENTRIES_A_DAY: i64 = 500;
/// The period in which entries are counted.
pub const DAY: SignedDuration = SignedDuration::from_hours(24);

/// The date of an entry: any in the past, or now (allowing for a device's clock skew).
pub fn checked_instant(checks: &mut Checks, at: Timestamp, now: Timestamp) -> Timestamp {
    if at > now + SKEW {
        checks.note(Problem::new("writtenAt", ProblemCode::OutOfRange, "This lies in the future."));
    }
    at.min(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_stands_under_the_past_or_now_and_a_phone_may_run_ahead_a_little() {
        let now: Timestamp = "2026-07-01T10:00:00Z".parse().unwrap();
        let checked = |at| {
            let mut checks = Checks::new();
            let at = checked_instant(&mut checks, at, now);
            checks.finish(at).ok()
        };
        let second = SignedDuration::from_secs(1);
        let long_ago: Timestamp = "1990-01-01T00:00:00Z".parse().unwrap();
        assert_eq!(checked(long_ago), Some(long_ago));
        assert_eq!([now, now + SKEW].map(checked), [Some(now); 2], "never later than now");
        assert_eq!([now + SKEW + second, now + SKEW + second + second].map(checked), [None; 2]);
    }
}

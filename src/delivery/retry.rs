//! When to try again: as the provider asks, or else after a random part of a doubling time (full jitter).

use jiff::SignedDuration;

/// The first wait's upper bound.
const FIRST: SignedDuration = SignedDuration::from_secs(30);
/// The longest wait's upper bound.
const LONGEST: SignedDuration = SignedDuration::from_hours(1);
/// The longest wait that a provider can ask for: no nudge is of use for longer.
const LONGEST_ASKED: SignedDuration = SignedDuration::from_hours(24);

/// How long to wait after attempt number `attempts` (from 1). `chance` is a random number from 0 to 1.
pub fn wait(attempts: i32, retry_after: Option<SignedDuration>, chance: f64) -> SignedDuration {
    let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or(0).min(20);
    let bound = FIRST.as_secs().saturating_mul(1 << doublings).min(LONGEST.as_secs());
    let bound = SignedDuration::from_secs(bound);
    let jittered = SignedDuration::from_secs(1) + bound.mul_f64(chance.clamp(0.0, 1.0));
    // A provider that asks for a second, time after time, does not get twelve tries in twelve seconds.
    retry_after.map_or(jittered, |asked| asked.min(LONGEST_ASKED).max(jittered))
}

/// Reads a `Retry-After` header in either form (RFC 9110, 10.2.3).
pub fn retry_after(header: &str, now: jiff::Timestamp) -> Option<SignedDuration> {
    if let Ok(seconds) = header.trim().parse::<u32>() {
        return Some(SignedDuration::from_secs(seconds.into()));
    }
    let at = jiff::fmt::rfc2822::parse(header.trim()).ok()?.timestamp();
    Some(at.duration_since(now).max(SignedDuration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_an_hour_and_start_anywhere_below() {
        assert_eq!(wait(1, None, 1.0), SignedDuration::from_secs(31));
        assert_eq!(wait(3, None, 1.0), SignedDuration::from_secs(121));
        assert_eq!(wait(60, None, 1.0), SignedDuration::from_secs(3601));
        assert_eq!(wait(60, None, 0.0), SignedDuration::from_secs(1));
        assert_eq!(wait(1, Some(SignedDuration::from_secs(120)), 0.5), SignedDuration::from_secs(120));
    }

    #[test]
    fn both_forms_of_retry_after_are_read() {
        let now: jiff::Timestamp = "2026-10-25T10:00:00Z".parse().unwrap();
        assert_eq!(retry_after("120", now), Some(SignedDuration::from_secs(120)));
        let date = "Sun, 25 Oct 2026 10:05:00 GMT";
        assert_eq!(retry_after(date, now), Some(SignedDuration::from_secs(300)));
        assert_eq!(retry_after("soon", now), None);
    }
}

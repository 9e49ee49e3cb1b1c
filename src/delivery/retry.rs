//! When to retry: when the provider asks for it, or else after a random part of a doubling time (full jitter).

use jiff::{SignedDuration, Timestamp};

/// Upper bound of the first wait.
const FIRST: SignedDuration = SignedDuration::from_secs(30);
/// Upper bound of every wait that the provider did not ask for.
const LONGEST: SignedDuration = SignedDuration::from_hours(1);
/// The longest wait that a provider can ask for: no nudge is of use for longer.
const LONGEST_ASKED: SignedDuration = SignedDuration::from_hours(24);
/// The shortest wait after a first attempt, and the cap of its doubling: a provider that always asks for one second
/// does not get twelve tries in twelve seconds.
const SHORTEST: SignedDuration = SignedDuration::from_secs(1);
const SHORTEST_LATER: SignedDuration = SignedDuration::from_mins(1);

/// How long to wait after attempt number `attempts` (from 1). `chance` is a random number from 0 to 1.
pub fn wait(attempts: i32, retry_after: Option<SignedDuration>, chance: f64) -> SignedDuration {
    let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or(0).min(20);
    let doubled = |first: SignedDuration| first * (1 << doublings);
    match retry_after {
        // No jitter here: the provider knows best when it is ready.
        Some(asked) => asked.min(LONGEST_ASKED).max(doubled(SHORTEST).min(SHORTEST_LATER)),
        None => SHORTEST + doubled(FIRST).min(LONGEST).mul_f64(chance.clamp(0.0, 1.0)),
    }
}

/// How long a device is left alone after an answer that asks for another try, which comes after `next`: as long as its push
/// service asked for, or until that try, but no longer than a first wait. What falls due for it later is tried by itself.
pub fn rest(retry_after: Option<SignedDuration>, next: SignedDuration) -> SignedDuration {
    match retry_after {
        // Exactly as long as a first try waits.
        Some(_) => wait(1, retry_after, 0.0),
        None => next.min(SHORTEST + FIRST),
    }
}

/// Reads a `Retry-After` header: seconds, or a date in any of the three forms of HTTP (RFC 9110, 5.6.7 and 10.2.3).
pub fn retry_after(header: &str, now: Timestamp) -> Option<SignedDuration> {
    if let Ok(seconds) = header.trim().parse::<u32>() {
        return Some(SignedDuration::from_secs(seconds.into()));
    }
    let at = Timestamp::try_from(httpdate::parse_http_date(header.trim()).ok()?).ok()?;
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
    }

    #[test]
    fn r20_what_a_provider_asks_for_is_followed_however_often_it_was_tried() {
        let asked =
            |attempts, seconds| wait(attempts, Some(SignedDuration::from_secs(seconds)), 1.0).as_secs();
        for attempts in [1, 2, 6, 11] {
            assert_eq!((asked(attempts, 120), asked(attempts, 9000)), (120, 9000), "{attempts}");
        }
        assert_eq!(
            [1, 2, 4, 11].map(|attempts| asked(attempts, 0)),
            [1, 2, 8, 60],
            "not at once, and not all at once"
        );
        assert_eq!(asked(1, 1_000_000), 24 * 60 * 60);
    }

    #[test]
    fn r20_a_device_rests_as_long_as_was_asked_for_or_a_first_wait_at_most() {
        let (short, long) = (SignedDuration::from_secs(7), SignedDuration::from_mins(40));
        assert_eq!(rest(Some(long), short), wait(1, Some(long), 1.0));
        assert_eq!((rest(None, short), rest(None, long)), (short, wait(1, None, 1.0)));
    }

    #[test]
    fn r20_every_form_of_retry_after_is_read() {
        let now: Timestamp = "2026-10-25T10:00:00Z".parse().unwrap();
        assert_eq!(retry_after("120", now), Some(SignedDuration::from_secs(120)));
        let dates =
            ["Sun, 25 Oct 2026 10:05:00 GMT", "Sunday, 25-Oct-26 10:05:00 GMT", "Sun Oct 25 10:05:00 2026"];
        for date in dates {
            assert_eq!(retry_after(date, now), Some(SignedDuration::from_secs(300)), "{date}");
        }
        assert_eq!(
            retry_after("Sun, 25 Oct 2026 09:00:00 GMT", now),
            Some(SignedDuration::ZERO),
            "over already"
        );
        assert_eq!(retry_after("soon", now), None);
    }
}

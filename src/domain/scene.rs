//! Scenes: their statuses from planned to ended, and the times that they may have.

use super::problem::{Problem, ProblemCode};
use super::words;
use jiff::{SignedDuration, Timestamp};

/// Lowest and highest intensity.
pub const INTENSITY: std::ops::RangeInclusive<i32> = 1..=5;
/// How far a device's clock may be ahead.
pub const SKEW: SignedDuration = SignedDuration::from_mins(5);
/// How far back a scene may have ended: for data that an app brings in after being offline.
pub const PAST_MAX: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How far ahead a scene may be planned.
pub const AHEAD_MAX: SignedDuration = SignedDuration::from_hours(366 * 24);
/// Maximum number of scenes per link within 24 hours: enough for anybody, and no flood of check-ins.
pub const SCENES_A_DAY: i64 = 100;
/// Longest note on aftercare, in characters.
pub const NOTE_MAX: usize = 2000;
/// Longest aftercare, in minutes.
pub const MINUTES_MAX: i64 = 24 * 60;

/// Within this time, what both record of the same hours is likely one occasion (R04).
pub const SIMILAR_WITHIN: SignedDuration = SignedDuration::from_hours(1);
/// How long a scene's times can be corrected after it was recorded as ended.
pub const CORRECTED_WITHIN: SignedDuration = SignedDuration::from_hours(2);

/// When a scene took place; `end` None: it is under way.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// Its beginning.
    pub start: Timestamp,
    /// Its end.
    pub end: Option<Timestamp>,
}

impl Span {
    /// Whether the two overlap at `now`. Many write down only the end, which each remembers a little differently: then the
    /// hour before it counts.
    pub fn overlaps(self, other: Self, now: Timestamp) -> bool {
        let hours = |span: Self| {
            let end = span.end.unwrap_or(now);
            (span.start.min(end - SIMILAR_WITHIN), end)
        };
        let ((a, b), (c, d)) = (hours(self), hours(other));
        a <= d && c <= b
    }
}

words! {
    /// The state of a scene.
    pub enum SceneState {
        /// It has not begun.
        Planned = "planned",
        /// It has begun and has not ended.
        UnderWay = "under_way",
        /// It has ended; its check-ins exist.
        Ended = "ended",
        /// It did not take place.
        Cancelled = "cancelled",
    }
}

words! {
    /// Where a scene takes place.
    pub enum SceneSetting {
        /// The two are in one place.
        InPerson = "in_person",
        /// The two are apart.
        Online = "online",
    }
}

/// What happens to a scene.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SceneEvent {
    /// It begins.
    Start,
    /// It ends.
    End,
    /// It will not take place.
    Cancel,
}

/// The decision about an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SceneVerdict {
    /// The scene takes this status.
    Go(SceneState),
    /// It has this status already; nothing more happens (R04).
    Already,
    /// The event does not fit the scene's status.
    Refused,
}

/// Decides about an event.
pub fn judge_event(status: SceneState, event: SceneEvent) -> SceneVerdict {
    use SceneState::{Cancelled, Ended, Planned, UnderWay};
    match (event, status) {
        (SceneEvent::Start, Planned) => SceneVerdict::Go(UnderWay),
        (SceneEvent::Start, UnderWay) => SceneVerdict::Already,
        // A planned scene that was never started in the app can still be ended.
        (SceneEvent::End, Planned | UnderWay) => SceneVerdict::Go(Ended),
        (SceneEvent::End, Ended) => SceneVerdict::Already,
        (SceneEvent::Cancel, Planned | UnderWay) => SceneVerdict::Go(Cancelled),
        (SceneEvent::Cancel, Cancelled) => SceneVerdict::Already,
        (SceneEvent::Start, Ended | Cancelled)
        | (SceneEvent::End, Cancelled)
        | (SceneEvent::Cancel, Ended) => SceneVerdict::Refused,
    }
}

/// Checks the time of a past event: not in the future (allowing for a device's clock skew) and not too long ago.
pub fn check_past(field: &str, at: Timestamp, now: Timestamp) -> Result<Timestamp, Problem> {
    if at > now + SKEW {
        return Err(Problem::new(field, ProblemCode::OutOfRange, "This lies in the future."));
    }
    if at < now - PAST_MAX {
        return Err(Problem::new(field, ProblemCode::OutOfRange, "This lies more than 30 days in the past."));
    }
    Ok(at.min(now))
}

/// How far ahead a parting may be planned.
pub const PARTING_AHEAD_MAX: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Checks when the two part: in person, not before the scene's end or beginning, whichever is known, and within 30 days. A
/// device's clock may be behind: a little before that is then.
pub fn check_parting(
    field: &str,
    at: Timestamp,
    setting: SceneSetting,
    not_before: Option<Timestamp>,
    now: Timestamp,
) -> Result<Timestamp, Problem> {
    let refused = |sentence: &str| Err(Problem::new(field, ProblemCode::OutOfRange, sentence));
    if setting == SceneSetting::Online {
        return refused("Only after a scene in person do two people part.");
    }
    if at < now - PAST_MAX || at > now + PARTING_AHEAD_MAX {
        return refused("This must lie within 30 days, before or after now.");
    }
    match not_before {
        Some(not_before) if at < not_before - SKEW => {
            refused("Two people do not part before the scene is over.")
        }
        Some(not_before) => Ok(at.max(not_before)),
        None => Ok(at),
    }
}

/// Whether the parting of an ended scene may be said, or said anew: until two hours after it, and after it was said.
pub fn can_say_parting(said: Option<(Timestamp, Timestamp)>, now: Timestamp) -> bool {
    said.is_none_or(|(parted_at, said_at)| now < parted_at.max(said_at) + CORRECTED_WITHIN)
}

/// Checks the time of a plan: from 30 days back to a year ahead.
pub fn check_plan(field: &str, at: Timestamp, now: Timestamp) -> Result<Timestamp, Problem> {
    if at > now + AHEAD_MAX || at < now - PAST_MAX {
        let sentence = "This must lie within the next year or the last 30 days.";
        return Err(Problem::new(field, ProblemCode::OutOfRange, sentence));
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn today() -> Timestamp {
        "2026-07-01T10:00:00Z".parse().unwrap()
    }

    const SECOND: SignedDuration = SignedDuration::from_secs(1);

    #[test]
    fn r04_a_scene_goes_forward_and_what_is_done_twice_is_done_once() {
        use SceneState::{Cancelled, Ended, Planned, UnderWay};
        use SceneVerdict::{Already, Go, Refused};
        for (event, verdicts) in [
            (SceneEvent::Start, [Go(UnderWay), Already, Refused, Refused]),
            (SceneEvent::End, [Go(Ended), Go(Ended), Already, Refused]),
            (SceneEvent::Cancel, [Go(Cancelled), Go(Cancelled), Refused, Already]),
        ] {
            assert_eq!(
                [Planned, UnderWay, Ended, Cancelled].map(|status| judge_event(status, event)),
                verdicts
            );
        }
    }

    #[test]
    fn r04_two_records_of_the_same_hours_overlap_and_those_of_others_do_not() {
        let minute = |minutes| today() + SignedDuration::from_mins(minutes);
        let span = |start, end: Option<i64>| Span { start: minute(start), end: end.map(minute) };
        let now = minute(0);
        let overlap = |one: Span, other: Span| {
            assert_eq!(one.overlaps(other, now), other.overlaps(one, now));
            one.overlaps(other, now)
        };
        let evening = span(-120, Some(-60));
        for (other, expected) in [
            (span(-120, Some(-60)), true),
            (span(-50, Some(-50)), true),
            (span(-10, Some(0)), true),
            (span(1, Some(61)), false),
            (span(-300, Some(-121)), false),
            (span(-30, None), true),
        ] {
            assert_eq!(overlap(evening, other), expected, "{other:?}");
        }
    }

    #[test]
    fn r03_what_happened_lies_at_most_thirty_days_back_and_never_ahead() {
        assert_eq!(PAST_MAX, SignedDuration::from_secs(30 * 86_400));
        let past = |at| check_past("endedAt", at, today()).ok();
        assert_eq!(past(today() - SECOND), Some(today() - SECOND));
        assert_eq!(past(today() - PAST_MAX), Some(today() - PAST_MAX));
        assert_eq!([today(), today() + SKEW].map(past), [Some(today()); 2], "a phone's clock may run ahead");
        for wrong in
            [today() + SKEW + SECOND, today() + AHEAD_MAX, today() - PAST_MAX - SECOND, today() - AHEAD_MAX]
        {
            assert_eq!(past(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_plan_lies_within_a_year() {
        assert_eq!(AHEAD_MAX, SignedDuration::from_secs(366 * 86_400));
        let plan = |at| check_plan("plannedFor", at, today()).ok();
        for right in [today(), today() + AHEAD_MAX, today() - PAST_MAX] {
            assert_eq!(plan(right), Some(right));
        }
        for wrong in [AHEAD_MAX + SECOND, AHEAD_MAX + AHEAD_MAX] {
            assert_eq!((plan(today() + wrong), plan(today() - wrong)), (None, None));
        }
        assert_eq!(plan(today() - PAST_MAX - SECOND), None);
    }

    #[test]
    fn aftercare_lasts_a_day_at_most() {
        assert_eq!(MINUTES_MAX, 1440);
    }
}

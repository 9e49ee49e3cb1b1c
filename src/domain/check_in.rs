//! Check-ins: when they fall due and close, and what the subject can do with them.

use super::negotiation::CheckInProtocol;
use super::problem::Checks;
use super::words;
use jiff::{SignedDuration, Timestamp};

/// Maximum time from a check-in's due time to its close (R19).
pub const OPEN_FOR: SignedDuration = SignedDuration::from_hours(24);
/// How long after the due time an answer still counts (R05).
pub const ANSWERABLE_FOR: SignedDuration = SignedDuration::from_hours(14 * 24);
/// From how long before the due time on a call counts as having reached out for a check-in (R18).
pub const REACHED_OUT_BEFORE: SignedDuration = SignedDuration::from_hours(1);
/// Shortest and longest snooze, in minutes.
pub const SNOOZE: std::ops::RangeInclusive<i32> = 10..=720;

/// Checks the minutes of a snooze.
pub fn check_snooze(checks: &mut Checks, minutes: i32) {
    checks.range("minutes", minutes.into(), (*SNOOZE.start()).into(), (*SNOOZE.end()).into());
}

words! {
    /// What the subject did with a check-in.
    pub enum CheckInState {
        /// Nothing yet.
        Unanswered = "unanswered",
        /// Answered.
        Answered = "answered",
        /// Skipped.
        Skipped = "skipped",
    }
}

/// The times of one check-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// Its offset in the protocol, in minutes.
    pub offset: u32,
    /// When it falls due.
    pub due_at: Timestamp,
    /// When its ladder ends: at the next check-in's due time, at most a day after its own.
    pub closes_at: Timestamp,
}

impl Times {
    /// When the scene ended.
    pub fn ended_at(self) -> Timestamp {
        self.due_at - SignedDuration::from_mins(self.offset.into())
    }

    /// From when on somebody who reached out did it for this check-in (R18); what is promised counts by the same window.
    pub fn reached_out_from(self) -> Timestamp {
        self.due_at - REACHED_OUT_BEFORE
    }
}

/// The times of a scene's check-ins (R03, R19). `ended_at` may lie in the past.
pub fn times(ended_at: Timestamp, protocol: &CheckInProtocol) -> Vec<Times> {
    let due = |offset: &u32| ended_at + SignedDuration::from_mins(i64::from(*offset));
    let offsets = protocol.minutes();
    offsets
        .iter()
        .enumerate()
        .map(|(n, offset)| {
            let day_later = due(offset) + OPEN_FOR;
            let closes_at = offsets.get(n + 1).map_or(day_later, |next| due(next).min(day_later));
            Times { offset: *offset, due_at: due(offset), closes_at }
        })
        .collect()
}

/// What the subject does with a check-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckInEvent {
    /// Answers it, or answers again.
    Answer,
    /// Skips it.
    Skip,
    /// Snoozes it.
    Snooze,
}

/// The decision about an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckInVerdict {
    /// It is allowed.
    Do,
    /// It was so already.
    Already,
    /// It is too late for this.
    TooLate,
    /// The check-in was answered or skipped already.
    Settled,
}

/// Decides about an event (R05). A check-in exists once its scene has ended, and can be answered, skipped and put off from
/// then on.
pub fn judge_event(state: CheckInState, times: Times, event: CheckInEvent, now: Timestamp) -> CheckInVerdict {
    use CheckInState::{Answered, Skipped, Unanswered};
    let answerable = now < times.due_at + ANSWERABLE_FOR;
    match (event, state) {
        (CheckInEvent::Answer, _) if !answerable => CheckInVerdict::TooLate,
        (CheckInEvent::Answer, Unanswered | Skipped | Answered) => CheckInVerdict::Do,
        (CheckInEvent::Skip, Skipped) => CheckInVerdict::Already,
        (CheckInEvent::Skip | CheckInEvent::Snooze, Answered) => CheckInVerdict::Settled,
        (CheckInEvent::Skip, Unanswered) if !answerable => CheckInVerdict::TooLate,
        (CheckInEvent::Skip, Unanswered) => CheckInVerdict::Do,
        (CheckInEvent::Snooze, Skipped) => CheckInVerdict::Settled,
        (CheckInEvent::Snooze, Unanswered) if now >= times.closes_at => CheckInVerdict::TooLate,
        (CheckInEvent::Snooze, Unanswered) => CheckInVerdict::Do,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hour(hours: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours)
    }

    fn second() -> SignedDuration {
        SignedDuration::from_secs(1)
    }

    fn protocol(minutes: &[i32]) -> CheckInProtocol {
        CheckInProtocol::parse(&mut Checks::new(), "protocol", minutes.to_vec())
    }

    #[test]
    fn r03_check_ins_fall_due_after_the_end_and_r19_close_when_the_next_falls_due_or_after_a_day() {
        let times = times(hour(100), &protocol(&[60, 90, 72 * 60]));
        let due: Vec<_> = times.iter().map(|times| (times.offset, times.due_at)).collect();
        let half = SignedDuration::from_mins(30);
        assert_eq!(due, [(60, hour(101)), (90, hour(101) + half), (72 * 60, hour(172))]);
        let closes: Vec<_> = times.iter().map(|times| times.closes_at).collect();
        assert_eq!(closes, [hour(101) + half, hour(125) + half, hour(196)]);
    }

    #[test]
    fn r05_a_check_in_is_answered_before_it_falls_due_too_and_for_fourteen_days() {
        assert_eq!(ANSWERABLE_FOR, SignedDuration::from_secs(14 * 86_400));
        let times = Times { offset: 60, due_at: hour(1), closes_at: hour(25) };
        for state in CheckInState::ALL {
            let answer = |now| judge_event(*state, times, CheckInEvent::Answer, now);
            assert_eq!(answer(hour(0)), CheckInVerdict::Do, "{state:?}");
            assert_eq!(answer(hour(1)), CheckInVerdict::Do, "{state:?}");
            assert_eq!(answer(hour(1) + ANSWERABLE_FOR - second()), CheckInVerdict::Do, "{state:?}");
            assert_eq!(answer(hour(1) + ANSWERABLE_FOR), CheckInVerdict::TooLate, "{state:?}");
        }
    }

    #[test]
    fn r05_a_check_in_is_skipped_once_before_it_falls_due_too_and_not_after_an_answer() {
        let times = Times { offset: 60, due_at: hour(1), closes_at: hour(25) };
        let skip = |state, now| judge_event(state, times, CheckInEvent::Skip, now);
        for now in [hour(0), hour(1), hour(1) + ANSWERABLE_FOR - second()] {
            assert_eq!(skip(CheckInState::Unanswered, now), CheckInVerdict::Do, "{now}");
        }
        assert_eq!(skip(CheckInState::Unanswered, hour(1) + ANSWERABLE_FOR), CheckInVerdict::TooLate);
        assert_eq!(skip(CheckInState::Skipped, hour(2)), CheckInVerdict::Already);
        assert_eq!(skip(CheckInState::Answered, hour(2)), CheckInVerdict::Settled);
    }

    #[test]
    fn r05_a_check_in_is_put_off_while_it_is_open_and_nothing_was_said() {
        let times = Times { offset: 60, due_at: hour(1), closes_at: hour(25) };
        let snooze = |state, now| judge_event(state, times, CheckInEvent::Snooze, now);
        assert_eq!(snooze(CheckInState::Unanswered, hour(0)), CheckInVerdict::Do);
        assert_eq!(snooze(CheckInState::Unanswered, hour(1)), CheckInVerdict::Do);
        assert_eq!(snooze(CheckInState::Unanswered, hour(25) - second()), CheckInVerdict::Do);
        assert_eq!(snooze(CheckInState::Unanswered, hour(25)), CheckInVerdict::TooLate);
        for state in [CheckInState::Answered, CheckInState::Skipped] {
            assert_eq!(snooze(state, hour(2)), CheckInVerdict::Settled);
        }
    }
}

//! Check-ins: when they fall due and close, and what can be done with them.

use super::negotiation::CheckInProtocol;
use super::words;
use jiff::{SignedDuration, Timestamp};

/// How long after its due time a check-in closes at the latest (R19).
pub const OPEN_FOR: SignedDuration = SignedDuration::from_hours(24);
/// How long after its due time an answer still counts (R05).
pub const ANSWERABLE_FOR: SignedDuration = SignedDuration::from_hours(14 * 24);
/// Shortest and longest snooze, in minutes.
pub const SNOOZE: std::ops::RangeInclusive<i32> = 10..=720;

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
    /// The offset that it came from, in minutes.
    pub offset: u32,
    /// When it falls due.
    pub due_at: Timestamp,
    /// When its ladder ends: the next one's due time, or a day after its own.
    pub closes_at: Timestamp,
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

/// Something that the subject does with a check-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckInEvent {
    /// Answers it, or answers again.
    Answer,
    /// Lets it pass.
    Skip,
    /// Wants to be asked later.
    Snooze,
}

/// What an event does to a check-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckInVerdict {
    /// It is done.
    Do,
    /// It was so already.
    Already,
    /// Too early or too late for this.
    TooLate,
    /// It has not fallen due.
    NotDue,
    /// The check-in was answered or skipped before.
    Settled,
}

/// Judges an event (R05).
pub fn judge_event(state: CheckInState, times: Times, event: CheckInEvent, now: Timestamp) -> CheckInVerdict {
    use CheckInState::{Answered, Skipped, Unanswered};
    let answerable = now < times.due_at + ANSWERABLE_FOR;
    match (event, state) {
        (CheckInEvent::Answer, _) if now < times.due_at => CheckInVerdict::NotDue,
        (CheckInEvent::Answer, _) if !answerable => CheckInVerdict::TooLate,
        (CheckInEvent::Answer, Unanswered | Skipped | Answered) => CheckInVerdict::Do,
        (CheckInEvent::Skip, Skipped) => CheckInVerdict::Already,
        (CheckInEvent::Skip | CheckInEvent::Snooze, Answered) => CheckInVerdict::Settled,
        (CheckInEvent::Skip, Unanswered) if !answerable => CheckInVerdict::TooLate,
        (CheckInEvent::Skip, Unanswered) => CheckInVerdict::Do,
        (CheckInEvent::Snooze, Skipped) => CheckInVerdict::Settled,
        (CheckInEvent::Snooze, Unanswered) if now < times.due_at => CheckInVerdict::NotDue,
        (CheckInEvent::Snooze, Unanswered) if now >= times.closes_at => CheckInVerdict::TooLate,
        (CheckInEvent::Snooze, Unanswered) => CheckInVerdict::Do,
    }
}

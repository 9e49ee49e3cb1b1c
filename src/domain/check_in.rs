//! Check-ins: when they fall due and close, and what the subject can do with them.

use super::problem::Checks;
use super::protocol::{APART, CheckInTime, Since, When};
use super::quiet_hours::Zone;
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
    /// What the viewer did with a check-in.
    pub enum CheckInState {
        /// Neither answered nor skipped, whether due or not.
        Unanswered = "unanswered",
        /// Answered; the answer can still be changed.
        Answered = "answered",
        /// Skipped; it can still be answered.
        Skipped = "skipped",
    }
}

/// The times of one check-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// Its time in the protocol.
    pub time: CheckInTime,
    /// When the scene ended.
    pub ended_at: Timestamp,
    /// When it falls due.
    pub due_at: Timestamp,
    /// When its questions end: at the next check-in's due time, at most a day after its own.
    pub closes_at: Timestamp,
}

impl Times {
    /// From when on somebody who reached out did it for this check-in (R18); what is promised counts by the same window.
    pub fn reached_out_from(self) -> Timestamp {
        self.due_at - REACHED_OUT_BEFORE
    }
}

/// When a scene ended, and when the two part or parted after it, if that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// The scene's end. It may lie in the past.
    pub ended_at: Timestamp,
    /// The parting. It may be to come.
    pub parted_at: Option<Timestamp>,
}

impl Ends {
    /// When that was which a time is counted from; None: nobody said.
    fn of(self, since: Since) -> Option<Timestamp> {
        match since {
            Since::End => Some(self.ended_at),
            Since::Parting => self.parted_at,
        }
    }
}

/// The times of a scene's check-ins for a person in `zone`, by due time (R03, R19). Those counted from a parting that is not
/// known are left out. `kept` are those that stay as they are.
pub fn times(protocol: &[CheckInTime], kept: &[Times], ends: Ends, zone: &Zone) -> Vec<Times> {
    let others = protocol.iter().filter(|time| kept.iter().all(|known| known.time != **time));
    let others = others.filter_map(|time| Some((*time, time.instant(ends.of(time.since)?, zone))));
    placed(kept, others.collect(), ends.ended_at)
}

/// The times of a person's check-ins of one scene after they went from one zone to another: what fell due stays, and what is to
/// come keeps its local day and time, from now on at the earliest.
pub fn times_in_zone(known: &[Times], from: &Zone, to: &Zone, now: Timestamp) -> Vec<Times> {
    let goes_along = |times: &&Times| times.due_at > now && times.time.is_local();
    let (coming, kept): (Vec<&Times>, Vec<&Times>) = known.iter().partition(goes_along);
    let there = |times: &Times| match times.time.when {
        When::OnDay { minute, .. } => to.same_day(times.due_at, minute, from).max(now),
        When::After { .. } => times.due_at,
    };
    let coming = coming.into_iter().map(|times| (times.time, there(times))).collect();
    let kept: Vec<Times> = kept.into_iter().copied().collect();
    let ended_at = known.first().map_or(now, |times| times.ended_at);
    let closed = |times: &Times| known.iter().find(|old| old.time == times.time && old.closes_at <= now);
    let all = placed(&kept, coming, ended_at).into_iter();
    all.map(|times| closed(&times).copied().unwrap_or(times)).collect()
}

/// The times of a person's check-ins of one scene under new rules of the zone that they were planned in: what fell due stays, and
/// what is to come has its local time again.
pub fn times_under_new_rules(known: &[Times], zone: &Zone, now: Timestamp) -> Vec<Times> {
    let moved = known.iter().map(|times| match times.time.when {
        When::OnDay { minute, .. } if times.due_at > now => {
            Times { due_at: zone.nearest(times.due_at, minute).max(now), ..*times }
        }
        When::OnDay { .. } | When::After { .. } => *times,
    });
    let moved: Vec<Times> = moved.collect();
    if moved.iter().zip(known).all(|(new, old)| new.due_at == old.due_at) {
        return known.to_vec();
    }
    let closed = |times: &Times| known.iter().find(|old| old.time == times.time && old.closes_at <= now);
    closing(moved).into_iter().map(|times| closed(&times).copied().unwrap_or(times)).collect()
}

/// Places check-ins beside those that are `kept`. What is counted in minutes from the end is fixed; of the others each takes
/// the first instant that keeps half an hour from those before it in the protocol.
fn placed(kept: &[Times], mut others: Vec<(CheckInTime, Timestamp)>, ended_at: Timestamp) -> Vec<Times> {
    others.sort_unstable();
    let mut all = kept.to_vec();
    for (time, at) in others {
        let due_at = if time.offset().is_some() { at } else { apart(at, &all) };
        all.push(Times { time, ended_at, due_at, closes_at: due_at });
    }
    closing(all)
}

/// The same check-ins, by due time, each closing when the next falls due or after a day (R19).
fn closing(mut all: Vec<Times>) -> Vec<Times> {
    all.sort_by_key(|times| times.due_at);
    let next: Vec<Timestamp> = all.iter().skip(1).map(|times| times.due_at).collect();
    let next = next.into_iter().map(Some).chain([None]);
    let close = |(times, next): (Times, Option<Timestamp>)| {
        let day_later = times.due_at + OPEN_FOR;
        Times { closes_at: next.map_or(day_later, |next| next.min(day_later)), ..times }
    };
    all.into_iter().zip(next).map(close).collect()
}

/// The first instant from `at` on that is half an hour away from what is placed already.
fn apart(at: Timestamp, placed: &[Times]) -> Timestamp {
    let mut at = at;
    while let Some(near) = placed.iter().find(|other| at.duration_since(other.due_at).abs() < APART) {
        at = near.due_at + APART;
    }
    at
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

    fn zone(name: &str) -> Zone {
        Zone::named("zone", name).unwrap()
    }

    fn time(word: &str) -> CheckInTime {
        CheckInTime::of_word(word).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// Each check-in's time in the protocol, and when it falls due and closes.
    fn shown(times: &[Times]) -> Vec<(String, String, String)> {
        let one = |times: &Times| (times.time.word(), times.due_at.to_string(), times.closes_at.to_string());
        times.iter().map(one).collect()
    }

    fn of(times: &[(&str, &str, &str)]) -> Vec<(String, String, String)> {
        times.iter().map(|(a, b, c)| ((*a).to_owned(), (*b).to_owned(), (*c).to_owned())).collect()
    }

    #[test]
    fn r03_check_ins_fall_due_after_the_end_and_r19_close_when_the_next_falls_due_or_after_a_day() {
        let protocol = [60, 90, 72 * 60].map(CheckInTime::after_end);
        let times = times(&protocol, &[], Ends { ended_at: hour(100), parted_at: None }, &zone("UTC"));
        let due: Vec<_> = times.iter().map(|times| (times.time.offset(), times.due_at)).collect();
        let half = SignedDuration::from_mins(30);
        let expected = [(60, hour(101)), (90, hour(101) + half), (72 * 60, hour(172))];
        assert_eq!(due, expected.map(|(minutes, at)| (Some(minutes), at)));
        let closes: Vec<_> = times.iter().map(|times| times.closes_at).collect();
        assert_eq!(closes, [hour(101) + half, hour(125) + half, hour(196)]);
    }

    #[test]
    fn r03_a_local_time_keeps_half_an_hour_from_the_others_and_moves_none_of_them() {
        let protocol = ["end+60min", "end+0d@22:00", "end+1d@09:00", "end+1440min"].map(time);
        // The scene ends at 20:50 in Berlin: an hour after is 21:50, ten minutes before 22:00.
        let ends = Ends { ended_at: at("2026-07-01T18:50:00Z"), parted_at: None };
        let expected = of(&[
            ("end+60min", "2026-07-01T19:50:00Z", "2026-07-01T20:20:00Z"),
            ("end+0d@22:00", "2026-07-01T20:20:00Z", "2026-07-02T07:00:00Z"),
            ("end+1d@09:00", "2026-07-02T07:00:00Z", "2026-07-02T18:50:00Z"),
            ("end+1440min", "2026-07-02T18:50:00Z", "2026-07-03T18:50:00Z"),
        ]);
        assert_eq!(shown(&times(&protocol, &[], ends, &zone("Europe/Berlin"))), expected);
    }

    #[test]
    fn r03_a_parting_brings_its_check_ins_and_moves_no_other() {
        let protocol = ["end+60min", "end+1d@09:00", "parting+60min", "parting+1d@18:00"].map(time);
        let ended_at = at("2026-07-01T18:00:00Z");
        let berlin = zone("Europe/Berlin");
        let unsaid = times(&protocol, &[], Ends { ended_at, parted_at: None }, &berlin);
        let expected = of(&[
            ("end+60min", "2026-07-01T19:00:00Z", "2026-07-02T07:00:00Z"),
            ("end+1d@09:00", "2026-07-02T07:00:00Z", "2026-07-03T07:00:00Z"),
        ]);
        assert_eq!(shown(&unsaid), expected);
        // They part the next morning at 8:10: an hour after that comes ten minutes after 9:00.
        let ends = Ends { ended_at, parted_at: Some(at("2026-07-02T06:10:00Z")) };
        let said = times(&protocol, &unsaid, ends, &berlin);
        let expected = of(&[
            ("end+60min", "2026-07-01T19:00:00Z", "2026-07-02T07:00:00Z"),
            ("end+1d@09:00", "2026-07-02T07:00:00Z", "2026-07-02T07:30:00Z"),
            ("parting+60min", "2026-07-02T07:30:00Z", "2026-07-03T07:30:00Z"),
            ("parting+1d@18:00", "2026-07-03T16:00:00Z", "2026-07-04T16:00:00Z"),
        ]);
        assert_eq!(shown(&said), expected);
    }

    #[test]
    fn r03_what_is_to_come_follows_whoever_travels_and_what_fell_due_stays() {
        let protocol = ["end+60min", "end+1d@09:00", "end+2d@09:00"].map(time);
        let ends = Ends { ended_at: at("2026-07-01T18:00:00Z"), parted_at: None };
        let (berlin, la) = (zone("Europe/Berlin"), zone("America/Los_Angeles"));
        let known = times(&protocol, &[], ends, &berlin);
        let flown = times_in_zone(&known, &berlin, &la, at("2026-07-02T12:00:00Z"));
        let expected = of(&[
            ("end+60min", "2026-07-01T19:00:00Z", "2026-07-02T07:00:00Z"),
            // Asked in Berlin already; its questions go on until the next one.
            ("end+1d@09:00", "2026-07-02T07:00:00Z", "2026-07-03T07:00:00Z"),
            ("end+2d@09:00", "2026-07-03T16:00:00Z", "2026-07-04T16:00:00Z"),
        ]);
        assert_eq!(shown(&flown), expected);
        // Back again at night, when 9:00 of Berlin is over: asked now.
        let back = times_in_zone(&flown, &la, &berlin, at("2026-07-03T10:00:00Z"));
        assert_eq!(
            shown(&back)[2],
            of(&[("end+2d@09:00", "2026-07-03T10:00:00Z", "2026-07-04T10:00:00Z")])[0]
        );
        assert_eq!(shown(&back)[..2], expected[..2], "what closed stays");
        // A zone without any local time to come changes nothing.
        assert_eq!(times_in_zone(&back, &berlin, &la, at("2026-07-03T10:00:01Z")), back);
    }

    #[test]
    fn r03_the_day_is_that_of_the_place_where_it_was_promised() {
        // They part on Monday at 11:00 in Berlin, which is Monday at 2:00 in Los Angeles, the night of Sunday there.
        let (berlin, la) = (zone("Europe/Berlin"), zone("America/Los_Angeles"));
        let ends = Ends { ended_at: at("2026-07-05T18:00:00Z"), parted_at: Some(at("2026-07-06T09:00:00Z")) };
        let known = times(&[time("parting+1d@18:00")], &[], ends, &berlin);
        assert_eq!(
            shown(&known),
            of(&[("parting+1d@18:00", "2026-07-07T16:00:00Z", "2026-07-08T16:00:00Z")])
        );
        let flown = times_in_zone(&known, &berlin, &la, at("2026-07-06T20:00:00Z"));
        assert_eq!(
            shown(&flown),
            of(&[("parting+1d@18:00", "2026-07-08T01:00:00Z", "2026-07-09T01:00:00Z")])
        );
        assert_eq!(times_in_zone(&flown, &la, &berlin, at("2026-07-06T20:00:00Z")), known, "and back");
    }

    #[test]
    fn r05_a_check_in_is_answered_before_it_falls_due_too_and_for_fourteen_days() {
        assert_eq!(ANSWERABLE_FOR, SignedDuration::from_secs(14 * 86_400));
        let times = Times {
            time: CheckInTime::after_end(60),
            ended_at: hour(0),
            due_at: hour(1),
            closes_at: hour(25),
        };
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
        let times = Times {
            time: CheckInTime::after_end(60),
            ended_at: hour(0),
            due_at: hour(1),
            closes_at: hour(25),
        };
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
        let times = Times {
            time: CheckInTime::after_end(60),
            ended_at: hour(0),
            due_at: hour(1),
            closes_at: hour(25),
        };
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

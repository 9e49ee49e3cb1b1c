//! The check-in protocol: the times at which two people, or one for themselves, want to be asked after a scene.

use super::problem::{Checks, Problem, ProblemCode};
use super::quiet_hours::{Zone, clock_minute, spelled_minute};
use super::words;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// Maximum number of check-ins of a protocol.
pub const TIMES_MAX: usize = 8;
/// Latest check-in of a protocol: so many days after the scene's end or the parting.
pub const DAYS_MAX: u32 = 14;
/// The same, in minutes.
pub const OFFSET_MAX_MINUTES: u32 = DAYS_MAX * DAY_MINUTES;
/// Shortest time between two check-ins of one person about one scene, in minutes (R03).
pub const APART_MINUTES: u32 = 30;
/// The same.
pub const APART: SignedDuration = SignedDuration::from_mins(APART_MINUTES as i64);
/// Until this local time, in minutes after midnight, a night belongs to the day before it: "the next day at 9:00" after a
/// scene that ended at 1:00 is a few hours away, and not a day and a night.
pub const NIGHT_ENDS: u16 = 4 * 60;

const DAY_MINUTES: u32 = 24 * 60;

words! {
    /// What a check-in's time is counted from.
    pub enum Since {
        /// The scene's end.
        End = "end",
        /// The moment at which the two part, after a scene in person.
        Parting = "parting",
    }
}

/// How long after, or when on which day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum When {
    /// So many minutes later.
    After {
        /// 0 to 20160.
        minutes: u32,
    },
    /// At a local time of the person asked, so many days later.
    OnDay {
        /// 0 to 14; 0 is the same day.
        days: u32,
        /// The local time, in minutes after midnight.
        minute: u16,
    },
}

/// One time of a protocol (R03).
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    diesel::expression::AsExpression,
    diesel::deserialize::FromSqlRow,
)]
#[serde(into = "Written", try_from = "Written")]
#[diesel(sql_type = diesel::sql_types::Text)]
pub struct CheckInTime {
    /// What it is counted from.
    pub since: Since,
    /// How long after, or when on which day.
    pub when: When,
}

/// The stored form: minutes after a scene's end as a number, as all texts before version 3 have it; else its [`word`].
///
/// [`word`]: CheckInTime::word
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Minutes(u32),
    Word(String),
}

impl From<CheckInTime> for Written {
    fn from(time: CheckInTime) -> Self {
        time.offset().map_or_else(|| Self::Word(time.word()), Self::Minutes)
    }
}

impl TryFrom<Written> for CheckInTime {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        match written {
            Written::Minutes(minutes) => Ok(Self::after_end(minutes)),
            Written::Word(word) => Self::of_word(&word).ok_or_else(|| format!("{word:?} is no time")),
        }
    }
}

impl CheckInTime {
    /// So many minutes after the scene's end.
    pub const fn after_end(minutes: u32) -> Self {
        Self { since: Since::End, when: When::After { minutes } }
    }

    /// The minutes after the scene's end; None: it is another kind of time.
    pub fn offset(self) -> Option<u32> {
        match (self.since, self.when) {
            (Since::End, When::After { minutes }) => Some(minutes),
            (Since::End | Since::Parting, _) => None,
        }
    }

    /// Whether it is a local time of the person asked.
    pub fn is_local(self) -> bool {
        matches!(self.when, When::OnDay { .. })
    }

    /// Its form in the database and in an agreement's text, such as `end+60min` or `parting+1d@18:00`.
    pub fn word(self) -> String {
        let since = self.since.word();
        match self.when {
            When::After { minutes } => format!("{since}+{minutes}min"),
            When::OnDay { days, minute } => format!("{since}+{days}d@{}", spelled_minute(minute)),
        }
    }

    /// The time that a word stands for; one of another form, or out of bounds, is none.
    pub fn of_word(word: &str) -> Option<Self> {
        let (since, when) = word.split_once('+')?;
        let since = Since::of_word(since)?;
        let when = match when.split_once("d@") {
            Some((days, clock)) => When::OnDay { days: days.parse().ok()?, minute: clock_minute(clock)? },
            None => When::After { minutes: when.strip_suffix("min")?.parse().ok()? },
        };
        let time = Self { since, when };
        (time.word() == word && time.is_within_bounds()).then_some(time)
    }

    fn is_within_bounds(self) -> bool {
        match self.when {
            When::After { minutes } => minutes <= OFFSET_MAX_MINUTES,
            When::OnDay { days, .. } => days <= DAYS_MAX,
        }
    }

    /// Minutes after its beginning, a local time as if that were the morning that ends the night: what orders a protocol and
    /// tells which of its times are too near each other.
    fn nominal(self) -> u32 {
        match self.when {
            When::After { minutes } => minutes,
            When::OnDay { days, minute } => {
                let of_day = (u32::from(minute) + DAY_MINUTES - u32::from(NIGHT_ENDS)) % DAY_MINUTES;
                days * DAY_MINUTES + of_day
            }
        }
    }

    /// When it is for a person in `zone`, if what it is counted from happened at `from` (R17).
    pub fn instant(self, from: Timestamp, zone: &Zone) -> Timestamp {
        match self.when {
            When::After { minutes } => from + SignedDuration::from_mins(minutes.into()),
            When::OnDay { days, minute } => {
                let at = zone.on_day(from, days, minute, NIGHT_ENDS);
                // "The same day at 21:00", and the scene went on until 23:00: asked soon, and not in the past.
                if at < from { from + APART } else { at }
            }
        }
    }

    /// The time in words, as the end of "you are asked …".
    pub fn sentence(self) -> String {
        match self.when {
            When::After { minutes } => match (minutes, self.since) {
                (0, Since::End) => "when the scene ends".to_owned(),
                (0, Since::Parting) => "when you part".to_owned(),
                (_, Since::End) => format!("{} after the scene", length(minutes)),
                (_, Since::Parting) => format!("{} after you part", length(minutes)),
            },
            When::OnDay { days, minute } => {
                let day = if minute < NIGHT_ENDS { "night" } else { "day" };
                let which = match (days, self.since) {
                    (0, Since::End) => format!("the same {day}"),
                    (1, Since::End) => format!("the next {day}"),
                    (_, Since::End) => format!("{days} {day}s later"),
                    (0, Since::Parting) => format!("the {day} you part"),
                    (1, Since::Parting) => format!("the {day} after you part"),
                    (_, Since::Parting) => format!("{days} {day}s after you part"),
                };
                format!("{which} at {}", spelled_minute(minute))
            }
        }
    }
}

/// A duration in words, such as `24 hours`, `one hour` or `90 minutes`.
pub fn length(minutes: u32) -> String {
    const WORDS: [&str; 13] = [
        "no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
        "twelve",
    ];
    let count = |n: u32, unit: &str| {
        let number = usize::try_from(n).ok().and_then(|n| WORDS.get(n));
        let number = number.map_or_else(|| n.to_string(), |word| (*word).to_owned());
        format!("{number} {unit}{}", if n == 1 { "" } else { "s" })
    };
    match (minutes / 60, minutes % 60) {
        (hours, 0) if hours > 0 => count(hours, "hour"),
        (hours, rest) if hours > 1 => format!("{} and {}", count(hours, "hour"), count(rest, "minute")),
        _ => count(minutes, "minute"),
    }
}

/// A time as somebody gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeGiven {
    /// The field below its entry that it was given in.
    pub field: &'static str,
    /// What it is counted from.
    pub since: Since,
    /// How long after, or when on which day.
    pub when: WhenGiven,
}

/// As [`When`], unchecked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhenGiven {
    /// So many minutes later.
    After {
        /// The field `minutes`.
        minutes: i32,
    },
    /// At a local time, so many days later.
    OnDay {
        /// The field `daysAfter`.
        days: i32,
        /// The field `localTime`: `HH:MM`.
        local_time: String,
    },
}

impl TimeGiven {
    /// So many minutes after the scene's end.
    pub fn after_end(minutes: i32) -> Self {
        Self { field: "afterEnd", since: Since::End, when: WhenGiven::After { minutes } }
    }

    fn checked(&self, checks: &mut Checks, entry: &str) -> Option<CheckInTime> {
        let at = |name: &str| format!("{entry}.{}.{name}", self.field);
        let when = match &self.when {
            WhenGiven::After { minutes } => {
                checks.range(&at("minutes"), (*minutes).into(), 0, OFFSET_MAX_MINUTES.into());
                When::After { minutes: u32::try_from(*minutes).ok()? }
            }
            WhenGiven::OnDay { days, local_time } => {
                checks.range(&at("daysAfter"), (*days).into(), 0, DAYS_MAX.into());
                let minute = checks.take(clock_minute(local_time).ok_or_else(|| {
                    let sentence = "This is not a local time such as 09:00.";
                    Problem::new(at("localTime"), ProblemCode::Malformed, sentence)
                }));
                When::OnDay { days: u32::try_from(*days).ok()?, minute: minute? }
            }
        };
        Some(CheckInTime { since: self.since, when })
    }
}

/// When check-ins fall due: each time once, in the order in which they are likely to come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CheckInProtocol(Vec<CheckInTime>);

impl Default for CheckInProtocol {
    /// One hour, one day, two days: the times at which delayed drop tends to come.
    fn default() -> Self {
        Self([60, 24 * 60, 48 * 60].map(CheckInTime::after_end).to_vec())
    }
}

impl CheckInProtocol {
    /// Checks up to eight times that are at least half an hour apart, and puts them in order. At least one is counted from
    /// the scene's end: two who never say that they part are asked too (R01).
    pub fn parse(checks: &mut Checks, field: &str, given: &[TimeGiven]) -> Self {
        checks.list(field, given, TIMES_MAX);
        if given.is_empty() {
            let sentence = "A protocol needs at least one check-in.";
            checks.note(Problem::new(field, ProblemCode::Required, sentence));
        }
        let given = (0..).zip(given).take(TIMES_MAX);
        let mut times: Vec<(usize, CheckInTime)> =
            given.filter_map(|(n, one)| Some((n, one.checked(checks, &format!("{field}.{n}"))?))).collect();
        times.sort_by_key(|(n, time)| (*time, *n));
        for pair in times.windows(2) {
            let [(_, before), (n, time)] = pair else { continue };
            if before == time {
                let sentence = "The same entry is there twice.";
                checks.note(Problem::new(field, ProblemCode::Duplicate, sentence));
            } else if before.too_near(*time) {
                let sentence = format!("Check-ins are at least {APART_MINUTES} minutes apart.");
                checks.note(Problem::new(format!("{field}.{n}"), ProblemCode::OutOfRange, sentence));
            }
        }
        if !times.is_empty() && times.iter().all(|(_, time)| time.since == Since::Parting) {
            let sentence = "At least one check-in is counted from the scene's end.";
            checks.note(Problem::new(field, ProblemCode::Required, sentence));
        }
        Self(times.into_iter().map(|(_, time)| time).collect())
    }

    /// A protocol of offsets from the scene's end, in minutes; the rules of [`CheckInProtocol::parse`] are the caller's.
    pub fn of_offsets(minutes: &[u32]) -> Self {
        let mut minutes = minutes.to_vec();
        minutes.sort_unstable();
        Self(minutes.into_iter().map(CheckInTime::after_end).collect())
    }

    /// Its times, in order.
    pub fn times(&self) -> &[CheckInTime] {
        &self.0
    }
}

impl Ord for CheckInTime {
    /// By what they are counted from, minutes before local times, the earlier first.
    fn cmp(&self, other: &Self) -> Ordering {
        let place = |time: &Self| (time.since, time.is_local(), time.nominal());
        place(self).cmp(&place(other))
    }
}

impl PartialOrd for CheckInTime {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl CheckInTime {
    /// Whether two times of one kind are less than half an hour apart; of different kinds, that shows only when the scene ends.
    fn too_near(self, other: Self) -> bool {
        self.since == other.since
            && self.is_local() == other.is_local()
            && self.nominal().abs_diff(other.nominal()) < APART_MINUTES
    }
}

#[cfg(test)]
mod tests;

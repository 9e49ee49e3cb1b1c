//! When check-ins fall due and close, reckoned apart from the code that the model checks (R03, R17, R19).

use jiff::civil;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde_json::{Value, json};

/// What a time is counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    End,
    Parting,
}

/// A time of a protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Time {
    /// So many minutes later.
    After(Since, i64),
    /// So many days later, at a local time in minutes after midnight.
    OnDay(Since, i64, i16),
}

use Since::{End, Parting};
use Time::{After, OnDay};

/// The protocols that people agree on, each in the order in which its times are placed.
pub const PROTOCOLS: [&[Time]; 8] = [
    &[After(End, 60), After(End, 24 * 60), After(End, 48 * 60)],
    &[After(End, 60)],
    &[After(End, 0), After(End, 6 * 60), After(End, 10 * 60)],
    &[After(End, 30 * 60), After(End, 50 * 60)],
    &[After(End, 60), OnDay(End, 1, 9 * 60 + 30), OnDay(End, 2, 18 * 60)],
    &[OnDay(End, 0, 21 * 60), OnDay(End, 0, 2 * 60 + 30), OnDay(End, 1, 10 * 60)],
    &[After(End, 60), After(Parting, 3 * 60), After(Parting, 30 * 60)],
    &[After(End, 90), OnDay(End, 1, 12 * 60), After(Parting, 24 * 60), OnDay(Parting, 1, 11 * 60 + 45)],
];

/// Until then a night belongs to the day before it.
const NIGHT_ENDS: i16 = 4 * 60;
/// Nearest that two check-ins of one scene come to each other, unless both are so many minutes after its end.
const APART: SignedDuration = SignedDuration::from_mins(30);

impl Time {
    pub fn since(self) -> Since {
        match self {
            After(since, _) | OnDay(since, ..) => since,
        }
    }

    /// As an input of a protocol.
    pub fn typed(self) -> Value {
        let clock = |minute: i16| format!("{:02}:{:02}", minute / 60, minute % 60);
        match self {
            After(End, minutes) => json!({ "afterEnd": { "minutes": minutes } }),
            After(Parting, minutes) => json!({ "afterParting": { "minutes": minutes } }),
            OnDay(End, days, minute) => json!({ "onDay": { "daysAfter": days, "localTime": clock(minute) } }),
            OnDay(Parting, days, minute) => {
                json!({ "onDayAfterParting": { "daysAfter": days, "localTime": clock(minute) } })
            }
        }
    }

    /// As the service shows it, with [`SHOWN`].
    pub fn shown(time: &Value) -> Self {
        let number = |field: &str| time[field].as_i64().unwrap();
        let clock = || {
            let (hour, minute) = time["localTime"].as_str().unwrap().split_once(':').unwrap();
            hour.parse::<i16>().unwrap() * 60 + minute.parse::<i16>().unwrap()
        };
        match time["__typename"].as_str().unwrap() {
            "AfterEnd" => After(End, number("minutes")),
            "AfterParting" => After(Parting, number("minutes")),
            "OnDay" => OnDay(End, number("daysAfter"), clock()),
            "OnDayAfterParting" => OnDay(Parting, number("daysAfter"), clock()),
            other => panic!("{other} is no time of a protocol"),
        }
    }

    /// When it would be, if nothing else were near; `from`: the end or the parting.
    fn instant(self, from: Timestamp, zone: &TimeZone) -> Timestamp {
        match self {
            After(_, minutes) => from + SignedDuration::from_mins(minutes),
            OnDay(_, days, minute) => {
                let local = zone.to_datetime(from);
                let evening = if minute_of(local) < NIGHT_ENDS {
                    local.date().yesterday().unwrap()
                } else {
                    local.date()
                };
                let day = evening + days.days();
                let at =
                    clock_at(zone, if minute < NIGHT_ENDS { day.tomorrow().unwrap() } else { day }, minute);
                // The same day at nine, and it went on until ten: asked half an hour later.
                if at < from { from + APART } else { at }
            }
        }
    }
}

/// The fields of a time.
pub const SHOWN: &str = "time { __typename ... on AfterEnd { minutes } ... on AfterParting { minutes }
    ... on OnDay { daysAfter localTime } ... on OnDayAfterParting { daysAfter localTime } }";

fn minute_of(local: civil::DateTime) -> i16 {
    i16::from(local.hour()) * 60 + i16::from(local.minute())
}

/// When a clock shows that; the later of two instants, and after a gap.
fn clock_at(zone: &TimeZone, day: civil::Date, minute: i16) -> Timestamp {
    let local = day.at((minute / 60) as i8, (minute % 60) as i8, 0, 0);
    zone.to_ambiguous_timestamp(local).later().unwrap()
}

/// A check-in's time, when it falls due and when it closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    pub time: Time,
    pub due: Timestamp,
    pub closes: Timestamp,
}

/// Puts check-ins beside those that stay: so many minutes after the end is just then, and of the others each keeps half an
/// hour from all that have their place.
fn beside(stay: &[Placed], others: impl IntoIterator<Item = (Time, Timestamp)>) -> Vec<Placed> {
    let mut all = stay.to_vec();
    for (time, mut due) in others {
        if !matches!(time, After(End, _)) {
            while let Some(near) = all
                .iter()
                .find(|other| (due - APART..due + APART).contains(&other.due) && other.due != due - APART)
            {
                due = near.due + APART;
            }
        }
        all.push(Placed { time, due, closes: due });
    }
    all.sort_by_key(|one| one.due);
    for n in 0..all.len() {
        let day = all[n].due + SignedDuration::from_hours(24);
        all[n].closes = all.get(n + 1).map_or(day, |next| next.due.min(day));
    }
    all
}

/// The check-ins of a person in `zone` after a scene. `known`: those that they have; only what is counted from `moved` is
/// placed anew.
pub fn after_scene(
    protocol: &[Time],
    known: &[Placed],
    moved: Since,
    (ended, parted): (Timestamp, Option<Timestamp>),
    zone: &TimeZone,
) -> Vec<Placed> {
    let stay: Vec<Placed> = known.iter().filter(|one| one.time.since() != moved).copied().collect();
    let others = protocol.iter().filter(|time| stay.iter().all(|one| one.time != **time));
    let others = others.filter_map(|time| {
        let from = if time.since() == End { Some(ended) } else { parted };
        Some((*time, time.instant(from?, zone)))
    });
    beside(&stay, others.collect::<Vec<_>>())
}

/// The same after the person went from one zone to another: what is to come keeps its local day and time.
pub fn after_journey(
    protocol: &[Time],
    known: &[Placed],
    (from, to): (&TimeZone, &TimeZone),
    now: Timestamp,
) -> Vec<Placed> {
    let comes = |one: &Placed| one.due > now && matches!(one.time, OnDay(..));
    let stay: Vec<Placed> = known.iter().filter(|one| !comes(one)).copied().collect();
    let others = protocol.iter().filter_map(|time| {
        let one = known.iter().find(|one| one.time == *time && comes(one))?;
        let OnDay(_, _, minute) = *time else { return None };
        let there = from.to_datetime(one.due);
        // What was put off by others past midnight is still of the day before.
        let day = if minute_of(there) < minute { there.date().yesterday().unwrap() } else { there.date() };
        Some((*time, clock_at(to, day, minute).max(now)))
    });
    let mut all = beside(&stay, others.collect::<Vec<_>>());
    for one in &mut all {
        if let Some(over) = known.iter().find(|old| old.time == one.time && old.closes <= now) {
            *one = *over;
        }
    }
    all
}

//! Quiet hours in any zone at any instant (R17 to R19), against a clock on the wall.

#![no_main]

use arbitrary::Arbitrary;
use evenkeel::domain::quiet_hours::{QuietHours, Rhythm, Unreadable, Zone};
use evenkeel::domain::zone_rules::ZoneRules;
use jiff::{SignedDuration, Timestamp};
use libfuzzer_sys::fuzz_target;
use std::ops::Range;
use std::sync::{LazyLock, OnceLock};

const DAY: i64 = 24 * 60 * 60;
/// The years in which every rule has to hold, in seconds: 2000 to 2199. Anywhere else nothing may panic.
const YEARS: Range<i64> = 946_684_800..7_258_118_400;

/// A zone with its clock changes in those years, and the largest of them in seconds.
struct Place {
    zone: Zone,
    changes: Vec<i64>,
    largest: i64,
}

/// Every zone of the tz database, each read when it is first needed.
static PLACES: LazyLock<Vec<(String, OnceLock<Place>)>> = LazyLock::new(|| {
    ZoneRules::chosen().names().map(|name| (name, OnceLock::new())).collect()
});

impl Place {
    fn numbered(number: u16) -> &'static Self {
        let (name, place) = &PLACES[usize::from(number) % PLACES.len()];
        place.get_or_init(|| Self::of(Zone::named("zone", name).unwrap()))
    }

    fn of(zone: Zone) -> Self {
        let at = |second| Timestamp::from_second(second).unwrap();
        let offset = |second| i64::from(zone.time_zone().to_offset(at(second)).seconds());
        let changes = zone.time_zone().following(at(YEARS.start - 3 * DAY));
        let changes = changes.map(|change| change.timestamp().as_second());
        let changes: Vec<i64> = changes.take_while(|second| *second < YEARS.end + 3 * DAY).collect();
        let largest = changes.iter().map(|change| (offset(*change) - offset(change - 1)).abs()).max();
        Self { largest: largest.unwrap_or(0), changes, zone }
    }

    /// Whether the clocks change within two days of `at`.
    fn near_change(&self, at: Timestamp) -> bool {
        let (from, until) = (at.as_second() - 2 * DAY, at.as_second() + 2 * DAY);
        let next = self.changes.partition_point(|change| *change < from);
        self.changes.get(next).is_some_and(|change| *change <= until)
    }

    /// An instant near a clock change.
    fn at_change(&self, number: u16, by: i32) -> Option<Timestamp> {
        let change = self.changes.get(usize::from(number) % self.changes.len().max(1))?;
        Timestamp::from_second(change + i64::from(by) % (2 * DAY)).ok()
    }
}

#[derive(Arbitrary, Debug)]
enum When {
    /// So many seconds from a clock change.
    Change(u16, i32),
    /// A second of the years.
    Second(u64),
    /// Any instant.
    Any(i64, i32),
}

impl When {
    fn at(&self, place: &Place) -> Option<Timestamp> {
        match *self {
            Self::Change(number, by) => place.at_change(number, by),
            Self::Second(second) => {
                let length = u64::try_from(YEARS.end - YEARS.start).ok()?;
                Timestamp::from_second(YEARS.start + i64::try_from(second % length).ok()?).ok()
            }
            Self::Any(second, nanosecond) => Timestamp::new(second, nanosecond).ok(),
        }
    }
}

#[derive(Arbitrary, Debug)]
struct Person<'a> {
    zone: u16,
    /// Stored instead of the zone's name, if there is one.
    name: Option<&'a str>,
    offset: Option<i32>,
    from: Option<i32>,
    until: Option<i32>,
    /// Whether the minutes are taken modulo a day, as most valid ones are.
    valid: bool,
}

impl Person<'_> {
    /// The rhythm as the service reads it from its row.
    fn rhythm(&self) -> (Rhythm, &'static Place) {
        let place = Place::numbered(self.zone);
        let minute =
            |value: Option<i32>| value.map(|value| if self.valid { value.rem_euclid(1440) } else { value });
        let (from, until) = (minute(self.from), minute(self.until));
        let name = self.name.unwrap_or(place.zone.name());
        let (rhythm, unreadable) = Rhythm::stored(name, self.offset, (from, until));
        let known = Zone::named("zone", name).ok();
        let hours = match (from, until) {
            (None, None) => true,
            (Some(from), Some(until)) => {
                let day = 0..1440;
                day.contains(&from)
                    && day.contains(&until)
                    && (1..=1200).contains(&(until - from).rem_euclid(1440))
            }
            _ => false,
        };
        let expected = match (known.is_some(), hours) {
            (true, true) => None,
            (false, true) => Some(Unreadable::Zone),
            (true, false) => Some(Unreadable::QuietHours),
            (false, false) => Some(Unreadable::Both),
        };
        assert_eq!(unreadable, expected);
        match (unreadable, rhythm.quiet) {
            (None, quiet) => {
                assert_eq!(quiet.map(|quiet| (quiet.from().into(), quiet.until().into())), from.zip(until));
            }
            (Some(_), quiet) => assert!(quiet.is_some(), "what cannot be read means quiet at night"),
        }
        if let Some(known) = known {
            assert_eq!(Zone::named("zone", known.name()), Ok(known.clone()), "its name is stored");
            assert_eq!(rhythm.zone, known);
        }
        (rhythm, place)
    }
}

/// Times of day, parsed and written again.
fn hours(from: &str, until: &str) {
    let Ok(quiet) = QuietHours::parse("quietHours", from, until) else { return };
    let written = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
    assert_eq!((written(quiet.from()).as_str(), written(quiet.until()).as_str()), (from, until));
    assert_eq!(QuietHours::of("quietHours", quiet.from(), quiet.until()), Ok(quiet));
}

/// Whether a clock on the wall there shows quiet hours: by its reading alone, without the code under test.
fn wall_clock_is_quiet(rhythm: &Rhythm, at: Timestamp) -> bool {
    let Some(quiet) = rhythm.quiet else { return false };
    let local = rhythm.zone.time_zone().to_datetime(at);
    let minute = local.hour() as u16 * 60 + local.minute() as u16;
    let (from, until) = (quiet.from(), quiet.until());
    if from < until { (from..until).contains(&minute) } else { minute >= from || minute < until }
}

fn check(rhythm: &Rhythm, place: &Place, now: Timestamp) {
    let late = SignedDuration::from_secs(DAY + place.largest);
    let awake = rhythm.awake(now);
    assert!(!wall_clock_is_quiet(rhythm, awake) && !rhythm.is_quiet(awake), "{now}: {awake} is quiet");
    assert!(now <= awake && awake.duration_since(now) <= late, "{now}: {awake} is early or late");
    assert_eq!(rhythm.awake(awake), awake, "who is awake stays so");
    assert_eq!(rhythm.is_quiet(now), awake != now);
    if !place.near_change(now) {
        assert_eq!(awake != now, wall_clock_is_quiet(rhythm, now), "{now} was moved to {awake}");
    }
    let morning = rhythm.next_morning(now);
    assert!(!wall_clock_is_quiet(rhythm, morning), "{now}: {morning} is quiet");
    assert!(now < morning && morning.duration_since(now) <= late, "{now}: {morning} is early or late");
    let date = rhythm.zone.date(now);
    let start = rhythm.zone.start_of(date);
    assert!(start <= now && rhythm.zone.date(start) == date, "{date} began at {start}");
}

fn check_both(one: &Rhythm, other: &Rhythm, now: Timestamp, end: Timestamp) {
    let found = one.both_awake(other, now, end);
    assert_eq!(other.both_awake(one, now, end), found, "the same for both");
    if let Some(found) = found {
        assert!(now <= found && found < end, "{found} is outside {now} to {end}");
        assert!(!wall_clock_is_quiet(one, found) && !wall_clock_is_quiet(other, found), "{found} is quiet");
        if found > now {
            let before = found - SignedDuration::from_nanos(1);
            assert!(one.is_quiet(before) || other.is_quiet(before), "{found} is not the first");
        }
    }
}

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    when: When,
    window: u32,
    one: Person<'a>,
    other: Person<'a>,
    from: &'a str,
    until: &'a str,
}

fuzz_target!(|input: Input| {
    hours(input.from, input.until);
    let ((one, place), (other, elsewhere)) = (input.one.rhythm(), input.other.rhythm());
    let Some(now) = input.when.at(place) else { return };
    let window = i64::from(input.window) % (3 * DAY);
    let end = now.checked_add(SignedDuration::from_secs(window)).unwrap_or(Timestamp::MAX);
    // Stored names may stand for any zone, whose clock changes are then not at hand.
    let known = one.zone == place.zone && other.zone == elsewhere.zone;
    if known && (YEARS.start..YEARS.end - 4 * DAY).contains(&now.as_second()) {
        check(&one, place, now);
        check_both(&one, &other, now, end);
    } else {
        let _ = (one.is_quiet(now), one.awake(now), one.next_morning(now), one.both_awake(&other, now, end));
        let _ = (one.zone.offset_minutes(now), one.zone.start_of(one.zone.date(now)));
    }
});

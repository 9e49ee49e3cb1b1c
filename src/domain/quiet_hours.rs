//! Zones and quiet hours: when a person may be disturbed, on every night of the year, including clock changes.

use super::problem::{Problem, ProblemCode};
use super::zone_rules::ZoneRules;
use jiff::civil::{Date, Time};
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, ToSpan};

/// Minutes of a day.
const DAY: u16 = 24 * 60;

/// The morning of a person without quiet hours: 09:00, in minutes after midnight.
pub const DEFAULT_MORNING: u16 = 9 * 60;

/// An IANA time zone from the tz database; or a fixed offset, for a stored name that the database does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    name: String,
    zone: TimeZone,
}

impl Zone {
    /// The zone of that IANA name, such as `Europe/Berlin`.
    pub fn named(field: &str, name: &str) -> Result<Self, Problem> {
        let malformed = || {
            Problem::new(
                field,
                ProblemCode::Malformed,
                "This is not an IANA time zone name such as Europe/Berlin.",
            )
        };
        let zone = ZoneRules::chosen().zone(name).ok_or_else(malformed)?;
        // jiff accepts names in any case; the stored name has the tz database's spelling.
        let name = zone.iana_name().ok_or_else(malformed)?.to_owned();
        Ok(Self { name, zone })
    }

    /// A fixed offset from UTC, in minutes. It is off by an hour after a clock change.
    fn fixed(minutes: i32) -> Self {
        let offset = Offset::from_seconds(minutes.saturating_mul(60)).unwrap_or(Offset::UTC);
        let (sign, size) =
            (if offset.seconds() < 0 { '-' } else { '+' }, offset.seconds().unsigned_abs() / 60);
        Self { name: format!("UTC{sign}{:02}:{:02}", size / 60, size % 60), zone: TimeZone::fixed(offset) }
    }

    /// The offset from UTC at `at`, in minutes; stored beside the name.
    pub fn offset_minutes(&self, at: Timestamp) -> i32 {
        self.zone.to_offset(at).seconds().div_euclid(60)
    }

    /// The IANA name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The rules of the zone.
    pub fn time_zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The local date at `at`.
    pub fn date(&self, at: Timestamp) -> Date {
        self.zone.to_datetime(at).date()
    }

    /// The local time at `at`, in minutes after midnight.
    pub fn minute(&self, at: Timestamp) -> u16 {
        let local = self.zone.to_datetime(at);
        u16::from(local.hour().unsigned_abs()) * 60 + u16::from(local.minute().unsigned_abs())
    }

    /// The first instant of the local date `date`: its midnight, or where a clock change skips that, the end of the gap.
    pub fn start_of(&self, date: Date) -> Timestamp {
        let midnight = date.to_datetime(Time::midnight());
        self.zone.to_ambiguous_timestamp(midnight).compatible().unwrap_or(Timestamp::MIN)
    }

    /// The instant of a local time, in minutes after midnight, so many days after `from`; the later one where a clock change
    /// skips or repeats it (R17). A night belongs to the day before it until `night_ends`.
    pub fn on_day(&self, from: Timestamp, days: u32, minute: u16, night_ends: u16) -> Timestamp {
        let local = self.zone.to_datetime(from);
        let yesterday = local.time() < time_of(night_ends);
        let days = i64::from(days) + i64::from(minute < night_ends) - i64::from(yesterday);
        self.later(local.date().saturating_add(days.days()), minute)
    }

    /// The instant at which it is here the local day and time that it was in `other` at or before `at`, within a day.
    pub fn same_day(&self, at: Timestamp, minute: u16, other: &Self) -> Timestamp {
        let date = other.date(at);
        let date = if other.minute(at) < minute { date.saturating_sub(1.day()) } else { date };
        self.later(date, minute)
    }

    /// The instant of the local time `minute` that is nearest to `at`, which had that local time under older rules.
    pub fn nearest(&self, at: Timestamp, minute: u16) -> Timestamp {
        let date = self.date(at);
        let days = [date.saturating_sub(1.day()), date, date.saturating_add(1.day())];
        let instants = days.map(|date| self.later(date, minute));
        instants.into_iter().min_by_key(|instant| instant.duration_since(at).abs()).unwrap_or(at)
    }

    /// The instant of `minute` on `date`; the later one where a clock change skips or repeats it (R17).
    fn later(&self, date: Date, minute: u16) -> Timestamp {
        let local = date.to_datetime(time_of(minute));
        self.zone.to_ambiguous_timestamp(local).later().unwrap_or(Timestamp::MAX)
    }

    /// The instant of `minute` on `date`; the earlier one where a clock change skips or repeats it.
    fn earlier(&self, date: Date, minute: u16) -> Timestamp {
        let local = date.to_datetime(time_of(minute));
        self.zone.to_ambiguous_timestamp(local).earlier().unwrap_or(Timestamp::MIN)
    }
}

/// A local time `HH:MM` in minutes after midnight; one of another form is none.
pub fn clock_minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let digits = |s: &str| s.len() == 2 && s.bytes().all(|b| b.is_ascii_digit());
    if !digits(hour) || !digits(minute) {
        return None;
    }
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    (hour <= 23 && minute <= 59).then_some(hour * 60 + minute)
}

/// Minutes after midnight as `HH:MM`.
pub fn spelled_minute(minute: u16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

fn time_of(minute: u16) -> Time {
    let minute = minute % DAY;
    // The remainder above keeps both parts in range.
    Time::constant((minute / 60) as i8, (minute % 60) as i8, 0, 0)
}

/// The part of each local day in which a person is not disturbed, `from` to `until`, in minutes after
/// midnight. It may cross midnight, and never covers a whole day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuietHours {
    from: u16,
    until: u16,
}

impl QuietHours {
    /// The default of a new account: 22:00 to 08:00.
    pub const DEFAULT: Self = Self { from: 22 * 60, until: 8 * 60 };

    /// Maximum length: 20 hours, so that every day has hours in which the person can be reached.
    pub const LONGEST: u16 = 20 * 60;

    /// Parses local times `HH:MM`. Equal times would mean all day (or never) and are refused.
    pub fn parse(field: &str, from: &str, until: &str) -> Result<Self, Problem> {
        let minutes = |name: &str, text: &str| {
            clock_minute(text).ok_or_else(|| {
                let sentence = "This is not a local time such as 22:30.";
                Problem::new(format!("{field}.{name}"), ProblemCode::Malformed, sentence)
            })
        };
        Self::of(field, minutes("from", from)?, minutes("until", until)?)
    }

    /// Quiet hours from minutes after midnight.
    pub fn of(field: &str, from: u16, until: u16) -> Result<Self, Problem> {
        let quiet = Self { from: from % DAY, until: until % DAY };
        let length = (quiet.until + DAY - quiet.from) % DAY;
        if length == 0 || length > Self::LONGEST {
            let sentence = "Quiet hours must leave at least four hours of the day free.";
            return Err(Problem::new(field, ProblemCode::OutOfRange, sentence));
        }
        Ok(quiet)
    }

    /// Stored quiet hours. Two nulls are a person's choice of none; None: the pair is invalid.
    fn stored(from: Option<i32>, until: Option<i32>) -> Option<Option<Self>> {
        let minute = |value: i32| u16::try_from(value).ok().filter(|minute| *minute < DAY);
        match (from, until) {
            (None, None) => Some(None),
            (Some(from), Some(until)) => Self::of("quietHours", minute(from)?, minute(until)?).ok().map(Some),
            (Some(_), None) | (None, Some(_)) => None,
        }
    }

    /// Start, in minutes after midnight.
    pub fn from(self) -> u16 {
        self.from
    }

    /// End, in minutes after midnight.
    pub fn until(self) -> u16 {
        self.until
    }

    /// The quiet time that begins on the local date `date`: from the earlier start to the later end, so that
    /// it includes both passes of a repeated hour.
    fn night(self, zone: &Zone, date: Date) -> (Timestamp, Timestamp) {
        let end_date = if self.from < self.until { date } else { date.saturating_add(1.day()) };
        (zone.earlier(date, self.from), zone.later(end_date, self.until))
    }

    /// The night that contains `at`, if one does.
    fn night_around(self, zone: &Zone, at: Timestamp) -> Option<(Timestamp, Timestamp)> {
        self.nights(zone, at).take_while(|(from, _)| *from <= at).find(|(_, until)| at < *until)
    }

    /// The nights that can contain or follow `at`, rising.
    fn nights(self, zone: &Zone, at: Timestamp) -> impl Iterator<Item = (Timestamp, Timestamp)> {
        let first = zone.date(at).saturating_sub(2.days());
        (0..5).map(move |n| self.night(zone, first.saturating_add(n.days())))
    }
}

/// The part of a stored rhythm that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// The zone.
    #[error("the zone is not in the tz database")]
    Zone,
    /// The quiet hours.
    #[error("the quiet hours are not valid")]
    QuietHours,
    /// Both.
    #[error("the zone is not in the tz database and the quiet hours are not valid")]
    Both,
}

/// When one person may be disturbed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rhythm {
    /// The person's time zone.
    pub zone: Zone,
    /// The quiet hours; None: any hour is fine.
    pub quiet: Option<QuietHours>,
}

impl Rhythm {
    /// A stored rhythm, and the part of it that cannot be read. The person is then neither disturbed at night nor
    /// forgotten: 22:00 to 08:00 replace unreadable quiet hours, and the last known offset (`utc_offset`) the zone.
    pub fn stored(
        zone: &str,
        utc_offset: Option<i32>,
        quiet: (Option<i32>, Option<i32>),
    ) -> (Self, Option<Unreadable>) {
        let known = Zone::named("zone", zone).ok();
        let hours = QuietHours::stored(quiet.0, quiet.1);
        let unreadable = match (&known, hours) {
            (Some(_), Some(_)) => None,
            (None, Some(_)) => Some(Unreadable::Zone),
            (Some(_), None) => Some(Unreadable::QuietHours),
            (None, None) => Some(Unreadable::Both),
        };
        // In a damaged row, nulls do not count as the choice of no quiet hours.
        let quiet = match unreadable {
            None => hours.flatten(),
            Some(_) => Some(hours.flatten().unwrap_or(QuietHours::DEFAULT)),
        };
        (Self { zone: known.unwrap_or_else(|| Zone::fixed(utc_offset.unwrap_or(0))), quiet }, unreadable)
    }

    /// Whether `at` lies in the quiet hours.
    pub fn is_quiet(&self, at: Timestamp) -> bool {
        self.quiet.is_some_and(|quiet| quiet.night_around(&self.zone, at).is_some())
    }

    /// `at` itself, or the end of the quiet hours that contain it (R17).
    pub fn awake(&self, at: Timestamp) -> Timestamp {
        let Some(quiet) = self.quiet else { return at };
        let mut at = at;
        // In a night with a clock change two nights can touch; each step leaves one of them.
        while let Some((_, until)) = quiet.night_around(&self.zone, at) {
            at = until;
        }
        at
    }

    /// The first waking morning after `at`: the next end of quiet hours, or 09:00 without quiet hours.
    pub fn next_morning(&self, at: Timestamp) -> Timestamp {
        let next = match self.quiet {
            Some(quiet) => quiet.nights(&self.zone, at).map(|(_, until)| until).find(|until| *until > at),
            None => {
                let today = self.zone.date(at);
                (0..3)
                    .map(|n| self.zone.later(today.saturating_add(n.days()), DEFAULT_MORNING))
                    .find(|morning| *morning > at)
            }
        };
        self.awake(next.unwrap_or(at))
    }

    /// The first instant from `at` on, before `end`, at which both people are awake: the handover window (R18).
    pub fn both_awake(&self, other: &Self, at: Timestamp, end: Timestamp) -> Option<Timestamp> {
        let mut at = at;
        while at < end {
            let next = other.awake(self.awake(at));
            if next == at {
                return Some(at);
            }
            at = next;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rhythm(zone: &str, from: &str, until: &str) -> Rhythm {
        let quiet = QuietHours::parse("quietHours", from, until).unwrap();
        Rhythm { zone: Zone::named("zone", zone).unwrap(), quiet: Some(quiet) }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn r22_a_local_day_begins_at_its_first_instant_in_every_zone() {
        let (from, until) = (at("2010-01-01T00:00:00Z"), at("2027-01-01T00:00:00Z"));
        let mut skipped = 0;
        for name in ZoneRules::chosen().names() {
            let Ok(zone) = Zone::named("zone", name.as_str()) else { continue };
            let changes = zone.zone.following(from).map(|change| change.timestamp());
            for change in changes.take_while(|change| *change < until) {
                for hours in [-24, 0, 24] {
                    let date = zone.date(change + hours.hours());
                    let start = zone.start_of(date);
                    assert_eq!(zone.date(start), date, "{name} {date}");
                    assert!(zone.date(start - 1.nanosecond()) < date, "{name} {date}");
                    skipped += u32::from(zone.zone.to_datetime(start).time() != Time::midnight());
                }
            }
        }
        // Havana, Beirut, Cairo and others change their clocks at midnight.
        assert!(skipped > 50, "{skipped}");
    }

    #[test]
    fn quiet_hours_move_to_their_end_over_midnight() {
        let berlin = rhythm("Europe/Berlin", "22:00", "08:00");
        assert_eq!(berlin.awake(at("2026-07-01T21:30:00Z")), at("2026-07-02T06:00:00Z"));
        assert_eq!(berlin.awake(at("2026-07-02T06:00:00Z")), at("2026-07-02T06:00:00Z"));
        assert_eq!(berlin.awake(at("2026-07-01T19:59:59Z")), at("2026-07-01T19:59:59Z"));
    }

    #[test]
    fn an_end_in_the_skipped_hour_is_the_later_instant() {
        // 2026-03-29: Berlin goes from 02:00 to 03:00.
        let berlin = rhythm("Europe/Berlin", "22:00", "02:30");
        assert_eq!(berlin.awake(at("2026-03-28T23:00:00Z")), at("2026-03-29T01:30:00Z"));
    }

    #[test]
    fn an_end_in_the_repeated_hour_is_the_later_instant() {
        // 2026-10-25: Berlin goes from 03:00 back to 02:00.
        let berlin = rhythm("Europe/Berlin", "22:00", "02:30");
        assert_eq!(berlin.awake(at("2026-10-25T00:15:00Z")), at("2026-10-25T01:30:00Z"));
        assert!(berlin.is_quiet(at("2026-10-25T00:45:00Z")), "02:45, the first time: the hour comes again");
    }

    #[test]
    fn a_whole_quiet_day_is_refused() {
        assert!(QuietHours::parse("quietHours", "08:00", "08:00").is_err());
        assert!(QuietHours::parse("quietHours", "08:00", "07:59").is_err());
        assert!(QuietHours::parse("quietHours", "8:00", "10:00").is_err());
        assert!(QuietHours::parse("quietHours", "24:00", "10:00").is_err());
    }

    #[test]
    fn what_cannot_be_read_is_quiet_at_night_and_no_longer() {
        let night = Some(QuietHours::DEFAULT);
        let stored = |zone, quiet| Rhythm::stored(zone, Some(-420), quiet);
        let (well, none) = stored("Europe/Berlin", (Some(60), Some(120)));
        assert_eq!((well, none), (rhythm("Europe/Berlin", "01:00", "02:00"), None));
        let (any_hour, none) = stored("Europe/Berlin", (None, None));
        assert_eq!((any_hour.quiet, none), (None, None), "none is a choice");
        for broken in [
            (Some(60), None),
            (None, Some(60)),
            (Some(-1), Some(60)),
            (Some(60), Some(1440)),
            (Some(70_000), Some(60)),
            (Some(60), Some(60)),
            (Some(60), Some(59)),
        ] {
            let (kept, what) = stored("Europe/Berlin", broken);
            assert_eq!((kept.quiet, what), (night, Some(Unreadable::QuietHours)), "{broken:?}");
            assert_eq!(kept.zone.name(), "Europe/Berlin");
            assert_eq!(stored("Nowhere/Town", broken).1, Some(Unreadable::Both));
        }
        let (lost, what) = stored("Nowhere/Town", (None, None));
        assert_eq!((lost.quiet, what, lost.zone.name()), (night, Some(Unreadable::Zone), "UTC-07:00"));
        // 22:00 of the day before to 08:00, seven hours behind UTC.
        assert_eq!(lost.awake(at("2026-07-01T05:00:00Z")), at("2026-07-01T15:00:00Z"));
        assert!(!lost.is_quiet(at("2026-07-01T15:00:00Z")) && !lost.is_quiet(at("2026-07-01T04:59:59Z")));
        let (kept, _) = stored("Nowhere/Town", (Some(60), Some(120)));
        assert_eq!(kept.quiet, rhythm("UTC", "01:00", "02:00").quiet, "what can be read stands");
        assert_eq!(Rhythm::stored("Nowhere/Town", None, (None, None)).0.zone.name(), "UTC+00:00");
        assert_eq!(
            Zone::named("zone", "Asia/Kolkata").unwrap().offset_minutes(at("2026-07-01T05:00:00Z")),
            330
        );
        assert_eq!(Zone::fixed(-570).name(), "UTC-09:30");
    }

    #[test]
    fn the_handover_window_is_the_first_minute_that_both_are_awake() {
        let berlin = rhythm("Europe/Berlin", "22:00", "08:00");
        let la = rhythm("America/Los_Angeles", "23:00", "09:00");
        // 09:00 in Los Angeles is 18:00 in Berlin.
        let from = at("2026-07-01T10:00:00Z");
        assert_eq!(
            berlin.both_awake(&la, from, at("2026-07-02T10:00:00Z")),
            Some(at("2026-07-01T16:00:00Z"))
        );
        assert_eq!(berlin.both_awake(&la, from, at("2026-07-01T15:00:00Z")), None);
    }
}

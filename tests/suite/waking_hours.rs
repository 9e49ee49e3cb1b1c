//! Care comes within waking hours, and soon: every end minute of a day, 49 pairs of zones, three settings of quiet hours, on
//! an ordinary day and in the nights of clock changes.

use evenkeel::domain::check_in::{Ends, Times, times};
use evenkeel::domain::ladder::{Situation, To, plan};
use evenkeel::domain::nudge::{Reason, Rung};
use evenkeel::domain::protocol::CheckInProtocol;
use evenkeel::domain::quiet_hours::{QuietHours, Rhythm, Zone};
use evenkeel::domain::timetable;
use jiff::{SignedDuration, Timestamp};

const ZONES: [&str; 7] = [
    "Europe/Berlin",
    "Europe/London",
    "America/New_York",
    "America/Los_Angeles",
    "Asia/Kolkata",
    "Australia/Sydney",
    "Pacific/Auckland",
];
/// Quiet hours of eight, ten and twelve hours.
const QUIET: [(&str, &str); 3] = [("00:00", "08:00"), ("22:00", "08:00"), ("21:00", "09:00")];
/// An ordinary day, and days before a clock change in one of the zones.
const DAYS: [&str; 7] =
    ["2026-07-01", "2026-03-07", "2026-03-28", "2026-04-04", "2026-10-03", "2026-10-24", "2026-10-31"];
/// Two zones, and the quiet hours that both keep.
type Work = ((&'static str, &'static str), (&'static str, &'static str));
const MINUTES: i64 = 24 * 60;

fn rhythm(zone: &str, (from, until): (&str, &str)) -> Rhythm {
    let quiet = QuietHours::parse("quietHours", from, until).unwrap();
    Rhythm { zone: Zone::named("zone", zone).unwrap(), quiet: Some(quiet) }
}

/// Whether a clock on the wall there shows quiet hours: by its reading alone, without the code under test.
fn shows_quiet(rhythm: &Rhythm, at: Timestamp) -> bool {
    let quiet = rhythm.quiet.unwrap();
    let local = rhythm.zone.time_zone().to_datetime(at);
    let minute = local.hour() as u16 * 60 + local.minute() as u16;
    let (from, until) = (quiet.from(), quiet.until());
    if from < until { (from..until).contains(&minute) } else { minute >= from || minute < until }
}

/// Checks a check-in's ladder and returns when the partner is told.
fn checked(subject: &Rhythm, partner: &Rhythm, ended_at: Timestamp, times: Times) -> Timestamp {
    let steps = plan(&Situation::silent(times, ended_at, subject, partner), ended_at);
    let when = |rung| steps.iter().find(|step| step.reason == Reason::CheckIn(rung)).map(|step| step.send_at);
    assert!(
        when(Rung::Ask).is_some(),
        "{ended_at}: nothing is asked of {subject:?} {}",
        times.time.sentence()
    );
    for step in &steps {
        let recipient = if step.to == To::Subject { subject } else { partner };
        assert!(!shows_quiet(recipient, step.send_at), "{ended_at}: {step:?} comes in quiet hours");
    }
    when(Rung::TellPartner).unwrap_or_else(|| panic!("{ended_at}: nobody is told of {subject:?}"))
}

/// The scenes of two people that end on a day: how many, how many of their partners are told within 27 hours, and after how
/// many minutes the last one is.
fn scenes_of(subject: &Rhythm, partner: &Rhythm, day: &str) -> (i64, i64, i64) {
    let protocol = CheckInProtocol::default();
    let midnight: Timestamp = format!("{day}T00:00:00Z").parse().unwrap();
    let (mut soon, mut latest) = (0, 0);
    for minute in 0..MINUTES {
        let ended_at = midnight + SignedDuration::from_mins(minute);
        let times = times(protocol.times(), &[], Ends { ended_at, parted_at: None }, &subject.zone);
        let told = checked(subject, partner, ended_at, times[0]).duration_since(ended_at).as_mins();
        soon += i64::from(told <= 27 * 60);
        latest = latest.max(told);
        // The later check-ins begin in the same way, a day and two days after: a look at them now and then.
        if minute % 31 == 0 {
            for later in &times[1..] {
                checked(subject, partner, ended_at, *later);
            }
        }
    }
    (MINUTES, soon, latest)
}

#[test]
fn r19_whoever_is_silent_is_asked_each_time_and_the_partner_is_told_within_36_hours() {
    let pairs: Vec<_> = ZONES.iter().flat_map(|one| ZONES.map(|other| (*one, other))).collect();
    let all: Vec<_> = pairs.iter().flat_map(|pair| QUIET.map(|quiet| (*pair, quiet))).collect();
    // Of each pair and setting: how many are told within 27 hours, from 0 to 1, whatever the number of its days.
    let run = |some: &[Work]| -> Vec<f64> {
        let share = |((one, other), quiet): &Work| {
            let (subject, partner) = (rhythm(one, *quiet), rhythm(other, *quiet));
            let (mut scenes, mut soon) = (0, 0);
            for day in DAYS {
                // A clock change matters to who lives there, whatever the quiet hours.
                let one_setting = *quiet == QUIET[(one.len() + other.len()) % QUIET.len()];
                if day == DAYS[0]
                    || one_setting && [&subject, &partner].iter().any(|who| changes_after(who, day))
                {
                    let (all, in_time, latest) = scenes_of(&subject, &partner, day);
                    assert!(latest <= 36 * 60, "{one}, {other} on {day}: told after {latest} minutes");
                    (scenes, soon) = (scenes + all, soon + in_time);
                }
            }
            f64::from(u32::try_from(soon).unwrap()) / f64::from(u32::try_from(scenes).unwrap())
        };
        some.iter().map(share).collect()
    };
    let (first, second) = all.split_at(all.len() / 2);
    let shares = std::thread::scope(|scope| {
        let first = scope.spawn(|| run(first));
        [run(second), first.join().unwrap()].concat()
    });
    let soon = shares.iter().sum::<f64>() / f64::from(u32::try_from(shares.len()).unwrap());
    println!("{:.2} of 100 are told within 27 hours", soon * 100.0);
    assert!(shares.len() == 147 && soon >= 0.95, "{soon}");
}

/// Whether the clocks there change within three days after the beginning of `day`.
fn changes_after(rhythm: &Rhythm, day: &str) -> bool {
    let begin: Timestamp = format!("{day}T00:00:00Z").parse().unwrap();
    let zone = rhythm.zone.time_zone();
    zone.following(begin)
        .next()
        .is_some_and(|change| change.timestamp() < begin + SignedDuration::from_hours(72))
}

#[test]
fn r19_the_timetable_in_the_documents_is_that_of_the_code() {
    let written = include_str!("../../docs/timetable.md");
    assert_eq!(timetable::page(), written, "write it anew: cargo run -- timetable > docs/timetable.md");
}

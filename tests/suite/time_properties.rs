//! Quiet hours and due times hold in every zone of the tz database, over the years 2020 to 2035, clock changes included.

use evenkeel::domain::check_in::{CheckInState, Ends, OPEN_FOR, Times, times};
use evenkeel::domain::ladder::{ALERT_OPEN_FOR, PATIENCE, Situation, Step, To, plan};
use evenkeel::domain::nudge::{Reason, Rung};
use evenkeel::domain::problem::Checks;
use evenkeel::domain::protocol::{CheckInProtocol, CheckInTime, TimeGiven};
use evenkeel::domain::quiet_hours::{QuietHours, Rhythm, Zone};
use evenkeel::domain::zone_rules::ZoneRules;
use jiff::civil::date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::ops::Range;
use std::sync::OnceLock;

const DAY: i64 = 24 * 60 * 60;
/// Cases for each zone and property.
const CASES: u32 = 24;

/// The first and the last second of the years that are looked at.
fn years() -> Range<i64> {
    let second = |year| TimeZone::UTC.to_timestamp(date(year, 1, 1).into()).unwrap().as_second();
    second(2020)..second(2036)
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// A zone with its clock changes in those years, and the largest of them in seconds.
#[derive(Clone, Debug)]
struct Place {
    zone: Zone,
    changes: Vec<i64>,
    largest: i64,
}

impl Place {
    fn of(name: &str) -> Self {
        let zone = Zone::named("zone", name).unwrap();
        let years = years();
        let offset = |second: i64| i64::from(zone.time_zone().to_offset(at(second)).seconds());
        let changes: Vec<i64> = zone
            .time_zone()
            .following(at(years.start))
            .map(|change| change.timestamp().as_second())
            .take_while(|second| *second < years.end)
            .collect();
        let largest = changes.iter().map(|change| (offset(*change) - offset(change - 1)).abs()).max();
        Self { largest: largest.unwrap_or(0), changes, zone }
    }
}

/// Every zone of the tz database.
fn places() -> &'static [Place] {
    static PLACES: OnceLock<Vec<Place>> = OnceLock::new();
    PLACES.get_or_init(|| {
        let places: Vec<_> = ZoneRules::chosen().names().map(|name| Place::of(&name)).collect();
        assert!(places.len() > 400, "{} zones are no tz database", places.len());
        assert!(
            places.iter().any(|place| place.changes.len() == 32),
            "no zone changes its clock twice a year"
        );
        places
    })
}

/// An instant of those years; three of four lie within a day of one of the zone's clock changes.
fn instants(place: &Place) -> BoxedStrategy<Timestamp> {
    let anywhere = years().prop_map(at);
    if place.changes.is_empty() {
        return anywhere.boxed();
    }
    let near =
        (prop::sample::select(place.changes.clone()), -DAY..=DAY).prop_map(|(change, by)| at(change + by));
    prop_oneof![1 => anywhere, 3 => near].boxed()
}

/// Quiet hours of all lengths that are allowed; some are none.
fn quiet_hours() -> impl Strategy<Value = Option<QuietHours>> {
    let some = (0_u16..1440, 1..=QuietHours::LONGEST)
        .prop_map(|(from, length)| Some(QuietHours::of("quietHours", from, from + length).unwrap()));
    prop_oneof![1 => Just(None), 12 => some]
}

fn rhythms(place: &Place) -> impl Strategy<Value = Rhythm> + use<> {
    let zone = place.zone.clone();
    quiet_hours().prop_map(move |quiet| Rhythm { zone: zone.clone(), quiet })
}

/// Runs a property so many times for every zone, from a fixed seed, so that a failure comes again.
fn in_every_zone<S: Strategy>(
    cases: u32,
    strategy: impl Fn(&'static Place) -> S,
    check: impl Fn(&'static Place, S::Value) -> Result<(), TestCaseError>,
) {
    in_zones(places().iter(), cases, strategy, check);
}

fn in_zones<S: Strategy>(
    zones: impl Iterator<Item = &'static Place>,
    cases: u32,
    strategy: impl Fn(&'static Place) -> S,
    check: impl Fn(&'static Place, S::Value) -> Result<(), TestCaseError>,
) {
    for place in zones {
        let config = Config { cases, failure_persistence: None, ..Config::default() };
        let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
        if let Err(error) = runner.run(&strategy(place), |value| check(place, value)) {
            panic!("{}: {error}", place.zone.name());
        }
    }
}

/// Whether a clock on the wall there shows quiet hours: by its reading alone, without the code under test.
fn clock_is_in_quiet_hours(rhythm: &Rhythm, at: Timestamp) -> bool {
    let Some(quiet) = rhythm.quiet else { return false };
    let local = rhythm.zone.time_zone().to_datetime(at);
    let minute = local.hour() as u16 * 60 + local.minute() as u16;
    let (from, until) = (quiet.from(), quiet.until());
    if from < until { (from..until).contains(&minute) } else { minute >= from || minute < until }
}

/// The zone that a second person is in: another one for each zone.
fn elsewhere(place: &Place) -> &'static Place {
    let here = places().iter().position(|other| other.zone == place.zone).unwrap();
    &places()[(here * 7 + 211) % places().len()]
}

#[test]
fn r17_awake_is_never_in_quiet_hours_never_early_and_never_more_than_a_day_late() {
    in_every_zone(
        CASES,
        |place| (rhythms(place), instants(place)),
        |place, (rhythm, now)| {
            let awake = rhythm.awake(now);
            prop_assert!(!clock_is_in_quiet_hours(&rhythm, awake), "{awake} is quiet");
            prop_assert!(awake >= now, "{awake} is before {now}");
            let late = awake.duration_since(now);
            prop_assert!(late <= SignedDuration::from_secs(DAY + place.largest), "{late:?} late");
            prop_assert_eq!(rhythm.awake(awake), awake, "who is awake stays so");
            prop_assert_eq!(rhythm.clone().awake(now), awake);
            if awake == now {
                return Ok(());
            }
            // It moved: then quiet hours lie right before the end that it moved to, on some reading of the clock.
            let before = awake - SignedDuration::from_secs(1);
            prop_assert!(
                near_change(place, awake) || clock_is_in_quiet_hours(&rhythm, before),
                "{before} was not quiet"
            );
            Ok(())
        },
    );
}

#[test]
fn r17_an_instant_that_no_clock_change_is_near_is_moved_only_out_of_quiet_hours() {
    let strategy = |place| (rhythms(place), years().prop_map(at));
    in_every_zone(CASES, strategy, |place, (rhythm, now)| {
        prop_assume!(!near_change(place, now));
        prop_assert_eq!(rhythm.awake(now) != now, clock_is_in_quiet_hours(&rhythm, now));
        Ok(())
    });
}

#[test]
fn r19_the_next_waking_morning_is_later_soon_and_awake() {
    in_every_zone(
        CASES,
        |place| (rhythms(place), instants(place)),
        |place, (rhythm, now)| {
            let morning = rhythm.next_morning(now);
            prop_assert!(morning > now, "{morning} is not after {now}");
            prop_assert!(!clock_is_in_quiet_hours(&rhythm, morning), "{morning} is quiet");
            // A zone that crosses the date line can skip a whole day.
            let late = morning.duration_since(now);
            prop_assert!(late <= SignedDuration::from_secs(DAY + place.largest), "{late:?} late");
            Ok(())
        },
    );
}

#[test]
fn r18_the_handover_window_is_the_first_time_at_which_both_are_awake() {
    let strategy = |place| (rhythms(place), rhythms(elsewhere(place)), instants(place), 0..=2 * DAY);
    in_every_zone(CASES, strategy, |_, (one, other, now, open_for)| {
        let end = now + SignedDuration::from_secs(open_for);
        let found = one.both_awake(&other, now, end);
        prop_assert_eq!(other.both_awake(&one, now, end), found, "the same for both");
        if let Some(found) = found {
            prop_assert!(now <= found && found < end, "{found} is outside {now} to {end}");
            for rhythm in [&one, &other] {
                prop_assert!(!clock_is_in_quiet_hours(rhythm, found), "{found} is quiet");
            }
        }
        Ok(())
    });
}

#[test]
fn r18_no_earlier_minute_would_have_done() {
    let strategy = |place| (rhythms(place), rhythms(elsewhere(place)), instants(place));
    // A sample: the scan takes its time.
    in_zones(places().iter().step_by(9), 3, strategy, |_, (one, other, now)| {
        let minutes = || (0..36 * 60).map(|minute| now + SignedDuration::from_mins(minute));
        let end = now + SignedDuration::from_hours(36);
        let scanned = minutes().find(|at| one.awake(*at) == *at && other.awake(*at) == *at);
        match (one.both_awake(&other, now, end), scanned) {
            (Some(found), Some(minute)) => {
                prop_assert!(
                    found <= minute && minute < found + SignedDuration::from_mins(1),
                    "{found} or {minute}"
                );
            }
            (None, None) => {}
            (Some(found), None) => {
                let last = end - SignedDuration::from_mins(1);
                prop_assert!(found > last, "{found} was not seen by the scan");
            }
            (None, Some(minute)) => prop_assert!(false, "{minute} was missed"),
        }
        Ok(())
    });
}

/// Protocols: one to eight offsets of up to 14 days, half an hour apart.
fn protocols() -> impl Strategy<Value = CheckInProtocol> {
    prop::collection::btree_set(0..=672, 1..=8).prop_map(|halves| {
        let mut checks = Checks::new();
        let given: Vec<_> = halves.into_iter().map(|half| TimeGiven::after_end(half * 30)).collect();
        let protocol = CheckInProtocol::parse(&mut checks, "protocol", &given);
        checks.finish(protocol).unwrap()
    })
}

/// Whether the clocks of a place change within two days of `at`.
fn near_change(place: &Place, at: Timestamp) -> bool {
    place.changes.iter().any(|change| (change - at.as_second()).abs() <= 2 * DAY)
}

#[test]
fn r03_check_ins_fall_due_after_their_offsets_and_close_when_the_next_falls_due_or_after_a_day() {
    in_every_zone(
        4,
        |place| (instants(place), protocols()),
        |place, (ended_at, protocol)| {
            let ends = Ends { ended_at, parted_at: None };
            let times = times(protocol.times(), &[], ends, &place.zone);
            prop_assert_eq!(
                times.iter().map(|times| times.time).collect::<Vec<_>>(),
                protocol.times().to_vec()
            );
            for (n, Times { time, due_at, closes_at, .. }) in times.iter().copied().enumerate() {
                prop_assert_eq!(due_at, ended_at + SignedDuration::from_mins(time.offset().unwrap().into()));
                prop_assert!(closes_at > due_at && closes_at <= due_at + OPEN_FOR);
                match times.get(n + 1) {
                    Some(next) => prop_assert_eq!(closes_at, next.due_at.min(due_at + OPEN_FOR)),
                    None => prop_assert_eq!(closes_at, due_at + OPEN_FOR),
                }
            }
            Ok(())
        },
    );
}

/// Everything that a ladder depends on but the people's rhythms.
#[derive(Clone, Copy, Debug)]
struct Course {
    times: Times,
    made_at: Timestamp,
    snoozed_until: Option<Timestamp>,
    postponed_until: Option<Timestamp>,
    state: CheckInState,
    alert_allowed: bool,
}

fn courses(place: &Place) -> impl Strategy<Value = Course> + use<> {
    let later = || prop::option::weighted(0.3, 0..DAY);
    let state = prop::sample::select(CheckInState::ALL);
    (instants(place), 0..2 * DAY, 1..=DAY, (later(), later()), state, any::<bool>()).prop_map(
        |(due_at, late, open_for, (snooze, pause), state, alert_allowed)| {
            let after = |seconds| due_at + SignedDuration::from_secs(seconds);
            let ended_at = after(-3600);
            let times =
                Times { time: CheckInTime::after_end(60), ended_at, due_at, closes_at: after(open_for) };
            // Half of them are made before they fall due, as most scenes are recorded in time.
            let made_at = if late % 2 == 0 { after(-3600) } else { after(late) };
            let (snoozed_until, postponed_until) = (snooze.map(after), pause.map(after));
            Course { times, made_at, snoozed_until, postponed_until, state, alert_allowed }
        },
    )
}

#[test]
fn r19_a_ladder_rises_keeps_everybodys_quiet_hours_and_ends_when_its_check_in_closes() {
    let strategy = |place| (rhythms(place), rhythms(elsewhere(place)), courses(place));
    in_every_zone(CASES, strategy, |_, (subject, partner, course)| {
        let Course { times, made_at, snoozed_until, postponed_until, state, alert_allowed } = course;
        let situation = Situation {
            times,
            promised: times,
            parted_at: None,
            made_at,
            state,
            snoozed_until,
            postponed_until,
            heard_from: false,
            subject: &subject,
            partner: Some(&partner),
            alert_allowed,
        };
        let steps = plan(&situation, made_at);
        prop_assert_eq!(plan(&situation, made_at), steps.clone(), "the same again");
        prop_assert!(made_at < times.closes_at || steps.is_empty(), "what has closed is not asked");
        let earliest = times.due_at.max(made_at);
        for step in &steps {
            let recipient = if step.to == To::Subject { &subject } else { &partner };
            prop_assert!(!clock_is_in_quiet_hours(recipient, step.send_at), "{:?} is in quiet hours", step);
            prop_assert!(
                earliest <= step.send_at && step.send_at < step.expires_at,
                "{:?} is out of time",
                step
            );
            let expires_at = match step.reason {
                Reason::CheckIn(Rung::TellPartner) => step.send_at + ALERT_OPEN_FOR,
                Reason::CheckIn(_) | Reason::Prompt => times.closes_at,
            };
            prop_assert_eq!(step.expires_at, expires_at);
        }
        let send_at =
            |rung| steps.iter().find(|step| step.reason == Reason::CheckIn(rung)).map(|step| step.send_at);
        let ladder = [Rung::Ask, Rung::Email, Rung::AskAgain, Rung::TellPartner].map(send_at);
        for (n, pair) in ladder.windows(2).enumerate() {
            match (pair[0], pair[1]) {
                (Some(lower), Some(upper)) => {
                    prop_assert!(upper >= lower + PATIENCE, "rung {n}: {lower} and {upper}")
                }
                (None, Some(upper)) => prop_assert!(false, "{upper} stands on nothing"),
                (_, None) => {}
            }
        }
        if state == CheckInState::Unanswered && made_at < times.closes_at {
            let asked = [snoozed_until, postponed_until].into_iter().flatten().fold(earliest, Timestamp::max);
            let asked = subject.awake(asked);
            prop_assert_eq!(send_at(Rung::Ask), Some(asked).filter(|at| *at < times.closes_at));
        } else {
            prop_assert_eq!(ladder, [None; 4], "nobody is asked what is settled or closed");
        }
        prop_assert!(alert_allowed || send_at(Rung::TellPartner).is_none(), "an alert without consent");
        // R11: nothing that the subject does shows in what the partner is prompted to.
        let silent = Situation {
            state: CheckInState::Unanswered,
            snoozed_until: None,
            postponed_until: None,
            ..situation.clone()
        };
        let prompt = |steps: &[Step]| steps.iter().copied().find(|step| step.reason == Reason::Prompt);
        prop_assert_eq!(prompt(&steps), prompt(&plan(&silent, made_at)));
        // R12: once the link has ended, only the subject gets anything.
        let alone = plan(&Situation { partner: None, ..situation }, made_at);
        prop_assert!(alone.iter().all(|step| step.to == To::Subject));
        Ok(())
    });
}

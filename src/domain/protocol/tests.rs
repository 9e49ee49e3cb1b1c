//! Tests of protocols: what is taken, how it is spelled, and when a local time is.

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn zone(name: &str) -> Zone {
    Zone::named("zone", name).unwrap()
}

fn on_day(since: Since, days: u32, clock: &str) -> CheckInTime {
    CheckInTime { since, when: When::OnDay { days, minute: clock_minute(clock).unwrap() } }
}

fn after_parting(minutes: u32) -> CheckInTime {
    CheckInTime { since: Since::Parting, when: When::After { minutes } }
}

fn given(times: &[CheckInTime]) -> Vec<TimeGiven> {
    let one = |time: &CheckInTime| TimeGiven {
        field: "one",
        since: time.since,
        when: match time.when {
            When::After { minutes } => WhenGiven::After { minutes: i32::try_from(minutes).unwrap() },
            When::OnDay { days, minute } => {
                let days = i32::try_from(days).unwrap();
                WhenGiven::OnDay { days, local_time: spelled_minute(minute) }
            }
        },
    };
    times.iter().map(one).collect()
}

/// The protocol of these times, or the fields that are wrong.
fn taken(times: &[CheckInTime]) -> Result<Vec<CheckInTime>, Vec<String>> {
    let mut checks = Checks::new();
    let protocol = CheckInProtocol::parse(&mut checks, "protocol", &given(times));
    let taken = checks.finish(protocol.times().to_vec());
    taken.map_err(|problems| problems.into_iter().map(|problem| problem.field).collect())
}

#[test]
fn r03_a_protocol_has_one_to_eight_times_half_an_hour_apart_in_order() {
    use Since::{End, Parting};
    assert_eq!(OFFSET_MAX_MINUTES, 20_160);
    let mixed = [
        after_parting(60),
        on_day(End, 1, "09:00"),
        CheckInTime::after_end(2880),
        on_day(Parting, 1, "18:00"),
        CheckInTime::after_end(0),
        on_day(End, 0, "21:30"),
    ];
    let in_order = [mixed[4], mixed[2], mixed[5], mixed[1], mixed[0], mixed[3]];
    assert_eq!(taken(&mixed), Ok(in_order.to_vec()));
    let eight: Vec<_> = (0..8).map(|n| CheckInTime::after_end(n * APART_MINUTES)).collect();
    assert_eq!(taken(&eight), Ok(eight.clone()));
    let minutes = |minutes: &[u32]| minutes.iter().copied().map(CheckInTime::after_end).collect::<Vec<_>>();
    for (wrong, fields) in [
        (vec![], &["protocol"][..]),
        (minutes(&[60, 60]), &["protocol"]),
        ([eight, minutes(&[1000])].concat(), &["protocol"]),
        (minutes(&[60, 1, 30]), &["protocol.2"]),
        (minutes(&[89, 60]), &["protocol.0"]),
        (minutes(&[20_161]), &["protocol.0.one.minutes"]),
        (vec![on_day(End, 15, "09:00")], &["protocol.0.one.daysAfter"]),
        (vec![on_day(End, 1, "09:00"), on_day(End, 1, "09:29")], &["protocol.1"]),
        // A night belongs to the day before: 3:45 of the first and 4:10 of the second are 25 minutes apart.
        (vec![on_day(End, 1, "03:45"), on_day(End, 2, "04:10")], &["protocol.1"]),
        (vec![after_parting(0), after_parting(29), CheckInTime::after_end(29)], &["protocol.1"]),
        (vec![after_parting(60), on_day(Parting, 1, "09:00")], &["protocol"]),
    ] {
        let fields: Vec<_> = fields.iter().map(|field| (*field).to_owned()).collect();
        assert_eq!(taken(&wrong), Err(fields), "{wrong:?}");
    }
    // Times of different kinds may come close; that shows only when a scene ends.
    let kinds = [CheckInTime::after_end(60), on_day(End, 0, "22:00"), after_parting(60)];
    assert_eq!(taken(&kinds), Ok(kinds.to_vec()));
    let usual =
        CheckInProtocol::default().times().iter().filter_map(|time| time.offset()).collect::<Vec<_>>();
    assert_eq!(usual, [60, 1440, 2880]);
}

#[test]
fn r03_a_malformed_local_time_is_told_with_its_field() {
    for (days, local_time, fields) in [
        (1, "9:00", &["protocol.0.onDay.localTime"][..]),
        (1, "24:00", &["protocol.0.onDay.localTime"]),
        (1, "09:60", &["protocol.0.onDay.localTime"]),
        (1, "", &["protocol.0.onDay.localTime"]),
        (-1, "nine", &["protocol.0.onDay.daysAfter", "protocol.0.onDay.localTime"]),
    ] {
        let mut checks = Checks::new();
        let when = WhenGiven::OnDay { days, local_time: local_time.to_owned() };
        CheckInProtocol::parse(
            &mut checks,
            "protocol",
            &[TimeGiven { field: "onDay", since: Since::End, when }],
        );
        let found: Vec<_> = checks.finish(()).unwrap_err().into_iter().map(|problem| problem.field).collect();
        assert_eq!(found, fields, "{days} {local_time:?}");
    }
}

#[test]
fn r08_the_spelling_of_what_was_agreed_stays() {
    let times = [
        (CheckInTime::after_end(60), "end+60min", "60"),
        (on_day(Since::End, 1, "09:00"), "end+1d@09:00", "\"end+1d@09:00\""),
        (after_parting(0), "parting+0min", "\"parting+0min\""),
        (on_day(Since::Parting, 14, "23:59"), "parting+14d@23:59", "\"parting+14d@23:59\""),
    ];
    for (time, word, json) in times {
        assert_eq!((time.word().as_str(), CheckInTime::of_word(word)), (word, Some(time)));
        assert_eq!(serde_json::to_string(&time).unwrap(), json);
        assert_eq!(serde_json::from_str::<CheckInTime>(json).unwrap(), time);
    }
    // As every text before version 3 has it.
    let old: CheckInProtocol = serde_json::from_str("[60,1440,2880]").unwrap();
    assert_eq!(old, CheckInProtocol::default());
    for wrong in
        ["end+60", "end+1d@9:00", "end+15d@09:00", "end+20161min", "end+060min", "start+60min", "60min", ""]
    {
        assert_eq!(CheckInTime::of_word(wrong), None, "{wrong}");
        assert!(serde_json::from_str::<CheckInTime>(&format!("{wrong:?}")).is_err(), "{wrong}");
    }
}

#[test]
fn r03_a_local_time_is_by_the_clock_of_whoever_is_asked_and_a_night_belongs_to_the_day_before() {
    let (berlin, la) = (zone("Europe/Berlin"), zone("America/Los_Angeles"));
    let next = on_day(Since::End, 1, "09:00");
    // In Berlin the scene ended on Thursday at 0:30, which is Wednesday night; in Los Angeles on Wednesday at 15:30.
    let ended_at = at("2026-07-01T22:30:00Z");
    assert_eq!(next.instant(ended_at, &berlin), at("2026-07-02T07:00:00Z"));
    assert_eq!(next.instant(ended_at, &la), at("2026-07-02T16:00:00Z"));
    for (ended, time, expected) in [
        ("2026-07-02T01:59:59Z", next, "2026-07-02T07:00:00Z"),
        ("2026-07-02T02:00:00Z", next, "2026-07-03T07:00:00Z"),
        ("2026-07-01T10:00:00Z", on_day(Since::End, 0, "21:00"), "2026-07-01T19:00:00Z"),
        // The night after the scene, though its date is the next day's.
        ("2026-07-01T19:00:00Z", on_day(Since::End, 0, "02:00"), "2026-07-02T00:00:00Z"),
        // It went on for longer than that: soon after, and not in the past.
        ("2026-07-01T20:00:00Z", on_day(Since::End, 0, "21:00"), "2026-07-01T20:30:00Z"),
        ("2026-07-01T10:00:00Z", on_day(Since::End, 14, "21:00"), "2026-07-15T19:00:00Z"),
    ] {
        assert_eq!(time.instant(at(ended), &berlin), at(expected), "{ended} {time:?}");
    }
}

#[test]
fn r17_a_local_time_that_a_clock_change_skips_or_repeats_is_the_later_instant() {
    let berlin = zone("Europe/Berlin");
    let night = on_day(Since::End, 0, "02:30");
    // 2026-03-29: Berlin goes from 02:00 to 03:00; 2026-10-25 from 03:00 back to 02:00.
    assert_eq!(night.instant(at("2026-03-28T18:00:00Z"), &berlin), at("2026-03-29T01:30:00Z"));
    assert_eq!(night.instant(at("2026-10-24T18:00:00Z"), &berlin), at("2026-10-25T01:30:00Z"));
    let next = on_day(Since::End, 1, "09:00");
    assert_eq!(next.instant(at("2026-10-24T18:00:00Z"), &berlin), at("2026-10-25T08:00:00Z"));
}

#[test]
fn a_time_is_said_in_words() {
    use Since::{End, Parting};
    for (time, sentence) in [
        (CheckInTime::after_end(0), "when the scene ends"),
        (CheckInTime::after_end(60), "one hour after the scene"),
        (CheckInTime::after_end(1440), "24 hours after the scene"),
        (CheckInTime::after_end(1500), "25 hours after the scene"),
        (on_day(End, 0, "21:00"), "the same day at 21:00"),
        (on_day(End, 1, "09:00"), "the next day at 09:00"),
        (on_day(End, 3, "09:05"), "3 days later at 09:05"),
        (on_day(End, 0, "02:00"), "the same night at 02:00"),
        (on_day(End, 1, "02:00"), "the next night at 02:00"),
        (after_parting(0), "when you part"),
        (after_parting(90), "90 minutes after you part"),
        (on_day(Parting, 0, "18:00"), "the day you part at 18:00"),
        (on_day(Parting, 1, "18:00"), "the day after you part at 18:00"),
        (on_day(Parting, 2, "18:00"), "2 days after you part at 18:00"),
    ] {
        assert_eq!(time.sentence(), sentence);
    }
}

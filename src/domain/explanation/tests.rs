//! Tests of explanations: on ordinary days, in nights with a clock change, and to the partner.

use super::*;
use crate::domain::protocol::CheckInTime;
use crate::domain::quiet_hours::QuietHours;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn rhythm(zone: &str, quiet: Option<(&str, &str)>) -> Rhythm {
    let quiet = quiet.map(|(from, until)| QuietHours::parse("quietHours", from, until).unwrap());
    Rhythm { zone: Zone::named("zone", zone).unwrap(), quiet }
}

/// A scene that ended at that time, and its check-in after so many minutes, open for a day.
fn check_in(ended_at: &str, offset: u32, revision: Option<i32>) -> CheckInFacts {
    let ended_at = at(ended_at);
    let due_at = ended_at + SignedDuration::from_mins(offset.into());
    let closes_at = due_at + SignedDuration::from_hours(24);
    let times = Times { time: CheckInTime::after_end(offset), ended_at, due_at, closes_at };
    CheckInFacts {
        alone: false,
        revision,
        times,
        made_at: ended_at,
        parted_at: None,
        snooze: Snooze::Never,
        postponed_until: None,
    }
}

/// A nudge sent on time.
fn sent<'a>(reason: Reason, due_at: &str, recipient: &'a Rhythm, check_in: CheckInFacts) -> Facts<'a> {
    let (channel, due_at, state) = (reason.channel(), at(due_at), NudgeState::Sent);
    Facts {
        reason,
        channel,
        state,
        drop_reason: None,
        due_at,
        send_at: due_at,
        together: false,
        recipient,
        check_in,
    }
}

fn words(facts: &Facts<'_>) -> Vec<String> {
    explain(facts).sentences
}

#[test]
fn r25_a_day_that_has_25_hours_is_told() {
    let berlin = rhythm("Europe/Berlin", Some(("22:00", "07:00")));
    let day = check_in("2026-10-24T18:00:00Z", 24 * 60, Some(2));
    let explained = explain(&sent(Reason::CheckIn(Rung::Ask), "2026-10-25T18:00:00Z", &berlin, day));
    assert_eq!(explained.rule, ExplanationRule::CheckInDue);
    assert_eq!(explained.due_at, at("2026-10-25T18:00:00Z"));
    assert_eq!(
        explained.sentences,
        [
            "This scene ended on Saturday 24 October at 20:00 (Europe/Berlin).",
            "Your agreement, revision 2, asks after 24 hours: Sunday 25 October at 19:00, since the clocks went back by one hour in between.",
        ]
    );
}

#[test]
fn r25_clock_changes_of_every_size_are_told() {
    for (zone, ended_at, minutes, said) in [
        (
            "Europe/Berlin",
            "2026-03-28T20:00:00Z",
            1440,
            "Sunday 29 March at 22:00, since the clocks went forward by one hour in between.",
        ),
        (
            "Australia/Lord_Howe",
            "2026-10-03T03:00:00Z",
            1440,
            "Sunday 4 October at 14:00, since the clocks went forward by 30 minutes in between.",
        ),
        ("Asia/Kolkata", "2026-10-24T18:00:00Z", 90, "Sunday 25 October at 01:00."),
        ("Asia/Kathmandu", "2026-10-24T18:00:00Z", 36 * 60 + 15, "Monday 26 October at 12:00."),
        ("Europe/Berlin", "2026-10-24T22:30:00Z", 120, "Sunday 25 October at 02:30 (the first of two)."),
        (
            "Europe/Berlin",
            "2026-10-24T22:30:00Z",
            180,
            "Sunday 25 October at 02:30 (the second of two), since the clocks went back by one hour in between.",
        ),
    ] {
        let recipient = rhythm(zone, None);
        let check_in = check_in(ended_at, minutes, Some(1));
        let due_at = check_in.times.due_at.to_string();
        let second = words(&sent(Reason::CheckIn(Rung::Ask), &due_at, &recipient, check_in)).remove(1);
        assert!(second.ends_with(said), "{zone}: {second}");
    }
}

#[test]
fn r25_lengths_are_words() {
    let said = [0, 1, 45, 60, 90, 180, 195, 1440, 2880].map(|minutes| {
        let recipient = rhythm("UTC", None);
        let check_in = check_in("2026-07-01T00:00:00Z", minutes, None);
        let due_at = check_in.times.due_at.to_string();
        let second = words(&sent(Reason::CheckIn(Rung::Ask), &due_at, &recipient, check_in)).remove(1);
        let (before, _) = second.split_once(':').unwrap();
        before.strip_prefix("It stood under no agreement, so the usual plan asks ").unwrap().to_owned()
    });
    assert_eq!(
        said,
        [
            "at once",
            "after one minute",
            "after 45 minutes",
            "after one hour",
            "after 90 minutes",
            "after three hours",
            "after three hours and 15 minutes",
            "after 24 hours",
            "after 48 hours"
        ]
    );
}

#[test]
fn r25_quiet_hours_are_told_on_every_night() {
    let at_night = |zone, until, due_at: &str, ended_at: &str| {
        let recipient = rhythm(zone, Some(("22:00", until)));
        words(&sent(Reason::CheckIn(Rung::Ask), due_at, &recipient, check_in(ended_at, 60, Some(1))))
            .pop()
            .unwrap()
    };
    assert_eq!(
        at_night("Europe/Berlin", "07:00", "2026-07-02T05:00:00Z", "2026-07-01T23:00:00Z"),
        "Your quiet hours last from 22:00 to 07:00, so it waited until 07:00."
    );
    assert_eq!(
        at_night("Europe/Berlin", "07:00", "2026-07-02T05:00:00Z", "2026-07-01T20:00:00Z"),
        "Your quiet hours last from 22:00 to 07:00, so it waited until Thursday 2 July at 07:00."
    );
    // 02:30 is skipped in one night and comes twice in the other.
    assert_eq!(
        at_night("Europe/Berlin", "02:30", "2026-03-29T01:30:00Z", "2026-03-28T22:30:00Z"),
        "Your quiet hours last from 22:00 to 02:30, so it waited until 03:30, since the clocks skipped 02:30."
    );
    assert_eq!(
        at_night("Europe/Berlin", "02:30", "2026-10-25T01:30:00Z", "2026-10-24T22:30:00Z"),
        "Your quiet hours last from 22:00 to 02:30, so it waited until 02:30 (the second of two)."
    );
}

#[test]
fn r25_each_step_of_the_ladder_says_what_led_to_it() {
    let la = rhythm("America/Los_Angeles", Some(("23:00", "07:00")));
    let hour = || check_in("2026-07-01T18:00:00Z", 60, Some(3));
    let last = |facts: &Facts<'_>| words(facts).pop().unwrap();
    assert_eq!(
        last(&sent(Reason::CheckIn(Rung::Email), "2026-07-01T22:00:00Z", &la, hour())),
        "Nothing was answered after three hours, at 15:00, so it came by e-mail."
    );
    assert_eq!(
        last(&sent(Reason::CheckIn(Rung::AskAgain), "2026-07-02T01:00:00Z", &la, hour())),
        "Nothing was answered then either, so it came once more, three hours after the e-mail, at 18:00."
    );
    let always = rhythm("America/Los_Angeles", None);
    let evening = || check_in("2026-07-02T01:30:00Z", 60, Some(3));
    assert_eq!(
        last(&sent(Reason::CheckIn(Rung::AskAgain), "2026-07-02T08:30:00Z", &always, evening())),
        "Nothing was answered then either, so it came once more, three hours after the e-mail, on Thursday 2 July at 01:30."
    );
    // Asked at 20:30 in Berlin: the mail waits for the morning, and the person gets three hours from then.
    let berlin = rhythm("Europe/Berlin", Some(("22:00", "08:00")));
    let evening = || check_in("2026-07-01T17:30:00Z", 60, None);
    assert_eq!(
        words(&sent(Reason::CheckIn(Rung::Email), "2026-07-02T06:00:00Z", &berlin, evening()))[2..],
        [
            "Nothing was answered after three hours, at 23:30, so it came by e-mail.",
            "Your quiet hours last from 22:00 to 08:00, so it waited until Thursday 2 July at 08:00.",
        ]
    );
    assert_eq!(
        last(&sent(Reason::CheckIn(Rung::AskAgain), "2026-07-02T09:00:00Z", &berlin, evening())),
        "Nothing was answered then either, so it came once more, three hours after the e-mail, on Thursday 2 July at 11:00."
    );
}

#[test]
fn r25_what_has_not_gone_out_is_told_as_such() {
    let la = rhythm("America/Los_Angeles", Some(("23:00", "07:00")));
    let mut facts = sent(
        Reason::CheckIn(Rung::Email),
        "2026-07-01T22:00:00Z",
        &la,
        check_in("2026-07-01T18:00:00Z", 60, None),
    );
    facts.state = NudgeState::Waiting;
    assert_eq!(
        words(&facts).pop().unwrap(),
        "If nothing is answered after three hours, at 15:00, an e-mail follows."
    );
    for reason in [DropReason::Settled, DropReason::Paused, DropReason::Unreachable, DropReason::Superseded] {
        (facts.state, facts.drop_reason) = (NudgeState::Dropped, Some(reason));
        assert!(words(&facts).pop().unwrap().starts_with("It was not sent, since "));
    }
    (facts.state, facts.drop_reason) = (NudgeState::Dead, None);
    assert_eq!(words(&facts).pop().unwrap(), "It could not be delivered.");
}

#[test]
fn r25_delays_and_other_ways_are_told() {
    let la = rhythm("America/Los_Angeles", Some(("23:00", "07:00")));
    let mut late = check_in("2026-07-01T18:00:00Z", 60, None);
    late.made_at = at("2026-07-01T21:00:00Z");
    late.snooze = Snooze::Until(at("2026-07-01T22:30:00Z"));
    let mut facts = sent(Reason::CheckIn(Rung::Ask), "2026-07-01T22:30:00Z", &la, late);
    (facts.channel, facts.send_at) = (Channel::Mail, at("2026-07-01T23:10:00Z"));
    assert_eq!(
        words(&facts)[2..],
        [
            "The scene was recorded after that, at 14:00, so it counts from then.",
            "You put it off until Wednesday 1 July at 15:30.",
            "It could not go out then, and came at 16:10.",
            "No device of yours took it, so it came by e-mail.",
        ]
    );
}

#[test]
fn r25_a_zone_that_changed_since_is_not_reckoned_with_as_if_it_had_been_so() {
    // Planned for the end of the night in Berlin, read in Tokyo.
    let tokyo = rhythm("Asia/Tokyo", Some(("22:00", "08:00")));
    let mut facts = sent(
        Reason::CheckIn(Rung::Ask),
        "2026-07-02T06:00:00Z",
        &tokyo,
        check_in("2026-07-01T21:00:00Z", 60, None),
    );
    assert_eq!(
        words(&facts),
        [
            "This scene ended on Thursday 2 July at 06:00 (Asia/Tokyo).",
            "It stood under no agreement, so the usual plan asks after one hour: Thursday 2 July at 07:00.",
            "By the time zone, quiet hours and pauses that you had then, or since the day before it was full, its time was Thursday 2 July at 15:00.",
        ]
    );
    facts.reason = Reason::CheckIn(Rung::AskAgain);
    assert_eq!(words(&facts).pop().unwrap(), "Nothing was answered then either, so it came once more.");
    facts.check_in.snooze = Snooze::Earlier;
    assert!(words(&facts)[2].starts_with("You put it off, and then its time was "));
}

#[test]
fn r25_what_is_about_the_other_tells_nothing_of_them() {
    let berlin = rhythm("Europe/Berlin", Some(("22:00", "08:00")));
    let day = || check_in("2026-10-24T18:00:00Z", 24 * 60, Some(2));
    assert_eq!(
        words(&sent(Reason::Prompt, "2026-10-26T14:00:00Z", &berlin, day())),
        [
            "This scene ended on Saturday 24 October at 20:00 (Europe/Berlin).",
            "Your agreement, revision 2, has you get in touch after 24 hours: Sunday 25 October at 19:00, since the clocks went back by one hour in between.",
            "Then a time was looked for at which both of you are likely awake.",
        ]
    );
    let mut alert = sent(Reason::CheckIn(Rung::TellPartner), "2026-10-26T14:00:00Z", &berlin, day());
    alert.send_at = at("2026-10-26T16:00:00Z");
    let explained = explain(&alert);
    assert_eq!(explained.due_at, alert.send_at, "when it was planned for is the other one's nights");
    assert_eq!(
        explained.sentences,
        ["Your agreement, revision 2, and the other person's standing permission allow you to be told.",]
    );
    // A snooze is the subject's: it makes no difference to the partner.
    for reason in [Reason::Prompt, Reason::CheckIn(Rung::TellPartner)] {
        let plain = sent(reason, "2026-10-26T14:00:00Z", &berlin, day());
        let mut snoozed = day();
        snoozed.snooze = Snooze::Until(at("2026-10-26T10:00:00Z"));
        assert_eq!(explain(&sent(reason, "2026-10-26T14:00:00Z", &berlin, snoozed)), explain(&plain));
    }
}

#[test]
fn r25_what_was_asked_for_says_so() {
    let asked = "Somebody, most likely you, ";
    for (purpose, said) in [
        (MailPurpose::ConfirmAddress, asked),
        (MailPurpose::ResetPassword, asked),
        (MailPurpose::ConfirmNewAddress, asked),
        (MailPurpose::AddressChange, asked),
        (MailPurpose::SignedOut, "A device of yours was signed out"),
    ] {
        let due_at = at("2026-07-01T00:00:00Z");
        let explained = explain_mail(purpose, due_at);
        assert!(explained.sentences[0].starts_with(said));
        assert_eq!((explained.sentences.len(), explained.due_at), (1, due_at));
    }
}

//! Quiet hours, the ladder and the last look at a nudge, by example and at their edges, without a running service.

use evenkeel::domain::account::{FURTHER_NOTICE, Reach};
use evenkeel::domain::check_in::{CheckInState, Ends, Times, times};
use evenkeel::domain::explanation::{self, CheckInFacts, Snooze};
use evenkeel::domain::ladder::{Situation, Step, To, plan};
use evenkeel::domain::nudge::{
    Channel, DropReason, Facts, MailFacts, MailPurpose, NudgeKind, NudgeState, Reason, Rung, Verdict,
    fingerprint, judge, judge_mail,
};
use evenkeel::domain::protocol::{CheckInProtocol, CheckInTime};
use evenkeel::domain::quiet_hours::{QuietHours, Rhythm, Zone};
use jiff::{SignedDuration, Timestamp};

const SECOND: SignedDuration = SignedDuration::from_secs(1);

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn zone(name: &str) -> Zone {
    Zone::named("zone", name).unwrap()
}

fn rhythm(name: &str, quiet: Option<(&str, &str)>) -> Rhythm {
    let quiet = quiet.map(|(from, until)| QuietHours::parse("quietHours", from, until).unwrap());
    Rhythm { zone: zone(name), quiet }
}

// --- Quiet hours ----------------------------------------------------------------------------------------------------

#[test]
fn r17_quiet_hours_are_read_as_a_clock_shows_them() {
    let minutes = |from: &str, until: &str| {
        QuietHours::parse("quietHours", from, until).ok().map(|quiet| (quiet.from(), quiet.until()))
    };
    assert_eq!(minutes("22:30", "07:15"), Some((22 * 60 + 30, 7 * 60 + 15)));
    assert_eq!(minutes("23:59", "00:00"), Some((23 * 60 + 59, 0)));
    for wrong in ["22:60", "22:61", "24:00", "25:00", "2:30", "22:3", "22.30", "+2:30", "2a:30", "22:3a", ""]
    {
        assert_eq!((minutes(wrong, "07:00"), minutes("09:00", wrong)), (None, None), "{wrong}");
    }
    let problem = QuietHours::parse("quietHours", "22:00", "7").unwrap_err();
    assert_eq!(problem.field, "quietHours.until");
}

#[test]
fn r17_quiet_hours_leave_at_least_four_hours_of_the_day() {
    assert_eq!(QuietHours::LONGEST, 1200);
    let is_taken = |from, until| QuietHours::of("quietHours", from, until).is_ok();
    assert!(is_taken(240, 0) && is_taken(600, 360) && is_taken(0, 1));
    assert!(!is_taken(240, 1) && !is_taken(240, 2) && !is_taken(0, 0) && !is_taken(600, 599));
}

#[test]
fn r17_a_new_account_is_not_disturbed_from_ten_to_eight() {
    assert_eq!((QuietHours::DEFAULT.from(), QuietHours::DEFAULT.until()), (1320, 480));
}

#[test]
fn r17_quiet_hours_begin_and_end_to_the_second_by_day_and_over_midnight() {
    for (from, until, begin, end) in [
        ("13:00", "14:30", "2026-07-01T13:00:00.000Z", "2026-07-01T14:30:00.000Z"),
        ("22:15", "08:00", "2026-07-01T22:15:00.000Z", "2026-07-02T08:00:00.000Z"),
    ] {
        let person = rhythm("UTC", Some((from, until)));
        let (begin, end) = (at(begin), at(end));
        for (now, quiet) in [(begin - SECOND, false), (begin, true), (end - SECOND, true), (end, false)] {
            assert_eq!(person.is_quiet(now), quiet, "{now}");
            assert_eq!(person.awake(now), if quiet { end } else { now });
        }
        assert_eq!(person.next_morning(begin), end);
        assert_eq!(
            person.next_morning(end),
            end + SignedDuration::from_hours(24),
            "the next one, not this one"
        );
    }
    assert!(!rhythm("UTC", None).is_quiet(at("2026-07-01T03:00:00.000Z")));
}

#[test]
fn r19_the_morning_of_somebody_without_quiet_hours_is_nine() {
    let person = rhythm("America/Los_Angeles", None);
    assert_eq!(person.next_morning(at("2026-07-01T15:59:59.000Z")), at("2026-07-01T16:00:00.000Z"));
    assert_eq!(person.next_morning(at("2026-07-01T16:00:00.000Z")), at("2026-07-02T16:00:00.000Z"));
}

#[test]
fn r18_the_handover_window_ends_before_its_end() {
    let person = rhythm("UTC", Some(("22:00", "08:00")));
    let (night, morning) = (at("2026-07-01T23:00:00.000Z"), at("2026-07-02T08:00:00.000Z"));
    assert_eq!(person.both_awake(&person, night, morning), None);
    assert_eq!(person.both_awake(&person, night, morning + SECOND), Some(morning));
}

#[test]
fn a_local_day_begins_at_its_midnight_the_first_one_where_there_are_two() {
    let day = |name: &str, date: &str| zone(name).start_of(date.parse().unwrap());
    assert_eq!(day("Europe/Berlin", "2026-07-01"), at("2026-06-30T22:00:00.000Z"));
    // On that night the clocks of Havana go from 01:00 back to 00:00.
    assert_eq!(day("America/Havana", "2026-11-01"), at("2026-11-01T04:00:00.000Z"));
    assert_eq!(zone("Europe/Berlin").date(at("2026-06-30T22:00:00.000Z")), "2026-07-01".parse().unwrap());
}

#[test]
fn a_zone_has_one_spelling() {
    assert_eq!(zone("europe/berlin").name(), "Europe/Berlin");
    assert!(Zone::named("zone", "Europe/Atlantis").is_err());
}

// --- The ladder -----------------------------------------------------------------------------------------------------

/// The steps as (rung, recipient, channel, hours after the scene's end).
fn steps(situation: &Situation<'_>, end: Timestamp, now: Timestamp) -> Vec<(&'static str, To, Channel, f64)> {
    let hours = |step: &Step| step.send_at.duration_since(end).as_secs_f64() / 3600.0;
    plan(situation, now).iter().map(|step| (word(step), step.to, step.channel, hours(step))).collect()
}

fn word(step: &Step) -> &'static str {
    step.reason.word()
}

/// The ladder of the check-in an hour after a scene that ended at `end`, with a day to go.
fn situation<'a>(subject: &'a Rhythm, partner: &'a Rhythm, end: Timestamp) -> Situation<'a> {
    let ends = Ends { ended_at: end, parted_at: None };
    let times = times(CheckInProtocol::default().times(), &[], ends, &subject.zone)[0];
    Situation::silent(times, end, subject, partner)
}

#[test]
fn r19_the_ladder_asks_mails_asks_again_and_tells_the_partner_three_hours_apart() {
    use {Channel::*, To::*};
    let (anytime, end) = (rhythm("UTC", None), at("2026-07-01T00:00:00.000Z"));
    let mut asked = situation(&anytime, &anytime, end);
    let ask = ("ask", Subject, Push, 1.0);
    let email = ("email", Subject, Mail, 4.0);
    let again = ("ask_again", Subject, Push, 7.0);
    let tell = ("tell_partner", Partner, Push, 10.0);
    let prompt = ("reach_out", Partner, Push, 1.0);
    assert_eq!(steps(&asked, end, end), [ask, email, again, tell, prompt]);
    asked.alert_allowed = false;
    assert_eq!(steps(&asked, end, end), [ask, email, again, prompt], "R10: not without consent");
    asked.alert_allowed = true;
    asked.partner = None;
    assert_eq!(steps(&asked, end, end), [ask, email, again], "R12: not after the link's end");
}

#[test]
fn r19_each_rung_has_three_hours_of_the_recipients_waking_time() {
    use {Channel::*, To::*};
    let (subject, partner) =
        (rhythm("UTC", Some(("22:00", "08:00"))), rhythm("UTC", Some(("12:00", "20:00"))));
    let end = at("2026-07-01T19:30:00.000Z");
    // Asked at 20:30; the mail waits for the morning, and the alert for the partner's evening: the questions end at 19:30.
    let asked = situation(&subject, &partner, end);
    let alert = steps(&asked, end, end)[3];
    assert_eq!(
        steps(&asked, end, end)[..3],
        [("ask", Subject, Push, 1.0), ("email", Subject, Mail, 12.5), ("ask_again", Subject, Push, 15.5)]
    );
    assert_eq!(alert, ("tell_partner", Partner, Push, 24.5));
    assert!(
        end + SignedDuration::from_mins(24 * 60 + 30) > asked.times.closes_at,
        "it outlives the questions"
    );
    let expires_at = plan(&asked, end)[3].expires_at;
    assert_eq!(expires_at, end + SignedDuration::from_mins(24 * 60 + 30 + 14 * 60));
}

#[test]
fn r19_after_a_sign_of_life_nobody_is_told_and_r05_a_pause_moves_the_whole_ladder() {
    let (anytime, end) = (rhythm("UTC", None), at("2026-07-01T00:00:00.000Z"));
    let open = situation(&anytime, &anytime, end);
    let words = |situation: &Situation<'_>| plan(situation, end).iter().map(word).collect::<Vec<_>>();
    let heard = Situation { heard_from: true, ..open.clone() };
    assert_eq!(words(&heard), ["ask", "email", "ask_again", "reach_out"]);
    let hours = |hours| Some(end + SignedDuration::from_hours(hours));
    let paused = Situation { postponed_until: hours(9), ..open.clone() };
    let times: Vec<_> = steps(&paused, end, end).iter().map(|step| (step.0, step.3)).collect();
    assert_eq!(
        times,
        [("ask", 9.0), ("email", 12.0), ("ask_again", 15.0), ("tell_partner", 18.0), ("reach_out", 1.0)]
    );
    assert_eq!(words(&Situation { postponed_until: hours(24), ..open.clone() }), ["reach_out"]);
    assert_eq!(words(&Situation { postponed_until: Some(FURTHER_NOTICE), ..open }), ["reach_out"]);
}

#[test]
fn r05_an_answer_or_a_skip_ends_the_questions_and_r11_leaves_the_prompt() {
    let (anytime, end) = (rhythm("UTC", None), at("2026-07-01T00:00:00.000Z"));
    for state in [CheckInState::Answered, CheckInState::Skipped] {
        let settled = Situation { state, ..situation(&anytime, &anytime, end) };
        assert_eq!(steps(&settled, end, end), [("reach_out", To::Partner, Channel::Push, 1.0)]);
    }
}

#[test]
fn r03_what_has_closed_is_not_asked_and_what_fell_due_before_it_was_recorded_counts_from_then() {
    let (anytime, end) = (rhythm("UTC", None), at("2026-07-01T00:00:00.000Z"));
    let open = situation(&anytime, &anytime, end);
    let closes_at = open.times.closes_at;
    assert!(!plan(&open, closes_at - SECOND).is_empty());
    for now in [closes_at, closes_at + SECOND] {
        assert_eq!(plan(&open, now), []);
    }
    let late = Situation { made_at: end + SignedDuration::from_hours(6), ..open.clone() };
    let hours: Vec<_> = steps(&late, end, end).iter().map(|step| (step.0, step.3)).collect();
    assert_eq!(
        hours,
        [("ask", 6.0), ("email", 9.0), ("ask_again", 12.0), ("tell_partner", 15.0), ("reach_out", 6.0)]
    );
    let snoozed = Situation { snoozed_until: Some(end + SignedDuration::from_hours(7)), ..open };
    let hours: Vec<_> = steps(&snoozed, end, end).iter().map(|step| (step.0, step.3)).collect();
    assert_eq!(
        hours,
        [("ask", 7.0), ("email", 10.0), ("ask_again", 13.0), ("tell_partner", 16.0), ("reach_out", 1.0)]
    );
}

#[test]
fn r19_no_question_is_as_late_as_the_close_and_an_alert_needs_all_three() {
    let (anytime, end) = (rhythm("UTC", None), at("2026-07-01T00:00:00.000Z"));
    let open = situation(&anytime, &anytime, end);
    let closing = |hours| Times { closes_at: end + SignedDuration::from_hours(hours), ..open.times };
    for (hours, rungs) in [(7, &["ask", "email", "reach_out"][..]), (4, &["ask", "reach_out"]), (1, &[])] {
        let closing = Situation { times: closing(hours), promised: closing(hours), ..open.clone() };
        let found: Vec<_> = plan(&closing, end).iter().map(word).collect();
        assert_eq!(found, rungs, "{hours}");
        let later = Times { closes_at: closing.times.closes_at + SECOND, ..closing.times };
        let later = plan(&Situation { times: later, promised: later, ..closing }, end);
        assert!(later.len() > rungs.len(), "{hours}: {later:?}");
    }
}

#[test]
fn r18_a_prompt_prefers_a_time_at_which_both_are_awake() {
    let end = at("2026-07-01T09:00:00.000Z");
    let berlin = rhythm("Europe/Berlin", Some(("22:00", "08:00")));
    let la = rhythm("America/Los_Angeles", Some(("23:00", "09:00")));
    let prompt = |situation: &Situation<'_>| steps(situation, end, end).last().copied();
    // It is 12:00 in Berlin; Los Angeles is awake six hours later.
    let asked = situation(&la, &berlin, end);
    assert_eq!(prompt(&asked), Some(("reach_out", To::Partner, Channel::Push, 7.0)));
    // There is no such time before the check-in closes: then only the partner's own waking hours count.
    let times = Times { closes_at: end + SignedDuration::from_hours(7), ..asked.times };
    assert_eq!(
        prompt(&Situation { times, promised: times, ..asked }),
        Some(("reach_out", To::Partner, Channel::Push, 1.0))
    );
}

// --- The last look at a nudge ---------------------------------------------------------------------------------------

const ASK: Reason = Reason::CheckIn(Rung::Ask);
const EMAIL: Reason = Reason::CheckIn(Rung::Email);
const ASK_AGAIN: Reason = Reason::CheckIn(Rung::AskAgain);
const TELL_PARTNER: Reason = Reason::CheckIn(Rung::TellPartner);
const REACH_OUT: Reason = Reason::Prompt;
const ALL: [Reason; 5] = [ASK, EMAIL, ASK_AGAIN, TELL_PARTNER, REACH_OUT];

fn noon() -> Timestamp {
    at("2026-07-01T12:00:00.000Z")
}

/// A person in UTC who sleeps from 22:00 to 08:00 and accepts pushes and mails.
fn reach() -> Reach {
    let rhythm = rhythm("UTC", Some(("22:00", "08:00")));
    Reach { rhythm, paused_until: None, held: false, push: true, mail: true }
}

/// The facts of a nudge that nothing speaks against.
fn facts(reason: Reason, recipient: &Reach) -> Facts<'_> {
    Facts {
        reason,
        channel: reason.channel(),
        not_before: None,
        asked: true,
        expires_at: noon() + SignedDuration::from_hours(48),
        recipient,
        live_devices: 1,
        address_works: true,
        state: CheckInState::Unanswered,
        subject_paused: false,
        linked: true,
        alert_allowed: true,
        reached_out: false,
        heard_from: false,
        put_off: false,
        later_rung_due: false,
        asked_by_mail: false,
    }
}

/// The nudges that a change of the facts makes the service drop at noon, and why.
fn dropped(change: impl Fn(&mut Facts<'_>)) -> Vec<(Reason, DropReason)> {
    let reach = reach();
    let verdict = |rung| {
        let mut facts = facts(rung, &reach);
        change(&mut facts);
        judge(&facts, noon())
    };
    ALL.into_iter()
        .filter_map(|rung| match verdict(rung) {
            Verdict::Drop(reason) => Some((rung, reason)),
            Verdict::Send(_) | Verdict::Move(_) => None,
        })
        .collect()
}

#[test]
fn r16_a_nudge_that_nothing_speaks_against_goes_out_on_its_way() {
    let reach = reach();
    for rung in ALL {
        let way = if rung == EMAIL { Channel::Mail } else { Channel::Push };
        assert_eq!(judge(&facts(rung, &reach), noon()), Verdict::Send(way), "{rung:?}");
    }
    assert_eq!(dropped(|_| {}), []);
}

#[test]
fn r16_each_fact_stops_the_nudges_that_it_is_about_and_no_others() {
    use DropReason::{Expired, LinkEnded, NotConsented, Paused, Settled, Superseded, Unreachable};
    let all = |reason| ALL.map(|rung| (rung, reason)).to_vec();
    assert_eq!(dropped(|facts| facts.expires_at = noon()), all(Expired));
    assert_eq!(dropped(|facts| facts.expires_at = noon() - SECOND), all(Expired));
    assert_eq!(dropped(|facts| facts.expires_at = noon() + SECOND), []);
    // R05, R11: what the subject did stops their own nudges and the alert, and never the prompt.
    for state in [CheckInState::Answered, CheckInState::Skipped] {
        assert_eq!(
            dropped(|facts| facts.state = state),
            [(ASK, Settled), (EMAIL, Settled), (ASK_AGAIN, Settled), (TELL_PARTNER, Settled)]
        );
    }
    assert_eq!(dropped(|facts| facts.subject_paused = true), [(TELL_PARTNER, Paused)]);
    assert_eq!(
        dropped(|facts| facts.put_off = true),
        [(ASK, Superseded), (EMAIL, Superseded), (ASK_AGAIN, Superseded), (TELL_PARTNER, Superseded)]
    );
    // R10, R12.
    assert_eq!(dropped(|facts| facts.alert_allowed = false), [(TELL_PARTNER, NotConsented)]);
    assert_eq!(dropped(|facts| facts.linked = false), [(TELL_PARTNER, LinkEnded), (REACH_OUT, LinkEnded)]);
    assert_eq!(dropped(|facts| facts.asked = false), [(TELL_PARTNER, Unreachable)]);
    // R18, R19.
    assert_eq!(dropped(|facts| facts.reached_out = true), [(TELL_PARTNER, Settled), (REACH_OUT, Settled)]);
    assert_eq!(dropped(|facts| facts.heard_from = true), [(TELL_PARTNER, Settled)]);
    // R21.
    assert_eq!(
        dropped(|facts| facts.later_rung_due = true),
        [(ASK, Superseded), (EMAIL, Superseded), (ASK_AGAIN, Superseded)]
    );
    assert_eq!(dropped(|facts| facts.asked_by_mail = true), [(EMAIL, Superseded)]);
}

#[test]
fn r05_a_pause_postpones_to_its_end_and_r16_nobody_gets_anything_in_it() {
    let verdict = |paused_until, held, rung| {
        let paused = Reach { paused_until, held, ..reach() };
        judge(&facts(rung, &paused), noon())
    };
    for rung in ALL {
        let soon = noon() + SECOND;
        assert_eq!(verdict(Some(soon), false, rung), Verdict::Move(soon), "{rung:?}");
        let night = at("2026-07-01T23:00:00.000Z");
        assert_eq!(
            verdict(Some(night), false, rung),
            Verdict::Move(at("2026-07-02T08:00:00.000Z")),
            "{rung:?}"
        );
        for (until, held) in [
            (Some(noon() + SignedDuration::from_hours(48)), false),
            (Some(FURTHER_NOTICE), false),
            (None, true),
        ] {
            assert_eq!(verdict(until, held, rung), Verdict::Drop(DropReason::Paused), "{rung:?}");
        }
    }
    assert_eq!(verdict(Some(noon()), false, ASK), Verdict::Send(Channel::Push), "it is over");
}

#[test]
fn r19_a_push_without_a_device_goes_by_mail_and_a_mail_never_as_a_push() {
    let way = |rung, push, mail, live_devices, address_works| {
        let reach = Reach { push, mail, ..reach() };
        judge(&Facts { live_devices, address_works, ..facts(rung, &reach) }, noon())
    };
    let (by_push, by_mail) = (Verdict::Send(Channel::Push), Verdict::Send(Channel::Mail));
    let none = Verdict::Drop(DropReason::Unreachable);
    assert_eq!(way(ASK, true, true, 2, true), by_push);
    assert_eq!(way(ASK, true, false, 1, false), by_push);
    assert_eq!(way(ASK, true, true, 0, true), by_mail);
    assert_eq!(way(ASK, false, true, 1, true), by_mail);
    for (push, mail, devices, works) in
        [(true, true, 0, false), (true, false, 0, true), (false, true, 1, false), (false, false, 1, true)]
    {
        assert_eq!(way(ASK, push, mail, devices, works), none, "{push} {mail} {devices} {works}");
    }
    assert_eq!(way(EMAIL, true, true, 1, true), by_mail);
    assert_eq!([way(EMAIL, true, false, 1, true), way(EMAIL, true, true, 1, false)], [none; 2]);
}

#[test]
fn r17_quiet_hours_move_a_nudge_to_their_end_and_drop_it_only_if_it_is_over_by_then() {
    let reach = reach();
    let (night, morning) = (at("2026-07-01T23:00:00.000Z"), at("2026-07-02T08:00:00.000Z"));
    let verdict = |expires_at| judge(&Facts { expires_at, ..facts(ASK, &reach) }, night);
    assert_eq!(verdict(morning + SECOND), Verdict::Move(morning));
    assert_eq!(verdict(morning), Verdict::Drop(DropReason::Expired));
}

#[test]
fn r19_a_nudge_waits_for_the_answer_to_what_was_asked_before_it() {
    let reach = reach();
    let verdict = |not_before| judge(&Facts { not_before: Some(not_before), ..facts(EMAIL, &reach) }, noon());
    assert_eq!(verdict(noon() - SECOND), Verdict::Send(Channel::Mail));
    assert_eq!(verdict(noon()), Verdict::Send(Channel::Mail));
    assert_eq!(verdict(noon() + SECOND), Verdict::Move(noon() + SECOND));
    assert_eq!(verdict(at("2026-07-01T22:30:00.000Z")), Verdict::Move(at("2026-07-02T08:00:00.000Z")));
}

#[test]
fn r14_what_marks_a_nudge_for_a_provider_stays_the_same_for_its_key() {
    // FIPS 180-2, appendix B.1.
    let digest = fingerprint("abc");
    assert_eq!(digest[..8], [0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea]);
    assert_eq!(digest[24..], [0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad]);
}

#[test]
fn r17_a_mail_that_somebody_waits_for_goes_at_once_and_the_others_wait_for_the_morning() {
    let reach = reach();
    let (night, morning) = (at("2026-07-01T23:00:00.000Z"), at("2026-07-02T08:00:00.000Z"));
    let judge = |purpose, recipient, address_works, now| {
        judge_mail(&MailFacts { purpose, recipient, address_works }, now)
    };
    let send = Verdict::Send(Channel::Mail);
    let none = Verdict::Drop(DropReason::Unreachable);
    for purpose in MailPurpose::ALL.iter().copied() {
        let judge = |recipient, works, now| judge(purpose, recipient, works, now);
        match purpose {
            MailPurpose::SignedOut | MailPurpose::SecurityChange => {
                assert_eq!(judge(Some(&reach), true, night), Verdict::Move(morning));
                assert_eq!([noon(), morning].map(|now| judge(Some(&reach), true, now)), [send; 2]);
                assert_eq!([judge(Some(&reach), false, noon()), judge(None, true, noon())], [none; 2]);
            }
            MailPurpose::ConfirmAddress
            | MailPurpose::ResetPassword
            | MailPurpose::ConfirmNewAddress
            | MailPurpose::AddressChange => {
                assert_eq!(judge(Some(&reach), true, night), send, "{purpose:?}");
                assert_eq!(judge(Some(&reach), false, noon()), send, "{purpose:?}");
                assert_eq!(judge(None, true, night), send, "{purpose:?}");
            }
        }
    }
}

#[test]
fn a_rung_is_of_a_check_in_alone() {
    let rungs: Vec<_> = NudgeKind::all().filter_map(NudgeKind::rung).collect();
    assert_eq!(rungs, Rung::ALL);
    assert_eq!(NudgeKind::Reminder(Reason::Prompt).rung(), None);
}

#[test]
fn r25_a_scene_that_is_recorded_as_its_check_in_falls_due_was_not_recorded_late() {
    let (anytime, now) = (rhythm("UTC", None), noon());
    let closes_at = now + SignedDuration::from_hours(24);
    let times = Times { time: CheckInTime::after_end(0), ended_at: now, due_at: now, closes_at };
    let check_in = |made_at| CheckInFacts {
        revision: None,
        alone: false,
        times,
        made_at,
        parted_at: None,
        snooze: Snooze::Never,
        postponed_until: None,
    };
    let sentences = |made_at, due_at| {
        let facts = explanation::Facts {
            reason: ASK,
            channel: Channel::Push,
            state: NudgeState::Waiting,
            drop_reason: None,
            due_at,
            send_at: due_at,
            together: false,
            recipient: &anytime,
            check_in: check_in(made_at),
        };
        explanation::explain(&facts).sentences.join(" ")
    };
    assert!(!sentences(now, now).contains("recorded after that"));
    assert!(sentences(now + SECOND, now + SECOND).contains("recorded after that"));
}

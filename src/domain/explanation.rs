//! Why a nudge came, in words for its recipient: the rule, the agreement, and how its time was reckoned (R25).

use super::check_in::{CheckInState, Times};
use super::ladder::{PATIENCE, Situation, plan};
use super::nudge::{Channel, DropReason, NudgeState, Rung};
use super::quiet_hours::{Rhythm, Zone};
use super::words;
use jiff::tz::AmbiguousOffset;
use jiff::{SignedDuration, Timestamp};

/// What went out later than this after its time says so.
const LATE: SignedDuration = SignedDuration::from_mins(1);

words! {
    /// The rule by which a nudge came.
    pub enum ExplanationRule {
        /// A check-in fell due.
        CheckInDue = "check_in_due",
        /// A check-in was not answered for three hours: an e-mail follows.
        NoAnswer = "no_answer",
        /// A check-in was not answered: one more question the next waking morning.
        NextMorning = "next_morning",
        /// The agreement and the other person's permission allow the recipient to be told what would be welcome.
        PartnerAlert = "partner_alert",
        /// Both agreed to get in touch about now, whatever either of them does.
        GetInTouch = "get_in_touch",
        /// Somebody asked for a mail that confirms an address.
        AddressToConfirm = "address_to_confirm",
        /// Somebody asked for a mail by which a password is set anew.
        PasswordReset = "password_reset",
    }
}

impl ExplanationRule {
    /// The rule that a rung stands for.
    pub fn of(rung: Rung) -> Self {
        match rung {
            Rung::Ask => Self::CheckInDue,
            Rung::Email => Self::NoAnswer,
            Rung::AskAgain => Self::NextMorning,
            Rung::TellPartner => Self::PartnerAlert,
            Rung::ReachOut => Self::GetInTouch,
            Rung::ConfirmAddress => Self::AddressToConfirm,
            Rung::ResetPassword => Self::PasswordReset,
        }
    }
}

/// Whether the recipient had put the check-in off when the nudge was planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Snooze {
    /// No.
    Never,
    /// Yes, until then.
    Until(Timestamp),
    /// Yes, but until when is not known any more: it was put off again since.
    Earlier,
}

/// What a nudge about a check-in is reckoned from. Both people know all of it but the snooze, which is looked at in
/// what is told to the one who snoozed alone.
#[derive(Clone, Copy, Debug)]
pub struct Occasion {
    /// The number of the Revision that the scene stood under; None: the default protocol.
    pub revision: Option<i32>,
    /// The check-in's times.
    pub times: Times,
    /// When the check-in was made, as the scene was recorded.
    pub made_at: Timestamp,
    /// Whether it was put off.
    pub snooze: Snooze,
}

impl Occasion {
    /// When the scene ended (R03).
    fn ended_at(&self) -> Timestamp {
        self.times.due_at - SignedDuration::from_mins(self.times.offset.into())
    }
}

/// What there is to explain.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The nudge's rung.
    pub rung: Rung,
    /// The way that it takes, or took.
    pub channel: Channel,
    /// Where it stands.
    pub state: NudgeState,
    /// Why it was dropped.
    pub drop_reason: Option<DropReason>,
    /// When it was to go out, quiet hours and all.
    pub due_at: Timestamp,
    /// When it goes out or went out.
    pub send_at: Timestamp,
    /// The recipient's zone and quiet hours of now.
    pub recipient: &'a Rhythm,
    /// What it is about; None: something asked for by address.
    pub occasion: Option<Occasion>,
}

/// Why a nudge came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// By which rule.
    pub rule: ExplanationRule,
    /// Under which Revision of the agreement; None: without one.
    pub revision: Option<i32>,
    /// When it was due.
    pub due_at: Timestamp,
    /// The reckoning in words, for the recipient alone.
    pub sentences: Vec<String>,
}

/// Explains a nudge to its recipient. What the other person did, and their zone and quiet hours, are no part of it
/// (R09 to R13).
pub fn explain(facts: &Facts<'_>) -> Explanation {
    let mut sentences = Vec::new();
    let mut due_at = facts.due_at;
    match (facts.rung, &facts.occasion) {
        (Rung::Ask | Rung::Email | Rung::AskAgain, Some(occasion)) => {
            sentences.push(ended(facts, occasion));
            sentences.push(protocol(facts, occasion, "asks"));
            asked(facts, occasion, &mut sentences);
        }
        (Rung::ReachOut, Some(occasion)) => {
            sentences.push(ended(facts, occasion));
            sentences.push(protocol(facts, occasion, "has you get in touch"));
            sentences.push("Then a time was looked for at which both of you are likely awake.".to_owned());
        }
        (Rung::TellPartner, occasion) => {
            // When it was planned for depends on the other one's nights; when it came is known anyway.
            due_at = facts.send_at;
            let revision = occasion.and_then(|occasion| occasion.revision);
            let agreement =
                revision.map_or("Your agreement".to_owned(), |n| format!("Your agreement, revision {n},"));
            sentences.push(format!(
                "{agreement} and the other person's standing permission allow you to be told."
            ));
        }
        (Rung::ConfirmAddress, _) => {
            sentences.push(
                "Somebody, most likely you, signed up with this address; this asks whether it is yours."
                    .to_owned(),
            );
        }
        (Rung::ResetPassword, _) => {
            sentences.push("Somebody, most likely you, asked for a new password.".to_owned());
        }
        (Rung::Ask | Rung::Email | Rung::AskAgain | Rung::ReachOut, None) => {}
    }
    let a_push_at_first = !matches!(facts.rung, Rung::Email | Rung::ConfirmAddress | Rung::ResetPassword);
    if facts.state == NudgeState::Sent && facts.channel == Channel::Mail && a_push_at_first {
        sentences.push("No device of yours took it, so it came by e-mail.".to_owned());
    }
    let rule = ExplanationRule::of(facts.rung);
    Explanation { rule, revision: facts.occasion.and_then(|occasion| occasion.revision), due_at, sentences }
}

fn ended(facts: &Facts<'_>, occasion: &Occasion) -> String {
    let zone = &facts.recipient.zone;
    format!("This scene ended on {} ({}).", moment(zone, occasion.ended_at()), zone.name())
}

fn protocol(facts: &Facts<'_>, occasion: &Occasion, does: &str) -> String {
    let zone = &facts.recipient.zone;
    let after = match occasion.times.offset {
        0 => "at once".to_owned(),
        minutes => format!("after {}", length(minutes)),
    };
    let due = moment(zone, occasion.times.due_at);
    let clocks = clock_change(zone, occasion.ended_at(), occasion.times.due_at);
    match occasion.revision {
        Some(number) => format!("Your agreement, revision {number}, {does} {after}: {due}{clocks}."),
        None => format!("It stood under no agreement, so the usual plan {does} {after}: {due}{clocks}."),
    }
}

/// What of the ladder led to a question.
fn asked(facts: &Facts<'_>, occasion: &Occasion, sentences: &mut Vec<String>) {
    let Occasion { times, made_at, snooze, .. } = *occasion;
    let (recipient, zone) = (facts.recipient, &facts.recipient.zone);
    let sent = facts.state == NudgeState::Sent;
    let mut from = times.due_at;
    if made_at > from {
        from = made_at;
        let made = brief(zone, made_at, times.due_at);
        sentences.push(format!("The scene was recorded after that, {made}, so it counts from then."));
    }
    if let Snooze::Until(until) = snooze {
        from = from.max(until);
        sentences.push(format!("You put it off until {}.", moment(zone, until)));
    }
    let snoozed_until = match snooze {
        Snooze::Until(until) => Some(until),
        Snooze::Never | Snooze::Earlier => None,
    };
    let state = CheckInState::Unanswered;
    let situation = Situation {
        times,
        made_at,
        state,
        snoozed_until,
        subject: recipient,
        partner: None,
        alert_allowed: false,
    };
    let steps = plan(&situation, made_at);
    let at = |rung| steps.iter().find(|step| step.rung == rung).map(|step| step.send_at);
    // Their zone, quiet hours or plans may be others by now: then how it was reckoned is not known any more.
    let ask_at = at(Rung::Ask).filter(|_| at(facts.rung) == Some(facts.due_at) && snooze != Snooze::Earlier);
    match (facts.rung, ask_at) {
        (Rung::Email, Some(ask_at)) => {
            sentences.extend(waited(facts, from, ask_at, "the first question"));
            let patience = ask_at + PATIENCE;
            sentences.push(format!(
                "{}, {}, {}.",
                unanswered(sent),
                brief(zone, patience, ask_at),
                by_mail(sent)
            ));
            sentences.extend(waited(facts, patience, facts.due_at, "it"));
        }
        (Rung::AskAgain, Some(ask_at)) => {
            sentences.extend(waited(facts, from, ask_at, "the first question"));
            let hour = if facts.due_at != recipient.next_morning(ask_at) {
                "three hours after the e-mail"
            } else if recipient.quiet.is_some() {
                "at the end of your quiet hours"
            } else {
                "at nine"
            };
            let due = moment(zone, facts.due_at);
            sentences.push(format!("{}, {hour}: {due}.", once_more(sent)));
        }
        (_, Some(ask_at)) => sentences.extend(waited(facts, from, ask_at, "it")),
        (rung, None) => {
            let before = match snooze {
                Snooze::Earlier => "You put it off, and then",
                Snooze::Never | Snooze::Until(_) => "By the time zone and quiet hours that you had then,",
            };
            sentences.push(format!("{before} its time was {}.", moment(zone, facts.due_at)));
            match rung {
                Rung::Email => sentences.push(format!("{}, {}.", unanswered(sent), by_mail(sent))),
                Rung::AskAgain => sentences.push(format!("{}.", once_more(sent))),
                Rung::Ask
                | Rung::TellPartner
                | Rung::ReachOut
                | Rung::ConfirmAddress
                | Rung::ResetPassword => {}
            }
        }
    }
    if sent && facts.send_at >= facts.due_at + LATE {
        let came = brief(zone, facts.send_at, facts.due_at);
        sentences.push(format!("It could not go out then, and came {came}."));
    }
    sentences.extend(unsent(facts).map(str::to_owned));
}

fn unanswered(sent: bool) -> &'static str {
    if sent { "Nothing was answered after three hours" } else { "If nothing is answered after three hours" }
}

fn by_mail(sent: bool) -> &'static str {
    if sent { "so it came by e-mail" } else { "an e-mail follows" }
}

fn once_more(sent: bool) -> &'static str {
    if sent {
        "Nothing was answered, so it came once more the next morning"
    } else {
        "If nothing is answered, it comes once more the next morning"
    }
}

/// What became of one's own nudge that did not go out.
fn unsent(facts: &Facts<'_>) -> Option<&'static str> {
    match (facts.state, facts.drop_reason) {
        (NudgeState::Waiting | NudgeState::Sent, _) => None,
        (NudgeState::Dead, _) => Some("It could not be delivered."),
        (NudgeState::Dropped, reason) => Some(match reason {
            Some(DropReason::Settled) => "It was not sent, since you had answered or skipped already.",
            Some(DropReason::Paused) => "It was not sent, since you had paused reminders.",
            Some(DropReason::Superseded) => "It was not sent, since another one took its place.",
            Some(DropReason::Unreachable) => "It was not sent, since there was no way to reach you.",
            Some(DropReason::Expired) => "It was not sent, since its time was over.",
            Some(DropReason::LinkEnded | DropReason::NotConsented) | None => "It was not sent.",
        }),
    }
}

/// That quiet hours moved something from `from` to `to`; None: they did not.
fn waited(facts: &Facts<'_>, from: Timestamp, to: Timestamp, what: &str) -> Option<String> {
    let quiet = facts.recipient.quiet.filter(|_| to > from)?;
    let zone = &facts.recipient.zone;
    let waits = match facts.state {
        NudgeState::Sent => "waited",
        NudgeState::Waiting => "waits",
        NudgeState::Dropped | NudgeState::Dead => "was to wait",
    };
    let until = if zone.date(from) == zone.date(to) { clock(zone, to) } else { moment(zone, to) };
    let (begin, end) = (of_day(quiet.from()), of_day(quiet.until()));
    let local = zone.time_zone().to_datetime(to);
    let skipped = if format!("{}", local.strftime("%H:%M")) == end {
        String::new()
    } else {
        format!(", since the clocks skipped {end}")
    };
    Some(format!("Your quiet hours last from {begin} to {end}, so {what} {waits} until {until}{skipped}."))
}

fn of_day(minute: u16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

/// An instant as a calendar and a clock there show it, such as `Saturday 24 October at 20:00`.
fn moment(zone: &Zone, at: Timestamp) -> String {
    let local = zone.time_zone().to_datetime(at);
    format!("{} at {}", local.strftime("%A %-d %B"), clock(zone, at))
}

/// An instant as a clock there shows it, with the day only if it is another than that of `near`.
fn brief(zone: &Zone, at: Timestamp, near: Timestamp) -> String {
    if zone.date(at) == zone.date(near) {
        format!("at {}", clock(zone, at))
    } else {
        format!("on {}", moment(zone, at))
    }
}

/// A time of day; one that a clock change repeats says which of the two it is.
fn clock(zone: &Zone, at: Timestamp) -> String {
    let tz = zone.time_zone();
    let local = tz.to_datetime(at);
    let which = match tz.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Fold { before, .. } if before == tz.to_offset(at) => " (the first of two)",
        AmbiguousOffset::Fold { .. } => " (the second of two)",
        AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Gap { .. } => "",
    };
    format!("{}{which}", local.strftime("%H:%M"))
}

/// By how much the clocks there were changed between two instants, as the end of a sentence; empty if not at all.
fn clock_change(zone: &Zone, from: Timestamp, to: Timestamp) -> String {
    let tz = zone.time_zone();
    let minutes = (tz.to_offset(to).seconds() - tz.to_offset(from).seconds()) / 60;
    let way = if minutes < 0 { "back" } else { "forward" };
    match minutes.unsigned_abs() {
        0 => String::new(),
        by => format!(", since the clocks went {way} by {} in between", length(by)),
    }
}

/// A length of time in words, such as `24 hours`, `one hour` or `90 minutes`.
fn length(minutes: u32) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::quiet_hours::QuietHours;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn rhythm(zone: &str, quiet: Option<(&str, &str)>) -> Rhythm {
        let quiet = quiet.map(|(from, until)| QuietHours::parse("quietHours", from, until).unwrap());
        Rhythm { zone: Zone::named("zone", zone).unwrap(), quiet }
    }

    /// A scene that ended then, and its check-in after so many minutes, open for a day.
    fn occasion(ended_at: &str, offset: u32, revision: Option<i32>) -> Occasion {
        let ended_at = at(ended_at);
        let due_at = ended_at + SignedDuration::from_mins(offset.into());
        let times = Times { offset, due_at, closes_at: due_at + SignedDuration::from_hours(24) };
        Occasion { revision, times, made_at: ended_at, snooze: Snooze::Never }
    }

    /// A nudge that went out in time.
    fn sent<'a>(rung: Rung, due_at: &str, recipient: &'a Rhythm, occasion: Occasion) -> Facts<'a> {
        let channel = if rung == Rung::Email { Channel::Mail } else { Channel::Push };
        let (due_at, state) = (at(due_at), NudgeState::Sent);
        let occasion = Some(occasion);
        Facts { rung, channel, state, drop_reason: None, due_at, send_at: due_at, recipient, occasion }
    }

    fn words(facts: &Facts<'_>) -> Vec<String> {
        explain(facts).sentences
    }

    #[test]
    fn r25_a_day_that_has_25_hours_is_told() {
        let berlin = rhythm("Europe/Berlin", Some(("22:00", "07:00")));
        let day = occasion("2026-10-24T18:00:00Z", 24 * 60, Some(2));
        let explained = explain(&sent(Rung::Ask, "2026-10-25T18:00:00Z", &berlin, day));
        assert_eq!((explained.rule, explained.revision), (ExplanationRule::CheckInDue, Some(2)));
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
            let occasion = occasion(ended_at, minutes, Some(1));
            let due_at = occasion.times.due_at.to_string();
            let second = words(&sent(Rung::Ask, &due_at, &recipient, occasion)).remove(1);
            assert!(second.ends_with(said), "{zone}: {second}");
        }
    }

    #[test]
    fn r25_lengths_are_words() {
        let said = [0, 1, 45, 60, 90, 180, 195, 1440, 2880].map(|minutes| {
            let recipient = rhythm("UTC", None);
            let occasion = occasion("2026-07-01T00:00:00Z", minutes, None);
            let due_at = occasion.times.due_at.to_string();
            let second = words(&sent(Rung::Ask, &due_at, &recipient, occasion)).remove(1);
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
            words(&sent(Rung::Ask, due_at, &recipient, occasion(ended_at, 60, Some(1)))).pop().unwrap()
        };
        assert_eq!(
            at_night("Europe/Berlin", "07:00", "2026-07-02T05:00:00Z", "2026-07-01T23:00:00Z"),
            "Your quiet hours last from 22:00 to 07:00, so it waited until 07:00."
        );
        assert_eq!(
            at_night("Europe/Berlin", "07:00", "2026-07-02T05:00:00Z", "2026-07-01T20:00:00Z"),
            "Your quiet hours last from 22:00 to 07:00, so it waited until Thursday 2 July at 07:00."
        );
        // 02:30 does not come that night, or comes twice.
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
        let hour = || occasion("2026-07-01T18:00:00Z", 60, Some(3));
        let last = |facts: &Facts<'_>| words(facts).pop().unwrap();
        assert_eq!(
            last(&sent(Rung::Email, "2026-07-01T22:00:00Z", &la, hour())),
            "Nothing was answered after three hours, at 15:00, so it came by e-mail."
        );
        assert_eq!(
            last(&sent(Rung::AskAgain, "2026-07-02T14:00:00Z", &la, hour())),
            "Nothing was answered, so it came once more the next morning, at the end of your quiet hours: Thursday 2 July at 07:00."
        );
        let always = rhythm("America/Los_Angeles", None);
        assert_eq!(
            last(&sent(Rung::AskAgain, "2026-07-02T16:00:00Z", &always, hour())),
            "Nothing was answered, so it came once more the next morning, at nine: Thursday 2 July at 09:00."
        );
        // 20:30 in Berlin: the mail waits for the morning, and gets its three hours then.
        let berlin = rhythm("Europe/Berlin", Some(("22:00", "08:00")));
        let evening = || occasion("2026-07-01T17:30:00Z", 60, None);
        assert_eq!(
            words(&sent(Rung::Email, "2026-07-02T06:00:00Z", &berlin, evening()))[2..],
            [
                "Nothing was answered after three hours, at 23:30, so it came by e-mail.",
                "Your quiet hours last from 22:00 to 08:00, so it waited until Thursday 2 July at 08:00.",
            ]
        );
        assert_eq!(
            last(&sent(Rung::AskAgain, "2026-07-02T09:00:00Z", &berlin, evening())),
            "Nothing was answered, so it came once more the next morning, three hours after the e-mail: Thursday 2 July at 11:00."
        );
    }

    #[test]
    fn r25_what_has_not_gone_out_is_told_as_such() {
        let la = rhythm("America/Los_Angeles", Some(("23:00", "07:00")));
        let mut facts =
            sent(Rung::Email, "2026-07-01T22:00:00Z", &la, occasion("2026-07-01T18:00:00Z", 60, None));
        facts.state = NudgeState::Waiting;
        assert_eq!(
            words(&facts).pop().unwrap(),
            "If nothing is answered after three hours, at 15:00, an e-mail follows."
        );
        for reason in
            [DropReason::Settled, DropReason::Paused, DropReason::Unreachable, DropReason::Superseded]
        {
            (facts.state, facts.drop_reason) = (NudgeState::Dropped, Some(reason));
            assert!(words(&facts).pop().unwrap().starts_with("It was not sent, since "));
        }
        (facts.state, facts.drop_reason) = (NudgeState::Dead, None);
        assert_eq!(words(&facts).pop().unwrap(), "It could not be delivered.");
    }

    #[test]
    fn r25_delays_and_other_ways_are_told() {
        let la = rhythm("America/Los_Angeles", Some(("23:00", "07:00")));
        let mut late = occasion("2026-07-01T18:00:00Z", 60, None);
        late.made_at = at("2026-07-01T21:00:00Z");
        late.snooze = Snooze::Until(at("2026-07-01T22:30:00Z"));
        let mut facts = sent(Rung::Ask, "2026-07-01T22:30:00Z", &la, late);
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
        let mut facts =
            sent(Rung::Ask, "2026-07-02T06:00:00Z", &tokyo, occasion("2026-07-01T21:00:00Z", 60, None));
        assert_eq!(
            words(&facts),
            [
                "This scene ended on Thursday 2 July at 06:00 (Asia/Tokyo).",
                "It stood under no agreement, so the usual plan asks after one hour: Thursday 2 July at 07:00.",
                "By the time zone and quiet hours that you had then, its time was Thursday 2 July at 15:00.",
            ]
        );
        facts.rung = Rung::AskAgain;
        assert_eq!(
            words(&facts).pop().unwrap(),
            "Nothing was answered, so it came once more the next morning."
        );
        facts.occasion = facts.occasion.map(|occasion| Occasion { snooze: Snooze::Earlier, ..occasion });
        assert!(words(&facts)[2].starts_with("You put it off, and then its time was "));
    }

    #[test]
    fn r25_what_is_about_the_other_tells_nothing_of_them() {
        let berlin = rhythm("Europe/Berlin", Some(("22:00", "08:00")));
        let day = || occasion("2026-10-24T18:00:00Z", 24 * 60, Some(2));
        assert_eq!(
            words(&sent(Rung::ReachOut, "2026-10-26T14:00:00Z", &berlin, day())),
            [
                "This scene ended on Saturday 24 October at 20:00 (Europe/Berlin).",
                "Your agreement, revision 2, has you get in touch after 24 hours: Sunday 25 October at 19:00, since the clocks went back by one hour in between.",
                "Then a time was looked for at which both of you are likely awake.",
            ]
        );
        let mut alert = sent(Rung::TellPartner, "2026-10-26T14:00:00Z", &berlin, day());
        alert.send_at = at("2026-10-26T16:00:00Z");
        let explained = explain(&alert);
        assert_eq!(explained.due_at, alert.send_at, "when it was planned for is the other one's nights");
        assert_eq!(
            explained.sentences,
            ["Your agreement, revision 2, and the other person's standing permission allow you to be told.",]
        );
        // A snooze is the other one's: it makes no difference.
        for rung in [Rung::ReachOut, Rung::TellPartner] {
            let plain = sent(rung, "2026-10-26T14:00:00Z", &berlin, day());
            let mut snoozed = day();
            snoozed.snooze = Snooze::Until(at("2026-10-26T10:00:00Z"));
            assert_eq!(explain(&sent(rung, "2026-10-26T14:00:00Z", &berlin, snoozed)), explain(&plain));
        }
    }

    #[test]
    fn r25_what_was_asked_for_says_so() {
        let utc = rhythm("UTC", None);
        for rung in [Rung::ConfirmAddress, Rung::ResetPassword] {
            let mut facts =
                sent(rung, "2026-07-01T00:00:00Z", &utc, occasion("2026-07-01T00:00:00Z", 0, None));
            (facts.occasion, facts.channel) = (None, Channel::Mail);
            let explained = explain(&facts);
            assert!(explained.sentences[0].starts_with("Somebody, most likely you, "));
            assert_eq!((explained.sentences.len(), explained.revision), (1, None));
        }
    }
}

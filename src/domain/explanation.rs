//! Why a nudge came, in words for its recipient: the rule, the agreement, and how its time was computed (R25).

use super::account::FURTHER_NOTICE;
use super::check_in::{CheckInState, Times};
use super::ladder::{AFTER_PARTING, PATIENCE, Situation, plan};
use super::nudge::{Channel, DropReason, MailPurpose, NudgeKind, NudgeState, Reason, Rung};
use super::protocol::{Since, When, length};
use super::quiet_hours::{Rhythm, Zone, spelled_minute};
use super::words;
use jiff::tz::AmbiguousOffset;
use jiff::{SignedDuration, Timestamp};

/// A nudge sent later than this after its due time says so.
const LATE: SignedDuration = SignedDuration::from_mins(1);

words! {
    /// The rule by which a message was sent. More may be added.
    pub enum ExplanationRule {
        /// A check-in fell due.
        CheckInDue = "check_in_due",
        /// A check-in was not answered for three hours: an e-mail followed.
        NoAnswer = "no_answer",
        /// A check-in was still not answered three hours after the e-mail: it was asked once more.
        StillNoAnswer = "still_no_answer",
        /// The agreement, and the other person's permission, allow the viewer to be told what would be welcome.
        PartnerAlert = "partner_alert",
        /// Both agreed to get in touch at about this time, whatever either of them answers.
        GetInTouch = "get_in_touch",
        /// The other person asked to hear from the viewer.
        AskedToGetInTouch = "asked_to_get_in_touch",
        /// Somebody asked for a mail that confirms an address.
        AddressToConfirm = "address_to_confirm",
        /// Somebody asked for a mail by which a password is set anew.
        PasswordReset = "password_reset",
        /// A session was ended because its refresh token was used in two places.
        SignInCopied = "sign_in_copied",
        /// A change to this address was asked for, to be confirmed by a mail to it.
        NewAddressToConfirm = "new_address_to_confirm",
        /// A change to another address was asked for; the current address is told.
        AddressChange = "address_change",
        /// Something changed in how the account is protected.
        SecurityChange = "security_change",
    }
}

impl ExplanationRule {
    /// The rule of a kind of nudge.
    fn of(kind: NudgeKind) -> Self {
        match kind {
            NudgeKind::Reminder(Reason::CheckIn(Rung::Ask)) => Self::CheckInDue,
            NudgeKind::Reminder(Reason::CheckIn(Rung::Email)) => Self::NoAnswer,
            NudgeKind::Reminder(Reason::CheckIn(Rung::AskAgain)) => Self::StillNoAnswer,
            NudgeKind::Reminder(Reason::CheckIn(Rung::TellPartner)) => Self::PartnerAlert,
            NudgeKind::Reminder(Reason::Prompt) => Self::GetInTouch,
            NudgeKind::Plea => Self::AskedToGetInTouch,
            NudgeKind::Mail(MailPurpose::ConfirmAddress) => Self::AddressToConfirm,
            NudgeKind::Mail(MailPurpose::ResetPassword) => Self::PasswordReset,
            NudgeKind::Mail(MailPurpose::SignedOut) => Self::SignInCopied,
            NudgeKind::Mail(MailPurpose::ConfirmNewAddress) => Self::NewAddressToConfirm,
            NudgeKind::Mail(MailPurpose::AddressChange) => Self::AddressChange,
            NudgeKind::Mail(MailPurpose::SecurityChange) => Self::SecurityChange,
        }
    }
}

/// Whether the recipient had snoozed the check-in when the nudge was planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Snooze {
    /// No.
    Never,
    /// Yes, until then.
    Until(Timestamp),
    /// Yes, but that time is no longer known: the check-in was snoozed again since.
    Earlier,
}

/// The facts behind a reminder's time. Both people know all of them except the snooze, which is used only in
/// explanations to the subject who snoozed.
#[derive(Clone, Copy, Debug)]
pub struct CheckInFacts {
    /// Whether the scene was of its subject alone.
    pub alone: bool,
    /// The number of the Revision that the scene stood under; None: the default protocol.
    pub revision: Option<i32>,
    /// The check-in's times; of a prompt, those that it goes by.
    pub times: Times,
    /// When the check-in was created: when the scene was recorded.
    pub made_at: Timestamp,
    /// When the two parted, or part; None: nobody said.
    pub parted_at: Option<Timestamp>,
    /// Whether it was snoozed.
    pub snooze: Snooze,
    /// Until when a pause of the recipient postponed it; only in explanations to the subject who paused.
    pub postponed_until: Option<Timestamp>,
}

/// The facts of a reminder to explain.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Why it is sent.
    pub reason: Reason,
    /// Its channel.
    pub channel: Channel,
    /// Its state.
    pub state: NudgeState,
    /// Why it was dropped.
    pub drop_reason: Option<DropReason>,
    /// Its planned time, after quiet hours.
    pub due_at: Timestamp,
    /// When it goes out, or went out.
    pub send_at: Timestamp,
    /// Whether it came in one message with others.
    pub together: bool,
    /// The recipient's current zone and quiet hours.
    pub recipient: &'a Rhythm,
    /// The check-in that it is about.
    pub check_in: CheckInFacts,
}

/// Why a nudge came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The rule.
    pub rule: ExplanationRule,
    /// When it was due.
    pub due_at: Timestamp,
    /// How its time was computed, for the recipient alone.
    pub sentences: Vec<String>,
}

/// Explains a reminder to its recipient. It reveals nothing of the partner's actions, zone or quiet hours
/// (R09 to R13).
pub fn explain(facts: &Facts<'_>) -> Explanation {
    let mut sentences = match facts.reason {
        Reason::CheckIn(Rung::Ask) => question(facts, first_question),
        Reason::CheckIn(Rung::Email) => question(facts, question_by_mail),
        Reason::CheckIn(Rung::AskAgain) => question(facts, question_again),
        Reason::CheckIn(Rung::TellPartner) => vec![permission(facts)],
        Reason::Prompt => prompt(facts),
    };
    if is_sent(facts) && facts.channel == Channel::Mail && facts.reason.channel() == Channel::Push {
        sentences.push("No device of yours took it, so it came by e-mail.".to_owned());
    }
    if is_sent(facts) && facts.together {
        sentences.push("It came together with what else was for you about then.".to_owned());
    }
    let due_at = match facts.reason {
        // The planned time depends on the subject's nights; the recipient knows the sending time anyway.
        Reason::CheckIn(Rung::TellPartner) => facts.send_at,
        Reason::CheckIn(Rung::Ask | Rung::Email | Rung::AskAgain) | Reason::Prompt => facts.due_at,
    };
    let rule = ExplanationRule::of(NudgeKind::Reminder(facts.reason));
    Explanation { rule, due_at, sentences }
}

fn prompt(facts: &Facts<'_>) -> Vec<String> {
    let CheckInFacts { times, parted_at, .. } = facts.check_in;
    let waited = parted_at.filter(|parted_at| *parted_at + AFTER_PARTING > times.due_at).map(|parted_at| {
        let zone = &facts.recipient.zone;
        let at = moment(zone, parted_at);
        if is_sent(facts) {
            format!("You two parted on {at}, so it waited until an hour after that.")
        } else {
            format!("You two part on {at}, so it waits until an hour after that.")
        }
    });
    let mut sentences = vec![ended(facts), protocol(facts, "has you get in touch")];
    sentences.extend(waited);
    sentences.push("Then a time was looked for at which both of you are likely awake.".to_owned());
    sentences
}

/// Explains a plea to its recipient, which was sent at `sent_at`.
pub fn explain_plea(sent_at: Timestamp) -> Explanation {
    let sentences = vec![
        "Your partner pressed a button to say that they would like to hear from you.".to_owned(),
        "It comes by their own wish, whatever was agreed, and tells nothing else. They are not told whether you saw it."
            .to_owned(),
    ];
    let rule = ExplanationRule::of(NudgeKind::Plea);
    Explanation { rule, due_at: sent_at, sentences }
}

/// Explains a mail to an address, due at `due_at`.
pub fn explain_mail(purpose: MailPurpose, due_at: Timestamp) -> Explanation {
    let sentence = match purpose {
        MailPurpose::ConfirmAddress => {
            "Somebody, most likely you, signed up with this address; this asks whether it is yours."
        }
        MailPurpose::ResetPassword => "Somebody, most likely you, asked for a new password.",
        MailPurpose::SignedOut => {
            "A device of yours was signed out, since its sign-in was used in two places."
        }
        MailPurpose::SecurityChange => {
            "Something changed in how your account is protected, or a device signed in that did not before."
        }
        MailPurpose::ConfirmNewAddress | MailPurpose::AddressChange => {
            "Somebody, most likely you, asked for another address for an account."
        }
    };
    let rule = ExplanationRule::of(NudgeKind::Mail(purpose));
    Explanation { rule, due_at, sentences: vec![sentence.to_owned()] }
}

/// Why the recipient may be told what would be welcome.
fn permission(facts: &Facts<'_>) -> String {
    let agreement = facts
        .check_in
        .revision
        .map_or("Your agreement".to_owned(), |n| format!("Your agreement, revision {n},"));
    format!("{agreement} and the other person's standing permission allow you to be told.")
}

fn ended(facts: &Facts<'_>) -> String {
    let zone = &facts.recipient.zone;
    format!("This scene ended on {} ({}).", moment(zone, facts.check_in.times.ended_at), zone.name())
}

fn protocol(facts: &Facts<'_>, does: &str) -> String {
    let (zone, CheckInFacts { times, revision, alone, .. }) = (&facts.recipient.zone, &facts.check_in);
    let due = moment(zone, times.due_at);
    let when = match times.time.when {
        When::After { minutes } => {
            let after = match (minutes, times.time.since) {
                (0, Since::End) => "at once".to_owned(),
                (_, Since::End) => format!("after {}", length(minutes)),
                (_, Since::Parting) => times.time.sentence(),
            };
            let clocks = match times.time.since {
                Since::End => clock_change(zone, times.ended_at, times.due_at),
                Since::Parting => String::new(),
            };
            format!("{after}: {due}{clocks}")
        }
        When::OnDay { minute, .. } => {
            let came = zone.minute(times.due_at) == minute;
            let sentence = times.time.sentence();
            if came { format!("{sentence}: {due}") } else { format!("{sentence}, which came to {due}") }
        }
    };
    match revision {
        None if *alone => format!("Your own plan {does} {when}."),
        Some(number) => format!("Your agreement, revision {number}, {does} {when}."),
        None => format!("It stood under no agreement, so the usual plan {does} {when}."),
    }
}

/// How the time of a question was computed.
#[derive(Clone, Copy)]
struct Reckoning {
    /// From when the recipient could be asked, apart from quiet hours.
    from: Timestamp,
    /// When the first question was planned for.
    ask_at: Timestamp,
}

/// The sentences of a question: the scene, the protocol, delays, then what its rung adds (`of_rung`).
/// `of_rung` gets no reckoning if the computation can no longer be reproduced.
fn question(facts: &Facts<'_>, of_rung: fn(&Facts<'_>, Option<Reckoning>) -> Vec<String>) -> Vec<String> {
    let CheckInFacts { times, made_at, snooze, postponed_until, .. } = facts.check_in;
    let zone = &facts.recipient.zone;
    let mut sentences = vec![ended(facts), protocol(facts, "asks")];
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
    if let Some(until) = postponed_until.filter(|until| *until > from && *until < FURTHER_NOTICE) {
        from = until;
        sentences
            .push(format!("You had paused reminders, so it was asked anew from {}.", moment(zone, until)));
    }
    let reckoning = asked_at(facts).map(|ask_at| Reckoning { from, ask_at });
    if reckoning.is_none() {
        let before = match snooze {
            Snooze::Never | Snooze::Until(_) if facts.together => "So that one reminder came and not two,",
            Snooze::Earlier => "You put it off, and then",
            Snooze::Never | Snooze::Until(_) => {
                "By the time zone, quiet hours and pauses that you had then, or since the day before it was full,"
            }
        };
        sentences.push(format!("{before} its time was {}.", moment(zone, facts.due_at)));
    }
    sentences.extend(of_rung(facts, reckoning));
    if is_sent(facts) && facts.send_at >= facts.due_at + LATE {
        let came = brief(zone, facts.send_at, facts.due_at);
        sentences.push(format!("It could not go out then, and came {came}."));
    }
    sentences.extend(unsent(facts).map(str::to_owned));
    sentences
}

/// When the first question was planned. None if the plan no longer gives this nudge's time: zone, quiet hours
/// or snooze may have changed since.
fn asked_at(facts: &Facts<'_>) -> Option<Timestamp> {
    let CheckInFacts { times, made_at, snooze, postponed_until, .. } = facts.check_in;
    let snoozed_until = match snooze {
        Snooze::Until(until) => Some(until),
        Snooze::Never => None,
        Snooze::Earlier => return None,
    };
    let situation = Situation {
        times,
        promised: times,
        parted_at: None,
        made_at,
        state: CheckInState::Unanswered,
        snoozed_until,
        postponed_until,
        heard_from: false,
        subject: facts.recipient,
        partner: None,
        alert_allowed: false,
    };
    let steps = plan(&situation, made_at);
    let at = |reason| steps.iter().find(|step| step.reason == reason).map(|step| step.send_at);
    at(Reason::CheckIn(Rung::Ask)).filter(|_| at(facts.reason) == Some(facts.due_at))
}

fn first_question(facts: &Facts<'_>, reckoning: Option<Reckoning>) -> Vec<String> {
    let waited = reckoning.and_then(|known| waited(facts, known.from, known.ask_at, "it"));
    waited.into_iter().collect()
}

fn question_by_mail(facts: &Facts<'_>, reckoning: Option<Reckoning>) -> Vec<String> {
    let sent = is_sent(facts);
    let Some(Reckoning { from, ask_at }) = reckoning else {
        return vec![format!("{}, {}.", unanswered(sent), by_mail(sent))];
    };
    let patience = ask_at + PATIENCE;
    let after = brief(&facts.recipient.zone, patience, ask_at);
    let mut sentences: Vec<String> = waited(facts, from, ask_at, "the first question").into_iter().collect();
    sentences.push(format!("{}, {after}, {}.", unanswered(sent), by_mail(sent)));
    sentences.extend(waited(facts, patience, facts.due_at, "it"));
    sentences
}

fn question_again(facts: &Facts<'_>, reckoning: Option<Reckoning>) -> Vec<String> {
    let sent = is_sent(facts);
    let Some(Reckoning { from, ask_at }) = reckoning else {
        return vec![format!("{}.", once_more(sent))];
    };
    let patience = facts.recipient.awake(ask_at + PATIENCE) + PATIENCE;
    let mut sentences: Vec<String> = waited(facts, from, ask_at, "the first question").into_iter().collect();
    let after = brief(&facts.recipient.zone, patience, ask_at);
    sentences.push(format!("{}, three hours after the e-mail, {after}.", once_more(sent)));
    sentences.extend(waited(facts, patience, facts.due_at, "it"));
    sentences
}

fn is_sent(facts: &Facts<'_>) -> bool {
    facts.state == NudgeState::Sent
}

fn unanswered(sent: bool) -> &'static str {
    if sent { "Nothing was answered after three hours" } else { "If nothing is answered after three hours" }
}

fn by_mail(sent: bool) -> &'static str {
    if sent { "so it came by e-mail" } else { "an e-mail follows" }
}

fn once_more(sent: bool) -> &'static str {
    if sent {
        "Nothing was answered then either, so it came once more"
    } else {
        "If nothing is answered then either, it comes once more"
    }
}

/// Why the recipient's own nudge was not sent.
fn unsent(facts: &Facts<'_>) -> Option<&'static str> {
    match (facts.state, facts.drop_reason) {
        (NudgeState::Waiting | NudgeState::Sent, _) => None,
        (NudgeState::Dead, _) => Some("It could not be delivered."),
        (NudgeState::Dropped, reason) => Some(match reason {
            Some(DropReason::Settled) => "It was not sent, since you had answered or skipped already.",
            Some(DropReason::Paused) => "It was not sent, since reminders to you were paused.",
            Some(DropReason::Superseded) => "It was not sent, since another one took its place.",
            Some(DropReason::Unreachable) => "It was not sent, since there was no way to reach you.",
            Some(DropReason::Expired) => "It was not sent, since its time was over.",
            Some(DropReason::Corrected) => "It was not sent, since its time was moved.",
            Some(DropReason::LinkEnded | DropReason::NotConsented) | None => "It was not sent.",
        }),
    }
}

/// Says that quiet hours moved something from `from` to `to`; None if they did not.
fn waited(facts: &Facts<'_>, from: Timestamp, to: Timestamp, what: &str) -> Option<String> {
    let quiet = facts.recipient.quiet.filter(|_| to > from)?;
    let zone = &facts.recipient.zone;
    let waits = match facts.state {
        NudgeState::Sent => "waited",
        NudgeState::Waiting => "waits",
        NudgeState::Dropped | NudgeState::Dead => "was to wait",
    };
    let until = if zone.date(from) == zone.date(to) { clock(zone, to) } else { moment(zone, to) };
    let (begin, end) = (spelled_minute(quiet.from()), spelled_minute(quiet.until()));
    let local = zone.time_zone().to_datetime(to);
    let skipped = if format!("{}", local.strftime("%H:%M")) == end {
        String::new()
    } else {
        format!(", since the clocks skipped {end}")
    };
    Some(format!("Your quiet hours last from {begin} to {end}, so {what} {waits} until {until}{skipped}."))
}

/// An instant with date and time in that zone, such as `Saturday 24 October at 20:00`.
fn moment(zone: &Zone, at: Timestamp) -> String {
    let local = zone.time_zone().to_datetime(at);
    format!("{} at {}", local.strftime("%A %-d %B"), clock(zone, at))
}

/// An instant as the time in that zone, with the date only if it differs from that of `near`.
fn brief(zone: &Zone, at: Timestamp, near: Timestamp) -> String {
    if zone.date(at) == zone.date(near) {
        format!("at {}", clock(zone, at))
    } else {
        format!("on {}", moment(zone, at))
    }
}

/// A time of day; in an hour that a clock change repeats, it says which of the two.
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

/// By how much the clocks changed between two instants, as the end of a sentence; empty if they did not.
fn clock_change(zone: &Zone, from: Timestamp, to: Timestamp) -> String {
    let tz = zone.time_zone();
    let minutes = (tz.to_offset(to).seconds() - tz.to_offset(from).seconds()) / 60;
    let way = if minutes < 0 { "back" } else { "forward" };
    match minutes.unsigned_abs() {
        0 => String::new(),
        by => format!(", since the clocks went {way} by {} in between", length(by)),
    }
}

#[cfg(test)]
mod tests;

//! The ladder: which nudges a check-in needs, for whom, on which channel, and when (R17 to R19).

use super::check_in::{CheckInState, Times};
use super::nudge::{Channel, Reason, Rung};
use super::quiet_hours::Rhythm;
use jiff::{SignedDuration, Timestamp};

/// How long a rung waits for an answer before the next one.
pub const PATIENCE: SignedDuration = SignedDuration::from_hours(3);

/// The recipient of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// The subject.
    Subject,
    /// The partner.
    Partner,
}

/// One step of a check-in's ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Why it is sent.
    pub reason: Reason,
    /// The recipient.
    pub to: To,
    /// The channel; a push to a person without a live device becomes a mail when it is sent.
    pub channel: Channel,
    /// When: never in the recipient's quiet hours.
    pub send_at: Timestamp,
}

impl Step {
    fn new(reason: Reason, to: To, send_at: Timestamp) -> Self {
        Self { reason, to, channel: reason.channel(), send_at }
    }
}

/// What the ladder of one check-in depends on. Pauses, preferences and devices are left out: they are read
/// when a nudge is about to be sent (R16), and count as they are then.
#[derive(Clone, Debug)]
pub struct Situation<'a> {
    /// When the check-in falls due and closes.
    pub times: Times,
    /// When it was created: its ladder begins no earlier, even if its due time has passed (R03).
    pub made_at: Timestamp,
    /// What the subject did with it.
    pub state: CheckInState,
    /// Until when the subject snoozed it.
    pub snoozed_until: Option<Timestamp>,
    /// The subject's zone and quiet hours.
    pub subject: &'a Rhythm,
    /// The partner's zone and quiet hours; None once the link has ended (R12).
    pub partner: Option<&'a Rhythm>,
    /// Whether the subject allows the partner to be told, and an agreement covers it (R02, R10).
    pub alert_allowed: bool,
}

/// The steps of a check-in's ladder, in the order of the rungs; none if it has closed at `now` (R03). If the
/// due time passed before the check-in was created, the ladder begins at its creation.
pub fn plan(situation: &Situation<'_>, now: Timestamp) -> Vec<Step> {
    let mut steps = Vec::new();
    if now < situation.times.closes_at {
        if situation.state == CheckInState::Unanswered {
            ask(situation, &mut steps);
        }
        reach_out(situation, &mut steps);
    }
    steps
}

fn ask(situation: &Situation<'_>, steps: &mut Vec<Step>) {
    let Situation { times, subject, .. } = situation;
    let due = situation.snoozed_until.unwrap_or(times.due_at).max(times.due_at).max(situation.made_at);
    let ask_at = subject.awake(due);
    let mail_at = subject.awake(ask_at + PATIENCE);
    // A mail that quiet hours moved to that morning also gets its three hours before the subject is asked again.
    let again_at = subject.next_morning(ask_at).max(subject.awake(mail_at + PATIENCE));
    let mut step = |rung, to, send_at| {
        if send_at < times.closes_at {
            steps.push(Step::new(Reason::CheckIn(rung), to, send_at));
        }
    };
    step(Rung::Ask, To::Subject, ask_at);
    step(Rung::Email, To::Subject, mail_at);
    step(Rung::AskAgain, To::Subject, again_at);
    if let (Some(partner), true) = (situation.partner, situation.alert_allowed)
        && again_at < times.closes_at
    {
        step(Rung::TellPartner, To::Partner, partner.awake(again_at + PATIENCE));
    }
}

/// The prompt to the partner. It ignores what the subject did: an answer, a skip or a pause must not show in
/// what the partner receives (R11).
fn reach_out(situation: &Situation<'_>, steps: &mut Vec<Step>) {
    let Some(partner) = situation.partner else { return };
    let (from, closes_at) = (situation.times.due_at.max(situation.made_at), situation.times.closes_at);
    let together = partner.both_awake(situation.subject, from, closes_at);
    let send_at = together.unwrap_or_else(|| partner.awake(from));
    if send_at < closes_at {
        steps.push(Step::new(Reason::Prompt, To::Partner, send_at));
    }
}

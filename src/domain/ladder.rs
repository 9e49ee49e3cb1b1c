//! The ladder: which nudges a check-in needs, for whom, on which channel, and when (R17 to R19).

use super::check_in::{CheckInState, OPEN_FOR, Times};
use super::nudge::{Channel, Reason, Rung};
use super::quiet_hours::Rhythm;
use jiff::{SignedDuration, Timestamp};

/// How long a rung waits for an answer before the next one.
pub const PATIENCE: SignedDuration = SignedDuration::from_hours(3);
/// How long an alert is of use, from when the partner could first be told: it does not end with the questions (R19).
pub const ALERT_OPEN_FOR: SignedDuration = SignedDuration::from_hours(14);
/// How long after two parted the first prompt comes at the earliest: a goodbye may take longer than was planned (R18).
pub const AFTER_PARTING: SignedDuration = SignedDuration::from_hours(1);

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
    /// From then on it is of no use.
    pub expires_at: Timestamp,
}

/// What the ladder of one check-in depends on. Preferences and devices are left out: they are read when a nudge is
/// about to be sent (R16), and count as they are then.
#[derive(Clone, Debug)]
pub struct Situation<'a> {
    /// When the check-in falls due and closes.
    pub times: Times,
    /// When the partner's own check-in of that kind does: by their clock, if it is a local time. The prompt goes by it.
    pub promised: Times,
    /// When the two part, or parted, after a scene in person; None: nobody said, or it was online.
    pub parted_at: Option<Timestamp>,
    /// When it was created: its ladder begins no earlier, even if its due time has passed (R03).
    pub made_at: Timestamp,
    /// What the subject did with it.
    pub state: CheckInState,
    /// Until when the subject snoozed it.
    pub snoozed_until: Option<Timestamp>,
    /// Until when a pause of the subject postponed it (R05).
    pub postponed_until: Option<Timestamp>,
    /// Whether the subject gave a sign of life in the scene since it fell due: then nobody is told of a silence (R19).
    pub heard_from: bool,
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
    if now < situation.times.closes_at && situation.state == CheckInState::Unanswered {
        ask(situation, &mut steps);
    }
    steps.extend(reach_out(situation).filter(|step| now < step.expires_at));
    steps
}

impl<'a> Situation<'a> {
    /// Nothing was done with the check-in yet, and the partner may be told.
    pub fn silent(times: Times, made_at: Timestamp, subject: &'a Rhythm, partner: &'a Rhythm) -> Self {
        Self {
            times,
            promised: times,
            parted_at: None,
            made_at,
            state: CheckInState::Unanswered,
            snoozed_until: None,
            postponed_until: None,
            heard_from: false,
            subject,
            partner: Some(partner),
            alert_allowed: true,
        }
    }

    /// When the subject is first asked: not before the due time, the recording of the scene, the end of a snooze and the
    /// end of a pause.
    pub fn asked_at(&self) -> Timestamp {
        let later = [Some(self.made_at), self.snoozed_until, self.postponed_until];
        let from = later.into_iter().flatten().fold(self.times.due_at, Timestamp::max);
        self.subject.awake(from)
    }
}

fn ask(situation: &Situation<'_>, steps: &mut Vec<Step>) {
    let Situation { times, subject, .. } = situation;
    let ask_at = situation.asked_at();
    let mail_at = subject.awake(ask_at + PATIENCE);
    let again_at = subject.awake(mail_at + PATIENCE);
    for (rung, send_at) in [(Rung::Ask, ask_at), (Rung::Email, mail_at), (Rung::AskAgain, again_at)] {
        if send_at < times.closes_at {
            let reason = Reason::CheckIn(rung);
            let (to, channel) = (To::Subject, reason.channel());
            steps.push(Step { reason, to, channel, send_at, expires_at: times.closes_at });
        }
    }
    let partner = situation.partner.filter(|_| situation.alert_allowed && !situation.heard_from);
    if let Some(partner) = partner
        && again_at < times.closes_at
    {
        let reason = Reason::CheckIn(Rung::TellPartner);
        let (to, channel, send_at) = (To::Partner, reason.channel(), partner.awake(again_at + PATIENCE));
        steps.push(Step { reason, to, channel, send_at, expires_at: send_at + ALERT_OPEN_FOR });
    }
}

/// The prompt to the partner. It ignores what the subject did: an answer, a skip or a pause must not show in
/// what the partner receives (R11). One that fell due while the two were together waits for the parting, though its check-in
/// may have closed by then: that is when the distance begins (R18).
fn reach_out(situation: &Situation<'_>) -> Option<Step> {
    let partner = situation.partner?;
    let Times { due_at, closes_at, .. } = situation.promised;
    let due = due_at.max(situation.made_at);
    let apart_from = situation.parted_at.map(|parted_at| parted_at + AFTER_PARTING).filter(|at| *at > due);
    let (from, expires_at) = match apart_from {
        Some(at) => (at, closes_at.max(at + OPEN_FOR)),
        None => (due, closes_at),
    };
    let together = partner.both_awake(situation.subject, from, expires_at);
    let send_at = together.unwrap_or_else(|| partner.awake(from));
    let reason = Reason::Prompt;
    let step = Step { reason, to: To::Partner, channel: reason.channel(), send_at, expires_at };
    (send_at < expires_at).then_some(step)
}

//! The ladder: which nudges a check-in needs, for whom, on which channel, and when (R17 to R19).

use super::account::Reach;
use super::check_in::{CheckInState, Times};
use super::nudge::{Channel, Rung};
use jiff::{SignedDuration, Timestamp};

/// How long a rung waits for an answer before the next one.
pub const PATIENCE: SignedDuration = SignedDuration::from_hours(3);

/// Which of the two a step is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// The person who is asked.
    Subject,
    /// The other one.
    Partner,
}

/// One step of a check-in's ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Which rung.
    pub rung: Rung,
    /// For whom.
    pub to: To,
    /// Which way.
    pub channel: Channel,
    /// When: never in the recipient's quiet hours.
    pub send_at: Timestamp,
}

/// What the ladder of one check-in depends on.
#[derive(Clone, Debug)]
pub struct Situation<'a> {
    /// When the check-in falls due and closes.
    pub times: Times,
    /// What the subject did with it.
    pub state: CheckInState,
    /// Until when the subject put it off.
    pub snoozed_until: Option<Timestamp>,
    /// The subject.
    pub subject: &'a Reach,
    /// The partner; None once the link has ended (R12).
    pub partner: Option<&'a Reach>,
    /// Whether the subject allows the partner to be told, and an agreement covers it (R02, R10).
    pub alert_allowed: bool,
}

/// The steps that are still to come, in the order of their rungs. What has closed gives none (R03); a due
/// time that has passed while the check-in is open is made up for now.
pub fn plan(situation: &Situation<'_>, now: Timestamp) -> Vec<Step> {
    let mut steps = Vec::new();
    if now < situation.times.closes_at {
        if situation.state == CheckInState::Unanswered {
            ask(situation, now, &mut steps);
        }
        reach_out(situation, now, &mut steps);
    }
    steps
}

fn ask(situation: &Situation<'_>, now: Timestamp, steps: &mut Vec<Step>) {
    let Situation { times, subject, .. } = situation;
    let due = situation
        .snoozed_until
        .unwrap_or(times.due_at)
        .max(times.due_at)
        .max(now);
    if subject.is_paused(due) {
        return;
    }
    let channel = match (subject.push, subject.mail) {
        (true, _) => Channel::Push,
        (false, true) => Channel::Mail,
        (false, false) => return,
    };
    let rhythm = &subject.rhythm;
    let ask_at = rhythm.awake(due);
    let mail_at = rhythm.awake(ask_at + PATIENCE);
    let again_at = rhythm.next_morning(mail_at);
    let mut step = |rung, to, channel, send_at| {
        if send_at < times.closes_at {
            steps.push(Step {
                rung,
                to,
                channel,
                send_at,
            });
        }
    };
    step(Rung::Ask, To::Subject, channel, ask_at);
    if channel == Channel::Push && subject.mail {
        step(Rung::Email, To::Subject, Channel::Mail, mail_at);
    }
    step(Rung::AskAgain, To::Subject, channel, again_at);
    if let (Some(partner), true) = (situation.partner, situation.alert_allowed)
        && again_at < times.closes_at
    {
        let tell_at = partner.rhythm.awake(again_at + PATIENCE);
        if let (Some(channel), false) = (first_channel(partner), partner.is_paused(tell_at)) {
            step(Rung::TellPartner, To::Partner, channel, tell_at);
        }
    }
}

/// The prompt to the partner. It does not look at what the subject did: an answer, a skip or a pause must not
/// show in what the partner receives (R11).
fn reach_out(situation: &Situation<'_>, now: Timestamp, steps: &mut Vec<Step>) {
    let Some(partner) = situation.partner else {
        return;
    };
    let Some(channel) = first_channel(partner) else {
        return;
    };
    let (from, closes_at) = (situation.times.due_at.max(now), situation.times.closes_at);
    let send_at = partner
        .rhythm
        .both_awake(&situation.subject.rhythm, from, closes_at)
        .unwrap_or_else(|| partner.rhythm.awake(from));
    if send_at < closes_at && !partner.is_paused(send_at) {
        steps.push(Step {
            rung: Rung::ReachOut,
            to: To::Partner,
            channel,
            send_at,
        });
    }
}

fn first_channel(reach: &Reach) -> Option<Channel> {
    match (reach.push, reach.mail) {
        (true, _) => Some(Channel::Push),
        (false, true) => Some(Channel::Mail),
        (false, false) => None,
    }
}

//! The ladder: which nudges a check-in needs, for whom, on which channel, and when (R17 to R19).

use super::check_in::{CheckInState, OPEN_FOR, Times};
use super::nudge::{Channel, Reason, Rung};
use super::quiet_hours::Rhythm;
use jiff::{SignedDuration, Timestamp};

/// How long a rung waits for an answer before the next one.
pub const PATIENCE: SignedDuration = SignedDuration::from_hours(3);
/// How long an alert is of use, from when the partner could first be told: it does not end with the questions (R19).
pub const ALERT_OPEN_FOR: SignedDuration = SignedDuration::from_hours(14);
/// How long the subject was asked at the least before their partner is told that they say nothing.
const ASKED_FOR: SignedDuration = SignedDuration::from_hours(1);
/// A question that waits for longer than this after it was due is held up: sending takes a moment.
const LATE: SignedDuration = SignedDuration::from_mins(1);
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

    /// When the questions are asked, as planned.
    pub fn questions(&self) -> [(Rung, Timestamp); 3] {
        let ask_at = self.asked_at();
        let mail_at = self.subject.awake(ask_at + PATIENCE);
        let again_at = self.subject.awake(mail_at + PATIENCE);
        [(Rung::Ask, ask_at), (Rung::Email, mail_at), (Rung::AskAgain, again_at)]
    }

    /// When the partner is prompted, as planned; None once the link has ended.
    pub fn prompted_at(&self) -> Option<Timestamp> {
        self.prompt().map(|(send_at, _)| send_at)
    }

    /// When the prompt to the partner goes out and expires. It ignores what the subject did: an answer, a skip or a pause must
    /// not show in what the partner receives (R11). One that fell due while the two were together waits for the parting, though
    /// its check-in may have closed by then: that is when the distance begins (R18).
    fn prompt(&self) -> Option<(Timestamp, Timestamp)> {
        let partner = self.partner?;
        let Times { due_at, closes_at, .. } = self.promised;
        let due = due_at.max(self.made_at);
        let apart_from = self.parted_at.map(|parted_at| parted_at + AFTER_PARTING).filter(|at| *at > due);
        let (from, expires_at) = match apart_from {
            Some(at) => (at, closes_at.max(at + OPEN_FOR)),
            None => (due, closes_at),
        };
        let together = partner.both_awake(self.subject, from, expires_at);
        Some((together.unwrap_or_else(|| partner.awake(from)), expires_at))
    }
}

/// A question of a ladder that went out, or waits.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// When it comes if nothing else comes for its recipient.
    pub planned_at: Timestamp,
    /// When it was to go out in the end: with others, or where the day had a place.
    pub due_at: Timestamp,
    /// When it went out; None: it waits.
    pub sent_at: Option<Timestamp>,
}

/// When the partner may be told at the earliest, after these questions on rising rungs. Patience is reckoned as if the
/// subject had nothing but this check-in: a question that was moved to come with others, or to another place in the day,
/// moves nothing, since that would show that there are others (R11). One that went out late for any other reason, or should
/// be out and is not, has its full patience (R21).
pub fn alert_from(questions: &[Asked], subject: &Rhythm, now: Timestamp) -> Option<Timestamp> {
    let mut last: Option<Timestamp> = None;
    for Asked { planned_at, due_at, sent_at } in questions.iter().copied() {
        if sent_at.is_none() && is_late(due_at, now) {
            return Some(now + PATIENCE);
        }
        let alone = last.map_or(planned_at, |last| planned_at.max(subject.awake(last + PATIENCE)));
        let late = sent_at.map_or(SignedDuration::ZERO, |at| at.duration_since(due_at.max(alone)));
        last = Some(alone + late.max(SignedDuration::ZERO));
    }
    // Whatever held the first question up, nobody hears of a silence before there was a question.
    let first = questions.iter().filter_map(|question| question.sent_at).min();
    let waiting = || questions.iter().map(|question| question.due_at).min().map(|at| at.max(now));
    let asked_at = first.or_else(waiting)?;
    last.map(|last| (last + PATIENCE).max(asked_at + ASKED_FOR))
}

/// Whether what was to go out at `due_at` is held up, from outside.
pub fn is_late(due_at: Timestamp, now: Timestamp) -> bool {
    due_at + LATE < now
}

fn ask(situation: &Situation<'_>, steps: &mut Vec<Step>) {
    let Situation { times, .. } = situation;
    let questions @ [.., (_, again_at)] = situation.questions();
    for (rung, send_at) in questions {
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

/// The prompt to the partner.
fn reach_out(situation: &Situation<'_>) -> Option<Step> {
    let (send_at, expires_at) = situation.prompt()?;
    let reason = Reason::Prompt;
    let step = Step { reason, to: To::Partner, channel: reason.channel(), send_at, expires_at };
    (send_at < expires_at).then_some(step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::quiet_hours::Zone;

    const HOUR: i64 = 60;

    fn minute(minutes: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes)
    }

    /// Questions as they were planned, due and sent; -1: it waits.
    fn told_from(questions: &[(i64, i64, i64)], now: i64) -> i64 {
        let asked = |(planned, due, sent): &(i64, i64, i64)| Asked {
            planned_at: minute(*planned),
            due_at: minute(*due),
            sent_at: (*sent != -1).then(|| minute(*sent)),
        };
        let questions: Vec<Asked> = questions.iter().map(asked).collect();
        let subject = Rhythm { zone: Zone::named("zone", "UTC").unwrap(), quiet: None };
        alert_from(&questions, &subject, minute(now)).unwrap().duration_since(minute(0)).as_mins()
    }

    #[test]
    fn r11_other_reminders_move_no_alert() {
        let planned = 9 * HOUR;
        for questions in [
            [(0, 0, 0), (180, 180, 180), (360, 360, 360)],
            [(0, 115, 115), (180, 295, 295), (360, 475, 475)],
            [(0, 0, -30), (180, 180, 165), (360, 360, 335)],
            [(0, 0, 0), (180, 900, -1), (360, 900, -1)],
            [(0, 480, 480), (180, 900, -1), (360, 900, -1)],
            [(0, 0, 0), (180, 180, 180), (360, 540, -1)],
        ] {
            assert_eq!(told_from(&questions, planned), planned, "{questions:?}");
        }
    }

    #[test]
    fn r19_nobody_hears_of_a_silence_before_there_was_a_question() {
        let morning = 15 * HOUR;
        // Nobody worked until the night, and all questions wait for the morning.
        let held = [(0, morning, -1), (180, morning, -1), (360, morning, -1)];
        assert_eq!(told_from(&held, 10 * HOUR), morning + HOUR);
        assert_eq!(told_from(&[(360, morning, morning)], morning), morning + HOUR);
    }

    #[test]
    fn r21_what_went_out_late_has_its_patience() {
        let night = 20 * HOUR;
        for (questions, from) in [
            (vec![(0, 0, 50), (180, 230, 230), (360, 410, 410)], 9 * HOUR + 50),
            (vec![(0, 0, 50), (180, 230, 230), (360, 410, 500)], 11 * HOUR + 20),
            (vec![(0, 0, 50), (180, 230, 230), (360, 500, 500)], 9 * HOUR + 50),
            (vec![(360, 360, night)], night + 3 * HOUR),
            (vec![(0, 0, 0), (180, 180, 180), (360, 360, -1)], night + 3 * HOUR),
        ] {
            assert_eq!(told_from(&questions, night), from, "{questions:?}");
        }
    }
}

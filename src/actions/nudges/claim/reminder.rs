//! Reminders: decides about a claimed one from current facts, and prepares its payload.

use crate::actions::accounts::people::Person;
use crate::actions::check_ins::page::{self, PageToken};
use crate::actions::nudges::claim::context::{ClaimContext, recipient};
use crate::actions::nudges::claim::decision::{ClaimDecision, Mailing, Payload, Prepared, Target};
use crate::actions::nudges::device::open_subscriptions;
use crate::actions::nudges::planning::ScheduleInput;
use crate::actions::{Fault, Transaction};
use crate::domain::account::Reach;
use crate::domain::ladder::{AFTER_PARTING, Asked, PATIENCE, alert_from, is_late};
use crate::domain::negotiation::ContactWay;
use crate::domain::nudge::{Channel, DropReason, Facts, NudgeState, Reason, Rung, Verdict, judge};
use crate::domain::page::{Occasion, Offered};
use crate::domain::together::WITHIN;
use crate::domain::wording::{self, Letter};
use crate::ids::SessionId;
use crate::store::account::AccountRow;
use crate::store::check_in::CheckInRow;
use crate::store::device::DeviceRow;
use crate::store::nudge::{NudgeRow, Release};
use crate::store::page_token::PageTokenRow;
use jiff::{SignedDuration, Timestamp};

/// Decides about a claimed reminder.
pub fn decide(tx: &Transaction<'_>, context: &ClaimContext, row: &NudgeRow, reason: Reason) -> ClaimDecision {
    match judged(tx, context, row, reason) {
        // What is late already stays known to be, though it now waits for a morning as well (R21).
        Verdict::Move(at) if is_late(row.due_at.get(), tx.now) => {
            ClaimDecision::End(Release::again(row, at, false))
        }
        Verdict::Move(at) => ClaimDecision::End(Release::moved(row, at)),
        Verdict::Drop(reason) => ClaimDecision::drop(row, reason, tx.ts()),
        Verdict::Send(channel) => ClaimDecision::Remind(channel),
    }
}

/// The verdict about a reminder now: one that is due, or one that may come early with another.
pub fn judged(tx: &Transaction<'_>, context: &ClaimContext, row: &NudgeRow, reason: Reason) -> Verdict {
    let Some(reminder) = Reminder::of(tx, context, row, reason) else {
        let gone = if context.schedule(row).is_some() { DropReason::LinkEnded } else { DropReason::Expired };
        return Verdict::Drop(gone);
    };
    let reach = reminder.recipient.reach();
    judge(&reminder.facts(&reach), tx.now)
}

/// Prepares reminders to one person as one message, named after the first.
pub fn prepare(
    tx: &Transaction<'_>,
    context: &ClaimContext,
    rows: &[NudgeRow],
    channel: Channel,
) -> Result<Prepared, Fault> {
    let missing = || Fault::Inconsistent("a reminder without its check-in or recipient");
    let first = rows.first().ok_or_else(missing)?;
    let offered = if rows.len() > 1 { rows.to_vec() } else { context.of_message(first) };
    let mut reminders = Vec::new();
    for row in &offered {
        let reminder = row.kind.reason().and_then(|reason| Reminder::of(tx, context, row, reason));
        reminders.extend(reminder);
    }
    // Questions first, since the link is to answer them; then what somebody needs, then the rest.
    reminders.sort_by_key(|it| (it.order(), it.schedule.check_in.due_at, it.row.id));
    let recipient = reminders.first().ok_or_else(missing)?.recipient;
    let person = Person::open(tx.vault, recipient.clone())?;
    let (devices, refused_before) = context.targets(first, recipient);
    let message = Message { tx, person: &person, named: first, reminders };
    let (payload, links) = match channel {
        Channel::Push => message.by_push(&devices)?,
        Channel::Mail => message.by_mail()?,
    };
    Ok(Prepared { payload, mail_possible: context.mail_possible(first), refused_before, links })
}

/// A reminder with its check-in and recipient.
#[derive(Clone)]
struct Reminder<'a> {
    context: &'a ClaimContext,
    row: &'a NudgeRow,
    reason: Reason,
    schedule: &'a ScheduleInput,
    recipient: &'a AccountRow,
    live_devices: usize,
    now: Timestamp,
}

impl<'a> Reminder<'a> {
    /// None: its check-in is gone, or its recipient is no longer part of it.
    fn of(
        tx: &Transaction<'_>,
        context: &'a ClaimContext,
        row: &'a NudgeRow,
        reason: Reason,
    ) -> Option<Self> {
        let schedule = context.schedule(row)?;
        let recipient = recipient(schedule, row)?;
        let live_devices = context.targets(row, recipient).0.len();
        Some(Self { context, row, reason, schedule, recipient, live_devices, now: tx.now })
    }

    /// Its place among those of one message.
    fn order(&self) -> u8 {
        match self.reason {
            Reason::CheckIn(Rung::Ask | Rung::Email | Rung::AskAgain) => 0,
            Reason::CheckIn(Rung::TellPartner) => 1,
            Reason::Prompt => 2,
        }
    }

    fn facts<'r>(&self, reach: &'r Reach) -> Facts<'r> {
        let Self { context, row, schedule, recipient, live_devices, now, .. } = *self;
        let straggler = row.device_id.is_some();
        let asked = |ask: &NudgeRow| matches!(ask.state, NudgeState::Sent | NudgeState::Waiting);
        let (asked, not_before) = match self.reason {
            Reason::CheckIn(rung) => {
                (context.questions_below(schedule, row, rung).any(asked), self.patience_ends(rung))
            }
            Reason::Prompt => (false, schedule.scene.parted_at.map(|at| at.get() + AFTER_PARTING)),
        };
        Facts {
            not_before,
            asked,
            reason: self.reason,
            channel: row.channel,
            expires_at: row.expires_at.get(),
            recipient: reach,
            live_devices,
            // The other devices have it already: a mail would be a second one.
            address_works: recipient.address_failed_at.is_none() && !straggler,
            state: schedule.check_in.state,
            heard_from: schedule.check_in.heard_from,
            subject_paused: schedule.subject.reach().is_silent(now),
            linked: schedule.linked,
            alert_allowed: self.standing_alert().is_some(),
            reached_out: context.reached_out(schedule, self.reason),
            // It was dropped then. A wrong clock may have had it wait again (R38).
            put_off: row.round != schedule.check_in.round,
            later_rung_due: context.siblings(row).any(|other| self.gives_way_to(other)),
            asked_by_mail: context.siblings(row).any(|other| {
                other.kind.rung() == Some(Rung::Ask)
                    && other.state == NudgeState::Sent
                    && other.channel == Channel::Mail
            }),
        }
    }

    /// When the subject has had time to answer the last question: nobody is asked again, and no partner is told that
    /// an answer is missing, before that (R19, R21). For an e-mail, a first question that goes as a push counts while it
    /// waits, however late it is; and nothing comes early, with other reminders, that would come with or soon after a question
    /// of its own check-in.
    fn patience_ends(&self, rung: Rung) -> Option<Timestamp> {
        if !rung.is_question() {
            return self.alert_from();
        }
        let is_early = row_is_early(self.row, self.now);
        let waits = is_early || (rung == Rung::Email && self.is_pushed());
        let questions = self.context.questions_below(self.schedule, self.row, rung);
        let asked = questions.filter_map(|nudge| match nudge.state {
            NudgeState::Sent => nudge.finished_at.map(|at| at.get()),
            NudgeState::Waiting => waits.then(|| nudge.send_at.get().max(self.now)),
            NudgeState::Dropped | NudgeState::Dead => None,
        });
        // A question that comes early, with another one, need not wait to the minute.
        let early = if is_early { WITHIN } else { SignedDuration::ZERO };
        asked.max().map(|at| at + PATIENCE - early)
    }

    /// When the partner may be told, whatever else the subject is asked.
    fn alert_from(&self) -> Option<Timestamp> {
        let planned = self.schedule.questions(self.now);
        let of = |rung: Rung| {
            let mut questions = self.context.questions_below(self.schedule, self.row, Rung::TellPartner);
            questions.find(|nudge| nudge.kind.rung() == Some(rung))
        };
        let asked = planned.iter().filter_map(|(rung, at)| asked(of(*rung)?, *at)).collect::<Vec<_>>();
        let from = alert_from(&asked, &self.schedule.subject.reach().rhythm, self.now);
        // Without the last question, too, which may be dropped for want of a place.
        from.max(planned.last().map(|(_, at)| *at + PATIENCE))
    }

    /// Whether a push can reach the recipient.
    fn is_pushed(&self) -> bool {
        self.recipient.push && self.live_devices > 0
    }

    /// Whether another nudge of the ladder takes this one's place (R21). A mail rung takes none if no mail
    /// can be sent: otherwise nothing would go out.
    fn gives_way_to(&self, other: &NudgeRow) -> bool {
        let (Reason::CheckIn(lower), Some(upper)) = (self.reason, other.kind.rung()) else { return false };
        // A first question goes as a push where there is a device, and never as a mail only because it is late.
        let by_mail = self.recipient.mail_works() && !(lower == Rung::Ask && self.is_pushed());
        let can_go = by_mail || other.channel == Channel::Push;
        upper.supersedes(lower)
            && match other.state {
                NudgeState::Sent => true,
                NudgeState::Waiting => can_go && other.send_at.get() <= self.now,
                NudgeState::Dropped | NudgeState::Dead => false,
            }
    }

    /// What the partner may be told now.
    fn standing_alert(&self) -> Option<ContactWay> {
        self.context.alert(self.schedule).standing
    }
}

/// A question that went out or waits; `planned_at`: as its ladder is planned now.
fn asked(nudge: &NudgeRow, planned_at: Timestamp) -> Option<Asked> {
    let sent_at = match nudge.state {
        NudgeState::Sent => Some(nudge.finished_at?.get()),
        NudgeState::Waiting => None,
        NudgeState::Dropped | NudgeState::Dead => return None,
    };
    let due_at = nudge.due_at.get();
    // The ladder may be planned anew after a question went out. One that was never moved tells its time itself.
    let was_moved = nudge.attempts_forgiven > 0;
    Some(Asked { planned_at: if was_moved { planned_at } else { due_at }, due_at, sent_at })
}

/// Whether a reminder is looked at before its time.
fn row_is_early(row: &NudgeRow, now: Timestamp) -> bool {
    row.send_at.get() > now
}

/// Reminders to one person that go out as one.
struct Message<'a> {
    tx: &'a Transaction<'a>,
    person: &'a Person,
    named: &'a NudgeRow,
    reminders: Vec<Reminder<'a>>,
}

impl Message<'_> {
    fn letter(&self) -> Letter {
        wording::together(self.reminders.iter().map(|it| wording::reminder(it.reason, it.standing_alert())))
    }

    fn questions(&self) -> Vec<&CheckInRow> {
        let questions = self.reminders.iter().filter(|it| it.order() == 0);
        let mut rows: Vec<&CheckInRow> = questions.map(|it| &it.schedule.check_in).collect();
        rows.dedup_by_key(|row| row.id);
        rows
    }

    /// The link's target: with a question, the page to answer it, and all others; without one, the app. `session`: that
    /// of the device; None: it goes by mail.
    fn way(&self, session: Option<SessionId>) -> (String, Vec<PageTokenRow>) {
        let questions = self.questions();
        if questions.is_empty() {
            return ("open".to_owned(), Vec::new());
        }
        let zone = self.person.row.reach().rhythm.zone;
        let occasion = |row: &&CheckInRow| Occasion::new(&zone, row.ended_at.get());
        let alerts = self.reminders.iter().filter(|it| it.reason == Reason::CheckIn(Rung::TellPartner));
        let offered = Offered {
            questions: if questions.len() > 1 {
                questions.iter().map(occasion).collect()
            } else {
                Vec::new()
            },
            reach_out: self.reminders.iter().any(|it| it.reason == Reason::Prompt),
            welcome: alerts.filter_map(Reminder::standing_alert).collect(),
            alone: questions.iter().all(|row| row.link_id.is_none()),
        };
        let (token, rows) = page::to_answer(self.tx, &questions, &self.person.row, session);
        (format!("c/{token}{}", offered.query()), rows)
    }

    fn by_push(&self, devices: &[&DeviceRow]) -> Result<(Payload, Vec<PageTokenRow>), Fault> {
        let letter = self.letter();
        let (mut targets, mut links) = (Vec::new(), Vec::new());
        for (device, subscription) in open_subscriptions(self.person, devices)? {
            let (path, link) = self.way(device.session_id);
            targets.push(Target::new(self.tx, device, subscription, path));
            links.extend(link);
        }
        let answers = self.questions().len() == 1;
        Ok((Payload::Push { targets, letter, answers }, links))
    }

    fn by_mail(&self) -> Result<(Payload, Vec<PageTokenRow>), Fault> {
        let (path, mut links) = self.way(None);
        let letter = self.letter();
        let PageToken { token, row } = PageToken::to_choose(self.tx, self.named, &self.person.row);
        links.push(row);
        let mailing = Mailing { to: self.person.email()?, letter, path, choices: Some(token) };
        Ok((Payload::Mail(mailing), links))
    }
}

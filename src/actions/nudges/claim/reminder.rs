//! Reminders: decides about a claimed one from current facts, and prepares its payload.

use crate::actions::accounts::people::Person;
use crate::actions::check_ins::page::PageToken;
use crate::actions::nudges::claim::context::{ClaimContext, recipient};
use crate::actions::nudges::claim::decision::{ClaimDecision, Mailing, Payload, Target};
use crate::actions::nudges::device::open_subscription;
use crate::actions::nudges::planning::ScheduleInput;
use crate::actions::{Fault, Transaction};
use crate::domain::account::Reach;
use crate::domain::ladder::PATIENCE;
use crate::domain::negotiation::ContactWay;
use crate::domain::nudge::{Channel, DropReason, Facts, NudgeState, Reason, Rung, Verdict, judge};
use crate::domain::wording;
use crate::ids::{AccountId, SessionId};
use crate::store::account::AccountRow;
use crate::store::device::DeviceRow;
use crate::store::nudge::{NudgeRow, Release};
use crate::store::page_token::PageTokenRow;
use jiff::Timestamp;
use std::collections::HashMap;

/// Decides about a reminder. `today`: how many reminders each person already gets from this claim.
pub fn decide(
    tx: &Transaction<'_>,
    context: &ClaimContext,
    (row, reason): (&NudgeRow, Reason),
    today: &HashMap<AccountId, i64>,
) -> Result<ClaimDecision, Fault> {
    let now = tx.ts();
    let Some(schedule) = context.schedule(row) else {
        return Ok(ClaimDecision::drop(row, DropReason::Expired, now));
    };
    let Some(recipient) = recipient(schedule, row) else {
        return Ok(ClaimDecision::drop(row, DropReason::LinkEnded, now));
    };
    let (devices, refused_before) = context.targets(row, recipient);
    let live_devices = devices.len();
    let reminder = Reminder { context, row, reason, schedule, recipient, live_devices, now: tx.now };
    let reach = recipient.reach();
    match judge(&reminder.facts(&reach, today), tx.now) {
        Verdict::Move(at) => Ok(ClaimDecision::End(Release::moved(row, at))),
        Verdict::Drop(reason) => Ok(ClaimDecision::drop(row, reason, now)),
        Verdict::Send(channel) => {
            let person = Person::open(tx.vault, recipient.clone())?;
            let (payload, links) = match channel {
                Channel::Push => reminder.by_push(tx, &person, &devices)?,
                Channel::Mail => reminder.by_mail(tx, &person)?,
            };
            let mail_possible = context.mail_possible(row);
            Ok(ClaimDecision::Send { payload, mail_possible, refused_before, links })
        }
    }
}

/// A claimed reminder with its check-in and recipient.
struct Reminder<'a> {
    context: &'a ClaimContext,
    row: &'a NudgeRow,
    reason: Reason,
    schedule: &'a ScheduleInput,
    recipient: &'a AccountRow,
    live_devices: usize,
    now: Timestamp,
}

impl Reminder<'_> {
    fn facts<'r>(&self, reach: &'r Reach, today: &HashMap<AccountId, i64>) -> Facts<'r> {
        let Self { context, row, schedule, recipient, live_devices, now, .. } = *self;
        let straggler = row.device_id.is_some();
        let in_claim = today.get(&recipient.id).copied().unwrap_or(0);
        let asked = |ask: &NudgeRow| matches!(ask.state, NudgeState::Sent | NudgeState::Waiting);
        let (asked, not_before) = match self.reason {
            Reason::CheckIn(rung) => {
                (context.questions_below(schedule, row, rung).any(asked), self.patience_ends(rung))
            }
            Reason::Prompt => (false, None),
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
            reached_out: context.reached_out(schedule),
            later_rung_due: context.siblings(row).any(|other| self.gives_way_to(other)),
            asked_by_mail: context.siblings(row).any(|other| {
                other.kind.rung() == Some(Rung::Ask)
                    && other.state == NudgeState::Sent
                    && other.channel == Channel::Mail
            }),
            // The nudge itself was counted already, when the other devices took it.
            sent_today: if straggler {
                0
            } else {
                context.today(recipient, &reach.rhythm.zone, now) + in_claim
            },
        }
    }

    /// When the subject has had time to answer the last question: nobody is asked again, and no partner is told that
    /// an answer is missing, before that (R19, R21). For a partner alert, waiting questions count as well, and for an
    /// e-mail a first question that goes as a push, however late it is.
    fn patience_ends(&self, rung: Rung) -> Option<Timestamp> {
        let waits = !rung.is_question() || (rung == Rung::Email && self.is_pushed());
        let questions = self.context.questions_below(self.schedule, self.row, rung);
        let asked = questions.filter_map(|nudge| match nudge.state {
            NudgeState::Sent => nudge.finished_at.map(|at| at.get()),
            NudgeState::Waiting => waits.then(|| nudge.send_at.get().max(self.now)),
            NudgeState::Dropped | NudgeState::Dead => None,
        });
        asked.max().map(|at| at + PATIENCE)
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

    /// The link's target: a question opens its answer page; every other reminder opens the app.
    /// `session`: that of the device; None: it goes by mail.
    fn way(&self, tx: &Transaction<'_>, session: Option<SessionId>) -> (String, Option<PageTokenRow>) {
        match self.reason {
            Reason::CheckIn(Rung::Ask | Rung::Email | Rung::AskAgain) => {
                let PageToken { token, row } =
                    PageToken::to_answer(tx, &self.schedule.check_in, self.recipient, session);
                (format!("c/{token}"), Some(row))
            }
            Reason::CheckIn(Rung::TellPartner) | Reason::Prompt => ("open".to_owned(), None),
        }
    }

    fn by_push(
        &self,
        tx: &Transaction<'_>,
        person: &Person,
        devices: &[&DeviceRow],
    ) -> Result<(Payload, Vec<PageTokenRow>), Fault> {
        let letter = wording::reminder(self.reason, self.standing_alert());
        let (mut targets, mut links) = (Vec::new(), Vec::new());
        for device in devices {
            let (path, link) = self.way(tx, device.session_id);
            let subscription = open_subscription(person, device)?;
            targets.push(Target { device: device.id, subscription, path });
            links.extend(link);
        }
        Ok((Payload::Push { targets, letter }, links))
    }

    fn by_mail(&self, tx: &Transaction<'_>, person: &Person) -> Result<(Payload, Vec<PageTokenRow>), Fault> {
        let (path, link) = self.way(tx, None);
        let letter = wording::reminder(self.reason, self.standing_alert());
        let PageToken { token, row } = PageToken::to_choose(tx, self.row, &person.row);
        let mailing = Mailing { to: person.email()?, letter, path, choices: Some(token) };
        Ok((Payload::Mail(mailing), link.into_iter().chain([row]).collect()))
    }
}

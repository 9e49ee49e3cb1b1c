//! The context of claimed nudges: everything that their decisions depend on.

use crate::actions::links::revision_snapshot::RevisionSnapshot;
use crate::actions::nudges::planning::{self, Alert, ScheduleInput, schedule_inputs};
use crate::actions::{Fault, Transaction};
use crate::domain::nudge::{NudgeKind, NudgeState, Reason, Rung};
use crate::domain::together::{Class, Day, Item, count_together};
use crate::ids::{AccountId, CheckInId, DeviceId, NudgeId, distinct};
use crate::store;
use crate::store::account::AccountRow;
use crate::store::day::Counted;
use crate::store::device::DeviceRow;
use crate::store::nudge::NudgeRow;
use crate::store::scene::OutreachRow;
use crate::store::types::Ts;
use jiff::{SignedDuration, Timestamp};
use std::collections::{HashMap, HashSet};

/// Everything around some claimed nudges, read in a fixed number of statements.
pub struct ClaimContext {
    schedule_inputs: HashMap<CheckInId, ScheduleInput>,
    alerts: HashMap<CheckInId, Alert>,
    siblings: Vec<NudgeRow>,
    outreaches: Vec<OutreachRow>,
    devices: Vec<DeviceRow>,
    refused: HashSet<(NudgeId, DeviceId)>,
    sent: Vec<Counted>,
    held: Vec<Counted>,
    coming: Vec<NudgeRow>,
    together: Vec<NudgeRow>,
}

/// Upper bound of a local day, including clock changes.
pub const LONGEST_DAY: SignedDuration = SignedDuration::from_hours(26);

impl ClaimContext {
    /// Loads the context of `rows`: all or some of the nudges of one claim, `claimed`, and what may go out with them. The
    /// daily counts of their recipients are locked.
    pub fn load(tx: &mut Transaction<'_>, rows: &[NudgeRow], claimed: &[NudgeId]) -> Result<Self, Fault> {
        // The copy for one device offers all that its message did.
        let copies = rows.iter().filter(|row| row.device_id.is_some());
        let messages: Vec<String> = copies.filter_map(|row| row.message_key.clone()).collect();
        let together = store::message::of_keys(tx.db, &messages)?;
        let all = || rows.iter().chain(&together);
        let ids = distinct(all().filter_map(|row| row.check_in_id));
        let check_ins = store::check_in::find_all(tx.db, &ids)?;
        let scenes = distinct(check_ins.iter().map(|row| row.scene_id));
        let recipients = distinct(rows.iter().filter_map(|row| row.recipient_id));
        let now = tx.ts();
        let again: Vec<NudgeId> = rows.iter().filter(|row| row.attempts > 1).map(|row| row.id).collect();
        let told: HashSet<_> = all()
            .filter(|row| row.kind == NudgeKind::Reminder(Reason::CheckIn(Rung::TellPartner)))
            .filter_map(|row| row.check_in_id)
            .collect();
        let schedule_inputs = schedule_inputs(tx, check_ins)?;
        let told: Vec<&ScheduleInput> =
            schedule_inputs.iter().filter(|schedule| told.contains(&schedule.check_in.id)).collect();
        // Claimed nudges before sent ones: each statement sees earlier commits, so a nudge that is recorded
        // between the two counts twice. In the other order it would not count at all (R22).
        let held = store::day::held(tx.db, &recipients, claimed, now)?;
        let sent = store::day::sent_since(tx.db, &recipients, (tx.now - LONGEST_DAY).into())?;
        Ok(Self {
            alerts: planning::alerts(tx, &told, &mut RevisionSnapshot::default())?,
            schedule_inputs: schedule_inputs
                .into_iter()
                .map(|schedule| (schedule.check_in.id, schedule))
                .collect(),
            siblings: store::nudge::of_check_ins(tx.db, &ids)?,
            outreaches: store::scene::outreaches(tx.db, &scenes)?,
            devices: store::device::live(tx.db, &recipients)?,
            refused: store::nudge::refused(tx.db, &again)?.into_iter().collect(),
            sent,
            held,
            coming: Vec::new(),
            together,
        })
    }

    /// The same context with what comes today for the recipients.
    #[must_use]
    pub fn with_coming(self, coming: Vec<NudgeRow>) -> Self {
        Self { coming, ..self }
    }

    /// The nudges that go out in the message of a copy for one device; of any other, the nudge itself.
    pub fn of_message(&self, row: &NudgeRow) -> Vec<NudgeRow> {
        let same = |other: &&NudgeRow| {
            row.device_id.is_some()
                && other.message_key == row.message_key
                && other.recipient_id == row.recipient_id
        };
        let found: Vec<NudgeRow> = self.together.iter().filter(same).cloned().collect();
        if found.is_empty() { vec![row.clone()] } else { found }
    }

    /// The account of a person who is part of a loaded check-in.
    pub fn account(&self, id: AccountId) -> Option<&AccountRow> {
        let people = self.schedule_inputs.values().flat_map(|it| [Some(&it.subject), it.partner.as_ref()]);
        people.flatten().find(|account| account.id == id)
    }

    /// A reminder as its recipient's day sees it; None: its check-in is gone.
    pub fn item(&self, row: &NudgeRow, now: Timestamp) -> Option<Item> {
        let (schedule, reason) = (self.schedule(row)?, row.kind.reason()?);
        let asked = |nudge: &NudgeRow| nudge.state == NudgeState::Sent;
        let unasked = !self.questions_below(schedule, row, Rung::TellPartner).any(asked);
        let snoozed = row.round > 0 && schedule.check_in.snoozed_until.is_some();
        let planned_at = match reason {
            Reason::CheckIn(Rung::Ask) => schedule.asked_at(now),
            Reason::Prompt => schedule.prompted_at(now).unwrap_or_else(|| row.due_at.get()),
            Reason::CheckIn(_) => row.due_at.get(),
        };
        Some(Item {
            reason,
            class: Class::of(reason, snoozed, unasked),
            scene: schedule.scene.id,
            link: schedule.check_in.link_id,
            planned_at,
            send_at: row.send_at.get(),
            ended_at: schedule.check_in.ended_at.get(),
        })
    }

    /// What a person got in their current local day, is about to get, and will still be asked (R22).
    pub fn day(&self, account: &AccountRow, now: Timestamp) -> Day {
        let zone = account.reach().rhythm.zone;
        let today = zone.date(now);
        let since: Ts = zone.start_of(today).into();
        let mine = |counted: &&Counted| {
            counted.recipient_id == Some(account.id) && counted.finished_at.is_none_or(|at| at >= since)
        };
        let mut messages: HashMap<&str, Class> = HashMap::new();
        for counted in self.sent.iter().chain(&self.held).filter(mine) {
            let Some(reason) = counted.kind.reason() else { continue };
            let class = Class::of(reason, false, false);
            let message = messages.entry(counted.message()).or_insert(class);
            *message = message.heavier(class);
        }
        let mut day = Day::default();
        messages.into_values().for_each(|class| day.count(class));
        let asked = self.sent.iter().chain(&self.held).filter(mine);
        let asked = asked.filter(|counted| counted.kind.rung() == Some(Rung::Ask));
        day.last_question = asked.map(|counted| counted.finished_at.map_or(now, |at| at.get())).max();
        let questions = self.coming.iter().filter(|row| {
            row.recipient_id == Some(account.id)
                && row.kind.rung() == Some(Rung::Ask)
                && row.round == 0
                && zone.date(row.send_at.get()) == today
        });
        day.coming = count_together(questions.map(|row| row.send_at.get()).collect());
        day
    }

    /// The check-in of a nudge, with everything that decides about it.
    pub fn schedule(&self, row: &NudgeRow) -> Option<&ScheduleInput> {
        row.check_in_id.and_then(|id| self.schedule_inputs.get(&id))
    }

    /// The partner alert of a check-in, if one of the loaded nudges is a partner alert for it.
    pub fn alert(&self, schedule: &ScheduleInput) -> Alert {
        self.alerts.get(&schedule.check_in.id).copied().unwrap_or_default()
    }

    /// Whether a mail could replace this nudge. Not for a copy to one device: the other devices have the
    /// nudge already, so the mail would be a second one.
    pub fn mail_possible(&self, row: &NudgeRow) -> bool {
        let recipient = self.schedule(row).and_then(|schedule| recipient(schedule, row));
        row.device_id.is_none() && recipient.is_some_and(AccountRow::mail_works)
    }

    /// The target devices of a push; see [`targets`].
    pub fn targets(&self, row: &NudgeRow, recipient: &AccountRow) -> (Vec<&DeviceRow>, bool) {
        targets(row, recipient, &self.devices, &self.refused)
    }

    /// The other nudges to the same recipient about the same check-in and round.
    pub fn siblings<'a>(&'a self, row: &'a NudgeRow) -> impl Iterator<Item = &'a NudgeRow> {
        self.siblings.iter().filter(|other| {
            other.check_in_id == row.check_in_id
                && other.round == row.round
                && other.recipient_id == row.recipient_id
                && other.id != row.id
        })
    }

    /// The questions to the subject on rungs below `rung`, in the round of `row`.
    pub fn questions_below<'a>(
        &'a self,
        schedule: &'a ScheduleInput,
        row: &'a NudgeRow,
        rung: Rung,
    ) -> impl Iterator<Item = &'a NudgeRow> {
        self.siblings.iter().filter(move |nudge| {
            nudge.check_in_id == row.check_in_id
                && nudge.round == row.round
                && nudge.recipient_id == Some(schedule.subject.id)
                && nudge.device_id.is_none()
                && nudge.kind.rung().is_some_and(|lower| lower.is_question() && lower < rung)
        })
    }

    /// Whether the partner reached out for the check-in (R18).
    pub fn reached_out(&self, schedule: &ScheduleInput, reason: Reason) -> bool {
        let times = match reason {
            Reason::Prompt => schedule.promised,
            Reason::CheckIn(_) => schedule.check_in.times(),
        };
        let partner = schedule.partner.as_ref().map(|partner| partner.id);
        self.outreaches.iter().any(|outreach| {
            outreach.scene_id == schedule.check_in.scene_id
                && Some(outreach.account_id) == partner
                && outreach.happened_at.get() >= times.reached_out_from()
        })
    }
}

/// The recipient of a nudge about a check-in; None if the recipient is no longer part of it.
pub fn recipient<'a>(schedule: &'a ScheduleInput, row: &NudgeRow) -> Option<&'a AccountRow> {
    let people = [Some(&schedule.subject), schedule.partner.as_ref()];
    people.into_iter().flatten().find(|account| Some(account.id) == row.recipient_id)
}

/// The target devices of a push among live ones, and whether one is left out because its push service refused this nudge for
/// good.
pub fn targets<'a>(
    row: &NudgeRow,
    recipient: &AccountRow,
    live: &'a [DeviceRow],
    refused: &HashSet<(NudgeId, DeviceId)>,
) -> (Vec<&'a DeviceRow>, bool) {
    let theirs = |device: &&DeviceRow| {
        device.account_id == recipient.id && row.device_id.is_none_or(|only| only == device.id)
    };
    let devices: Vec<_> = live.iter().filter(theirs).collect();
    // Devices that refused it for good are tried again only if no other is left: the operator may have fixed the
    // cause and revived a dead nudge.
    let open = |device: &&DeviceRow| !refused.contains(&(row.id, device.id));
    let still_open: Vec<_> = devices.iter().copied().filter(open).collect();
    let refused_before = !still_open.is_empty() && still_open.len() < devices.len();
    (if refused_before { still_open } else { devices }, refused_before)
}

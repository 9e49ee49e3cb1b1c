//! Nudges as their recipient sees them: a message with its reasons.

use crate::actions::links::revision_snapshot::RevisionSnapshot;
use crate::actions::nudges::claim::plea;
use crate::actions::nudges::planning::{Alert, ScheduleInput, alerts, schedule_inputs};
use crate::actions::{AppContext, Fault, Transaction};
use crate::domain::explanation::{
    CheckInFacts, Explanation, Facts, Snooze, explain, explain_mail, explain_plea,
};
use crate::domain::keyset_page::KeysetPage;
use crate::domain::nudge::{Channel, MailPurpose, NudgeKind, NudgeState, Reason};
use crate::domain::wording::{self, Letter};
use crate::ids::{AccountId, CheckInId, LinkId, NudgeId, PleaId, RevisionId, SceneId, distinct};
use crate::store;
use crate::store::account::AccountRow;
use crate::store::nudge::NudgeRow;
use crate::store::plea::PleaRow;
use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::Arc;

/// The most reasons of one message that are told. A day has far fewer, unless much was left undone before it.
pub const REASONS_MAX: usize = 50;

/// A message as its recipient sees it: what went out as one push or one mail.
#[derive(Clone, Debug)]
pub struct NudgeView {
    /// The id of the nudge that leads it.
    pub id: NudgeId,
    /// Its channel.
    pub channel: Channel,
    /// Its state.
    pub state: NudgeState,
    /// When it may go out, or went out.
    pub send_at: Timestamp,
    /// Its place in the list of a person's messages, which does not move once it went out.
    pub listed_at: Timestamp,
    /// When it was finished.
    pub finished_at: Option<Timestamp>,
    /// Why it came: at least one, at most [`REASONS_MAX`].
    pub reasons: Vec<ReasonView>,
}

/// One of the reasons of a message, as its recipient sees it.
#[derive(Clone, Debug)]
pub struct ReasonView {
    /// What it is for.
    pub kind: NudgeKind,
    /// What it means, for its recipient alone.
    pub message: &'static str,
    /// The recipient's own check-in that it asks about.
    pub check_in: Option<CheckInId>,
    /// The scene that it is about.
    pub scene: Option<SceneId>,
    /// The link that it is about.
    pub link: Option<LinkId>,
    /// The Revision that the scene stood under.
    pub revision: Option<RevisionId>,
    /// Why it came (R25).
    pub explanation: Explanation,
}

/// Why a reminder came. Snoozes are considered only in the subject's own nudges (R11).
fn explanation(
    row: &NudgeRow,
    reason: Reason,
    schedule: &ScheduleInput,
    (revision, together): (Option<i32>, bool),
    recipient: &AccountRow,
) -> Explanation {
    let own = schedule.subject.id == recipient.id;
    let check_in = &schedule.check_in;
    let snooze = match check_in.snoozed_until {
        Some(until) if own && row.round == check_in.round => Snooze::Until(until.get()),
        Some(_) if own && row.round > 0 => Snooze::Earlier,
        Some(_) | None => Snooze::Never,
    };
    let postponed_until = check_in.postponed_until.filter(|_| own).map(|at| at.get());
    let times = if reason == Reason::Prompt { schedule.promised } else { check_in.times() };
    let made_at = check_in.created_at.get();
    let parted_at = schedule.scene.parted_at.map(|at| at.get());
    explain(&Facts {
        reason,
        channel: row.channel,
        state: row.state,
        drop_reason: row.drop_reason,
        due_at: row.due_at.get(),
        send_at: went_at(row),
        together,
        recipient: &recipient.reach().rhythm,
        check_in: CheckInFacts {
            alone: schedule.link.is_none(),
            revision,
            times,
            made_at,
            parted_at,
            snooze,
            postponed_until,
        },
    })
}

/// When a nudge goes out, or went out: early, if it came together with another one.
fn went_at(row: &NudgeRow) -> Timestamp {
    let finished_at = row.finished_at.filter(|_| row.state == NudgeState::Sent);
    finished_at.map_or(row.send_at, |at| at.min(row.send_at)).get()
}

/// The letter of a mail to an address.
fn letter(purpose: MailPurpose) -> Letter {
    match purpose {
        MailPurpose::ConfirmAddress => wording::CONFIRM,
        MailPurpose::ResetPassword => wording::RESET,
        MailPurpose::SignedOut => wording::SIGNED_OUT,
        MailPurpose::ConfirmNewAddress => wording::CONFIRM_NEW_ADDRESS,
        MailPurpose::AddressChange => wording::ADDRESS_CHANGE,
        MailPurpose::SecurityChange => wording::SECURITY_CHANGE,
    }
}

/// The pleas that some nudges are about, with their words.
fn pleas_of(
    tx: &mut Transaction<'_>,
    rows: &[&NudgeRow],
) -> Result<HashMap<PleaId, (PleaRow, Letter)>, Fault> {
    let ids: Vec<PleaId> = rows.iter().filter_map(|row| row.plea_id).collect();
    let rows = store::plea::find_all(tx.db, &ids)?;
    let links: Vec<LinkId> = rows.iter().map(|row| row.link_id).collect();
    let links = store::partner_link::find_all(tx.db, &links)?;
    let mut pleas = HashMap::new();
    for row in rows {
        let Some(link) = links.iter().find(|link| link.id == row.link_id) else { continue };
        let letter = plea::letter(tx, link)?;
        pleas.insert(row.id, (row, letter));
    }
    Ok(pleas)
}

/// What the reasons of some messages are read from.
struct Sources {
    reader: AccountRow,
    schedules: HashMap<CheckInId, ScheduleInput>,
    alerts: HashMap<CheckInId, Alert>,
    pleas: HashMap<PleaId, (PleaRow, Letter)>,
}

impl Sources {
    /// In a fixed number of statements, however many messages.
    fn read(tx: &mut Transaction<'_>, reader: AccountRow, messages: &[Vec<NudgeRow>]) -> Result<Self, Fault> {
        let rows: Vec<&NudgeRow> = messages.iter().flatten().collect();
        let ids = distinct(rows.iter().filter_map(|row| row.check_in_id));
        let check_ins = store::check_in::find_all(tx.db, &ids)?;
        let schedules = schedule_inputs(tx, check_ins)?;
        let alerts = alerts(tx, &schedules.iter().collect::<Vec<_>>(), &mut RevisionSnapshot::default())?;
        let schedules = schedules.into_iter().map(|schedule| (schedule.check_in.id, schedule)).collect();
        let pleas = pleas_of(tx, &rows)?;
        Ok(Self { reader, schedules, alerts, pleas })
    }

    /// One reason; None: it is not the reader's to see, or its check-in is being deleted. What waits is shown only of the
    /// reader's own check-ins: what is about the partner's depends on what the partner did (R11).
    fn reason(&self, row: &NudgeRow, together: bool) -> Option<ReasonView> {
        let schedule = row.check_in_id.and_then(|id| self.schedules.get(&id));
        let own = schedule.is_some_and(|schedule| schedule.subject.id == self.reader.id);
        if !own && row.state != NudgeState::Sent {
            return None;
        }
        match row.kind {
            NudgeKind::Reminder(reason) => {
                let schedule = schedule?;
                let alert = self.alerts.get(&schedule.check_in.id).copied().unwrap_or_default();
                // The words as they were sent: a later withdrawal of consent must not show (R10).
                let message = said(&wording::reminder(reason, alert.agreed));
                let about = (alert.revision, together);
                Some(ReasonView {
                    kind: row.kind,
                    message,
                    check_in: row.check_in_id.filter(|_| own),
                    scene: Some(schedule.scene.id),
                    link: schedule.check_in.link_id,
                    revision: schedule.scene.revision_id,
                    explanation: explanation(row, reason, schedule, about, &self.reader),
                })
            }
            // A plea tells nothing else, and so not the scene: one that came with an answer would tell of that.
            NudgeKind::Plea => {
                let (plea, letter) = self.pleas.get(&row.plea_id?)?;
                Some(ReasonView {
                    link: Some(plea.link_id),
                    ..about_nothing(row.kind, letter, explain_plea(went_at(row)))
                })
            }
            NudgeKind::Mail(purpose) => {
                Some(about_nothing(row.kind, &letter(purpose), explain_mail(purpose, row.due_at.get())))
            }
        }
    }
}

/// A reason with its words, which names nothing that it is about.
fn about_nothing(kind: NudgeKind, letter: &Letter, explanation: Explanation) -> ReasonView {
    let message = said(letter);
    ReasonView { kind, message, check_in: None, scene: None, link: None, revision: None, explanation }
}

/// What a letter says first.
fn said(letter: &Letter) -> &'static str {
    letter.paragraphs.first().copied().unwrap_or_default()
}

/// Opens the messages of some nudges for their recipient; one without a reason that may be seen is left out.
fn views(tx: &mut Transaction<'_>, reader: AccountId, rows: Vec<NudgeRow>) -> Result<Vec<NudgeView>, Fault> {
    let messages = store::message::around(tx.db, rows)?;
    let Some(account) = store::account::find(tx.db, reader)? else { return Ok(Vec::new()) };
    let sources = Sources::read(tx, account, &messages)?;
    let view = |message: &Vec<NudgeRow>| {
        let lead = message.first()?;
        let reasons = message.iter().filter_map(|row| sources.reason(row, message.len() > 1));
        let reasons: Vec<ReasonView> = reasons.take(REASONS_MAX).collect();
        (!reasons.is_empty()).then(|| NudgeView {
            id: lead.id,
            channel: lead.channel,
            state: lead.state,
            send_at: went_at(lead),
            listed_at: lead.send_at.get(),
            finished_at: lead.finished_at.map(|at| at.get()),
            reasons,
        })
    };
    Ok(messages.iter().filter_map(view).collect())
}

/// A page of the person's messages, the latest first: sent ones, and waiting ones about their own check-ins.
pub async fn page(
    context: &Arc<AppContext>,
    account: AccountId,
    page: KeysetPage<NudgeId>,
) -> Result<Vec<NudgeView>, Fault> {
    context
        .read_tx(move |tx| {
            let rows = store::message::page(tx.db, account, page)?;
            views(tx, account, rows)
        })
        .await
}

/// The message that a nudge of the person went out in; its id is that of the leading one.
pub async fn find(
    context: &Arc<AppContext>,
    account: AccountId,
    id: NudgeId,
) -> Result<Option<NudgeView>, Fault> {
    context
        .read_tx(move |tx| {
            let row = store::nudge::find(tx.db, id)?.filter(|row| row.recipient_id == Some(account));
            let Some(row) = row else { return Ok(None) };
            let row = store::message::original(tx.db, row)?;
            Ok(views(tx, account, row.into_iter().collect())?.pop())
        })
        .await
}

//! Nudges as their recipient sees them.

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
use crate::ids::{AccountId, CheckInId, LinkId, NudgeId, PleaId, distinct};
use crate::store;
use crate::store::account::AccountRow;
use crate::store::nudge::NudgeRow;
use crate::store::plea::PleaRow;
use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::Arc;

/// A nudge as its recipient sees it.
#[derive(Clone, Debug)]
pub struct NudgeView {
    /// Its id.
    pub id: NudgeId,
    /// What it is for.
    pub kind: NudgeKind,
    /// Its channel.
    pub channel: Channel,
    /// Its state.
    pub state: NudgeState,
    /// When it may go out, or went out.
    pub send_at: Timestamp,
    /// When it was finished.
    pub finished_at: Option<Timestamp>,
    /// The recipient's own check-in that it asks about.
    pub check_in: Option<CheckInId>,
    /// The scene that it is about.
    pub scene: Option<crate::ids::SceneId>,
    /// The link that it is about.
    pub link: Option<LinkId>,
    /// Its message, for its recipient alone.
    pub message: &'static str,
    /// Why it came, for its recipient alone (R25).
    pub explanation: Explanation,
    /// What else came in the same message.
    pub other_reasons: Vec<NudgeReason>,
}

/// What else came in one message with a nudge.
#[derive(Clone, Debug)]
pub struct NudgeReason {
    /// Its nudge.
    pub id: NudgeId,
    /// What it is for.
    pub kind: NudgeKind,
    /// Its message, for its recipient alone.
    pub message: &'static str,
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
    rows: &[NudgeRow],
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

/// Opens nudges for their recipient. Waiting ones are shown only for the reader's own check-ins: those about
/// the partner depend on what the partner did (R11).
fn views(tx: &mut Transaction<'_>, reader: AccountId, rows: Vec<NudgeRow>) -> Result<Vec<NudgeView>, Fault> {
    let messages: Vec<String> = rows.iter().filter_map(|row| row.message_key.clone()).collect();
    let together = store::nudge::of_messages(tx.db, &messages)?;
    let sent = |row: &&NudgeRow| row.state == NudgeState::Sent && row.recipient_id == Some(reader);
    let together: Vec<NudgeRow> = together.iter().filter(sent).cloned().collect();
    let ids = distinct(rows.iter().chain(&together).filter_map(|row| row.check_in_id));
    let check_ins = store::check_in::find_all(tx.db, &ids)?;
    let schedule_inputs = schedule_inputs(tx, check_ins)?;
    let alerts = alerts(tx, &schedule_inputs.iter().collect::<Vec<_>>(), &mut RevisionSnapshot::default())?;
    let by_id: HashMap<_, _> = schedule_inputs.into_iter().map(|b| (b.check_in.id, b)).collect();
    let Some(account) = store::account::find(tx.db, reader)? else { return Ok(Vec::new()) };
    let pleas = pleas_of(tx, &rows)?;
    let alert_of =
        |row: &NudgeRow| row.check_in_id.and_then(|id| alerts.get(&id)).copied().unwrap_or_default();
    let mut views = Vec::new();
    for row in rows {
        let others = together.iter().filter(|other| {
            row.state == NudgeState::Sent && other.message_key == row.message_key && other.id != row.id
        });
        let other_reasons: Vec<NudgeReason> = others
            .filter_map(|other| {
                let letter = wording::reminder(other.kind.reason()?, alert_of(other).agreed);
                let message = letter.paragraphs.first().copied().unwrap_or_default();
                Some(NudgeReason { id: other.id, kind: other.kind, message })
            })
            .collect();
        let schedule = row.check_in_id.and_then(|id| by_id.get(&id));
        let own = schedule.is_some_and(|schedule| Some(schedule.subject.id) == row.recipient_id);
        if !own && row.state != NudgeState::Sent {
            continue;
        }
        let (letter, explanation) = match (row.kind, schedule) {
            (NudgeKind::Reminder(reason), Some(schedule)) => {
                let alert: Alert = alert_of(&row);
                let about = (alert.revision, !other_reasons.is_empty());
                let explanation = explanation(&row, reason, schedule, about, &account);
                // The words as they were sent: a later withdrawal of consent must not show (R10).
                (wording::reminder(reason, alert.agreed), explanation)
            }
            (NudgeKind::Plea, _) => match row.plea_id.and_then(|id| pleas.get(&id)) {
                Some((_, letter)) => (letter.clone(), explain_plea(went_at(&row))),
                None => continue,
            },
            // Its check-in is being deleted.
            (NudgeKind::Reminder(_), None) => continue,
            (NudgeKind::Mail(purpose), _) => (letter(purpose), explain_mail(purpose, row.due_at.get())),
        };
        let plea = row.plea_id.and_then(|id| pleas.get(&id)).map(|(plea, _)| plea);
        views.push(NudgeView {
            id: row.id,
            kind: row.kind,
            channel: row.channel,
            state: row.state,
            send_at: went_at(&row),
            finished_at: row.finished_at.map(|at| at.get()),
            check_in: row.check_in_id.filter(|_| own),
            // A plea tells nothing else, and so not the scene: one that came with an answer would tell of that.
            scene: schedule.map(|schedule| schedule.scene.id),
            link: plea.map(|plea| plea.link_id).or(schedule.and_then(|schedule| schedule.check_in.link_id)),
            explanation,
            other_reasons,
            message: letter.paragraphs.first().copied().unwrap_or_default(),
        });
    }
    Ok(views)
}

/// A page of the person's nudges, newest first: sent ones, and waiting ones about their own check-ins.
pub async fn page(
    context: &Arc<AppContext>,
    account: AccountId,
    page: KeysetPage<NudgeId>,
) -> Result<Vec<NudgeView>, Fault> {
    context
        .read_tx(move |tx| {
            let rows = store::nudge::page(tx.db, account, page)?;
            views(tx, account, rows)
        })
        .await
}

/// One nudge of the person.
pub async fn find(
    context: &Arc<AppContext>,
    account: AccountId,
    id: NudgeId,
) -> Result<Option<NudgeView>, Fault> {
    context
        .read_tx(move |tx| {
            let row = store::nudge::find(tx.db, id)?.filter(|row| row.recipient_id == Some(account));
            Ok(views(tx, account, row.into_iter().collect())?.pop())
        })
        .await
}

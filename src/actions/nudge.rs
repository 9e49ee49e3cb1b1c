//! The nudges that a person can look at.

use super::planning::{Alert, Bundle, alerts, bundles};
use super::revision_snapshot::RevisionSnapshot;
use super::{Fault, House, Unit};
use crate::domain::explanation::{Explanation, Facts, Occasion, Snooze, explain, explain_mail};
use crate::domain::nudge::{Channel, MailPurpose, NudgeKind, NudgeState, Reason};
use crate::domain::slice::Slice;
use crate::domain::wording::{self, Letter};
use crate::ids::{AccountId, CheckInId, NudgeId};
use crate::store;
use crate::store::account::AccountRow;
use crate::store::nudge::NudgeRow;
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
    /// The way that it takes.
    pub channel: Channel,
    /// Where it stands.
    pub state: NudgeState,
    /// When it may go out, or went out.
    pub send_at: Timestamp,
    /// When it was finished.
    pub finished_at: Option<Timestamp>,
    /// The recipient's own check-in that it asks about.
    pub check_in: Option<CheckInId>,
    /// The scene that it is about.
    pub scene: Option<crate::ids::SceneId>,
    /// What it means, in words for its recipient alone.
    pub message: &'static str,
    /// Why it came, in words for its recipient alone (R25).
    pub explanation: Explanation,
}

/// Why a reminder came. What its subject did besides is looked at in their own nudges alone (R11).
fn explanation(
    row: &NudgeRow,
    reason: Reason,
    bundle: &Bundle,
    revision: Option<i32>,
    recipient: &AccountRow,
) -> Explanation {
    let own = bundle.subject.id == recipient.id;
    let check_in = &bundle.check_in;
    let snooze = match check_in.snoozed_until {
        Some(until) if own && row.round == check_in.round => Snooze::Until(until.get()),
        Some(_) if own && row.round > 0 => Snooze::Earlier,
        Some(_) | None => Snooze::Never,
    };
    let (times, made_at) = (check_in.times(), check_in.created_at.get());
    explain(&Facts {
        reason,
        channel: row.channel,
        state: row.state,
        drop_reason: row.drop_reason,
        due_at: row.due_at.get(),
        send_at: row.send_at.get(),
        recipient: &recipient.reach().rhythm,
        occasion: Occasion { revision, times, made_at, snooze },
    })
}

/// What a mail by address asks or tells.
fn letter(purpose: MailPurpose) -> Letter {
    match purpose {
        MailPurpose::ConfirmAddress => wording::CONFIRM,
        MailPurpose::ResetPassword => wording::RESET,
        MailPurpose::SignedOut => wording::SIGNED_OUT,
        MailPurpose::ConfirmNewAddress => wording::CONFIRM_NEW_ADDRESS,
        MailPurpose::AddressChange => wording::ADDRESS_CHANGE,
    }
}

/// Opens nudges of their recipient. Those that have not gone out yet are shown for one's own check-ins only: what
/// is to come about the other depends on them (R11).
fn views(unit: &mut Unit<'_>, reader: AccountId, rows: Vec<NudgeRow>) -> Result<Vec<NudgeView>, Fault> {
    let mut ids: Vec<CheckInId> = rows.iter().filter_map(|row| row.check_in_id).collect();
    ids.sort_unstable();
    ids.dedup();
    let check_ins = store::check_in::find_all(unit.db, &ids)?;
    let bundles = bundles(unit, check_ins)?;
    let alerts = alerts(unit, &bundles.iter().collect::<Vec<_>>(), &mut RevisionSnapshot::default())?;
    let by_id: HashMap<_, _> = bundles.into_iter().map(|b| (b.check_in.id, b)).collect();
    let Some(reader) = store::account::find(unit.db, reader)? else { return Ok(Vec::new()) };
    let mut views = Vec::new();
    for row in rows {
        let bundle = row.check_in_id.and_then(|id| by_id.get(&id));
        let own = bundle.is_some_and(|bundle| Some(bundle.subject.id) == row.recipient_id);
        if !own && row.state != NudgeState::Sent {
            continue;
        }
        let (letter, explanation) = match (row.kind, bundle) {
            (NudgeKind::Reminder(reason), Some(bundle)) => {
                let alert: Alert = alerts.get(&bundle.check_in.id).copied().unwrap_or_default();
                let explanation = explanation(&row, reason, bundle, alert.revision, &reader);
                // As it was sent: a consent that was taken back since must not show (R10).
                (wording::reminder(reason, alert.agreed), explanation)
            }
            // It goes with its check-in, this moment.
            (NudgeKind::Reminder(_), None) => continue,
            (NudgeKind::Mail(purpose), _) => (letter(purpose), explain_mail(purpose, row.due_at.get())),
        };
        views.push(NudgeView {
            id: row.id,
            kind: row.kind,
            channel: row.channel,
            state: row.state,
            send_at: row.send_at.get(),
            finished_at: row.finished_at.map(|at| at.get()),
            check_in: row.check_in_id.filter(|_| own),
            scene: bundle.map(|bundle| bundle.scene.id),
            explanation,
            message: letter.paragraphs.first().copied().unwrap_or_default(),
        });
    }
    Ok(views)
}

/// A page of what a person got or is to get about their own check-ins, the newest first.
pub async fn page(
    house: &Arc<House>,
    account: AccountId,
    slice: Slice<NudgeId>,
) -> Result<Vec<NudgeView>, Fault> {
    house
        .read_tx(move |unit| {
            let rows = store::nudge::page(unit.db, account, slice)?;
            views(unit, account, rows)
        })
        .await
}

/// One nudge of the person.
pub async fn find(house: &Arc<House>, account: AccountId, id: NudgeId) -> Result<Option<NudgeView>, Fault> {
    house
        .read_tx(move |unit| {
            let row = store::nudge::find(unit.db, id)?.filter(|row| row.recipient_id == Some(account));
            Ok(views(unit, account, row.into_iter().collect())?.pop())
        })
        .await
}

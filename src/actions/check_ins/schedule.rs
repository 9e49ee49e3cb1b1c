//! When a scene's check-ins fall due: they are made when it ends, and move with its end, its parting and each one's zone.

use crate::actions::links::revision_snapshot::RevisionSnapshot;
use crate::actions::nudges::planning;
use crate::actions::{Fault, Transaction};
use crate::domain::check_in::{CheckInState, Times, times, times_in_zone};
use crate::domain::nudge::{DropReason, Reason};
use crate::domain::protocol::{CheckInTime, Since};
use crate::domain::quiet_hours::Zone;
use crate::ids::{AccountId, CheckInId, SceneId, distinct};
use crate::store;
use crate::store::check_in::{CheckInRow, Whose, columns_of};
use crate::store::scene::SceneRow;

/// What a scene's check-ins lack to be as its protocol has them.
pub struct Rearranged {
    missing: Vec<CheckInRow>,
    moved: Vec<(CheckInRow, Times)>,
}

impl Rearranged {
    /// Whether a check-in that is open now would be over already.
    pub fn closes_an_open_one(&self, tx: &Transaction<'_>) -> bool {
        let open = |row: &CheckInRow| row.closes_at.get() > tx.now;
        self.moved.iter().any(|(row, times)| open(row) && times.closes_at <= tx.now)
    }
}

/// Compares the check-ins that an ended scene has, `rows`, with those that its protocol has for these people (R01, R03). What is
/// counted from `since` moves; the others stay as they are.
pub fn rearranged(
    tx: &mut Transaction<'_>,
    scene: &SceneRow,
    people: &[AccountId],
    (protocol, since): (&[CheckInTime], Since),
    rows: &[CheckInRow],
) -> Result<Rearranged, Fault> {
    let ends = scene.ends().ok_or(Fault::Inconsistent("a scene that has not ended"))?;
    let accounts = store::account::find_all(tx.db, people)?;
    let (mut missing, mut moved) = (Vec::new(), Vec::new());
    for subject in people {
        let Some(account) = accounts.iter().find(|account| account.id == *subject) else { continue };
        let own: Vec<&CheckInRow> = rows.iter().filter(|row| row.subject_id == *subject).collect();
        let kept = own.iter().map(|row| row.times()).filter(|times| times.time.since != since);
        // Whatever stays is about the same scene, whose end may have moved.
        let kept: Vec<Times> = kept.map(|times| Times { ended_at: ends.ended_at, ..times }).collect();
        for times in times(protocol, &kept, ends, &account.reach().rhythm.zone) {
            match own.iter().find(|row| row.times().time == times.time) {
                Some(row) if row.times() == times => {}
                Some(row) => moved.push(((*row).clone(), times)),
                None => missing.push(unanswered(tx, scene, *subject, times)),
            }
        }
    }
    Ok(Rearranged { missing, moved })
}

/// Saves what is missing and what moved, and plans its nudges. What was tried already, or is on its way, stays as it is:
/// nothing goes twice.
pub fn rearrange(
    tx: &mut Transaction<'_>,
    Rearranged { missing, moved }: Rearranged,
    known: &mut RevisionSnapshot,
) -> Result<(), Fault> {
    if !missing.is_empty() {
        store::check_in::insert(tx.db, &missing)?;
    }
    let mut changed = move_all(tx, moved)?;
    changed.extend(missing);
    for check_in in &changed {
        tx.tell_when_due(check_in);
    }
    planning::plan_ladders(tx, changed, known)
}

fn move_all(tx: &mut Transaction<'_>, moved: Vec<(CheckInRow, Times)>) -> Result<Vec<CheckInRow>, Fault> {
    let mut rows = Vec::with_capacity(moved.len());
    for (row, times) in moved {
        rows.push(store::check_in::retime(tx.db, row.id, times)?);
    }
    if !rows.is_empty() {
        let ids: Vec<CheckInId> = rows.iter().map(|row| row.id).collect();
        let now = tx.ts();
        store::nudge::withdraw_untried(tx.db, &ids, DropReason::Corrected, now)?;
    }
    Ok(rows)
}

/// Moves a person's check-ins that are to come at a local time from one zone to another. The nudges are planned anew by
/// [`planning::replan_rhythm`].
pub fn follow_zone(
    tx: &mut Transaction<'_>,
    account: AccountId,
    (from, to): (&Zone, &Zone),
) -> Result<(), Fault> {
    let now = tx.ts();
    let open = store::check_in::open(tx.db, Whose::Subject(account), now)?;
    let coming = open.iter().filter(|row| row.due_at > now && row.times().time.is_local());
    for scene in distinct(coming.map(|row| row.scene_id)) {
        let mut rows = store::check_in::all_of(tx.db, scene)?;
        rows.retain(|row| row.subject_id == account);
        let known: Vec<Times> = rows.iter().map(CheckInRow::times).collect();
        let mut moved = Vec::new();
        for times in times_in_zone(&known, from, to, tx.now) {
            let row = rows.iter().find(|row| row.times().time == times.time && row.times() != times);
            moved.extend(row.map(|row| (row.clone(), times)));
        }
        for check_in in move_all(tx, moved)? {
            tx.tell_when_due(&check_in);
        }
    }
    Ok(())
}

/// Plans the prompts of a scene anew: they wait for the parting.
pub fn replan_prompts(tx: &mut Transaction<'_>, scene: SceneId) -> Result<(), Fault> {
    let check_ins = store::check_in::all_of(tx.db, scene)?;
    let ids: Vec<CheckInId> = check_ins.iter().map(|row| row.id).collect();
    planning::stop(tx, &ids, &[Reason::Prompt], DropReason::Corrected)?;
    planning::plan_prompts(tx, check_ins)
}

fn unanswered(tx: &Transaction<'_>, scene: &SceneRow, subject: AccountId, times: Times) -> CheckInRow {
    let (offset_minutes, check_in_time) = columns_of(times.time);
    CheckInRow {
        id: CheckInId::at(tx.now, tx.chance),
        scene_id: scene.id,
        link_id: scene.link_id,
        subject_id: subject,
        offset_minutes,
        due_at: times.due_at.into(),
        closes_at: times.closes_at.into(),
        state: CheckInState::Unanswered,
        snoozed_until: None,
        round: 0,
        answer: None,
        share: None,
        answered_at: None,
        created_at: tx.ts(),
        share_before: None,
        shared_from: None,
        postponed_until: None,
        heard_from: false,
        check_in_time,
        ended_at: times.ended_at.into(),
    }
}

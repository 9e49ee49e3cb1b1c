//! When a scene's check-ins fall due: they are made when it ends, and move with its end, its parting and each one's zone.

use crate::actions::accounts::solo_plan;
use crate::actions::links::locked_link::Participants;
use crate::actions::links::revision_snapshot::RevisionSnapshot;
use crate::actions::nudges::planning;
use crate::actions::{Fault, Transaction};
use crate::domain::check_in::{CheckInState, Times, times, times_in_zone, times_under_new_rules};
use crate::domain::nudge::{DropReason, Reason};
use crate::domain::protocol::{CheckInProtocol, CheckInTime, Since};
use crate::domain::quiet_hours::Zone;
use crate::ids::{AccountId, CheckInId, LinkId, SceneId, distinct};
use crate::store;
use crate::store::check_in::{CheckInRow, Whose, columns_of};
use crate::store::scene::SceneRow;
use jiff::Timestamp;

/// When check-ins about a scene fall due: by the Revision that the scene stood under, or the plan of who is alone; else by
/// default (R02).
pub fn protocol_of(
    tx: &mut Transaction<'_>,
    participants: &Participants,
    row: &SceneRow,
    known: &mut RevisionSnapshot,
) -> Result<CheckInProtocol, Fault> {
    match (participants, row.revision_id) {
        (Participants::Alone(account), _) => Ok(solo_plan::of(tx, *account)?.protocol),
        (Participants::Both(_), None) => Ok(CheckInProtocol::default()),
        (Participants::Both(link), Some(id)) => {
            known.include(tx, link)?;
            known.read_terms(tx, [(link.row.id, id)])?;
            let terms = known.needed_terms(id)?;
            Ok(terms.protocol.clone())
        }
    }
}

/// What a scene's check-ins lack to be as its protocol has them.
pub struct Rearranged {
    missing: Vec<CheckInRow>,
    moved: Vec<(CheckInRow, Times)>,
    closes_open: bool,
}

impl Rearranged {
    /// Whether a check-in that moves, that nobody answered yet and that is open or to come, would be over already.
    pub fn closes_an_open_one(&self) -> bool {
        self.closes_open
    }
}

/// Which check-ins of a scene move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moving {
    /// The scene's end was corrected: all that are counted from it.
    End,
    /// The parting was said: those counted from it that are still to come. What fell due stays, so that nothing which was
    /// asked is put off again and again.
    Parting,
}

impl Moving {
    fn moves(self, row: &CheckInRow, now: Timestamp) -> bool {
        let coming = row.due_at.get() > now && row.state == CheckInState::Unanswered;
        match (self, row.times().time.since) {
            (Self::End, since) => since == Since::End,
            (Self::Parting, since) => since == Since::Parting && coming,
        }
    }
}

/// Compares the check-ins that an ended scene has, `rows`, with those that its protocol has for these people (R01, R03). What does
/// not move stays as it is.
pub fn rearranged(
    tx: &mut Transaction<'_>,
    scene: &SceneRow,
    people: &[AccountId],
    (protocol, moving): (&[CheckInTime], Moving),
    rows: &[CheckInRow],
) -> Result<Rearranged, Fault> {
    let ends = scene.ends().ok_or(Fault::Inconsistent("a scene that has not ended"))?;
    let accounts = store::account::find_all(tx.db, people)?;
    let (mut missing, mut moved, mut closes_open) = (Vec::new(), Vec::new(), false);
    for subject in people {
        let Some(account) = accounts.iter().find(|account| account.id == *subject) else { continue };
        let own: Vec<&CheckInRow> = rows.iter().filter(|row| row.subject_id == *subject).collect();
        let kept = own.iter().filter(|row| !moving.moves(row, tx.now)).map(|row| row.times());
        // Whatever stays is about the same scene, whose end may have moved.
        let kept: Vec<Times> = kept.map(|times| Times { ended_at: ends.ended_at, ..times }).collect();
        for times in times(protocol, &kept, ends, &account.reach().rhythm.zone) {
            match own.iter().find(|row| row.times().time == times.time) {
                Some(row) if row.times() == times => {}
                Some(row) => {
                    let (moves, open) = (moving.moves(row, tx.now), row.closes_at.get() > tx.now);
                    let unanswered = row.state == CheckInState::Unanswered;
                    closes_open |= moves && open && unanswered && times.closes_at <= tx.now;
                    if moves || open {
                        moved.push(((*row).clone(), times));
                    }
                }
                None => missing.push(unanswered(tx, scene, *subject, times)),
            }
        }
    }
    Ok(Rearranged { missing, moved, closes_open })
}

/// Saves what is missing and what moved, and plans its nudges. What was tried already, or is on its way, stays as it is:
/// nothing goes twice.
pub fn rearrange(
    tx: &mut Transaction<'_>,
    Rearranged { missing, moved, .. }: Rearranged,
    known: &mut RevisionSnapshot,
) -> Result<(), Fault> {
    if !missing.is_empty() {
        store::check_in::insert(tx.db, &missing)?;
    }
    for check_in in &missing {
        tx.tell_when_due(check_in);
    }
    let mut changed = move_all(tx, moved)?;
    changed.extend(missing);
    planning::plan_ladders(tx, changed, known)
}

fn move_all(tx: &mut Transaction<'_>, moved: Vec<(CheckInRow, Times)>) -> Result<Vec<CheckInRow>, Fault> {
    let mut rows = Vec::with_capacity(moved.len());
    for (row, times) in moved {
        let now = store::check_in::retime(tx.db, row.id, times)?;
        if now.due_at != row.due_at {
            tx.tell_when_moved(&now)?;
        }
        rows.push(now);
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
    follow(tx, account, |known, now| times_in_zone(known, from, to, now))
}

/// Moves a person's check-ins that are to come at a local time to where the rules of their zone have it now. The nudges are
/// planned anew by [`planning::replan_rhythm`].
pub fn follow_rules(tx: &mut Transaction<'_>, account: AccountId) -> Result<(), Fault> {
    let Some(row) = store::account::find(tx.db, account)? else { return Ok(()) };
    let zone = row.reach().rhythm.zone;
    follow(tx, account, |known, now| times_under_new_rules(known, &zone, now))
}

/// Moves a person's check-ins that are to come at a local time, scene by scene.
fn follow(
    tx: &mut Transaction<'_>,
    account: AccountId,
    anew: impl Fn(&[Times], Timestamp) -> Vec<Times>,
) -> Result<(), Fault> {
    // A link's check-ins are made and moved under its lock, for the zone that stands there.
    let links = store::partner_link::list(tx.db, account, true, i64::MAX)?;
    let mut links: Vec<LinkId> = links.into_iter().map(|link| link.id).collect();
    links.sort_unstable();
    for link in links {
        store::dialect::lock_link(tx.db, link)?;
    }
    let now = tx.ts();
    let open = store::check_in::open(tx.db, Whose::Subject(account), now)?;
    let coming = open.iter().filter(|row| row.due_at > now && row.times().time.is_local());
    for scene in distinct(coming.map(|row| row.scene_id)) {
        let mut rows = store::check_in::all_of(tx.db, scene)?;
        rows.retain(|row| row.subject_id == account);
        let known: Vec<Times> = rows.iter().map(CheckInRow::times).collect();
        let mut moved = Vec::new();
        for times in anew(&known, tx.now) {
            let row = rows.iter().find(|row| row.times().time == times.time && row.times() != times);
            moved.extend(row.map(|row| (row.clone(), times)));
        }
        move_all(tx, moved)?;
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

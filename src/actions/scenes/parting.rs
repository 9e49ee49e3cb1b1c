//! The parting after a scene in person: from then on each is reminded of the other, and some check-ins are counted from it.

use crate::actions::accounts::suspension;
use crate::actions::check_ins::schedule::{self, Moving};
use crate::actions::links::locked_link::{OwnLink, Participants, scene_refused};
use crate::actions::links::revision_snapshot::RevisionSnapshot;
use crate::actions::scenes::view::{SceneView, view};
use crate::actions::{ActionResult, AppContext, Caller, Done, Transaction};
use crate::domain::change::ChangeKind;
use crate::domain::problem::{Problem, ProblemCode};
use crate::domain::scene::{SceneState, can_say_parting, check_parting};
use crate::ids::SceneId;
use crate::store;
use crate::store::scene::{SceneChange, SceneRow};
use jiff::Timestamp;
use std::sync::Arc;

/// Says when the two part, now or as planned, or says it anew until two hours after it. Check-ins that are counted from it are
/// made, or move with it.
pub async fn say(
    context: &Arc<AppContext>,
    by: &Caller,
    id: SceneId,
    parted_at: Timestamp,
) -> ActionResult<Done<SceneView>> {
    let account = by.requester.account;
    context
        .write_tx(by.key.as_ref(), move |tx| {
            let (link, row) = OwnLink::load_scene(tx, id, account)?;
            let participants = Participants::from(link);
            if row.status == SceneState::Cancelled || participants.has_ended() {
                return Err(scene_refused().into());
            }
            suspension::refuse_if_suspended(tx, account)?;
            let said = row.parted_at;
            let row = say_now(tx, &participants, row, parted_at)?;
            let told = row.parted_at != said;
            let view = view(tx, row, account)?;
            Ok(if told { Done::now(view) } else { Done::already(view) })
        })
        .await
}

/// As [`say`], within a transaction that holds the link; returns the scene as it is then.
pub fn say_now(
    tx: &mut Transaction<'_>,
    participants: &Participants,
    row: SceneRow,
    parted_at: Timestamp,
) -> ActionResult<SceneRow> {
    let not_before = row.ended_at.or(row.started_at).or(row.planned_for).map(|at| at.get());
    let at = check_parting("partedAt", parted_at, row.setting, not_before, tx.now)?;
    if row.parted_at.map(|at| at.get()) == Some(at) {
        return Ok(row);
    }
    let said = row.parted_at.zip(row.parting_said_at).map(|(at, said)| (at.get(), said.get()));
    if row.status == SceneState::Ended && !can_say_parting(said, tx.now) {
        let sentence = "A parting can be changed until two hours after it.";
        return Err(Problem::wrong_state("sceneId", sentence).into());
    }
    let change = SceneChange {
        parted_at: Some(Some(at.into())),
        parting_said_at: Some(Some(tx.ts())),
        ..Default::default()
    };
    let row = store::scene::update(tx.db, row.id, &change)?;
    if row.status == SceneState::Ended {
        follow(tx, participants, &row)?;
    }
    tx.tell(&participants.accounts(), ChangeKind::SceneChanged, row.id);
    Ok(row)
}

/// Makes and moves the check-ins of an ended scene as its parting has it, and plans the prompts that wait for it.
fn follow(tx: &mut Transaction<'_>, participants: &Participants, row: &SceneRow) -> ActionResult<()> {
    let mut known = RevisionSnapshot::default();
    let protocol = schedule::protocol_of(tx, participants, row, &mut known)?;
    let check_ins = store::check_in::all_of(tx.db, row.id)?;
    let moving = (protocol.times(), Moving::Parting);
    let rearranged = schedule::rearranged(tx, row, &participants.accounts(), moving, &check_ins)?;
    if rearranged.closes_an_open_one() {
        let sentence = "With that parting a question that is still to be asked would be over already.";
        return Err(Problem::new("partedAt", ProblemCode::OutOfRange, sentence).into());
    }
    schedule::rearrange(tx, rearranged, &mut known)?;
    Ok(schedule::replan_prompts(tx, row.id)?)
}

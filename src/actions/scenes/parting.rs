//! The parting after a scene in person: from then on each is reminded of the other, and some check-ins are counted from it.

use crate::actions::accounts::suspension;
use crate::actions::check_ins::schedule;
use crate::actions::links::locked_link::{OwnLink, Participants, scene_refused};
use crate::actions::links::revision_snapshot::RevisionSnapshot;
use crate::actions::scenes::scene::protocol_of;
use crate::actions::scenes::view::{SceneView, view};
use crate::actions::{ActionResult, AppContext, Caller, Done, Fault, Transaction};
use crate::domain::change::ChangeKind;
use crate::domain::problem::Problem;
use crate::domain::protocol::Since;
use crate::domain::scene::{SceneStatus, can_say_parting, check_parting};
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
            let ended = link.row.ended_at.is_some();
            let participants = Participants::Both(link);
            if row.status == SceneStatus::Cancelled || ended {
                return Err(scene_refused().into());
            }
            suspension::refuse_if_suspended(tx, account)?;
            let ended_at = row.ended_at.map(|at| at.get());
            let at = check_parting("partedAt", parted_at, row.setting, ended_at, tx.now)?;
            let said = row.parted_at.map(|at| at.get());
            if said == Some(at) {
                return Ok(Done::already(view(tx, row, account)?));
            }
            if !can_say_parting(said, tx.now) {
                let sentence = "A parting can be changed until two hours after it.";
                return Err(Problem::wrong_state("sceneId", sentence).into());
            }
            let change = SceneChange { parted_at: Some(Some(at.into())), ..Default::default() };
            let row = store::scene::update(tx.db, id, &change)?;
            if row.status == SceneStatus::Ended {
                follow(tx, &participants, &row)?;
            }
            tx.tell(&participants.accounts(), ChangeKind::SceneChanged, id);
            Ok(Done::now(view(tx, row, account)?))
        })
        .await
}

/// Makes and moves the check-ins of an ended scene as its parting has it, and plans the prompts that wait for it.
fn follow(tx: &mut Transaction<'_>, participants: &Participants, row: &SceneRow) -> Result<(), Fault> {
    let mut known = RevisionSnapshot::default();
    let protocol = protocol_of(tx, participants, row, &mut known)?;
    let check_ins = store::check_in::all_of(tx.db, row.id)?;
    let rearranged = schedule::rearranged(
        tx,
        row,
        &participants.accounts(),
        (protocol.times(), Since::Parting),
        &check_ins,
    )?;
    schedule::rearrange(tx, rearranged, &mut known)?;
    schedule::replan_prompts(tx, row.id)
}

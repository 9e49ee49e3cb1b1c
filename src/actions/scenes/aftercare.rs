//! Aftercare: what was given right after a scene, sealed under its author's key.

use crate::actions::accounts::people::Person;
use crate::actions::accounts::suspension;
use crate::actions::client_id::{self, Claim};
use crate::actions::links::locked_link::{OwnScene, scene_refused};
use crate::actions::scenes::view::{AftercareContent, GivenBy, Written, aftercare_aad, current, view};
use crate::actions::{ActionResult, AppContext, Caller, Done};
use crate::domain::change::ChangeKind;
use crate::domain::negotiation::Comfort;
use crate::domain::problem::{Checks, Problem, ProblemCode};
use crate::domain::scene::{MINUTES_MAX, NOTE_MAX, SceneState};
use crate::ids::{AftercareId, SceneId};
use crate::store;
use crate::store::scene::AftercareRow;
use std::sync::Arc;

/// Maximum number of entries per scene.
const ENTRIES_MAX: usize = 100;

/// Records what was given right after a scene. Asked again under its client id, the scene is what it is now; None: what was
/// recorded is gone.
pub async fn record(
    context: &Arc<AppContext>,
    by: &Caller,
    client_id: Option<String>,
    id: SceneId,
    content: AftercareContent,
) -> ActionResult<Done<Option<Written<AftercareId>>>> {
    let account = by.requester.account;
    context
        .write_tx(by.key.as_ref(), move |tx| {
            let free = match client_id::claim(tx, account, client_id)? {
                Claim::Made(aftercare) => {
                    let scene = store::scene::of_aftercare(tx.db, aftercare)?;
                    let scene = current(tx, scene, account)?;
                    return Ok(Done::already(scene.map(|scene| Written { scene, entry: aftercare })));
                }
                Claim::Free(free) => free,
            };
            let mut checks = Checks::new();
            checks.list("comforts", &content.comforts, Comfort::ALL.len());
            if let Some(minutes) = content.minutes {
                checks.range("minutes", minutes.into(), 0, MINUTES_MAX);
            }
            let note = checks.text("note", content.note, NOTE_MAX);
            checks.finish(())?;
            let OwnScene { participants, row } = OwnScene::load(tx, id, account)?;
            if participants.link().is_none() && content.given_by != GivenBy::Me {
                let sentence = "In a scene of your own there is nobody else.";
                return Err(Problem::new("givenBy", ProblemCode::OutOfRange, sentence).into());
            }
            suspension::refuse_if_suspended(tx, account)?;
            if !matches!(row.status, SceneState::UnderWay | SceneState::Ended) || participants.has_ended() {
                return Err(scene_refused().into());
            }
            if store::scene::aftercare(tx.db, &[id])?.len() >= ENTRIES_MAX {
                return Err(Problem::wrong_state("sceneId", "Enough is written down for this scene.").into());
            }
            let aftercare = AftercareId::at(tx.now, tx.chance);
            let content = AftercareContent { note, ..content };
            let author = Person::load(tx, account)?;
            let sealed = AftercareRow {
                id: aftercare,
                scene_id: id,
                recorded_by: Some(account),
                content: Some(author.key.seal_json(aftercare_aad(aftercare), &content)?),
                created_at: tx.ts(),
            };
            store::scene::insert_aftercare(tx.db, &sealed)?;
            free.note(tx, aftercare)?;
            tx.tell(&participants.accounts(), ChangeKind::SceneChanged, id);
            Ok(Done::now(Some(Written { scene: view(tx, row, account)?, entry: aftercare })))
        })
        .await
}

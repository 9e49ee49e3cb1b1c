//! Aftercare: what was given right after a scene, in the words of whoever wrote it down and under their key.

use super::locked_link::{OwnLink, scene_refused};
use super::people::Person;
use super::scene_view::{AftercareContent, SceneView, aftercare_place, view};
use super::{Caller, House, Outcome, hold};
use crate::domain::change::ChangeKind;
use crate::domain::negotiation::Comfort;
use crate::domain::problem::{Checks, Problem};
use crate::domain::scene::{MINUTES_MAX, NOTE_MAX, SceneStatus};
use crate::ids::{AftercareId, SceneId};
use crate::store;
use crate::store::scene::AftercareRow;
use std::sync::Arc;

/// Most that is written down for one scene.
const ENTRIES_MAX: usize = 100;

/// Writes down what was given right after a scene.
pub async fn record(
    house: &Arc<House>,
    by: &Caller,
    id: SceneId,
    content: AftercareContent,
) -> Outcome<SceneView> {
    let account = by.requester.account;
    let mut checks = Checks::new();
    checks.list("comforts", &content.comforts, Comfort::ALL.len());
    if let Some(minutes) = content.minutes {
        checks.range("minutes", minutes.into(), 0, MINUTES_MAX);
    }
    let note = checks.text("note", content.note, NOTE_MAX);
    checks.finish(())?;
    house
        .write_tx(by.key.as_ref(), move |unit| {
            let (link, row) = OwnLink::load_scene(unit, id, account)?;
            hold::refuse_if_held(unit, account)?;
            if !matches!(row.status, SceneStatus::UnderWay | SceneStatus::Ended)
                || link.row.ended_at.is_some()
            {
                return Err(scene_refused().into());
            }
            if store::scene::aftercare(unit.db, &[id])?.len() >= ENTRIES_MAX {
                return Err(Problem::wrong_state("sceneId", "Enough is written down for this scene.").into());
            }
            let aftercare = AftercareId::at(unit.now, unit.chance);
            let content = AftercareContent { note, ..content };
            let author = Person::load(unit, account)?;
            let sealed = AftercareRow {
                id: aftercare,
                scene_id: id,
                recorded_by: Some(account),
                content: Some(author.key.seal_json(aftercare_place(aftercare), &content)?),
                created_at: unit.ts(),
            };
            store::scene::insert_aftercare(unit.db, &sealed)?;
            unit.tell(&link.accounts(), ChangeKind::SceneChanged, id);
            Ok(view(unit, row, account)?)
        })
        .await
}

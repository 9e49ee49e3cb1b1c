//! Aftercare: what was given right after a scene, in the words of whoever wrote it down and under their key.

use super::people::Person;
use super::scene::{self, SceneView};
use super::{Caller, Fault, House, Outcome, Unit, hold};
use crate::domain::change::ChangeKind;
use crate::domain::negotiation::Comfort;
use crate::domain::problem::{Checks, Problem};
use crate::domain::scene::{MINUTES_MAX, NOTE_MAX, SceneStatus};
use crate::ids::{AccountId, AftercareId, SceneId, TypedId};
use crate::store;
use crate::store::scene::AftercareRow;
use crate::vault::Place;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Arc;

/// Most that is written down for one scene.
const ENTRIES_MAX: usize = 100;

/// Whom aftercare came from, seen by one of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GivenBy {
    /// From oneself.
    Me,
    /// From the partner.
    Partner,
    /// From each to the other.
    Both,
}

impl GivenBy {
    /// The same, seen by the other one.
    fn turned(self) -> Self {
        match self {
            Self::Me => Self::Partner,
            Self::Partner => Self::Me,
            Self::Both => Self::Both,
        }
    }
}

/// What was given right after a scene.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AftercareContent {
    /// Who gave it, seen by whoever wrote it down; in a view, by the reader.
    pub given_by: GivenBy,
    /// What.
    pub comforts: Vec<Comfort>,
    /// How long, in minutes.
    pub minutes: Option<i32>,
    /// A note that both can read.
    pub note: String,
}

/// Aftercare as both see it.
#[derive(Clone, Debug)]
pub struct AftercareView {
    /// Its id.
    pub id: AftercareId,
    /// Who wrote it down; None: an account that is gone.
    pub recorded_by: Option<AccountId>,
    /// What; None: it went with whoever wrote it down (R27).
    pub content: Option<AftercareContent>,
    /// When it was written down.
    pub created_at: Timestamp,
}

fn place(id: AftercareId) -> Place {
    Place::new("aftercare", "content", id.uuid())
}

/// What was given after some scenes of one's own links, the oldest first of each.
pub(super) fn of_scenes(
    unit: &mut Unit<'_>,
    scenes: &[SceneId],
    reader: AccountId,
) -> Result<HashMap<SceneId, Vec<AftercareView>>, Fault> {
    let rows = store::scene::aftercare(unit.db, scenes)?;
    let mut authors: Vec<_> = rows.iter().filter_map(|row| row.recorded_by).collect();
    authors.sort_unstable();
    authors.dedup();
    let mut people = HashMap::new();
    if !authors.is_empty() {
        for row in store::account::find_all(unit.db, &authors)? {
            people.insert(row.id, Person::open(unit.vault, row)?);
        }
    }
    let mut views: HashMap<SceneId, Vec<AftercareView>> = HashMap::new();
    for row in rows {
        let author = row.recorded_by.and_then(|author| people.get(&author));
        let content = match author {
            Some(author) => {
                let sealed = row.content.as_deref();
                let sealed =
                    sealed.ok_or(Fault::Inconsistent("aftercare of an account without its words"))?;
                let mut content: AftercareContent = author.key.open_json(place(row.id), sealed)?;
                if author.row.id != reader {
                    content.given_by = content.given_by.turned();
                }
                Some(content)
            }
            None => None,
        };
        let (recorded_by, created_at) = (row.recorded_by, row.created_at.get());
        views.entry(row.scene_id).or_default().push(AftercareView {
            id: row.id,
            recorded_by,
            content,
            created_at,
        });
    }
    Ok(views)
}

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
            let (link, row) = scene::load(unit, id, account)?;
            hold::refuse_if_held(unit, account)?;
            if !matches!(row.status, SceneStatus::UnderWay | SceneStatus::Ended)
                || link.row.ended_at.is_some()
            {
                return Err(scene::refused().into());
            }
            if store::scene::aftercare(unit.db, &[id])?.len() >= ENTRIES_MAX {
                return Err(Problem::wrong_state("sceneId", "Enough is written down for this scene.").into());
            }
            let aftercare = AftercareId::at(unit.now);
            let content = AftercareContent { note, ..content };
            let author = Person::load(unit, account)?;
            let sealed = AftercareRow {
                id: aftercare,
                scene_id: id,
                recorded_by: Some(account),
                content: Some(author.key.seal_json(place(aftercare), &content)?),
                created_at: unit.ts(),
            };
            store::scene::insert_aftercare(unit.db, &sealed)?;
            unit.tell(&link.accounts(), ChangeKind::SceneChanged, id);
            Ok(scene::view(unit, row, account)?)
        })
        .await
}

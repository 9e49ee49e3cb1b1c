//! Reading scenes: each with its aftercare and outreaches, as one of its two people sees it.

use crate::actions::accounts::people::Person;
use crate::actions::opened::{Opened, opened};
use crate::actions::{AppContext, Fault, Transaction};
use crate::domain::keyset_page::KeysetPage;
use crate::domain::negotiation::{Comfort, ContactWay};
use crate::domain::partner_link::Role;
use crate::domain::scene::{SceneSetting, SceneState};
use crate::ids::{AccountId, AftercareId, LinkId, OutreachId, RevisionId, SceneId, TypedId, distinct};
use crate::store::scene::SceneRow;
use crate::store::{self, Db};
use crate::vault::Aad;
use diesel::QueryResult;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Arc;

/// Who gave aftercare, as one of the two sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GivenBy {
    /// The person themselves.
    Me,
    /// The partner.
    Partner,
    /// Each to the other.
    Both,
}

impl GivenBy {
    /// The same from the partner's view.
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
    /// Who gave it: stored from the author's view, turned to the reader's on reading.
    pub given_by: GivenBy,
    /// The comforts.
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
    /// The author; None if that account is gone.
    pub recorded_by: Option<AccountId>,
    /// The content; None after its author's erasure (R27).
    pub content: Opened<Option<AftercareContent>>,
    /// When it was recorded.
    pub created_at: Timestamp,
}

pub(in crate::actions) fn aftercare_aad(id: AftercareId) -> Aad {
    Aad::new("aftercare", "content", id.uuid())
}

/// The aftercare of scenes of one's own links, oldest first for each.
pub(in crate::actions) fn aftercare_of(
    tx: &mut Transaction<'_>,
    scenes: &[SceneId],
    reader: AccountId,
) -> Result<HashMap<SceneId, Vec<AftercareView>>, Fault> {
    let rows = store::scene::aftercare(tx.db, scenes)?;
    let authors = distinct(rows.iter().filter_map(|row| row.recorded_by));
    let people = if authors.is_empty() { HashMap::new() } else { Person::load_all(tx, &authors)? };
    let mut views: HashMap<SceneId, Vec<AftercareView>> = HashMap::new();
    for row in rows {
        let author = row.recorded_by.and_then(|author| people.get(&author));
        let content = match author {
            Some(author) => {
                let sealed = row.content.as_deref();
                let sealed =
                    sealed.ok_or(Fault::Inconsistent("aftercare of an account without its words"))?;
                let content = author.key.open_json(aftercare_aad(row.id), sealed);
                opened(content)?.map(|mut content: AftercareContent| {
                    if author.row.id != reader {
                        content.given_by = content.given_by.turned();
                    }
                    Some(content)
                })
            }
            None => Ok(None),
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

/// An outreach as both see it.
#[derive(Clone, Debug)]
pub struct OutreachView {
    /// Its id.
    pub id: OutreachId,
    /// Who reached out.
    pub account: AccountId,
    /// The way.
    pub way: ContactWay,
    /// When it happened.
    pub happened_at: Timestamp,
    /// When it was recorded.
    pub created_at: Timestamp,
}

/// A scene as one of its two people sees it.
#[derive(Clone, Debug)]
pub struct SceneView {
    /// Its id.
    pub id: SceneId,
    /// Its link; None: it is of the reader alone.
    pub link: Option<LinkId>,
    /// Its status.
    pub status: SceneState,
    /// In person or online.
    pub setting: SceneSetting,
    /// 1 to 5.
    pub intensity: Option<i32>,
    /// When it is to begin.
    pub planned_for: Option<Timestamp>,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// When the two part, or parted.
    pub parted_at: Option<Timestamp>,
    /// The Revision that it stood under.
    pub revision: Option<RevisionId>,
    /// One's own role.
    pub my_role: Role,
    /// The partner's role.
    pub partner_role: Option<Role>,
    /// One's own choice for this scene; None: as on the link.
    pub alert_allowed: Option<bool>,
    /// When it was recorded.
    pub created_at: Timestamp,
    /// The aftercare.
    pub aftercare: Vec<AftercareView>,
    /// The outreaches.
    pub outreaches: Vec<OutreachView>,
}

/// A scene with what was just written down about it.
pub struct Written<I> {
    /// The scene as it is now, with the entry.
    pub scene: SceneView,
    /// The id of the entry.
    pub entry: I,
}

/// Opens scenes of one's own links, in a fixed number of statements.
pub fn views(
    tx: &mut Transaction<'_>,
    scenes: Vec<SceneRow>,
    reader: AccountId,
) -> Result<Vec<SceneView>, Fault> {
    let ids: Vec<_> = scenes.iter().map(|scene| scene.id).collect();
    let parts = store::scene::members(tx.db, &ids)?;
    let mut aftercare = aftercare_of(tx, &ids, reader)?;
    let outreaches = store::scene::outreaches(tx.db, &ids)?;
    let mut views = Vec::with_capacity(scenes.len());
    for scene in scenes {
        let part =
            |own: bool| parts.iter().find(|p| p.scene_id == scene.id && (p.account_id == reader) == own);
        let mine = part(true).ok_or(Fault::Inconsistent("a scene without its reader"))?;
        let reached = outreaches.iter().filter(|row| row.scene_id == scene.id);
        views.push(SceneView {
            id: scene.id,
            link: scene.link_id,
            status: scene.status,
            setting: scene.setting,
            intensity: scene.intensity,
            planned_for: scene.planned_for.map(|at| at.get()),
            started_at: scene.started_at.map(|at| at.get()),
            ended_at: scene.ended_at.map(|at| at.get()),
            parted_at: scene.parted_at.map(|at| at.get()),
            revision: scene.revision_id,
            my_role: mine.role,
            partner_role: part(false).map(|part| part.role),
            alert_allowed: mine.alert_allowed,
            created_at: scene.created_at.get(),
            aftercare: aftercare.remove(&scene.id).unwrap_or_default(),
            outreaches: reached
                .map(|row| OutreachView {
                    id: row.id,
                    account: row.account_id,
                    way: row.way,
                    happened_at: row.happened_at.get(),
                    created_at: row.created_at.get(),
                })
                .collect(),
        });
    }
    Ok(views)
}

pub(in crate::actions) fn view(
    tx: &mut Transaction<'_>,
    scene: SceneRow,
    reader: AccountId,
) -> Result<SceneView, Fault> {
    views(tx, vec![scene], reader)?.pop().ok_or(Fault::Inconsistent("a scene that vanished"))
}

/// A scene as it is now, if it is still there.
pub(in crate::actions) fn current(
    tx: &mut Transaction<'_>,
    id: Option<SceneId>,
    reader: AccountId,
) -> Result<Option<SceneView>, Fault> {
    let Some(id) = id else { return Ok(None) };
    let row = store::scene::find_for(tx.db, id, reader)?;
    row.map(|row| view(tx, row, reader)).transpose()
}

/// Which scenes are wanted by their state; None: all.
pub type States = Option<Vec<SceneState>>;

/// A page of the scenes of one's own link, newest first.
pub async fn page(
    context: &Arc<AppContext>,
    account: AccountId,
    link: LinkId,
    states: States,
    page: KeysetPage<SceneId>,
) -> Result<Vec<SceneView>, Fault> {
    context
        .read_tx(move |tx| {
            if store::partner_link::find_for(tx.db, link, account)?.is_none() {
                return Ok(Vec::new());
            }
            let rows = store::scene::page(tx.db, link, states, page)?;
            views(tx, rows, account)
        })
        .await
}

/// A page of the scenes of all one's links and of oneself alone, newest first.
pub async fn all(
    context: &Arc<AppContext>,
    account: AccountId,
    states: States,
    page: KeysetPage<SceneId>,
) -> Result<Vec<SceneView>, Fault> {
    own(context, account, (states, page), store::scene::page_of).await
}

/// A page of the scenes of oneself alone, newest first.
pub async fn alone(
    context: &Arc<AppContext>,
    account: AccountId,
    states: States,
    page: KeysetPage<SceneId>,
) -> Result<Vec<SceneView>, Fault> {
    own(context, account, (states, page), store::scene::page_alone).await
}

type ReadPage = fn(&mut Db, AccountId, States, KeysetPage<SceneId>) -> QueryResult<Vec<SceneRow>>;

async fn own(
    context: &Arc<AppContext>,
    account: AccountId,
    (states, page): (States, KeysetPage<SceneId>),
    read: ReadPage,
) -> Result<Vec<SceneView>, Fault> {
    context
        .read_tx(move |tx| {
            let rows = read(tx.db, account, states, page)?;
            views(tx, rows, account)
        })
        .await
}

/// What a scene has entries of.
#[derive(Clone, Copy, Debug)]
pub enum Entry {
    /// Aftercare.
    Aftercare(AftercareId),
    /// An outreach.
    Outreach(OutreachId),
}

/// The scene of an entry, whoever may read it.
pub async fn scene_of(context: &Arc<AppContext>, entry: Entry) -> Result<Option<SceneId>, Fault> {
    context
        .read_tx(move |tx| {
            Ok(match entry {
                Entry::Aftercare(id) => store::scene::of_aftercare(tx.db, id)?,
                Entry::Outreach(id) => store::scene::of_outreach(tx.db, id)?,
            })
        })
        .await
}

/// One's own scenes among these ids; those of others are left out.
pub async fn find(
    context: &Arc<AppContext>,
    account: AccountId,
    ids: Vec<SceneId>,
) -> Result<Vec<SceneView>, Fault> {
    context
        .read_tx(move |tx| {
            let parts = store::scene::members(tx.db, &ids)?;
            let own: Vec<_> = parts.iter().filter(|p| p.account_id == account).map(|p| p.scene_id).collect();
            let rows = store::scene::find_all(tx.db, &own)?;
            views(tx, rows, account)
        })
        .await
}

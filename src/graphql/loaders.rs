//! Data loaders: read the nested objects of a whole list in one batch.

use super::errors::Failure;
use crate::actions::check_ins::check_in;
use crate::actions::check_ins::check_in::{CheckInView, SceneCheckIns};
use crate::actions::links::partner_link::LinkView;
use crate::actions::links::revisions::{RevisionOutline, RevisionText};
use crate::actions::links::{partner_link, promises, revisions};
use crate::actions::metered::{meter, with_meter};
use crate::actions::scenes::debrief::DebriefView;
use crate::actions::scenes::view::SceneView;
use crate::actions::scenes::{debrief, view};
use crate::actions::{AppContext, Fault};
use crate::ids::{AccountId, CheckInId, LinkId, RevisionId, SceneId};
use async_graphql::dataloader::{DataLoader, Loader};
use std::collections::HashMap;
use std::sync::Arc;

/// Reads for one account; an object that it may not see is not found.
pub struct Reader {
    context: Arc<AppContext>,
    account: AccountId,
}

/// The loaders of one request.
pub struct Loaders(DataLoader<Reader>);

impl Loaders {
    /// Loaders for one account.
    pub fn new(context: &Arc<AppContext>, account: AccountId) -> Self {
        // A batch is read in a task of its own, by the meter of the request that asks for it.
        let spawn = |batch| match meter() {
            Some(meter) => tokio::spawn(with_meter(meter, batch)),
            None => tokio::spawn(batch),
        };
        Self(DataLoader::new(Reader { context: Arc::clone(context), account }, spawn))
    }

    /// A link of the person.
    pub async fn link(&self, id: LinkId) -> Result<Option<LinkView>, Failure> {
        self.0.load_one(id).await.map_err(Failure::Shared)
    }

    /// A scene of the person.
    pub async fn scene(&self, id: SceneId) -> Result<Option<SceneView>, Failure> {
        self.0.load_one(id).await.map_err(Failure::Shared)
    }

    /// A check-in whose subject is this person.
    pub async fn check_in(&self, id: CheckInId) -> Result<Option<CheckInView>, Failure> {
        self.0.load_one(id).await.map_err(Failure::Shared)
    }

    /// Both sides of a scene's check-ins.
    pub async fn scene_check_ins(&self, id: SceneId) -> Result<SceneCheckIns, Failure> {
        Ok(self.0.load_one(SidesOf(id)).await.map_err(Failure::Shared)?.unwrap_or_default())
    }

    /// The debriefs of a scene of the person.
    pub async fn debrief(&self, id: SceneId) -> Result<Option<DebriefView>, Failure> {
        self.0.load_one(DebriefOf(id)).await.map_err(Failure::Shared)
    }

    /// The Revisions of a link of the person, the newest first, without their texts.
    pub async fn revisions(&self, id: LinkId) -> Result<Vec<RevisionOutline>, Failure> {
        Ok(self.0.load_one(RevisionsOf(id)).await.map_err(Failure::Shared)?.unwrap_or_default())
    }

    /// The text of a Revision of a link of the person.
    pub async fn revision_text(
        &self,
        link: LinkId,
        id: RevisionId,
    ) -> Result<Option<Arc<RevisionText>>, Failure> {
        self.0.load_one(TextOf(link, id)).await.map_err(Failure::Shared)
    }

    /// How many promises the partners of a link kept, if both want to see it.
    pub async fn promises_kept(&self, id: LinkId) -> Result<Option<usize>, Failure> {
        self.0.load_one(PromisesOf(id)).await.map_err(Failure::Shared)
    }
}

/// The key of a scene's debriefs.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct DebriefOf(SceneId);

/// The key of both sides of a scene's check-ins.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SidesOf(SceneId);

/// The key of a link's Revisions.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RevisionsOf(LinkId);

/// The key of a Revision's text.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TextOf(LinkId, RevisionId);

/// The key of a link's count of kept promises.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PromisesOf(LinkId);

impl Loader<LinkId> for Reader {
    type Value = LinkView;
    type Error = Arc<Fault>;

    async fn load(&self, keys: &[LinkId]) -> Result<HashMap<LinkId, LinkView>, Arc<Fault>> {
        let found = partner_link::find(&self.context, self.account, keys.to_vec()).await?;
        Ok(found.into_iter().map(|view| (view.id, view)).collect())
    }
}

impl Loader<SceneId> for Reader {
    type Value = SceneView;
    type Error = Arc<Fault>;

    async fn load(&self, keys: &[SceneId]) -> Result<HashMap<SceneId, SceneView>, Arc<Fault>> {
        let found = view::find(&self.context, self.account, keys.to_vec()).await?;
        Ok(found.into_iter().map(|view| (view.id, view)).collect())
    }
}

impl Loader<CheckInId> for Reader {
    type Value = CheckInView;
    type Error = Arc<Fault>;

    async fn load(&self, keys: &[CheckInId]) -> Result<HashMap<CheckInId, CheckInView>, Arc<Fault>> {
        let found = check_in::find(&self.context, self.account, keys.to_vec()).await?;
        Ok(found.into_iter().map(|view| (view.id, view)).collect())
    }
}

impl Loader<SidesOf> for Reader {
    type Value = SceneCheckIns;
    type Error = Arc<Fault>;

    async fn load(&self, keys: &[SidesOf]) -> Result<HashMap<SidesOf, SceneCheckIns>, Arc<Fault>> {
        let scenes = keys.iter().map(|key| key.0).collect();
        let found = check_in::of_scenes(&self.context, self.account, scenes).await?;
        Ok(found.into_iter().map(|(scene, sides)| (SidesOf(scene), sides)).collect())
    }
}

impl Loader<DebriefOf> for Reader {
    type Value = DebriefView;
    type Error = Arc<Fault>;

    async fn load(&self, keys: &[DebriefOf]) -> Result<HashMap<DebriefOf, DebriefView>, Arc<Fault>> {
        let scenes = keys.iter().map(|key| key.0).collect();
        let found = debrief::of_scenes(&self.context, self.account, scenes).await?;
        Ok(found.into_iter().map(|view| (DebriefOf(view.scene), view)).collect())
    }
}

impl Loader<RevisionsOf> for Reader {
    type Value = Vec<RevisionOutline>;
    type Error = Arc<Fault>;

    async fn load(&self, keys: &[RevisionsOf]) -> Result<HashMap<RevisionsOf, Self::Value>, Arc<Fault>> {
        let links = keys.iter().map(|key| key.0).collect();
        let found = revisions::outlines(&self.context, self.account, links).await?;
        Ok(found.into_iter().map(|(link, outlines)| (RevisionsOf(link), outlines)).collect())
    }
}

impl Loader<TextOf> for Reader {
    type Value = Arc<RevisionText>;
    type Error = Arc<Fault>;

    async fn load(&self, keys: &[TextOf]) -> Result<HashMap<TextOf, Self::Value>, Arc<Fault>> {
        let wanted = keys.iter().map(|key| (key.0, key.1)).collect();
        let found = revisions::texts(&self.context, self.account, wanted).await?;
        let found: HashMap<_, _> = found.into_iter().map(|(id, text)| (id, Arc::new(text))).collect();
        let text = |key: &TextOf| Some((*key, Arc::clone(found.get(&key.1)?)));
        Ok(keys.iter().filter_map(text).collect())
    }
}

impl Loader<PromisesOf> for Reader {
    type Value = usize;
    type Error = Arc<Fault>;

    async fn load(&self, keys: &[PromisesOf]) -> Result<HashMap<PromisesOf, usize>, Arc<Fault>> {
        let links = keys.iter().map(|key| key.0).collect();
        let found = promises::kept_on(&self.context, self.account, links).await?;
        Ok(found.into_iter().map(|(link, count)| (PromisesOf(link), count)).collect())
    }
}

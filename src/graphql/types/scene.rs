//! Scenes, aftercare and outreach.

use super::check_in::{CheckIn, PartnerCheckIn};
use super::debrief::SceneDebrief;
use super::negotiation::Revision;
use super::partner_link::PartnerLink;
use super::text::Text;
use super::{DateTime, Who};
use crate::actions::scenes::view::{AftercareContent, AftercareView, GivenBy, OutreachView, SceneView};
use crate::domain::negotiation::{Comfort, ContactWay};
use crate::domain::partner_link::{Role, ScenePermission};
use crate::domain::revision_text::ERASED;
use crate::domain::scene::{SceneSetting, SceneState};
use crate::graphql::errors::Failure;
use crate::graphql::readable::{self, Readable};
use crate::graphql::{loaders, requester};
use crate::ids::AccountId;
use async_graphql::{Context, Enum, ID, Object, SimpleObject};

/// One occasion.
pub struct Scene(pub SceneView);

impl From<SceneView> for Scene {
    fn from(view: SceneView) -> Self {
        Self(view)
    }
}

/// From whom aftercare came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum Giver {
    /// From the signed-in person.
    Me,
    /// From the other one.
    Partner,
    /// From each to the other.
    Both,
}

impl From<GivenBy> for Giver {
    fn from(giver: GivenBy) -> Self {
        match giver {
            GivenBy::Me => Self::Me,
            GivenBy::Partner => Self::Partner,
            GivenBy::Both => Self::Both,
        }
    }
}

impl From<Giver> for GivenBy {
    fn from(giver: Giver) -> Self {
        match giver {
            Giver::Me => Self::Me,
            Giver::Partner => Self::Partner,
            Giver::Both => Self::Both,
        }
    }
}

/// What was given right after a scene.
#[derive(SimpleObject)]
pub struct Aftercare {
    /// The opaque id.
    #[graphql(owned)]
    pub id: ID,
    /// From whom it came; null: erased, with whoever wrote it down, or it cannot be read now, and `errors` tells which.
    given_by: Readable<Option<Giver>>,
    /// What it was. Null: it cannot be read now.
    comforts: Readable<Vec<Comfort>>,
    /// How long, in minutes; null: not said, or it cannot be read now, and `errors` tells which.
    minutes: Readable<Option<i32>>,
    /// A note that both can read; it reads `erased` where its author is gone. Null: it cannot be read now.
    note: Readable<Text>,
    /// Who wrote it down; null: an account that is gone.
    recorded_by: Option<Who>,
    /// When it was written down.
    created_at: DateTime,
}

/// Aftercare as one of its two people reads it.
pub fn aftercare(view: &AftercareView, me: AccountId) -> Aftercare {
    let note = |content: &AftercareContent| content.note.clone();
    Aftercare {
        id: view.id.to_string().into(),
        given_by: readable::of(&view.content, |content| {
            content.as_ref().map(|content| content.given_by.into())
        }),
        comforts: readable::of(&view.content, |content| {
            content.as_ref().map(|content| content.comforts.clone()).unwrap_or_default()
        }),
        minutes: readable::of(&view.content, |content| content.as_ref()?.minutes),
        note: readable::of(&view.content, |content| {
            content.as_ref().map_or_else(|| ERASED.to_owned(), note).into()
        }),
        recorded_by: view.recorded_by.map(|account| Who::of(account, me)),
        created_at: view.created_at.into(),
    }
}

/// A record of having reached out.
#[derive(SimpleObject)]
pub struct Outreach {
    /// The opaque id.
    #[graphql(owned)]
    pub id: ID,
    /// Who reached out.
    who: Who,
    /// How.
    way: ContactWay,
    /// When.
    happened_at: DateTime,
}

/// An outreach as one of its two people reads it.
pub fn outreach(view: &OutreachView, me: AccountId) -> Outreach {
    Outreach {
        id: view.id.to_string().into(),
        who: Who::of(view.account, me),
        way: view.way,
        happened_at: view.happened_at.into(),
    }
}

/// One occasion.
#[Object]
impl Scene {
    /// The opaque id.
    pub async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// The link that it belongs to; null: it is of oneself alone.
    async fn link(&self, ctx: &Context<'_>) -> Result<Option<PartnerLink>, Failure> {
        match self.0.link {
            Some(link) => Ok(loaders(ctx).link(link).await?.map(PartnerLink)),
            None => Ok(None),
        }
    }

    /// Where it stands.
    async fn state(&self) -> SceneState {
        self.0.status
    }

    /// Where it takes place.
    async fn setting(&self) -> SceneSetting {
        self.0.setting
    }

    /// From 1 to 5.
    async fn intensity(&self) -> Option<i32> {
        self.0.intensity
    }

    /// When it is planned to begin.
    async fn planned_for(&self) -> Option<DateTime> {
        self.0.planned_for.map(Into::into)
    }

    /// When it began.
    async fn started_at(&self) -> Option<DateTime> {
        self.0.started_at.map(Into::into)
    }

    /// When it ended; check-ins fall due after that.
    async fn ended_at(&self) -> Option<DateTime> {
        self.0.ended_at.map(Into::into)
    }

    /// When the two part, or parted, after a scene in person; null: nobody said.
    async fn parted_at(&self) -> Option<DateTime> {
        self.0.parted_at.map(Into::into)
    }

    /// One's own role.
    async fn my_role(&self) -> Role {
        self.0.my_role
    }

    /// The other's role.
    async fn partner_role(&self) -> Option<Role> {
        self.0.partner_role
    }

    /// One's own choice whether the partner may be told, for this scene, that reaching out would be welcome. The partner does
    /// not see it. Null: it is of oneself alone.
    async fn alert_permission(&self) -> Option<ScenePermission> {
        self.0.link.map(|_| self.0.alert_allowed.into())
    }

    /// The agreed Revision that it stood under; null: none, and the default protocol holds, or one's own plan if it is of
    /// oneself alone.
    async fn revision(&self, ctx: &Context<'_>) -> Result<Option<Revision>, Failure> {
        let me = requester(ctx)?.account;
        let (Some(id), Some(link)) = (self.0.revision, self.0.link) else { return Ok(None) };
        let all = loaders(ctx).revisions(link).await?;
        Ok(all.into_iter().find(|outline| outline.id == id).map(|outline| Revision::new(outline, me)))
    }

    /// What was given right after it, the oldest first.
    async fn aftercare(&self, ctx: &Context<'_>) -> Result<Vec<Aftercare>, Failure> {
        let me = requester(ctx)?.account;
        Ok(self.0.aftercare.iter().map(|view| aftercare(view, me)).collect())
    }

    /// Who reached out to the other, the oldest first.
    async fn outreaches(&self, ctx: &Context<'_>) -> Result<Vec<Outreach>, Failure> {
        let me = requester(ctx)?.account;
        Ok(self.0.outreaches.iter().map(|view| outreach(view, me)).collect())
    }

    /// One's own check-ins, by due time.
    async fn my_check_ins(&self, ctx: &Context<'_>) -> Result<Vec<CheckIn>, Failure> {
        let sides = loaders(ctx).scene_check_ins(self.0.id).await?;
        Ok(sides.mine.into_iter().map(CheckIn).collect())
    }

    /// The other's check-ins, by due time, with what they chose to share. Empty once the link has ended.
    async fn partner_check_ins(&self, ctx: &Context<'_>) -> Result<Vec<PartnerCheckIn>, Failure> {
        let sides = loaders(ctx).scene_check_ins(self.0.id).await?;
        Ok(sides.partners.into_iter().map(Into::into).collect())
    }

    /// Each one's reflection on it; both are shown only when both have written. Null before it has ended.
    async fn debrief(&self, ctx: &Context<'_>) -> Result<Option<SceneDebrief>, Failure> {
        if self.0.status != SceneState::Ended {
            return Ok(None);
        }
        Ok(loaders(ctx).debrief(self.0.id).await?.map(Into::into))
    }
}

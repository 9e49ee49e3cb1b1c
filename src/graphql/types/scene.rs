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

/// One scene, of two people or of the viewer alone.
pub struct Scene(pub SceneView);

impl From<SceneView> for Scene {
    fn from(view: SceneView) -> Self {
        Self(view)
    }
}

/// Who gave aftercare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum Giver {
    /// The viewer gave it to the partner, or to themselves.
    Me,
    /// The partner gave it to the viewer.
    Partner,
    /// Each gave it to the other.
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

/// What one person gave the other right after a scene, as one of them recorded it.
#[derive(SimpleObject)]
pub struct Aftercare {
    /// The opaque id.
    #[graphql(owned)]
    pub id: ID,
    /// Who gave it; null: erased, with whoever recorded it, or it cannot be read now, and `errors` tells which.
    given_by: Readable<Option<Giver>>,
    /// What was given. Null: it cannot be read now.
    comforts: Readable<Vec<Comfort>>,
    /// For how many minutes; null: not said, or it cannot be read now, and `errors` tells which.
    minutes: Readable<Option<i32>>,
    /// A note that both can read; it reads `erased` where its author is gone. Null: it cannot be read now.
    note: Readable<Text>,
    /// Who recorded it; null: an account that was erased.
    recorded_by: Option<Who>,
    /// When it was recorded.
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

/// A record that one person got in touch with the other.
#[derive(SimpleObject)]
pub struct Outreach {
    /// The opaque id.
    #[graphql(owned)]
    pub id: ID,
    /// Who got in touch.
    who: Who,
    /// How they got in touch.
    way: ContactWay,
    /// When they got in touch.
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

/// One scene, of two people or of the viewer alone.
#[Object]
impl Scene {
    /// The opaque id.
    pub async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// The link that it belongs to; null: it is of the viewer alone.
    async fn link(&self, ctx: &Context<'_>) -> Result<Option<PartnerLink>, Failure> {
        match self.0.link {
            Some(link) => Ok(loaders(ctx).link(link).await?.map(PartnerLink)),
            None => Ok(None),
        }
    }

    /// Whether it is to come, under way, over or cancelled.
    async fn state(&self) -> SceneState {
        self.0.status
    }

    /// Where it takes place.
    async fn setting(&self) -> SceneSetting {
        self.0.setting
    }

    /// 1 (gentle) to 5 (very intense); null: not said.
    async fn intensity(&self) -> Option<i32> {
        self.0.intensity
    }

    /// When it is planned to begin; null: it was not planned.
    async fn planned_for(&self) -> Option<DateTime> {
        self.0.planned_for.map(Into::into)
    }

    /// When it began; null: it has not.
    async fn started_at(&self) -> Option<DateTime> {
        self.0.started_at.map(Into::into)
    }

    /// When it ended; its check-ins count from it. Null: it has not.
    async fn ended_at(&self) -> Option<DateTime> {
        self.0.ended_at.map(Into::into)
    }

    /// When the two part or parted, for scenes in person; null: not said.
    async fn parted_at(&self) -> Option<DateTime> {
        self.0.parted_at.map(Into::into)
    }

    /// The viewer's role.
    async fn my_role(&self) -> Role {
        self.0.my_role
    }

    /// The partner's role; null: it is of the viewer alone.
    async fn partner_role(&self) -> Option<Role> {
        self.0.partner_role
    }

    /// The viewer's choice, for this scene, whether the partner may be told that getting in touch would be welcome.
    /// The partner does not see it. Null: it is of the viewer alone.
    async fn alert_permission(&self) -> Option<ScenePermission> {
        self.0.link.map(|_| self.0.alert_allowed.into())
    }

    /// The agreed Revision that it stands under; null: none, and the default times apply, or the viewer's own plan if
    /// it is of the viewer alone.
    async fn revision(&self, ctx: &Context<'_>) -> Result<Option<Revision>, Failure> {
        let me = requester(ctx)?.account;
        let (Some(id), Some(link)) = (self.0.revision, self.0.link) else { return Ok(None) };
        let all = loaders(ctx).revisions(link).await?;
        Ok(all.into_iter().find(|outline| outline.id == id).map(|outline| Revision::new(outline, me)))
    }

    /// The aftercare that was recorded, the oldest first.
    async fn aftercare(&self, ctx: &Context<'_>) -> Result<Vec<Aftercare>, Failure> {
        let me = requester(ctx)?.account;
        Ok(self.0.aftercare.iter().map(|view| aftercare(view, me)).collect())
    }

    /// The outreaches that were recorded, the oldest first.
    async fn outreaches(&self, ctx: &Context<'_>) -> Result<Vec<Outreach>, Failure> {
        let me = requester(ctx)?.account;
        Ok(self.0.outreaches.iter().map(|view| outreach(view, me)).collect())
    }

    /// The viewer's check-ins, by due time.
    async fn my_check_ins(&self, ctx: &Context<'_>) -> Result<Vec<CheckIn>, Failure> {
        let sides = loaders(ctx).scene_check_ins(self.0.id).await?;
        Ok(sides.mine.into_iter().map(CheckIn).collect())
    }

    /// The partner's check-ins, by due time, with what they shared. Empty once the link has ended.
    async fn partner_check_ins(&self, ctx: &Context<'_>) -> Result<Vec<PartnerCheckIn>, Failure> {
        let sides = loaders(ctx).scene_check_ins(self.0.id).await?;
        Ok(sides.partners.into_iter().map(Into::into).collect())
    }

    /// What each wrote about it afterwards; both can be read only when both have written. Null: it has not ended, or
    /// it is of the viewer alone.
    async fn debrief(&self, ctx: &Context<'_>) -> Result<Option<SceneDebrief>, Failure> {
        if self.0.status != SceneState::Ended {
            return Ok(None);
        }
        Ok(loaders(ctx).debrief(self.0.id).await?.map(Into::into))
    }
}

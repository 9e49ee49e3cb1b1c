//! Partner links, their sides, and invitations.

use super::insight::PromisesKept;
use super::negotiation::{Needs, Revision};
use super::scene::Scene;
use super::{DateTime, Who};
use crate::actions::links::partner_link::{InvitationView, LinkView, SideView};
use crate::actions::links::plea::{self, PleaView};
use crate::actions::links::revisions::RevisionOutline;
use crate::actions::scenes::view;
use crate::domain::data_rights;
use crate::domain::negotiation::RevisionState;
use crate::domain::partner_link::{LinkState, Permission, Role};
use crate::domain::plea::PleaState;
use crate::domain::scene::SceneState;
use crate::graphql::errors::Failure;
use crate::graphql::paging::{Connection, ConnectionArgs};
use crate::graphql::readable::{self, Readable};
use crate::graphql::{context, loaders, requester};
use async_graphql::{Context, ID, Object, SimpleObject};

/// The link of two people, as the viewer sees it.
pub struct PartnerLink(pub LinkView);

impl From<LinkView> for PartnerLink {
    fn from(view: LinkView) -> Self {
        Self(view)
    }
}

/// What one of the two people shows on a link.
#[derive(SimpleObject)]
pub struct LinkSide {
    /// Which of the two.
    who: Who,
    /// The name that this person chose to show. Once the link has ended, the partner's name is the one of that time;
    /// `Former partner` if they erased their account. Null: it cannot be read now.
    display_name: Readable<String>,
    /// Their default role for scenes of this link; null: they erased their account.
    role: Option<Role>,
}

fn side(view: &SideView, who: Who) -> LinkSide {
    LinkSide { who, display_name: view.display_name.clone().into(), role: Some(view.role) }
}

/// The link of two people, as the viewer sees it.
#[Object]
impl PartnerLink {
    /// The opaque id.
    pub async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// Whether it is open, active or ended.
    async fn state(&self) -> LinkState {
        self.0.status
    }

    /// The viewer's side.
    async fn me(&self) -> LinkSide {
        side(&self.0.mine, Who::Me)
    }

    /// The partner's side; null: nobody has accepted yet.
    async fn partner(&self) -> Option<LinkSide> {
        let name = || Ok::<_, Failure>(data_rights::GONE_NAME.to_owned());
        let gone = || LinkSide { who: Who::Partner, display_name: name().into(), role: None };
        let there = self.0.partners.as_ref().map(|view| side(view, Who::Partner));
        there.or_else(|| self.0.partner_gone.then(gone))
    }

    /// Whether the partner may be told, when the viewer has left three reminders unanswered, that getting in touch
    /// would be welcome. It takes effect only if the agreed terms name a `partnerAlert`. The partner does not see
    /// this choice.
    async fn alert_permission(&self) -> Permission {
        self.0.mine.alert_allowed.into()
    }

    /// Whether a plea of the partner may wake the viewer in quiet hours. The partner does not see this choice.
    async fn night_plea_permission(&self) -> Permission {
        self.0.mine.pleas_at_night.into()
    }

    /// The viewer's pleas of the last seven days, the latest first; at most 20. The partner's arrive as nudges.
    async fn my_pleas(&self, ctx: &Context<'_>) -> Result<Vec<Plea>, Failure> {
        let account = requester(ctx)?.account;
        Ok(plea::list(context(ctx), account, self.0.id).await?.into_iter().map(Plea::from).collect())
    }

    /// Whether the viewer wants to see how many promises the two kept. The partner does not see this choice.
    async fn promise_count_wanted(&self) -> bool {
        self.0.mine.promise_count_wanted
    }

    /// How many promises the two kept lately. Null unless the link is active and both want to see it; if either no
    /// longer does, it is null for both.
    async fn promises_kept(&self, ctx: &Context<'_>) -> Result<Option<PromisesKept>, Failure> {
        Ok(loaders(ctx).promises_kept(self.0.id).await?.map(Into::into))
    }

    /// The viewer's Needs as last written; the next Revision takes them up. Null: not written, or they cannot be read
    /// now, and `errors` tells which.
    async fn my_needs(&self) -> Readable<Option<Needs>> {
        readable::of(&self.0.mine.needs, |needs| needs.clone().map(Into::into))
    }

    /// When the invitation was made.
    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }

    /// When the code of the invitation stops working; null: it has been accepted or has ended. If nobody accepts it, it is
    /// listed for 30 days more.
    async fn invitation_expires_at(&self) -> Option<DateTime> {
        self.0.code_expires_at.map(Into::into)
    }

    /// When it was accepted; null: not yet.
    async fn active_at(&self) -> Option<DateTime> {
        self.0.active_at.map(Into::into)
    }

    /// When it ended; null: it has not.
    async fn ended_at(&self) -> Option<DateTime> {
        self.0.ended_at.map(Into::into)
    }

    /// What to show before `endLink`: what the partner will and will not see.
    async fn before_ending(&self) -> &'static [&'static str] {
        data_rights::BEFORE_ENDING_A_LINK
    }

    /// All Revisions, the newest first. At most 50 at once.
    async fn revisions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many, from 1 to 50, from the beginning on; default 20.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "Instead of `first`: how many, from 1 to 50, up to the end.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> Result<Connection<Revision>, Failure> {
        let page = ConnectionArgs::read((first, after, last, before))?;
        let account = requester(ctx)?.account;
        let all = loaders(ctx).revisions(self.0.id).await?;
        Ok(page.connection(
            page.of_all(all, |view| view.id),
            |view: &RevisionOutline| (view.created_at, view.id),
            |view| Revision::new(view, account),
        ))
    }

    /// The newest Revision, whatever its state.
    async fn latest_revision(&self, ctx: &Context<'_>) -> Result<Option<Revision>, Failure> {
        let account = requester(ctx)?.account;
        let all = loaders(ctx).revisions(self.0.id).await?;
        Ok(all.into_iter().next().map(|outline| Revision::new(outline, account)))
    }

    /// The Revision that both agreed to: new scenes stand under it. Null: there is none.
    async fn agreed_revision(&self, ctx: &Context<'_>) -> Result<Option<Revision>, Failure> {
        let account = requester(ctx)?.account;
        let all = loaders(ctx).revisions(self.0.id).await?;
        let agreed = all.into_iter().find(|outline| outline.state == RevisionState::Agreed);
        Ok(agreed.map(|outline| Revision::new(outline, account)))
    }

    /// The scenes, the newest first. At most 50 at once. A cursor stays valid whatever `states` are asked for.
    async fn scenes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only scenes in one of these states; empty: none, left out: all.")] states: Option<
            Vec<SceneState>,
        >,
        #[graphql(desc = "How many, from 1 to 50, from the beginning on; default 20.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "Instead of `first`: how many, from 1 to 50, up to the end.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> Result<Connection<Scene>, Failure> {
        let page = ConnectionArgs::read((first, after, last, before))?;
        let account = requester(ctx)?.account;
        let rows = view::page(context(ctx), account, self.0.id, states, page.keyset()).await?;
        Ok(page.connection(rows, |view| (view.created_at, view.id), Scene))
    }
}

/// The viewer's "I would like to hear from you" to a partner.
#[derive(SimpleObject)]
pub struct Plea {
    /// The opaque id.
    #[graphql(owned)]
    pub id: ID,
    /// When it was made.
    created_at: DateTime,
    /// Where it stands, by the clock alone: it never tells whether or when it was seen.
    state: PleaState,
}

impl From<PleaView> for Plea {
    fn from(view: PleaView) -> Self {
        Self { id: view.id.to_string().into(), created_at: view.created_at.into(), state: view.state }
    }
}

/// An invitation as the invited person sees it before accepting.
#[derive(SimpleObject)]
pub struct Invitation {
    /// The name of the person who invites. Null: it cannot be read now.
    display_name: Readable<String>,
    /// The default role of the person who invites.
    role: Role,
    /// Until when it can be accepted.
    expires_at: DateTime,
}

impl From<InvitationView> for Invitation {
    fn from(view: InvitationView) -> Self {
        Self { display_name: view.display_name.into(), role: view.role, expires_at: view.expires_at.into() }
    }
}

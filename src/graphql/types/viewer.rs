//! The signed-in person, and the way to everything that is theirs.

use super::account::{Account, Consent, Device, Session};
use super::change::Changes;
use super::check_in::{CheckIn, CheckInSpan};
use super::factor::Factors;
use super::insight::Insight;
use super::journal::JournalEntry;
use super::nudge::Nudge;
use super::partner_link::PartnerLink;
use super::scene::Scene;
use super::solo_plan::SoloPlan;
use crate::actions;
use crate::auth::Requester;
use crate::domain::data_rights;
use crate::graphql::context;
use crate::graphql::errors::Failure;
use crate::graphql::paging::{Connection, ConnectionArgs};
use crate::graphql::types::data_rights::{Erasure, Export};
use crate::ids::{self, TypedId};
use async_graphql::{Context, ID, Object};

/// The signed-in person, and the way to everything that is theirs.
pub struct Viewer(pub Requester);

/// The signed-in person, and the way to everything that is theirs.
#[Object]
impl Viewer {
    /// The opaque id.
    pub async fn id(&self) -> ID {
        ids::ViewerId(self.0.account.uuid()).to_string().into()
    }

    /// The account.
    async fn account(&self, ctx: &Context<'_>) -> Result<Account, Failure> {
        Ok(Account(actions::accounts::account::me(context(ctx), self.0.account).await?))
    }

    /// The statements made at sign-up.
    async fn consents(&self, ctx: &Context<'_>) -> Result<Vec<Consent>, Failure> {
        let rows = actions::accounts::account::consents(context(ctx), self.0.account).await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }

    /// The export that one asked for; null: none, or it was fetched or thrown away.
    async fn export(&self, ctx: &Context<'_>) -> Result<Option<Export>, Failure> {
        let found = actions::export::of(context(ctx), self.0.account).await?;
        Ok(found.map(Into::into))
    }

    /// The erasure of the account that one asked for, while it can be undone; null: none.
    async fn erasure(&self, ctx: &Context<'_>) -> Result<Option<Erasure>, Failure> {
        let found = actions::accounts::erasure::of(context(ctx), self.0.account).await?;
        Ok(found.map(Into::into))
    }

    /// What to know before one withdraws the health-data consent. Show it before `withdrawConsent`.
    async fn before_withdrawing_consent(&self) -> &'static [&'static str] {
        data_rights::BEFORE_WITHDRAWING_CONSENT
    }

    /// What to know before one has the account erased. Show it before `requestErasure`.
    async fn before_erasing(&self) -> &'static [&'static str] {
        data_rights::BEFORE_ERASING
    }

    /// The signed-in devices, the latest used first; at most 200.
    async fn sessions(&self, ctx: &Context<'_>) -> Result<Vec<Session>, Failure> {
        let views = actions::auth::session::list(context(ctx), self.0).await?;
        Ok(views.into_iter().map(|view| Session::new(view, self.0)).collect())
    }

    /// Sessions that were ended since a refresh token of theirs was used in two places: somebody may have had a copy.
    /// The latest first; at most 20, for 90 days.
    async fn copied_sessions(&self, ctx: &Context<'_>) -> Result<Vec<Session>, Failure> {
        let views = actions::auth::session::copied(context(ctx), self.0.account).await?;
        Ok(views.into_iter().map(|view| Session::new(view, self.0)).collect())
    }

    /// What the person proves themselves with besides the password.
    async fn factors(&self, ctx: &Context<'_>) -> Result<Factors, Failure> {
        Ok(actions::auth::factors::of(context(ctx), self.0.account).await?.into())
    }

    /// The devices that take Web Push, the oldest first; at most 20.
    async fn devices(&self, ctx: &Context<'_>) -> Result<Vec<Device>, Failure> {
        let views = actions::nudges::device::list(context(ctx), self.0.account).await?;
        Ok(views.into_iter().map(Into::into).collect())
    }

    /// The links, the newest first; at most 200.
    async fn partner_links(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whether ended links are wanted too.", default = false)] ended_too: bool,
    ) -> Result<Vec<PartnerLink>, Failure> {
        let views = actions::links::partner_link::list(context(ctx), self.0.account, ended_too).await?;
        Ok(views.into_iter().map(PartnerLink).collect())
    }

    /// What one needs after a scene of oneself alone, and when one is asked then.
    async fn solo_plan(&self, ctx: &Context<'_>) -> Result<SoloPlan, Failure> {
        Ok(actions::accounts::solo_plan::mine(context(ctx), self.0.account).await?.into())
    }

    /// The scenes of oneself alone, the newest first. At most 50 at once.
    async fn solo_scenes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many, from 1 to 50, from the beginning on; default 20.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "Instead of `first`: how many, from 1 to 50, up to the end.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> Result<Connection<Scene>, Failure> {
        let page = ConnectionArgs::read((first, after, last, before))?;
        let rows = actions::scenes::view::alone(context(ctx), self.0.account, page.keyset()).await?;
        Ok(page.connection(rows, |view| (view.created_at, view.id), Scene))
    }

    /// The scenes of all one's links and of oneself alone, the newest first. At most 50 at once.
    async fn scenes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many, from 1 to 50, from the beginning on; default 20.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "Instead of `first`: how many, from 1 to 50, up to the end.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> Result<Connection<Scene>, Failure> {
        let page = ConnectionArgs::read((first, after, last, before))?;
        let rows = actions::scenes::view::all(context(ctx), self.0.account, page.keyset()).await?;
        Ok(page.connection(rows, |view| (view.created_at, view.id), Scene))
    }

    /// One's own check-ins. At most 50 at once.
    async fn check_ins(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which part; default: all, the latest due time first.")] span: Option<CheckInSpan>,
        #[graphql(desc = "How many, from 1 to 50, from the beginning on; default 20.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "Instead of `first`: how many, from 1 to 50, up to the end.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> Result<Connection<CheckIn>, Failure> {
        let page = ConnectionArgs::read((first, after, last, before))?;
        let span = span.map(Into::into);
        let rows =
            actions::check_ins::check_in::page(context(ctx), self.0.account, span, page.keyset()).await?;
        Ok(page.connection(rows, |view| (view.times.due_at, view.id), CheckIn))
    }

    /// The messages that one got, and what is to come about one's own check-ins; the latest first. At most 50 at once.
    async fn nudges(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many, from 1 to 50, from the beginning on; default 20.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "Instead of `first`: how many, from 1 to 50, up to the end.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> Result<Connection<Nudge>, Failure> {
        let page = ConnectionArgs::read((first, after, last, before))?;
        let rows = actions::nudges::nudge::page(context(ctx), self.0.account, page.keyset()).await?;
        Ok(page.connection(rows, |view| (view.listed_at, view.id), Nudge))
    }

    /// What changed for the signed-in person since a cursor: which objects to read again. Without a cursor it says to start
    /// over, and gives one. At most 50 changes at once.
    async fn changes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The cursor of the batch that was read last; null: none was.")] after: Option<
            String,
        >,
        #[graphql(desc = "How many, from 1 to 50; default 20.")] first: Option<i32>,
    ) -> Result<Changes, Failure> {
        let (after, first) = Changes::asked(after, first)?;
        Ok(Changes(actions::feed::since(context(ctx), self.0.account, after, first).await?))
    }

    /// What one's own answers show over time; nobody else ever sees it.
    async fn insight(&self, ctx: &Context<'_>) -> Result<Insight, Failure> {
        Ok(Insight(actions::check_ins::insight::own(context(ctx), self.0.account).await?))
    }

    /// One's own journal, the newest first; nobody else ever sees it. At most 50 entries at once.
    async fn journal(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only what is about this scene; default: all.")] about: Option<ID>,
        #[graphql(desc = "How many, from 1 to 50, from the beginning on; default 20.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "Instead of `first`: how many, from 1 to 50, up to the end.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> Result<Connection<JournalEntry>, Failure> {
        let page = ConnectionArgs::read((first, after, last, before))?;
        let about = about.map(|id| id.parse::<ids::SceneId>());
        let rows = match about.transpose() {
            Ok(about) => {
                actions::accounts::journal::page(context(ctx), self.0.account, about, page.keyset()).await?
            }
            // A malformed id gives the same empty page as a missing scene (R29).
            Err(ids::MalformedId) => Vec::new(),
        };
        Ok(page.connection(rows, |view| (view.written_at, view.id), JournalEntry))
    }
}

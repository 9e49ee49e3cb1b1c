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
use crate::domain::check_in::CheckInState;
use crate::domain::data_rights;
use crate::domain::scene::SceneState;
use crate::graphql::context;
use crate::graphql::errors::Failure;
use crate::graphql::paging::{Connection, ConnectionArgs};
use crate::graphql::readable::Readable;
use crate::graphql::types::data_rights::{Erasure, Export};
use crate::ids::{self, TypedId};
use async_graphql::{Context, ID, Object};

/// The signed-in person, and the way to everything that is theirs.
pub struct Viewer(pub Requester);

/// Reads a section: its failure is its own.
async fn read<T>(section: impl Future<Output = Result<T, Failure>>) -> Readable<T> {
    section.await.into()
}

/// The signed-in person, "the viewer" in all descriptions, and the way to everything that is theirs.
///
/// Each field but `id` is a section that fails alone. Null: it could not be read now, and `errors` has an entry with its
/// path that says why; show the rest, and ask for it again later. An empty list is never a failure: there is nothing in
/// it. Where null says "none" as well (`export`, `erasure`), an entry in `errors` tells the two apart. The same holds for
/// every text further down that somebody wrote.
#[expect(clippy::too_many_arguments, reason = "the arguments of a field are parameters of its resolver")]
#[Object]
impl Viewer {
    /// The opaque id.
    pub async fn id(&self) -> ID {
        ids::ViewerId(self.0.account.uuid()).to_string().into()
    }

    /// The viewer's account.
    async fn account(&self, ctx: &Context<'_>) -> Readable<Account> {
        read(async { Ok(Account(actions::accounts::account::me(context(ctx), self.0.account).await?)) }).await
    }

    /// The consents that the viewer gave.
    async fn consents(&self, ctx: &Context<'_>) -> Readable<Vec<Consent>> {
        read(async {
            let rows = actions::accounts::account::consents(context(ctx), self.0.account).await?;
            Ok(rows.into_iter().map(Into::into).collect())
        })
        .await
    }

    /// The viewer's export; null: none was requested, or it was fetched or has expired.
    async fn export(&self, ctx: &Context<'_>) -> Readable<Option<Export>> {
        read(async {
            let found = actions::export::of(context(ctx), self.0.account).await?;
            Ok(found.map(Into::into))
        })
        .await
    }

    /// The requested erasure of the account, while it can be cancelled; null: none.
    async fn erasure(&self, ctx: &Context<'_>) -> Readable<Option<Erasure>> {
        read(async {
            let found = actions::accounts::erasure::of(context(ctx), self.0.account).await?;
            Ok(found.map(Into::into))
        })
        .await
    }

    /// What to show before `withdrawConsent`.
    async fn before_withdrawing_consent(&self) -> Option<Vec<&'static str>> {
        Some(data_rights::BEFORE_WITHDRAWING_CONSENT.to_vec())
    }

    /// What to show before `requestErasure`.
    async fn before_erasing(&self) -> Option<Vec<&'static str>> {
        Some(data_rights::BEFORE_ERASING.to_vec())
    }

    /// The sessions that are logged in, the latest used first; at most 200.
    async fn sessions(&self, ctx: &Context<'_>) -> Readable<Vec<Session>> {
        read(async {
            let views = actions::auth::session::list(context(ctx), self.0).await?;
            Ok(views.into_iter().map(|view| Session::new(view, self.0)).collect())
        })
        .await
    }

    /// Sessions of the last 90 days that were ended because a refresh token of them was used in two places: somebody
    /// may have had a copy. The latest first; at most 20.
    async fn copied_sessions(&self, ctx: &Context<'_>) -> Readable<Vec<Session>> {
        read(async {
            let views = actions::auth::session::copied(context(ctx), self.0.account).await?;
            Ok(views.into_iter().map(|view| Session::new(view, self.0)).collect())
        })
        .await
    }

    /// What the viewer can log in with besides the password.
    async fn factors(&self, ctx: &Context<'_>) -> Readable<Factors> {
        read(async { Ok(actions::auth::factors::of(context(ctx), self.0.account).await?.into()) }).await
    }

    /// The devices that are registered for Web Push, the oldest first; at most 20.
    async fn devices(&self, ctx: &Context<'_>) -> Readable<Vec<Device>> {
        read(async {
            let views = actions::nudges::device::list(context(ctx), self.0.account).await?;
            Ok(views.into_iter().map(Into::into).collect())
        })
        .await
    }

    /// The viewer's links, the newest first; at most 200.
    async fn partner_links(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whether to include ended links.", default = false)] ended_too: bool,
    ) -> Readable<Vec<PartnerLink>> {
        read(async {
            let views = actions::links::partner_link::list(context(ctx), self.0.account, ended_too).await?;
            Ok(views.into_iter().map(PartnerLink).collect())
        })
        .await
    }

    /// What the viewer needs after a scene of their own, and when they are asked then.
    async fn solo_plan(&self, ctx: &Context<'_>) -> Readable<SoloPlan> {
        read(async { Ok(actions::accounts::solo_plan::mine(context(ctx), self.0.account).await?.into()) })
            .await
    }

    /// The scenes of the viewer alone, the newest first. At most 50 at once. A cursor stays valid whatever `states`
    /// are asked for.
    async fn solo_scenes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only scenes in one of these states; empty: none, left out: all.")] states: Option<
            Vec<SceneState>,
        >,
        #[graphql(desc = "How many, from 1 to 50, from the beginning on; default 20.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "Instead of `first`: how many, from 1 to 50, up to the end.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> Readable<Connection<Scene>> {
        read(async {
            let page = ConnectionArgs::read((first, after, last, before))?;
            let rows =
                actions::scenes::view::alone(context(ctx), self.0.account, states, page.keyset()).await?;
            Ok(page.connection(rows, |view| (view.created_at, view.id), Scene))
        })
        .await
    }

    /// All scenes of the viewer, with partners and alone, the newest first. At most 50 at once. A cursor stays valid
    /// whatever `states` are asked for.
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
    ) -> Readable<Connection<Scene>> {
        read(async {
            let page = ConnectionArgs::read((first, after, last, before))?;
            let rows =
                actions::scenes::view::all(context(ctx), self.0.account, states, page.keyset()).await?;
            Ok(page.connection(rows, |view| (view.created_at, view.id), Scene))
        })
        .await
    }

    /// The viewer's check-ins. At most 50 at once. A cursor belongs to the order that `span` gives; it stays valid
    /// whatever `states` are asked for.
    async fn check_ins(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only this part; default: all, the latest due time first.")] span: Option<
            CheckInSpan,
        >,
        #[graphql(desc = "Only check-ins in one of these states; empty: none, left out: all.")]
        states: Option<Vec<CheckInState>>,
        #[graphql(desc = "How many, from 1 to 50, from the beginning on; default 20.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "Instead of `first`: how many, from 1 to 50, up to the end.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> Readable<Connection<CheckIn>> {
        read(async {
            let page = ConnectionArgs::read((first, after, last, before))?;
            let filter = actions::check_ins::check_in::Filter { span: span.map(Into::into), states };
            let rows =
                actions::check_ins::check_in::page(context(ctx), self.0.account, filter, page.keyset())
                    .await?;
            Ok(page.connection(rows, |view| (view.times.due_at, view.id), CheckIn))
        })
        .await
    }

    /// The messages that the viewer got, and those still to come about their own check-ins; the latest first. At most
    /// 50 at once.
    async fn nudges(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many, from 1 to 50, from the beginning on; default 20.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "Instead of `first`: how many, from 1 to 50, up to the end.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> Readable<Connection<Nudge>> {
        read(async {
            let page = ConnectionArgs::read((first, after, last, before))?;
            let rows = actions::nudges::nudge::page(context(ctx), self.0.account, page.keyset()).await?;
            Ok(page.connection(rows, |view| (view.listed_at, view.id), Nudge))
        })
        .await
    }

    /// What changed for the viewer since a cursor: which objects to read again. Without a cursor it says
    /// `resetRequired`, and gives one. At most 50 changes at once.
    async fn changes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The `cursor` of the last batch that was applied; null: none was.")] after: Option<
            String,
        >,
        #[graphql(desc = "How many, from 1 to 50; default 20.")] first: Option<i32>,
    ) -> Readable<Changes> {
        read(async {
            let (after, first) = Changes::asked(after, first)?;
            Ok(Changes(actions::feed::since(context(ctx), self.0.account, after, first).await?))
        })
        .await
    }

    /// What the viewer's answers show over time; nobody else ever sees it.
    async fn insight(&self, ctx: &Context<'_>) -> Readable<Insight> {
        read(async { Ok(Insight(actions::check_ins::insight::own(context(ctx), self.0.account).await?)) })
            .await
    }

    /// The viewer's journal, the newest entry first; nobody else ever sees it. At most 50 entries at once.
    async fn journal(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only entries about this scene; default: all.")] about: Option<ID>,
        #[graphql(desc = "How many, from 1 to 50, from the beginning on; default 20.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "Instead of `first`: how many, from 1 to 50, up to the end.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> Readable<Connection<JournalEntry>> {
        read(async {
            let page = ConnectionArgs::read((first, after, last, before))?;
            let about = about.map(|id| id.parse::<ids::SceneId>());
            let rows = match about.transpose() {
                Ok(about) => {
                    actions::accounts::journal::page(context(ctx), self.0.account, about, page.keyset())
                        .await?
                }
                // A malformed id gives the same empty page as a missing scene (R29).
                Err(ids::MalformedId) => Vec::new(),
            };
            Ok(page.connection(rows, |view| (view.written_at, view.id), JournalEntry))
        })
        .await
    }
}

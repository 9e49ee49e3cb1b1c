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

/// The signed-in person, and the way to everything that is theirs.
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

    /// The account.
    async fn account(&self, ctx: &Context<'_>) -> Readable<Account> {
        read(async { Ok(Account(actions::accounts::account::me(context(ctx), self.0.account).await?)) }).await
    }

    /// The statements made at sign-up.
    async fn consents(&self, ctx: &Context<'_>) -> Readable<Vec<Consent>> {
        read(async {
            let rows = actions::accounts::account::consents(context(ctx), self.0.account).await?;
            Ok(rows.into_iter().map(Into::into).collect())
        })
        .await
    }

    /// The export that one asked for; null: none, or it was fetched or thrown away.
    async fn export(&self, ctx: &Context<'_>) -> Readable<Option<Export>> {
        read(async {
            let found = actions::export::of(context(ctx), self.0.account).await?;
            Ok(found.map(Into::into))
        })
        .await
    }

    /// The erasure of the account that one asked for, while it can be undone; null: none.
    async fn erasure(&self, ctx: &Context<'_>) -> Readable<Option<Erasure>> {
        read(async {
            let found = actions::accounts::erasure::of(context(ctx), self.0.account).await?;
            Ok(found.map(Into::into))
        })
        .await
    }

    /// What to know before one withdraws the health-data consent. Show it before `withdrawConsent`.
    async fn before_withdrawing_consent(&self) -> Option<Vec<&'static str>> {
        Some(data_rights::BEFORE_WITHDRAWING_CONSENT.to_vec())
    }

    /// What to know before one has the account erased. Show it before `requestErasure`.
    async fn before_erasing(&self) -> Option<Vec<&'static str>> {
        Some(data_rights::BEFORE_ERASING.to_vec())
    }

    /// The signed-in devices, the latest used first; at most 200.
    async fn sessions(&self, ctx: &Context<'_>) -> Readable<Vec<Session>> {
        read(async {
            let views = actions::auth::session::list(context(ctx), self.0).await?;
            Ok(views.into_iter().map(|view| Session::new(view, self.0)).collect())
        })
        .await
    }

    /// Sessions that were ended since a refresh token of theirs was used in two places: somebody may have had a copy.
    /// The latest first; at most 20, for 90 days.
    async fn copied_sessions(&self, ctx: &Context<'_>) -> Readable<Vec<Session>> {
        read(async {
            let views = actions::auth::session::copied(context(ctx), self.0.account).await?;
            Ok(views.into_iter().map(|view| Session::new(view, self.0)).collect())
        })
        .await
    }

    /// What the person proves themselves with besides the password.
    async fn factors(&self, ctx: &Context<'_>) -> Readable<Factors> {
        read(async { Ok(actions::auth::factors::of(context(ctx), self.0.account).await?.into()) }).await
    }

    /// The devices that take Web Push, the oldest first; at most 20.
    async fn devices(&self, ctx: &Context<'_>) -> Readable<Vec<Device>> {
        read(async {
            let views = actions::nudges::device::list(context(ctx), self.0.account).await?;
            Ok(views.into_iter().map(Into::into).collect())
        })
        .await
    }

    /// The links, the newest first; at most 200.
    async fn partner_links(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whether ended links are wanted too.", default = false)] ended_too: bool,
    ) -> Readable<Vec<PartnerLink>> {
        read(async {
            let views = actions::links::partner_link::list(context(ctx), self.0.account, ended_too).await?;
            Ok(views.into_iter().map(PartnerLink).collect())
        })
        .await
    }

    /// What one needs after a scene of oneself alone, and when one is asked then.
    async fn solo_plan(&self, ctx: &Context<'_>) -> Readable<SoloPlan> {
        read(async { Ok(actions::accounts::solo_plan::mine(context(ctx), self.0.account).await?.into()) })
            .await
    }

    /// The scenes of oneself alone, the newest first. At most 50 at once. A cursor is a place in the list, whatever `states` are
    /// asked for.
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

    /// The scenes of all one's links and of oneself alone, the newest first. At most 50 at once. A cursor is a place in the
    /// list, whatever `states` are asked for.
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

    /// One's own check-ins. At most 50 at once. A cursor is a place in the order that `span` gives, whatever `states` are asked
    /// for.
    async fn check_ins(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which part; default: all, the latest due time first.")] span: Option<CheckInSpan>,
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

    /// The messages that one got, and what is to come about one's own check-ins; the latest first. At most 50 at once.
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

    /// What changed for the signed-in person since a cursor: which objects to read again. Without a cursor it says to start
    /// over, and gives one. At most 50 changes at once.
    async fn changes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The cursor of the batch that was read last; null: none was.")] after: Option<
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

    /// What one's own answers show over time; nobody else ever sees it.
    async fn insight(&self, ctx: &Context<'_>) -> Readable<Insight> {
        read(async { Ok(Insight(actions::check_ins::insight::own(context(ctx), self.0.account).await?)) })
            .await
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

//! The queries: all data is read through `viewer`, the signed-in person, or by id through `node` with the same checks.

use super::errors::Failure;
use super::node::{Node, find_node};
use super::types::account::ConsentText;
use super::types::guidance::Guidance;
use super::types::partner_link::Invitation;
use super::types::server::Server;
use super::types::viewer::Viewer;
use super::{context, requester};
use crate::actions::{self, Refusal};
use crate::domain::account::ConsentKind;
use async_graphql::{Context, ID, Object};

/// What can be read.
pub struct Query;

/// What can be read.
#[Object]
impl Query {
    /// The signed-in person, "the viewer" in all descriptions, and the way to everything that is theirs.
    async fn viewer(&self, ctx: &Context<'_>) -> Result<Viewer, Failure> {
        Ok(Viewer(requester(ctx)?))
    }

    /// An object of the viewer by its id. Missing, malformed and other people's ids all give null. A Nudge may come
    /// with another id, that of the message that it went out with.
    async fn node(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The opaque id.")] id: ID,
    ) -> Result<Option<Node>, Failure> {
        find_node(ctx, id.as_str()).await
    }

    /// What an invitation says, for a viewer who has its code. Null: the code is unknown, used or expired, or is the
    /// viewer's own, or the two are linked already.
    async fn invitation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The code, such as `ABCD-EFGH-JKM0`; blanks, hyphens and case do not matter.")] code: String,
    ) -> Result<Option<Invitation>, Failure> {
        let me = requester(ctx)?.account;
        match actions::links::partner_link::look_at(context(ctx), me, code).await {
            Ok(view) => Ok(Some(view.into())),
            Err(Refusal::Problems(problems)) => {
                match problems.iter().find_map(|problem| problem.retry_after) {
                    Some(seconds) => Err(Failure::TryLater(seconds)),
                    None => Ok(None),
                }
            }
            Err(Refusal::Repeated) => Err(Failure::Repeated),
            Err(Refusal::Fault(fault)) => Err(Failure::Fault(fault)),
        }
    }

    /// The current texts of the consents that `signUp` and `giveConsent` ask for. Needs no access token.
    async fn consent_texts(&self) -> Vec<ConsentText> {
        ConsentKind::ALL.iter().copied().map(Into::into).collect()
    }

    /// Texts on drop, and help lines. Needs no access token: on a bad day nobody should have to find a password
    /// first.
    async fn guidance(&self) -> Guidance {
        Guidance
    }

    /// What this server is and can do; each may run another version. Needs no access token.
    async fn server(&self) -> Server {
        Server
    }
}

//! Ask the partner to get in touch, and take it back.

use crate::actions::links::plea;
use crate::domain::problem::Problem;
use crate::graphql::errors::{Failure, ProblemView, Status, id, settle, settle_once};
use crate::graphql::payload::payload;
use crate::graphql::types::guidance::Guidance;
use crate::graphql::types::partner_link::{PartnerLink, Plea};
use crate::graphql::{caller, context, loaders};
use async_graphql::{Context, ID, InputObject, Object, OneofObject, SimpleObject};

/// Asks the partner to get in touch. Null is the same as left out.
#[derive(InputObject)]
struct AskPartnerInput {
    /// An id that the app makes, unique in its account for good, such as a UUID: 16 to 64 characters of `A-Z`, `a-z`, `0-9`,
    /// `_` and `-`. Sent again, also weeks later and whatever else is sent, nothing more is created: `UNCHANGED`, with what
    /// was created as it is now.
    client_id: Option<String>,
    /// Whom.
    partner_of: PartnerOfInput,
}

/// A partner, by what they have in common with the signed-in person.
#[derive(OneofObject)]
enum PartnerOfInput {
    /// The other one of this link, which is active.
    LinkId(ID),
    /// The other one of this scene, of a link that is active.
    SceneId(ID),
}

impl TryFrom<PartnerOfInput> for plea::From {
    type Error = Problem;

    fn try_from(of: PartnerOfInput) -> Result<Self, Problem> {
        match of {
            PartnerOfInput::LinkId(link) => id("linkId", &link).map(Self::Link),
            PartnerOfInput::SceneId(scene) => id("sceneId", &scene).map(Self::Scene),
        }
    }
}

/// Takes a plea back.
#[derive(InputObject)]
struct TakeBackPleaInput {
    /// One of one's own pleas, of the last two minutes.
    plea_id: ID,
}

/// The answer to `askPartner`.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct AskPartnerPayload {
    /// Outcome of the mutation. `UNCHANGED`: one that can still be taken back is under way already, or one was made under
    /// this `clientId` before.
    status: Status,
    /// The plea; with `UNCHANGED` null if it is gone.
    plea: Option<Plea>,
    /// Its link: `myNeeds` is what its author wrote down for themselves, to be shown while they wait.
    link: Option<PartnerLink>,
    /// What helps right now, and whom one can call, to be shown while they wait; also where it was refused.
    guidance: Guidance,
    /// Why the mutation was refused; empty otherwise.
    problems: Vec<ProblemView>,
}
payload!(@viewer AskPartnerPayload);

payload!(
    /// The answer to `takeBackPlea`.
    TakeBackPleaPayload {
        /// The plea, taken back.
        plea: Plea
    }
);

/// Pleas.
#[derive(Default)]
pub struct PleaMutation;

#[Object]
impl PleaMutation {
    /// Says "I would like to hear from you" to the partner of a link or scene. It is one's own word: no agreement is
    /// needed. It goes out in two minutes, or when the other is awake next, unless they may be woken by it; it carries the
    /// agreed words and nothing else. Three times within a day; whether and when it was seen is never told.
    async fn ask_partner(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whom.")] input: AskPartnerInput,
    ) -> Result<AskPartnerPayload, Failure> {
        let by = caller(ctx)?;
        let outcome = async {
            let from = input.partner_of.try_into().map_err(|problem: Problem| problem.inside("partnerOf"))?;
            plea::ask(context(ctx), &by, input.client_id, from).await
        };
        let (status, view, problems) = settle_once(outcome.await)?;
        let link = match &view {
            Some(view) => loaders(ctx).link(view.link).await?.map(PartnerLink),
            None => None,
        };
        let plea = view.map(Plea::from);
        Ok(AskPartnerPayload { status, plea, link, guidance: Guidance, problems })
    }

    /// Takes a plea back within two minutes: the other never hears of it.
    async fn take_back_plea(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] input: TakeBackPleaInput,
    ) -> Result<TakeBackPleaPayload, Failure> {
        let by = caller(ctx)?;
        let outcome = async { plea::take_back(context(ctx), &by, id("pleaId", &input.plea_id)?).await };
        Ok(settle(outcome.await)?.into())
    }
}

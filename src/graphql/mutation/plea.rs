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
    /// Which partner to ask.
    partner_of: PartnerOfInput,
}

/// Names a partner by what they share with the viewer. Exactly one field must be given.
#[derive(OneofObject)]
enum PartnerOfInput {
    /// The partner of this link, which must be active.
    LinkId(ID),
    /// The partner of this scene, whose link must be active.
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

/// Names the plea to take back.
#[derive(InputObject)]
struct TakeBackPleaInput {
    /// One of the viewer's pleas, of the last two minutes.
    plea_id: ID,
}

/// The answer to `askPartner`.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct AskPartnerPayload {
    /// Outcome of the mutation. `UNCHANGED`: an earlier plea can still be taken back, or one was made under this
    /// `clientId` before.
    status: Status,
    /// The plea; with `UNCHANGED` null if it no longer exists.
    plea: Option<Plea>,
    /// The link of the plea: its `myNeeds` can be shown while the viewer waits.
    link: Option<PartnerLink>,
    /// What helps right now and whom one can call, to be shown while the viewer waits; also when the mutation was
    /// refused.
    guidance: Guidance,
    /// Why the mutation was refused; empty otherwise.
    problems: Vec<ProblemView>,
}
payload!(@viewer AskPartnerPayload);

payload!(
    /// The answer to `takeBackPlea`.
    TakeBackPleaPayload {
        /// The plea, now `TAKEN_BACK`.
        plea: Plea
    }
);

/// Pleas.
#[derive(Default)]
pub struct PleaMutation;

#[Object]
impl PleaMutation {
    /// Asks a partner to get in touch: "I would like to hear from you". It needs no agreement. It is sent in two
    /// minutes, or after the partner's quiet hours unless they allow to be woken. At most three in a day; whether and
    /// when it was seen is never told.
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

    /// Takes a plea back within its two minutes: the partner never hears of it.
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

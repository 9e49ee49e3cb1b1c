//! Write Needs, propose Revisions, agree and withdraw.

use crate::actions::links::negotiation::{self, Proposal, RevisionChange};
use crate::actions::links::partner_link;
use crate::actions::{ActionResult, Done};
use crate::domain::negotiation::{ContactWay, TermsPatch};
use crate::graphql::errors::{Failure, ProblemView, Status, id, settle, settle_done};
use crate::graphql::payload::payload;
use crate::graphql::types::check_in_time::CheckInTimeInput;
use crate::graphql::types::negotiation::{NeedsInput, Revision};
use crate::graphql::types::partner_link::PartnerLink;
use crate::graphql::{caller, context, loaders, requester};
use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object};

/// Changes the viewer's Needs on a link.
#[derive(InputObject)]
struct WriteNeedsInput {
    /// One of the viewer's active links.
    link_id: ID,
    /// What changes in them.
    needs: NeedsInput,
}

/// Changes what both would agree on together. A patch: what is left out stays as in `basedOn`, and null clears it;
/// without `basedOn`, what is left out is empty or has its default.
#[derive(InputObject)]
struct TermsInput {
    /// The limits of both; at most 4000 characters.
    limits: MaybeUndefined<String>,
    /// The signal that stops everything; required, at most 200 characters. Null is refused.
    stop_signal: MaybeUndefined<String>,
    /// When check-ins fall due: one to eight times, at least one of them counted from the scene's end; those of one kind are
    /// at least 30 minutes apart. Default, and if null: 60, 1440 and 2880 minutes after the end.
    protocol: MaybeUndefined<Vec<CheckInTimeInput>>,
    /// How and when the two want to be in touch; at most 4000 characters.
    contact_plan: MaybeUndefined<String>,
    /// What a partner may be told would be welcome; null, and by default: a partner is never told.
    partner_alert: MaybeUndefined<ContactWay>,
}

impl From<TermsInput> for TermsPatch {
    fn from(input: TermsInput) -> Self {
        let TermsInput { limits, stop_signal, protocol, contact_plan, partner_alert } = input;
        let protocol = protocol.map_value(|times| times.into_iter().map(Into::into).collect::<Vec<_>>());
        Self {
            limits: limits.into(),
            stop_signal: stop_signal.into(),
            protocol: protocol.into(),
            contact_plan: contact_plan.into(),
            partner_alert: partner_alert.into(),
        }
    }
}

/// Proposes a Revision. Null is the same as left out.
#[derive(InputObject)]
struct ProposeRevisionInput {
    /// One of the viewer's active links.
    link_id: ID,
    /// The newest Revision that the proposer has read; left out: there was none.
    based_on: Option<ID>,
    /// What changes in the terms. Both people's Needs are taken as last written.
    terms: TermsInput,
}

/// Agrees to one Revision.
#[derive(InputObject)]
struct AgreeToRevisionInput {
    /// The newest Revision of one of the viewer's links.
    revision_id: ID,
    /// The `contentHash` that was read together with the text; another one is refused with `CHANGED`.
    content_hash: String,
}

/// Withdraws an agreement.
#[derive(InputObject)]
struct WithdrawAgreementInput {
    /// A Revision that the viewer agreed to.
    revision_id: ID,
}

payload!(
    /// The answer to `writeNeeds`.
    WriteNeedsPayload {
        /// The link with the Needs.
        link: PartnerLink
    }
);
payload!(
    /// The answer to `proposeRevision`.
    ProposeRevisionPayload {
        /// The new Revision; with `UNCHANGED` the newest one, which has the same text already.
        revision: Revision,
        /// The link; the Revision is its `latestRevision`.
        link: PartnerLink,
        /// The Revisions that this one superseded.
        superseded: Vec<Revision>
    }
);
payload!(
    /// The answer to `agreeToRevision`.
    AgreeToRevisionPayload {
        /// The Revision, with the viewer's agreement.
        revision: Revision,
        /// The link of the Revision. Once both have agreed, the Revision is its `agreedRevision`.
        link: PartnerLink,
        /// The Revisions that this agreement superseded.
        superseded: Vec<Revision>
    }
);
payload!(
    /// The answer to `withdrawAgreement`.
    WithdrawAgreementPayload {
        /// The Revision, without the viewer's agreement.
        revision: Revision,
        /// The link of the Revision.
        link: PartnerLink
    }
);

/// What came of changing a Revision: it and its link, and what it superseded.
struct Changed {
    status: Status,
    revision: Option<Revision>,
    link: Option<PartnerLink>,
    superseded: Option<Vec<Revision>>,
    problems: Vec<ProblemView>,
}

async fn changed(ctx: &Context<'_>, outcome: ActionResult<Done<RevisionChange>>) -> Result<Changed, Failure> {
    let me = requester(ctx)?.account;
    let (status, value, problems) = settle(outcome)?;
    let Some(RevisionChange { revision, superseded }) = value else {
        return Ok(Changed { status, revision: None, link: None, superseded: None, problems });
    };
    let link = match ctx.look_ahead().field("link").exists() {
        true => loaders(ctx).link(revision.outline.link).await?.map(PartnerLink),
        false => None,
    };
    let superseded = superseded.into_iter().map(|outline| Revision::new(outline, me)).collect();
    let revision = Revision::opened(revision, me);
    Ok(Changed { status, revision: Some(revision), link, superseded: Some(superseded), problems })
}

/// Changes to negotiations.
#[derive(Default)]
pub struct NegotiationMutation;

#[Object]
impl NegotiationMutation {
    /// Changes the viewer's Needs on a link. The next Revision takes them up; what was agreed stays as it is.
    async fn write_needs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The Needs.")] input: WriteNeedsInput,
    ) -> Result<WriteNeedsPayload, Failure> {
        let by = caller(ctx)?;
        let outcome = async {
            let link = id("linkId", &input.link_id)?;
            let link = negotiation::write_needs(context(ctx), &by, link, input.needs.into()).await?;
            let mut found = partner_link::find(context(ctx), by.requester.account, vec![link]).await?;
            Ok(found.pop().ok_or(crate::actions::Fault::Inconsistent("a link that vanished"))?)
        };
        Ok(settle_done(outcome.await)?.into())
    }

    /// Proposes a Revision: both people's Needs as last written, and the terms with what changes. Both must agree to
    /// it, the proposer too.
    async fn propose_revision(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The proposal.")] input: ProposeRevisionInput,
    ) -> Result<ProposeRevisionPayload, Failure> {
        let by = caller(ctx)?;
        let outcome = async {
            let proposal = Proposal {
                link: id("linkId", &input.link_id)?,
                based_on: input.based_on.as_ref().map(|text| id("basedOn", text)).transpose()?,
                terms: input.terms.into(),
            };
            negotiation::propose(context(ctx), &by, proposal).await
        };
        let Changed { status, revision, link, superseded, problems } = changed(ctx, outcome.await).await?;
        Ok(ProposeRevisionPayload { status, revision, link, superseded, problems })
    }

    /// Agrees to exactly the text whose hash is named. When both have, it is agreed, and new scenes stand under it.
    async fn agree_to_revision(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which text.")] input: AgreeToRevisionInput,
    ) -> Result<AgreeToRevisionPayload, Failure> {
        let by = caller(ctx)?;
        let outcome = async {
            let revision = id("revisionId", &input.revision_id)?;
            negotiation::agree(context(ctx), &by, revision, input.content_hash).await
        };
        let Changed { status, revision, link, superseded, problems } = changed(ctx, outcome.await).await?;
        Ok(AgreeToRevisionPayload { status, revision, link, superseded, problems })
    }

    /// Withdraws the viewer's agreement, without a reason. New scenes no longer stand under the text, and no partner
    /// is told anything under it; check-ins of earlier scenes stay.
    async fn withdraw_agreement(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "To which text.")] input: WithdrawAgreementInput,
    ) -> Result<WithdrawAgreementPayload, Failure> {
        let by = caller(ctx)?;
        let outcome = async {
            let revision = id("revisionId", &input.revision_id)?;
            negotiation::withdraw(context(ctx), &by, revision).await
        };
        let Changed { status, revision, link, problems, .. } = changed(ctx, outcome.await).await?;
        Ok(WithdrawAgreementPayload { status, revision, link, problems })
    }
}

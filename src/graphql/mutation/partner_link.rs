//! Invite, accept, decline, end, and choose on a link.

use crate::actions::links::partner_link::{self, Choices};
use crate::domain::partner_link::{Permission, Role};
use crate::graphql::errors::{Failure, id, settle, settle_done};
use crate::graphql::payload::payload;
use crate::graphql::types::partner_link::PartnerLink;
use crate::graphql::{caller, context};
use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object};

/// Invites somebody.
#[derive(InputObject)]
struct InvitePartnerInput {
    /// One's own default role.
    role: Role,
}

/// Accepts an invitation.
#[derive(InputObject)]
struct AcceptInvitationInput {
    /// The code; blanks, hyphens and case do not matter.
    code: String,
    /// One's own default role.
    role: Role,
}

/// Declines an invitation.
#[derive(InputObject)]
struct DeclineInvitationInput {
    /// The code.
    code: String,
}

/// Names a link to end.
#[derive(InputObject)]
struct EndLinkInput {
    /// One of one's own links.
    link_id: ID,
}

/// What changes in one's own choices on a link. A patch: what is left out stays. None of them can be null.
#[derive(InputObject)]
struct UpdateLinkInput {
    /// One of one's own active links.
    link_id: ID,
    /// One's own default role.
    role: MaybeUndefined<Role>,
    /// Whether the partner may be told, after three unanswered nudges, that reaching out would be welcome. Default of a new
    /// link: `FORBID`.
    alert_permission: MaybeUndefined<Permission>,
    /// Whether one wants to see how many promises the two kept. It is shown once both want it, and to both; taking it
    /// back works at once, and nobody is told.
    promise_count_wanted: MaybeUndefined<bool>,
    /// Whether one may be woken in one's quiet hours when the partner asks to hear from one. Default of a new link: `FORBID`.
    night_plea_permission: MaybeUndefined<Permission>,
}

payload!(
    /// The answer to `invitePartner`.
    InvitePartnerPayload {
        /// The link, waiting for somebody to accept.
        link: PartnerLink,
        /// The code to hand on, shown this once; it works once, for 72 hours.
        code: String
    }
);
payload!(
    /// The answer to `acceptInvitation`.
    AcceptInvitationPayload {
        /// The link, active.
        link: PartnerLink
    }
);
payload!(
    /// The answer to `declineInvitation`.
    DeclineInvitationPayload {}
);
payload!(
    /// The answer to `endLink`.
    EndLinkPayload {
        /// The link, ended.
        link: PartnerLink
    }
);
payload!(
    /// The answer to `updateLink`.
    UpdateLinkPayload {
        /// The link as it is now.
        link: PartnerLink
    }
);

/// Changes to links.
#[derive(Default)]
pub struct LinkMutation;

#[Object]
impl LinkMutation {
    /// Makes an invitation. How its code reaches the other one is up to the person: the server tells nobody.
    async fn invite_partner(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "One's own part.")] input: InvitePartnerInput,
    ) -> Result<InvitePartnerPayload, Failure> {
        let outcome = partner_link::invite(context(ctx), &caller(ctx)?, input.role).await;
        let (status, invited, problems) = settle_done(outcome)?;
        let (link, code) = invited.map(|(view, code)| (PartnerLink(view), code)).unzip();
        Ok(InvitePartnerPayload { status, link, code, problems })
    }

    /// Accepts an invitation by its code. Nobody links to themselves, or twice to the same person.
    async fn accept_invitation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The code and one's own part.")] input: AcceptInvitationInput,
    ) -> Result<AcceptInvitationPayload, Failure> {
        let outcome = partner_link::accept(context(ctx), &caller(ctx)?, input.code, input.role).await;
        Ok(settle_done(outcome)?.into())
    }

    /// Declines an invitation: its code stops working. The one who invited is not told.
    async fn decline_invitation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The code.")] input: DeclineInvitationInput,
    ) -> Result<DeclineInvitationPayload, Failure> {
        Ok(settle_done(partner_link::decline(context(ctx), &caller(ctx)?, input.code).await)?.into())
    }

    /// Ends a link at once, or takes an invitation back. The other is sent nothing; alerts and prompts about each
    /// other stop; each one keeps their own check-ins.
    async fn end_link(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which link.")] input: EndLinkInput,
    ) -> Result<EndLinkPayload, Failure> {
        let by = caller(ctx)?;
        let outcome = async { partner_link::end(context(ctx), &by, id("linkId", &input.link_id)?).await };
        Ok(settle(outcome.await)?.into())
    }

    /// Changes one's own choices on a link. The other is not told.
    async fn update_link(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which link, and what changes.")] input: UpdateLinkInput,
    ) -> Result<UpdateLinkPayload, Failure> {
        let by = caller(ctx)?;
        let outcome = async {
            let link = id("linkId", &input.link_id)?;
            let choices = Choices {
                role: input.role.into(),
                alert: input.alert_permission.into(),
                promise_count_wanted: input.promise_count_wanted.into(),
                night_pleas: input.night_plea_permission.into(),
            };
            partner_link::set_preferences(context(ctx), &by, link, choices).await
        };
        Ok(settle_done(outcome.await)?.into())
    }
}

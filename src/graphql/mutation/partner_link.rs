//! Invite, accept, decline, end, and choose on a link.

use crate::actions::links::partner_link::{self, Choices};
use crate::domain::partner_link::{Permission, Role};
use crate::graphql::errors::{Failure, id, settle, settle_done};
use crate::graphql::payload::payload;
use crate::graphql::types::partner_link::PartnerLink;
use crate::graphql::{caller, context};
use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object};

/// Invites a partner.
#[derive(InputObject)]
struct InvitePartnerInput {
    /// The viewer's default role on the link.
    role: Role,
}

/// Accepts an invitation.
#[derive(InputObject)]
struct AcceptInvitationInput {
    /// The code of the invitation; blanks, hyphens and case do not matter.
    code: String,
    /// The viewer's default role on the link.
    role: Role,
}

/// Declines an invitation.
#[derive(InputObject)]
struct DeclineInvitationInput {
    /// The code of the invitation; blanks, hyphens and case do not matter.
    code: String,
}

/// Names the link to end.
#[derive(InputObject)]
struct EndLinkInput {
    /// One of the viewer's links.
    link_id: ID,
}

/// Changes the viewer's choices on a link. A patch: what is left out stays. Null is refused.
#[derive(InputObject)]
struct UpdateLinkInput {
    /// One of the viewer's active links.
    link_id: ID,
    /// The viewer's default role.
    role: MaybeUndefined<Role>,
    /// Whether the partner may be told, when the viewer has left three reminders unanswered, that getting in touch
    /// would be welcome. New links have `FORBID`.
    alert_permission: MaybeUndefined<Permission>,
    /// Whether the viewer wants to see how many promises the two kept. It is shown to both once both want it; taking
    /// it back works at once, and the partner is not told.
    promise_count_wanted: MaybeUndefined<bool>,
    /// Whether a plea of the partner may wake the viewer in quiet hours. New links have `FORBID`.
    night_plea_permission: MaybeUndefined<Permission>,
}

payload!(
    /// The answer to `invitePartner`.
    InvitePartnerPayload {
        /// The new link, `INVITED` until somebody accepts.
        link: PartnerLink,
        /// The code to pass on to the partner. It is shown only once, and works once, within 72 hours.
        code: String
    }
);
payload!(
    /// The answer to `acceptInvitation`.
    AcceptInvitationPayload {
        /// The link, now `ACTIVE`.
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
        /// The link, now `ENDED`.
        link: PartnerLink
    }
);
payload!(
    /// The answer to `updateLink`.
    UpdateLinkPayload {
        /// The link with the choices.
        link: PartnerLink
    }
);

/// Changes to links.
#[derive(Default)]
pub struct LinkMutation;

#[Object]
impl LinkMutation {
    /// Makes an invitation. The person passes its code on themselves: the server sends it to nobody.
    async fn invite_partner(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The viewer's default role.")] input: InvitePartnerInput,
    ) -> Result<InvitePartnerPayload, Failure> {
        let outcome = partner_link::invite(context(ctx), &caller(ctx)?, input.role).await;
        let (status, invited, problems) = settle_done(outcome)?;
        let (link, code) = invited.map(|(view, code)| (PartnerLink(view), code)).unzip();
        Ok(InvitePartnerPayload { status, link, code, problems })
    }

    /// Accepts an invitation by its code. Nobody can link to themselves, or twice to the same person.
    async fn accept_invitation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The code, and the viewer's default role.")] input: AcceptInvitationInput,
    ) -> Result<AcceptInvitationPayload, Failure> {
        let outcome = partner_link::accept(context(ctx), &caller(ctx)?, input.code, input.role).await;
        Ok(settle_done(outcome)?.into())
    }

    /// Declines an invitation: its code stops working. The inviter is not told.
    async fn decline_invitation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The code.")] input: DeclineInvitationInput,
    ) -> Result<DeclineInvitationPayload, Failure> {
        Ok(settle_done(partner_link::decline(context(ctx), &caller(ctx)?, input.code).await)?.into())
    }

    /// Ends a link at once, or takes an invitation back. The partner is sent nothing. Reminders about each other
    /// stop; both keep their own check-ins.
    async fn end_link(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which link.")] input: EndLinkInput,
    ) -> Result<EndLinkPayload, Failure> {
        let by = caller(ctx)?;
        let outcome = async { partner_link::end(context(ctx), &by, id("linkId", &input.link_id)?).await };
        Ok(settle(outcome.await)?.into())
    }

    /// Changes the viewer's choices on a link. The partner is not told.
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

//! Nudges and their reasons, as their recipient sees them.

use super::DateTime;
use super::check_in::CheckIn;
use super::negotiation::Revision;
use super::partner_link::PartnerLink;
use super::scene::Scene;
use crate::actions::nudges::nudge::{NudgeView, ReasonView};
use crate::domain::explanation::ExplanationRule;
use crate::domain::nudge::{Channel, MailPurpose, NudgeKind, NudgeState, Reason, Rung};
use crate::graphql::errors::Failure;
use crate::graphql::{loaders, requester};
use async_graphql::{Context, Enum, ID, Object};

/// One message to the signed-in person on one channel: a push on their screen, or a mail in their inbox. Whatever is for
/// one person about the same time is one message, with a reason for each.
pub struct Nudge(pub NudgeView);

/// One message to the viewer: a Web Push or an e-mail. What is for one person at about the same time goes out as one
/// message, with a reason for each; until it goes out, each reason is a nudge of its own.
#[Object]
impl Nudge {
    /// The opaque id; a push carries it as `nudge`. `node` may answer with another id: that of the message that this
    /// one went out with. Then forget this one.
    pub async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// How it is sent.
    async fn channel(&self) -> Channel {
        self.0.channel
    }

    /// Whether it was sent.
    async fn state(&self) -> NudgeState {
        self.0.state
    }

    /// When it is to be sent, or was at the earliest.
    async fn send_at(&self) -> DateTime {
        self.0.send_at.into()
    }

    /// When it was sent, dropped or given up; null: it is waiting.
    async fn finished_at(&self) -> Option<DateTime> {
        self.0.finished_at.map(Into::into)
    }

    /// Why it is sent: at least one reason, seldom more than three, never more than 50. They never tell what the
    /// partner did.
    async fn reasons(&self) -> Vec<NudgeReason> {
        self.0.reasons.iter().cloned().map(NudgeReason).collect()
    }
}

/// One of the reasons of a message, for its recipient alone.
pub struct NudgeReason(ReasonView);

/// One reason of a message: what it is about, and how its time was worked out. Only the recipient sees it.
#[Object]
impl NudgeReason {
    /// What it is for.
    async fn kind(&self) -> NudgeReasonKind {
        self.0.kind.into()
    }

    /// What it says, for inside the app: a lock screen never shows it.
    async fn message(&self) -> &str {
        self.0.message
    }

    /// The check-in to answer; null: there is none to answer.
    async fn check_in(&self, ctx: &Context<'_>) -> Result<Option<CheckIn>, Failure> {
        let Some(id) = self.0.check_in else { return Ok(None) };
        Ok(loaders(ctx).check_in(id).await?.map(CheckIn))
    }

    /// The scene that it is about; null: it is about none, or the scene is not told.
    async fn scene(&self, ctx: &Context<'_>) -> Result<Option<Scene>, Failure> {
        let Some(id) = self.0.scene else { return Ok(None) };
        Ok(loaders(ctx).scene(id).await?.map(Scene))
    }

    /// The link that it is about; null: it is about the account, or about a scene of the viewer alone.
    async fn link(&self, ctx: &Context<'_>) -> Result<Option<PartnerLink>, Failure> {
        let Some(id) = self.0.link else { return Ok(None) };
        Ok(loaders(ctx).link(id).await?.map(PartnerLink))
    }

    /// The agreed Revision that applies; null: none does, and the default times or the viewer's own plan apply.
    async fn revision(&self, ctx: &Context<'_>) -> Result<Option<Revision>, Failure> {
        let (Some(id), Some(link)) = (self.0.revision, self.0.link) else { return Ok(None) };
        let me = requester(ctx)?.account;
        let all = loaders(ctx).revisions(link).await?;
        Ok(all.into_iter().find(|outline| outline.id == id).map(|outline| Revision::new(outline, me)))
    }

    /// The rule by which it is sent.
    async fn rule(&self) -> ExplanationRule {
        self.0.explanation.rule
    }

    /// When it was due by itself, after quiet hours. The message may have been sent earlier, together with another
    /// one.
    async fn due_at(&self) -> DateTime {
        self.0.explanation.due_at.into()
    }

    /// How its time was worked out, a sentence an entry, in the viewer's current time zone; at most ten.
    async fn sentences(&self) -> &[String] {
        &self.0.explanation.sentences
    }
}

/// What a reason is for. More may be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum NudgeReasonKind {
    /// Asks the viewer how they are, when a check-in falls due.
    Ask,
    /// Asks by e-mail, when three hours have passed without an answer.
    Email,
    /// Asks once more, three hours after the e-mail.
    AskAgain,
    /// Tells the viewer that the partner would welcome it if they got in touch; sent only with the partner's
    /// permission.
    TellPartner,
    /// Reminds the viewer to get in touch with the partner, whatever either of them answered.
    ReachOut,
    /// The partner asked to hear from the viewer.
    Plea,
    /// Asks to confirm the e-mail address at sign-up.
    ConfirmAddress,
    /// Lets the person set a new password, as they asked.
    ResetPassword,
    /// Tells that a session was ended because its refresh token was used in two places.
    SignedOut,
    /// Asks to confirm a new e-mail address of the account.
    ConfirmNewAddress,
    /// Tells the current e-mail address that a change to another one was asked for.
    AddressChange,
    /// Tells that something changed in how the account is protected.
    SecurityChange,
}

impl From<NudgeKind> for NudgeReasonKind {
    fn from(kind: NudgeKind) -> Self {
        match kind {
            NudgeKind::Reminder(Reason::CheckIn(Rung::Ask)) => Self::Ask,
            NudgeKind::Reminder(Reason::CheckIn(Rung::Email)) => Self::Email,
            NudgeKind::Reminder(Reason::CheckIn(Rung::AskAgain)) => Self::AskAgain,
            NudgeKind::Reminder(Reason::CheckIn(Rung::TellPartner)) => Self::TellPartner,
            NudgeKind::Reminder(Reason::Prompt) => Self::ReachOut,
            NudgeKind::Plea => Self::Plea,
            NudgeKind::Mail(MailPurpose::ConfirmAddress) => Self::ConfirmAddress,
            NudgeKind::Mail(MailPurpose::ResetPassword) => Self::ResetPassword,
            NudgeKind::Mail(MailPurpose::SignedOut) => Self::SignedOut,
            NudgeKind::Mail(MailPurpose::ConfirmNewAddress) => Self::ConfirmNewAddress,
            NudgeKind::Mail(MailPurpose::AddressChange) => Self::AddressChange,
            NudgeKind::Mail(MailPurpose::SecurityChange) => Self::SecurityChange,
        }
    }
}

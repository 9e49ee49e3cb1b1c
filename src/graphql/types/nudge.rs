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

/// One message to the signed-in person on one channel: a push on their screen, or a mail in their inbox. Whatever is for
/// one person about the same time is one message, with a reason for each. Until they went out as one, each is a message of
/// its own.
#[Object]
impl Nudge {
    /// The opaque id; a push carries it as `nudge`. `node` may answer with another id: that of the message that this one
    /// went out with. Then forget the old one.
    pub async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// The way that it takes, or took.
    async fn channel(&self) -> Channel {
        self.0.channel
    }

    /// Where it stands.
    async fn state(&self) -> NudgeState {
        self.0.state
    }

    /// When it may go out.
    async fn send_at(&self) -> DateTime {
        self.0.send_at.into()
    }

    /// When it went out, was dropped or was given up.
    async fn finished_at(&self) -> Option<DateTime> {
        self.0.finished_at.map(Into::into)
    }

    /// Why it came: at least one reason, seldom more than three, never more than 50. They tell nothing of what the other
    /// person did.
    async fn reasons(&self) -> Vec<NudgeReason> {
        self.0.reasons.iter().cloned().map(NudgeReason).collect()
    }
}

/// One of the reasons of a message, for its recipient alone.
pub struct NudgeReason(ReasonView);

/// One of the reasons of a message: what it is about, and how its time was reckoned. For its recipient alone.
#[Object]
impl NudgeReason {
    /// What it is for.
    async fn kind(&self) -> NudgeReasonKind {
        self.0.kind.into()
    }

    /// What it means, for the signed-in person alone; a lock screen never shows it.
    async fn message(&self) -> &str {
        self.0.message
    }

    /// The check-in to answer; null if it is about reaching out, and of a mail that is about the account.
    async fn check_in(&self, ctx: &Context<'_>) -> Result<Option<CheckIn>, Failure> {
        let Some(id) = self.0.check_in else { return Ok(None) };
        Ok(loaders(ctx).check_in(id).await?.map(CheckIn))
    }

    /// The scene that it is about; null: none, or it is not told.
    async fn scene(&self, ctx: &Context<'_>) -> Result<Option<Scene>, Failure> {
        let Some(id) = self.0.scene else { return Ok(None) };
        Ok(loaders(ctx).scene(id).await?.map(Scene))
    }

    /// The link that it is about; null: of a scene of oneself alone, and of a mail that is about the account.
    async fn link(&self, ctx: &Context<'_>) -> Result<Option<PartnerLink>, Failure> {
        let Some(id) = self.0.link else { return Ok(None) };
        Ok(loaders(ctx).link(id).await?.map(PartnerLink))
    }

    /// The agreed Revision that the scene stood under; null: none, so that the usual plan holds, or one's own.
    async fn revision(&self, ctx: &Context<'_>) -> Result<Option<Revision>, Failure> {
        let (Some(id), Some(link)) = (self.0.revision, self.0.link) else { return Ok(None) };
        let me = requester(ctx)?.account;
        let all = loaders(ctx).revisions(link).await?;
        Ok(all.into_iter().find(|outline| outline.id == id).map(|outline| Revision::new(outline, me)))
    }

    /// The rule by which it came.
    async fn rule(&self) -> ExplanationRule {
        self.0.explanation.rule
    }

    /// When it was due by itself, quiet hours and all: it may have come earlier, with another one. What tells that the other
    /// would welcome something was due when it came.
    async fn due_at(&self) -> DateTime {
        self.0.explanation.due_at.into()
    }

    /// How its time was reckoned, in plain words, one sentence an entry, in the reader's time zone of now; at most ten.
    async fn sentences(&self) -> &[String] {
        &self.0.explanation.sentences
    }
}

/// What a reason is for: a step of a check-in's ladder, or what else a message can be about. More may be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum NudgeReasonKind {
    /// Asks the subject how they are.
    Ask,
    /// Asks by e-mail, when the push was not answered.
    Email,
    /// Asks once more, three hours after the e-mail.
    AskAgain,
    /// Tells the partner that reaching out would be welcome; only with the subject's consent.
    TellPartner,
    /// Reminds the partner to reach out, whatever the subject does.
    ReachOut,
    /// The partner asked by hand to hear from the person.
    Plea,
    /// Confirms an address; asked for by the person.
    ConfirmAddress,
    /// Resets a password; asked for by the person.
    ResetPassword,
    /// Tells that a session was ended, since its sign-in was used in two places.
    SignedOut,
    /// Confirms another address of an account; asked for by the person.
    ConfirmNewAddress,
    /// Tells the address of an account that another one was asked for.
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

//! Nudges as their recipient sees them.

use super::DateTime;
use super::check_in::CheckIn;
use super::partner_link::PartnerLink;
use super::scene::Scene;
use crate::actions::nudges::nudge::{self, NudgeView};
use crate::domain::explanation::{Explanation, ExplanationRule};
use crate::domain::nudge::{Channel, MailPurpose, NudgeKind, NudgeState, Reason, Rung};
use crate::graphql::errors::Failure;
use crate::graphql::loaders;
use async_graphql::{Context, Enum, ID, Object, SimpleObject};

/// One message to the signed-in person: what a push on their screen, or a mail in their inbox, was about.
pub struct Nudge(pub NudgeView);

/// One message to the signed-in person: what a push on their screen, or a mail in their inbox, was about.
#[Object]
impl Nudge {
    /// The opaque id; a push carries it as `nudge`.
    pub async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// Its rung.
    async fn rung(&self) -> NudgeRung {
        self.0.kind.into()
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

    /// What it means, for the signed-in person alone; a lock screen never shows it.
    async fn message(&self) -> &str {
        self.0.message
    }

    /// Why it came: the rule, the agreement, and how its time was reckoned. It tells nothing of the other person.
    async fn explanation(&self) -> NudgeExplanation {
        self.0.explanation.clone().into()
    }

    /// What else came in the same push or mail: whatever is for one person about the same time is one reminder. Empty
    /// until it went out, and if it came by itself.
    async fn other_reasons(&self) -> Vec<NudgeReason> {
        self.0.other_reasons.iter().map(|reason| NudgeReason::from(reason.clone())).collect()
    }

    /// The check-in to answer; null if it is about reaching out.
    async fn check_in(&self, ctx: &Context<'_>) -> Result<Option<CheckIn>, Failure> {
        let Some(id) = self.0.check_in else { return Ok(None) };
        Ok(loaders(ctx).check_in(id).await?.map(CheckIn))
    }

    /// The link that it is about; null for a mail to an address.
    async fn partner_link(&self, ctx: &Context<'_>) -> Result<Option<PartnerLink>, Failure> {
        let Some(id) = self.0.link else { return Ok(None) };
        Ok(loaders(ctx).link(id).await?.map(PartnerLink))
    }

    /// The scene that it is about.
    async fn scene(&self, ctx: &Context<'_>) -> Result<Option<Scene>, Failure> {
        let Some(id) = self.0.scene else { return Ok(None) };
        Ok(loaders(ctx).scene(id).await?.map(Scene))
    }
}

/// What else came in one push or mail with a nudge.
#[derive(SimpleObject)]
pub struct NudgeReason {
    /// Its nudge, to be read with `node`.
    nudge_id: ID,
    /// Its rung.
    rung: NudgeRung,
    /// What it means, for the signed-in person alone.
    message: String,
}

impl From<nudge::NudgeReason> for NudgeReason {
    fn from(reason: nudge::NudgeReason) -> Self {
        let nudge::NudgeReason { id, kind, message } = reason;
        Self { nudge_id: id.to_string().into(), rung: kind.into(), message: message.to_owned() }
    }
}

/// The step of the ladder that a nudge stands on, or what else it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(name = "Rung")]
pub enum NudgeRung {
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

impl From<NudgeKind> for NudgeRung {
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

/// Why a nudge came, for its recipient alone.
#[derive(SimpleObject)]
pub struct NudgeExplanation {
    /// The rule by which it came.
    rule: ExplanationRule,
    /// The number of the Revision of the agreement that the scene stood under; null: none, so the default protocol.
    revision: Option<i32>,
    /// When it was due, quiet hours and all. What tells that the other would welcome something was due when it came.
    due_at: DateTime,
    /// The reckoning in plain words, one sentence an entry, in the reader's time zone of now; at most ten.
    sentences: Vec<String>,
}

impl From<Explanation> for NudgeExplanation {
    fn from(explanation: Explanation) -> Self {
        let Explanation { rule, revision, due_at, sentences } = explanation;
        Self { rule, revision, due_at: due_at.into(), sentences }
    }
}

//! Nudges as their recipient sees them.

use super::DateTime;
use super::check_in::CheckIn;
use super::scene::Scene;
use crate::actions::nudge::NudgeView;
use crate::domain::explanation::{Explanation, ExplanationRule};
use crate::domain::nudge::{Channel, NudgeState, Rung};
use crate::graphql::errors::Failure;
use crate::graphql::loaders;
use async_graphql::{Context, ID, Object, SimpleObject};

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
    async fn rung(&self) -> Rung {
        self.0.rung
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

    /// The check-in to answer; null if it is about reaching out.
    async fn check_in(&self, ctx: &Context<'_>) -> Result<Option<CheckIn>, Failure> {
        let Some(id) = self.0.check_in else { return Ok(None) };
        Ok(loaders(ctx).check_in(id).await?.map(CheckIn))
    }

    /// The scene that it is about.
    async fn scene(&self, ctx: &Context<'_>) -> Result<Option<Scene>, Failure> {
        let Some(id) = self.0.scene else { return Ok(None) };
        Ok(loaders(ctx).scene(id).await?.map(Scene))
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

//! Check-ins and answers: one's own in full, the partner's as far as shared.

use super::DateTime;
use super::check_in_time::CheckInTime;
use super::scene::Scene;
use super::text::Text;
use crate::actions::check_ins::check_in::Span;
use crate::actions::check_ins::check_in::{AnswerView, CheckInView, PartnersCheckIn};
use crate::domain::account::AnswerSharing;
use crate::domain::answer::{NoticedSign, Sign, SignDegree};
use crate::domain::check_in::CheckInState;
use crate::domain::page::answer_ends;
use crate::graphql::errors::Failure;
use crate::graphql::loaders;
use crate::ids::{PartnerCheckInId, SharedAnswerId, TypedId};
use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject};

/// One question to the signed-in person about one scene at one due time.
pub struct CheckIn(pub CheckInView);

impl From<CheckInView> for CheckIn {
    fn from(view: CheckInView) -> Self {
        Self(view)
    }
}

/// Which part of the check-ins is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum CheckInSpan {
    /// Not yet due; the next one first.
    Coming,
    /// Due and open; the oldest first.
    Due,
    /// Closed; the newest first. An answer still counts for 14 days after the due time.
    Past,
}

impl From<CheckInSpan> for Span {
    fn from(span: CheckInSpan) -> Self {
        match span {
            CheckInSpan::Coming => Self::Coming,
            CheckInSpan::Due => Self::Due,
            CheckInSpan::Past => Self::Past,
        }
    }
}

/// One sign and how much of it there is.
#[derive(Clone, Copy, Debug, SimpleObject, InputObject)]
#[graphql(input_name = "NoticedSignInput", name = "NoticedSign")]
pub struct NoticedSignView {
    /// Which sign.
    pub sign: Sign,
    /// How much of it.
    pub degree: SignDegree,
}

impl From<NoticedSign> for NoticedSignView {
    fn from(noticed: NoticedSign) -> Self {
        Self { sign: noticed.sign, degree: noticed.degree }
    }
}

impl From<NoticedSignView> for NoticedSign {
    fn from(noticed: NoticedSignView) -> Self {
        Self { sign: noticed.sign, degree: noticed.degree }
    }
}

/// What the signed-in person answered.
#[derive(SimpleObject)]
pub struct Answer {
    /// From 1 (very low) to 5 (very well).
    mood: i32,
    /// What they noticed in themselves.
    signs: Vec<NoticedSignView>,
    /// What would help now.
    need: Text,
    /// A note.
    note: Text,
    /// What of it the partner sees.
    sharing: AnswerSharing,
    /// Until when what is newly shared can be taken back before the partner has seen it: two minutes from then on.
    /// Null: nothing waits.
    unseen_until: Option<DateTime>,
    /// When it was given.
    answered_at: DateTime,
}

impl From<AnswerView> for Answer {
    fn from(view: AnswerView) -> Self {
        Self {
            mood: view.content.mood,
            signs: view.content.signs.into_iter().map(Into::into).collect(),
            need: view.content.need.into(),
            note: view.content.note.into(),
            sharing: view.share,
            unseen_until: view.unseen_until.map(Into::into),
            answered_at: view.answered_at.into(),
        }
    }
}

/// One question to the signed-in person about one scene at one due time.
#[Object]
impl CheckIn {
    /// The opaque id.
    pub async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// The scene that it is about.
    async fn scene(&self, ctx: &Context<'_>) -> Result<Option<Scene>, Failure> {
        Ok(loaders(ctx).scene(self.0.scene).await?.map(Scene))
    }

    /// When it was to fall due, as agreed.
    async fn time(&self) -> CheckInTime {
        self.0.times.time.into()
    }

    /// When it falls due. The nudge may come later, out of quiet hours.
    async fn due_at(&self) -> DateTime {
        self.0.times.due_at.into()
    }

    /// When no more nudges come for it.
    async fn closes_at(&self) -> DateTime {
        self.0.times.closes_at.into()
    }

    /// Until when an answer counts.
    async fn answerable_until(&self) -> DateTime {
        answer_ends(self.0.times.due_at).into()
    }

    /// What was done with it.
    async fn state(&self) -> CheckInState {
        self.0.state
    }

    /// Until when it is put off.
    async fn snoozed_until(&self) -> Option<DateTime> {
        self.0.snoozed_until.map(Into::into)
    }

    /// The answer.
    async fn answer(&self) -> Option<Answer> {
        self.0.answer.clone().map(Into::into)
    }
}

/// What the other one chose to share of an answer.
#[derive(SimpleObject)]
pub struct SharedAnswer {
    /// The opaque id.
    #[graphql(owned)]
    pub id: ID,
    /// From 1 (very low) to 5 (very well).
    mood: i32,
    /// What they noticed; null unless all is shared.
    signs: Option<Vec<NoticedSignView>>,
    /// What would help them now; null unless all is shared.
    need: Option<Text>,
    /// Their note; null unless all is shared.
    note: Option<Text>,
}

/// A check-in of the other one. Unanswered, skipped, paused and private look the same here: no update.
#[derive(SimpleObject)]
pub struct PartnerCheckIn {
    /// The opaque id.
    #[graphql(owned)]
    pub id: ID,
    /// When it falls due; a local time by one's own clock, since the other's would tell where they are.
    due_at: DateTime,
    /// Null: no update.
    pub shared: Option<SharedAnswer>,
}

impl From<PartnersCheckIn> for PartnerCheckIn {
    fn from(view: PartnersCheckIn) -> Self {
        let id = view.id.uuid();
        let shared = view.shared.map(|shared| {
            let rest = shared.rest;
            SharedAnswer {
                id: SharedAnswerId(id).to_string().into(),
                mood: shared.mood,
                signs: rest.as_ref().map(|all| all.signs.iter().copied().map(Into::into).collect()),
                need: rest.as_ref().map(|all| all.need.clone().into()),
                note: rest.map(|all| all.note.into()),
            }
        });
        Self { id: PartnerCheckInId(id).to_string().into(), due_at: view.due_at.into(), shared }
    }
}

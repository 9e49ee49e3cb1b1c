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
use crate::graphql::readable::{self, Readable};
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

fn signs(noticed: &[NoticedSign]) -> Vec<NoticedSignView> {
    noticed.iter().copied().map(Into::into).collect()
}

/// What the signed-in person answered.
#[derive(SimpleObject)]
pub struct Answer {
    /// From 1 (very low) to 5 (very well). Null: it cannot be read now.
    mood: Readable<i32>,
    /// What they noticed in themselves. Null: it cannot be read now.
    signs: Readable<Vec<NoticedSignView>>,
    /// What would help now. Null: it cannot be read now.
    need: Readable<Text>,
    /// A note. Null: it cannot be read now.
    note: Readable<Text>,
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
            mood: readable::of(&view.content, |content| content.mood),
            signs: readable::of(&view.content, |content| signs(&content.signs)),
            need: readable::of(&view.content, |content| content.need.clone().into()),
            note: readable::of(&view.content, |content| content.note.clone().into()),
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
    /// From 1 (very low) to 5 (very well). Null: it cannot be read now.
    mood: Readable<i32>,
    /// What they noticed; null unless all is shared, or if it cannot be read now, and `errors` tells which.
    signs: Readable<Option<Vec<NoticedSignView>>>,
    /// What would help them now; null unless all is shared, or if it cannot be read now, and `errors` tells which.
    need: Readable<Option<Text>>,
    /// Their note; null unless all is shared, or if it cannot be read now, and `errors` tells which.
    note: Readable<Option<Text>>,
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
            // What is not shared is null without an error, whether it could be read or not.
            let rest = if shared.whole { shared.content.clone().map(|shared| shared.rest) } else { Ok(None) };
            SharedAnswer {
                id: SharedAnswerId(id).to_string().into(),
                mood: readable::of(&shared.content, |shared| shared.mood),
                signs: readable::of(&rest, |rest| rest.as_ref().map(|all| signs(&all.signs))),
                need: readable::of(&rest, |rest| rest.as_ref().map(|all| all.need.clone().into())),
                note: readable::of(&rest, |rest| rest.as_ref().map(|all| all.note.clone().into())),
            }
        });
        Self { id: PartnerCheckInId(id).to_string().into(), due_at: view.due_at.into(), shared }
    }
}

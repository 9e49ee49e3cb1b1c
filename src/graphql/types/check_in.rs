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

/// One question to the viewer, about one scene, at one due time.
pub struct CheckIn(pub CheckInView);

impl From<CheckInView> for CheckIn {
    fn from(view: CheckInView) -> Self {
        Self(view)
    }
}

/// A part of the viewer's check-ins by time, whether answered or not; filter those by `states`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum CheckInSpan {
    /// Not yet due. The next one comes first.
    Coming,
    /// Due and not yet closed; answered and skipped ones are included. The oldest comes first.
    Due,
    /// Closed; answered and skipped ones are included. The newest comes first. They can be answered until
    /// `answerableUntil`.
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

/// A sign of drop and how strong it is.
#[derive(Clone, Copy, Debug, SimpleObject, InputObject)]
#[graphql(input_name = "NoticedSignInput", name = "NoticedSign")]
pub struct NoticedSignView {
    /// The sign.
    pub sign: Sign,
    /// How strong it is.
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

/// The viewer's answer to a check-in.
#[derive(SimpleObject)]
pub struct Answer {
    /// How they were, from 1 (very low) to 5 (very well). Null: it cannot be read now.
    mood: Readable<i32>,
    /// The signs of drop that they noticed in themselves. Null: it cannot be read now.
    signs: Readable<Vec<NoticedSignView>>,
    /// What would help them, in their words; empty: not said. Null: it cannot be read now.
    need: Readable<Text>,
    /// A note in their words; empty: none. Null: it cannot be read now.
    note: Readable<Text>,
    /// What the partner sees of the answer.
    sharing: AnswerSharing,
    /// Until when the partner does not see what was newly shared yet, so that it can be taken back unseen: two
    /// minutes after it was shared. Null: nothing is waiting.
    unseen_until: Option<DateTime>,
    /// When it was given, by the phone's clock if `answeredAt` was sent.
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

/// One question to the viewer, about one scene, at one due time.
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

    /// When it falls due, as agreed.
    async fn time(&self) -> CheckInTime {
        self.0.times.time.into()
    }

    /// When it falls due. The reminder may come later because of quiet hours.
    async fn due_at(&self) -> DateTime {
        self.0.times.due_at.into()
    }

    /// When it closes: no more reminders come for it, but it can be answered until `answerableUntil`.
    async fn closes_at(&self) -> DateTime {
        self.0.times.closes_at.into()
    }

    /// Until when it can be answered: 14 days after `dueAt`.
    async fn answerable_until(&self) -> DateTime {
        answer_ends(self.0.times.due_at).into()
    }

    /// What the viewer did with it.
    async fn state(&self) -> CheckInState {
        self.0.state
    }

    /// Until when it is snoozed; null: it is not.
    async fn snoozed_until(&self) -> Option<DateTime> {
        self.0.snoozed_until.map(Into::into)
    }

    /// The answer; null: none yet.
    async fn answer(&self) -> Option<Answer> {
        self.0.answer.clone().map(Into::into)
    }
}

/// What the partner shared of an answer.
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

/// A check-in of the partner. Unanswered, skipped, paused and unshared ones all look the same: `shared` is null.
#[derive(SimpleObject)]
pub struct PartnerCheckIn {
    /// The opaque id.
    #[graphql(owned)]
    pub id: ID,
    /// When it falls due. A local time is taken in the viewer's time zone, since the partner's would tell where they
    /// are.
    due_at: DateTime,
    /// What the partner shared of the answer. Null: no update; why is never told.
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

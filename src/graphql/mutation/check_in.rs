//! Answer, skip, snooze, and choose what is shared.

use crate::actions::check_ins::check_in::{self, Answered};
use crate::domain::account::AnswerSharing;
use crate::domain::answer::AnswerContent;
use crate::domain::problem::{Problem, ProblemCode};
use crate::graphql::errors::{Failure, ProblemView, Status, id, settle, settle_done};
use crate::graphql::payload::payload;
use crate::graphql::types::DateTime;
use crate::graphql::types::check_in::{CheckIn, NoticedSignView};
use crate::graphql::types::partner_link::Plea;
use crate::graphql::{caller, context};
use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

/// Answers a check-in. Null is the same as left out.
#[derive(InputObject)]
struct AnswerCheckInInput {
    /// One of the viewer's check-ins, which fell due within the last 14 days.
    check_in_id: ID,
    /// How the viewer is, from 1 (very low) to 5 (very well).
    mood: i32,
    /// The signs of drop that the viewer notices; each at most once.
    #[graphql(default)]
    signs: Vec<NoticedSignView>,
    /// What would help now; at most 2000 characters.
    #[graphql(default)]
    need: String,
    /// A note; at most 2000 characters.
    #[graphql(default)]
    note: String,
    /// What the partner sees of the answer, from two minutes after it arrives. Left out: what the stored answer says;
    /// for a first answer `Account.defaultSharing`.
    sharing: Option<AnswerSharing>,
    /// Whether to ask the partner to get in touch as well, as `askPartner` does. An answer that is sent again asks
    /// only once.
    #[graphql(default)]
    ask_partner: bool,
    /// When the answer was given, for an answer that waited for a network; not before the scene ended. Default: now.
    /// If the stored answer has a later `answeredAt`, this one is refused with `CHANGED`, whichever arrives first;
    /// the same instant with the same content is `UNCHANGED`. The two minutes before the partner sees it count from
    /// its arrival all the same.
    answered_at: Option<DateTime>,
}

/// Names the check-in to skip.
#[derive(InputObject)]
struct SkipCheckInInput {
    /// One of the viewer's check-ins.
    check_in_id: ID,
}

/// Snoozes a check-in.
#[derive(InputObject)]
struct SnoozeCheckInInput {
    /// One of the viewer's check-ins, due and not closed.
    check_in_id: ID,
    /// For how many minutes: 10 to 720, and not beyond `closesAt`.
    minutes: i32,
}

/// Changes what the partner sees of an answer.
#[derive(InputObject)]
struct ChangeSharingInput {
    /// One of the viewer's check-ins, answered.
    check_in_id: ID,
    /// What the partner is to see of the answer.
    sharing: AnswerSharing,
}

/// The answer to `answerCheckIn`.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct AnswerCheckInPayload {
    /// Outcome of the mutation.
    status: Status,
    /// The check-in with its answer. With the problem `CHANGED`, it has the stored answer, which is later.
    check_in: Option<CheckIn>,
    /// The plea, if the partner is asked to get in touch, by this request or when the same answer was first sent.
    plea: Option<Plea>,
    /// Why the partner was not asked although the answer was saved; empty otherwise.
    plea_problems: Vec<ProblemView>,
    /// Why the mutation was refused; empty otherwise.
    problems: Vec<ProblemView>,
}
payload!(@viewer AnswerCheckInPayload);
payload!(
    /// The answer to `skipCheckIn`.
    SkipCheckInPayload {
        /// The check-in, now `SKIPPED`.
        check_in: CheckIn
    }
);
payload!(
    /// The answer to `snoozeCheckIn`.
    SnoozeCheckInPayload {
        /// The check-in with its `snoozedUntil`.
        check_in: CheckIn
    }
);
payload!(
    /// The answer to `changeSharing`.
    ChangeSharingPayload {
        /// The check-in with its answer.
        check_in: CheckIn
    }
);

/// Changes to check-ins.
#[derive(Default)]
pub struct CheckInMutation;

#[Object]
impl CheckInMutation {
    /// Answers a check-in, or changes the answer: of several answers the one that was given last counts. No more
    /// reminders come for it.
    async fn answer_check_in(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The answer.")] input: AnswerCheckInInput,
    ) -> Result<AnswerCheckInPayload, Failure> {
        let by = caller(ctx)?;
        let outcome = async {
            let check_in = id("checkInId", &input.check_in_id)?;
            let content = AnswerContent {
                mood: input.mood,
                signs: input.signs.into_iter().map(Into::into).collect(),
                need: input.need,
                note: input.note,
            };
            let answered_at = input.answered_at.map(|at| at.0);
            let how = (input.sharing, answered_at);
            check_in::answer(context(ctx), &by, check_in, content, how, input.ask_partner).await
        };
        let (status, answered, problems) = settle(outcome.await)?;
        let (check_in, asked) = match answered {
            Some((Answered::Stored(view), asked)) => (Some(view), asked),
            Some((Answered::Older(view), _)) => {
                let sentence = "A later answer is saved already. It stays as it is.";
                let problem = Problem::new("answeredAt", ProblemCode::Changed, sentence);
                return Ok(AnswerCheckInPayload {
                    status: Status::Refused,
                    check_in: Some(view.into()),
                    plea: None,
                    plea_problems: Vec::new(),
                    problems: vec![problem.into()],
                });
            }
            None => (None, None),
        };
        let (plea, refused) = match asked {
            Some(Ok(view)) => (Some(Plea::from(view)), Vec::new()),
            Some(Err(problems)) => (None, problems),
            None => (None, Vec::new()),
        };
        let plea_problems = refused.into_iter().map(Into::into).collect();
        Ok(AnswerCheckInPayload { status, check_in: check_in.map(Into::into), plea, plea_problems, problems })
    }

    /// Skips a check-in. No more reminders come for it; to the partner it looks like any other silence.
    async fn skip_check_in(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] input: SkipCheckInInput,
    ) -> Result<SkipCheckInPayload, Failure> {
        let by = caller(ctx)?;
        let outcome = async { check_in::skip(context(ctx), &by, id("checkInId", &input.check_in_id)?).await };
        Ok(settle(outcome.await)?.into())
    }

    /// Snoozes a check-in: the viewer is asked again after that time.
    async fn snooze_check_in(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one, for how long.")] input: SnoozeCheckInInput,
    ) -> Result<SnoozeCheckInPayload, Failure> {
        let by = caller(ctx)?;
        let outcome = async {
            let check_in = id("checkInId", &input.check_in_id)?;
            check_in::snooze(context(ctx), &by, check_in, input.minutes).await
        };
        Ok(settle_done(outcome.await)?.into())
    }

    /// Changes what the partner sees of an answer: less at once, more only after two minutes, so that it can be taken
    /// back unseen.
    async fn change_sharing(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one, and what is shared.")] input: ChangeSharingInput,
    ) -> Result<ChangeSharingPayload, Failure> {
        let by = caller(ctx)?;
        let outcome = async {
            let check_in = id("checkInId", &input.check_in_id)?;
            check_in::change_sharing(context(ctx), &by, check_in, input.sharing).await
        };
        Ok(settle(outcome.await)?.into())
    }
}

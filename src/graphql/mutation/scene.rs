//! Plan, record, start, end and cancel scenes; aftercare and outreach.

use crate::actions::Refusal;
use crate::actions::scenes::scene::{self, EndOfScene, NewScene, Recorded};
use crate::actions::scenes::view::AftercareContent;
use crate::actions::scenes::{aftercare, outreach, parting};
use crate::domain::negotiation::{Comfort, ContactWay};
use crate::domain::partner_link::{Role, ScenePermission};
use crate::domain::problem::{Problem, ProblemCode};
use crate::domain::scene::SceneSetting;
use crate::graphql::errors::{Failure, ProblemView, Status, id, settle, settle_done, settle_once};
use crate::graphql::payload::payload;
use crate::graphql::types::scene::{Aftercare, Giver, Outreach, Scene};
use crate::graphql::types::{self, DateTime};
use crate::graphql::{caller, context};
use crate::ids::LinkId;
use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, SimpleObject};

/// Plans a scene. Null is the same as left out.
#[derive(InputObject)]
struct PlanSceneInput {
    /// An id that the app makes, unique in its account for good, such as a UUID: 16 to 64 characters of `A-Z`, `a-z`, `0-9`,
    /// `_` and `-`. Sent again, also weeks later and whatever else is sent, nothing more is created: `UNCHANGED`, with what
    /// was created as it is now.
    client_id: Option<String>,
    /// One of the viewer's active links. For a scene of the viewer alone leave it out and pass `solo: true`.
    link_id: Option<ID>,
    /// Whether it is a scene of the viewer alone: nobody else ever sees it, and the viewer's own plan says when they
    /// are asked.
    #[graphql(default)]
    solo: bool,
    /// When it is to begin: within the next year, or within the last 30 days.
    planned_for: DateTime,
    /// Where it takes place.
    setting: SceneSetting,
    /// 1 (gentle) to 5 (very intense).
    intensity: Option<i32>,
    /// The viewer's role; default: as on the link, or `SWITCH`.
    my_role: Option<Role>,
    /// The partner's role; default: as on the link.
    partner_role: Option<Role>,
    /// For scenes in person: when the two part, if known, within the next 30 days.
    parted_at: Option<DateTime>,
}

/// Records a scene that was not planned. Null is the same as left out.
#[derive(InputObject)]
struct RecordSceneInput {
    /// An id that the app makes, unique in its account for good, such as a UUID: 16 to 64 characters of `A-Z`, `a-z`, `0-9`,
    /// `_` and `-`. Sent again, also weeks later and whatever else is sent, nothing more is created: `UNCHANGED`, with what
    /// was created as it is now.
    client_id: Option<String>,
    /// One of the viewer's active links. For a scene of the viewer alone leave it out and pass `solo: true`.
    link_id: Option<ID>,
    /// Whether it is a scene of the viewer alone: nobody else ever sees it, and the viewer's own plan says when they
    /// are asked.
    #[graphql(default)]
    solo: bool,
    /// Where it takes place.
    setting: SceneSetting,
    /// 1 (gentle) to 5 (very intense).
    intensity: Option<i32>,
    /// The viewer's role; default: as on the link, or `SWITCH`.
    my_role: Option<Role>,
    /// The partner's role; default: as on the link.
    partner_role: Option<Role>,
    /// When it began: now (the default) or within the last 30 days.
    started_at: Option<DateTime>,
    /// When it ended, for a scene that is over: its check-ins then exist at once. Left out: it is under way.
    ended_at: Option<DateTime>,
    /// For scenes in person: when the two part or parted, within 30 days.
    parted_at: Option<DateTime>,
    /// Whether it is a different scene from the one that the partner recorded within the last hour: see
    /// `SIMILAR_EXISTS`.
    #[graphql(default)]
    separate: bool,
}

/// Corrects when a scene took place. A patch: what is left out stays. Null is refused.
#[derive(InputObject)]
struct CorrectSceneInput {
    /// One of the viewer's scenes, ended, recorded within the last two hours.
    scene_id: ID,
    /// When it began, within the last 30 days.
    started_at: MaybeUndefined<DateTime>,
    /// When it ended, within the last 30 days. Its check-ins move with it.
    ended_at: MaybeUndefined<DateTime>,
}

/// Starts a planned scene. Null is the same as left out.
#[derive(InputObject)]
struct StartSceneInput {
    /// One of the viewer's scenes, `PLANNED`.
    scene_id: ID,
    /// When it began: now (the default) or within the last 30 days.
    started_at: Option<DateTime>,
}

/// Ends a scene. A patch of `intensity` and `partedAt`: what is left out stays, and null clears it.
#[derive(InputObject)]
struct EndSceneInput {
    /// One of the viewer's scenes.
    scene_id: ID,
    /// When it ended: now (the default, and if null) or within the last 30 days.
    ended_at: Option<DateTime>,
    /// 1 (gentle) to 5 (very intense); null: not said.
    intensity: MaybeUndefined<i32>,
    /// For scenes in person: when the two part or parted, within 30 days; null: not said.
    parted_at: MaybeUndefined<DateTime>,
}

/// Says when the two part after a scene in person.
#[derive(InputObject)]
struct SetPartingInput {
    /// A scene in person of one of the viewer's active links.
    scene_id: ID,
    /// When they part: not before the scene's end, or its beginning if it has not ended, and within 30 days.
    parted_at: DateTime,
}

/// Names the scene to cancel.
#[derive(InputObject)]
struct CancelSceneInput {
    /// One of the viewer's scenes, not yet ended.
    scene_id: ID,
}

/// Records aftercare. Null is the same as left out.
#[derive(InputObject)]
struct RecordAftercareInput {
    /// An id that the app makes, unique in its account for good, such as a UUID: 16 to 64 characters of `A-Z`, `a-z`, `0-9`,
    /// `_` and `-`. Sent again, also weeks later and whatever else is sent, nothing more is created: `UNCHANGED`, with what
    /// was created as it is now.
    client_id: Option<String>,
    /// One of the viewer's scenes, under way or ended.
    scene_id: ID,
    /// Who gave it; `ME` for a scene of the viewer alone.
    given_by: Giver,
    /// What was given.
    #[graphql(default)]
    comforts: Vec<Comfort>,
    /// For how many minutes, 0 to 1440.
    minutes: Option<i32>,
    /// A note that both can read; at most 2000 characters.
    #[graphql(default)]
    note: String,
}

/// The viewer's choice for one scene.
#[derive(InputObject)]
struct SetSceneAlertInput {
    /// One of the viewer's scenes.
    scene_id: ID,
    /// Whether the partner may be told, for this scene, that getting in touch would be welcome.
    alert_permission: ScenePermission,
}

/// Records that the viewer got in touch. Null is the same as left out.
#[derive(InputObject)]
struct RecordOutreachInput {
    /// An id that the app makes, unique in its account for good, such as a UUID: 16 to 64 characters of `A-Z`, `a-z`, `0-9`,
    /// `_` and `-`. Sent again, also weeks later and whatever else is sent, nothing more is created: `UNCHANGED`, with what
    /// was created as it is now.
    client_id: Option<String>,
    /// An ended scene of one of the viewer's active links.
    scene_id: ID,
    /// How the viewer got in touch.
    way: ContactWay,
    /// When they got in touch: now (the default) or within the last 30 days.
    happened_at: Option<DateTime>,
}

payload!(
    /// The answer to `planScene`.
    PlanScenePayload {
        /// The scene; with `UNCHANGED` null if it no longer exists.
        scene: Scene
    }
);
/// The answer to `recordScene`.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct RecordScenePayload {
    /// Outcome of the mutation.
    status: Status,
    /// The scene; with `UNCHANGED` null if it no longer exists.
    scene: Option<Scene>,
    /// With the problem `SIMILAR_EXISTS`: the scene that the partner recorded. If the viewer's is a different one,
    /// send it again with `separate: true`.
    similar: Option<Scene>,
    /// Why the mutation was refused; empty otherwise.
    problems: Vec<ProblemView>,
}
payload!(@viewer RecordScenePayload);
payload!(
    /// The answer to `correctScene`.
    CorrectScenePayload {
        /// The scene with its new times and check-ins.
        scene: Scene
    }
);
payload!(
    /// The answer to `startScene`.
    StartScenePayload {
        /// The scene, now `UNDER_WAY`.
        scene: Scene
    }
);
payload!(
    /// The answer to `endScene`.
    EndScenePayload {
        /// The scene, now `ENDED`, with its check-ins.
        scene: Scene
    }
);
payload!(
    /// The answer to `setParting`.
    SetPartingPayload {
        /// The scene, with the check-ins that are counted from the parting.
        scene: Scene
    }
);
payload!(
    /// The answer to `cancelScene`.
    CancelScenePayload {
        /// The scene, now `CANCELLED`.
        scene: Scene
    }
);
/// The answer to `recordAftercare`.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct RecordAftercarePayload {
    /// Outcome of the mutation.
    status: Status,
    /// The record; with `UNCHANGED` null if it no longer exists.
    aftercare: Option<Aftercare>,
    /// The scene that it belongs to.
    scene: Option<Scene>,
    /// Why the mutation was refused; empty otherwise.
    problems: Vec<ProblemView>,
}
payload!(@viewer RecordAftercarePayload);
payload!(
    /// The answer to `setSceneAlert`.
    SetSceneAlertPayload {
        /// The scene with the choice.
        scene: Scene
    }
);
/// The answer to `recordOutreach`.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct RecordOutreachPayload {
    /// Outcome of the mutation.
    status: Status,
    /// The record; with `UNCHANGED` null if it no longer exists.
    outreach: Option<Outreach>,
    /// The scene that it belongs to.
    scene: Option<Scene>,
    /// Why the mutation was refused; empty otherwise.
    problems: Vec<ProblemView>,
}
payload!(@viewer RecordOutreachPayload);

/// The link of a new scene; None: it is of its author alone, who says so.
fn link_of(link: Option<&ID>, solo: bool) -> Result<Option<LinkId>, Refusal> {
    match (link, solo) {
        (Some(link), false) => Ok(Some(id("linkId", link)?)),
        (None, true) => Ok(None),
        (None, false) => {
            let sentence = "Please name a link, or say that the scene is of you alone.";
            Err(Problem::new("linkId", ProblemCode::Required, sentence).into())
        }
        (Some(_), true) => {
            let sentence = "A scene is of the two of a link or of you alone, and not both.";
            Err(Problem::new("solo", ProblemCode::OutOfRange, sentence).into())
        }
    }
}

/// Changes to scenes.
#[derive(Default)]
pub struct SceneMutation;

#[Object]
impl SceneMutation {
    /// Plans a scene.
    async fn plan_scene(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The scene.")] input: PlanSceneInput,
    ) -> Result<PlanScenePayload, Failure> {
        let by = caller(ctx)?;
        let outcome = async {
            let new = NewScene {
                link: link_of(input.link_id.as_ref(), input.solo)?,
                setting: input.setting,
                intensity: input.intensity,
                my_role: input.my_role,
                partner_role: input.partner_role,
                parted_at: input.parted_at.map(|at| at.0),
            };
            scene::plan(context(ctx), &by, input.client_id, new, input.planned_for.0).await
        };
        Ok(settle_once(outcome.await)?.into())
    }

    /// Records a scene that was not planned: one that begins now, or one that is over already.
    async fn record_scene(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The scene.")] input: RecordSceneInput,
    ) -> Result<RecordScenePayload, Failure> {
        let by = caller(ctx)?;
        let outcome = async {
            let new = NewScene {
                link: link_of(input.link_id.as_ref(), input.solo)?,
                setting: input.setting,
                intensity: input.intensity,
                my_role: input.my_role,
                partner_role: input.partner_role,
                parted_at: input.parted_at.map(|at| at.0),
            };
            let times = (input.started_at.map(|at| at.0), input.ended_at.map(|at| at.0));
            scene::record(context(ctx), &by, input.client_id, new, times, input.separate).await
        };
        let (status, recorded, problems) = settle_once(outcome.await)?;
        Ok(match recorded {
            Some(Recorded::New(view)) => {
                RecordScenePayload { status, scene: Some(Scene(view)), similar: None, problems }
            }
            Some(Recorded::Similar(view)) => {
                let sentence = "Your partner recorded this already. If yours is another one, please say so.";
                let problem = Problem::new("separate", ProblemCode::SimilarExists, sentence);
                let (status, similar) = (Status::Refused, Some(Scene(view)));
                RecordScenePayload { status, scene: None, similar, problems: vec![problem.into()] }
            }
            None => RecordScenePayload { status, scene: None, similar: None, problems },
        })
    }

    /// Corrects when an ended scene took place, within two hours of its being recorded. Its check-ins move, and
    /// reminders that are waiting are planned again; nothing is sent twice.
    async fn correct_scene(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which scene, and its times.")] input: CorrectSceneInput,
    ) -> Result<CorrectScenePayload, Failure> {
        let by = caller(ctx)?;
        let outcome = async {
            let scene = id("sceneId", &input.scene_id)?;
            let (started_at, ended_at) = (input.started_at.into(), input.ended_at.into());
            scene::correct(context(ctx), &by, scene, started_at, ended_at).await
        };
        Ok(settle(outcome.await)?.into())
    }

    /// Starts a planned scene. It stands under what both had agreed to before it began.
    async fn start_scene(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which scene.")] input: StartSceneInput,
    ) -> Result<StartScenePayload, Failure> {
        let by = caller(ctx)?;
        let outcome = async {
            let scene = id("sceneId", &input.scene_id)?;
            scene::start(context(ctx), &by, scene, input.started_at.map(|at| at.0)).await
        };
        Ok(settle(outcome.await)?.into())
    }

    /// Ends a scene: both get their check-ins. Ending it again changes nothing.
    async fn end_scene(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which scene, and when it ended.")] input: EndSceneInput,
    ) -> Result<EndScenePayload, Failure> {
        let by = caller(ctx)?;
        let outcome = async {
            let scene = id("sceneId", &input.scene_id)?;
            let said = EndOfScene {
                ended_at: input.ended_at.map(|at| at.0),
                intensity: input.intensity.into(),
                parted_at: input.parted_at.into(),
            };
            scene::end(context(ctx), &by, scene, said).await
        };
        Ok(settle(outcome.await)?.into())
    }

    /// Says when the two part after a scene in person; it can be changed until two hours after that. From an hour
    /// after it both are reminded to get in touch, and check-ins that are counted from it fall due.
    async fn set_parting(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which scene, and when.")] input: SetPartingInput,
    ) -> Result<SetPartingPayload, Failure> {
        let by = caller(ctx)?;
        let outcome = async {
            let scene = id("sceneId", &input.scene_id)?;
            parting::say(context(ctx), &by, scene, input.parted_at.0).await
        };
        Ok(settle(outcome.await)?.into())
    }

    /// Cancels a scene that did not take place.
    async fn cancel_scene(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which scene.")] input: CancelSceneInput,
    ) -> Result<CancelScenePayload, Failure> {
        let by = caller(ctx)?;
        let outcome = async { scene::cancel(context(ctx), &by, id("sceneId", &input.scene_id)?).await };
        Ok(settle(outcome.await)?.into())
    }

    /// Records what was given right after a scene. Either of the two may.
    async fn record_aftercare(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What was given.")] input: RecordAftercareInput,
    ) -> Result<RecordAftercarePayload, Failure> {
        let by = caller(ctx)?;
        let outcome = async {
            let scene = id("sceneId", &input.scene_id)?;
            let RecordAftercareInput { client_id, given_by, comforts, minutes, note, .. } = input;
            let content = AftercareContent { given_by: given_by.into(), comforts, minutes, note };
            aftercare::record(context(ctx), &by, client_id, scene, content).await
        };
        let (status, written, problems) = settle_once(outcome.await)?;
        let me = by.requester.account;
        let entry = written.as_ref().and_then(|w| w.scene.aftercare.iter().find(|view| view.id == w.entry));
        let aftercare = entry.map(|view| types::scene::aftercare(view, me));
        let scene = written.map(|written| Scene(written.scene));
        Ok(RecordAftercarePayload { status, aftercare, scene, problems })
    }

    /// Says, for one scene, whether the partner may be told that getting in touch would be welcome. It counts up to
    /// the moment of sending, and the partner is not told of the choice.
    async fn set_scene_alert(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which scene, and the choice.")] input: SetSceneAlertInput,
    ) -> Result<SetSceneAlertPayload, Failure> {
        let by = caller(ctx)?;
        let outcome = async {
            let scene = id("sceneId", &input.scene_id)?;
            scene::set_alert(context(ctx), &by, scene, input.alert_permission).await
        };
        Ok(settle_done(outcome.await)?.into())
    }

    /// Records that the viewer got in touch with the partner; the reminders to do so stop.
    async fn record_outreach(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How and when.")] input: RecordOutreachInput,
    ) -> Result<RecordOutreachPayload, Failure> {
        let by = caller(ctx)?;
        let outcome = async {
            let scene = id("sceneId", &input.scene_id)?;
            let happened_at = input.happened_at.map(|at| at.0);
            outreach::record(context(ctx), &by, input.client_id, scene, input.way, happened_at).await
        };
        let (status, written, problems) = settle_once(outcome.await)?;
        let me = by.requester.account;
        let entry = written.as_ref().and_then(|w| w.scene.outreaches.iter().find(|view| view.id == w.entry));
        let outreach = entry.map(|view| types::scene::outreach(view, me));
        let scene = written.map(|written| Scene(written.scene));
        Ok(RecordOutreachPayload { status, outreach, scene, problems })
    }
}

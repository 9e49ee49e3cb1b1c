//! Write a debrief, and take it back.

use crate::actions::scenes::debrief::{self, DebriefView};
use crate::graphql::errors::{Failure, Settled, id, settle};
use crate::graphql::payload::payload;
use crate::graphql::types::scene::Scene;
use crate::graphql::{caller, context, loaders};
use async_graphql::{Context, ID, InputObject, Object};

/// Writes the viewer's debrief of a scene, or replaces it.
#[derive(InputObject)]
struct WriteDebriefInput {
    /// An ended scene of one of the viewer's active links.
    scene_id: ID,
    /// The text; at most 8000 characters.
    text: String,
}

/// Names the scene whose debrief to take back.
#[derive(InputObject)]
struct TakeBackDebriefInput {
    /// An ended scene of one of the viewer's links.
    scene_id: ID,
}

payload!(
    /// The answer to `writeDebrief`.
    WriteDebriefPayload {
        /// The scene, with its debriefs.
        scene: Scene
    }
);
payload!(
    /// The answer to `takeBackDebrief`.
    TakeBackDebriefPayload {
        /// The scene, with its debriefs.
        scene: Scene
    }
);

/// The scene whose debriefs changed.
async fn with_scene(ctx: &Context<'_>, settled: Settled<DebriefView>) -> Result<Settled<Scene>, Failure> {
    let (status, written, problems) = settled;
    let scene = match written {
        Some(view) => loaders(ctx).scene(view.scene).await?.map(Scene),
        None => None,
    };
    Ok((status, scene, problems))
}

/// Changes to debriefs.
#[derive(Default)]
pub struct DebriefMutation;

#[Object]
impl DebriefMutation {
    /// Writes the viewer's debrief of a scene, or replaces it. As soon as both have written, both can be read, and
    /// neither can be changed any more.
    async fn write_debrief(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which scene, and the text.")] input: WriteDebriefInput,
    ) -> Result<WriteDebriefPayload, Failure> {
        let by = caller(ctx)?;
        let outcome =
            async { debrief::write(context(ctx), &by, id("sceneId", &input.scene_id)?, input.text).await };
        Ok(with_scene(ctx, settle(outcome.await)?).await?.into())
    }

    /// Takes the viewer's debrief back, before both have written or once the link has ended. Nobody is told.
    async fn take_back_debrief(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which scene.")] input: TakeBackDebriefInput,
    ) -> Result<TakeBackDebriefPayload, Failure> {
        let by = caller(ctx)?;
        let outcome = async { debrief::take_back(context(ctx), &by, id("sceneId", &input.scene_id)?).await };
        Ok(with_scene(ctx, settle(outcome.await)?).await?.into())
    }
}

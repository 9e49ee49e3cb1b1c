//! The plan for scenes of oneself alone.

use crate::actions::accounts::solo_plan;
use crate::actions::opened::Unopened;
use crate::graphql::errors::{Failure, settle_done};
use crate::graphql::payload::payload;
use crate::graphql::types::check_in_time::SoloCheckInTimeInput;
use crate::graphql::types::negotiation::NeedsInput;
use crate::graphql::types::solo_plan::SoloPlan;
use crate::graphql::{caller, context};
use async_graphql::{Context, InputObject, MaybeUndefined, Object};

/// Changes the viewer's plan for scenes of their own. A patch: what is left out stays as last written, and null
/// clears it.
#[derive(InputObject)]
struct WriteSoloPlanInput {
    /// What the viewer needs after such a scene; null: nothing is written.
    needs: MaybeUndefined<NeedsInput>,
    /// When the viewer is to be asked: one to eight times counted from the scene's end; those of one kind are at
    /// least 30 minutes apart. Default, and if null: 60, 1440 and 2880 minutes after the end.
    protocol: MaybeUndefined<Vec<SoloCheckInTimeInput>>,
}

payload!(
    /// The answer to `writeSoloPlan`.
    WriteSoloPlanPayload {
        /// The plan after the change.
        solo_plan: SoloPlan
    }
);

/// Changes to the plan for scenes of oneself alone.
#[derive(Default)]
pub struct SoloPlanMutation;

#[Object]
impl SoloPlanMutation {
    /// Changes the viewer's plan for scenes of their own. It applies to scenes that end from now on.
    async fn write_solo_plan(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What changes.")] input: WriteSoloPlanInput,
    ) -> Result<WriteSoloPlanPayload, Failure> {
        let by = caller(ctx)?;
        let protocol =
            input.protocol.map_value(|times| times.into_iter().map(Into::into).collect::<Vec<_>>());
        let written = solo_plan::write(context(ctx), &by, input.needs.into(), protocol.into()).await;
        Ok(settle_done(written.map(Ok::<_, Unopened>))?.into())
    }
}

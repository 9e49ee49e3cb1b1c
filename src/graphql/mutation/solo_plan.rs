//! The plan for scenes of oneself alone.

use crate::actions::accounts::solo_plan;
use crate::graphql::errors::{Failure, payload, settle_done};
use crate::graphql::types::check_in_time::SoloCheckInTimeInput;
use crate::graphql::types::negotiation::Needs;
use crate::graphql::types::solo_plan::SoloPlan;
use crate::graphql::{caller, context};
use async_graphql::{Context, InputObject, Object};

/// Writes one's plan for scenes of oneself alone.
#[derive(InputObject)]
struct WriteSoloPlanInput {
    /// What one needs then; left out: nothing is written.
    needs: Option<Needs>,
    /// When one is to be asked: one to eight times counted from the scene's end; those of one kind are at least 30 minutes
    /// apart. Default: 60, 1440 and 2880 minutes after the end.
    protocol: Option<Vec<SoloCheckInTimeInput>>,
}

payload!(
    /// The answer to `writeSoloPlan`.
    WriteSoloPlanPayload {
        /// The plan as it is now.
        solo_plan: SoloPlan
    }
);

/// Changes to the plan for scenes of oneself alone.
#[derive(Default)]
pub struct SoloPlanMutation;

#[Object]
impl SoloPlanMutation {
    /// Writes one's plan for scenes of oneself alone, all of it: what was written before is replaced. It holds for scenes that
    /// end from now on.
    async fn write_solo_plan(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The plan.")] input: WriteSoloPlanInput,
    ) -> Result<WriteSoloPlanPayload, Failure> {
        let by = caller(ctx)?;
        let protocol = input.protocol.map(|times| times.into_iter().map(Into::into).collect());
        let written = solo_plan::write(context(ctx), &by, input.needs.map(Into::into), protocol).await;
        Ok(settle_done(written)?.into())
    }
}

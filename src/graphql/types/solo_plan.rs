//! The plan for scenes of oneself alone.

use super::check_in_time::{CheckInTime, times};
use super::negotiation::Needs;
use crate::actions::accounts::solo_plan::SoloPlanView;
use crate::graphql::readable::{self, Readable};
use async_graphql::SimpleObject;

/// What the viewer needs after a scene of their own, and when they are asked then. Nobody else sees it.
#[derive(SimpleObject)]
pub struct SoloPlan {
    /// What the viewer needs; null: not written, or it cannot be read now, and `errors` tells which.
    needs: Readable<Option<Needs>>,
    /// When the viewer is asked after such a scene; the default times until something was written. Null: it cannot be
    /// read now.
    protocol: Readable<Vec<CheckInTime>>,
}

impl From<SoloPlanView> for SoloPlan {
    fn from(view: SoloPlanView) -> Self {
        let needs = readable::of(&view, |plan| plan.needs.clone().map(Into::into));
        Self { needs, protocol: readable::of(&view, |plan| times(&plan.protocol)) }
    }
}

//! The plan for scenes of oneself alone.

use super::check_in_time::{CheckInTime, times};
use super::negotiation::Needs;
use crate::actions::accounts::solo_plan::SoloPlan as View;
use async_graphql::SimpleObject;

/// What one needs after a scene of oneself alone, and when one is asked then. Nobody else sees it.
#[derive(SimpleObject)]
pub struct SoloPlan {
    /// What one needs; null: not written.
    needs: Option<Needs>,
    /// When one is asked after such a scene; before anything was written, the usual times.
    protocol: Vec<CheckInTime>,
}

impl From<View> for SoloPlan {
    fn from(view: View) -> Self {
        Self { protocol: times(&view.protocol), needs: view.needs.map(Into::into) }
    }
}

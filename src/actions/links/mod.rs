//! Partner links and what two people agree on.

pub mod locked_link;
pub mod negotiation;
pub mod partner_link;
pub mod plea;
pub mod promises;
pub mod revision_snapshot;
pub mod revisions;

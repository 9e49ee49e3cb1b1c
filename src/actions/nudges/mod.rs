//! Nudges: planning, claiming, showing and reviving them, and the devices that they go to.

pub mod claim;
pub mod dead;
pub mod device;
pub mod nudge;
pub mod planning;

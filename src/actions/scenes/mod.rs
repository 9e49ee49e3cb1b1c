//! Scenes, the aftercare given, and debriefs.

pub mod aftercare;
pub mod debrief;
pub mod outreach;
pub mod parting;
pub mod scene;
pub mod view;

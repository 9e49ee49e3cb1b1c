//! Check-ins: their answers, the page behind a nudge's link, and insight.

pub mod check_in;
pub mod insight;
pub mod page;
pub mod schedule;

//! The API's object types, one file per subject.

pub mod account;
pub mod change;
pub mod check_in;
pub mod check_in_time;
pub mod data_rights;
pub mod debrief;
pub mod factor;
pub mod guidance;
pub mod insight;
pub mod journal;
pub mod negotiation;
pub mod nudge;
pub mod partner_link;
pub mod scalars;
pub mod scene;
pub mod server;
pub mod solo_plan;
pub mod text;
pub mod viewer;

pub use scalars::{Date, DateTime, LocalTime, TimeZone};

use async_graphql::Enum;

/// One of the two people of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum Who {
    /// The viewer.
    Me,
    /// The viewer's partner.
    Partner,
}

impl Who {
    /// Which of the two an account is.
    pub fn of(account: crate::ids::AccountId, me: crate::ids::AccountId) -> Self {
        if account == me { Self::Me } else { Self::Partner }
    }
}

//! The decision about a claimed nudge: ready for a sender, or the end of its claim.

use crate::actions::nudges::device::Subscription;
use crate::domain::nudge::DropReason;
use crate::domain::wording::Letter;
use crate::ids::DeviceId;
use crate::store::nudge::{NudgeRow, Release};
use crate::store::page_token::PageTokenRow;
use crate::store::types::Ts;

/// A nudge to send now.
pub struct Ready {
    /// The claimed row.
    pub nudge: NudgeRow,
    /// What a sender needs.
    pub payload: Payload,
    /// Whether a mail could replace a push.
    pub mail_possible: bool,
    /// Whether a live device is left out because its push service refused this nudge for good.
    pub refused_before: bool,
}

/// What the sender needs.
pub enum Payload {
    /// A push to every target device.
    Push {
        /// The devices.
        targets: Vec<Target>,
        /// The words for a device whose owner chose fuller words.
        letter: Letter,
    },
    /// A mail to an address.
    Mail(Mailing),
}

/// A device that a push goes to.
pub struct Target {
    /// The device.
    pub device: DeviceId,
    /// Its subscription.
    pub subscription: Subscription,
    /// The path that a tap opens, below the public address.
    pub path: String,
}

/// The parts of a mail.
pub struct Mailing {
    /// The address.
    pub to: String,
    /// The words.
    pub letter: Letter,
    /// The path of the link, below the public address.
    pub path: String,
    /// The token for choosing which nudges come; None in a mail that was requested by address.
    pub choices: Option<String>,
}

/// The decision about one claimed nudge.
pub enum ClaimDecision {
    /// Send it, as a [`Ready`] nudge.
    Send {
        /// As in [`Ready`].
        payload: Payload,
        /// As in [`Ready`].
        mail_possible: bool,
        /// As in [`Ready`].
        refused_before: bool,
        /// The page tokens of its links, to be stored.
        links: Vec<PageTokenRow>,
    },
    /// Do not send it: moved, dropped or dead.
    End(Release),
}

impl ClaimDecision {
    /// Drops the nudge.
    pub fn drop(row: &NudgeRow, reason: DropReason, now: Ts) -> Self {
        Self::End(Release::dropped(row, reason, now))
    }
}

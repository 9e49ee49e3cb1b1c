//! What a claim can come to: a nudge that is ready for a sender, or the end of its claim.

use crate::actions::nudges::device::Subscription;
use crate::domain::nudge::DropReason;
use crate::domain::wording::Letter;
use crate::ids::DeviceId;
use crate::store::nudge::{NudgeRow, Release};
use crate::store::page_token::PageTokenRow;
use crate::store::types::Ts;

/// A nudge that may go out now.
pub struct Ready {
    /// The claimed row.
    pub nudge: NudgeRow,
    /// What a sender needs.
    pub payload: Payload,
    /// Whether a mail could take a push's place.
    pub mail_possible: bool,
    /// Whether a live device is left out, since its push service refused this nudge for good.
    pub refused_before: bool,
}

/// What a sender needs.
pub enum Payload {
    /// For every live device.
    Push {
        /// The devices.
        targets: Vec<(DeviceId, Subscription)>,
        /// Where a tap leads, below the public address.
        path: String,
        /// What a mail would say: for a device whose owner chose fuller words.
        letter: Letter,
    },
    /// For an address.
    Mail(Mailing),
}

/// A mail before it is written.
pub struct Mailing {
    /// The address.
    pub to: String,
    /// The words.
    pub letter: Letter,
    /// Where the link leads, below the public address.
    pub path: String,
    /// The token by which its recipient chooses what comes; none in a mail that somebody asked for by address.
    pub choices: Option<String>,
}

/// What is decided about one claimed nudge.
pub enum ClaimDecision {
    /// It may go out, as a [`Ready`] one; the tokens of its links.
    Send {
        /// What a sender needs.
        payload: Payload,
        /// As in [`Ready`].
        mail_possible: bool,
        /// As in [`Ready`].
        refused_before: bool,
        /// To be kept.
        links: Vec<PageTokenRow>,
    },
    /// It may not, now or ever.
    End(Release),
}

impl ClaimDecision {
    /// It is not to go out.
    pub fn drop(row: &NudgeRow, reason: DropReason, now: Ts) -> Self {
        Self::End(Release::dropped(row, reason, now))
    }
}

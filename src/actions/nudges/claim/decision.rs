//! The decision about a claimed nudge: ready for a sender, or the end of its claim.

use crate::actions::Transaction;
use crate::actions::nudges::device::{Subscription, lane};
use crate::domain::nudge::{Channel, DropReason};
use crate::domain::wording::Letter;
use crate::ids::DeviceId;
use crate::store::device::DeviceRow;
use crate::store::nudge::{NudgeRow, Release};
use crate::store::page_token::PageTokenRow;
use crate::store::types::Ts;
use jiff::SignedDuration;

/// A message to send now: a nudge, or several to the same person.
pub struct Ready {
    /// The claimed row that the message is named after.
    pub nudge: NudgeRow,
    /// The claimed rows that go out in the same message; what becomes of it becomes of them.
    pub with: Vec<NudgeRow>,
    /// What a sender needs.
    pub payload: Payload,
    /// Whether a mail could replace a push.
    pub mail_possible: bool,
    /// Whether a live device is left out because its push service refused this nudge for good.
    pub refused_before: bool,
}

impl Ready {
    /// All nudges of the message.
    pub fn nudges(&self) -> impl Iterator<Item = &NudgeRow> {
        std::iter::once(&self.nudge).chain(&self.with)
    }
}

/// What the sender needs.
pub enum Payload {
    /// A push to every target device.
    Push {
        /// The devices.
        targets: Vec<Target>,
        /// The words for a device whose owner chose fuller words.
        letter: Letter,
        /// Whether it asks one question, which a tap beside it can answer.
        answers: bool,
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
    /// The lane of its push service.
    pub lane: String,
    /// How long it is left alone still, after an answer of its push service; None: it may be sent to.
    pub rests: Option<SignedDuration>,
    /// The path that a tap opens, below the public address.
    pub path: String,
}

impl Target {
    /// A device to which `path` goes, with its subscription.
    pub fn new(tx: &Transaction<'_>, device: &DeviceRow, subscription: Subscription, path: String) -> Self {
        // Not as it was noted: what is told to the provider's lane must be of the provider.
        let lane = lane(tx.vault, &subscription.endpoint);
        let rests = device.rests_until.map(|until| until.get().duration_since(tx.now));
        let rests = rests.filter(|left| left.is_positive());
        Self { device: device.id, subscription, path, lane, rests }
    }
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

/// What goes out, and the page tokens of its links, to be stored.
pub struct Prepared {
    /// As in [`Ready`].
    pub payload: Payload,
    /// As in [`Ready`].
    pub mail_possible: bool,
    /// As in [`Ready`].
    pub refused_before: bool,
    /// The page tokens.
    pub links: Vec<PageTokenRow>,
}

/// The decision about one claimed nudge.
pub enum ClaimDecision {
    /// Send it.
    Send(Prepared),
    /// A reminder that may go out on this channel; with which others is decided for its recipient.
    Remind(Channel),
    /// Do not send it: moved, dropped or dead.
    End(Release),
}

impl ClaimDecision {
    /// Drops the nudge.
    pub fn drop(row: &NudgeRow, reason: DropReason, now: Ts) -> Self {
        Self::End(Release::dropped(row, reason, now))
    }
}

//! Nudges: what a message to one person on one channel on one rung is, and whether it may go out now.

use super::account::Reach;
use super::check_in::CheckInState;
use super::words;
use crate::ids::{AccountId, AddressRequestId, CheckInId};
use jiff::Timestamp;

/// Most nudges of a person in one of their local days (R22).
pub const DAILY_CAP: i64 = 6;

words! {
    /// The step of the ladder that a nudge stands on, or what else it is for.
    pub enum Rung {
        /// Asks the subject how they are.
        Ask = "ask",
        /// Asks by e-mail, when the push was not answered.
        Email = "email",
        /// Asks once more, the next waking morning.
        AskAgain = "ask_again",
        /// Tells the partner that reaching out would be welcome; only with the subject's consent.
        TellPartner = "tell_partner",
        /// Reminds the partner to reach out, whatever the subject does.
        ReachOut = "reach_out",
        /// Confirms an address; asked for by the person.
        ConfirmAddress = "confirm_address",
        /// Resets a password; asked for by the person.
        ResetPassword = "reset_password",
        /// Tells that a session was ended, since its sign-in was used in two places.
        SignedOut = "signed_out",
        /// Confirms another address of an account; asked for by the person.
        ConfirmNewAddress = "confirm_new_address",
        /// Tells the address of an account that another one was asked for.
        AddressChange = "address_change",
    }
}

impl Rung {
    /// The way that it is planned to take.
    pub fn channel(self) -> Channel {
        match self {
            Self::Ask | Self::AskAgain | Self::TellPartner | Self::ReachOut => Channel::Push,
            Self::Email
            | Self::ConfirmAddress
            | Self::ResetPassword
            | Self::ConfirmNewAddress
            | Self::AddressChange
            | Self::SignedOut => Channel::Mail,
        }
    }

    /// The rungs above this one on the same ladder, for the same recipient (R21).
    pub fn later(self) -> &'static [Self] {
        match self {
            Self::Ask => &[Self::Email, Self::AskAgain],
            Self::Email => &[Self::AskAgain],
            Self::AskAgain
            | Self::TellPartner
            | Self::ReachOut
            | Self::ConfirmAddress
            | Self::ResetPassword
            | Self::ConfirmNewAddress
            | Self::AddressChange
            | Self::SignedOut => &[],
        }
    }
}

words! {
    /// The way that a nudge takes.
    pub enum Channel {
        /// Web Push, to every live device.
        Push = "push",
        /// E-mail.
        Mail = "mail",
    }
}

words! {
    /// Where a nudge stands.
    pub enum NudgeState {
        /// It waits for its time, or for the next attempt.
        Waiting = "waiting",
        /// A provider accepted it.
        Sent = "sent",
        /// It was no longer wanted when its time came, or before.
        Dropped = "dropped",
        /// It spent its attempts; kept, shown to its recipient and re-drivable.
        Dead = "dead",
    }
}

words! {
    /// Why a nudge was dropped.
    pub enum DropReason {
        /// Its check-in closed first.
        Expired = "expired",
        /// Its check-in was answered or skipped, or the partner reached out already.
        Settled = "settled",
        /// Its recipient paused nudges, or its subject did.
        Paused = "paused",
        /// The link ended.
        LinkEnded = "link_ended",
        /// The subject does not allow it, or no agreement covers it.
        NotConsented = "not_consented",
        /// A later rung took its place.
        Superseded = "superseded",
        /// There is neither a live device nor an address that may be used, or there was none to ask its subject.
        Unreachable = "unreachable",
    }
}

words! {
    /// How one attempt ended.
    pub enum Outcome {
        /// The provider took it.
        Accepted = "accepted",
        /// The provider says that the subscription is gone (404, 410), or that it knows no such recipient.
        Gone = "gone",
        /// It may work later.
        Deferred = "deferred",
        /// It will not work.
        Refused = "refused",
    }
}

/// What a nudge is about: the parts of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// A check-in, in its round: a snooze begins a new round.
    CheckIn(CheckInId, i32),
    /// Something asked for, or told, by address.
    Address(AddressRequestId),
}

/// The unique key of a nudge (R14): the same need never makes two.
pub fn key(about: About, rung: Rung, recipient: Option<AccountId>, channel: Channel) -> String {
    let (rung, channel) = (rung.word(), channel.word());
    match (about, recipient) {
        (About::CheckIn(id, round), Some(to)) => format!("{id}/{round}/{rung}/{to}/{channel}"),
        (About::CheckIn(id, round), None) => format!("{id}/{round}/{rung}/{channel}"),
        (About::Address(id), _) => format!("{id}/{rung}/{channel}"),
    }
}

/// A fingerprint of a key: Web Push `Topic` and mail `Message-ID` are made of it, so that a repeat replaces the
/// first and a provider learns nothing (R14).
pub fn fingerprint(key: &str) -> [u8; 32] {
    use sha2::Digest;
    sha2::Sha256::digest(key.as_bytes()).into()
}

/// What counts at the moment of sending (R16).
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// Its rung.
    pub rung: Rung,
    /// The way that it was planned to take.
    pub channel: Channel,
    /// Before this it is too early, whenever it was planned for: every rung waits for the answer to what was asked.
    pub not_before: Option<Timestamp>,
    /// Whether the subject was asked at all, or is to be.
    pub asked: bool,
    /// After this it is of no use.
    pub expires_at: Timestamp,
    /// Whoever receives it.
    pub recipient: &'a Reach,
    /// The recipient's live push subscriptions.
    pub live_devices: usize,
    /// Whether mail to the recipient's address is accepted at all.
    pub address_works: bool,
    /// What the subject did with the check-in.
    pub state: CheckInState,
    /// Whether the subject paused nudges.
    pub subject_paused: bool,
    /// Whether the two are still linked.
    pub linked: bool,
    /// Whether the subject allows the partner to be told, and an agreement covers it (R10).
    pub alert_allowed: bool,
    /// Whether the partner reached out since the check-in fell due.
    pub reached_out: bool,
    /// Whether a later rung of the same ladder is due as well, or went out (R21).
    pub later_rung_due: bool,
    /// Whether the subject was asked by mail already, for want of a device: a second mail would nag.
    pub asked_by_mail: bool,
    /// What the recipient got today (R22).
    pub sent_today: i64,
}

/// What becomes of a nudge whose time has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes out, this way.
    Send(Channel),
    /// It waits until then.
    Move(Timestamp),
    /// It does not go out.
    Drop(DropReason),
}

/// Judges a nudge at the moment of sending (R10, R12, R16, R17, R21, R22).
pub fn judge(facts: &Facts<'_>, now: Timestamp) -> Verdict {
    if now >= facts.expires_at {
        return Verdict::Drop(DropReason::Expired);
    }
    if let Some(reason) = unwanted(facts, now) {
        return Verdict::Drop(reason);
    }
    let channel = match (facts.channel, facts.recipient.push && facts.live_devices > 0, facts.recipient.mail)
    {
        (Channel::Push, true, _) => Channel::Push,
        (Channel::Push | Channel::Mail, _, true) if facts.address_works => Channel::Mail,
        (Channel::Push | Channel::Mail, ..) => return Verdict::Drop(DropReason::Unreachable),
    };
    let rhythm = &facts.recipient.rhythm;
    let awake = rhythm.awake(facts.not_before.map_or(now, |at| at.max(now)));
    let at = if facts.sent_today >= DAILY_CAP { rhythm.next_morning(awake) } else { awake };
    if at == now {
        Verdict::Send(channel)
    } else if at < facts.expires_at {
        Verdict::Move(at)
    } else {
        Verdict::Drop(DropReason::Expired)
    }
}

fn unwanted(facts: &Facts<'_>, now: Timestamp) -> Option<DropReason> {
    let settled = facts.state != CheckInState::Unanswered;
    if facts.recipient.is_silent(now) {
        return Some(DropReason::Paused);
    }
    match facts.rung {
        Rung::Ask | Rung::Email | Rung::AskAgain if settled => Some(DropReason::Settled),
        Rung::Ask | Rung::Email | Rung::AskAgain if facts.later_rung_due => Some(DropReason::Superseded),
        Rung::Email if facts.asked_by_mail => Some(DropReason::Superseded),
        Rung::TellPartner | Rung::ReachOut if !facts.linked => Some(DropReason::LinkEnded),
        Rung::TellPartner if !facts.alert_allowed => Some(DropReason::NotConsented),
        Rung::TellPartner if !facts.asked => Some(DropReason::Unreachable),
        Rung::TellPartner if settled => Some(DropReason::Settled),
        Rung::TellPartner if facts.subject_paused => Some(DropReason::Paused),
        // R11: whether the subject answered, skipped or paused makes no difference to this one.
        Rung::ReachOut if facts.reached_out => Some(DropReason::Settled),
        Rung::Ask
        | Rung::Email
        | Rung::AskAgain
        | Rung::TellPartner
        | Rung::ReachOut
        | Rung::ConfirmAddress
        | Rung::ResetPassword
        | Rung::ConfirmNewAddress
        | Rung::AddressChange
        | Rung::SignedOut => None,
    }
}

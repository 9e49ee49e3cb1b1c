//! Nudges: a message to one person on one channel, and whether it may go out now.

mod channel;
mod kind;

use super::account::Reach;
use super::check_in::CheckInState;
use super::words;
use crate::ids::{AccountId, AddressRequestId, CheckInId, PleaId};
use jiff::Timestamp;

pub use channel::Channel;
pub use kind::{MailPurpose, NudgeKind, Reason, Rung};

words! {
    /// The state of a message.
    pub enum NudgeState {
        /// It waits for its time, or for another attempt.
        Waiting = "waiting",
        /// The push service or mail server accepted it.
        Sent = "sent",
        /// It was no longer wanted, and was not sent.
        Dropped = "dropped",
        /// Every attempt failed. It is kept, and whoever runs the server can have it tried again.
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
        /// The times of its scene were corrected, and it is planned anew.
        Corrected = "corrected",
        /// There is neither a live device nor an address that may be used, or there was none to ask its subject.
        Unreachable = "unreachable",
    }
}

words! {
    /// How one attempt ended.
    pub enum AttemptOutcome {
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

/// What a nudge is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// A check-in, its round (a snooze begins a new one), and the reason for the reminder.
    CheckIn(CheckInId, i32, Reason),
    /// A plea.
    Plea(PleaId),
    /// An address request, and the purpose of its mail.
    Address(AddressRequestId, MailPurpose),
}

impl About {
    /// What the nudge is for.
    pub fn kind(self) -> NudgeKind {
        match self {
            Self::CheckIn(_, _, reason) => NudgeKind::Reminder(reason),
            Self::Plea(_) => NudgeKind::Plea,
            Self::Address(_, purpose) => NudgeKind::Mail(purpose),
        }
    }
}

/// The unique key of a nudge (R14): one need never makes two nudges.
pub fn key(about: About, recipient: Option<AccountId>, channel: Channel) -> String {
    let (kind, channel) = (about.kind().word(), channel.word());
    match (about, recipient) {
        (About::CheckIn(id, round, _), Some(to)) => format!("{id}/{round}/{kind}/{to}/{channel}"),
        (About::CheckIn(id, round, _), None) => format!("{id}/{round}/{kind}/{channel}"),
        (About::Plea(id), Some(to)) => format!("{id}/{kind}/{to}/{channel}"),
        (About::Plea(id), None) => format!("{id}/{kind}/{channel}"),
        (About::Address(id, _), _) => format!("{id}/{kind}/{channel}"),
    }
}

/// The hash of a key. Web Push `Topic` and mail `Message-ID` are made of it, so that a repeat replaces the
/// first and a provider learns nothing (R14).
pub fn fingerprint(key: &str) -> [u8; 32] {
    use sha2::Digest;
    sha2::Sha256::digest(key.as_bytes()).into()
}

/// The facts that decide about a reminder when it is about to be sent (R16).
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// Why it is sent.
    pub reason: Reason,
    /// The planned channel.
    pub channel: Channel,
    /// The earliest time, whenever it was planned: each rung waits for an answer to the last question.
    pub not_before: Option<Timestamp>,
    /// Whether the subject was asked at all, or is going to be.
    pub asked: bool,
    /// When it expires.
    pub expires_at: Timestamp,
    /// The recipient.
    pub recipient: &'a Reach,
    /// The recipient's live push subscriptions.
    pub live_devices: usize,
    /// Whether mail to the recipient's address is accepted.
    pub address_works: bool,
    /// What the subject did with the check-in.
    pub state: CheckInState,
    /// Whether the subject gave a sign of life in the scene since it fell due.
    pub heard_from: bool,
    /// Whether the subject paused nudges.
    pub subject_paused: bool,
    /// Whether the link is still active.
    pub linked: bool,
    /// Whether the subject allows the partner to be told, and an agreement covers it (R10).
    pub alert_allowed: bool,
    /// Whether the partner reached out for the check-in (R18).
    pub reached_out: bool,
    /// Whether the check-in was put off since it was planned: another one takes its place.
    pub put_off: bool,
    /// Whether a later rung of the ladder is due as well, or was sent (R21).
    pub later_rung_due: bool,
    /// Whether the subject was asked by mail already, for lack of a device: a second mail would be too much.
    pub asked_by_mail: bool,
}

/// The decision about a due nudge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes out on this channel.
    Send(Channel),
    /// It waits until then.
    Move(Timestamp),
    /// It is dropped.
    Drop(DropReason),
}

/// Decides about a reminder when it is about to be sent (R10, R12, R16, R17, R21). What goes out together, and whether the
/// day has a place for it, is decided in [`super::together`].
pub fn judge(facts: &Facts<'_>, now: Timestamp) -> Verdict {
    if now >= facts.expires_at {
        return Verdict::Drop(DropReason::Expired);
    }
    if let Some(reason) = unwanted(facts) {
        return Verdict::Drop(reason);
    }
    // A pause postpones (R05): what is still of use when it ends comes then.
    if let Some(until) = facts.recipient.silent_until(now) {
        return move_to(facts, until, DropReason::Paused);
    }
    let channel = match (facts.channel, facts.recipient.push && facts.live_devices > 0, facts.recipient.mail)
    {
        (Channel::Push, true, _) => Channel::Push,
        (Channel::Push | Channel::Mail, _, true) if facts.address_works => Channel::Mail,
        (Channel::Push | Channel::Mail, ..) => return Verdict::Drop(DropReason::Unreachable),
    };
    let rhythm = &facts.recipient.rhythm;
    let from = facts.not_before.map_or(now, |at| at.max(now));
    let at = NudgeKind::Reminder(facts.reason).earliest(rhythm, from);
    if at == now { Verdict::Send(channel) } else { move_to(facts, at, DropReason::Expired) }
}

/// Moves a reminder to its recipient's first waking instant from `from` on; it is dropped if it is of no use by then.
fn move_to(facts: &Facts<'_>, from: Timestamp, too_late: DropReason) -> Verdict {
    let at = NudgeKind::Reminder(facts.reason).earliest(&facts.recipient.rhythm, from);
    if at < facts.expires_at { Verdict::Move(at) } else { Verdict::Drop(too_late) }
}

fn unwanted(facts: &Facts<'_>) -> Option<DropReason> {
    let settled = facts.state != CheckInState::Unanswered;
    match facts.reason {
        Reason::CheckIn(_) if facts.put_off => Some(DropReason::Superseded),
        Reason::CheckIn(Rung::Ask | Rung::Email | Rung::AskAgain) if settled => Some(DropReason::Settled),
        Reason::CheckIn(Rung::Ask | Rung::Email | Rung::AskAgain) if facts.later_rung_due => {
            Some(DropReason::Superseded)
        }
        Reason::CheckIn(Rung::Email) if facts.asked_by_mail => Some(DropReason::Superseded),
        Reason::CheckIn(Rung::TellPartner) | Reason::Prompt if !facts.linked => Some(DropReason::LinkEnded),
        Reason::CheckIn(Rung::TellPartner) if !facts.alert_allowed => Some(DropReason::NotConsented),
        Reason::CheckIn(Rung::TellPartner) if !facts.asked => Some(DropReason::Unreachable),
        Reason::CheckIn(Rung::TellPartner) if settled || facts.heard_from || facts.reached_out => {
            Some(DropReason::Settled)
        }
        Reason::CheckIn(Rung::TellPartner) if facts.subject_paused => Some(DropReason::Paused),
        // R11: whether the subject answered, skipped or paused makes no difference to this one.
        Reason::Prompt if facts.reached_out => Some(DropReason::Settled),
        Reason::CheckIn(_) | Reason::Prompt => None,
    }
}

/// The facts that decide about a mail to an address when it is about to be sent (R16).
#[derive(Clone, Copy, Debug)]
pub struct MailFacts<'a> {
    /// Its purpose.
    pub purpose: MailPurpose,
    /// The account that has the address, if any.
    pub recipient: Option<&'a Reach>,
    /// Whether mail to that account's address is accepted.
    pub address_works: bool,
}

/// Decides about a mail to an address when it is about to be sent (R16, R17).
pub fn judge_mail(facts: &MailFacts<'_>, now: Timestamp) -> Verdict {
    let kind = NudgeKind::Mail(facts.purpose);
    let at = facts.recipient.map_or(now, |reach| kind.earliest(&reach.rhythm, now));
    if at > now {
        return Verdict::Move(at);
    }
    match facts.purpose {
        // Nobody waits for these, so they are not tried where mail is known to fail.
        MailPurpose::SignedOut | MailPurpose::SecurityChange
            if facts.recipient.is_none() || !facts.address_works =>
        {
            Verdict::Drop(DropReason::Unreachable)
        }
        MailPurpose::ConfirmAddress
        | MailPurpose::ResetPassword
        | MailPurpose::SignedOut
        | MailPurpose::SecurityChange
        | MailPurpose::ConfirmNewAddress
        | MailPurpose::AddressChange => Verdict::Send(Channel::Mail),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;

    #[test]
    fn r14_the_keys_of_nudges_that_are_stored_already_stay() {
        let (at, chance) = (Timestamp::UNIX_EPOCH, &Chance::seeded(0));
        let (check_in, to, request) =
            (CheckInId::at(at, chance), AccountId::at(at, chance), AddressRequestId::at(at, chance));
        let ask = About::CheckIn(check_in, 2, Reason::CheckIn(Rung::AskAgain));
        assert_eq!(key(ask, Some(to), Channel::Push), format!("{check_in}/2/ask_again/{to}/push"));
        let prompt = About::CheckIn(check_in, 0, Reason::Prompt);
        assert_eq!(key(prompt, None, Channel::Push), format!("{check_in}/0/reach_out/push"));
        let mail = About::Address(request, MailPurpose::ResetPassword);
        assert_eq!(key(mail, None, Channel::Mail), format!("{request}/reset_password/mail"));
    }
}

//! Pleas: "I would like to hear from you", asked by hand, and when it goes out (R37).

use super::account::Reach;
use super::nudge::{Channel, DropReason, Verdict};
use super::words;
use jiff::{SignedDuration, Timestamp};

/// How long a plea can be taken back; it goes out after that.
pub const TAKE_BACK: SignedDuration = SignedDuration::from_mins(2);
/// How long it is of use: the longest quiet hours end within it.
pub const OPEN_FOR: SignedDuration = SignedDuration::from_hours(24);
/// How many pleas a person can make on one link within a day; those taken back do not count.
pub const A_DAY: usize = 3;

words! {
    /// Where a plea stands for its author. Whether and when it was seen, or what delayed it, is never told.
    pub enum PleaState {
        /// It can be taken back; the partner has not got it.
        CanBeTakenBack = "can_be_taken_back",
        /// It was sent, or is sent as soon as the partner may be reached.
        Sent = "sent",
        /// It was taken back; the partner never gets it.
        TakenBack = "taken_back",
    }
}

/// Where a plea stands for its author: by the clock alone.
pub fn state(created_at: Timestamp, taken_back: bool, now: Timestamp) -> PleaState {
    if taken_back {
        PleaState::TakenBack
    } else if now < created_at + TAKE_BACK {
        PleaState::CanBeTakenBack
    } else {
        PleaState::Sent
    }
}

/// The facts that decide about a plea when it is about to be sent (R16).
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Whether its author took it back.
    pub taken_back: bool,
    /// Whether the link is still active.
    pub linked: bool,
    /// Whether its author is suspended: nothing new comes of them.
    pub author_held: bool,
    /// When it expires.
    pub expires_at: Timestamp,
    /// The planned channel.
    pub channel: Channel,
    /// The recipient.
    pub recipient: &'a Reach,
    /// The recipient's live push subscriptions.
    pub live_devices: usize,
    /// Whether mail to the recipient's address is accepted.
    pub address_works: bool,
    /// Whether the recipient may be woken by it.
    pub at_night: bool,
}

/// Decides about a plea when it is about to be sent. A pause of the recipient holds it back as everything else.
pub fn judge(facts: &Facts<'_>, now: Timestamp) -> Verdict {
    if now >= facts.expires_at {
        return Verdict::Drop(DropReason::Expired);
    }
    if facts.taken_back || facts.author_held {
        return Verdict::Drop(DropReason::NotConsented);
    }
    if !facts.linked {
        return Verdict::Drop(DropReason::LinkEnded);
    }
    let silent_until = facts.recipient.silent_until(now);
    let from = silent_until.unwrap_or(now);
    let at = if facts.at_night { from } else { facts.recipient.rhythm.awake(from) };
    if at > now {
        let late = if silent_until.is_some() { DropReason::Paused } else { DropReason::Expired };
        return if at < facts.expires_at { Verdict::Move(at) } else { Verdict::Drop(late) };
    }
    match (facts.channel, facts.recipient.push && facts.live_devices > 0, facts.recipient.mail) {
        (Channel::Push, true, _) => Verdict::Send(Channel::Push),
        (_, _, true) if facts.address_works => Verdict::Send(Channel::Mail),
        _ => Verdict::Drop(DropReason::Unreachable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::account::FURTHER_NOTICE;
    use crate::domain::quiet_hours::{QuietHours, Rhythm, Zone};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn reach() -> Reach {
        let quiet = Some(QuietHours::parse("quietHours", "22:00", "08:00").unwrap());
        let rhythm = Rhythm { zone: Zone::named("zone", "Europe/Berlin").unwrap(), quiet };
        Reach { rhythm, paused_until: None, held: false, push: true, mail: true }
    }

    fn facts(recipient: &Reach) -> Facts<'_> {
        Facts {
            taken_back: false,
            linked: true,
            author_held: false,
            expires_at: at("2026-07-02T12:00:00Z"),
            channel: Channel::Push,
            recipient,
            live_devices: 1,
            address_works: true,
            at_night: false,
        }
    }

    #[test]
    fn r37_a_plea_goes_at_once_or_when_the_other_is_awake_next_unless_they_may_be_woken() {
        let reach = reach();
        let (day, night) = (at("2026-07-01T12:00:00Z"), at("2026-07-01T22:00:00Z"));
        assert_eq!(judge(&facts(&reach), day), Verdict::Send(Channel::Push));
        assert_eq!(judge(&facts(&reach), night), Verdict::Move(at("2026-07-02T06:00:00Z")));
        assert_eq!(judge(&Facts { at_night: true, ..facts(&reach) }, night), Verdict::Send(Channel::Push));
    }

    #[test]
    fn r37_a_plea_that_was_taken_back_or_whose_link_ended_reaches_nobody_and_a_pause_holds_it_back() {
        let (reach, now) = (reach(), at("2026-07-01T12:00:00Z"));
        let taken_back = Facts { taken_back: true, ..facts(&reach) };
        assert_eq!(judge(&taken_back, now), Verdict::Drop(DropReason::NotConsented));
        assert_eq!(
            judge(&Facts { linked: false, ..facts(&reach) }, now),
            Verdict::Drop(DropReason::LinkEnded)
        );
        let until = at("2026-07-01T15:00:00Z");
        for (paused_until, verdict) in
            [(until, Verdict::Move(until)), (FURTHER_NOTICE, Verdict::Drop(DropReason::Paused))]
        {
            let paused = Reach { paused_until: Some(paused_until), ..reach.clone() };
            for at_night in [false, true] {
                assert_eq!(judge(&Facts { at_night, ..facts(&paused) }, now), verdict, "a pause is a pause");
            }
        }
        let end = at("2026-07-02T12:00:00Z");
        assert_eq!(judge(&facts(&reach), end), Verdict::Drop(DropReason::Expired));
    }

    #[test]
    fn r37_a_plea_without_a_device_goes_by_mail() {
        let (reach, now) = (reach(), at("2026-07-01T12:00:00Z"));
        assert_eq!(judge(&Facts { live_devices: 0, ..facts(&reach) }, now), Verdict::Send(Channel::Mail));
        let nowhere = Facts { live_devices: 0, address_works: false, ..facts(&reach) };
        assert_eq!(judge(&nowhere, now), Verdict::Drop(DropReason::Unreachable));
    }

    #[test]
    fn r37_its_author_is_told_by_the_clock_alone() {
        let made = at("2026-07-01T12:00:00Z");
        let second = SignedDuration::from_secs(1);
        assert_eq!(state(made, false, made + TAKE_BACK - second), PleaState::CanBeTakenBack);
        assert_eq!(state(made, false, made + TAKE_BACK), PleaState::Sent);
        assert_eq!(state(made, true, made + TAKE_BACK), PleaState::TakenBack);
        assert_eq!((TAKE_BACK.as_secs(), OPEN_FOR.as_hours(), A_DAY), (120, 24, 3));
    }
}

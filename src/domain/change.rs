//! Changes: the kinds of change events, when each is sent, and how long they are kept.

use super::answer::RELEASE_DELAY;
use super::words;
use jiff::{SignedDuration, Timestamp};

/// How long changes are kept; a client that was away for longer reads everything anew.
pub const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How long before its time a delayed event must be saved. A delayed event has its place in the feed only by
/// its time, so every reader must be able to see it before that time comes.
pub const AHEAD: SignedDuration = RELEASE_DELAY;
/// Maximum difference of two processes' clocks.
const SKEW: SignedDuration = SignedDuration::from_mins(10);

words! {
    /// What happened to an object, as far as the viewer may know. More may be added.
    pub enum ChangeKind {
        /// The viewer's account: profile, settings, pause or consent.
        AccountChanged = "account_changed",
        /// A link: it was accepted or ended, or a side changed.
        LinkChanged = "link_changed",
        /// A Revision was proposed.
        RevisionProposed = "revision_proposed",
        /// Somebody agreed to a Revision or withdrew, or it was superseded.
        RevisionChanged = "revision_changed",
        /// A scene was planned, started, ended or cancelled, or something was recorded about it.
        SceneChanged = "scene_changed",
        /// The partner recorded an outreach with the scene.
        PartnerReachedOut = "partner_reached_out",
        /// The partner shared something of an answer: read the scene's `partnerCheckIns`.
        PartnerShared = "partner_shared",
        /// A check-in of the viewer fell due.
        CheckInOpened = "check_in_opened",
        /// A check-in of the viewer was answered, skipped or snoozed, or its sharing changed.
        CheckInChanged = "check_in_changed",
        /// An entry of the viewer's journal was written, changed or deleted.
        JournalChanged = "journal_changed",
    }
}

/// Whether a cursor issued at `at` is still valid at `now`.
pub fn follows(at: Timestamp, now: Timestamp) -> bool {
    at >= now - KEPT && at <= now + SKEW
}

/// When to send an event that is due at `at`; None: at once.
pub fn told_at(at: Timestamp, now: Timestamp) -> Option<Timestamp> {
    (at >= now + AHEAD).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_good_for_as_long_as_changes_are_kept() {
        let now = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * 365);
        let second = SignedDuration::from_secs(1);
        assert!(follows(now, now) && follows(now - KEPT, now) && follows(now + SKEW, now));
        assert!(!follows(now - KEPT - second, now) && !follows(now + SKEW + second, now));
    }

    #[test]
    fn what_is_shared_is_told_when_it_is_seen_and_what_is_too_near_at_once() {
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(told_at(now + RELEASE_DELAY, now), Some(now + RELEASE_DELAY));
        assert_eq!(told_at(now + RELEASE_DELAY - SignedDuration::from_secs(1), now), None);
    }

    #[test]
    fn changes_are_kept_for_thirty_days() {
        assert_eq!(KEPT, SignedDuration::from_secs(30 * 86_400));
    }
}

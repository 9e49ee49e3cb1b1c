//! Partner links: their status and roles, and when an invitation can be accepted.

use super::words;
use jiff::{SignedDuration, Timestamp};

/// How long an invitation's code can be used.
pub const INVITATION_LIFE: SignedDuration = SignedDuration::from_hours(72);
/// Maximum number of invited or active links per account.
pub const LINKS_MAX: i64 = 20;
/// Characters of an invitation code, 5 bits each: 60 random bits.
pub const CODE_LENGTH: usize = 12;

words! {
    /// The state of a link.
    pub enum LinkState {
        /// An invitation was made and nobody has accepted it yet.
        Invited = "invited",
        /// Accepted: two people are linked.
        Active = "active",
        /// Ended by either of them; or the invitation was declined or taken back.
        Ended = "ended",
    }
}

words! {
    /// The role of a person: a default on the link, and set for each scene.
    pub enum Role {
        /// Leads.
        Dominant = "dominant",
        /// Follows.
        Submissive = "submissive",
        /// Either.
        Switch = "switch",
    }
}

words! {
    /// Whether the viewer allows something on a link.
    pub enum Permission {
        /// It is allowed.
        Allow = "allow",
        /// It is not allowed.
        Forbid = "forbid",
    }
}

impl Permission {
    /// Whether it is allowed.
    pub const fn allows(self) -> bool {
        matches!(self, Self::Allow)
    }
}

impl From<bool> for Permission {
    fn from(allowed: bool) -> Self {
        if allowed { Self::Allow } else { Self::Forbid }
    }
}

words! {
    /// Whether the viewer allows something for one scene.
    pub enum ScenePermission {
        /// As the viewer's choice on the link says, now and if that changes.
        AsOnLink = "as_on_link",
        /// Allowed, whatever the choice on the link.
        Allow = "allow",
        /// Not allowed, whatever the choice on the link.
        Forbid = "forbid",
    }
}

impl ScenePermission {
    /// What overrides the link's choice; None: nothing.
    pub const fn overriding(self) -> Option<bool> {
        match self {
            Self::AsOnLink => None,
            Self::Allow => Some(true),
            Self::Forbid => Some(false),
        }
    }
}

impl From<Option<bool>> for ScenePermission {
    fn from(overriding: Option<bool>) -> Self {
        match overriding {
            None => Self::AsOnLink,
            Some(true) => Self::Allow,
            Some(false) => Self::Forbid,
        }
    }
}

/// The state of an invitation for the person who holds its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invitation {
    /// It can be accepted.
    Open,
    /// It is used, ended or expired; the answer does not say which.
    Gone,
    /// It is the person's own.
    Own,
    /// The two are linked already.
    Linked,
}

/// Decides about an invitation for the person who holds its code.
pub fn judge_invitation(
    status: LinkState,
    expires_at: Option<Timestamp>,
    own: bool,
    linked_already: bool,
    now: Timestamp,
) -> Invitation {
    let open = status == LinkState::Invited && expires_at.is_some_and(|until| now < until);
    match (open, own, linked_already) {
        (false, _, _) => Invitation::Gone,
        (true, true, _) => Invitation::Own,
        (true, false, true) => Invitation::Linked,
        (true, false, false) => Invitation::Open,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invitation_is_open_until_its_time_and_not_for_whoever_made_it_or_is_linked_already() {
        let until: Timestamp = "2026-07-01T10:00:00Z".parse().unwrap();
        let second = SignedDuration::from_secs(1);
        let judge = |status, own, linked, now| judge_invitation(status, Some(until), own, linked, now);
        let invited = LinkState::Invited;
        assert_eq!(judge(invited, false, false, until - second), Invitation::Open);
        assert_eq!(judge(invited, true, false, until - second), Invitation::Own);
        assert_eq!(judge(invited, true, true, until - second), Invitation::Own);
        assert_eq!(judge(invited, false, true, until - second), Invitation::Linked);
        for now in [until, until + second] {
            assert_eq!(judge(invited, false, false, now), Invitation::Gone, "{now}");
        }
        for status in [LinkState::Active, LinkState::Ended] {
            assert_eq!(judge(status, true, true, until - second), Invitation::Gone, "{status:?}");
        }
        assert_eq!(judge_invitation(invited, None, false, false, until), Invitation::Gone);
    }
}

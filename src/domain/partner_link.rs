//! Partner links: how two people come together, which role they start from, and how the tie ends.

use super::words;
use jiff::{SignedDuration, Timestamp};

/// How long an invitation's code can be used.
pub const INVITATION_LIFE: SignedDuration = SignedDuration::from_hours(72);
/// Most links of one account that are invited or active at once.
pub const LINKS_MAX: i64 = 20;
/// Letters and digits of an invitation code that cannot be mistaken for each other (Crockford base 32).
pub const CODE_ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Characters of an invitation code: 12 of 5 bits, 60 bits of chance.
pub const CODE_LENGTH: usize = 12;

words! {
    /// Where a link stands.
    pub enum LinkStatus {
        /// A code was given out and nobody has accepted it yet.
        Invited = "invited",
        /// Two people are tied.
        Active = "active",
        /// Over: ended by either, declined, or taken back.
        Ended = "ended",
    }
}

words! {
    /// A person's role; a default on the link, set again on each scene.
    pub enum Role {
        /// Leads.
        Dominant = "dominant",
        /// Follows.
        Submissive = "submissive",
        /// Either.
        Switch = "switch",
    }
}

/// What stands of an invitation when somebody asks with its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invitation {
    /// It can be accepted.
    Open,
    /// It is used, over or out of date: to whoever asks, the same.
    Gone,
    /// It is one's own.
    Own,
    /// The two are linked already.
    Linked,
}

/// Judges an invitation for the person who holds its code.
pub fn judge_invitation(
    status: LinkStatus,
    expires_at: Option<Timestamp>,
    own: bool,
    linked_already: bool,
    now: Timestamp,
) -> Invitation {
    let open = status == LinkStatus::Invited && expires_at.is_some_and(|until| now < until);
    match (open, own, linked_already) {
        (false, _, _) => Invitation::Gone,
        (true, true, _) => Invitation::Own,
        (true, false, true) => Invitation::Linked,
        (true, false, false) => Invitation::Open,
    }
}

/// A code as people type it, made canonical: blanks and hyphens dropped, O read as 0, I and L as 1.
pub fn canonical_code(typed: &str) -> Option<String> {
    let code: String = typed
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '-')
        .map(|c| match c.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            c => c,
        })
        .collect();
    let known = code.bytes().all(|b| CODE_ALPHABET.contains(&b));
    (known && code.len() == CODE_LENGTH).then_some(code)
}

/// A code as it is shown: three groups of four.
pub fn shown_code(code: &str) -> String {
    code.as_bytes().chunks(4).map(String::from_utf8_lossy).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_as_people_type_it() {
        assert_eq!(canonical_code("abcd-efgh-jkm0").as_deref(), Some("ABCDEFGHJKM0"));
        assert_eq!(canonical_code(" oil1 0000 0000 ").as_deref(), Some("011100000000"));
        assert_eq!(canonical_code("ABCD-EFGH-JKMU"), None, "U is no letter of the alphabet");
        assert_eq!(canonical_code("ABCD"), None);
        assert_eq!(shown_code("ABCDEFGHJKM0"), "ABCD-EFGH-JKM0");
    }
}

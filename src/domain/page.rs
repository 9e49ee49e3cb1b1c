//! Pages: what the link in a nudge or a mail allows, and until when. None signs anybody in.

use super::check_in::ANSWERABLE_FOR;
use super::words;
use jiff::{SignedDuration, Timestamp};

words! {
    /// What can be done with a page's token.
    pub enum PagePurpose {
        /// Answering, skipping or putting off one check-in.
        Answer = "answer",
        /// Saying what may come by mail and by push, or that nothing may.
        Choices = "choices",
    }
}

/// How long the choices in a mail's footer work. Mail laws ask for thirty days; some people use the link later.
pub const CHOICES_FOR: SignedDuration = SignedDuration::from_hours(60 * 24);

/// When the link to a check-in stops working: when an answer no longer counts (R05).
pub fn answer_ends(due_at: Timestamp) -> Timestamp {
    due_at + ANSWERABLE_FOR
}

/// The pause that a person chooses by the link in a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PauseChoice {
    /// A pause of that length.
    For(SignedDuration),
    /// A pause until further notice.
    FurtherNotice,
    /// No pause, or its end.
    End,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r05_the_link_to_a_check_in_works_for_as_long_as_an_answer_counts() {
        let due_at: Timestamp = "2026-07-01T10:00:00Z".parse().unwrap();
        assert_eq!(answer_ends(due_at), "2026-07-15T10:00:00Z".parse().unwrap());
    }

    #[test]
    fn the_choices_in_a_mail_work_for_sixty_days() {
        assert_eq!(CHOICES_FOR, SignedDuration::from_secs(60 * 86_400));
    }
}

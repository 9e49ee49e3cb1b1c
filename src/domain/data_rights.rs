//! Data rights: the time limits of exports and erasures, and what a person reads before each step.

use crate::domain::words;
use jiff::SignedDuration;

/// How long an erasure can be cancelled.
pub const GRACE: SignedDuration = SignedDuration::from_hours(72);
/// How long the token to fetch an export works.
pub const FETCH_LIFE: SignedDuration = SignedDuration::from_mins(10);
/// Shown to partners in place of the name of an erased account (R27).
pub const GONE_NAME: &str = "Former partner";

words! {
    /// Where an export stands.
    pub enum ExportState {
        /// It is being made.
        Waiting = "waiting",
        /// It can be fetched once.
        Ready = "ready",
    }
}

/// Shown before a link is ended.
pub const BEFORE_ENDING_A_LINK: &[&str] = &[
    "It takes effect at once, and you need no reason. Nothing is sent to the other person.",
    "From then on neither of you sees what the other shares, and no reminder is about the other.",
    "The other person sees that the link has ended, and when, if they look. They do not see why.",
    "Each keeps what was there: the texts you agreed on, the scenes, and one's own check-ins, which still come.",
    "Your name stays beside what you did together. It goes if you erase your account.",
    "It cannot be undone. To be linked again, one invites and the other accepts.",
];

/// Shown before an account is erased.
pub const BEFORE_ERASING: &[&str] = &[
    "At once: your links end as if you had ended them, your invitations stop working, and no more reminders come to you. \
     Nothing is sent to anybody.",
    "For 72 hours you can log in and take it back. Links that ended stay ended.",
    "After that everything of yours is gone: account, devices, answers, notes, needs, and the key to them. Nobody can \
     bring it back.",
    "Your former partners keep their own words. Where yours stood, they read that they were erased, and your name is gone.",
    "If you want to keep a copy, ask for your export first.",
];

/// Shown before the health-data consent is withdrawn.
pub const BEFORE_WITHDRAWING_CONSENT: &[&str] = &[
    "At once: no more questions, reminders or overviews come to you, and no answer that you shared is shown to anybody. \
     What you two agreed on, wrote down or opened together stays with both.",
    "What you wrote stays sealed until you erase it or give the consent again. You can take it out at any time.",
    "Your partner is not told. To them it looks like any other silence.",
];

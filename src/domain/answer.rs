//! Answers: what a subject says of themselves, and how much of it the partner sees.

use super::account::Share;
use super::problem::{Checks, Problem, ProblemCode};
use super::words;
use serde::{Deserialize, Serialize};

/// Longest note or need, in characters.
pub const NOTE_MAX: usize = 2000;
/// Lowest and highest mood.
pub const MOOD: std::ops::RangeInclusive<i32> = 1..=5;

words! {
    /// Something that a person may notice in themselves.
    pub enum Sign {
        /// Close to tears.
        Tearful = "tearful",
        /// Sad.
        Sad = "sad",
        /// Easily annoyed.
        Irritable = "irritable",
        /// Anxious.
        Anxious = "anxious",
        /// Fragile.
        Fragile = "fragile",
        /// Low.
        Low = "low",
        /// Numb.
        Numb = "numb",
        /// Tired.
        Tired = "tired",
        /// Something else, as the note says.
        Other = "other",
    }
}

words! {
    /// How much of a sign there is.
    pub enum Degree {
        /// Not at all.
        None = "none",
        /// A little.
        ALittle = "a_little",
        /// A lot.
        ALot = "a_lot",
    }
}

/// One sign and how much of it there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticedSign {
    /// Which.
    pub sign: Sign,
    /// How much.
    pub degree: Degree,
}

/// What a subject answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerContent {
    /// From 1 (very low) to 5 (very well).
    pub mood: i32,
    /// Each sign at most once.
    pub signs: Vec<NoticedSign>,
    /// What would help now.
    pub need: String,
    /// A note, private unless all is shared.
    pub note: String,
}

impl AnswerContent {
    /// Checks every field.
    pub fn checked(self, checks: &mut Checks) -> Self {
        checks.range("mood", i64::from(self.mood), i64::from(*MOOD.start()), i64::from(*MOOD.end()));
        let twice = |n: usize, s: &NoticedSign| self.signs[..n].iter().any(|other| other.sign == s.sign);
        if self.signs.iter().enumerate().any(|(n, s)| twice(n, s)) {
            checks.note(Problem::new("signs", ProblemCode::Duplicate, "Each sign can be there once."));
        }
        Self {
            need: checks.text("need", self.need, NOTE_MAX),
            note: checks.text("note", self.note, NOTE_MAX),
            ..self
        }
    }
}

/// What the partner sees of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedAnswer {
    /// The mood.
    pub mood: i32,
    /// The rest, if all is shared.
    pub rest: Option<AnswerContent>,
}

/// The partner's view (R09, R11): None is "no update", whatever the reason.
pub fn partners_view(answer: Option<(&AnswerContent, Share)>) -> Option<SharedAnswer> {
    let (content, share) = answer?;
    match share {
        Share::Nothing => None,
        Share::Mood => Some(SharedAnswer { mood: content.mood, rest: None }),
        Share::All => Some(SharedAnswer { mood: content.mood, rest: Some(content.clone()) }),
    }
}

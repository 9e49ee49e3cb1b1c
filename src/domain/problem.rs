//! What is wrong with an input: the field, a stable code and a sentence for a person.

use super::words;

words! {
    /// Why an input was not taken. The codes are stable; the sentences beside them are not.
    pub enum ProblemCode {
        /// The field is needed and is empty.
        Required = "required",
        /// The text has more characters, or the list more entries, than the field's limit.
        TooLong = "too_long",
        /// The text has fewer characters than the field needs.
        TooShort = "too_short",
        /// The number, offset or instant lies outside the field's limits.
        OutOfRange = "out_of_range",
        /// The value is not of the field's form.
        Malformed = "malformed",
        /// There is no such object, or it is somebody else's.
        NotFound = "not_found",
        /// The value is one of a list of values that are too easily guessed.
        TooCommon = "too_common",
        /// The token or code is unknown, used or out of date.
        Expired = "expired",
        /// The object is not in a state in which this can be done.
        WrongState = "wrong_state",
        /// The text was changed since it was read.
        Changed = "changed",
        /// The same entry is there twice.
        Duplicate = "duplicate",
        /// This session must first show that it is still its owner who holds it: see `proveItIsMe`.
        ProofNeeded = "proof_needed",
        /// It was tried too often; it can be tried again after a while.
        TooMany = "too_many",
        /// Too many tries, or too many people at once; `retryAfterSeconds` says when to try again.
        TryLater = "try_later",
        /// Nothing of the person is worked on: the health-data consent is withdrawn, or the account is to be erased.
        OnHold = "on_hold",
    }
}

/// One thing that is wrong with an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The path of the field inside `input`, such as `terms.protocol`.
    pub field: String,
    /// The stable code.
    pub code: ProblemCode,
    /// A sentence that may be shown to the person.
    pub sentence: String,
    /// With [`ProblemCode::TryLater`]: after how many seconds.
    pub retry_after: Option<u32>,
}

impl Problem {
    /// A problem of `field`.
    pub fn new(field: impl Into<String>, code: ProblemCode, sentence: impl Into<String>) -> Self {
        Self { field: field.into(), code, sentence: sentence.into(), retry_after: None }
    }

    /// The object that `field` names is missing or somebody else's: the two look the same (R29).
    pub fn not_found(field: &str) -> Self {
        Self::new(field, ProblemCode::NotFound, "There is nothing here under this id.")
    }

    /// It is not the time for it (R34).
    pub fn try_later(field: &str, seconds: u32) -> Self {
        let sentence = "That was often. Please wait a little, then try again.";
        Self { retry_after: Some(seconds), ..Self::new(field, ProblemCode::TryLater, sentence) }
    }

    /// As [`Problem::try_later`], where no one field is at fault.
    pub fn too_often(seconds: u32) -> Self {
        Self::try_later("input", seconds)
    }

    /// The object that `field` names is not in a state in which this can be done.
    pub fn wrong_state(field: &str, sentence: &str) -> Self {
        Self::new(field, ProblemCode::WrongState, sentence)
    }
}

/// Collects what is wrong with an input, so that a person hears of everything at once.
#[derive(Debug, Default)]
pub struct Checks(Vec<Problem>);

impl Checks {
    /// Nothing checked yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes one problem.
    pub fn note(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    /// Takes a result: its value, or (noted) none.
    pub fn take<T>(&mut self, result: Result<T, Problem>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(problem) => {
                self.0.push(problem);
                None
            }
        }
    }

    /// A text of at most `max` characters, trimmed; may be empty.
    pub fn text(&mut self, field: &str, value: String, max: usize) -> String {
        let trimmed = value.trim();
        if trimmed.chars().count() > max {
            let sentence = format!("At most {max} characters fit here.");
            self.note(Problem::new(field, ProblemCode::TooLong, sentence));
        } else if trimmed.chars().any(|c| c.is_control() && !is_layout(c)) {
            self.note(Problem::new(field, ProblemCode::Malformed, "Control characters cannot be kept."));
        }
        trimmed.to_owned()
    }

    /// A text as [`Checks::text`], of one line, that must not be empty.
    pub fn line(&mut self, field: &str, value: String, max: usize) -> String {
        let text = self.text(field, value, max);
        if text.is_empty() {
            self.note(Problem::new(field, ProblemCode::Required, "Please fill this in."));
        } else if text.chars().any(is_layout) {
            self.note(Problem::new(field, ProblemCode::Malformed, "Only one line fits here."));
        }
        text
    }

    /// A text as [`Checks::text`], of one line or more, that must not be empty.
    pub fn written(&mut self, field: &str, value: String, max: usize) -> String {
        let text = self.text(field, value, max);
        if text.is_empty() {
            self.note(Problem::new(field, ProblemCode::Required, "Please write something."));
        }
        text
    }

    /// A list of at most `max` entries.
    pub fn list<T>(&mut self, field: &str, values: &[T], max: usize) {
        if values.len() > max {
            let sentence = format!("At most {max} entries fit here.");
            self.note(Problem::new(field, ProblemCode::TooLong, sentence));
        }
    }

    /// A number from `least` to `most`.
    pub fn range(&mut self, field: &str, value: i64, least: i64, most: i64) {
        if value < least || value > most {
            let sentence = format!("This must be from {least} to {most}.");
            self.note(Problem::new(field, ProblemCode::OutOfRange, sentence));
        }
    }

    /// `value`, if nothing is wrong; it is None only if what is wrong with it was noted.
    pub fn finish_with<T>(self, value: Option<T>) -> Result<T, Vec<Problem>> {
        match value {
            Some(value) => self.finish(value),
            None => Err(self.0),
        }
    }

    /// `value`, if nothing is wrong.
    pub fn finish<T>(self, value: T) -> Result<T, Vec<Problem>> {
        if self.0.is_empty() { Ok(value) } else { Err(self.0) }
    }
}

/// What a text of several lines may have and one line may not: what breaks a line, or turns the direction of what
/// follows around (Unicode Standard Annex 9).
fn is_layout(c: char) -> bool {
    matches!(c, '\n' | '\t' | '\r' | '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

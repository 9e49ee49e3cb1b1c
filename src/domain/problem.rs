//! Problems of an input: the field, a stable code and a sentence for the person.

use super::words;

words! {
    /// Why an input was refused. The codes are stable; the sentences with them are not. More may be added.
    pub enum ProblemCode {
        /// The field is required and is empty.
        Required = "required",
        /// The text has more characters, or the list more entries, than allowed.
        TooLong = "too_long",
        /// The text has fewer characters than required.
        TooShort = "too_short",
        /// The number, duration or instant is outside of the allowed range.
        OutOfRange = "out_of_range",
        /// The value does not have the form that the field requires.
        Malformed = "malformed",
        /// The password, code or credential is not the right one. Which part of a log-in is wrong is not told.
        Incorrect = "incorrect",
        /// There is no such object, or it is not the viewer's.
        NotFound = "not_found",
        /// The password is too easily guessed.
        TooCommon = "too_common",
        /// The token or code is unknown, used or out of date.
        Expired = "expired",
        /// The object is not in a state in which this can be done.
        WrongState = "wrong_state",
        /// What the input refers to has changed since it was read.
        Changed = "changed",
        /// The list has the same entry twice.
        Duplicate = "duplicate",
        /// The partner recorded what looks like the same scene; the payload shows it.
        SimilarExists = "similar_exists",
        /// The session must first prove again who holds it: see `reauthenticate`.
        ReauthenticationRequired = "reauthentication_required",
        /// The viewer has as many of these as are allowed; it may be possible again after a while.
        TooMany = "too_many",
        /// Too many tries, or too many people at once; `retryAfterSeconds` says when to try again.
        TryLater = "try_later",
        /// The account is on hold: the health-data consent is withdrawn, or the account is about to be erased.
        OnHold = "on_hold",
    }
}

/// One problem of an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The path of the field inside `input`, such as `terms.protocol`.
    pub field: String,
    /// The stable code.
    pub code: ProblemCode,
    /// A sentence that may be shown to the person.
    pub sentence: String,
    /// With [`ProblemCode::TryLater`]: the seconds to wait.
    pub retry_after: Option<u32>,
}

impl Problem {
    /// A problem of `field`.
    pub fn new(field: impl Into<String>, code: ProblemCode, sentence: impl Into<String>) -> Self {
        Self { field: field.into(), code, sentence: sentence.into(), retry_after: None }
    }

    /// The object that `field` names is missing or another person's: the two look the same (R29).
    pub fn not_found(field: &str) -> Self {
        Self::new(field, ProblemCode::NotFound, "There is nothing here under this id.")
    }

    /// The same problem of a field inside `outer`.
    #[must_use]
    pub fn inside(self, outer: &str) -> Self {
        Self { field: format!("{outer}.{}", self.field), ..self }
    }

    /// Too many tries, or too much load; to be tried again after `seconds` (R34).
    pub fn try_later(field: &str, seconds: u32) -> Self {
        let sentence = "That was often. Please wait a little, then try again.";
        Self { retry_after: Some(seconds), ..Self::new(field, ProblemCode::TryLater, sentence) }
    }

    /// As [`Problem::try_later`], without a specific field.
    pub fn too_often(seconds: u32) -> Self {
        Self::try_later("input", seconds)
    }

    /// The state of the object that `field` names does not allow this.
    pub fn wrong_state(field: &str, sentence: &str) -> Self {
        Self::new(field, ProblemCode::WrongState, sentence)
    }
}

/// Collects the problems of an input, so that the person sees all of them at once.
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

    /// The value of a result; None after noting its problem.
    pub fn take<T>(&mut self, result: Result<T, Problem>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(problem) => {
                self.0.push(problem);
                None
            }
        }
    }

    /// Checks and trims a text of at most `max` characters; it may be empty.
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

    /// As [`Checks::text`], for one line that must not be empty.
    pub fn line(&mut self, field: &str, value: String, max: usize) -> String {
        let text = self.text(field, value, max);
        if text.is_empty() {
            self.note(Problem::new(field, ProblemCode::Required, "Please fill this in."));
        } else if text.chars().any(is_layout) {
            self.note(Problem::new(field, ProblemCode::Malformed, "Only one line fits here."));
        }
        text
    }

    /// As [`Checks::text`], for one or more lines that must not be empty.
    pub fn written(&mut self, field: &str, value: String, max: usize) -> String {
        let text = self.text(field, value, max);
        if text.is_empty() {
            self.note(Problem::new(field, ProblemCode::Required, "Please write something."));
        }
        text
    }

    /// Checks that a list has at most `max` entries.
    pub fn list<T>(&mut self, field: &str, values: &[T], max: usize) {
        if values.len() > max {
            let sentence = format!("At most {max} entries fit here.");
            self.note(Problem::new(field, ProblemCode::TooLong, sentence));
        }
    }

    /// Checks that a number is from `least` to `most`.
    pub fn range(&mut self, field: &str, value: i64, least: i64, most: i64) {
        if value < least || value > most {
            let sentence = format!("This must be from {least} to {most}.");
            self.note(Problem::new(field, ProblemCode::OutOfRange, sentence));
        }
    }

    /// `value`, if there is no problem. None is allowed only if its problem was noted.
    pub fn finish_with<T>(self, value: Option<T>) -> Result<T, Vec<Problem>> {
        match value {
            Some(value) => self.finish(value),
            None => Err(self.0),
        }
    }

    /// `value`, if there is no problem.
    pub fn finish<T>(self, value: T) -> Result<T, Vec<Problem>> {
        if self.0.is_empty() { Ok(value) } else { Err(self.0) }
    }
}

/// Characters that a text of several lines may contain and one line may not: line breaks, tabs and
/// bidirectional controls (Unicode Standard Annex 9).
fn is_layout(c: char) -> bool {
    matches!(c, '\n' | '\t' | '\r' | '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fields that are wrong, each with its code.
    fn found(checks: Checks) -> Vec<(String, ProblemCode)> {
        let problems = checks.finish(()).err().unwrap_or_default();
        problems.into_iter().map(|problem| (problem.field, problem.code)).collect()
    }

    /// The value that one check returns, and the code of its problem.
    fn check<T>(run: impl FnOnce(&mut Checks) -> T) -> (T, Option<ProblemCode>) {
        let mut checks = Checks::new();
        let value = run(&mut checks);
        let found = found(checks);
        assert!(found.len() <= 1, "{found:?}");
        (value, found.first().map(|(_, code)| *code))
    }

    #[test]
    fn r34_a_text_is_trimmed_bounded_and_without_control_characters() {
        use ProblemCode::{Malformed, TooLong};
        let text = |value: &str| check(|checks| checks.text("field", value.to_owned(), 4));
        for (value, kept, code) in [
            ("", "", None),
            ("  four ", "four", None),
            ("éééé", "éééé", None),
            ("five5", "five5", Some(TooLong)),
            ("sixsix", "sixsix", Some(TooLong)),
            ("a\nb", "a\nb", None),
            ("a\u{0}b", "a\u{0}b", Some(Malformed)),
            ("a\u{1b}", "a\u{1b}", Some(Malformed)),
        ] {
            assert_eq!(text(value), (kept.to_owned(), code), "{value:?}");
        }
    }

    #[test]
    fn r34_a_line_is_filled_in_and_one_line() {
        use ProblemCode::{Malformed, Required, TooLong};
        let line = |value: &str| check(|checks| checks.line("field", value.to_owned(), 4));
        for (value, kept, code) in [
            (" one ", "one", None),
            ("  ", "", Some(Required)),
            ("a\nb", "a\nb", Some(Malformed)),
            ("a\u{202e}b", "a\u{202e}b", Some(Malformed)),
            ("a\u{2029}b", "a\u{2029}b", Some(Malformed)),
            ("a\u{2069}b", "a\u{2069}b", Some(Malformed)),
            ("five5", "five5", Some(TooLong)),
        ] {
            assert_eq!(line(value), (kept.to_owned(), code), "{value:?}");
        }
        let written = |value: &str| check(|checks| checks.written("field", value.to_owned(), 9));
        assert_eq!(written(" a\nb "), ("a\nb".to_owned(), None));
        assert_eq!(written(" \n "), (String::new(), Some(Required)));
    }

    #[test]
    fn r34_lists_and_numbers_have_limits() {
        use ProblemCode::{OutOfRange, TooLong};
        let list = |length| check(|checks| checks.list("field", &vec![0; length], 2)).1;
        assert_eq!([0, 2, 3, 4].map(list), [None, None, Some(TooLong), Some(TooLong)]);
        let range = |value| check(|checks| checks.range("field", value, 1, 5)).1;
        assert_eq!([1, 3, 5].map(range), [None; 3]);
        assert_eq!([-1, 0, 6, 7].map(range), [Some(OutOfRange); 4]);
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let mut checks = Checks::new();
        assert_eq!(checks.take(Ok::<_, Problem>(7)), Some(7));
        assert_eq!(checks.take::<i32>(Err(Problem::not_found("one"))), None);
        checks.note(Problem::wrong_state("two", "Not now."));
        let of = |field: &str, code| (field.to_owned(), code);
        let expected = [of("one", ProblemCode::NotFound), of("two", ProblemCode::WrongState)];
        assert_eq!(found(checks), expected);
        assert_eq!(Checks::new().finish_with(Some(7)), Ok(7));
        assert_eq!(Checks::new().finish_with::<i32>(None), Err(vec![]));
        let mut checks = Checks::new();
        checks.note(Problem::not_found("one"));
        assert_eq!(checks.finish_with(Some(7)), Err(vec![Problem::not_found("one")]));
    }

    #[test]
    fn r34_whoever_tried_too_often_is_told_when_to_try_again() {
        let problem = Problem::too_often(90);
        assert_eq!(
            (problem.field.as_str(), problem.code, problem.retry_after),
            ("input", ProblemCode::TryLater, Some(90))
        );
        assert_eq!(Problem::new("a", ProblemCode::Changed, "b").retry_after, None);
    }
}

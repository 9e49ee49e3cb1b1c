//! Texts that a client makes up, such as a UUID: of a length at which nobody guesses them and no two meet by chance.

use super::problem::{Problem, ProblemCode};

/// Fewest characters.
pub const MIN: usize = 16;
/// Most characters.
pub const MAX: usize = 64;

/// The text, if it has the length and each of its bytes fits; `form` says which do.
///
/// # Errors
/// A problem of `field`.
pub fn checked(field: &str, text: String, fits: impl Fn(u8) -> bool, form: &str) -> Result<String, Problem> {
    let problem = |code, sentence: String| Err(Problem::new(field, code, sentence));
    match text.len() {
        0..MIN => problem(ProblemCode::TooShort, format!("It has at least {MIN} characters.")),
        MIN..=MAX if text.bytes().all(fits) => Ok(text),
        MIN..=MAX => problem(ProblemCode::Malformed, form.to_owned()),
        _ => problem(ProblemCode::TooLong, format!("It has at most {MAX} characters.")),
    }
}

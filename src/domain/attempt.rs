//! Attempts: a secret that a client makes for one act, and sends again with it if the answer was lost.

use super::problem::{Problem, ProblemCode};

/// Fewest characters: as many as nobody guesses.
pub const MIN: usize = 16;
/// Most characters.
pub const MAX: usize = 64;

/// An attempt: 16 to 64 visible ASCII characters, such as a UUID. It is known to nobody but the client that made it.
pub struct Attempt(String);

impl Attempt {
    /// Reads an attempt.
    ///
    /// # Errors
    /// A problem of `attempt`.
    pub fn parse(text: String) -> Result<Self, Problem> {
        let problem = |code, sentence: String| Err(Problem::new("attempt", code, sentence));
        match text.len() {
            0..MIN => problem(ProblemCode::TooShort, format!("It has at least {MIN} characters.")),
            MIN..=MAX if text.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(Self(text)),
            MIN..=MAX => problem(ProblemCode::Malformed, "It has visible ASCII characters only.".to_owned()),
            _ => problem(ProblemCode::TooLong, format!("It has at most {MAX} characters.")),
        }
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_is_long_enough_not_to_be_guessed() {
        let read =
            |text: &str| Attempt::parse(text.to_owned()).map(|read| read.0).map_err(|problem| problem.code);
        assert_eq!(read(&"a".repeat(MIN)), Ok("a".repeat(MIN)));
        assert_eq!(read(&"a".repeat(MAX)), Ok("a".repeat(MAX)));
        assert_eq!(read(&"a".repeat(MIN - 1)), Err(ProblemCode::TooShort));
        assert_eq!(read(&"a".repeat(MAX + 1)), Err(ProblemCode::TooLong));
        assert_eq!(read("sixteen with gaps"), Err(ProblemCode::Malformed));
        assert_eq!(read("sixteen-with-ümlauts"), Err(ProblemCode::Malformed));
    }
}

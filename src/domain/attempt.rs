//! Attempts: a secret that a client makes for one act, and sends again with it if the answer was lost.

use super::made_up_text;
use super::problem::Problem;

/// An attempt: 16 to 64 visible ASCII characters, such as a UUID. It is known to nobody but the client that made it.
#[derive(Clone)]
pub struct Attempt(String);

impl Attempt {
    /// Reads an attempt.
    ///
    /// # Errors
    /// A problem of `attempt`.
    pub fn parse(text: String) -> Result<Self, Problem> {
        let form = "It has visible ASCII characters only.";
        made_up_text::checked("attempt", text, |byte| byte.is_ascii_graphic(), form).map(Self)
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::made_up_text::{MAX, MIN};
    use crate::domain::problem::ProblemCode;

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

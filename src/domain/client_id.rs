//! Client ids: what an app calls something that it creates, so that asking again creates nothing twice.

use super::made_up_text;
use super::problem::{Problem, ProblemCode};

/// An id that an app made, such as a UUID.
pub struct ClientId(String);

impl ClientId {
    /// Reads a client id: 16 to 64 ASCII letters, digits, `-` and `_`.
    ///
    /// # Errors
    /// A problem of `clientId`.
    pub fn parse(text: String) -> Result<Self, Problem> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        let form = "It has letters from A to Z, digits, - and _ only.";
        made_up_text::checked("clientId", text, fits, form).map(Self)
    }

    /// The problem of an id that stands for something of another kind.
    pub fn taken() -> Problem {
        let sentence = "Something of another kind was created under this id.";
        Problem::new("clientId", ProblemCode::Duplicate, sentence)
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

    #[test]
    fn r04_a_client_id_has_so_many_letters_digits_and_strokes() {
        let read =
            |text: &str| ClientId::parse(text.to_owned()).map(|read| read.0).map_err(|problem| problem.code);
        for good in
            ["0192f0c1-7d5e-7c3b-9a41-6b1f4e2d8c07", "under_score-STROKE", &"a".repeat(MIN), &"Z".repeat(MAX)]
        {
            assert_eq!(read(good), Ok(good.to_owned()));
        }
        assert_eq!(read(""), Err(ProblemCode::TooShort));
        assert_eq!(read(&"a".repeat(MIN - 1)), Err(ProblemCode::TooShort));
        assert_eq!(read(&"a".repeat(MAX + 1)), Err(ProblemCode::TooLong));
        for bad in
            ["sixteen with gaps", "sixteen.with.dots", "sixteen-with-ümlauts", "sixteen-and-\u{0}-more"]
        {
            assert_eq!(read(bad), Err(ProblemCode::Malformed), "{bad}");
        }
    }
}

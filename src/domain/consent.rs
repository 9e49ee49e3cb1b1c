//! The statements that a person makes: their words, and whether those that were made are the current ones.

use super::account::ConsentKind;
use super::problem::{Checks, Problem, ProblemCode};
use serde::{Deserialize, Serialize};

impl ConsentKind {
    /// The words that a person reads and says yes to. Whoever changes them changes [`ConsentKind::version`] too.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Adult => "I am an adult (18 or older).",
            Self::HealthData => {
                "Evenkeel may keep what I write about my wellbeing, to remind me and, as I choose, my partner."
            }
        }
    }

    /// The version of these words.
    pub const fn version(self) -> &'static str {
        match self {
            Self::Adult | Self::HealthData => "2026-11",
        }
    }
}

/// A statement that a person made: which one, and the version of the words that they saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// Which statement.
    pub kind: ConsentKind,
    /// The version of its words.
    pub version: String,
}

impl Statement {
    /// Checks that the words were the current ones; `field` is the version's.
    ///
    /// # Errors
    /// The problem, if the words changed, or never were of this version.
    pub fn check_version(&self, field: &str) -> Result<(), Problem> {
        if self.version == self.kind.version() {
            return Ok(());
        }
        let sentence = "These words have changed. Please read the current ones in `consentTexts`.";
        Err(Problem::new(field, ProblemCode::Changed, sentence))
    }
}

/// Checks that every statement is made, once and in its current words.
pub fn check_all(checks: &mut Checks, field: &str, made: &[Statement]) {
    let count = |kind| made.iter().filter(|statement| statement.kind == kind).count();
    for kind in ConsentKind::ALL.iter().copied() {
        match count(kind) {
            0 => {
                let sentence = format!("An account needs this statement: {}", kind.text());
                checks.note(Problem::new(field, ProblemCode::Required, sentence));
            }
            1 => {}
            _ => {
                let sentence = "The same statement is there twice.";
                checks.note(Problem::new(field, ProblemCode::Duplicate, sentence));
            }
        }
    }
    // Beyond these there are only repetitions.
    for (n, statement) in made.iter().enumerate().take(ConsentKind::ALL.len()) {
        checks.take(statement.check_version(&format!("{field}.{n}.version")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_statement_is_made_once_in_its_current_words() {
        use ConsentKind::{Adult, HealthData};
        let current = |kind: ConsentKind| Statement { kind, version: kind.version().to_owned() };
        let old = |kind| Statement { kind, version: "2020-01".to_owned() };
        let found = |made: &[Statement]| {
            let mut checks = Checks::new();
            check_all(&mut checks, "consents", made);
            let problems = checks.finish(()).err().unwrap_or_default();
            problems.into_iter().map(|one| (one.field, one.code)).collect::<Vec<_>>()
        };
        let of = |field: &str, code| (field.to_owned(), code);
        assert_eq!(found(&[current(HealthData), current(Adult)]), []);
        assert_eq!(found(&[current(Adult)]), [of("consents", ProblemCode::Required)]);
        assert_eq!(found(&[]).len(), 2);
        let twice = [current(Adult), current(HealthData), current(Adult)];
        assert_eq!(found(&twice), [of("consents", ProblemCode::Duplicate)]);
        assert_eq!(
            found(&[current(Adult), old(HealthData)]),
            [of("consents.1.version", ProblemCode::Changed)]
        );
    }
}

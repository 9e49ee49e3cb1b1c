//! Patches: what is left out stays, and null clears.

use super::problem::{Checks, Problem, ProblemCode};

/// What a change says of one field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Patch<T> {
    /// Left out: the field stays.
    #[default]
    Keep,
    /// Null: the field becomes empty.
    Clear,
    /// The field becomes this.
    Set(T),
}

impl<T> Patch<T> {
    /// The same of a value that is made of this one.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Patch<U> {
        match self {
            Self::Keep => Patch::Keep,
            Self::Clear => Patch::Clear,
            Self::Set(value) => Patch::Set(f(value)),
        }
    }

    /// The field after the change; cleared, it has its default.
    pub fn over(self, before: T) -> T
    where
        T: Default,
    {
        match self {
            Self::Keep => before,
            Self::Clear => T::default(),
            Self::Set(value) => value,
        }
    }

    /// The new value of a field that may be empty, as columns take it; None: it stays.
    pub fn column(self) -> Option<Option<T>> {
        match self {
            Self::Keep => None,
            Self::Clear => Some(None),
            Self::Set(value) => Some(Some(value)),
        }
    }

    /// The new value of a field that cannot be empty; None: it stays, or the problem was noted.
    pub fn needed(self, checks: &mut Checks, field: &str) -> Option<T> {
        match self {
            Self::Keep => None,
            Self::Clear => {
                let sentence = "This cannot be empty. Leave it out to keep it as it is.";
                checks.note(Problem::new(field, ProblemCode::Required, sentence));
                None
            }
            Self::Set(value) => Some(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_stays_and_null_clears() {
        let all = [Patch::Keep, Patch::Clear, Patch::Set(7)];
        assert_eq!(all.clone().map(|patch| patch.over(5)), [5, 0, 7]);
        assert_eq!(all.clone().map(|patch| patch.map(Some).over(Some(5))), [Some(5), None, Some(7)]);
        assert_eq!(all.clone().map(Patch::column), [None, Some(None), Some(Some(7))]);
        assert_eq!(all.map(|patch| patch.map(|n| n + 1)), [Patch::Keep, Patch::Clear, Patch::Set(8)]);
        assert_eq!(Patch::<i32>::default(), Patch::Keep);
    }

    #[test]
    fn a_field_that_cannot_be_empty_is_not_cleared() {
        let of = |patch: Patch<i32>| {
            let mut checks = Checks::new();
            let value = patch.needed(&mut checks, "zone");
            checks.finish(value).map_err(|found| (found[0].field.clone(), found[0].code, found.len()))
        };
        assert_eq!(of(Patch::Keep), Ok(None));
        assert_eq!(of(Patch::Set(7)), Ok(Some(7)));
        assert_eq!(of(Patch::Clear), Err(("zone".to_owned(), ProblemCode::Required, 1)));
    }
}

//! Reads the fields of patches. Their inputs say "a patch": what is left out stays, and null clears.

use crate::domain::patch::Patch;
use async_graphql::MaybeUndefined;

impl<T, U: From<T>> From<MaybeUndefined<T>> for Patch<U> {
    fn from(field: MaybeUndefined<T>) -> Self {
        match field {
            MaybeUndefined::Undefined => Self::Keep,
            MaybeUndefined::Null => Self::Clear,
            MaybeUndefined::Value(value) => Self::Set(value.into()),
        }
    }
}

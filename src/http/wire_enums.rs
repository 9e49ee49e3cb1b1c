//! The domain's enums in JSON, with the same names as in the GraphQL API.

use crate::actions::check_ins::page;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

macro_rules! spelled {
    ($($(#[$doc:meta])* $name:ident = $word:ty),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub(super) struct $name(pub(super) $word);

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0.word().to_ascii_uppercase())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let said = String::deserialize(deserializer)?;
                let found = <$word>::ALL.iter().find(|value| value.word().to_ascii_uppercase() == said);
                found.map(|value| Self(*value)).ok_or_else(|| serde::de::Error::custom("no such word"))
            }
        }

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let words = <$word>::ALL.iter().map(|value| value.word().to_ascii_uppercase());
                ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).into()
            }
        }

        impl ToSchema for $name {}
    )*};
}

spelled! {
    /// A sign that somebody notices in themselves.
    SignWord = page::Sign,
    /// How much of it there is.
    DegreeWord = page::SignDegree,
    /// What of an answer the partner sees.
    SharingWord = page::AnswerSharing,
    /// Why an input was not taken.
    Code = page::ProblemCode,
}

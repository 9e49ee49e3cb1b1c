//! The pure rules: what is allowed, what falls due and when, what may be shown. No I/O, no clock; `now` is a parameter.

pub mod account;
pub mod answer;
pub mod attempt;
pub mod change;
pub mod check_in;
pub mod client_id;
pub mod clock_doubt;
pub mod consent;
pub mod copied_code;
pub mod data_rights;
pub mod debrief;
pub mod device;
pub mod explanation;
pub mod guidance;
pub mod hand_over;
pub mod help_line;
pub mod insight;
pub mod journal;
pub mod keyset_page;
pub mod ladder;
pub mod lane;
pub mod made_up_text;
pub mod mail_reply;
pub mod negotiation;
pub mod nudge;
pub mod page;
pub mod partner_link;
pub mod password;
pub mod patch;
pub mod plea;
pub mod problem;
pub mod promise;
pub mod protocol;
pub mod quiet_hours;
pub mod reachability;
pub mod retention;
pub mod revision_text;
pub mod scene;
pub mod timetable;
pub mod together;
pub mod totp;
pub mod wording;
pub mod zone_rules;

/// Declares an enum with one fixed word per value: in the database, in JSON and (in upper case, by
/// async-graphql) in the API. The doc comments are the API's descriptions.
macro_rules! words {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$doc:meta])* $value:ident = $word:literal),* $(,)? }) => {
        $(#[$meta])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
            async_graphql::Enum, diesel::expression::AsExpression, diesel::deserialize::FromSqlRow,
        )]
        #[diesel(sql_type = diesel::sql_types::Text)]
        pub enum $name { $($(#[$doc])* #[serde(rename = $word)] $value),* }

        impl $name {
            /// Every value, in order.
            pub const ALL: &'static [Self] = &[$(Self::$value),*];

            /// The word that stands for the value in the database and in JSON.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$value => $word),* }
            }

            /// The value that a word stands for.
            pub fn of_word(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$value),)*
                    _ => None,
                }
            }
        }

        $crate::domain::text_column!($name);
    };
}
pub(crate) use words;

/// Stores a type in a text column by its `word`, and reads it by its `of_word`.
macro_rules! text_column {
    ($name:ident) => {
        impl<DB: diesel::backend::Backend> diesel::serialize::ToSql<diesel::sql_types::Text, DB> for $name
        where
            str: diesel::serialize::ToSql<diesel::sql_types::Text, DB>,
        {
            fn to_sql<'b>(
                &'b self,
                out: &mut diesel::serialize::Output<'b, '_, DB>,
            ) -> diesel::serialize::Result {
                self.word().to_sql(out)
            }
        }

        impl<DB: diesel::backend::Backend> diesel::deserialize::FromSql<diesel::sql_types::Text, DB> for $name
        where
            String: diesel::deserialize::FromSql<diesel::sql_types::Text, DB>,
        {
            fn from_sql(value: DB::RawValue<'_>) -> diesel::deserialize::Result<Self> {
                let word = String::from_sql(value)?;
                Self::of_word(&word).ok_or_else(|| format!("{word:?} is not a {}", stringify!($name)).into())
            }
        }
    };
}
pub(crate) use text_column;

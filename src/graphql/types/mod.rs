//! The API's object types, one file per subject.

pub mod account;
pub mod change;
pub mod check_in;
pub mod check_in_time;
pub mod data_rights;
pub mod debrief;
pub mod factor;
pub mod guidance;
pub mod insight;
pub mod journal;
pub mod negotiation;
pub mod nudge;
pub mod partner_link;
pub mod scene;
pub mod solo_plan;
pub mod text;

use async_graphql::{Enum, InputValueError, InputValueResult, Scalar, ScalarType, Value};
use jiff::Timestamp;

/// An instant as RFC 3339 says it, in UTC, such as `2026-10-24T20:15:00Z`. Microseconds are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateTime(pub Timestamp);

/// 2200-01-01T00:00:00Z, the first instant that is too late.
const END: Timestamp = Timestamp::constant(7_258_118_400, 0);

impl DateTime {
    /// Whether an instant lies from 1970 to 2199. Years far outside would overflow calculations and the range of the
    /// database.
    pub fn is_sayable(at: Timestamp) -> bool {
        (Timestamp::UNIX_EPOCH..END).contains(&at)
    }
}

/// An instant as RFC 3339 says it, in UTC, such as `2026-10-24T20:15:00Z`; from 1970 to 2199. Microseconds are kept.
#[Scalar(name = "DateTime", specified_by_url = "https://scalars.graphql.org/andimarek/date-time")]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else { return Err(InputValueError::expected_type(value)) };
        let instant = text.parse::<Timestamp>().ok().filter(|at| Self::is_sayable(*at));
        instant.map(|at| Self(crate::clock::whole_micros(at))).ok_or_else(|| {
            InputValueError::custom("not an instant such as 2026-10-24T20:15:00Z, from 1970 to 2199")
        })
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

impl From<DateTime> for Timestamp {
    fn from(at: DateTime) -> Self {
        at.0
    }
}

impl From<Timestamp> for DateTime {
    fn from(at: Timestamp) -> Self {
        Self(at)
    }
}

/// Which of the two people of a link is meant, seen by the signed-in person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum Who {
    /// The signed-in person.
    Me,
    /// The other one.
    Partner,
}

impl Who {
    /// Which of the two an account is.
    pub fn of(account: crate::ids::AccountId, me: crate::ids::AccountId) -> Self {
        if account == me { Self::Me } else { Self::Partner }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_lies_from_1970_to_2199_to_the_fraction_of_a_second() {
        let parse = |text: &str| DateTime::parse(Value::from(text)).ok().map(|at| at.0.to_string());
        for good in ["1970-01-01T00:00:00Z", "2199-12-31T23:59:59.999999Z"] {
            assert_eq!(parse(good).as_deref(), Some(good));
        }
        for bad in ["1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59Z", "2200-01-01T00:00:00Z"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}

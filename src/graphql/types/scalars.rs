//! The scalars: instants, days, local times and time zones.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use jiff::Timestamp;

/// An instant as RFC 3339 says it, in UTC and with three fractional digits, such as `2026-10-24T20:15:00.000Z`.
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

/// An instant as RFC 3339 says it, in UTC and with three fractional digits, such as `2026-10-24T20:15:00.000Z`; from 1970
/// to 2199. An input may have any offset and any number of fractional digits; it is cut to whole milliseconds.
#[Scalar(name = "DateTime", specified_by_url = "https://scalars.graphql.org/andimarek/date-time")]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else { return Err(InputValueError::expected_type(value)) };
        let instant = text.parse::<Timestamp>().ok().filter(|at| Self::is_sayable(*at));
        instant.map(|at| Self(crate::clock::whole_millis(at))).ok_or_else(|| {
            InputValueError::custom("not an instant such as 2026-10-24T20:15:00.000Z, from 1970 to 2199")
        })
    }

    fn to_value(&self) -> Value {
        Value::String(format!("{:.3}", self.0))
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

/// A day of the calendar without a time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date(pub jiff::civil::Date);

/// A calendar day in the viewer's time zone, such as `2026-10-24`.
#[Scalar(name = "Date", specified_by_url = "https://scalars.graphql.org/andimarek/local-date")]
impl ScalarType for Date {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else { return Err(InputValueError::expected_type(value)) };
        text.parse().map(Self).map_err(|_| InputValueError::custom("not a day such as 2026-10-24"))
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

impl From<jiff::civil::Date> for Date {
    fn from(day: jiff::civil::Date) -> Self {
        Self(day)
    }
}

/// Declares a scalar that is a text of a certain form. A person may have typed it, so any text is read: one that is not of
/// the form gets a problem of its field from the action.
macro_rules! typed_text {
    ($(#[$doc:meta])* $name:ident, $url:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name(pub String);

        $(#[$doc])*
        #[Scalar(specified_by_url = $url)]
        impl ScalarType for $name {
            fn parse(value: Value) -> InputValueResult<Self> {
                match value {
                    Value::String(text) => Ok(Self(text)),
                    other => Err(InputValueError::expected_type(other)),
                }
            }

            fn to_value(&self) -> Value {
                Value::String(self.0.clone())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }

        impl From<$name> for String {
            fn from(typed: $name) -> Self {
                typed.0
            }
        }
    };
}

typed_text!(
    /// A time of day without a time zone: hours and minutes of a 24-hour clock, such as `09:00` or `22:30`.
    LocalTime,
    "https://www.rfc-editor.org/rfc/rfc3339#section-5.6"
);
typed_text!(
    /// The name of a time zone in the IANA database, such as `Europe/Berlin`. Older names are taken, too.
    TimeZone,
    "https://data.iana.org/time-zones/theory.html"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_lies_from_1970_to_2199_and_has_three_fractional_digits() {
        let parse = |text: &str| DateTime::parse(Value::from(text)).ok().map(|at| at.to_value());
        for (said, kept) in [
            ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z"),
            ("2199-12-31T23:59:59.999999Z", "2199-12-31T23:59:59.999Z"),
            ("2026-10-24T22:15:00.25+02:00", "2026-10-24T20:15:00.250Z"),
        ] {
            assert_eq!(parse(said), Some(Value::from(kept)));
            assert_eq!(parse(kept), Some(Value::from(kept)), "what is read can be sent back");
        }
        for bad in ["1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59Z", "2200-01-01T00:00:00Z", "soon"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_day_has_no_time() {
        let parse = |text: &str| Date::parse(Value::from(text)).ok().map(|day| day.to_value());
        assert_eq!(parse("2028-02-29"), Some(Value::from("2028-02-29")));
        for bad in ["2027-02-29", "29.2.2028", "2028-02-30", "today"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}

//! The times of a protocol: read as an interface with a sentence, written as one of the kinds that there are.

use super::LocalTime;
use crate::domain::protocol::{self as rules, Since, TimeGiven, When, WhenGiven};
use crate::domain::quiet_hours::spelled_minute;
use async_graphql::{InputObject, Interface, OneofObject, SimpleObject};

/// When a check-in falls due. More may be added. For a kind that an app does not know it shows `sentence`.
#[derive(Clone, Interface)]
#[graphql(field(
    name = "sentence",
    ty = "String",
    desc = "The time in words, as the end of \"you are asked …\", such as `the next day at 09:00`."
))]
pub enum CheckInTime {
    /// A number of minutes after the scene's end.
    AfterEnd(AfterEnd),
    /// At a local time, so many days after the scene's end.
    OnDay(OnDay),
    /// So long after the two parted.
    AfterParting(AfterParting),
    /// At a local time, so many days after the two parted.
    OnDayAfterParting(OnDayAfterParting),
}

/// A number of minutes after the scene's end.
#[derive(Clone, SimpleObject)]
pub struct AfterEnd {
    /// The time in words.
    sentence: String,
    /// Minutes after the scene's end, 0 to 20160 (14 days).
    minutes: u32,
}

/// At a local time of the person who is asked, a number of days after the scene's end. A scene that ends before 04:00
/// counts as the day before, and so does a local time before 04:00. Where clocks change, the later of two instants is
/// meant. If the time is past when the scene ends, the check-in falls due half an hour after the end; each is at
/// least half an hour after the one before.
#[derive(Clone, SimpleObject)]
pub struct OnDay {
    /// The time in words.
    sentence: String,
    /// From 0 (the same day) to 14.
    days_after: u32,
    /// The time of day.
    local_time: LocalTime,
}

/// A number of minutes after the two part, for scenes in person. As long as `Scene.partedAt` is null, the scene has
/// no such check-in.
#[derive(Clone, SimpleObject)]
pub struct AfterParting {
    /// The time in words.
    sentence: String,
    /// Minutes after the two part, 0 to 20160 (14 days).
    minutes: u32,
}

/// At a local time of the person who is asked, a number of days after the two part; otherwise like `OnDay` and
/// `AfterParting`.
#[derive(Clone, SimpleObject)]
pub struct OnDayAfterParting {
    /// The time in words.
    sentence: String,
    /// From 0 (the same day) to 14.
    days_after: u32,
    /// The time of day.
    local_time: LocalTime,
}

impl From<rules::CheckInTime> for CheckInTime {
    fn from(time: rules::CheckInTime) -> Self {
        let sentence = time.sentence();
        match (time.since, time.when) {
            (Since::End, When::After { minutes }) => Self::AfterEnd(AfterEnd { sentence, minutes }),
            (Since::Parting, When::After { minutes }) => {
                Self::AfterParting(AfterParting { sentence, minutes })
            }
            (Since::End, When::OnDay { days, minute }) => {
                Self::OnDay(OnDay { sentence, days_after: days, local_time: spelled_minute(minute).into() })
            }
            (Since::Parting, When::OnDay { days, minute }) => Self::OnDayAfterParting(OnDayAfterParting {
                sentence,
                days_after: days,
                local_time: spelled_minute(minute).into(),
            }),
        }
    }
}

/// The times of a protocol, in order.
pub fn times(protocol: &rules::CheckInProtocol) -> Vec<CheckInTime> {
    protocol.times().iter().copied().map(Into::into).collect()
}

/// A number of minutes after an event.
#[derive(Clone, InputObject)]
pub struct AfterInput {
    /// Minutes after it, 0 to 20160 (14 days).
    minutes: i32,
}

/// At a local time of the person who is asked, a number of days after an event.
#[derive(Clone, InputObject)]
pub struct OnDayInput {
    /// From 0 (the same day) to 14.
    days_after: i32,
    /// The time of day.
    local_time: LocalTime,
}

/// When a check-in is to fall due. Exactly one field must be given.
#[derive(Clone, OneofObject)]
pub enum CheckInTimeInput {
    /// A number of minutes after the scene's end.
    AfterEnd(AfterInput),
    /// At a local time, a number of days after the scene's end.
    OnDay(OnDayInput),
    /// A number of minutes after the two part; for scenes in person.
    AfterParting(AfterInput),
    /// At a local time, a number of days after the two part; for scenes in person.
    OnDayAfterParting(OnDayInput),
}

/// When a check-in after a scene of the viewer alone is to fall due. Exactly one field must be given.
#[derive(Clone, OneofObject)]
pub enum SoloCheckInTimeInput {
    /// A number of minutes after the scene's end.
    AfterEnd(AfterInput),
    /// At a local time, a number of days after the scene's end.
    OnDay(OnDayInput),
}

impl From<SoloCheckInTimeInput> for TimeGiven {
    fn from(input: SoloCheckInTimeInput) -> Self {
        match input {
            SoloCheckInTimeInput::AfterEnd(input) => CheckInTimeInput::AfterEnd(input).into(),
            SoloCheckInTimeInput::OnDay(input) => CheckInTimeInput::OnDay(input).into(),
        }
    }
}

impl From<CheckInTimeInput> for TimeGiven {
    fn from(input: CheckInTimeInput) -> Self {
        let after = |AfterInput { minutes }| WhenGiven::After { minutes };
        let on_day = |OnDayInput { days_after, local_time }| WhenGiven::OnDay {
            days: days_after,
            local_time: local_time.into(),
        };
        let (field, since, when) = match input {
            CheckInTimeInput::AfterEnd(input) => ("afterEnd", Since::End, after(input)),
            CheckInTimeInput::OnDay(input) => ("onDay", Since::End, on_day(input)),
            CheckInTimeInput::AfterParting(input) => ("afterParting", Since::Parting, after(input)),
            CheckInTimeInput::OnDayAfterParting(input) => {
                ("onDayAfterParting", Since::Parting, on_day(input))
            }
        };
        Self { field, since, when }
    }
}

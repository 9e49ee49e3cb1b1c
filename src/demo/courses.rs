//! What the demo plays: a list of courses. A new one is a function in a file of its own and an entry here.

mod evening;
mod forenoon;
mod night;
mod visit;
mod week;

use super::story::Story;
use crate::app::StartError;
use std::pin::Pin;

/// A course while it is lived.
pub type Living<'s> = Pin<Box<dyn Future<Output = Result<(), StartError>> + 's>>;

/// One course, with a service of its own.
pub struct Course {
    /// What it is about.
    pub heading: &'static str,
    /// When it begins.
    pub start: &'static str,
    /// Lives it.
    pub live: for<'s> fn(&'s mut Story<'_>) -> Living<'s>,
}

/// All of them, in the order in which they are told.
pub const ALL: &[Course] = &[
    // The evening before Berlin's clocks go back an hour; Los Angeles follows a week later.
    Course {
        heading: "An evening, and the days after",
        start: "2026-10-24T17:30:00Z",
        live: |story| Box::pin(evening::live(story)),
    },
    Course {
        heading: "A forenoon, and nobody answers in Los Angeles",
        start: "2026-10-13T08:30:00Z",
        live: |story| Box::pin(forenoon::live(story)),
    },
    Course {
        heading: "Two in the morning",
        start: "2026-10-14T00:00:00Z",
        live: |story| Box::pin(night::live(story)),
    },
    Course {
        heading: "Five evenings in a row, and everything is answered",
        start: "2026-10-12T17:30:00Z",
        live: |story| Box::pin(week::live(story)),
    },
    Course {
        heading: "A visit that ends at an airport",
        start: "2026-10-16T17:30:00Z",
        live: |story| Box::pin(visit::live(story)),
    },
];

//! The demo: plays what people live through on a simulated clock, with a push service and a mail server of its own.

mod courses;
pub mod loopback;
pub mod push_receiver;
pub mod smtp_receiver;
pub mod stage;
mod steps;
mod story;

use crate::app::StartError;
use std::io::Write;
use story::Story;

/// Plays each course, and prints, in order and in each person's local time, what each phone and inbox receives. It uses
/// the whole service: HTTP, database, encryption, push and mail.
///
/// # Errors
/// If any step of a course fails.
pub async fn run(out: &mut dyn Write) -> Result<(), StartError> {
    for course in courses::ALL {
        let mut story = Story::open(out, course.start.parse()?).await?;
        story.heading(course.heading)?;
        (course.live)(&mut story).await?;
        story.stage.close().await;
    }
    Ok(())
}

//! A scene on each of five evenings: both answer whatever they are asked, and nobody gets too much.

use crate::app::StartError;
use crate::demo::steps::{answer_all, come_together, record};
use crate::demo::story::{Story, Who};
use jiff::SignedDuration;

/// The evenings, and how many minutes before or after eight in Berlin each scene ends.
const EVENINGS: [(&str, i64); 5] =
    [("Monday", 0), ("Tuesday", -40), ("Wednesday", 20), ("Thursday", -25), ("Friday", 35)];

/// Five evenings and the two days after them.
pub async fn live(story: &mut Story<'_>) -> Result<(), StartError> {
    let (link, _) = come_together(story, Who::Sam).await?;
    story.minutes(30).await?;
    let eight = story.stage.now();
    for (day, (evening, shift)) in (0..).zip(EVENINGS) {
        let ended_at = eight + SignedDuration::from_mins(day * 24 * 60 + shift);
        story.until(ended_at).await?;
        story.evening(evening)?;
        record(story, &link, ended_at).await?;
        story.says("A scene has ended.")?;
        story.minutes(60).await?;
        answer(story).await?;
    }
    for day in ["Saturday", "Sunday"] {
        story.minutes(12 * 60).await?;
        story.evening(day)?;
        story.minutes(12 * 60).await?;
        answer(story).await?;
    }
    story.minutes(24 * 60).await?;
    story.says(&format!("At most {} messages came to one person on one day.", story.most_a_day()))
}

async fn answer(story: &mut Story<'_>) -> Result<(), StartError> {
    answer_all(story, Who::Alex, 4).await?;
    answer_all(story, Who::Sam, 3).await?;
    story.says("Both answer whatever they were asked.")
}

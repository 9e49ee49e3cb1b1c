//! A scene that ends at eleven in Berlin, at night in Los Angeles: the one there never answers, and the other is told.

use crate::app::StartError;
use crate::demo::steps::{answer_all, come_together, reach_out, record};
use crate::demo::story::{Story, Who};
use jiff::SignedDuration;

/// From the scene's end to the next evening in Berlin.
pub async fn live(story: &mut Story<'_>) -> Result<(), StartError> {
    let (link, _) = come_together(story, Who::Sam).await?;
    story.minutes(30).await?;
    let ended_at = story.stage.now();
    let scene = record(story, &link, ended_at).await?;
    story.says("A scene has ended. Sam goes to sleep; no message wakes anybody.")?;
    story.minutes(60).await?;
    answer_all(story, Who::Alex, 4).await?;
    story.says("Alex answers. Sam will not.")?;
    story.until(ended_at + SignedDuration::from_hours(22)).await?;
    reach_out(story, Who::Alex, &scene, "MESSAGE").await?;
    story.says(
        "Alex was told, because Sam allowed it. Sam sleeps by now: Alex writes a message for the morning.",
    )?;
    story.until(ended_at + SignedDuration::from_hours(24)).await?;
    answer_all(story, Who::Alex, 4).await?;
    story.says("Alex answers.")?;
    story.until(ended_at + SignedDuration::from_hours(30)).await?;
    answer_all(story, Who::Sam, 3).await?;
    story.says("Sam feels better, and answers for yesterday and for today. Nothing more comes.")?;
    story.until(ended_at + SignedDuration::from_hours(40)).await
}

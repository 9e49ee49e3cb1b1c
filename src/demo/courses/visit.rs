//! Sam visits Alex in Berlin and flies home: reminders of each other wait for the goodbye, and local times follow Sam.

use crate::app::StartError;
use crate::demo::steps::{answer_all, come_together_on, reach_out};
use crate::demo::story::{Story, Who};
use jiff::SignedDuration;
use serde_json::json;

/// From Friday evening to Monday night.
pub async fn live(story: &mut Story<'_>) -> Result<(), StartError> {
    let protocol = json!([
        { "afterEnd": { "minutes": 60 } },
        { "onDay": { "daysAfter": 1, "localTime": "10:00" } },
        { "onDayAfterParting": { "daysAfter": 1, "localTime": "18:00" } },
    ]);
    let (link, _) = come_together_on(story, Who::Sam, &protocol).await?;
    let query = "mutation($input: UpdateProfileInput!) { updateProfile(input: $input) { status } }";
    story.does(Who::Sam, query, json!({ "zone": "Europe/Berlin" })).await?;
    story.minutes(30).await?;
    let ended_at = story.stage.now();
    let parted_at = ended_at + SignedDuration::from_hours(42);
    let record = "mutation($input: RecordSceneInput!) { recordScene(input: $input) { status scene { id } } }";
    let scene = json!({ "linkId": link, "setting": "IN_PERSON", "intensity": 4, "endedAt": ended_at.to_string(),
        "partedAt": parted_at.to_string() });
    let scene = story.does(Who::Alex, record, scene).await?["scene"]["id"].clone();
    story.says("Sam is in Berlin. A scene has ended, and they part on Sunday at 14:00. Until then nobody is reminded of the other.")?;
    story.minutes(90).await?;
    answer_all(story, Who::Alex, 4).await?;
    answer_all(story, Who::Sam, 4).await?;
    story.says("Both answer on the sofa.")?;
    story.until(ended_at + SignedDuration::from_hours(15)).await?;
    answer_all(story, Who::Alex, 4).await?;
    answer_all(story, Who::Sam, 5).await?;
    story.says("Both answer at breakfast.")?;
    story.until(parted_at + SignedDuration::from_mins(90)).await?;
    reach_out(story, Who::Alex, &scene, "MESSAGE").await?;
    story
        .says("An hour after the goodbye each is reminded of the other. Alex writes; Sam is on the plane.")?;
    story.until(parted_at + SignedDuration::from_hours(12)).await?;
    story.does(Who::Sam, query, json!({ "zone": "America/Los_Angeles" })).await?;
    story.says("Sam is home. What is to come at a local time comes by the clock there.")?;
    story.until(parted_at + SignedDuration::from_hours(30)).await?;
    answer_all(story, Who::Alex, 3).await?;
    story.says("Monday evening, which is when the distance is felt: Alex answers.")?;
    story.until(parted_at + SignedDuration::from_hours(38)).await?;
    answer_all(story, Who::Sam, 3).await?;
    story.says("And Sam, nine hours later.")?;
    story.minutes(60).await
}

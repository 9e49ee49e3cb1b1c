//! An evening's scene: one answers, the other does not, and the partner is told.

use crate::app::StartError;
use crate::demo::steps::{answer_all, come_together, reach_out, record};
use crate::demo::story::{Story, Who};
use crate::domain::answer::RELEASE_DELAY;
use jiff::SignedDuration;
use serde_json::json;

/// From the agreement to the end of the last check-in.
pub async fn live(story: &mut Story<'_>) -> Result<(), StartError> {
    let (link, revision) = come_together(story, Who::Alex).await?;
    story.says("Alex and Sam are linked and have agreed: check-ins after 1, 24 and 48 hours.")?;
    story.minutes(30).await?;
    let ended_at = story.stage.now();
    let scene = record(story, &link, ended_at).await?;
    story.says("A scene has ended. What happens from here on, nobody has to remember.")?;

    story.minutes(60).await?;
    answer_all(story, Who::Sam, 2).await?;
    story.says(
        "Sam answers in one tap: shares the mood, keeps the note. Sam is not asked again for this one.",
    )?;
    story.until(story.stage.now() + RELEASE_DELAY).await?;
    let query = "query($input: ID!) { node(id: $input) { ... on Scene { partnerCheckIns { shared { mood note } } } } }";
    let seen = story.does(Who::Alex, query, scene.clone()).await?["partnerCheckIns"][0]["shared"].clone();
    story.says(&format!("Two minutes later Alex sees of Sam's first check-in: {seen}"))?;

    story.says("Alex does not answer.")?;
    story.until(ended_at + SignedDuration::from_hours(23)).await?;
    reach_out(story, Who::Sam, &scene, "CALL").await?;
    story.says("Sam was told, because Alex allowed it, and calls Alex.")?;

    story.until(ended_at + SignedDuration::from_hours(25)).await?;
    let query = "mutation($input: WithdrawAgreementInput!) { withdrawAgreement(input: $input) { status } }";
    story.does(Who::Alex, query, json!({ "revisionId": revision })).await?;
    story.says("Alex withdraws the agreement, without giving a reason. Sam is told nothing from here on.")?;
    let query = "mutation($input: PauseNudgesInput!) { pauseNudges(input: $input) { status } }";
    story.does(Who::Sam, query, json!({})).await?;
    story.says("Sam pauses all nudges.")?;
    story.until(ended_at + SignedDuration::from_hours(80)).await?;
    story.says("The days after are over.")
}

//! "I would like to hear from you", said while the other one sleeps, and by one who cannot sleep.

use crate::app::StartError;
use crate::demo::steps::{come_together, plea};
use crate::demo::story::{Story, Who};
use serde_json::json;

/// Two nights and what they bring.
pub async fn live(story: &mut Story<'_>) -> Result<(), StartError> {
    let (link, _) = come_together(story, Who::Sam).await?;
    plea(story, Who::Sam, &link).await?;
    story.says("Sam would like to hear from Alex, who sleeps and did not say that this may wake them.")?;
    story.minutes(8 * 60).await?;
    let query = "mutation($input: UpdateLinkInput!) { updateLink(input: $input) { status } }";
    story.does(Who::Alex, query, json!({ "linkId": link, "nightPleaPermission": "ALLOW" })).await?;
    story.says("Alex calls, and allows to be woken by this from now on.")?;
    story.minutes(16 * 60).await?;
    plea(story, Who::Sam, &link).await?;
    story.says("The next night Sam says it again.")?;
    story.minutes(30).await?;
    plea(story, Who::Alex, &link).await?;
    story.says("Now Alex cannot sleep, and would like to hear from Sam, for whom it is afternoon.")?;
    story.minutes(24 * 60).await
}

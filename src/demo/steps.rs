//! The steps that several courses of the demo share.

use super::story::{Story, Who};
use crate::app::StartError;
use jiff::Timestamp;
use serde_json::{Value, json};

/// The two link, write their Needs, and agree on a Revision. Who is named allows the other to be told of a silence.
/// Returns the ids of the link and the Revision.
pub async fn come_together(story: &mut Story<'_>, allowed_by: Who) -> Result<(Value, Value), StartError> {
    come_together_on(story, allowed_by, &Value::Null).await
}

/// As [`come_together`], with check-ins at these times; null: the usual ones.
pub async fn come_together_on(
    story: &mut Story<'_>,
    allowed_by: Who,
    protocol: &Value,
) -> Result<(Value, Value), StartError> {
    let query = "mutation($input: InvitePartnerInput!) { invitePartner(input: $input) { status code } }";
    let code = story.does(Who::Alex, query, json!({ "role": "DOMINANT" })).await?["code"].clone();
    let query =
        "mutation($input: AcceptInvitationInput!) { acceptInvitation(input: $input) { status link { id } } }";
    let accepted = story.does(Who::Sam, query, json!({ "code": code, "role": "SUBMISSIVE" })).await?;
    let link = accepted["link"]["id"].clone();
    let query = "mutation($input: WriteNeedsInput!) { writeNeeds(input: $input) { status } }";
    let needs =
        json!({ "comforts": ["WARMTH", "TALK"], "words": "You did well. I am here.", "contact": ["CALL"] });
    story.does(Who::Sam, query, json!({ "linkId": link, "needs": needs })).await?;
    let needs = json!({ "comforts": ["QUIET", "WATER"], "nearness": "SPACE", "contact": ["MESSAGE"] });
    story.does(Who::Alex, query, json!({ "linkId": link, "needs": needs })).await?;
    let query = "mutation($input: ProposeRevisionInput!) { proposeRevision(input: $input) {
        status revision { id contentHash } } }";
    let terms = json!({ "stopSignal": "red", "partnerAlert": "CALL", "contactPlan": "A call the next evening.",
        "protocol": protocol });
    let proposed = story.does(Who::Alex, query, json!({ "linkId": link, "terms": terms })).await?;
    let revision = proposed["revision"].clone();
    let yes = json!({ "revisionId": revision["id"], "contentHash": revision["contentHash"] });
    let query = "mutation($input: AgreeToRevisionInput!) { agreeToRevision(input: $input) { status } }";
    story.does(Who::Sam, query, yes.clone()).await?;
    story.does(Who::Alex, query, yes).await?;
    let query = "mutation($input: UpdateLinkInput!) { updateLink(input: $input) { status } }";
    story.does(allowed_by, query, json!({ "linkId": link, "alertPermission": "ALLOW" })).await?;
    Ok((link, revision["id"].clone()))
}

/// Alex records a scene and the aftercare; returns the scene's id.
pub async fn record(story: &mut Story<'_>, link: &Value, ended_at: Timestamp) -> Result<Value, StartError> {
    let query = "mutation($input: RecordSceneInput!) { recordScene(input: $input) { status scene { id } } }";
    let times =
        json!({ "linkId": link, "setting": "ONLINE", "intensity": 4, "endedAt": ended_at.to_string() });
    let scene = story.does(Who::Alex, query, times).await?["scene"]["id"].clone();
    let query = "mutation($input: RecordAftercareInput!) { recordAftercare(input: $input) { status } }";
    let given = json!({ "sceneId": scene, "givenBy": "BOTH", "comforts": ["TALK", "WATER"], "minutes": 25 });
    story.does(Who::Alex, query, given).await?;
    Ok(scene)
}

/// One of the two answers everything that is due, and shares the mood.
pub async fn answer_all(story: &mut Story<'_>, who: Who, mood: i32) -> Result<(), StartError> {
    let query = "query($input: Int) { viewer { checkIns(span: DUE, first: $input) { nodes { id state } } } }";
    let due = story.does(who, query, json!(20)).await?["checkIns"]["nodes"].clone();
    let open = due.as_array().into_iter().flatten().filter(|check_in| check_in["state"] == "UNANSWERED");
    for id in open.map(|check_in| &check_in["id"]) {
        let signs = json!([{ "sign": "FRAGILE", "degree": "A_LITTLE" }]);
        let input =
            json!({ "checkInId": id, "mood": mood, "signs": signs, "note": "for me", "sharing": "MOOD" });
        let query = "mutation($input: AnswerCheckInInput!) { answerCheckIn(input: $input) { status } }";
        story.does(who, query, input).await?;
    }
    Ok(())
}

/// One of the two reaches out to the other in this way.
pub async fn reach_out(story: &mut Story<'_>, who: Who, scene: &Value, way: &str) -> Result<(), StartError> {
    let query = "mutation($input: RecordOutreachInput!) { recordOutreach(input: $input) { status } }";
    story.does(who, query, json!({ "sceneId": scene, "way": way })).await?;
    Ok(())
}

/// One of the two asks to hear from the other.
pub async fn plea(story: &mut Story<'_>, who: Who, link: &Value) -> Result<(), StartError> {
    let query = "mutation($input: AskPartnerInput!) { askPartner(input: $input) { status } }";
    story.does(who, query, json!({ "partnerOf": { "linkId": link } })).await?;
    Ok(())
}

//! The steps of the story that several tests share.

use super::care::instant;
use super::care::{after_end, minutes_after};
use super::people::text;
use super::{Couple, Person, TestApp};
use serde_json::{Value, json};

/// What the two people write in these steps.
pub const WORDS: [&str; 2] = ["being left alone", "You did well."];

/// Steps 2 and 3: a code, viewed and accepted; Needs, a Revision, two Agreements to exactly one text.
pub async fn come_together(app: &TestApp, alex: Person, sam: Person) -> (Couple, Value) {
    let query = "mutation { invitePartner(input: { role: DOMINANT }) { code link { id state } } }";
    let invited = alex.ask(app, query, json!({})).await["invitePartner"].clone();
    assert_eq!(invited["link"]["state"], "INVITED");
    let code = json!({ "code": invited["code"] });
    let query = "query($code: String!) { invitation(code: $code) { displayName role } }";
    let looked = sam.ask(app, query, code.clone()).await;
    assert_eq!(looked["invitation"], json!({ "displayName": alex.name, "role": "DOMINANT" }));
    let query = "mutation($code: String!) { acceptInvitation(input: { code: $code, role: SUBMISSIVE }) {
        status link { id state partner { displayName } } } }";
    let accepted = sam.ask(app, query, code).await["acceptInvitation"].clone();
    assert_eq!(accepted["link"]["state"], "ACTIVE");
    assert_eq!(accepted["link"]["partner"]["displayName"], alex.name.as_str());
    let couple = Couple { alex, sam, link: text(&accepted["link"]["id"]) };

    let query = "mutation($input: WriteNeedsInput!) { writeNeeds(input: $input) { status } }";
    let needs =
        json!({ "comforts": ["WARMTH", "TALK"], "avoid": ["being left alone"], "words": "You did well." });
    let input = json!({ "input": { "linkId": couple.link, "needs": needs } });
    assert_eq!(couple.sam.ask(app, query, input).await["writeNeeds"]["status"], "DONE");
    let needs = json!({ "comforts": ["QUIET"], "nearness": "SPACE", "contact": ["MESSAGE", "CALL"] });
    let input = json!({ "input": { "linkId": couple.link, "needs": needs } });
    assert_eq!(couple.alex.ask(app, query, input).await["writeNeeds"]["status"], "DONE");

    let terms =
        json!({ "stopSignal": "red", "protocol": after_end(&[60, 1440, 2880]), "partnerAlert": "CALL" });
    couple.agree(app, terms, None).await;
    let query = "query($id: ID!) { node(id: $id) { ... on PartnerLink { agreedRevision { id number state contentHash
        needs { who needs { comforts words } } terms { stopSignal protocol { ... on AfterEnd { minutes } } partnerAlert } agreements { who withdrawnAt } } } } }";
    let read =
        couple.sam.ask(app, query, json!({ "id": couple.link })).await["node"]["agreedRevision"].clone();
    assert_eq!(read["state"], "AGREED");
    assert_eq!(
        read["terms"],
        json!({ "stopSignal": "red", "protocol": minutes_after(&[60, 1440, 2880]), "partnerAlert": "CALL" })
    );
    let words = |who: &str| {
        let all = read["needs"].as_array().unwrap();
        all.iter().find(|n| n["who"] == who).unwrap()["needs"].clone()
    };
    assert_eq!(words("ME"), json!({ "comforts": ["WARMTH", "TALK"], "words": "You did well." }));
    assert_eq!(words("PARTNER"), json!({ "comforts": ["QUIET"], "words": "" }));
    (couple, read)
}

/// Step 4: a scene with roles, intensity and the aftercare that was given; it ends now.
pub async fn scene_with_aftercare(app: &TestApp, couple: &Couple) -> String {
    let query = "mutation($input: RecordSceneInput!) { recordScene(input: $input) {
        status scene { id state myRole partnerRole revision { number } } } }";
    let input = json!({ "input": {
        "linkId": couple.link, "setting": "ONLINE", "intensity": 4, "startedAt": instant(app.clock.now()),
    } });
    let recorded = couple.alex.ask(app, query, input).await["recordScene"]["scene"].clone();
    assert_eq!(recorded["state"], "UNDER_WAY");
    assert_eq!((&recorded["myRole"], &recorded["partnerRole"]), (&json!("DOMINANT"), &json!("SUBMISSIVE")));
    assert_eq!(recorded["revision"]["number"], 1);
    let scene = text(&recorded["id"]);
    let query = "mutation($input: RecordAftercareInput!) { recordAftercare(input: $input) {
        status scene { aftercare { givenBy comforts minutes note } } } }";
    let given = json!({ "sceneId": scene, "givenBy": "PARTNER", "comforts": ["TALK"], "minutes": 20, "note": "calm" });
    let data = couple.sam.ask(app, query, json!({ "input": given })).await;
    let kept = &data["recordAftercare"]["scene"]["aftercare"][0];
    assert_eq!(*kept, json!({ "givenBy": "PARTNER", "comforts": ["TALK"], "minutes": 20, "note": "calm" }));
    let query = "mutation($id: ID!) { endScene(input: { sceneId: $id }) { status scene { state } } }";
    let ended = couple.sam.ask(app, query, json!({ "id": scene })).await;
    assert_eq!(ended["endScene"], json!({ "status": "DONE", "scene": { "state": "ENDED" } }));
    scene
}

//! A couple who do everything together that leaves their words in the database.

use super::care::HOUR;
use super::care::after_end;
use super::{Couple, TestApp};
use serde_json::json;

/// The words that Alex wrote: needs, terms, a note about aftercare, a note in an answer, a device's name.
pub const ALEXS: [&str; 5] = ["hold my hand", "none tonight", "we had tea", "a little lost", "Alex's phone"];
/// The words that Sam wrote, in the same order.
pub const SAMS: [&str; 5] = ["stay near", "no loud music", "a long bath", "warm and calm", "Sam's phone"];

/// Both write Needs, agree on a text of Alex's and then on one of Sam's, have a scene with aftercare, answer and share
/// the first check-in, and reach out. Returns the scene's id, an hour later.
pub async fn together(app: &TestApp, couple: &Couple) -> String {
    let Couple { alex, sam, link } = couple;
    for (person, words) in [(alex, ALEXS[0]), (sam, SAMS[0])] {
        person.done(app, "writeNeeds", json!({ "linkId": link, "needs": { "words": words } }), "").await;
    }
    let first = couple.agree(app, Couple::usual_terms(), None).await;
    let terms = json!({ "stopSignal": "blue", "limits": SAMS[1], "protocol": after_end(&[60, 1440]) });
    let input = json!({ "linkId": link, "basedOn": first, "terms": terms });
    let second =
        sam.done(app, "proposeRevision", input, "revision { id contentHash }").await["revision"].clone();
    for person in [alex, sam] {
        let yes = json!({ "revisionId": second["id"], "contentHash": second["contentHash"] });
        person.done(app, "agreeToRevision", yes, "").await;
    }
    let scene = couple.scene(app).await;
    for (person, note) in [(alex, ALEXS[2]), (sam, SAMS[2])] {
        let input =
            json!({ "sceneId": scene, "givenBy": "ME", "comforts": ["WARMTH"], "note": note, "minutes": 30 });
        person.done(app, "recordAftercare", input, "").await;
        app.pass_minutes(1).await;
    }
    app.pass_minutes(HOUR - 2).await;
    for (person, note) in [(alex, ALEXS[3]), (sam, SAMS[3])] {
        let due = couple.check_ins(app, person, &scene).await.remove(0);
        let answer = json!({ "checkInId": due["id"], "mood": 4, "note": note, "sharing": "ALL",
            "signs": [{ "sign": "TIRED", "degree": "A_LITTLE" }] });
        person.done(app, "answerCheckIn", answer, "").await;
        person.done(app, "recordOutreach", json!({ "sceneId": scene, "way": "CALL" }), "").await;
    }
    // Leaves an answer stored under an idempotency key.
    let query =
        "mutation($i: UpdateProfileInput!) { updateProfile(input: $i) { status account { displayName } } }";
    let input = json!({ "i": { "displayName": "Alex" } });
    assert_eq!(app.exact(Some(&alex.access()), Some("once"), query, input).await.0, 200);
    scene
}

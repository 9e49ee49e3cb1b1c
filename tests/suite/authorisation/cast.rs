//! The people of the matrix: Alex, who owns the objects, her partner, her former partner, a stranger, and an erased
//! person.

use crate::support::care::{after_end, instant};
use crate::support::people::{PASSWORD, text, totp_code};
use crate::support::{Couple, Person, TestApp};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The people, and the ids of Alex's objects.
pub struct Cast {
    pub alex: Person,
    pub sam: Person,
    pub jo: Person,
    pub robin: Person,
    /// The access token of an erased account.
    pub erased: String,
    /// Alex's own objects and those of her link with Sam, by the first word of a path.
    pub own: BTreeMap<&'static str, String>,
    /// The same for her ended link with Jo.
    pub ended: BTreeMap<&'static str, String>,
    /// The code of an open invitation of Alex's.
    pub code: String,
}

/// Writes one person's needs; none of the values is the other's.
async fn write_needs(app: &TestApp, by: &Person, link: &str, which: usize) {
    let (comfort, avoid, way, nearness) =
        [("WATER", "crowds", "CALL", "ASK"), ("TALK", "noise", "VIDEO", "SPACE")][which];
    let needs = json!({ "comforts": [comfort], "avoid": [avoid], "contact": [way], "nearness": nearness,
        "grounding": format!("{}'s breath", by.name), "foodAndDrink": format!("{}'s tea", by.name),
        "words": format!("well done, {}", by.name), "anythingElse": format!("{} likes quiet", by.name) });
    by.done(app, "writeNeeds", json!({ "linkId": link, "needs": needs }), "").await;
    by.done(app, "writeSoloPlan", json!({ "needs": needs, "protocol": after_end(&[45]) }), "").await;
    let ended_at = (app.clock.now() - jiff::SignedDuration::from_hours(200)).to_string();
    by.done(app, "recordScene", json!({ "solo": true, "setting": "IN_PERSON", "endedAt": ended_at }), "")
        .await;
}

/// Fills a link with one of everything, and returns the ids of Alex's objects on it.
async fn fill(app: &TestApp, couple: &Couple) -> BTreeMap<&'static str, String> {
    let Couple { alex, sam: other, link } = couple;
    for (which, person) in [alex, other].into_iter().enumerate() {
        write_needs(app, person, link, which).await;
    }
    couple.allow_alert(app, alex, true).await;
    alex.done(
        app,
        "updateLink",
        json!({ "linkId": link, "promiseCountWanted": true, "nightPleaPermission": "ALLOW" }),
        "",
    )
    .await;
    alex.done(app, "askPartner", json!({ "partnerOf": { "linkId": link } }), "").await;
    let terms = |limits: &str| {
        json!({ "limits": limits, "stopSignal": "red", "protocol": after_end(&[60, 1440]), "contactPlan": "a call at ten",
            "partnerAlert": "CALL" })
    };
    let first = couple.agree(app, terms("none"), None).await;
    let revision = couple.agree(app, terms("no ropes"), Some(&first)).await;
    let scene = couple.scene(app).await;
    for (person, giver) in [(alex, "ME"), (other, "BOTH")] {
        let aftercare = json!({ "sceneId": scene, "givenBy": giver, "comforts": ["WARMTH"], "minutes": 20, "note": person.name });
        person.done(app, "recordAftercare", aftercare, "").await;
        person.done(app, "recordOutreach", json!({ "sceneId": scene, "way": "CALL" }), "").await;
    }
    alex.done(app, "setSceneAlert", json!({ "sceneId": scene, "alertPermission": "ALLOW" }), "").await;
    app.pass_minutes(65).await;
    let check_in = couple.check_ins(app, alex, &scene).await.remove(0)["id"].clone();
    alex.done(app, "snoozeCheckIn", json!({ "checkInId": check_in, "minutes": 10 }), "").await;
    for person in [alex, other] {
        let id = couple.check_ins(app, person, &scene).await.remove(0)["id"].clone();
        let answer = json!({ "checkInId": id, "mood": 3, "signs": [{ "sign": "TIRED", "degree": "A_LOT" }],
            "need": format!("{} needs rest", person.name), "note": format!("{}'s note", person.name), "sharing": "ALL" });
        person.done(app, "answerCheckIn", answer, "").await;
    }
    for person in [alex, other] {
        app.clock.set(app.clock.now() + jiff::SignedDuration::from_secs(1));
        let debrief = json!({ "sceneId": scene, "text": format!("{}'s reflection", person.name) });
        person.done(app, "writeDebrief", debrief, "").await;
    }
    let entry = json!({ "sceneId": scene, "text": "a calm evening" });
    let entry = alex.done(app, "writeJournalEntry", entry, "entry { id }").await["entry"]["id"].clone();
    // What is shared becomes visible a little later.
    app.pass_minutes(5).await;
    let query = "{ viewer { account { id } nudges { nodes { id state reasons { kind checkIn { id } } } } } }";
    let viewer = alex.ask(app, query, json!({})).await["viewer"].clone();
    let nudges = viewer["nudges"]["nodes"].as_array().unwrap();
    let nudge = nudges
        .iter()
        .rfind(|n| {
            let asks = |reason: &Value| reason["checkIn"]["id"] == check_in && reason["kind"] == "ASK";
            n["state"] == "SENT" && n["reasons"].as_array().unwrap().iter().any(asks)
        })
        .unwrap();
    BTreeMap::from([
        ("account", text(&viewer["account"]["id"])),
        ("journalEntry", text(&entry)),
        ("link", link.clone()),
        ("revision", revision),
        ("scene", scene),
        ("checkIn", text(&check_in)),
        ("nudge", text(&nudge["id"])),
    ])
}

impl Cast {
    pub async fn build(app: &TestApp) -> Self {
        let mut people = Vec::new();
        for (name, zone) in [
            ("Alex", "Europe/Berlin"),
            ("Sam", "America/Los_Angeles"),
            ("Jo", "Europe/Lisbon"),
            ("Robin", "Europe/Paris"),
        ] {
            // No two people start at the same instant.
            app.clock.set(app.clock.now() + jiff::SignedDuration::from_secs(1));
            people.push(app.person(name, zone, ("23:45", "00:15")).await);
        }
        let [alex, sam, jo, robin] = <[Person; 4]>::try_from(people).ok().unwrap();

        let link = app.link(&alex, &jo).await;
        let with_jo = Couple { alex, sam: jo, link };
        let ended = fill(app, &with_jo).await;
        with_jo.sam.done(app, "endLink", json!({ "linkId": with_jo.link }), "").await;
        let Couple { alex, sam: jo, .. } = with_jo;

        let link = app.link(&alex, &sam).await;
        let with_sam = Couple { alex, sam, link };
        let own = fill(app, &with_sam).await;
        let Couple { alex, sam, .. } = with_sam;

        // Values that nobody else has, and that Jo must not learn any more.
        let profile = json!({ "displayName": "Alexis", "zone": "Asia/Tokyo", "defaultSharing": "MOOD",
            "quietHours": { "from": "21:00", "until": "05:30" } });
        alex.done(app, "updateProfile", profile, "").await;
        let later = instant(app.clock.now() + jiff::SignedDuration::from_hours(9));
        alex.done(app, "pauseNudges", json!({ "until": later }), "").await;
        let code = alex.done(app, "invitePartner", json!({ "role": "SWITCH" }), "code").await["code"].clone();

        alex.done(app, "reauthenticate", json!({ "password": PASSWORD }), "").await;
        alex.ask(app, "mutation { requestExport { status } }", json!({})).await;
        assert_eq!(evenkeel::actions::export::make_due(&app.app.context).await.unwrap(), 1);
        let begun = alex.ask(app, "mutation { beginTotp { setup { secret } } }", json!({})).await;
        let totp = totp_code(begun["beginTotp"]["setup"]["secret"].as_str().unwrap(), app.clock.now());
        alex.done(app, "confirmTotp", json!({ "totpCode": totp }), "").await;

        let erased = app.erased("Lee").await;
        for person in [&alex, &sam, &jo, &robin] {
            person.refresh(app).await;
        }
        Self { erased, code: text(&code), alex, sam, jo, robin, own, ended }
    }

    /// The exact answer to a query about an id.
    pub async fn ask(&self, app: &TestApp, token: Option<&str>, query: &str, id: &str) -> (u16, String) {
        app.exact(token, None, query, json!({ "id": id })).await
    }
}

/// The data of an answer without errors.
pub fn data(answer: &(u16, String), what: &str) -> Value {
    let value: Value = serde_json::from_str(&answer.1).unwrap();
    assert!(answer.0 == 200 && value.get("errors").is_none(), "{what}: {answer:?}");
    value["data"].clone()
}

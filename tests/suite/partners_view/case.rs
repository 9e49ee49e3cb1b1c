//! Couples in which Sam does one thing or another, and what Alex can see and try meanwhile.

use super::eyes::{plain, without_ids};
use crate::support::care::{instant, minute, mutation};
use crate::support::people::{PASSWORD, text};
use crate::support::{Couple, TestApp};
use evenkeel::actions::export;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::{Cursor, Read};

/// A mutation of Sam's, so many minutes after the scene's end.
pub type Step = (i64, &'static str, Value);

/// What Sam does, and when.
pub struct Course {
    pub name: &'static str,
    pub steps: Vec<Step>,
}

impl Course {
    /// A course of steps before the first check-in falls due, shortly after it did, and ten minutes after that.
    pub fn of(
        name: &'static str,
        early: Vec<(&'static str, Value)>,
        due: Vec<(&'static str, Value)>,
        later: Vec<(&'static str, Value)>,
    ) -> Self {
        let then = |at: i64, steps: Vec<(&'static str, Value)>| {
            steps.into_iter().map(move |(step, input)| (at, step, input))
        };
        Self { name, steps: then(0, early).chain(then(DUE, due)).chain(then(LATER, later)).collect() }
    }
}

/// Five minutes after the first check-in fell due.
pub const DUE: i64 = 65;
/// Ten minutes after that.
pub const LATER: i64 = 75;

/// Passes the time until `until` minutes after the scenes' end, while each Sam does what comes after `since`.
pub async fn live(app: &TestApp, cases: &[Case], since: i64, until: i64) {
    let all = cases.iter().flat_map(|case| &case.course.steps).map(|(at, ..)| *at);
    let minutes: BTreeSet<i64> = all.filter(|at| since < *at && *at <= until).collect();
    for at in minutes {
        app.pass_until(minute(at)).await;
        for case in cases {
            case.act_at(app, at).await;
        }
    }
    app.pass_until(minute(until)).await;
}

/// A couple in which Sam lives one course.
pub struct Case {
    pub couple: Couple,
    pub revision: String,
    pub scene: String,
    /// Sam's check-ins of the scene, by due time.
    pub check_ins: Vec<String>,
    /// Sam's link with somebody else; empty: there is none.
    pub other_link: String,
    /// The cursor of Alex's feed before anything happened.
    pub cursor: Value,
    pub course: Course,
}

impl Case {
    /// What Alex's feed has told since then.
    pub async fn feed(&self, app: &TestApp) -> String {
        let query = "query($after: String) { viewer { changes(after: $after, first: 50) {
            resetRequired hasMore cursor changes { kind nodeId node { __typename id } } } } }";
        let data = self.couple.alex.ask(app, query, json!({ "after": self.cursor })).await;
        assert_eq!(data["viewer"]["changes"]["resetRequired"], false);
        plain(&data, &self.couple).to_string()
    }

    /// Carries out what Sam does at this minute.
    pub async fn act_at(&self, app: &TestApp, minute: i64) {
        for (_, step, input) in self.course.steps.iter().filter(|(at, ..)| *at == minute) {
            self.act(app, step, input).await;
        }
    }

    /// Carries a step of Sam's out.
    pub async fn act(&self, app: &TestApp, step: &str, input: &Value) {
        let sam = &self.couple.sam;
        if step == "resumeNudges" {
            sam.ask(app, "mutation { resumeNudges { status } }", json!({})).await;
            return;
        }
        let mut plea = String::new();
        if step == "takeBackPlea" {
            let query = "query($id: ID!) { node(id: $id) { ... on PartnerLink { myPleas { id } } } }";
            let data = sam.ask(app, query, json!({ "id": self.couple.link })).await;
            plea = text(&data["node"]["myPleas"][0]["id"]);
        }
        let ids = [
            ("REVISION", &self.revision),
            ("CHECK_IN", &self.check_ins[0]),
            ("CHECK_IN_2", &self.check_ins[1]),
            ("CHECK_IN_3", &self.check_ins[2]),
            ("LINK", &self.couple.link),
            ("OTHER_LINK", &self.other_link),
            ("SCENE", &self.scene),
            ("DEVICE", &sam.device_id),
            ("PLEA", &plea),
        ];
        let input = ids.iter().fold(input.to_string(), |text, (word, id)| {
            text.replace(&format!("\"{word}\""), &format!("\"{id}\""))
        });
        let came = sam.change(app, step, serde_json::from_str(&input).unwrap(), "").await;
        // On an ended link there is nothing to withdraw: it is withdrawn already.
        assert_ne!(came["status"], "REFUSED", "Sam {}, {step}: {came}", self.course.name);
    }

    /// Alex's export: every file, without ids.
    pub async fn export(&self, app: &TestApp) -> Vec<String> {
        let alex = &self.couple.alex;
        alex.done(app, "reauthenticate", json!({ "password": PASSWORD }), "").await;
        alex.ask(app, "mutation { requestExport { status } }", json!({})).await;
        assert_eq!(export::make_due(&app.app.context).await.unwrap(), 1);
        let fetch = "mutation { createExportDownload { download { path } } }";
        let path = text(&alex.ask(app, fetch, json!({})).await["createExportDownload"]["download"]["path"]);
        let answer = app.http.post(format!("{}{path}", app.url)).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let bytes = Cursor::new(answer.bytes().await.unwrap().to_vec());
        let mut archive = zip::ZipArchive::new(bytes).unwrap();
        let mut files = Vec::new();
        for n in 0..archive.len() {
            let mut file = archive.by_index(n).unwrap();
            let mut words = String::new();
            file.read_to_string(&mut words).unwrap();
            let words = words.replace(&alex.device.endpoint, "the phone's endpoint");
            let name = file.name().unwrap();
            match serde_json::from_str::<Value>(&words) {
                Ok(value) => files.push(format!("{name}: {}", plain(&value, &self.couple))),
                // Entries of one instant stand in the order of their ids.
                Err(_) => {
                    let words = without_ids(&words, &self.couple).replace('<', "\n<");
                    let mut lines: Vec<_> = words.lines().map(|line| format!("{name}: {line}")).collect();
                    lines.sort();
                    files.extend(lines);
                }
            }
        }
        files
    }

    /// Everything that Alex can try with shared objects and with Sam's own ids; returns the answers.
    pub async fn provoke(&self, app: &TestApp, but: &[&str]) -> Vec<String> {
        let Couple { alex, link, .. } = &self.couple;
        let look = "{ viewer { partnerLinks(endedToo: true) { latestRevision { id contentHash } } } }";
        let revision =
            alex.ask(app, look, json!({})).await["viewer"]["partnerLinks"][0]["latestRevision"].clone();
        let (scene, check_in) = (json!(self.scene), json!(self.check_ins[0]));
        let later = instant(app.clock.now() + jiff::SignedDuration::from_hours(90));
        let terms = json!({ "stopSignal": "red", "partnerAlert": "VIDEO" });
        let tries = [
            ("answerCheckIn", json!({ "checkInId": check_in, "mood": 3 })),
            ("skipCheckIn", json!({ "checkInId": check_in })),
            ("snoozeCheckIn", json!({ "checkInId": check_in, "minutes": 10 })),
            ("changeSharing", json!({ "checkInId": check_in, "sharing": "ALL" })),
            ("removeDevice", json!({ "deviceId": self.couple.sam.device_id })),
            ("recordAftercare", json!({ "sceneId": scene, "givenBy": "ME", "note": "tea" })),
            ("setSceneAlert", json!({ "sceneId": scene, "alertPermission": "ALLOW" })),
            ("recordOutreach", json!({ "sceneId": scene, "way": "CALL" })),
            ("endScene", json!({ "sceneId": scene })),
            ("startScene", json!({ "sceneId": scene })),
            ("cancelScene", json!({ "sceneId": scene })),
            ("updateLink", json!({ "linkId": link, "role": "SWITCH", "alertPermission": "ALLOW" })),
            ("writeNeeds", json!({ "linkId": link, "needs": { "words": "well done" } })),
            (
                "agreeToRevision",
                json!({ "revisionId": revision["id"], "contentHash": revision["contentHash"] }),
            ),
            ("proposeRevision", json!({ "linkId": link, "basedOn": revision["id"], "terms": terms })),
            ("withdrawAgreement", json!({ "revisionId": revision["id"] })),
            ("planScene", json!({ "linkId": link, "plannedFor": later, "setting": "ONLINE" })),
            ("recordScene", json!({ "linkId": link, "setting": "ONLINE" })),
            ("endLink", json!({ "linkId": link })),
        ];
        let mut came = Vec::new();
        for (name, input) in tries.into_iter().filter(|(name, _)| !but.contains(name)) {
            let query = mutation(name, "").replace("field code", "field code sentence");
            let (status, text) =
                app.exact(Some(&alex.access()), None, &query, json!({ "input": input })).await;
            came.push(format!("{name}: {status} {text}"));
        }
        came
    }
}

/// A couple for each course, with an agreement and a scene that ended just now.
pub async fn cases(app: &TestApp, courses: Vec<Course>) -> Vec<Case> {
    let mut couples = Vec::new();
    for (number, course) in courses.into_iter().enumerate() {
        let couple = app.pair(number + 10).await;
        let revision = couple.agree(app, Couple::usual_terms(), None).await;
        let mut other_link = String::new();
        if course.steps.iter().any(|(.., input)| input["linkId"] == "OTHER_LINK") {
            let robin = app.person(&format!("Robin{number}"), "UTC", ("22:00", "08:00")).await;
            other_link = app.link(&robin, &couple.sam).await;
        }
        couples.push((couple, revision, other_link, course));
    }
    let mut cases = Vec::new();
    for (couple, revision, other_link, course) in couples {
        let scene = couple.scene(app).await;
        let check_ins = couple.check_ins(app, &couple.sam, &scene).await;
        let check_ins = check_ins.iter().map(|check_in| text(&check_in["id"])).collect();
        let cursor = couple.alex.ask(app, "{ viewer { changes { cursor } } }", json!({})).await;
        let cursor = cursor["viewer"]["changes"]["cursor"].clone();
        cases.push(Case { couple, revision, scene, check_ins, other_link, cursor, course });
    }
    cases
}

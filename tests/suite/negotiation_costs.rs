//! The cost of work on a link: as many statements and decryptions with 200 Revisions as with one.

use crate::support::care::HOUR;
use crate::support::people::text;
use crate::support::{Backend, Couple, Person, TestApp, statements};
use serde_json::{Value, json};

/// The length of the long history.
const REVISIONS: usize = 200;
const HOME: &str = include_str!("../support/home.graphql");
const OF_LINK: &str = "query($id: ID!) { node(id: $id) { ... on PartnerLink {
    latestRevision { id changesSince } agreedRevision { id } } } }";
const OF_SCENE: &str = "query($id: ID!) { node(id: $id) { ... on Scene {
    revision { id needs { needs { words } } } } } }";

/// The statements and decryptions of each operation, by name.
struct Costs<'a> {
    app: &'a TestApp,
    noted: Vec<(&'static str, usize, u64)>,
}

impl Costs<'_> {
    fn so_far(&self) -> (usize, u64) {
        (statements::count(&self.app.config.database), self.app.app.context.vault.decryptions())
    }

    async fn of<T>(&mut self, name: &'static str, work: impl Future<Output = T>) -> T {
        let before = self.so_far();
        let done = work.await;
        let after = self.so_far();
        self.noted.push((name, after.0 - before.0, after.1 - before.1));
        done
    }

    async fn of_mutation(&mut self, name: &'static str, by: &Person, input: Value, selection: &str) -> Value {
        let app = self.app;
        self.of(name, by.done(app, name, input, selection)).await
    }
}

/// Makes so many Revisions, of which every tenth and the last are agreed; returns the last one's id.
async fn history(app: &TestApp, couple: &Couple, revisions: usize) -> String {
    let mut latest: Option<String> = None;
    for number in 1..=revisions {
        let terms = json!({ "stopSignal": format!("red {number}"), "partnerAlert": "CALL" });
        latest = Some(if number % 10 == 0 || number == revisions {
            couple.agree(app, terms, latest.as_deref()).await
        } else {
            let proposal = json!({ "linkId": couple.link, "basedOn": latest, "terms": terms });
            let proposed = couple.alex.done(app, "proposeRevision", proposal, "revision { id }").await;
            text(&proposed["revision"]["id"])
        });
    }
    latest.unwrap()
}

/// Does everything that depends on an agreement, on a link with so many Revisions.
async fn costs(backend: Backend, revisions: usize) -> Vec<(&'static str, usize, u64)> {
    let app = TestApp::start(backend).await;
    let couple = app.couple().await;
    let latest = history(&app, &couple, revisions).await;
    let Couple { alex, sam, link } = &couple;
    for person in [alex, sam] {
        person.refresh(&app).await;
        person.done(&app, "writeNeeds", json!({ "linkId": link, "needs": { "words": "stay" } }), "").await;
    }
    let mut costs = Costs { app: &app, noted: Vec::new() };

    let terms = json!({ "stopSignal": "blue", "partnerAlert": "CALL" });
    let proposal = json!({ "linkId": link, "basedOn": latest, "terms": terms });
    let revision = "revision { id contentHash state }";
    let proposed = costs.of_mutation("proposeRevision", alex, proposal, revision).await["revision"].clone();
    let yes = json!({ "revisionId": proposed["id"], "contentHash": proposed["contentHash"] });
    costs.of_mutation("agreeToRevision", alex, yes.clone(), revision).await;
    costs.of_mutation("agreeToRevision", sam, yes.clone(), revision).await;

    // One scene begins and ends; another is over already when it is recorded.
    let scene = json!({ "linkId": link, "setting": "ONLINE" });
    let scene = costs.of_mutation("recordScene", alex, scene, "scene { id }").await["scene"].clone();
    let end = json!({ "sceneId": scene["id"] });
    costs.of_mutation("endScene", alex, end, "scene { id revision { id } }").await;
    let over = costs.of("recordScene, over", couple.scene(&app)).await;

    // With check-ins open, consents and agreements are checked again.
    let allow = json!({ "linkId": link, "alertPermission": "ALLOW" });
    costs.of_mutation("updateLink", alex, allow, "").await;
    let allow = json!({ "sceneId": over, "alertPermission": "ALLOW" });
    costs.of_mutation("setSceneAlert", sam, allow, "").await;
    costs.of_mutation("withdrawAgreement", sam, json!({ "revisionId": proposed["id"] }), revision).await;
    let agreed = costs.of_mutation("agreeToRevision", sam, yes, revision).await;
    assert_eq!(agreed["revision"]["state"], "AGREED");

    let due = app.clock.now() + jiff::SignedDuration::from_hours(1);
    costs.of("claims of questions", app.pass_until(due)).await;
    for person in [alex, sam] {
        person.refresh(&app).await;
    }
    let mine = couple.check_ins(&app, sam, &over).await;
    costs.of_mutation("answerCheckIn", sam, json!({ "checkInId": mine[0]["id"], "mood": 4 }), "").await;
    let mine = couple.check_ins(&app, alex, &over).await;
    costs.of_mutation("snoozeCheckIn", alex, json!({ "checkInId": mine[0]["id"], "minutes": 60 }), "").await;
    costs.of("claims up to the alert", app.pass_minutes(20 * HOUR)).await;
    let mut told = 0;
    for push in sam.pushes(&app) {
        let reasons = sam.reasons_of(&app, &push).await;
        told += reasons.iter().filter(|reason| reason["kind"] == "TELL_PARTNER").count();
    }
    assert!(told > 0, "Sam was told that Alex did not answer");

    alex.refresh(&app).await;
    costs.of("the home query", alex.ask(&app, HOME, json!({}))).await;
    costs.of("a link's Revisions", alex.ask(&app, OF_LINK, json!({ "id": link }))).await;
    let read = costs.of("a scene's Revision", alex.ask(&app, OF_SCENE, json!({ "id": over }))).await;
    assert_eq!(read["node"]["revision"]["id"], proposed["id"], "{read}");
    let nudges = "{ viewer { nudges(first: 20) { nodes { reasons { message revision { number } } } } } }";
    let nudges = costs.of("nudges explained", sam.ask(&app, nudges, json!({}))).await;
    assert!(text(&nudges["viewer"]["nudges"]["nodes"][0]["reasons"][0]["message"]).len() > 5);
    costs.of_mutation("endLink", sam, json!({ "linkId": link }), "").await;
    costs.noted
}

async fn compare(backend: Backend) {
    let short = costs(backend, 1).await;
    assert!(short.iter().all(|(_, statements, _)| *statements > 1), "{short:?}");
    assert!(short.iter().any(|(_, _, decryptions)| *decryptions > 1), "{short:?}");
    assert_eq!(costs(backend, REVISIONS).await, short);
}

fn measure(backend: Backend) {
    statements::watch();
    crate::support::live(compare(backend));
}

#[test]
fn a_long_history_costs_no_more_on_sqlite() {
    measure(Backend::Sqlite);
}

#[test]
fn a_long_history_costs_no_more_on_postgres() {
    measure(Backend::Postgres);
}

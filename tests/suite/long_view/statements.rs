//! The SQL statements of the long view: as many for a long list as for a short one.

use crate::support::care::{HOUR, minute};
use crate::support::{Backend, Couple, TestApp, run, statements};
use serde_json::json;

/// The queries, with lists that grow.
const QUERIES: [&str; 5] = [
    "{ viewer { partnerLinks { scenes(first: 50) { nodes { id debrief { state mine { text } partners { text } } } } } } }",
    "{ viewer { insight { answers comforts { scenesWell } lows { lows } suggestion { sentence } } } }",
    "{ viewer { insight { courses(first: 50) { nodes { points { mood } scene { id link { id } } } } } } }",
    "{ viewer { journal(first: 50) { nodes { text scene { id debrief { state } } } } } }",
    "{ viewer { partnerLinks { promisesKept { count } } } }",
];

async fn live(app: &TestApp, couple: &Couple) {
    let scene = couple.scene(app).await;
    let now = app.clock.now();
    for person in [&couple.alex, &couple.sam] {
        let aftercare = json!({ "sceneId": scene, "givenBy": "BOTH", "comforts": ["TALK"] });
        person.done(app, "recordAftercare", aftercare, "").await;
        person.done(app, "recordOutreach", json!({ "sceneId": scene, "way": "CALL" }), "").await;
        person.done(app, "writeDebrief", json!({ "sceneId": scene, "text": "calm" }), "").await;
        person.done(app, "writeJournalEntry", json!({ "sceneId": scene, "text": "calm" }), "").await;
    }
    app.clock.set(now + jiff::SignedDuration::from_hours(1));
    for person in [&couple.alex, &couple.sam] {
        let check_in = couple.check_ins(app, person, &scene).await.remove(0);
        person.done(app, "answerCheckIn", json!({ "checkInId": check_in["id"], "mood": 4 }), "").await;
    }
}

async fn costs(app: &TestApp, couple: &Couple) -> Vec<usize> {
    let mut costs = Vec::new();
    for query in QUERIES {
        couple.alex.refresh(app).await;
        let before = statements::count(&app.config.database);
        couple.alex.ask(app, query, json!({})).await;
        costs.push(statements::count(&app.config.database) - before);
    }
    costs
}

async fn test(app: TestApp) {
    let couple = app.couple().await;
    let robin = app.person_without_device("Robin", "UTC", ("22:00", "08:00")).await;
    for person in [&couple.alex, &couple.sam] {
        let wish = json!({ "linkId": couple.link, "promiseCountWanted": true });
        person.done(&app, "updateLink", wish, "").await;
    }
    live(&app, &couple).await;
    let short = costs(&app, &couple).await;
    assert!(short.iter().all(|count| (2..30).contains(count)), "{short:?}");
    for hours in 2..8 {
        app.clock.set(minute(hours * HOUR));
        live(&app, &couple).await;
    }
    assert_eq!(costs(&app, &couple).await, short);
    // With more links, each has scenes to read; their promises are read together.
    app.link(&robin, &couple.alex).await;
    assert_eq!(costs(&app, &couple).await[4], short[4]);
}

#[test]
fn sqlite() {
    statements::watch();
    run(Backend::Sqlite, test);
}

#[test]
fn postgres() {
    statements::watch();
    run(Backend::Postgres, test);
}

//! The query with which an app opens: as many statements for long lists as for short ones.

use crate::support::care::{HOUR, minute};
use crate::support::{Backend, Couple, TestApp, run, statements};
use serde_json::json;

const HOME: &str = include_str!("../../support/home.graphql");

async fn cost(app: &TestApp, couple: &Couple) -> usize {
    couple.alex.refresh(app).await;
    let before = statements::count(&app.config.database);
    let home = couple.alex.ask(app, HOME, json!({})).await;
    let cost = statements::count(&app.config.database) - before;
    let viewer = &home["viewer"];
    assert!(viewer["partnerLinks"][0]["agreedRevision"]["id"].is_string(), "{home}");
    assert!(
        viewer["checkIns"]["nodes"][0]["id"].is_string() && viewer["scenes"]["nodes"][0]["id"].is_string()
    );
    cost
}

async fn test(app: TestApp) {
    let couple = app.couple().await;
    let first = couple.agree(&app, Couple::usual_terms(), None).await;
    couple.scene(&app).await;
    let short = cost(&app, &couple).await;
    assert!((5..32).contains(&short), "{short} statements");
    // More scenes and check-ins, more Revisions, more devices, more links, each of them with an agreement.
    let mut based_on = first;
    for hours in 1..6 {
        app.clock.set(minute(hours * HOUR));
        let terms = json!({ "stopSignal": format!("red {hours}") });
        based_on = couple.agree(&app, terms, Some(&based_on)).await;
        couple.scene(&app).await;
    }
    assert_eq!(cost(&app, &couple).await, short, "with longer lists");
    let Couple { alex, sam, link } = couple;
    let robin = app.person_without_device("Robin", "UTC", ("22:00", "08:00")).await;
    let tie = app.link(&alex, &robin).await;
    let other = Couple { alex, sam: robin, link: tie };
    other.agree(&app, Couple::usual_terms(), None).await;
    other.scene(&app).await;
    let couple = Couple { alex: other.alex, sam, link };
    assert_eq!(cost(&app, &couple).await, short, "with more links");
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

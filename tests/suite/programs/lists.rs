//! Lists in both directions: the same entries in the same order, from either end.
use crate::support::Couple;
use crate::support::care::minute;
use crate::support::people::text;
use jiff::SignedDuration;
use serde_json::{Value, json};

const PAGE: &str = "edges { cursor node { id } } nodes { id } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }";

/// The lists, each with its path in the answer.
const LISTS: [(&str, &[&str]); 6] = [
    (
        "query($f: Int, $a: String, $l: Int, $b: String) { viewer { list: checkIns(ARGS) { PAGE } } }",
        &["viewer", "list"],
    ),
    (
        "query($f: Int, $a: String, $l: Int, $b: String) { viewer { list: checkIns(span: COMING, ARGS) { PAGE } } }",
        &["viewer", "list"],
    ),
    (
        "query($f: Int, $a: String, $l: Int, $b: String) { viewer { list: nudges(ARGS) { PAGE } } }",
        &["viewer", "list"],
    ),
    (
        "query($f: Int, $a: String, $l: Int, $b: String) { viewer { list: journal(ARGS) { PAGE } } }",
        &["viewer", "list"],
    ),
    (
        "query($f: Int, $a: String, $l: Int, $b: String) { viewer { partnerLinks { list: scenes(ARGS) { PAGE } } } }",
        &["viewer", "partnerLinks", "0", "list"],
    ),
    (
        "query($f: Int, $a: String, $l: Int, $b: String) { viewer { partnerLinks { list: revisions(ARGS) { PAGE } } } }",
        &["viewer", "partnerLinks", "0", "list"],
    ),
];

async fn fill(app: &crate::support::TestApp, couple: &Couple) {
    let mut based_on = None;
    for n in 0..5 {
        // Some entries share an instant.
        app.clock.set(minute(2 * (n / 2)));
        couple.scene(app).await;
        couple.alex.done(app, "writeJournalEntry", json!({ "text": "calm" }), "").await;
        let terms = json!({ "stopSignal": format!("red {n}") });
        based_on = Some(couple.agree(app, terms, based_on.as_deref()).await);
    }
}

on_both_databases! {
    async fn a_list_is_the_same_from_both_ends(app) {
        let couple = app.couple().await;
        fill(&app, &couple).await;
        app.clock.set(app.clock.now() + SignedDuration::from_mins(1));
        for (query, way) in LISTS {
            let query = query.replace("ARGS", "first: $f, after: $a, last: $l, before: $b").replace("PAGE", PAGE);
            let page = async |arguments: Value| -> Value {
                let data = couple.alex.ask(&app, &query, arguments).await;
                way.iter().fold(data, |at, step| match step.parse::<usize>() {
                    Ok(n) => at[n].clone(),
                    Err(_) => at[*step].clone(),
                })
            };
            let ids = |page: &Value| page["nodes"].as_array().unwrap().iter().map(|node| text(&node["id"])).collect::<Vec<_>>();
            let whole = page(json!({ "f": 50 })).await;
            let all = ids(&whole);
            assert!((5..50).contains(&all.len()), "{query}: {}", all.len());
            assert_eq!(ids(&page(json!({ "l": 50 })).await), all, "{query}");
            let (mut forth, mut back) = (Vec::new(), Vec::new());
            let (mut after, mut before) = (Value::Null, Value::Null);
            loop {
                let found = page(json!({ "f": 3, "a": after })).await;
                assert_eq!(found["pageInfo"]["hasPreviousPage"], json!(!after.is_null()));
                assert_eq!(found["pageInfo"]["endCursor"], found["edges"].as_array().unwrap().last().unwrap()["cursor"]);
                forth.extend(ids(&found));
                after = found["pageInfo"]["endCursor"].clone();
                if found["pageInfo"]["hasNextPage"] == false {
                    break;
                }
            }
            loop {
                let found = page(json!({ "l": 3, "b": before })).await;
                assert_eq!(found["pageInfo"]["hasNextPage"], json!(!before.is_null()));
                back.splice(0..0, ids(&found));
                before = found["pageInfo"]["startCursor"].clone();
                if found["pageInfo"]["hasPreviousPage"] == false {
                    break;
                }
            }
            assert_eq!((&forth, &back), (&all, &all), "{query}");
            // Between two cursors, from either side.
            let cursor = |n: usize| whole["edges"][n]["cursor"].clone();
            let (a, b) = (cursor(0), cursor(4));
            assert_eq!(ids(&page(json!({ "f": 50, "a": a, "b": b })).await), all[1..4], "{query}");
            assert_eq!(ids(&page(json!({ "f": 2, "a": a, "b": b })).await), all[1..3], "{query}");
            assert_eq!(ids(&page(json!({ "l": 2, "a": a, "b": b })).await), all[2..4], "{query}");
            for bad in [json!({ "f": 1, "l": 1 }), json!({ "l": 0 }), json!({ "l": 51 }), json!({ "f": 51 }), json!({ "l": 1, "b": "x" })] {
                let answer = couple.alex.ask_raw(&app, &query, bad.clone()).await;
                assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_ARGUMENT", "{bad}");
            }
        }
    }
}

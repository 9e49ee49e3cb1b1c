//! Lists by state: whatever states are asked for, the pages give what the whole list has of them, in its order.

use crate::support::care::{DAY, HOUR, instant};
use crate::support::people::text;
use crate::support::{Couple, Person, TestApp};
use jiff::SignedDuration;
use serde_json::{Value, json};

const CHECK_IN: [&str; 3] = ["UNANSWERED", "ANSWERED", "SKIPPED"];
const SCENE: [&str; 4] = ["PLANNED", "UNDER_WAY", "ENDED", "CANCELLED"];

/// The lists, each with the type of its states, their names, and its path in the answer.
const LISTS: [(&str, &str, &[&str], &[&str]); 6] = [
    ("viewer { list: checkIns(ARGS) { PAGE } }", "CheckInState", &CHECK_IN, &["viewer", "list"]),
    (
        "viewer { list: checkIns(span: COMING, ARGS) { PAGE } }",
        "CheckInState",
        &CHECK_IN,
        &["viewer", "list"],
    ),
    ("viewer { list: checkIns(span: PAST, ARGS) { PAGE } }", "CheckInState", &CHECK_IN, &["viewer", "list"]),
    ("viewer { list: scenes(ARGS) { PAGE } }", "SceneState", &SCENE, &["viewer", "list"]),
    ("viewer { list: soloScenes(ARGS) { PAGE } }", "SceneState", &SCENE, &["viewer", "list"]),
    (
        "viewer { partnerLinks { list: scenes(ARGS) { PAGE } } }",
        "SceneState",
        &SCENE,
        &["viewer", "partnerLinks", "0", "list"],
    ),
];
const ARGS: &str = "states: $s, first: $f, after: $a, last: $l, before: $b";
const PAGE: &str =
    "nodes { id state } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } edges { cursor }";

/// Scenes in every state, some at the same instant, with a partner and alone, and check-ins in every state.
async fn fill(app: &TestApp, couple: &Couple) {
    let alex = &couple.alex;
    for n in 0..7 {
        let now = app.clock.now();
        for whose in [json!({ "linkId": couple.link }), json!({ "solo": true })] {
            for state in SCENE {
                if state == "UNDER_WAY" && n > 1 {
                    continue;
                }
                let mut input = whose.clone();
                input["setting"] = json!("ONLINE");
                let name = if ["PLANNED", "CANCELLED"].contains(&state) {
                    input["plannedFor"] = json!(instant(now + SignedDuration::from_hours(24)));
                    "planScene"
                } else {
                    input["startedAt"] = json!(instant(now));
                    input["separate"] = json!(true);
                    if state == "ENDED" {
                        input["endedAt"] = json!(instant(now));
                    }
                    "recordScene"
                };
                let scene = alex.done(app, name, input, "scene { id }").await["scene"].clone();
                if state == "CANCELLED" {
                    alex.done(app, "cancelScene", json!({ "sceneId": scene["id"] }), "").await;
                }
                if state == "ENDED" && n % 3 > 0 {
                    let query = "query($id: ID!) { node(id: $id) { ... on Scene { myCheckIns { id } } } }";
                    let asked = alex.ask(app, query, json!({ "id": scene["id"] })).await;
                    let check_in = &asked["node"]["myCheckIns"][n % 2]["id"];
                    let (name, input) = match n % 3 {
                        1 => ("answerCheckIn", json!({ "checkInId": check_in, "mood": 3 })),
                        _ => ("skipCheckIn", json!({ "checkInId": check_in })),
                    };
                    alex.done(app, name, input, "").await;
                }
            }
        }
        if n % 2 == 1 {
            app.clock.set(app.clock.now() + SignedDuration::from_mins(5 * HOUR));
            alex.refresh(app).await;
        }
    }
    app.clock.set(app.clock.now() + SignedDuration::from_mins(DAY));
}

struct List<'a> {
    app: &'a TestApp,
    person: &'a Person,
    query: String,
    way: &'a [&'a str],
}

impl List<'_> {
    async fn page(&self, arguments: Value) -> Value {
        let data = self.person.ask(self.app, &self.query, arguments).await;
        self.way.iter().fold(data, |at, step| match step.parse::<usize>() {
            Ok(n) => at[n].clone(),
            Err(_) => at[*step].clone(),
        })
    }

    /// All pages of these states, from the beginning on or, put together, from the end on.
    async fn walk(&self, states: &Value, from_end: bool) -> Vec<(String, String)> {
        let (mut all, mut cursor) = (Vec::new(), Value::Null);
        loop {
            let found = match from_end {
                false => self.page(json!({ "s": states, "f": 3, "a": cursor })).await,
                true => self.page(json!({ "s": states, "l": 3, "b": cursor })).await,
            };
            let at = if from_end { 0 } else { all.len() };
            all.splice(at..at, nodes(&found));
            let (more, next) =
                if from_end { ("hasPreviousPage", "startCursor") } else { ("hasNextPage", "endCursor") };
            cursor = found["pageInfo"][next].clone();
            if found["pageInfo"][more] == false {
                return all;
            }
            assert_eq!(nodes(&found).len(), 3, "a page before the last is full");
        }
    }
}

fn nodes(page: &Value) -> Vec<(String, String)> {
    let nodes = page["nodes"].as_array().unwrap();
    nodes.iter().map(|node| (text(&node["id"]), text(&node["state"]))).collect()
}

on_both_databases! {
    async fn pages_by_state_are_the_list_without_the_others(app) {
        let couple = app.couple().await;
        fill(&app, &couple).await;
        for (query, kind, states, way) in LISTS {
            let query = query.replace("ARGS", ARGS).replace("PAGE", PAGE);
            let query = format!("query($s: [{kind}!], $f: Int, $a: String, $l: Int, $b: String) {{ {query} }}");
            let list = List { app: &app, person: &couple.alex, query, way };
            let whole = list.page(json!({ "f": 50 })).await;
            let all = nodes(&whole);
            assert!((6..50).contains(&all.len()), "{kind} {way:?}: {}", all.len());
            assert_eq!(nodes(&list.page(json!({ "f": 50, "s": null })).await), all, "null is all, too");
            for chosen in 0..1 << states.len() {
                let chosen: Vec<_> = (0..states.len()).filter(|n| chosen >> n & 1 == 1).map(|n| states[n]).collect();
                let wanted: Vec<_> = all.iter().filter(|(_, state)| chosen.contains(&state.as_str())).cloned().collect();
                let states = json!(chosen);
                assert_eq!(list.walk(&states, false).await, wanted, "{} {chosen:?}", list.query);
                assert_eq!(list.walk(&states, true).await, wanted, "{} {chosen:?}, from the end", list.query);
                // A cursor of the whole list is a place in every part of it.
                let place = all.len() / 2;
                let cursor = &whole["edges"][place]["cursor"];
                let is_after = |one: &&(String, String)| all[place + 1..].contains(one);
                let is_before = |one: &&(String, String)| all[..place].contains(one);
                let after = list.page(json!({ "s": states, "f": 50, "a": cursor })).await;
                assert_eq!(nodes(&after), wanted.iter().filter(is_after).cloned().collect::<Vec<_>>());
                let before = list.page(json!({ "s": states, "l": 50, "b": cursor })).await;
                assert_eq!(nodes(&before), wanted.iter().filter(is_before).cloned().collect::<Vec<_>>());
            }
            // Said twice, a state is there once.
            let state = all[0].1.clone();
            let twice = list.page(json!({ "s": [state, state], "f": 50 })).await;
            assert_eq!(nodes(&twice), nodes(&list.page(json!({ "s": [state], "f": 50 })).await));
        }
    }
}

//! What people do about scenes, check-ins and nudges, one line each, and what each of them got.

use super::people::text;
use super::{Couple, Person, START, TestApp, at};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

impl Person {
    /// Sends the mutation of that name, whose input type is named after it; its payload with `status`, `problems`
    /// and what else is selected.
    pub async fn change(&self, app: &TestApp, name: &str, input: Value, select: &str) -> Value {
        let answer = self.ask(app, &mutation(name, select), json!({ "input": input })).await;
        answer[name].clone()
    }

    /// As [`Person::change`], for what must be done.
    pub async fn done(&self, app: &TestApp, name: &str, input: Value, select: &str) -> Value {
        let payload = self.change(app, name, input, select).await;
        assert_eq!(payload["status"], "DONE", "{name}: {payload}");
        payload
    }

    /// As [`Person::change`], for what must be refused: the field and the code of the first problem.
    pub async fn refused(&self, app: &TestApp, name: &str, input: Value) -> (String, String) {
        let payload = self.change(app, name, input, "").await;
        assert_eq!(payload["status"], "REFUSED", "{name}: {payload}");
        (text(&payload["problems"][0]["field"]), text(&payload["problems"][0]["code"]))
    }

    /// Everything that reached this person about check-ins, as `day hour:minute channel kind` in UTC, sorted.
    pub async fn timeline(&self, app: &TestApp) -> Vec<String> {
        let mut lines = Vec::new();
        for push in self.pushes(app) {
            let nudge = self.nudge(app, &push).await;
            lines.push(format!("{} push {}", stamp(push.at), text(&nudge["rung"])));
        }
        for mail in self.mails(app) {
            if mail.subject().as_deref() == Some("Your reminder") {
                let words = mail.text().unwrap();
                lines.push(format!("{} mail {}", stamp(mail.at), words.lines().next().unwrap()));
            }
        }
        lines.sort();
        lines
    }

    /// The part of [`Person::timeline`] that holds this word.
    pub async fn timeline_of(&self, app: &TestApp, word: &str) -> Vec<String> {
        self.timeline(app).await.into_iter().filter(|line| line.contains(word)).collect()
    }

    /// One's own nudges of a check-in that have this state: their rungs, sorted.
    pub async fn rungs(&self, app: &TestApp, check_in: &Value, state: &str) -> Vec<String> {
        let query = "{ viewer { nudges(first: 50) { nodes { rung state checkIn { id } } } } }";
        let data = self.ask(app, query, json!({})).await;
        let nodes = data["viewer"]["nudges"]["nodes"].as_array().unwrap();
        let mut rungs: Vec<_> = nodes
            .iter()
            .filter(|nudge| nudge["checkIn"]["id"] == check_in["id"] && nudge["state"] == state)
            .map(|nudge| text(&nudge["rung"]))
            .collect();
        rungs.sort();
        rungs
    }
}

impl TestApp {
    /// As [`TestApp::couple`], with names that end in a number, so that a test can have several.
    pub async fn pair(&self, number: usize) -> Couple {
        let alex = self.person(&format!("Alex{number}"), "Europe/Berlin", ("22:00", "08:00")).await;
        let sam = self.person(&format!("Sam{number}"), "America/Los_Angeles", ("23:00", "07:00")).await;
        let link = self.link(&alex, &sam).await;
        Couple { alex, sam, link }
    }
}

/// So many minutes from [`START`].
pub fn minute(minutes: i64) -> Timestamp {
    at(START) + SignedDuration::from_mins(minutes)
}

impl Couple {
    /// Agrees on a protocol of these offsets, with a call as what the partner may be told.
    pub async fn agree_on(&self, app: &TestApp, offsets: &[u32]) -> String {
        let terms = json!({ "stopSignal": "red", "partnerAlert": "CALL", "protocol": offsets });
        self.agree(app, terms, None).await
    }
}

/// The text of a mutation of that name.
pub fn mutation(name: &str, select: &str) -> String {
    let input = format!("{}{}Input", name[..1].to_uppercase(), &name[1..]);
    format!(
        "mutation($input: {input}!) {{ {name}(input: $input) {{ status problems {{ field code }} {select} }} }}"
    )
}

/// An hour and a day, in minutes.
pub const HOUR: i64 = 60;
/// See [`HOUR`].
pub const DAY: i64 = 24 * HOUR;

fn stamp(at: Timestamp) -> String {
    at.strftime("%d %H:%M").to_string()
}

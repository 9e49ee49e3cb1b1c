//! One-line steps about scenes, check-ins and nudges, and the timeline of what each person got.

use super::people::text;
use super::{Couple, Person, START, TestApp, at};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

impl Person {
    /// Sends a mutation with its `…Input` and returns the payload: `status`, `problems` and the selected fields.
    pub async fn change(&self, app: &TestApp, name: &str, input: Value, select: &str) -> Value {
        let answer = self.ask(app, &mutation(name, select), json!({ "input": input })).await;
        answer[name].clone()
    }

    /// As [`Person::change`]; the mutation must be done.
    pub async fn done(&self, app: &TestApp, name: &str, input: Value, select: &str) -> Value {
        let payload = self.change(app, name, input, select).await;
        assert_eq!(payload["status"], "DONE", "{name}: {payload}");
        payload
    }

    /// As [`Person::change`]; the mutation must be refused. Returns the field and the code of the first problem.
    pub async fn refused(&self, app: &TestApp, name: &str, input: Value) -> (String, String) {
        let payload = self.change(app, name, input, "").await;
        assert_eq!(payload["status"], "REFUSED", "{name}: {payload}");
        (text(&payload["problems"][0]["field"]), text(&payload["problems"][0]["code"]))
    }

    /// Everything that reached this person about check-ins, as `day hour:minute channel kind` in UTC, sorted: a line for
    /// each reason.
    pub async fn timeline(&self, app: &TestApp) -> Vec<String> {
        let mut lines = Vec::new();
        for push in self.pushes(app) {
            for reason in self.reasons_of(app, &push).await {
                lines.push(format!("{} push {}", stamp(push.at), text(&reason["kind"])));
            }
        }
        for mail in self.mails(app) {
            if mail.subject().as_deref() == Some("Your reminder") {
                let words = mail.text().unwrap();
                // The first sentence of each reason.
                let says = |line: &&str| {
                    line.starts_with("You asked to be reminded") || line.ends_with("would be welcome.")
                };
                lines
                    .extend(words.lines().filter(says).map(|line| format!("{} mail {line}", stamp(mail.at))));
            }
        }
        lines.sort();
        lines
    }

    /// The lines of [`Person::timeline`] that contain this word.
    pub async fn timeline_of(&self, app: &TestApp, word: &str) -> Vec<String> {
        self.timeline(app).await.into_iter().filter(|line| line.contains(word)).collect()
    }

    /// The rungs of this person's own nudges of a check-in in this state, sorted.
    pub async fn rungs(&self, app: &TestApp, check_in: &Value, state: &str) -> Vec<String> {
        let reasons = self.reasons(app, "kind checkIn { id }").await;
        let mut rungs: Vec<_> = reasons
            .iter()
            .filter(|reason| reason["checkIn"]["id"] == check_in["id"] && reason["state"] == state)
            .map(|reason| text(&reason["kind"]))
            .collect();
        rungs.sort();
        rungs
    }
}

impl TestApp {
    /// As [`TestApp::couple`], with a number in the names, so that a test can have several couples.
    pub async fn pair(&self, number: usize) -> Couple {
        let alex = self.person(&format!("Alex{number}"), "Europe/Berlin", ("22:00", "08:00")).await;
        let sam = self.person(&format!("Sam{number}"), "America/Los_Angeles", ("23:00", "07:00")).await;
        let link = self.link(&alex, &sam).await;
        Couple { alex, sam, link }
    }
}

/// An instant as the API says it.
pub fn instant(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// The instant so many minutes after [`START`].
pub fn minute(minutes: i64) -> Timestamp {
    at(START) + SignedDuration::from_mins(minutes)
}

impl Couple {
    /// Agrees on a protocol of these offsets (in minutes); the partner may be told that a call is welcome.
    pub async fn agree_on(&self, app: &TestApp, offsets: &[u32]) -> String {
        let terms = json!({ "stopSignal": "red", "partnerAlert": "CALL", "protocol": after_end(offsets) });
        self.agree(app, terms, None).await
    }
}

/// A protocol of these minutes after the scene's end, as an input.
pub fn after_end<T: Copy + Into<i64>>(minutes: &[T]) -> Value {
    minutes.iter().map(|minutes| json!({ "afterEnd": { "minutes": (*minutes).into() } })).collect()
}

/// A protocol of these minutes after the scene's end, as it is read by `... on AfterEnd { minutes }`.
pub fn minutes_after(minutes: &[i64]) -> Value {
    minutes.iter().map(|minutes| json!({ "minutes": minutes })).collect()
}

/// A local time so many days after the scene's end, as an input.
pub fn on_day(days: i64, local_time: &str) -> Value {
    json!({ "onDay": { "daysAfter": days, "localTime": local_time } })
}

/// The text of this mutation, which selects `status`, `problems` and these fields.
pub fn mutation(name: &str, select: &str) -> String {
    let input = format!("{}{}Input", name[..1].to_uppercase(), &name[1..]);
    format!(
        "mutation($input: {input}!) {{ {name}(input: $input) {{ status problems {{ field code }} {select} }} }}"
    )
}

/// An hour, in minutes.
pub const HOUR: i64 = 60;
/// A day, in minutes.
pub const DAY: i64 = 24 * HOUR;

fn stamp(at: Timestamp) -> String {
    at.strftime("%d %H:%M").to_string()
}

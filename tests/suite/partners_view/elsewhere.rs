//! R11: what Sam has with somebody else does not show in when Alex is told of a silence.

use super::eyes::{Eyes, assert_same, plain};
use crate::support::care::{DAY, HOUR, instant, minute};
use crate::support::{Couple, Person, TestApp};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// When the scenes with Alex end, when Alex sleeps, and when Alex is told.
struct Night {
    end: i64,
    quiet: Value,
    told: &'static str,
}

/// A couple of whom Sam also has scenes with Robin, which end so many minutes after the one with Alex.
struct Elsewhere {
    couple: Couple,
    robin: Person,
    other_link: String,
    ends: &'static [i64],
    cursor: Value,
}

impl Elsewhere {
    async fn begin(app: &TestApp, number: usize, night: &Night, ends: &'static [i64]) -> Self {
        let couple = app.pair(number + 10).await;
        let robin = app.person(&format!("Robin{number}"), "UTC", ("22:00", "08:00")).await;
        let other_link = app.link(&robin, &couple.sam).await;
        for person in [&couple.alex, &couple.sam] {
            person.done(app, "updateProfile", json!({ "zone": "UTC", "quietHours": null }), "").await;
        }
        couple.alex.done(app, "updateProfile", json!({ "quietHours": night.quiet }), "").await;
        couple.agree_on(app, &[60]).await;
        couple.allow_alert(app, &couple.sam, true).await;
        let cursor = couple.alex.ask(app, "{ viewer { changes { cursor } } }", json!({})).await;
        let cursor = cursor["viewer"]["changes"]["cursor"].clone();
        Self { couple, robin, other_link, ends, cursor }
    }

    async fn end_scenes(&self, app: &TestApp, after: i64) {
        let scene =
            |link: &str| json!({ "linkId": link, "setting": "ONLINE", "endedAt": instant(app.clock.now()) });
        if after == 0 {
            self.couple.alex.done(app, "recordScene", scene(&self.couple.link), "").await;
        }
        if self.ends.contains(&after) {
            self.robin.done(app, "recordScene", scene(&self.other_link), "").await;
        }
    }

    /// Every push, mail and change that Alex got, to the minute.
    async fn told(&self, app: &TestApp) -> Vec<String> {
        let query = "query($after: String) { viewer { changes(after: $after, first: 50) {
            cursor changes { kind node { __typename } } } } }";
        let feed = self.couple.alex.ask(app, query, json!({ "after": self.cursor })).await;
        let mut told = self.couple.alex.timeline(app).await;
        told.push(plain(&feed["viewer"]["changes"]["changes"], &self.couple).to_string());
        told
    }
}

/// Lives through the scenes and two days after; whatever Sam has elsewhere, Alex is told the same.
async fn same_for_alex(app: &TestApp, night: Night, others: &[&'static [i64]]) -> Vec<Elsewhere> {
    let mut cases = Vec::new();
    for (number, ends) in std::iter::once(&[][..]).chain(others.iter().copied()).enumerate() {
        cases.push(Elsewhere::begin(app, number, &night, ends).await);
    }
    let ends: BTreeSet<i64> = cases.iter().flat_map(|case| case.ends).copied().chain([0]).collect();
    for after in ends {
        app.pass_until(minute(night.end + after)).await;
        for case in &cases {
            case.end_scenes(app, after).await;
        }
    }
    let eyes = Eyes::open(app).await;
    for hours in [24, 48] {
        app.pass_until(minute(night.end + hours * HOUR)).await;
        let first = cases[0].told(app).await;
        let told = first.iter().filter(|line| line.contains("TELL_PARTNER")).collect::<Vec<_>>();
        assert_eq!(told, [night.told]);
        let seen = eyes.all(app, &cases[0].couple, &cases[0].couple.alex).await;
        for case in &cases[1..] {
            let sam = case.couple.sam.timeline(app).await;
            assert_eq!(case.told(app).await, first, "Sam elsewhere after {:?}: {sam:#?}", case.ends);
            let view = eyes.all(app, &case.couple, &case.couple.alex).await;
            assert_same(&view, &seen, &format!("Sam elsewhere after {:?}", case.ends));
        }
    }
    cases
}

on_both_databases! {
    async fn r11_a_scene_with_somebody_else_does_not_move_an_alert(app) {
        let night = Night { end: DAY, quiet: Value::Null, told: "26 04:00 push TELL_PARTNER" };
        let cases =
            same_for_alex(&app, night, &[&[55], &[20], &[90], &[115], &[-20], &[-55], &[-90], &[-115]]).await;
        let sam = cases[1].couple.sam.timeline(&app).await;
        assert_eq!(sam.iter().filter(|line| *line == "25 19:55 push ASK").count(), 2, "still one message: {sam:#?}");
    }

    async fn r11_a_day_full_of_scenes_with_somebody_else_does_not_move_an_alert(app) {
        let night = Night { end: DAY, quiet: Value::Null, told: "26 04:00 push TELL_PARTNER" };
        same_for_alex(&app, night, &[
            &[-780, -630, -480, -330, -180],
            &[-930, -780, -630, -480, -330, -180],
            &[-930, -780, -630, -480, -330, -180, 55],
            &[55, 200, 345, 490, 635],
            &[55, 110, 165, 220, 275],
            &[-600, -450, -300, 110, 415],
        ]).await;
    }

    async fn r11_a_question_that_a_full_day_put_off_does_not_move_an_alert_of_the_morning(app) {
        let quiet = json!({ "from": "22:00", "until": "10:00" });
        let night = Night { end: DAY - 6 * HOUR, quiet, told: "26 10:00 push TELL_PARTNER" };
        let cases = same_for_alex(&app, night, &[&[-775, -650, -525, -400, -275, -150]]).await;
        let sam = cases[1].couple.sam.timeline(&app).await;
        assert!(!sam.contains(&"25 13:00 push ASK".to_owned()), "{sam:#?}");
    }
}

//! Explanations: every nudge tells its recipient why it came (R25), and nothing about the other person.

use crate::support::care::after_end;
use crate::support::care::{DAY, HOUR, minute};
use crate::support::people::text;
use crate::support::{Couple, Person, TestApp};
use serde_json::{Value, json};

const ENDED: &str = "This scene ended on Saturday 24 October at 20:00 (Europe/Berlin).";
/// The last sentence about what came with something else.
const TOGETHER: &str = "It came together with what else was for you about then.";
const LOOKED: &str = "Then a time was looked for at which both of you are likely awake.";

/// The explanations of a person's nudges on a rung, sent or planned, the earliest first: `sentences` and the rest.
async fn explained(app: &TestApp, person: &Person, rung: &str) -> Vec<Value> {
    let reasons = person.reasons(app, "kind rule revision { number } dueAt sentences").await;
    let of_rung = reasons.iter().filter(|reason| reason["kind"] == rung);
    let mut found: Vec<_> = of_rung
        .map(|reason| {
            let revision = &reason["revision"]["number"];
            json!({ "rule": reason["rule"], "revision": revision, "dueAt": reason["dueAt"], "sentences": reason["sentences"] })
        })
        .collect();
    found.sort_by_key(|explanation| text(&explanation["dueAt"]));
    found
}

async fn change(app: &TestApp, person: &Person, name: &str, input: Value) {
    person.done(app, name, input, "").await;
}

on_both_databases! {
    async fn r25_the_whole_ladder_explains_itself_over_a_clock_change(app) {
        let couple = app.couple().await;
        couple.agree_on(&app, &[30]).await;
        couple.agree_second(&app).await;
        couple.allow_alert(&app, &couple.sam, true).await;
        couple.scene(&app).await;
        app.pass_minutes(3 * DAY).await;
        let plan = "Your agreement, revision 2, asks after 24 hours: Sunday 25 October at 19:00, since the clocks went back by one hour in between.";
        let alex = &couple.alex;
        let of = |rule: &str, due: &str, sentences: &[&str]| {
            json!({ "rule": rule, "revision": 2, "dueAt": due, "sentences": sentences })
        };
        assert_eq!(explained(&app, alex, "ASK").await, [of("CHECK_IN_DUE", "2026-10-25T18:00:00.000Z", &[ENDED, plan, TOGETHER])]);
        assert_eq!(explained(&app, alex, "EMAIL").await, [of("NO_ANSWER", "2026-10-26T07:00:00.000Z", &[ENDED, plan,
            "Nothing was answered after three hours, at 22:00, so it came by e-mail.",
            "Your quiet hours last from 22:00 to 08:00, so it waited until Monday 26 October at 08:00."])]);
        assert_eq!(explained(&app, alex, "ASK_AGAIN").await, [of("STILL_NO_ANSWER", "2026-10-26T10:00:00.000Z", &[ENDED, plan,
            "Nothing was answered then either, so it came once more, three hours after the e-mail, on Monday 26 October at 11:00."])]);
        let touch = plan.replace("asks", "has you get in touch");
        assert_eq!(explained(&app, alex, "REACH_OUT").await,
            [of("GET_IN_TOUCH", "2026-10-25T18:00:00.000Z", &[ENDED, &touch, LOOKED, TOGETHER])]);
        let told = explained(&app, alex, "TELL_PARTNER").await;
        assert_eq!(told[0]["sentences"], json!([
            "Your agreement, revision 2, and the other person's standing permission allow you to be told.",
        ]));
        assert_eq!((&told[0]["rule"], &told[0]["revision"], told.len()), (&json!("PARTNER_ALERT"), &json!(2), 1));
    }

    async fn r25_without_an_agreement_the_usual_plan_explains(app) {
        let couple = app.couple().await;
        couple.scene(&app).await;
        app.pass_minutes(HOUR).await;
        let first = explained(&app, &couple.alex, "ASK").await.remove(0);
        assert_eq!(first, json!({ "rule": "CHECK_IN_DUE", "revision": null, "dueAt": "2026-10-24T19:00:00.000Z", "sentences": [
            ENDED, "It stood under no agreement, so the usual plan asks after one hour: Saturday 24 October at 21:00.",
            TOGETHER,
        ] }));
    }

    async fn r25_what_was_put_off_or_done_is_told_to_oneself(app) {
        let couple = app.couple().await;
        couple.agree_on(&app, &[60]).await;
        let scene = couple.scene(&app).await;
        let check_in = couple.check_ins(&app, &couple.sam, &scene).await.remove(0);
        app.pass_minutes(HOUR).await;
        change(&app, &couple.sam, "snoozeCheckIn", json!({ "checkInId": check_in["id"], "minutes": 90 })).await;
        app.pass_minutes(2 * HOUR).await;
        let asks = explained(&app, &couple.sam, "ASK").await;
        assert_eq!(asks.len(), 2);
        assert_eq!(asks[0]["sentences"].as_array().unwrap().len(), 3, "the first was not put off");
        assert_eq!(asks[1]["sentences"][2], "You put it off until Saturday 24 October at 13:30.");
        change(&app, &couple.sam, "skipCheckIn", json!({ "checkInId": check_in["id"] })).await;
        let mails = explained(&app, &couple.sam, "EMAIL").await;
        assert_eq!(mails[1]["sentences"].as_array().unwrap().last().unwrap(),
            "It was not sent, since you had answered or skipped already.");
    }

    async fn r25_a_new_zone_and_a_mail_in_place_of_a_push_are_told(app) {
        let couple = app.couple().await;
        couple.agree_on(&app, &[6 * 60]).await;
        couple.scene(&app).await;
        change(&app, &couple.alex, "removeDevice", json!({ "deviceId": couple.alex.device_id })).await;
        app.pass_minutes(DAY).await;
        let by_mail = "No device of yours took it, so it came by e-mail.";
        let ask = explained(&app, &couple.alex, "ASK").await.remove(0);
        assert_eq!(ask["sentences"].as_array().unwrap()[2..], [
            json!("Your quiet hours last from 22:00 to 08:00, so it waited until 08:00."), json!(by_mail),
        ]);
        change(&app, &couple.alex, "updateProfile", json!({ "zone": "Asia/Kolkata" })).await;
        let ask = explained(&app, &couple.alex, "ASK").await.remove(0);
        assert_eq!(ask["sentences"], json!([
            "This scene ended on Saturday 24 October at 23:30 (Asia/Kolkata).",
            "Your agreement, revision 1, asks after six hours: Sunday 25 October at 05:30.",
            "By the time zone, quiet hours and pauses that you had then, or since the day before it was full, its time was Sunday 25 October at 12:30.",
            by_mail,
        ]));
    }

    async fn r25_r11_the_partners_explanation_is_the_same_whatever_the_subject_did(app) {
        let mut couples = Vec::new();
        for (number, deed) in ["nothing", "answers", "skips", "pauses", "snoozes", "mutes"].into_iter().enumerate() {
            let couple = app.pair(number).await;
            couple.agree(&app, Couple::usual_terms(), None).await;
            couples.push((couple, deed));
        }
        let mut check_ins = Vec::new();
        for (couple, _) in &couples {
            let scene = couple.scene(&app).await;
            check_ins.push(couple.check_ins(&app, &couple.sam, &scene).await.remove(0)["id"].clone());
        }
        app.pass_minutes(HOUR + 5).await;
        for ((couple, deed), id) in couples.iter().zip(&check_ins) {
            let (name, input) = match *deed {
                "answers" => ("answerCheckIn", json!({ "checkInId": id, "mood": 1, "sharing": "NOTHING" })),
                "skips" => ("skipCheckIn", json!({ "checkInId": id })),
                "pauses" => ("pauseNudges", json!({})),
                "snoozes" => ("snoozeCheckIn", json!({ "checkInId": id, "minutes": 90 })),
                "mutes" => ("updateProfile", json!({ "pushWanted": false, "mailWanted": false })),
                _ => continue,
            };
            change(&app, &couple.sam, name, input).await;
        }
        for _ in 0..3 {
            app.pass_minutes(DAY).await;
            let mut seen: Vec<String> = Vec::new();
            for (couple, _) in &couples {
                let all = explained(&app, &couple.alex, "REACH_OUT").await;
                assert!(!all.is_empty());
                seen.push(json!(all).to_string());
            }
            for (other, (_, deed)) in seen.iter().zip(&couples) {
                assert_eq!(other.as_bytes(), seen[0].as_bytes(), "Sam {deed}");
            }
        }
    }

    async fn r25_r10_an_alert_explains_itself_the_same_before_and_after_a_consent_is_taken_back(app) {
        let couple = app.couple().await;
        let revision = couple.agree_on(&app, &[60]).await;
        couple.allow_alert(&app, &couple.sam, true).await;
        couple.scene(&app).await;
        app.pass_until(minute(2 * DAY)).await;
        let before = explained(&app, &couple.alex, "TELL_PARTNER").await;
        assert_eq!(before.len(), 1);
        let went_out = couple.alex.timeline_of(&app, "TELL_PARTNER").await;
        assert_eq!(went_out, ["25 07:00 push TELL_PARTNER"]);
        assert_eq!(before[0]["dueAt"], "2026-10-25T07:00:00.000Z", "no other instant than that at which it came");
        couple.allow_alert(&app, &couple.sam, false).await;
        change(&app, &couple.sam, "withdrawAgreement", json!({ "revisionId": revision })).await;
        assert_eq!(explained(&app, &couple.alex, "TELL_PARTNER").await, before);
    }

    async fn r25_nobody_reads_the_explanation_of_somebody_elses(app) {
        let couple = app.couple().await;
        couple.scene(&app).await;
        app.pass_minutes(HOUR).await;
        let push = couple.sam.pushes(&app).remove(0);
        let payload: Value = serde_json::from_slice(&push.payload).unwrap();
        let query = "query($id: ID!) { node(id: $id) { ... on Nudge { reasons { sentences } } } }";
        let id = json!({ "id": payload["nudge"] });
        assert_eq!(couple.alex.ask(&app, query, id.clone()).await["node"], Value::Null);
        assert_ne!(couple.sam.ask(&app, query, id).await["node"], Value::Null);
    }
}

impl Couple {
    /// Agrees on a second Revision, which asks after a day.
    async fn agree_second(&self, app: &TestApp) {
        let query = "query($id: ID!) { node(id: $id) { ... on PartnerLink { agreedRevision { id } } } }";
        let first = self.alex.ask(app, query, json!({ "id": self.link })).await;
        let terms = json!({ "stopSignal": "red", "partnerAlert": "CALL", "protocol": after_end(&[24 * 60]) });
        self.agree(app, terms, first["node"]["agreedRevision"]["id"].as_str()).await;
    }
}

//! The story that must always work: Alex in Berlin, Sam in Los Angeles, over the night in which European clocks
//! change and American ones have not; through HTTP, phones and inboxes alone.

use crate::support::care::{DAY, HOUR, after_end, instant, minutes_after};
use crate::support::people::{link_in, text};
use crate::support::story::{come_together, scene_with_aftercare};
use crate::support::{Couple, Person, TestApp, at};
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Every push must have been decrypted and its VAPID token verified, and must look like every other (R24).
fn pushes_are_sound(app: &TestApp) {
    assert!(app.push.refusals().is_empty(), "{:?}", app.push.refusals());
    let received = app.push.received();
    assert!(received.iter().all(|push| push.encrypted_len == received[0].encrypted_len));
    assert!(received.iter().all(|push| push.urgency == received[0].urgency));
    for push in received {
        let payload: Value = serde_json::from_slice(&push.payload).unwrap();
        assert_eq!(payload["web_push"], 8030);
        assert_eq!(payload["notification"]["title"], "Reminder");
        assert_eq!(payload["notification"]["body"], "You have a reminder.");
    }
}

/// The instants at which a person's phone got something.
fn times(app: &TestApp, person: &Person) -> Vec<String> {
    person.pushes(app).iter().map(|push| instant(push.at)).collect()
}

on_both_databases! {
    async fn the_story_from_sign_up_to_the_partner_being_told(app) {
        // 1: both sign up, confirm by mail, and let a device take push.
        let alex = app.person("Alex", "Europe/Berlin", ("22:00", "08:00")).await;
        let sam = app.person("Sam", "America/Los_Angeles", ("23:00", "07:00")).await;
        assert!(link_in(&alex.mails(&app)[0]).starts_with(&app.url));
        // 2 and 3.
        let (couple, _) = come_together(&app, alex, sam).await;
        couple.allow_alert(&app, &couple.alex, true).await;
        // 4, at 20:00 in Berlin and 11:00 in Los Angeles.
        let scene = scene_with_aftercare(&app, &couple).await;

        // 5: check-ins for both, and Alex can see what is to come for Alex.
        let query = "{ viewer { nudges(first: 50) { nodes { channel sendAt state reasons { kind } } } } }";
        let planned = couple.alex.ask(&app, query, json!({})).await["viewer"]["nudges"]["nodes"].clone();
        let asks: Vec<_> = planned.as_array().unwrap().iter().filter(|n| n["reasons"][0]["kind"] == "ASK").collect();
        assert_eq!(asks.len(), 3, "{planned}");
        assert!(planned.as_array().unwrap().iter().all(|n| n["reasons"][0]["kind"] != "REACH_OUT"), "prompts show when they come");

        // 6: an hour later each is asked, and each is reminded to reach out.
        app.pass_until(at("2026-10-24T19:00:00.000Z")).await;
        assert_eq!(times(&app, &couple.sam), ["2026-10-24T19:00:00.000Z"]);
        assert_eq!(times(&app, &couple.alex), ["2026-10-24T19:00:00.000Z"]);
        pushes_are_sound(&app);

        // 7: Sam taps and answers in one go: the mood is shared, the note is not.
        let mut asked = Value::Null;
        for push in couple.sam.pushes(&app) {
            for reason in couple.sam.reasons_of(&app, &push).await {
                if reason["kind"] == "ASK" {
                    asked = reason["checkIn"]["id"].clone();
                }
            }
        }
        let query = "mutation($input: AnswerCheckInInput!) { answerCheckIn(input: $input) {
            status checkIn { state answer { mood note sharing } } } }";
        let input = json!({ "input": { "checkInId": asked, "mood": 2, "note": "only mine", "sharing": "MOOD" } });
        let answered = couple.sam.ask(&app, query, input).await["answerCheckIn"].clone();
        assert_eq!(answered["checkIn"]["answer"], json!({ "mood": 2, "note": "only mine", "sharing": "MOOD" }));

        // 8: Alex does not answer. Three hours later is midnight in Berlin: the mail waits for the morning, which
        // comes an hour later than on other days. One more push follows, and then, in Sam's morning, Sam is told.
        app.pass_until(at("2026-10-25T17:59:59.000Z")).await;
        let mails: Vec<_> = couple.alex.mails(&app).iter().skip(1).map(|mail| instant(mail.at)).collect();
        assert_eq!(mails, ["2026-10-25T07:00:00.000Z"], "08:00 CET");
        assert_eq!(times(&app, &couple.alex)[1..], ["2026-10-25T10:00:00.000Z"], "11:00 CET, three hours after the mail");
        assert_eq!(times(&app, &couple.sam)[1..], ["2026-10-25T14:00:00.000Z"], "07:00 PDT, the end of Sam's night");
        let told = couple.sam.pushes(&app).pop().unwrap();
        let reason = couple.sam.reasons_of(&app, &told).await.remove(0);
        assert_eq!((&reason["kind"], &reason["message"]), (&json!("TELL_PARTNER"), &json!("A call would be welcome.")));
        assert_eq!(couple.sam.mails(&app).len(), 1, "nothing more was sent to Sam for that check-in");
        pushes_are_sound(&app);
        let mail = couple.alex.mails(&app).pop().unwrap();
        assert_eq!(mail.subject().as_deref(), Some("Your reminder"));
        assert_eq!(mail.header("auto-submitted").as_deref(), Some("auto-generated"));
        let all = format!("{}{}", mail.text().unwrap(), mail.html().unwrap());
        for word in ["Sam", "Alex", "scene", "mood", "drop", "partner"] {
            assert!(!all.contains(word), "the mail says {word}");
        }

        // 9: Alex sees Sam's mood and nothing else; Sam sees no update of Alex.
        let seen = couple.partners_view(&app, &couple.alex, &scene).await;
        assert_eq!(seen[0]["shared"], json!({ "mood": 2, "need": null, "note": null, "signs": null }));
        assert_eq!(seen[1]["shared"], Value::Null);
        let seen = couple.partners_view(&app, &couple.sam, &scene).await;
        assert!(seen.as_array().unwrap().iter().all(|check_in| check_in["shared"].is_null()));
    }

    async fn the_story_goes_on_with_a_new_agreement_and_ways_out(app) {
        let alex = app.person("Alex", "Europe/Berlin", ("22:00", "08:00")).await;
        let sam = app.person("Sam", "America/Los_Angeles", ("23:00", "07:00")).await;
        let (couple, first) = come_together(&app, alex, sam).await;
        // 10: a new Revision, agreed by both; the old one stays readable.
        let based_on = text(&first["id"]);
        let changes = json!({ "partnerAlert": null, "protocol": after_end(&[120]) });
        couple.agree(&app, changes, Some(&based_on)).await;
        let query = "query($id: ID!) { node(id: $id) { ... on PartnerLink {
            revisions { nodes { number state terms { protocol { ... on AfterEnd { minutes } } } changesSince } } } } }";
        let history = couple.alex.ask(&app, query, json!({ "id": couple.link })).await["node"]["revisions"]["nodes"].clone();
        assert_eq!(history[0]["state"], "AGREED");
        assert_eq!(history[0]["changesSince"], json!(["terms.partnerAlert", "terms.protocol"]));
        assert_eq!(history[1]["state"], "SUPERSEDED");
        assert_eq!(history[1]["terms"]["protocol"], minutes_after(&[60, 1440, 2880]));
        let scene = couple.scene(&app).await;
        let check_ins = couple.check_ins(&app, &couple.sam, &scene).await;
        assert_eq!(check_ins.len(), 1);
        // 11: skip, pause, withdraw, end: each at once, without a reason, and nothing comes afterwards.
        let query = "mutation($id: ID!) { skipCheckIn(input: { checkInId: $id }) { status checkIn { state } } }";
        let skipped = couple.sam.ask(&app, query, json!({ "id": check_ins[0]["id"] })).await;
        assert_eq!(skipped["skipCheckIn"], json!({ "status": "DONE", "checkIn": { "state": "SKIPPED" } }));
        let paused = couple.alex.ask(&app, "mutation { pauseNudges(input: {}) { account { paused } } }", json!({})).await;
        assert_eq!(paused["pauseNudges"]["account"]["paused"], true);
        let query = "mutation($id: ID!) { endLink(input: { linkId: $id }) { status link { state } } }";
        let ended = couple.sam.ask(&app, query, json!({ "id": couple.link })).await;
        assert_eq!(ended["endLink"], json!({ "status": "DONE", "link": { "state": "ENDED" } }));
        app.pass_until(at("2026-10-28T18:00:00.000Z")).await;
        assert!(app.push.received().is_empty());
        assert_eq!(couple.alex.mails(&app).len() + couple.sam.mails(&app).len(), 2, "the two confirmations");
    }

    async fn r19_a_forenoon_of_which_the_one_in_the_other_zone_says_nothing(app) {
        let couple = app.couple().await;
        couple.agree(&app, Couple::usual_terms(), None).await;
        couple.allow_alert(&app, &couple.sam, true).await;
        // 11:00 in Berlin, 03:00 in Los Angeles: Sam sleeps until 07:00, which is 14:00 in UTC.
        app.pass_until(at("2026-10-26T10:00:00.000Z")).await;
        couple.scene(&app).await;
        app.pass_minutes(HOUR).await;
        answer_all(&app, &couple.alex, "NOTHING").await;
        app.pass_until(at("2026-10-27T09:59:00.000Z")).await;
        let mail = "26 17:00 mail You asked to be reminded: how are you today?";
        let asked = ["26 14:00 push ASK", "26 14:00 push REACH_OUT", mail, "26 20:00 push ASK_AGAIN"];
        assert_eq!(couple.sam.timeline(&app).await, asked);
        assert_eq!(couple.sam.pushes(&app).len(), 2, "the question and the prompt are one push");
        // Three hours after the last question it is midnight in Berlin. Alex is told in the morning, 21 hours after the end.
        let told = ["26 11:00 push ASK", "26 14:00 push REACH_OUT", "27 07:00 push TELL_PARTNER"];
        assert_eq!(couple.alex.timeline(&app).await, told);
        pushes_are_sound(&app);
    }

    async fn r37_at_two_in_the_morning_a_plea_wakes_only_who_allowed_it(app) {
        let couples = [app.pair(0).await, app.pair(1).await];
        let allow = json!({ "linkId": couples[1].link, "nightPleaPermission": "ALLOW" });
        couples[1].alex.done(&app, "updateLink", allow, "").await;
        // 02:00 in Berlin, 18:00 in Los Angeles.
        app.pass_until(at("2026-10-26T01:00:00.000Z")).await;
        for couple in &couples {
            couple.sam.done(&app, "askPartner", json!({ "partnerOf": { "linkId": couple.link } }), "").await;
        }
        app.pass_minutes(30).await;
        // Who cannot sleep is heard where it is day.
        couples[0].alex.done(&app, "askPartner", json!({ "partnerOf": { "linkId": couples[0].link } }), "").await;
        app.pass_minutes(DAY).await;
        assert_eq!(couples[0].alex.timeline(&app).await, ["26 07:00 push PLEA"], "08:00 in Berlin");
        assert_eq!(couples[1].alex.timeline(&app).await, ["26 01:02 push PLEA"]);
        assert_eq!(couples[0].sam.timeline(&app).await, ["26 01:32 push PLEA"]);
        assert_eq!(couples[1].sam.timeline(&app).await, [""; 0]);
        pushes_are_sound(&app);
    }

    async fn r21_r22_five_evenings_of_which_every_question_is_answered(app) {
        let couple = app.couple().await;
        couple.agree(&app, Couple::usual_terms(), None).await;
        // About 20:00 in Berlin and noon in Los Angeles, sooner or later.
        let eight = at("2026-10-26T19:00:00.000Z");
        let mut scenes = Vec::new();
        for (day, shift) in (0..).zip([0, -40, 20, -25, 35]) {
            app.pass_until(eight + SignedDuration::from_mins(day * DAY + shift)).await;
            let scene = couple.scene(&app).await;
            app.pass_minutes(HOUR).await;
            for person in [&couple.alex, &couple.sam] {
                answer_all(&app, person, "MOOD").await;
            }
            scenes.push(scene);
        }
        for _ in 0..2 {
            app.pass_minutes(DAY).await;
            for person in [&couple.alex, &couple.sam] {
                answer_all(&app, person, "MOOD").await;
            }
        }
        app.pass_minutes(DAY).await;
        for (person, zone) in [(&couple.alex, "Europe/Berlin"), (&couple.sam, "America/Los_Angeles")] {
            for scene in &scenes {
                let first = couple.check_ins(&app, person, scene).await.remove(0);
                assert_eq!(first["state"], "ANSWERED");
                let asked = asked_at(&app, person, &first).await;
                // An hour after the scene, or with another question, but not before half of that hour.
                let early = at(&text(&first["dueAt"])).duration_since(asked).as_mins();
                assert!((0..=30).contains(&early), "{} was asked {early} minutes early", person.name);
            }
            assert_eq!(person.mails(&app).len(), 1, "of the sign-up alone: nobody is asked by mail who answers");
            let mut days = BTreeMap::new();
            for push in person.pushes(&app) {
                let day = push.at.in_tz(zone).unwrap().date();
                *days.entry(day).or_insert(0) += 1;
            }
            assert!(days.len() >= 7 && days.values().all(|count| *count <= 6), "{}: {days:?}", person.name);
        }
        pushes_are_sound(&app);
    }
}

/// When a person's phone showed the first question of a check-in of theirs.
async fn asked_at(app: &TestApp, person: &Person, check_in: &Value) -> jiff::Timestamp {
    for push in person.pushes(app) {
        let reasons = person.reasons_of(app, &push).await;
        if reasons.iter().any(|reason| reason["kind"] == "ASK" && reason["checkIn"]["id"] == check_in["id"]) {
            return push.at;
        }
    }
    panic!("{} was never asked by push: {check_in}", person.name);
}

/// A person answers whatever is due.
async fn answer_all(app: &TestApp, person: &Person, share: &str) {
    let query = "{ viewer { checkIns(span: DUE, first: 20) { nodes { id state } } } }";
    let due = person.ask(app, query, json!({})).await["viewer"]["checkIns"]["nodes"].clone();
    for check_in in due.as_array().unwrap().iter().filter(|check_in| check_in["state"] == "UNANSWERED") {
        let input = json!({ "checkInId": check_in["id"], "mood": 4, "sharing": share });
        person.done(app, "answerCheckIn", input, "").await;
    }
}

#[test]
fn the_demo_tells_the_story() {
    let mut out = Vec::new();
    actix_web::rt::System::new().block_on(evenkeel::demo::run(&mut out)).unwrap();
    let told = String::from_utf8(out).unwrap();
    let lines: Vec<_> = told.lines().collect();
    let after = |part: &str| {
        lines.iter().position(|line| line.contains(part)).unwrap_or_else(|| panic!("{part}\n{told}"))
    };
    let order = [
        after("A scene has ended"),
        after(
            "Sat 24 Oct 21:00 CEST    Alex's phone shows “Reminder: You have a reminder.” Inside: “You asked",
        ),
        after("Sam answers in one tap"),
        after("{\"mood\":2,\"note\":null}"),
        after("Sun 25 Oct 08:00 CET    Alex's inbox shows"),
        after("Sun 25 Oct 11:00 CET    Alex's phone shows"),
        after("“A call would be welcome.”"),
        after("withdraws the agreement"),
        after("== A forenoon"),
        after("Tue 13 Oct 12:00 CEST    Alex's phone"),
        after("Tue 13 Oct 07:00 PDT    Sam's phone"),
        after("Tue 13 Oct 10:00 PDT    Sam's inbox"),
        after("Tue 13 Oct 13:00 PDT    Sam's phone"),
        after("Wed 14 Oct 08:00 CEST    Alex's phone"),
        after("== Two in the morning"),
        after("Thu 15 Oct 02:02 CEST    Alex's phone"),
        after("Wed 14 Oct 17:32 PDT    Sam's phone"),
        after("== Five evenings"),
        after("-- Friday"),
        after("Fri 16 Oct 21:35 CEST    Alex's phone"),
        after("At most 2 messages came to one person on one day."),
    ];
    assert!(order.is_sorted(), "{order:?}\n{told}");
}

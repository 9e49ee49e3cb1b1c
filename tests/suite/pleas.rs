//! "I would like to hear from you": asked by hand, taken back, and heard (R37).

use crate::support::care::{DAY, HOUR, instant, minute};
use crate::support::people::{link_in, text};
use crate::support::{Couple, Person, TestApp};
use serde_json::{Value, json};

const PLAIN: &str = "Hearing from you would be welcome.";

async fn ask(app: &TestApp, couple: &Couple, person: &Person) -> Value {
    let select = "plea { id state } link { myNeeds { grounding } } guidance { topics { title } helpLines { sentence } }";
    person.change(app, "askPartner", json!({ "partnerOf": { "linkId": couple.link } }), select).await
}

/// What reached a person by a plea: when, and in which words.
async fn heard(app: &TestApp, person: &Person) -> Vec<String> {
    let reasons = person.reasons(app, "kind message rule link { id }").await;
    let pleas = reasons.iter().filter(|reason| reason["kind"] == "PLEA");
    let line = |plea: &Value| {
        assert_eq!(plea["rule"], "ASKED_TO_GET_IN_TOUCH");
        assert_ne!(plea["link"], Value::Null, "whose it is");
        format!("{} {}", &text(&plea["finishedAt"])[8..16], text(&plea["message"]))
    };
    let mut lines: Vec<_> = pleas.map(line).collect();
    lines.sort();
    lines
}

async fn state(app: &TestApp, couple: &Couple, person: &Person) -> Vec<String> {
    let query = "query($id: ID!) { node(id: $id) { ... on PartnerLink { myPleas { state } } } }";
    let data = person.ask(app, query, json!({ "id": couple.link })).await;
    data["node"]["myPleas"].as_array().unwrap().iter().map(|plea| text(&plea["state"])).collect()
}

/// Posts a form to a page and returns its status and text.
async fn post(app: &TestApp, link: &str, form: &str) -> (u16, String) {
    let request = app.http.post(link).header("Content-Type", "application/x-www-form-urlencoded");
    let answer = request.body(form.to_owned()).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

on_both_databases! {
    async fn r37_a_plea_is_heard_in_two_minutes_without_any_agreement(app) {
        let couple = app.couple().await;
        let (alex, sam) = (&couple.alex, &couple.sam);
        let asked = ask(&app, &couple, sam).await;
        assert_eq!((&asked["status"], &asked["plea"]["state"]), (&json!("DONE"), &json!("CAN_BE_TAKEN_BACK")));
        assert!(asked["guidance"]["topics"].as_array().unwrap().len() > 3, "what helps meanwhile");
        assert_ne!(asked["guidance"]["helpLines"]["sentence"], Value::Null);
        assert_eq!(ask(&app, &couple, sam).await["status"], "UNCHANGED", "pressed twice it is one");
        app.pass_minutes(1).await;
        assert_eq!(heard(&app, alex).await, Vec::<String>::new());
        app.pass_minutes(1).await;
        assert_eq!(heard(&app, alex).await, [format!("24T18:02 {PLAIN}")]);
        assert_eq!(state(&app, &couple, sam).await, ["SENT"]);
        assert_eq!(state(&app, &couple, alex).await, Vec::<String>::new(), "it is its author's");
        let looks = |person: &Person| person.pushes(&app).into_iter().map(|push| (push.encrypted_len, push.urgency, push.ttl)).collect::<Vec<_>>();
        couple.scene(&app).await;
        app.pass_minutes(HOUR).await;
        let (first, all) = (looks(alex)[0].clone(), looks(alex));
        assert!(all.len() == 2 && all.iter().all(|look| *look == first), "R24: like every other: {all:?}");
        let words = &alex.pushes(&app)[0].payload;
        assert!(String::from_utf8_lossy(words).contains("You have a reminder."));
    }

    async fn r37_r13_it_carries_the_agreed_words(app) {
        let couple = app.couple().await;
        couple.agree_on(&app, &[60]).await;
        ask(&app, &couple, &couple.sam).await;
        app.pass_minutes(2).await;
        assert_eq!(heard(&app, &couple.alex).await, ["24T18:02 A call would be welcome."]);
    }

    async fn r37_it_can_be_taken_back_for_two_minutes_and_then_nobody_hears_of_it(app) {
        let couple = app.couple().await;
        let plea = ask(&app, &couple, &couple.sam).await["plea"]["id"].clone();
        let other = couple.alex.refused(&app, "takeBackPlea", json!({ "pleaId": plea })).await;
        assert_eq!(other, ("pleaId".to_owned(), "NOT_FOUND".to_owned()), "R29");
        app.pass_minutes(1).await;
        let back = couple.sam.done(&app, "takeBackPlea", json!({ "pleaId": plea }), "plea { state }").await;
        assert_eq!(back["plea"]["state"], "TAKEN_BACK");
        assert_eq!(couple.sam.change(&app, "takeBackPlea", json!({ "pleaId": plea }), "").await["status"], "UNCHANGED");
        app.pass_minutes(2 * DAY).await;
        assert_eq!((heard(&app, &couple.alex).await, couple.alex.pushes(&app).len()), (Vec::new(), 0));
        let late = ask(&app, &couple, &couple.sam).await["plea"]["id"].clone();
        app.pass_minutes(2).await;
        let refused = couple.sam.refused(&app, "takeBackPlea", json!({ "pleaId": late })).await;
        assert_eq!(refused, ("pleaId".to_owned(), "WRONG_STATE".to_owned()));
    }

    async fn r37_at_night_it_waits_for_the_morning_unless_they_may_be_woken(app) {
        for (number, woken, at) in [(0, false, "25T07:00"), (1, true, "25T02:02")] {
            let couple = app.pair(number).await;
            let choice = json!({ "linkId": couple.link, "nightPleaPermission": crate::support::people::permission(woken) });
            couple.alex.done(&app, "updateLink", choice, "link { nightPleaPermission }").await;
            let begin = minute(8 * HOUR);
            if app.clock.now() < begin {
                app.pass_until(begin).await;
            } else {
                app.pass_until(minute(8 * HOUR + DAY)).await;
            }
            // 03:00 in Berlin, after the clocks went back.
            ask(&app, &couple, &couple.sam).await;
            app.pass_minutes(DAY - 1).await;
            let got = heard(&app, &couple.alex).await;
            assert_eq!(got.len(), 1);
            assert_eq!(got[0][3..8], at[3..], "{got:?}");
        }
    }

    async fn r37_three_within_a_day_and_those_that_were_taken_back_do_not_count(app) {
        let couple = app.couple().await;
        let plea = ask(&app, &couple, &couple.sam).await["plea"]["id"].clone();
        couple.sam.done(&app, "takeBackPlea", json!({ "pleaId": plea }), "").await;
        for _ in 0..3 {
            assert_eq!(ask(&app, &couple, &couple.sam).await["status"], "DONE");
            app.pass_minutes(5).await;
        }
        let fourth = ask(&app, &couple, &couple.sam).await;
        assert_eq!(fourth["status"], "REFUSED");
        assert!(fourth["guidance"]["topics"].as_array().unwrap().len() > 3, "help is shown all the same");
        assert_eq!(heard(&app, &couple.alex).await.len(), 3);
        assert_eq!(ask(&app, &couple, &couple.alex).await["status"], "DONE", "the other has three of their own");
        app.pass_minutes(DAY).await;
        assert_eq!(ask(&app, &couple, &couple.sam).await["status"], "DONE");
        app.pass_minutes(2).await;
    }

    async fn r37_taking_back_again_and_again_makes_no_room_for_more(app) {
        let couple = app.couple().await;
        let mut made = 0;
        while let Value::String(id) = ask(&app, &couple, &couple.sam).await["plea"]["id"].clone() {
            made += 1;
            couple.sam.done(&app, "takeBackPlea", json!({ "pleaId": id }), "").await;
        }
        assert_eq!(made, 12);
    }

    async fn r37_an_answer_can_ask_too_and_stands_whatever_comes_of_that(app) {
        let couple = app.couple().await;
        let scene = couple.scene(&app).await;
        let check_ins = couple.check_ins(&app, &couple.sam, &scene).await;
        let input = json!({ "checkInId": check_ins[0]["id"], "mood": 1, "sharing": "ALL", "askPartner": true });
        let answered = couple.sam.done(&app, "answerCheckIn", input.clone(), "plea { state } pleaProblems { code } checkIn { state }").await;
        assert_eq!(answered["plea"]["state"], "CAN_BE_TAKEN_BACK");
        app.pass_minutes(5).await;
        assert_eq!(heard(&app, &couple.alex).await, [format!("24T18:02 {PLAIN}")]);
        for _ in 0..2 {
            ask(&app, &couple, &couple.sam).await;
            app.pass_minutes(5).await;
        }
        let again = couple.sam.done(&app, "answerCheckIn", input, "plea { state } pleaProblems { code } checkIn { state }").await;
        assert_eq!((&again["plea"], &again["pleaProblems"][0]["code"]), (&Value::Null, &json!("OUT_OF_RANGE")));
        assert_eq!(again["checkIn"]["state"], "ANSWERED");
    }

    async fn r37_very_low_on_the_page_offers_it_and_sends_nothing_by_itself(app) {
        let couple = app.couple().await;
        couple.sam.done(&app, "removeDevice", json!({ "deviceId": couple.sam.device_id }), "").await;
        couple.scene(&app).await;
        app.pass_minutes(HOUR).await;
        let mails = couple.sam.mails(&app);
        let link = mails.iter().map(link_in).find(|link| link.contains("/c/")).unwrap();
        let offer = "Let them know I would like to hear from them</button>";
        let (status, page) = post(&app, &link, "mood=1&attempt=an-attempt-of-sam").await;
        assert!(status == 200 && page.contains(offer), "{page}");
        app.pass_minutes(5).await;
        assert_eq!(heard(&app, &couple.alex).await, Vec::<String>::new(), "an answer sends nothing by itself");
        let (status, _) = post(&app, &link, "plea=only&attempt=another-attempt-000").await;
        assert_eq!(status, 404, "only who answered can");
        let (status, page) = post(&app, &link, "plea=only&attempt=an-attempt-of-sam").await;
        assert!(status == 200 && page.contains("They will hear that you would like to hear from them."), "{page}");
        app.pass_minutes(3).await;
        assert_eq!(heard(&app, &couple.alex).await, [format!("24T19:07 {PLAIN}")]);
        let (status, again) = post(&app, &link, "plea=only&attempt=an-attempt-of-sam").await;
        assert_eq!((status, again), (200, page), "a page that is loaded again asks nobody again");
        app.pass_minutes(3).await;
        assert_eq!(heard(&app, &couple.alex).await.len(), 1);
        // By a checkbox beside the answer, and not offered to who is well.
        app.pass_until(minute(DAY)).await;
        let next = couple.sam.mails(&app).iter().map(link_in).rfind(|link| link.contains("/c/")).unwrap();
        let (status, page) = post(&app, &next, "mood=4&plea=yes&attempt=one-more-attempt-0").await;
        assert!(status == 200 && !page.contains(offer) && page.contains("They will hear"), "{page}");
        app.pass_minutes(2).await;
        assert_eq!(heard(&app, &couple.alex).await.len(), 2);
    }

    async fn r37_r12_neither_an_ended_link_nor_a_pause_is_passed_over(app) {
        let couples = [app.pair(0).await, app.pair(1).await];
        for couple in &couples {
            ask(&app, couple, &couple.sam).await;
        }
        couples[0].alex.done(&app, "endLink", json!({ "linkId": couples[0].link }), "").await;
        let until = json!({ "until": instant(minute(HOUR)) });
        couples[1].alex.done(&app, "pauseNudges", until, "").await;
        app.pass_minutes(2 * HOUR).await;
        assert_eq!(state(&app, &couples[1], &couples[1].sam).await, ["SENT"], "R11: to Sam a pause looks like nothing");
        app.pass_until(minute(2 * DAY)).await;
        assert_eq!(heard(&app, &couples[0].alex).await, Vec::<String>::new());
        assert_eq!(heard(&app, &couples[1].alex).await, [format!("24T19:00 {PLAIN}")]);
        let ended = couples[0].sam.refused(&app, "askPartner", json!({ "partnerOf": { "linkId": couples[0].link } })).await;
        assert_eq!(ended, ("partnerOf.linkId".to_owned(), "WRONG_STATE".to_owned()));
    }

    async fn r37_what_a_pause_or_quiet_hours_kept_is_heard_as_soon_as_they_end(app) {
        let couples = [app.pair(0).await, app.pair(1).await, app.pair(2).await];
        // One pauses until further notice, one for a week, and for one it is night.
        couples[0].alex.done(&app, "pauseNudges", json!({ "until": null }), "").await;
        couples[1].alex.done(&app, "pauseNudges", json!({ "until": instant(minute(7 * DAY)) }), "").await;
        app.pass_minutes(5 * HOUR).await;
        for couple in &couples {
            ask(&app, couple, &couple.sam).await;
        }
        app.pass_minutes(HOUR).await;
        for couple in &couples {
            assert_eq!(heard(&app, &couple.alex).await, Vec::<String>::new());
        }
        // At one in the morning in Berlin the three are in Los Angeles, as far as their phones say.
        for couple in &couples {
            couple.alex.done(&app, "updateProfile", json!({ "zone": "America/Los_Angeles" }), "").await;
        }
        app.deliver().await;
        assert_eq!(heard(&app, &couples[2].alex).await, [format!("25T00:00 {PLAIN}")]);
        for couple in &couples[..2] {
            assert_eq!(heard(&app, &couple.alex).await, Vec::<String>::new(), "R16: not in a pause");
            couple.alex.ask(&app, "mutation { resumeNudges { status } }", json!({})).await;
        }
        app.pass_minutes(HOUR).await;
        for couple in &couples {
            assert_eq!(heard(&app, &couple.alex).await, [format!("25T00:00 {PLAIN}")]);
        }
    }
}

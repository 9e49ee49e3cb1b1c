//! What the partner learns: an alert only with consent and without its reason, and the same of every silence.

mod case;
mod courses;
mod elsewhere;
mod eyes;
mod matrix;

use crate::support::care::{DAY, HOUR, after_end, instant, minute};
use crate::support::people::text;
use crate::support::{Couple, Person, TestApp};
use case::{Course, DUE, LATER, cases, live};
use courses::silences;
use eyes::{Eyes, assert_same};
use serde_json::{Value, json};

/// All that an alert says.
const WELCOME: [(&str, &str); 4] = [
    ("MESSAGE", "A message would be welcome."),
    ("CALL", "A call would be welcome."),
    ("VIDEO", "A video call would be welcome."),
    ("IN_PERSON", "A visit would be welcome."),
];

async fn set_alert(app: &TestApp, person: &Person, scene: &str, allowed: Option<bool>) {
    person
        .done(
            app,
            "setSceneAlert",
            json!({ "sceneId": scene, "alertPermission": crate::support::people::scene_permission(allowed) }),
            "",
        )
        .await;
}

/// The alerts on a person's phone, as the app shows them.
async fn alerts(app: &TestApp, person: &Person) -> Vec<String> {
    let mut messages = Vec::new();
    for push in person.pushes(app) {
        for reason in person.reasons_of(app, &push).await {
            if reason["kind"] == "TELL_PARTNER" {
                messages.push(text(&reason["message"]));
            }
        }
    }
    messages
}

on_both_databases! {
    async fn r10_the_partner_is_told_only_with_the_subjects_consent_up_to_the_moment_of_sending(app) {
        let couple = app.couple().await;
        couple.allow_alert(&app, &couple.alex, true).await;
        let mut revision: Option<String> = None;
        // Consent on the link, consent for the scene, what Sam does at the last moment, and whether Alex is told.
        let cases: [(bool, Option<bool>, &str, bool); 9] = [
            (false, None, "nothing", false),
            (true, None, "nothing", true),
            (false, Some(true), "nothing", true),
            (true, Some(false), "nothing", false),
            (true, None, "takes back on the link", false),
            (true, Some(true), "takes back for the scene", false),
            (false, Some(true), "leaves it to the link", false),
            (true, None, "withdraws from the agreement", false),
            (true, None, "is paused", false),
        ];
        for (n, (on_link, for_scene, last_moment, told)) in (0..).zip(cases) {
            let begin = n * 2 * DAY;
            app.pass_until(minute(begin)).await;
            if revision.is_none() || last_moment.contains("paused") {
                let terms = json!({ "stopSignal": "red", "partnerAlert": "CALL", "protocol": after_end(&[60]) });
                revision = Some(couple.agree(&app, terms, revision.as_deref()).await);
            }
            couple.allow_alert(&app, &couple.sam, on_link).await;
            let scene = couple.scene(&app).await;
            set_alert(&app, &couple.sam, &scene, for_scene).await;
            let before = alerts(&app, &couple.alex).await.len();
            // The alert falls due meanwhile, and nobody delivers it before Sam has decided again.
            app.pass_until(minute(begin + 12 * HOUR + 59)).await;
            app.clock.set(minute(begin + 14 * HOUR + 30));
            match last_moment {
                "takes back on the link" => couple.allow_alert(&app, &couple.sam, false).await,
                "takes back for the scene" => set_alert(&app, &couple.sam, &scene, Some(false)).await,
                "leaves it to the link" => set_alert(&app, &couple.sam, &scene, None).await,
                "is paused" => drop(couple.sam.done(&app, "pauseNudges", json!({}), "").await),
                "withdraws from the agreement" => {
                    let input = json!({ "revisionId": revision });
                    couple.sam.done(&app, "withdrawAgreement", input, "").await;
                }
                other => assert_eq!(other, "nothing"),
            }
            app.pass_until(minute(begin + 2 * DAY - 1)).await;
            let count = alerts(&app, &couple.alex).await.len() - before;
            assert_eq!(count, usize::from(told), "link {on_link}, scene {for_scene:?}, Sam {last_moment}");
        }
    }

    async fn r10_taking_back_is_silent(app) {
        let couple = app.couple().await;
        couple.agree(&app, Couple::usual_terms(), None).await;
        couple.allow_alert(&app, &couple.sam, true).await;
        let scene = couple.scene(&app).await;
        app.pass_until(minute(23 * HOUR)).await;
        assert_eq!(alerts(&app, &couple.alex).await, ["A call would be welcome."]);
        let eyes = Eyes::open(&app).await;
        let before = eyes.all(&app, &couple, &couple.alex).await;
        couple.allow_alert(&app, &couple.sam, false).await;
        set_alert(&app, &couple.sam, &scene, Some(false)).await;
        app.deliver().await;
        assert_same(&eyes.all(&app, &couple, &couple.alex).await, &before, "taken back");
        assert_eq!(alerts(&app, &couple.alex).await, ["A call would be welcome."], "what was told stays as it was");
    }

    async fn r11_the_id_of_an_alert_does_not_say_when_the_subject_did_something(app) {
        let mut couples = Vec::new();
        for number in 0..2 {
            let couple = app.pair(number).await;
            couple.agree_on(&app, &[60]).await;
            couple.allow_alert(&app, &couple.sam, true).await;
            couples.push(couple);
        }
        let mut scenes = Vec::new();
        for couple in &couples {
            scenes.push(couple.scene(&app).await);
        }
        app.pass_minutes(HOUR + 5).await;
        // One snoozes the check-in, which plans all of its nudges anew.
        let due = couples[1].check_ins(&app, &couples[1].sam, &scenes[1]).await.remove(0)["id"].clone();
        couples[1].sam.done(&app, "snoozeCheckIn", json!({ "checkInId": due, "minutes": 60 }), "").await;
        app.pass_minutes(2 * DAY).await;
        let mut made = Vec::new();
        for couple in &couples {
            let reasons = couple.alex.reasons(&app, "kind").await;
            let alerts = reasons.iter().filter(|reason| reason["kind"] == "TELL_PARTNER");
            made.push(alerts.map(|alert| text(&alert["id"])["Nudge_".len()..][..12].to_owned()).collect::<Vec<_>>());
        }
        assert_eq!((made[0].len(), &made[0]), (1, &made[1]), "the first 48 bits of the id are an instant");
    }

    async fn r11_to_the_partner_every_silence_is_the_same_whatever_the_partner_tries(app) {
        let shares = json!({ "checkInId": "CHECK_IN", "mood": 1, "sharing": "MOOD" });
        let shares = Course::of("shares", vec![], vec![("answerCheckIn", shares)], vec![]);
        let cases = cases(&app, silences().into_iter().chain([shares]).collect()).await;
        let eyes = Eyes::open(&app).await;
        live(&app, &cases, -1, LATER).await;
        let (shares, silent) = cases.split_last().unwrap();
        let look = async |when: &str| {
            let first = eyes.all(&app, &silent[0].couple, &silent[0].couple.alex).await;
            let told = silent[0].feed(&app).await;
            for case in &silent[1..] {
                let view = eyes.all(&app, &case.couple, &case.couple.alex).await;
                assert_same(&view, &first, &format!("Sam {} {when}", case.course.name));
                assert_eq!(case.feed(&app).await, told, "Sam {} {when}", case.course.name);
            }
            assert_ne!(shares.feed(&app).await, told, "an update would be told");
            let update = eyes.all(&app, &shares.couple, &shares.couple.alex).await;
            assert_ne!(update, first, "an update would show");
        };
        for hours in [0, 20, 4, 20, 30] {
            app.pass_minutes(hours * HOUR).await;
            look(&format!("at {}", app.clock.now())).await;
        }
        let pages = eyes.pages(&app, &silent[0].couple, &silent[0].couple.alex).await;
        for case in &silent[1..] {
            let walked = eyes.pages(&app, &case.couple, &case.couple.alex).await;
            assert_same(&walked, &pages, &format!("Sam {}, page by page", case.course.name));
        }
        // Whatever Alex does about it has the same result, and afterwards Alex sees the same.
        for case in silent {
            case.couple.alex.refresh(&app).await;
        }
        let first = silent[0].provoke(&app, &[]).await;
        for found in &first[..5] {
            assert!(found.contains("NOT_FOUND"), "somebody else's looks missing: {found}");
        }
        for case in &silent[1..] {
            assert_same(&case.provoke(&app, &[]).await, &first, &format!("Sam {}, Alex tries", case.course.name));
        }
        app.deliver().await;
        let first = eyes.all(&app, &silent[0].couple, &silent[0].couple.alex).await;
        let told = silent[0].feed(&app).await;
        for case in &silent[1..] {
            let view = eyes.all(&app, &case.couple, &case.couple.alex).await;
            assert_same(&view, &first, &format!("Sam {}, after the end", case.course.name));
            assert_eq!(case.feed(&app).await, told, "Sam {}, after the end", case.course.name);
        }
    }

    async fn r06_r10_nothing_that_the_partner_tries_brings_back_an_alert_that_was_taken_back(app) {
        let allow = |allowed: bool| ("updateLink", json!({ "linkId": "LINK", "alertPermission": crate::support::people::permission(allowed) }));
        let for_scene = ("setSceneAlert", json!({ "sceneId": "SCENE", "alertPermission": "FORBID" }));
        let withdraw = ("withdrawAgreement", json!({ "revisionId": "REVISION" }));
        let of = |name, later| Course::of(name, vec![allow(true)], vec![], later);
        let silences = vec![of("takes it back", vec![allow(false)]), of("takes it back for the scene", vec![for_scene]),
            of("withdraws the agreement", vec![withdraw]), of("leaves it so", vec![])];
        let cases = cases(&app, silences).await;
        live(&app, &cases, -1, DUE).await;
        for case in &cases {
            case.act_at(&app, LATER).await;
            case.couple.alex.refresh(&app).await;
            // Not tried: what would end the alert for Alex's own reasons.
            let tried = case.provoke(&app, &["endLink", "withdrawAgreement", "recordOutreach"]).await;
            assert!(tried.iter().filter(|came| came.contains("\"DONE\"")).count() > 5, "{tried:#?}");
            if !["leaves it so", "takes it back for the scene"].contains(&case.course.name) {
                // A scene said to have begun while the alert was still allowed.
                let (began, ended) = (app.clock.now() - jiff::SignedDuration::from_mins(30), app.clock.now());
                let scene = json!({ "linkId": case.couple.link, "setting": "ONLINE", "startedAt": began.to_string(),
                    "endedAt": ended.to_string() });
                case.couple.alex.done(&app, "recordScene", scene, "").await;
            }
        }
        app.pass_minutes(2 * DAY).await;
        for case in &cases {
            let told = alerts(&app, &case.couple.alex).await;
            let expected = if case.course.name == "leaves it so" { vec!["A call would be welcome."; 2] } else { vec![] };
            assert_eq!(told, expected, "Sam {}", case.course.name);
        }
    }

    async fn r09_r11_an_edit_of_what_is_not_shared_does_not_blink(app) {
        let couple = app.couple().await;
        let scene = couple.scene(&app).await;
        app.pass_minutes(HOUR).await;
        let check_in = couple.check_ins(&app, &couple.sam, &scene).await.remove(0)["id"].clone();
        let answer = async |mood: i32, note: &str| {
            let input = json!({ "checkInId": check_in, "mood": mood, "note": note, "sharing": "MOOD" });
            couple.sam.done(&app, "answerCheckIn", input, "").await;
        };
        let query = "query($after: String) { viewer { changes(after: $after, first: 50) { cursor changes { kind } } } }";
        let feed = async |after: Value| {
            couple.alex.ask(&app, query, json!({ "after": after })).await["viewer"]["changes"].clone()
        };
        answer(2, "only mine").await;
        app.pass_minutes(3).await;
        let before = couple.partners_view(&app, &couple.alex, &scene).await;
        assert_eq!(before[0]["shared"]["mood"], 2);
        let cursor = feed(Value::Null).await["cursor"].clone();
        answer(2, "only mine, and more").await;
        assert_eq!(couple.partners_view(&app, &couple.alex, &scene).await, before, "at once");
        app.pass_minutes(3).await;
        assert_eq!(couple.partners_view(&app, &couple.alex, &scene).await, before, "and later");
        assert_eq!(feed(cursor.clone()).await["changes"], json!([]), "nobody hears of it");
        answer(3, "only mine, and more").await;
        assert_eq!(couple.partners_view(&app, &couple.alex, &scene).await[0]["shared"], Value::Null);
        app.pass_minutes(3).await;
        assert_eq!(couple.partners_view(&app, &couple.alex, &scene).await[0]["shared"]["mood"], 3);
    }

    async fn r12_of_an_ended_link_nothing_of_the_others_later_life_is_seen(app) {
        let answer = |mood: i32| json!({ "checkInId": "CHECK_IN", "mood": mood, "sharing": "ALL" });
        let profile = json!({ "displayName": "Somebody else", "zone": "Asia/Tokyo", "quietHours": null });
        let life = vec![
            ("updateProfile", profile),
            ("withdrawAgreement", json!({ "revisionId": "REVISION" })),
            ("setSceneAlert", json!({ "sceneId": "SCENE", "alertPermission": "ALLOW" })),
            ("answerCheckIn", answer(1)),
            ("removeDevice", json!({ "deviceId": "DEVICE" })),
            ("pauseNudges", json!({})),
        ];
        let of = |name, later| Course::of(name, vec![], vec![("answerCheckIn", answer(4))], later);
        let cases = cases(&app, vec![of("does nothing", vec![]), of("lives on", life)]).await;
        let eyes = Eyes::open(&app).await;
        live(&app, &cases, -1, DUE).await;
        app.pass_minutes(5).await;
        let told = eyes.all(&app, &cases[0].couple, &cases[0].couple.alex).await.concat();
        assert!(told.contains("\"mood\":4"), "before the end it is seen");
        for case in &cases {
            case.couple.sam.done(&app, "endLink", json!({ "linkId": case.couple.link }), "").await;
        }
        let [still, busy] = &cases[..] else { unreachable!() };
        let look = async |when: &str| {
            let before = eyes.all(&app, &still.couple, &still.couple.alex).await;
            assert!(!before.concat().contains("\"mood\":4"), "{when} nothing shared is seen");
            assert_same(&eyes.all(&app, &busy.couple, &busy.couple.alex).await, &before, when);
        };
        look("at the end").await;
        for (_, step, input) in busy.course.steps.iter().filter(|(at, ..)| *at == LATER) {
            busy.act(&app, step, input).await;
            look(step).await;
        }
        let robin = app.person("Robin", "UTC", ("22:00", "08:00")).await;
        let link = app.link(&busy.couple.sam, &robin).await;
        let scene = json!({ "linkId": link, "setting": "ONLINE", "endedAt": instant(app.clock.now()) });
        robin.done(&app, "recordScene", scene, "").await;
        look("with somebody new").await;
        for hours in [3, 20, 24, 48] {
            app.pass_minutes(hours * HOUR).await;
            look(&format!("at {}", app.clock.now())).await;
        }
        let tries = (still.provoke(&app, &[]).await, busy.provoke(&app, &[]).await);
        assert_same(&tries.1, &tries.0, "Alex tries");
        look("whatever Alex tries").await;
    }

    async fn r13_an_alert_says_the_agreed_action_and_nothing_of_what_was_answered(app) {
        let couple = app.couple().await;
        couple.allow_alert(&app, &couple.sam, true).await;
        let mut revision: Option<String> = None;
        let ways = WELCOME.map(|(way, _)| Some(way)).into_iter().chain([None]);
        for (n, way) in (0..).zip(ways) {
            app.pass_until(minute(n * 2 * DAY)).await;
            let terms = json!({ "stopSignal": "red", "partnerAlert": way, "protocol": after_end(&[60, 120]) });
            revision = Some(couple.agree(&app, terms, revision.as_deref()).await);
            let scene = couple.scene(&app).await;
            let first = couple.check_ins(&app, &couple.sam, &scene).await.remove(0);
            app.pass_minutes(HOUR).await;
            let secret = json!({ "checkInId": first["id"], "mood": 1, "note": "heliotrope", "need": "heliotrope" });
            couple.sam.done(&app, "answerCheckIn", secret, "").await;
        }
        app.pass_minutes(2 * DAY).await;
        let said = WELCOME.map(|(_, sentence)| sentence);
        assert_eq!(alerts(&app, &couple.alex).await, said, "and none where none was agreed");
        for query in Eyes::open(&app).await.queries() {
            let seen = couple.alex.ask(&app, query, json!({})).await.to_string();
            assert!(!seen.contains("heliotrope"), "{query}");
        }
    }

    async fn r13_an_alert_by_mail_says_no_more(app) {
        let couple = app.couple().await;
        couple.agree(&app, Couple::usual_terms(), None).await;
        couple.allow_alert(&app, &couple.sam, true).await;
        couple.alex.done(&app, "removeDevice", json!({ "deviceId": couple.alex.device_id }), "").await;
        couple.scene(&app).await;
        app.pass_until(minute(13 * HOUR - 1)).await;
        let before = couple.alex.mails(&app).len();
        app.pass_minutes(1).await;
        let mail = couple.alex.mails(&app).split_off(before).pop().unwrap();
        let words = mail.text().unwrap();
        let lines: Vec<_> = words.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let link = format!("{}/open", app.url);
        let footer = "Evenkeel. This message was sent automatically; nobody reads replies.";
        assert_eq!(lines[..5], ["A call would be welcome.", "Open:", &link, "--", footer]);
        let (_, token) = lines[6].rsplit_once('/').unwrap();
        assert_eq!((lines[5], lines.len()), ("No more of these, or a pause:", 7));
        assert_eq!(mail.subject().unwrap(), "Your reminder");
        // The random letters of the token may spell any word.
        let everything = String::from_utf8(mail.raw).unwrap().replace("=\r\n", "").replace(token, "").to_lowercase();
        for word in ["sam", "scene", "check-in", "answer", "mood", "drop"] {
            assert!(!everything.contains(word), "{word} in {everything}");
        }
    }
}

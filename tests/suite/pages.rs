//! The pages behind a nudge or a mail: they sign nobody in, show no personal data, and change nothing unasked.

mod mails;

use crate::support::care::{DAY, HOUR, instant, minute};
use crate::support::people::{PASSWORD, health_consent, link_in, text};
use crate::support::{Couple, Person, TestApp};
use diesel::prelude::*;
use diesel::sql_types::Text;
use evenkeel::app::App;
use evenkeel::store::{Db, Location};
use jiff::SignedDuration;
use serde_json::{Value, json};

/// Words that no page may contain: they would tell a stranger, or a partner who holds the phone, more than the link
/// does.
const UNSAID: [&str; 9] =
    ["alex", "sam", "scene", "partner", "people.test", "aftercare", "drop", "paused", "agreed"];

/// A couple in which Sam has no device, and a scene that ended just now.
async fn by_mail(app: &TestApp) -> (Couple, String) {
    let alex = app.person("Alex", "Europe/Berlin", ("22:00", "08:00")).await;
    let sam = app.person_without_device("Sam", "America/Los_Angeles", ("23:00", "07:00")).await;
    let link = app.link(&alex, &sam).await;
    let couple = Couple { alex, sam, link };
    let scene = couple.scene(app).await;
    (couple, scene)
}

/// The same, at the time of the first check-in, with the link of the mail that asks Sam.
async fn asked(app: &TestApp) -> (Couple, String, String) {
    let (couple, scene) = by_mail(app).await;
    app.pass_minutes(HOUR).await;
    let link = link_in(&reminder(app, &couple.sam));
    (couple, scene, link)
}

/// The latest mail that asks a question.
fn reminder(app: &TestApp, person: &Person) -> evenkeel::demo::smtp_receiver::Mail {
    let mut mails = person.mails(app);
    mails.retain(|mail| link_in(mail).contains("/c/"));
    mails.pop().expect("a reminder by mail")
}

/// The links at the foot of a mail: to stop mails, and to choose.
fn choices_of(mail: &evenkeel::demo::smtp_receiver::Mail) -> (String, String) {
    let stop = mail.header("List-Unsubscribe").expect("a way to stop mails");
    let words = mail.text().unwrap();
    let preferences = words.lines().find(|line| line.contains("/preferences/")).unwrap();
    (stop.trim_matches(['<', '>']).to_owned(), preferences.to_owned())
}

/// The attempt in a page's form, if it has one.
fn attempt_in(page: &str) -> Option<&str> {
    let (_, rest) = page.split_once("name=\"attempt\" value=\"")?;
    Some(rest.split_once('"')?.0)
}

/// A page without its attempt, which is another each time.
fn lasting(page: String) -> String {
    match attempt_in(&page).map(str::to_owned) {
        Some(attempt) => page.replace(&attempt, "…"),
        None => page,
    }
}

async fn get(app: &TestApp, link: &str) -> (u16, String) {
    let answer = app.http.get(link).send().await.unwrap();
    (answer.status().as_u16(), lasting(answer.text().await.unwrap()))
}

/// The attempt of a page that was opened anew.
async fn attempt(app: &TestApp, link: &str) -> String {
    let page = app.http.get(link).send().await.unwrap().text().await.unwrap();
    attempt_in(&page).expect("a form with an attempt").to_owned()
}

/// Sends a form as a browser does.
async fn post(app: &TestApp, link: &str, fields: &[(&str, &str)]) -> (u16, String) {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let request = app.http.post(link).header("Content-Type", "application/x-www-form-urlencoded").body(body);
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), lasting(answer.text().await.unwrap()))
}

/// The first of Sam's check-ins.
async fn first(app: &TestApp, couple: &Couple, scene: &str) -> Value {
    let check_ins = couple.check_ins(app, &couple.sam, scene).await;
    let query = "query($id: ID!) { node(id: $id) { ... on CheckIn { id state snoozedUntil
        answer { mood signs { sign degree } need note sharing } } } }";
    couple.sam.ask(app, query, json!({ "id": check_ins[0]["id"] })).await["node"].clone()
}

async fn wants(app: &TestApp, person: &Person) -> Value {
    let query = "{ viewer { account { mailWanted pushWanted paused pausedUntil } } }";
    person.ask(app, query, json!({})).await["viewer"]["account"].clone()
}

const DONE: &str = "This is done.";

/// An answering link with this token that offers the same as another one: what it offers stands in the link.
fn like(app: &TestApp, token: &str, link: &str) -> String {
    let query = link.split_once('?').map_or_else(String::new, |(_, query)| format!("?{query}"));
    format!("{}/c/{token}{query}", app.url)
}

on_both_databases! {
    async fn r30_only_a_button_of_the_page_answers_and_once(app) {
        let (couple, scene, link) = asked(&app).await;
        assert!(link.starts_with(&format!("{}/c/", app.url)));
        let question = get(&app, &link).await;
        let (status, page) = question.clone();
        assert!(status == 200 && page.contains("<form method=\"post\"") && page.contains("How are you right now?"));
        let button = page.split("<button").nth(1).unwrap();
        assert!(button.starts_with(" type=\"submit\" class=\"enter\""), "Enter on a choice presses it: {button}");
        for _ in 0..3 {
            let head = app.http.head(&link).send().await.unwrap();
            assert_eq!(head.status(), 200);
            assert_eq!(get(&app, &link).await, (200, page.clone()));
        }
        assert_eq!(first(&app, &couple, &scene).await["state"], "UNANSWERED");

        let written = [
            ("sign-tired", "a_lot"), ("sign-low", "a_little"), ("sign-sad", ""), ("sign-numb", "none"),
            ("need", " a call "), ("note", "tea & rest"), ("sharing", "mood"), ("mood", "2"),
        ];
        let (status, page) = post(&app, &link, &written).await;
        assert!(status == 200 && page.contains(DONE) && !page.contains("<form"), "{page}");
        let kept = json!({
            "mood": 2, "need": "a call", "note": "tea & rest", "sharing": "MOOD", "signs": [
                { "sign": "LOW", "degree": "A_LITTLE" }, { "sign": "NUMB", "degree": "NONE" },
                { "sign": "TIRED", "degree": "A_LOT" },
            ],
        });
        assert_eq!(first(&app, &couple, &scene).await["answer"], kept);
        app.clock.set(app.clock.now() + evenkeel::domain::answer::RELEASE_DELAY);
        let shared = couple.partners_view(&app, &couple.alex, &scene).await[0]["shared"].clone();
        assert_eq!((&shared["mood"], &shared["note"]), (&json!(2), &Value::Null), "as chosen on the page");

        assert_eq!(get(&app, &link).await, question, "looking again tells nothing");
        for again in [&[("mood", "5")][..], &[("skip", "yes")], &[("later", "60")]] {
            let (status, page) = post(&app, &link, again).await;
            assert!(status == 404 && page.contains("Nothing was changed") && !page.contains(DONE), "{again:?}");
        }
        assert_eq!(first(&app, &couple, &scene).await["answer"], kept, "to change it one signs in");
    }

    async fn r30_a_link_tells_nothing_of_its_check_in_to_who_does_not_answer_it(app) {
        let (couple, scene, link) = asked(&app).await;
        // A partner who saw the link once, and looks and tries without answering, before and after each thing that
        // Sam can do.
        let unanswering: [&[(&str, &str)]; 6] =
            [&[], &[("mood", "9")], &[("later", "5")], &[("later", "x")], &[("mood", "3"), ("attempt", "short")], &[("note", "tea")]];
        let mut seen: Vec<Vec<(u16, String)>> = Vec::new();
        let mut look = async || {
            let mut all = vec![get(&app, &link).await];
            for fields in unanswering {
                all.push(post(&app, &link, fields).await);
                let said = serde_json::json!({ "mood": 9, "attempt": "an-attempt-that-is-long-enough" });
                let request = app.http.post(&link).header("Content-Type", "application/json").body(said.to_string());
                let answer = request.send().await.unwrap();
                all.push((answer.status().as_u16(), answer.text().await.unwrap()));
            }
            seen.push(all);
        };
        let sam = &couple.sam;
        let id = first(&app, &couple, &scene).await["id"].clone();
        look().await;
        sam.done(&app, "snoozeCheckIn", json!({ "checkInId": id, "minutes": 30 }), "").await;
        look().await;
        sam.ask(&app, "mutation { withdrawConsent { status } }", json!({})).await;
        look().await;
        sam.ask(&app, "mutation($i: GiveConsentInput!) { giveConsent(input: $i) { status } }", json!({ "i": crate::support::people::health_consent() })).await;
        sam.done(&app, "skipCheckIn", json!({ "checkInId": id }), "").await;
        look().await;
        sam.done(&app, "answerCheckIn", json!({ "checkInId": id, "mood": 2 }), "").await;
        look().await;
        sam.done(&app, "reauthenticate", json!({ "password": PASSWORD }), "").await;
        sam.ask(&app, "mutation { endOtherSessions { status } requestErasure { status } }", json!({})).await;
        look().await;
        app.clock.set(minute(HOUR + 15 * DAY));
        look().await;
        assert!(seen.iter().all(|all| *all == seen[0]), "{seen:#?}");
        assert_eq!(seen[0][0].0, 200);

        // What would do something, but comes too late, looks like a link that was used.
        let nothing = post(&app, &like(&app, "nothing", &link), &[("later", "60")]).await;
        assert_eq!(post(&app, &link, &[("later", "60")]).await, nothing);
    }

    async fn r04_who_lost_the_answer_hears_that_it_is_done_and_nobody_else_does(app) {
        let (couple, scene, link) = asked(&app).await;
        let (mine, other) = (attempt(&app, &link).await, attempt(&app, &link).await);
        assert_ne!(mine, other);
        let tap = [("mood", "2"), ("attempt", mine.as_str())];
        let done = post(&app, &link, &tap).await;
        assert!(done.0 == 200 && done.1.contains(DONE));
        for minutes in [0, 1, 600] {
            app.clock.set(app.clock.now() + SignedDuration::from_mins(minutes));
            assert_eq!(post(&app, &link, &tap).await, done, "a page that is loaded again sends the same");
            let (status, page) = post(&app, &link, &[("mood", "2"), ("note", "my words"), ("attempt", other.as_str())]).await;
            assert!(status == 404 && page.contains(">\nmy words</textarea>"), "nobody's words are lost: {page}");
        }
        couple.sam.refresh(&app).await;
        assert_eq!(first(&app, &couple, &scene).await["answer"]["mood"], 2);
    }

    async fn an_answer_fits_in_any_script_and_a_longer_one_gets_a_page(app) {
        let (couple, scene, link) = asked(&app).await;
        let long = "\u{1F33F}".repeat(2000);
        let (status, page) = post(&app, &link, &[("need", &long), ("note", &long), ("sharing", &"x".repeat(20_000))]).await;
        assert!(status == 413 && page.contains("too long") && page.contains("id=\"leave\""), "{status} {page}");
        let request = app.http.post(&link).header("Content-Type", "application/json").body(" ".repeat(70_000));
        let answer = request.send().await.unwrap();
        assert_eq!((answer.status().as_u16(), &answer.headers()["content-type"]), (413, &"application/problem+json".parse().unwrap()));
        assert!(answer.text().await.unwrap().contains("urn:evenkeel:problem:too-long"));
        let (status, page) = post(&app, &link, &[("need", &long), ("note", &long), ("mood", "3")]).await;
        assert!(status == 200 && page.contains(DONE), "{status} {page}");
        assert_eq!(first(&app, &couple, &scene).await["answer"]["note"], long.as_str());
    }

    async fn r11_on_hold_a_link_looks_like_one_that_works_no_longer(app) {
        let (couple, scene, link) = asked(&app).await;
        let (nothing, question) = (like(&app, "nothing", &link), get(&app, &link).await);
        couple.sam.done(&app, "reauthenticate", json!({ "password": PASSWORD }), "").await;
        let again = health_consent();
        let give = format!("giveConsent(input: {{ kind: HEALTH_DATA, version: {} }})", again["version"]);
        for (hold, go_on) in [("withdrawConsent", &give[..]), ("requestErasure", "cancelErasure")] {
            couple.sam.ask(&app, &format!("mutation {{ {hold} {{ status }} }}"), json!({})).await;
            assert_eq!(get(&app, &link).await, question, "{hold}");
            for tap in [("mood", "3"), ("skip", "yes"), ("later", "60")] {
                let gone = post(&app, &nothing, &[tap]).await;
                assert_eq!(gone.0, 404);
                assert_eq!(post(&app, &link, &[tap]).await, gone, "{hold}, {tap:?}");
            }
            let request = app.http.post(&link).header("Content-Type", "application/json").body("{\"mood\":3}");
            assert_eq!(request.send().await.unwrap().status(), 404, "{hold}");
            couple.sam.ask(&app, &format!("mutation {{ {go_on} {{ status }} }}"), json!({})).await;
        }
        assert_eq!(first(&app, &couple, &scene).await["state"], "UNANSWERED");
    }

    async fn r05_an_answer_and_a_skip_by_the_page_stop_the_ladder_at_once(app) {
        for (number, tap) in [("mood", "3"), ("skip", "yes")].into_iter().enumerate() {
            let couple = app.pair(number).await;
            let scene = couple.scene(&app).await;
            app.pass_minutes(HOUR).await;
            let leads = couple.sam.pushes(&app).into_iter().map(|push| {
                let payload: Value = serde_json::from_slice(&push.payload).unwrap();
                text(&payload["notification"]["navigate"])
            });
            let leads = leads.into_iter().find(|leads| leads.contains("/c/")).unwrap();
            let (link, _) = leads.split_once('#').unwrap();
            assert_eq!(post(&app, link, &[tap]).await.0, 200);
            let check_in = first(&app, &couple, &scene).await;
            let state = if tap.0 == "mood" { "ANSWERED" } else { "SKIPPED" };
            assert_eq!(check_in["state"], state);
            assert_eq!(couple.sam.rungs(&app, &check_in, "WAITING").await, Vec::<String>::new());
            let standing = if tap.0 == "mood" { json!("NOTHING") } else { Value::Null };
            assert_eq!(check_in["answer"]["sharing"], standing, "unless said otherwise, the standing choice");
        }
    }

    async fn r05_later_on_the_page_asks_again_then_and_twice_is_once(app) {
        let (couple, scene, link) = asked(&app).await;
        let attempt = attempt(&app, &link).await;
        let later = [("later", "60"), ("attempt", attempt.as_str())];
        let (one, other) = futures::join!(post(&app, &link, &later), post(&app, &link, &later));
        assert!(one.0 == 200 && one.1.contains("asked again") && one == other);
        assert_eq!(first(&app, &couple, &scene).await["snoozedUntil"], "2026-10-24T20:00:00.000Z");
        let before = couple.sam.mails(&app).len();
        app.pass_minutes(59).await;
        assert_eq!(couple.sam.mails(&app).len(), before);
        app.pass_minutes(1).await;
        assert_eq!(couple.sam.mails(&app).len(), before + 1, "once, though it was pressed twice");
        let next = link_in(&reminder(&app, &couple.sam));
        assert_ne!(next, link, "putting off used the first one up");
        let again = post(&app, &link, &[("later", "60")]).await;
        assert_eq!(again, post(&app, &like(&app, "nothing", &link), &[("later", "60")]).await);
        let link = next;
        app.clock.set(minute(DAY));
        let (status, page) = post(&app, &link, &later).await;
        assert!(status == 404 && page.contains("too late for this") && page.contains("role=\"alert\""), "{page}");
        assert_eq!(post(&app, &link, &[("mood", "4")]).await.0, 200, "late answers count");
    }

    async fn r04_two_presses_at_once_give_one_answer(app) {
        let (couple, scene, link) = asked(&app).await;
        let attempt = attempt(&app, &link).await;
        let tap = async |mood| post(&app, &link, &[("mood", mood), ("attempt", attempt.as_str())]).await;
        let (one, other) = futures::join!(tap("2"), tap("5"));
        assert_eq!((one.0, &one), (200, &other), "both hear that it is done");
        let kept = first(&app, &couple, &scene).await["answer"]["mood"].clone();
        for mood in ["1", "3", "5"] {
            post(&app, &link, &[("mood", mood)]).await;
        }
        assert_eq!(first(&app, &couple, &scene).await["answer"]["mood"], kept);
    }

    async fn what_is_not_right_is_said_beside_its_field_and_nothing_written_is_lost(app) {
        let (couple, scene, link) = asked(&app).await;
        let long = format!("</textarea><script>alert(1)</script>{}", "x".repeat(2000));
        let written = [("note", long.as_str()), ("need", "tea"), ("sign-sad", "a_lot"), ("sharing", "all"), ("mood", "3")];
        let (status, page) = post(&app, &link, &written).await;
        assert_eq!(status, 422);
        for part in ["<title>Error: ", "role=\"alert\"", "href=\"#note\"", "id=\"note-problem\"", "<details open>",
            "name=\"sign-sad\" value=\"a_lot\" checked", "name=\"sharing\" value=\"all\" checked", ">\ntea</textarea>"]
        {
            assert!(page.contains(part), "{part}");
        }
        assert!(!page.contains("<script>alert") && page.matches("<script").count() == 1);
        for nothing in [&[][..], &[("note", "tea")], &[("mood", "6")], &[("mood", "x")], &[("later", "5")], &[("later", "y")]] {
            let (status, page) = post(&app, &link, nothing).await;
            assert!(status == 422 && page.contains("role=\"alert\""), "{nothing:?}");
        }
        for body in [&b"\xff\xfe%00=%zz&&=&mood"[..], b"{\"mood\": 3}", b""] {
            let answer = app.http.post(&link).body(body.to_vec()).send().await.unwrap();
            assert_eq!(answer.status(), 422);
        }
        assert_eq!(first(&app, &couple, &scene).await["state"], "UNANSWERED");
    }

    async fn r29_links_that_do_not_work_look_alike_whatever_the_reason(app) {
        let (couple, scene, link) = asked(&app).await;
        let (stop, preferences) = choices_of(&reminder(&app, &couple.sam));
        let token = |link: &str| link.rsplit('/').next().unwrap().split('?').next().unwrap().to_owned();
        let (answer, choose) = (token(&link), token(&stop));
        assert_eq!(choose, token(&preferences));
        let forged = |token: &str| format!("{}{}", if token.starts_with('A') { 'B' } else { 'A' }, &token[1..]);
        let verify = token(&link_in(&couple.sam.mails(&app)[0]));
        let (mut wrong, mut unanswering) = (Vec::new(), Vec::new());
        for other in [&choose, &forged(&answer), &verify, &"x".repeat(3000), "%00%ff", "'--"] {
            unanswering.push(like(&app, other, &link));
        }
        for page in ["unsubscribe", "preferences"] {
            for other in [&answer, &forged(&choose), &verify] {
                wrong.push(format!("{}/{page}/{other}", app.url));
            }
        }
        let shown = get(&app, &wrong[0]).await;
        assert_eq!(shown.0, 404);
        for link in &wrong {
            assert_eq!(get(&app, link).await, shown, "{link}");
            for fields in [&[("mood", "3")][..], &[("mood", "9")], &[("skip", "yes")], &[("later", "60")]] {
                assert_eq!(post(&app, link, fields).await, shown, "{link} {fields:?}");
            }
        }
        let question = get(&app, &link).await;
        for link in &unanswering {
            assert_eq!(get(&app, link).await, question, "{link}");
            for fields in [&[("mood", "3")][..], &[("skip", "yes")], &[("later", "60")]] {
                let answer = post(&app, link, fields).await;
                assert_eq!(answer.0, 404);
                assert_eq!(answer, post(&app, &unanswering[0], fields).await, "{link} {fields:?}");
            }
        }
        app.clock.set(minute(HOUR + 14 * DAY));
        assert_eq!(get(&app, &link).await, question);
        let tap = [("mood", "3")];
        assert_eq!(post(&app, &link, &tap).await, post(&app, &unanswering[0], &tap).await);
        couple.sam.refresh(&app).await;
        assert_eq!(first(&app, &couple, &scene).await["state"], "UNANSWERED");
        app.clock.set(minute(HOUR + 60 * DAY));
        for link in [&stop, &preferences] {
            assert_eq!(get(&app, link).await, shown);
            assert_eq!(post(&app, link, &[]).await, shown);
        }
    }

    async fn r11_a_page_tells_nothing_of_anybody_nor_whether_they_paused_or_the_link_ended(app) {
        let (couple, _, link) = asked(&app).await;
        let (stop, preferences) = choices_of(&reminder(&app, &couple.sam));
        let links = [link.clone(), stop, preferences, format!("{}/leave", app.url), format!("{}/open", app.url)];
        let mut plain = Vec::new();
        for link in &links {
            let (status, page) = get(&app, link).await;
            assert_eq!(status, 200);
            let said = page.to_lowercase();
            assert!(UNSAID.iter().all(|word| !said.contains(word)), "{link}: {said}");
            plain.push(page);
        }
        for (step, input) in [
            ("updateProfile", json!({ "defaultSharing": "ALL", "mailWanted": false, "pushWanted": false })), ("pauseNudges", json!({})),
            ("endLink", json!({ "linkId": couple.link })),
        ] {
            couple.sam.done(&app, step, input, "").await;
            for (link, plain) in links.iter().zip(&plain) {
                assert_eq!(get(&app, link).await, (200, plain.clone()), "{link} after {step}");
            }
        }
        assert_eq!(post(&app, &link, &[("mood", "3")]).await.0, 200, "one's own check-ins stay one's own");
    }

    async fn r30_a_press_or_a_mail_program_stops_mails_and_opening_does_not(app) {
        let (couple, _, _) = asked(&app).await;
        let mail = reminder(&app, &couple.sam);
        assert_eq!(mail.header("List-Unsubscribe-Post").unwrap(), "List-Unsubscribe=One-Click");
        assert_eq!(mail.header("Auto-Submitted").unwrap(), "auto-generated");
        let (stop, preferences) = choices_of(&mail);
        for link in [&stop, &preferences] {
            let (status, page) = get(&app, link).await;
            assert!(status == 200 && page.contains("<form method=\"post\""));
            assert_eq!(app.http.head(link).send().await.unwrap().status(), 200);
        }
        assert_eq!(wants(&app, &couple.sam).await["mailWanted"], true);

        let multipart = "--b\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--b--\r\n";
        for (media, body) in [
            ("application/x-www-form-urlencoded", "List-Unsubscribe=One-Click"),
            ("multipart/form-data; boundary=b", multipart),
        ] {
            post(&app, &preferences, &[("mail", "yes")]).await;
            assert_eq!(wants(&app, &couple.sam).await["mailWanted"], true);
            let request = app.http.post(&stop).header("Content-Type", media).body(body);
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), 200, "no sign-in, no cookie, no redirect (RFC 8058, 3.2)");
            assert!(answer.headers().get("set-cookie").is_none());
            assert_eq!(wants(&app, &couple.sam).await["mailWanted"], false, "{media}");
        }
        let before = couple.sam.mails(&app).len();
        app.pass_minutes(2 * DAY).await;
        assert_eq!(couple.sam.mails(&app).len(), before);
        app.anonymous("mutation($e: String!) { requestPasswordReset(input: { email: $e }) { status } }",
            json!({ "e": couple.sam.email })).await;
        app.deliver().await;
        let asked_for = couple.sam.mails(&app).pop().unwrap();
        assert!(link_in(&asked_for).contains("/reset/"), "what one asks for oneself still comes");
        for name in ["List-Unsubscribe", "List-Unsubscribe-Post"] {
            assert_eq!(asked_for.header(name), None, "one cannot unsubscribe from one's own safety");
        }
    }

    async fn r05_a_pause_by_the_link_in_a_mail_stops_everything_and_can_be_taken_back(app) {
        let (couple, scene, _) = asked(&app).await;
        let (_, preferences) = choices_of(&reminder(&app, &couple.sam));
        let choose = async |fields: &[(&str, &str)]| assert_eq!(post(&app, &preferences, fields).await.0, 200);
        choose(&[("mail", "no"), ("push", "no"), ("pause", "")]).await;
        let expected = json!({ "mailWanted": false, "pushWanted": false, "paused": false, "pausedUntil": null });
        assert_eq!(wants(&app, &couple.sam).await, expected);
        choose(&[("mail", "yes"), ("push", ""), ("pause", "week")]).await;
        let until = instant(app.clock.now() + SignedDuration::from_hours(7 * 24));
        let expected = json!({ "mailWanted": true, "pushWanted": false, "paused": true, "pausedUntil": until });
        assert_eq!(wants(&app, &couple.sam).await, expected);
        let check_in = first(&app, &couple, &scene).await;
        assert_eq!(couple.sam.rungs(&app, &check_in, "WAITING").await, Vec::<String>::new());
        for (word, paused) in [("off", false), ("on", true), ("off", false), ("day", true), ("nonsense", true)] {
            choose(&[("pause", word)]).await;
            assert_eq!(wants(&app, &couple.sam).await["paused"], paused, "{word}");
        }
    }

    async fn r26_no_token_of_a_page_is_kept(app) {
        let (couple, _, link) = asked(&app).await;
        let (stop, _) = choices_of(&reminder(&app, &couple.sam));
        #[derive(QueryableByName)]
        struct Line {
            #[diesel(sql_type = Text)]
            line: String,
        }
        let hex = match app.config.database {
            Location::Sqlite(_) => "lower(hex(token_hash))",
            Location::Postgres(_) | Location::Pooled { .. } => "encode(token_hash, 'hex')",
        };
        let query = format!("SELECT purpose || ' ' || {hex} AS line FROM page_tokens ORDER BY 1");
        let lines: Vec<Line> = diesel::sql_query(query).load(&mut Db::open(&app.config.database).unwrap()).unwrap();
        let hashed = |purpose: &str, link: &str| {
            let hash = evenkeel::vault::sha256(link.rsplit('/').next().unwrap().split('?').next().unwrap().as_bytes());
            format!("{purpose} {}", hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
        };
        let lines: Vec<String> = lines.into_iter().map(|line| line.line).collect();
        for expected in [hashed("answer", &link), hashed("choices", &stop)] {
            assert!(lines.contains(&expected), "{expected} in {lines:?}");
        }
        app.clock.set(minute(62 * DAY));
        evenkeel::actions::operations::retention::sweep(&app.app.context).await.unwrap();
        let left: i64 = {
            use diesel::dsl::count_star;
            use evenkeel::store::schema::page_tokens;
            page_tokens::table.select(count_star()).first(&mut Db::open(&app.config.database).unwrap()).unwrap()
        };
        assert_eq!(left, 0, "what works no longer is forgotten");
    }

    async fn every_page_is_whole_by_itself_and_can_be_left_quickly(app) {
        let (couple, _, link) = asked(&app).await;
        let (stop, preferences) = choices_of(&reminder(&app, &couple.sam));
        let gone = format!("{}/c/nothing", app.url);
        for link in [&link, &stop, &preferences, &gone, &format!("{}/verify/x", app.url), &format!("{}/reset/x", app.url),
            &format!("{}/open", app.url)]
        {
            let answer = app.http.get(link).send().await.unwrap();
            let policy = answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
            assert!(!policy.contains("unsafe-inline") && policy.contains("script-src 'self'"), "{policy}");
            assert_eq!(answer.headers()["cache-control"], "no-store");
            let page = answer.text().await.unwrap();
            assert!(page.contains("<a id=\"leave\" href=\"/leave\">"), "{link}");
            assert!(page.contains("<html lang=\"en\">") && page.contains("name=\"viewport\""));
            for elsewhere in ["http:", "https:", "href=\"//", "src=\"//", "<style", "style=\"", "onclick"] {
                assert!(!page.contains(elsewhere), "{elsewhere} on {link}");
            }
        }
        for (path, media) in [("assets/style.css", "text/css"), ("assets/leave.js", "text/javascript")] {
            let answer = app.http.get(format!("{}/{path}", app.url)).send().await.unwrap();
            assert!(answer.status() == 200 && answer.headers()["content-type"].to_str().unwrap().starts_with(media));
            let text = answer.text().await.unwrap();
            assert!(!text.contains("http") && !text.contains("@import") && !text.contains("url("));
        }
        let (status, blank) = get(&app, &format!("{}/leave", app.url)).await;
        assert!(status == 200 && !blank.contains("Evenkeel") && !blank.contains("Leave"), "{blank}");
    }

    async fn r30_leaving_quickly_leads_where_the_operator_says(app) {
        let mut config = app.config.clone();
        config.leave_url = Some("https://weather.example.org/".parse().unwrap());
        let other = App::build(&config, &app.keys, app.clock.clone(), crate::support::chance()).unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        actix_web::rt::spawn(other.server(listener, 1).unwrap());
        let answer = app.http.get(format!("{url}/leave")).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), &answer.headers()["location"]), (303, &"https://weather.example.org/".parse().unwrap()));
        assert_eq!(answer.headers()["referrer-policy"], "no-referrer");
    }
}

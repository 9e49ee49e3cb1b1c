//! Nudges: when each rung goes out and to whom, what is checked again at the moment of sending, and how it looks.

use crate::support::care::{DAY, HOUR, instant, minute};
use crate::support::people::text;
use crate::support::{Couple, Person, TestApp, at};
use evenkeel::domain::nudge::{Channel, NudgeState, Rung};
use evenkeel::ids::CheckInId;
use evenkeel::store::{self, StoreError};
use serde_json::{Value, json};

const MAIL: &str = "mail You asked to be reminded: how are you today?";

/// What reaches a person while `act` runs.
async fn meanwhile(app: &TestApp, person: &Person, act: impl AsyncFnOnce()) -> Vec<String> {
    let before = person.timeline(app).await;
    act().await;
    let mut after = person.timeline(app).await;
    after.retain(|line| !before.contains(line));
    after
}

async fn profile(app: &TestApp, person: &Person, change: Value) {
    person.done(app, "updateProfile", change, "").await;
}

async fn remove_device(app: &TestApp, person: &Person) {
    person.done(app, "removeDevice", json!({ "deviceId": person.device_id }), "").await;
}

on_both_databases! {
    async fn r16_what_is_no_longer_so_at_the_moment_of_sending_is_not_sent(app) {
        let couple = app.couple().await;
        couple.agree_on(&app, &[60]).await;
        let steps = ["nothing", "answers", "pauses", "wants no push", "wants nothing", "sleeps now", "reached out",
            "ended the link"];
        for (n, step) in (0..).zip(steps) {
            app.pass_until(minute(n * 2 * DAY)).await;
            let scene = couple.scene(&app).await;
            let check_in = couple.check_ins(&app, &couple.sam, &scene).await.remove(0);
            app.pass_minutes(HOUR - 1).await;
            let sam = &couple.sam;
            let wanted = |push: bool, mail: bool| json!({ "pushWanted": push, "mailWanted": mail });
            let due_now = meanwhile(&app, sam, async || {
                // It falls due, and this happens before a worker claims it.
                app.clock.set(minute(n * 2 * DAY + HOUR));
                match step {
                    "answers" => {
                        let answer = json!({ "checkInId": check_in["id"], "mood": 3 });
                        sam.done(&app, "answerCheckIn", answer, "").await;
                    }
                    "pauses" => drop(sam.done(&app, "pauseNudges", json!({}), "").await),
                    "wants no push" => profile(&app, sam, wanted(false, true)).await,
                    "wants nothing" => profile(&app, sam, wanted(false, false)).await,
                    "sleeps now" => {
                        profile(&app, sam, json!({ "quietHours": { "from": "10:00", "until": "16:00" } })).await;
                    }
                    "reached out" => {
                        sam.done(&app, "recordOutreach", json!({ "sceneId": scene, "way": "CALL" }), "").await;
                    }
                    "ended the link" => drop(sam.done(&app, "endLink", json!({ "linkId": couple.link }), "").await),
                    other => assert_eq!(other, "nothing"),
                }
                app.deliver().await;
            }).await;
            let kinds: Vec<_> = due_now.iter().map(|line| line.split_once(' ').unwrap().1[6..].to_owned()).collect();
            let reach_out = "mail You asked to be reminded to get in touch, about now.";
            let expected: &[&str] = match step {
                "nothing" => &["push ASK", "push REACH_OUT"],
                "answers" => &["push REACH_OUT"],
                "wants no push" => &[reach_out, MAIL],
                "reached out" | "ended the link" => &["push ASK"],
                _ => &[],
            };
            assert_eq!(kinds, expected, "Sam {step}");
            if step == "sleeps now" {
                let later = meanwhile(&app, sam, async || app.pass_minutes(6 * HOUR).await).await;
                assert!(later.iter().any(|line| line.ends_with("push ASK")), "not dropped: {later:?}");
            }
            profile(&app, sam, json!({
                "pushWanted": true, "mailWanted": true, "quietHours": { "from": "23:00", "until": "07:00" },
            })).await;
            sam.ask(&app, "mutation { resumeNudges { status } }", json!({})).await;
        }
    }

    async fn r16_a_device_that_was_removed_meanwhile_gets_nothing(app) {
        let couple = app.couple().await;
        couple.scene(&app).await;
        app.clock.set(minute(HOUR));
        remove_device(&app, &couple.sam).await;
        app.deliver().await;
        assert_eq!(couple.sam.timeline(&app).await, [
            "24 19:00 mail You asked to be reminded to get in touch, about now.", &format!("24 19:00 {MAIL}"),
        ]);
        assert_eq!(couple.alex.pushes(&app).len(), 1);
    }

    async fn r17_a_new_zone_moves_what_waits(app) {
        let couple = app.couple().await;
        couple.agree_on(&app, &[60]).await;
        couple.scene(&app).await;
        // Sam, before anything is due, to Tokyo: 04:00 there, and quiet until 07:00.
        profile(&app, &couple.sam, json!({ "zone": "Asia/Tokyo" })).await;
        app.pass_minutes(3 * HOUR).await;
        // Alex, whose mail waits for the morning in Berlin, to Los Angeles, where it is afternoon.
        profile(&app, &couple.alex, json!({ "zone": "America/Los_Angeles" })).await;
        app.pass_until(minute(2 * DAY)).await;
        assert_eq!(couple.sam.timeline(&app).await, [
            "24 22:00 push ASK", "24 22:00 push REACH_OUT", &format!("25 01:00 {MAIL}"), "25 04:00 push ASK_AGAIN",
        ]);
        assert_eq!(couple.alex.timeline(&app).await, [
            "24 19:00 push ASK", &format!("24 22:00 {MAIL}"), "24 22:00 push REACH_OUT", "25 01:00 push ASK_AGAIN",
        ]);
    }

    async fn r17_new_quiet_hours_move_what_waits_and_none_let_it_go(app) {
        let couple = app.couple().await;
        couple.agree_on(&app, &[6 * 60]).await;
        couple.scene(&app).await;
        // Due at 00:00Z: 02:00 in Berlin. Quiet hours that end in the repeated hour end at its second pass.
        profile(&app, &couple.alex, json!({ "quietHours": { "from": "22:00", "until": "02:30" } })).await;
        // 17:00 in Los Angeles.
        profile(&app, &couple.sam, json!({ "quietHours": { "from": "16:00", "until": "17:10" } })).await;
        app.pass_until(minute(6 * HOUR + 5)).await;
        profile(&app, &couple.sam, json!({ "quietHours": null })).await;
        app.pass_minutes(2 * HOUR).await;
        assert_eq!(couple.alex.timeline_of(&app, "push ASK").await, ["25 01:30 push ASK"]);
        assert_eq!(couple.sam.timeline_of(&app, "push ASK").await, ["25 00:05 push ASK"]);
    }

    async fn r18_a_prompt_waits_until_both_are_awake(app) {
        let couple = app.couple().await;
        couple.agree_on(&app, &[6 * 60]).await;
        couple.scene(&app).await;
        app.pass_until(minute(DAY)).await;
        // Due at 00:00Z. Alex sleeps until 07:00Z, Sam from 06:00Z to 14:00Z.
        for person in [&couple.alex, &couple.sam] {
            assert_eq!(person.timeline_of(&app, "REACH_OUT").await, ["25 14:00 push REACH_OUT"]);
        }
    }

    async fn r18_without_such_a_time_it_goes_when_its_recipient_is_awake(app) {
        let couple = app.couple().await;
        couple.agree_on(&app, &[6 * 60, 14 * 60]).await;
        couple.scene(&app).await;
        app.pass_until(minute(14 * HOUR - 1)).await;
        // From 00:00Z to 08:00Z the two are never awake together.
        assert_eq!(couple.sam.timeline_of(&app, "REACH_OUT").await, ["25 00:00 push REACH_OUT"]);
        assert_eq!(couple.alex.timeline_of(&app, "REACH_OUT").await, ["25 07:00 push REACH_OUT"]);
    }

    async fn r19_the_whole_ladder_for_both(app) {
        let couple = app.couple().await;
        couple.agree_on(&app, &[60]).await;
        for person in [&couple.alex, &couple.sam] {
            couple.allow_alert(&app, person, true).await;
        }
        couple.scene(&app).await;
        app.pass_minutes(4 * DAY).await;
        // Alex: the mail waits from 22:00Z for the morning, and gets its three hours then. The alert about Sam is ready at
        // 04:00Z and waits for the morning, too.
        assert_eq!(couple.alex.timeline(&app).await, [
            "24 19:00 push ASK", "24 19:00 push REACH_OUT", &format!("25 07:00 {MAIL}"), "25 07:00 push TELL_PARTNER",
            "25 10:00 push ASK_AGAIN",
        ]);
        // Sam: the alert about Alex is ready at 13:00Z and waits for Sam's morning.
        assert_eq!(couple.sam.timeline(&app).await, [
            "24 19:00 push ASK", "24 19:00 push REACH_OUT", &format!("24 22:00 {MAIL}"), "25 01:00 push ASK_AGAIN",
            "25 14:00 push TELL_PARTNER",
        ]);
    }

    async fn r19_without_a_device_the_first_ask_is_the_mail(app) {
        let couple = app.couple().await;
        couple.agree_on(&app, &[60]).await;
        remove_device(&app, &couple.sam).await;
        let scene = couple.scene(&app).await;
        let check_in = couple.check_ins(&app, &couple.sam, &scene).await.remove(0);
        app.pass_minutes(2 * DAY).await;
        let asked = couple.sam.timeline_of(&app, "how are you").await;
        assert_eq!(asked, [format!("24 19:00 {MAIL}"), format!("25 01:00 {MAIL}")]);
        assert_eq!(couple.sam.rungs(&app, &check_in, "DROPPED").await, ["EMAIL"]);
    }

    async fn r19_a_nudge_goes_to_every_live_device(app) {
        let couple = app.couple().await;
        let tablet = app.push.subscribe();
        let input = json!({
            "endpoint": tablet.endpoint, "p256dh": tablet.p256dh, "auth": tablet.auth, "label": "tablet",
        });
        couple.sam.done(&app, "registerDevice", input, "").await;
        couple.scene(&app).await;
        app.pass_minutes(HOUR).await;
        assert_eq!(app.push.displayed(&tablet.endpoint).len(), 1);
        assert_eq!(couple.sam.pushes(&app).len(), 1);
    }

    async fn r21_after_downtime_only_the_latest_rung_goes_out_and_once(app) {
        let couple = app.couple().await;
        couple.agree_on(&app, &[60, 3 * 24 * 60, 6 * 24 * 60]).await;
        couple.allow_alert(&app, &couple.sam, true).await;
        couple.scene(&app).await;
        let back_after = async |minutes: i64| meanwhile(&app, &couple.sam, async || {
            app.clock.set(minute(minutes));
            app.deliver().await;
        }).await;
        assert_eq!(back_after(4 * HOUR + 30).await, ["24 22:30 push ASK", "24 22:30 push REACH_OUT"],
            "a first question is a push where there is a device, and the mail has its three hours");
        // Down again until after the alert of the second check-in would have been due.
        let due = 3 * DAY;
        assert_eq!(back_after(due + 23 * HOUR + 30).await, ["28 17:30 push ASK_AGAIN", "28 17:30 push REACH_OUT"]);
        app.pass_until(minute(due + DAY)).await;
        assert_eq!(couple.alex.timeline_of(&app, "TELL_PARTNER").await, Vec::<String>::new(),
            "nobody is told that somebody did not answer what they were just asked");
        assert_eq!(back_after(7 * DAY).await, Vec::<String>::new(), "the third has closed");
    }

    async fn r21_the_alert_waits_for_an_answer_to_what_went_out_late(app) {
        let couple = app.couple().await;
        couple.agree_on(&app, &[60]).await;
        couple.allow_alert(&app, &couple.sam, true).await;
        couple.scene(&app).await;
        app.clock.set(minute(21 * HOUR + 30));
        app.pass_until(minute(2 * DAY)).await;
        assert_eq!(couple.sam.timeline_of(&app, "ASK").await, ["25 15:30 push ASK_AGAIN"]);
        assert_eq!(couple.alex.timeline_of(&app, "TELL_PARTNER").await, ["25 18:30 push TELL_PARTNER"]);
    }

    async fn r21_a_rung_that_cannot_go_out_takes_nobodys_place(app) {
        let couple = app.couple().await;
        profile(&app, &couple.sam, json!({ "mailWanted": false })).await;
        couple.scene(&app).await;
        app.clock.set(minute(4 * HOUR + 30));
        app.deliver().await;
        assert_eq!(couple.sam.timeline(&app).await, ["24 22:30 push ASK", "24 22:30 push REACH_OUT"]);
    }

    async fn r22_what_is_for_one_person_about_the_same_time_is_one_reminder(app) {
        let alex = app.person("Alex", "Europe/Berlin", ("22:00", "08:00")).await;
        for number in 0..4 {
            let sam = app.person(&format!("Sam{number}"), "America/Los_Angeles", ("23:00", "07:00")).await;
            let link = app.link(&alex, &sam).await;
            let input = json!({ "linkId": link, "setting": "ONLINE", "endedAt": instant(minute(0)) });
            sam.done(&app, "recordScene", input, "").await;
        }
        app.pass_minutes(HOUR + 30).await;
        assert_eq!(alex.pushes(&app).len(), 1, "four questions and four prompts");
        let mut got = alex.timeline(&app).await;
        got.dedup();
        assert_eq!((got, alex.timeline(&app).await.len()), (vec!["24 19:00 push ASK".to_owned(), "24 19:00 push REACH_OUT".to_owned()], 8));
        // A mail that the person asked for does not count towards the day, and is not delayed.
        let before = alex.mails(&app).len();
        app.anonymous("mutation($input: RequestPasswordResetInput!) { requestPasswordReset(input: $input) { status } }",
            json!({ "input": { "email": alex.email } })).await;
        app.deliver().await;
        assert_eq!(alex.mails(&app).len(), before + 1);
        app.pass_until(minute(DAY - 1)).await;
        assert_eq!(alex.mails(&app).len(), before + 2, "the four questions by e-mail are one");
        assert_eq!(alex.pushes(&app).len(), 2, "and so they are asked again");
    }

    async fn r22_a_later_question_waits_for_one_that_may_not_come_early_and_no_more_than_two_hours(app) {
        let couple = app.couple().await;
        couple.agree_on(&app, &[60, 24 * 60]).await;
        couple.scene(&app).await;
        // A day later, another one: its first question is due 40 minutes after the second one of yesterday.
        app.pass_until(minute(23 * HOUR + 40)).await;
        couple.scene(&app).await;
        app.pass_until(minute(25 * HOUR)).await;
        let asked = couple.sam.timeline_of(&app, "25 1").await;
        let asked: Vec<_> = asked.iter().filter(|line| line.contains("push ASK") && !line.contains("AGAIN")).collect();
        assert_eq!(asked, ["25 18:40 push ASK", "25 18:40 push ASK"], "{asked:?}");
        assert_eq!(couple.sam.pushes(&app).iter().filter(|push| push.at >= minute(DAY)).count(), 1);
    }

    async fn r22_five_evenings_in_a_row_are_one_push_each_for_who_always_answers(app) {
        let couple = app.couple().await;
        let mut scenes = Vec::new();
        for evening in 0..5 {
            // A little earlier each day: what is asked about yesterday is not due yet.
            app.pass_until(minute(evening * (DAY - 10))).await;
            scenes.push(couple.scene(&app).await);
            app.pass_minutes(HOUR + 5).await;
            for person in [&couple.alex, &couple.sam] {
                let since = person.pushes(&app).into_iter().filter(|push| push.at >= minute(evening * (DAY - 10))).count();
                assert_eq!(since, 1, "{} on evening {evening}", person.name);
                for scene in &scenes {
                    for check_in in couple.check_ins(&app, person, scene).await {
                        let due = at(check_in["dueAt"].as_str().unwrap()) <= app.clock.now();
                        if due && check_in["state"] == "UNANSWERED" {
                            person.done(&app, "answerCheckIn", json!({ "checkInId": check_in["id"], "mood": 4 }), "").await;
                        }
                    }
                }
            }
        }
        let asked = couple.sam.timeline_of(&app, "push ASK").await;
        assert_eq!(asked.iter().filter(|line| !line.contains("AGAIN")).count(), 5 + 4 + 3, "{asked:?}");
        assert_eq!(couple.sam.mails(&app).len(), 1, "nothing but the mail to confirm the address");
    }

    async fn r22_prompts_about_two_scenes_with_one_partner_are_one(app) {
        let couple = app.couple().await;
        let both = [&couple.alex, &couple.sam];
        for person in both {
            profile(&app, person, json!({ "quietHours": null })).await;
        }
        couple.agree_on(&app, &[60, 24 * 60]).await;
        let scene = couple.scene(&app).await;
        for person in both {
            for check_in in couple.check_ins(&app, person, &scene).await {
                person.done(&app, "skipCheckIn", json!({ "checkInId": check_in["id"] }), "").await;
            }
        }
        // The prompt about it is due in 20 minutes, and that about the next one in an hour.
        app.pass_until(minute(DAY - 20)).await;
        couple.scene(&app).await;
        app.pass_minutes(2 * HOUR).await;
        for person in both {
            assert_eq!(person.timeline_of(&app, "25 ").await, [
                "25 18:40 push ASK", "25 18:40 push REACH_OUT", "25 18:40 push REACH_OUT",
            ]);
            assert_eq!(person.pushes(&app).iter().filter(|push| push.at >= minute(DAY - 20)).count(), 1);
        }
    }

    async fn r22_a_full_day_keeps_no_alert_back(app) {
        let couple = app.couple().await;
        profile(&app, &couple.alex, json!({ "quietHours": null })).await;
        profile(&app, &couple.sam, json!({ "quietHours": null })).await;
        couple.agree_on(&app, &[60]).await;
        couple.allow_alert(&app, &couple.sam, true).await;
        for number in 0..6 {
            app.pass_until(minute(number * 150)).await;
            couple.scene(&app).await;
        }
        app.pass_minutes(2 * DAY).await;
        let told = couple.alex.timeline_of(&app, "TELL_PARTNER").await;
        assert_eq!(told.len(), 6, "of each silence, whatever else came: {told:?}");
    }

    async fn r22_no_older_reminder_keeps_a_first_question_out_of_its_day(app) {
        let couple = app.couple().await;
        profile(&app, &couple.sam, json!({ "quietHours": null, "mailWanted": true })).await;
        couple.agree_on(&app, &[60]).await;
        // An occasion every two and a half hours, for a day and a half; nobody answers.
        let mut scenes = Vec::new();
        for number in 0..14 {
            app.pass_until(minute(number * 150)).await;
            scenes.push(couple.scene(&app).await);
        }
        app.pass_minutes(2 * DAY).await;
        let mut days = std::collections::BTreeMap::<String, usize>::new();
        let zone = jiff::tz::TimeZone::get("America/Los_Angeles").unwrap();
        let mails = couple.sam.mails(&app).into_iter().filter(|mail| mail.subject().unwrap() == "Your reminder").map(|mail| mail.at);
        for at in couple.sam.pushes(&app).iter().map(|push| push.at).chain(mails) {
            *days.entry(zone.to_datetime(at).date().to_string()).or_default() += 1;
        }
        assert!(days.values().all(|count| *count <= 10), "six first questions, and four others at most: {days:?}");
        for scene in &scenes {
            let check_in = couple.check_ins(&app, &couple.sam, scene).await.remove(0);
            let id: CheckInId = text(&check_in["id"]).parse().unwrap();
            let read = move |db: &mut store::Db| Ok::<_, StoreError>(store::nudge::of_check_ins(db, &[id])?);
            let nudges = app.app.context.store.read(read).await.unwrap();
            let asked = nudges.iter().any(|nudge| {
                nudge.state == NudgeState::Sent && nudge.channel == Channel::Push && nudge.kind.rung().is_some_and(Rung::is_question)
            });
            assert!(asked, "asked by push at least once: {nudges:#?}");
        }
    }

    async fn r24_every_push_looks_like_every_other(app) {
        let couple = app.couple().await;
        couple.agree_on(&app, &[60]).await;
        couple.allow_alert(&app, &couple.sam, true).await;
        couple.allow_alert(&app, &couple.alex, true).await;
        couple.scene(&app).await;
        app.pass_minutes(2 * DAY).await;
        let mut kinds = Vec::new();
        let mut looks = Vec::new();
        for person in [&couple.alex, &couple.sam] {
            for push in person.pushes(&app) {
                let nudge = person.nudge(&app, &push).await;
                let reasons = nudge["reasons"].as_array().unwrap();
                let rung = text(&reasons[0]["kind"]);
                kinds.extend(reasons.iter().map(|reason| text(&reason["kind"])));
                let mut payload: Value = serde_json::from_slice(&push.payload).unwrap();
                let id = text(&payload["nudge"]);
                // A tap by the person asked leads to the question; only the tap shows it, not what is visible.
                let leads = text(&payload["notification"]["navigate"]);
                let path = if rung.starts_with("ASK") { format!("{}/c/", app.url) } else { format!("{}/open#", app.url) };
                assert!(leads.starts_with(&path) && leads.ends_with(&format!("#{id}")), "{rung}: {leads}");
                payload["nudge"] = json!(id.len());
                payload["notification"]["navigate"] = Value::Null;
                let topic = push.topic.map(|topic| topic.len());
                looks.push((push.encrypted_len, push.payload.len(), push.urgency, topic, payload.to_string()));
            }
        }
        kinds.sort();
        kinds.dedup();
        assert_eq!(kinds, ["ASK", "ASK_AGAIN", "REACH_OUT", "TELL_PARTNER"]);
        looks.dedup();
        assert_eq!(looks.len(), 1, "{looks:?}");
        assert!(looks[0].4.contains("You have a reminder."));
    }

    async fn r24_neither_a_push_nor_a_subject_says_what_it_is_about(app) {
        let couple = app.couple().await;
        couple.agree(&app, Couple::usual_terms(), None).await;
        couple.allow_alert(&app, &couple.sam, true).await;
        couple.allow_alert(&app, &couple.alex, true).await;
        couple.scene(&app).await;
        app.pass_minutes(DAY - 1).await;
        remove_device(&app, &couple.alex).await;
        remove_device(&app, &couple.sam).await;
        app.pass_minutes(3 * DAY).await;
        let about = ["alex", "sam", "scene", "check", "drop", "after", "mood", "partner", "ask", "call", "red"];
        let mut glances: Vec<String> = app.push.received().into_iter().map(|push| {
            let payload: Value = serde_json::from_slice(&push.payload).unwrap();
            format!("{} {}", payload["notification"]["title"], payload["notification"]["body"])
        }).collect();
        let mails = app.mail.received();
        let reminders = mails.iter().filter(|mail| mail.subject().unwrap() == "Your reminder").count();
        assert!(reminders >= 8 && glances.len() >= 4, "{reminders} mails and {} pushes", glances.len());
        glances.extend(mails.iter().map(|mail| format!("{} {}", mail.subject().unwrap(), mail.header("From").unwrap())));
        for glance in glances.iter().filter(|glance| !glance.starts_with("You asked for this e-mail")) {
            let said = glance.to_lowercase();
            assert!(!about.iter().any(|word| said.contains(word)), "{glance}");
        }
    }
}

//! R11, minute by minute: courses of Sam's that must look the same to Alex, compared by everything that Alex can see.

use super::case::{Case, Course, DUE, LATER, cases, live};
use super::courses::{UPDATED, pleas, silences_in_time, updates};
use super::eyes::{Eyes, assert_same};
use crate::support::care::{DAY, HOUR};
use crate::support::{Couple, TestApp};
use serde_json::json;

/// Lives the courses and compares what their Alexes see: at each of these minutes feeds, messages and what is shared, at
/// every fifth all else, and their exports at the end. The last course must look different from `differs` on.
async fn compare(app: &TestApp, courses: Vec<Course>, other: Course, minutes: &[i64], differs: i64) {
    let all = cases(app, courses.into_iter().chain([other]).collect()).await;
    compare_cases(app, &all, minutes, differs).await;
}

async fn compare_cases(app: &TestApp, all: &[Case], minutes: &[i64], differs: i64) {
    let (other, same) = all.split_last().unwrap();
    let eyes = Eyes::open(app).await;
    let glance = async |case: &Case| {
        let Couple { alex, .. } = &case.couple;
        let shared = case.couple.partners_view(app, alex, &case.scene).await;
        let mut seen = eyes.got(app, &case.couple, alex).await;
        seen.extend([case.feed(app).await, shared.to_string()]);
        seen
    };
    let look = async |case: &Case| eyes.all(app, &case.couple, &case.couple.alex).await;
    let mut since = -1;
    for (n, minute) in minutes.iter().enumerate() {
        live(app, all, since, *minute).await;
        since = *minute;
        let seen = glance(&same[0]).await;
        for case in &same[1..] {
            assert_same(&glance(case).await, &seen, &format!("Sam {} at minute {minute}", case.course.name));
        }
        assert_eq!(
            glance(other).await == seen,
            *minute < differs,
            "Sam {} at minute {minute}",
            other.course.name
        );
        if n % 5 == 4 {
            let seen = look(&same[0]).await;
            for case in &same[1..] {
                assert_same(
                    &look(case).await,
                    &seen,
                    &format!("Sam {} at minute {minute}", case.course.name),
                );
            }
        }
    }
    let first = same[0].export(app).await;
    assert!(first.len() > 1);
    for case in &same[1..] {
        assert_same(&case.export(app).await, &first, &format!("Sam {}, Alex's export", case.course.name));
    }
}

const DAYS: [i64; 4] = [13 * HOUR, 26 * HOUR, DAY + 20 * HOUR, 3 * DAY];

on_both_databases! {
    async fn r11_what_comes_to_nothing_in_time_looks_like_silence_at_every_minute(app) {
        let shares = json!({ "checkInId": "CHECK_IN", "mood": 1, "sharing": "MOOD" });
        let other = Course::of("shares", vec![], vec![("answerCheckIn", shares)], vec![]);
        let minutes = [0, 60, DUE, DUE + 1, DUE + 2, DUE + 3, DUE + 4, LATER, LATER + 2, 90, 2 * HOUR];
        compare(&app, silences_in_time(), other, &[&minutes[..], &DAYS].concat(), DUE + 2).await;
    }

    async fn r11_r37_a_plea_says_nothing_of_how_it_was_made_and_of_what_its_author_does_besides(app) {
        let other = Course::of("asks later", vec![], vec![], vec![("askPartner", json!({ "partnerOf": { "linkId": "LINK" } }))]);
        let minutes = [60, DUE - 1, DUE, DUE + 1, DUE + 2, DUE + 3, LATER, LATER + 1, LATER + 2, LATER + 3, 3 * HOUR];
        compare(&app, pleas(), other, &[&minutes[..], &DAYS].concat(), DUE + 2).await;
    }

    async fn r09_r11_an_update_looks_the_same_whatever_went_before(app) {
        let later = json!({ "checkInId": "CHECK_IN", "mood": 3, "note": "only mine", "sharing": "MOOD" });
        let other = Course::of("shares another mood", vec![], vec![], vec![("answerCheckIn", later)]);
        let minutes = [60, DUE, DUE + 1, DUE + 2, DUE + 3, UPDATED - 1, UPDATED, UPDATED + 1, UPDATED + 2,
            UPDATED + 3, UPDATED + 20, UPDATED + 22, 3 * HOUR];
        compare(&app, updates(), other, &[&minutes[..], &DAYS].concat(), UPDATED + 2).await;
    }

    async fn r11_r37_without_a_phone_the_mails_are_the_same_too(app) {
        let other = Course { name: "asks nothing", steps: vec![] };
        let all = cases(&app, pleas().into_iter().chain([other]).collect()).await;
        for case in &all {
            let alex = &case.couple.alex;
            alex.done(&app, "removeDevice", json!({ "deviceId": alex.device_id }), "").await;
        }
        compare_cases(&app, &all, &[DUE, DUE + 1, DUE + 2, 20 * HOUR, 26 * HOUR], DUE + 2).await;
    }
}

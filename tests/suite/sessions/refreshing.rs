//! Refreshing: each refresh token has one successor, and the use of a copy ends the session.

use super::{
    COPIED, alex, copied, is_refused, refresh, refresh_by, refreshed, seconds, sessions, tokens, works,
};
use crate::support::care::instant;
use crate::support::people::{PASSWORD, text};
use crate::support::{Backend, TestApp, at};
use diesel::prelude::*;
use evenkeel::actions::auth::refresh as exchanging;
use evenkeel::actions::{Fault, Refusal, Transaction};
use evenkeel::store::schema::refresh_tokens;
use evenkeel::store::{Db, StoreError};
use jiff::SignedDuration;
use serde_json::json;
use std::sync::{Arc, Barrier};

/// As [`refreshed`], with an attempt.
async fn refreshed_with(app: &TestApp, token: &str, attempt: &str) -> (String, String) {
    tokens(&refresh_by(app, token, Some(attempt)).await)
}

async fn is_refused_with(app: &TestApp, token: &str, attempt: &str) -> bool {
    let answer = refresh_by(app, token, Some(attempt)).await;
    answer["problems"] == json!([{ "field": "refreshToken", "code": "EXPIRED" }])
}

/// How many refresh tokens could be exchanged and have not been.
async fn live_tokens(app: &TestApp) -> i64 {
    let work = |db: &mut Db| {
        let unused = refresh_tokens::table.filter(refresh_tokens::replaced_at.is_null());
        Ok::<_, StoreError>(unused.count().get_result(db)?)
    };
    app.app.context.store.read(work).await.unwrap()
}

on_both_databases! {
    async fn r31_a_refresh_token_is_exchanged_for_new_tokens_of_the_same_session(app) {
        let alex = alex(&app).await;
        let (access, token) = app.log_in(&alex.email, PASSWORD).await;
        let before = sessions(&app, &access).await;
        let current = before.iter().find(|session| session["current"] == true).unwrap();
        seconds(&app, 3600);
        let answer = refresh(&app, &token).await;
        let tokens = &answer["tokens"];
        assert_eq!(tokens["sessionId"], current["id"]);
        assert_eq!(tokens["accessTokenExpiresAt"], json!(instant(app.clock.now() + SignedDuration::from_mins(10))));
        assert_ne!(tokens["refreshToken"], json!(token));
        let access = text(&tokens["accessToken"]);
        assert!(works(&app, &access).await);
        let after = sessions(&app, &access).await;
        assert_eq!(after.len(), before.len());
        assert_eq!((&after[0]["id"], &after[0]["createdAt"]), (&current["id"], &current["createdAt"]));
    }

    async fn r31_a_lost_answer_is_given_again_for_fifteen_seconds(app) {
        let alex = alex(&app).await;
        let (_, first) = app.log_in(&alex.email, PASSWORD).await;
        let (_, second) = refreshed(&app, &first).await;
        seconds(&app, 14);
        let (access, again) = refreshed(&app, &first).await;
        assert_eq!(again, second, "the family does not fork");
        assert!(works(&app, &access).await);
        let (access, third) = refreshed(&app, &second).await;
        assert!(works(&app, &access).await);
        assert_eq!(refreshed(&app, &first).await.1, second, "a repeat that was under way for long ends nothing");
        seconds(&app, 3600);
        let (access, _) = refreshed(&app, &third).await;
        assert!(works(&app, &access).await);
    }

    async fn r31_who_lost_an_answer_gets_it_once_more_for_the_same_attempt(app) {
        let alex = alex(&app).await;
        let mails = alex.mails(&app).len();
        let (_, first) = app.log_in(&alex.email, PASSWORD).await;
        let attempt = "made just before it was sent";
        let refused = refresh_by(&app, &first, Some(attempt)).await;
        assert_eq!(refused["problems"][0], json!({ "field": "attempt", "code": "MALFORMED" }));
        let attempt = attempt.replace(' ', "-");
        let (_, second) = refreshed_with(&app, &first, &attempt).await;
        // Two days in a drawer, and the answer never came.
        seconds(&app, 2 * 24 * 3600);
        let (access, again) = refreshed_with(&app, &first, &attempt).await;
        assert_eq!(again, second, "the family does not fork");
        seconds(&app, 14);
        assert_eq!(refreshed_with(&app, &first, &attempt).await.1, second, "that answer may be lost too");
        let (next, third) = refreshed(&app, &second).await;
        assert!(works(&app, &access).await && works(&app, &next).await);
        seconds(&app, 3600);
        let (access, _) = refreshed(&app, &third).await;
        assert!(works(&app, &access).await);
        app.deliver().await;
        assert_eq!(alex.mails(&app).len(), mails, "nobody is alarmed");
    }

    async fn r31_a_copy_is_noticed_whatever_attempt_comes_with_it(app) {
        let alex = alex(&app).await;
        let (mine, other) = ("the-attempt-of-the-phone", "the-attempt-of-a-thief");
        // Copied before the attempt was made, and used after the owner did.
        let (_, first) = app.log_in(&alex.email, PASSWORD).await;
        let (access, _) = refreshed_with(&app, &first, mine).await;
        seconds(&app, 15);
        assert!(is_refused_with(&app, &first, other).await && !works(&app, &access).await);
        // The same, used before the owner does.
        let (_, first) = app.log_in(&alex.email, PASSWORD).await;
        let (access, _) = refreshed_with(&app, &first, other).await;
        seconds(&app, 15);
        assert!(is_refused_with(&app, &first, mine).await && !works(&app, &access).await);
        // Copied with the attempt, while an answer was lost: both ask for it.
        let (_, first) = app.log_in(&alex.email, PASSWORD).await;
        refreshed_with(&app, &first, mine).await;
        seconds(&app, 3600);
        let (access, _) = refreshed_with(&app, &first, mine).await;
        seconds(&app, 15);
        assert!(is_refused_with(&app, &first, mine).await && !works(&app, &access).await);
        // The same, but the owner had the answer and went on.
        let (_, first) = app.log_in(&alex.email, PASSWORD).await;
        let (_, second) = refreshed_with(&app, &first, mine).await;
        seconds(&app, 3600);
        let (access, _) = refreshed(&app, &second).await;
        assert!(is_refused_with(&app, &first, mine).await && !works(&app, &access).await);
        alex.refresh(&app).await;
        assert_eq!(copied(&app, &alex).await.as_array().unwrap().len(), 4, "and its owner is told each time");
    }

    async fn r31_use_after_the_grace_ends_the_whole_family(app) {
        let alex = alex(&app).await;
        let (_, first) = app.log_in(&alex.email, PASSWORD).await;
        let (elsewhere, _) = app.log_in(&alex.email, PASSWORD).await;
        let (access, second) = refreshed(&app, &first).await;
        seconds(&app, 15);
        assert!(works(&app, &access).await);
        is_refused(&app, &first).await;
        assert!(!works(&app, &access).await, "the access token of the family ends at once");
        is_refused(&app, &second).await;
        assert!(works(&app, &elsewhere).await, "another device is another family");
    }

    async fn r31_exchanges_at_once_give_one_successor(app) {
        let alex = alex(&app).await;
        let (_, token) = app.log_in(&alex.email, PASSWORD).await;
        let answers = futures::future::join_all((0..6).map(|_| refreshed(&app, &token))).await;
        assert!(answers.iter().all(|(_, token)| *token == answers[0].1));
        for (access, _) in &answers {
            assert!(works(&app, access).await);
        }
        assert_eq!(live_tokens(&app).await, 2, "one a device");
    }

    async fn r31_the_owner_hears_once_and_discreetly_of_a_copy(app) {
        let alex = alex(&app).await;
        let sam = app.person_without_device("Sam", "America/Los_Angeles", ("23:00", "07:00")).await;
        let (_, first) = app.log_in(&alex.email, PASSWORD).await;
        refreshed(&app, &first).await;
        assert_eq!(copied(&app, &alex).await, json!([]));
        app.deliver().await;
        let before = alex.mails(&app).len();
        // 22:30 in Berlin: quiet hours.
        seconds(&app, 2 * 3600 + 1800);
        futures::join!(is_refused(&app, &first), is_refused(&app, &first));
        is_refused(&app, &first).await;
        alex.refresh(&app).await;
        let seen = json!([{ "label": "phone", "endedAt": "2026-10-24T20:00:00.000Z" }]);
        assert_eq!(copied(&app, &alex).await, seen);
        assert_eq!(sessions(&app, &alex.access()).await.len(), 1);
        app.deliver().await;
        assert_eq!(alex.mails(&app).len(), before, "not at night");
        app.pass_until(at("2026-10-25T08:00:00.000Z")).await;
        let mails = alex.mails(&app);
        assert_eq!(mails.len(), before + 1, "once, however often it is tried");
        let mail = mails.last().unwrap();
        assert_eq!(mail.at, at("2026-10-25T07:00:00.000Z"), "08:00 in Berlin");
        assert_eq!(mail.subject().as_deref(), Some("A device was signed out"));
        let words = mail.text().unwrap().to_lowercase();
        for word in ["scene", "partner", "check-in", "stolen", "attack", "phone"] {
            assert!(!words.contains(word), "{word}: {words}");
        }
        sam.refresh(&app).await;
        assert_eq!((copied(&app, &sam).await, sam.mails(&app).len()), (json!([]), 1), "nobody else hears of it");
        seconds(&app, 90 * 24 * 3600);
        let (access, _) = app.log_in(&alex.email, PASSWORD).await;
        let answer = app.raw(Some(&access), COPIED, json!({})).await;
        assert_eq!(answer["data"]["viewer"]["copiedSessions"], json!([]), "it is not held up to them for ever");
    }

    async fn r31_a_refresh_token_that_nobody_used_for_sixty_days_is_out_of_date(app) {
        let alex = alex(&app).await;
        let (_, kept) = app.log_in(&alex.email, PASSWORD).await;
        let (_, left) = app.log_in(&alex.email, PASSWORD).await;
        seconds(&app, 60 * 24 * 3600 - 1);
        let (_, kept) = refreshed(&app, &kept).await;
        seconds(&app, 1);
        is_refused(&app, &left).await;
        refreshed(&app, &kept).await;
        is_refused(&app, "nonsense").await;
        is_refused(&app, "").await;
    }

    async fn r31_after_a_year_a_device_signs_in_again_however_often_it_was_used(app) {
        let alex = alex(&app).await;
        let (_, mut refresh) = app.log_in(&alex.email, PASSWORD).await;
        for _ in 0..7 {
            seconds(&app, 52 * 24 * 3600);
            refresh = refreshed(&app, &refresh).await.1;
        }
        seconds(&app, 24 * 3600 - 1);
        refresh = refreshed(&app, &refresh).await.1;
        seconds(&app, 1);
        is_refused(&app, &refresh).await;
    }
}

#[test]
fn r31_two_exchanges_in_two_processes_make_one_successor() {
    crate::support::run(Backend::Postgres, |app| async move {
        let alex = alex(&app).await;
        let (_, token) = app.log_in(&alex.email, PASSWORD).await;
        let sibling = app.sibling();
        // Both transactions are open before either looks at the token. SQLite has one writer at a time anyway.
        let barrier = Arc::new(Barrier::new(2));
        let exchanges = [&app.app.context, &sibling.context].map(|context| {
            let (context, barrier, token) = (Arc::clone(context), Arc::clone(&barrier), token.clone());
            let keeper = Arc::clone(&context);
            async move {
                let work = move |tx: &mut Transaction<'_>| {
                    barrier.wait();
                    match exchanging::exchange(&keeper, tx, &token, None) {
                        Ok(exchanged) => Ok(exchanged.unwrap().refresh),
                        Err(Refusal::Fault(fault)) => Err(fault),
                        Err(_) => Err(Fault::Inconsistent("an exchange is not refused")),
                    }
                };
                context.worker_tx(work).await.unwrap()
            }
        });
        let successors = futures::future::join_all(exchanges).await;
        assert_eq!(successors[0], successors[1]);
        assert_eq!(live_tokens(&app).await, 2, "one a device");
        let (access, _) = refreshed(&app, &successors[0]).await;
        assert!(works(&app, &access).await);
    });
}

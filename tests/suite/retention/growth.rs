//! What piles up is forgotten, all of it, and whoever could see it hears that it is gone.

use super::retention;
use crate::streams::feed::{cursor, kinds, read_on};
use crate::support::care::HOUR;
use crate::support::people::text;
use crate::support::receivers::Answer;
use crate::support::rows::lines;
use crate::support::{Person, TestApp};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use evenkeel::actions::Fault;
use evenkeel::domain::retention::Keep;
use evenkeel::ids::{AccountId, ChangeId, RowId};
use evenkeel::store::schema::{changes, refresh_tokens};
use evenkeel::store::types::Ts;
use evenkeel::store::{Db, StoreError};
use jiff::SignedDuration;
use serde_json::json;

const DAYS: fn(i64) -> SignedDuration = |days| SignedDuration::from_hours(24 * days);

/// Some days later; whoever is named is signed in anew, since sessions end in the meantime.
async fn days_later(app: &TestApp, days: i64, people: &[&Person]) -> Vec<Person> {
    app.clock.set(app.clock.now() + DAYS(days));
    let mut again = Vec::new();
    for person in people {
        again.push(app.log_in_again(person).await);
    }
    again
}

async fn sweep(app: &TestApp) -> bool {
    retention::sweep(&app.app.context).await.unwrap()
}

fn database(app: &TestApp) -> Db {
    Db::open(&app.config.database).unwrap()
}

/// How many rows there are, such as of `devices WHERE ended_at IS NULL`.
fn count(app: &TestApp, of: &str) -> usize {
    lines(&mut database(app), &format!("SELECT '' AS line FROM {of}")).len()
}

async fn links(app: &TestApp, person: &Person) -> Vec<String> {
    let links = person.ask(app, "{ viewer { partnerLinks { id } } }", json!({})).await;
    links["viewer"]["partnerLinks"].as_array().unwrap().iter().map(|link| text(&link["id"])).collect()
}

on_both_databases! {
    async fn an_invitation_that_nobody_accepted_is_forgotten_and_the_inviter_hears_of_it(app) {
        let couple = app.couple().await;
        let robin = app.person("Robin", "UTC", ("22:00", "08:00")).await;
        let invite = async |who: &Person| {
            text(&who.done(&app, "invitePartner", json!({ "role": "SWITCH" }), "link { id }").await["link"]["id"])
        };
        let (left, declined) = (invite(&couple.alex).await, invite(&robin).await);
        robin.done(&app, "endLink", json!({ "linkId": declined }), "").await;
        let again = days_later(&app, 32, &[&couple.alex, &robin]).await;
        let [alex, robin] = again.as_slice() else { panic!("two") };
        assert!(sweep(&app).await);
        assert!(links(&app, alex).await.contains(&left), "it is shown for a while that it ran out");
        let from = (cursor(&app, alex).await, cursor(&app, robin).await);
        app.clock.set(app.clock.now() + DAYS(2));
        sweep(&app).await;
        let again = [app.log_in_again(alex).await, app.log_in_again(robin).await];
        assert_eq!(links(&app, &again[0]).await, std::slice::from_ref(&couple.link), "their link stays");
        assert_eq!(links(&app, &again[1]).await, [""; 0]);
        for (person, from, id) in [(&again[0], from.0, left), (&again[1], from.1, declined)] {
            let (told, _) = read_on(&app, person, &from).await;
            let told: Vec<_> = told.iter().filter(|change| change["nodeId"] == *id).collect();
            assert!(told.len() == 1 && told[0]["kind"] == "LINK_CHANGED" && told[0]["node"].is_null(), "{told:?}");
        }
    }

    async fn scenes_that_are_forgotten_are_told_to_both(app) {
        let couple = app.couple().await;
        let scene = couple.scene(&app).await;
        let planned = json!({ "linkId": couple.link, "setting": "ONLINE",
            "plannedFor": crate::support::care::instant(app.clock.now() + DAYS(1)) });
        let planned = couple.alex.done(&app, "planScene", planned, "scene { id }").await["scene"]["id"].clone();
        let again = days_later(&app, 100, &[&couple.alex, &couple.sam]).await;
        let mut from = Vec::new();
        for person in &again {
            from.push(cursor(&app, person).await);
        }
        let mut config = app.config.clone();
        config.keep = Keep::for_days(90, Some(90), 7);
        let strict = evenkeel::app::App::build(&config, &app.keys, app.clock.clone(), crate::support::chance()).unwrap();
        assert!(retention::sweep(&strict.context).await.unwrap());
        for (person, from) in again.iter().zip(&from) {
            let (told, _) = read_on(&app, person, from).await;
            let gone: Vec<_> = told.iter().filter(|change| change["kind"] == "SCENE_CHANGED").collect();
            assert_eq!(gone.len(), 2, "{:?}", kinds(&told));
            assert!(gone.iter().all(|change| change["node"].is_null()));
            assert!(gone.iter().any(|change| change["nodeId"] == scene) && gone.iter().any(|change| change["nodeId"] == planned));
        }
    }

    async fn a_device_that_ended_is_forgotten_with_the_nudges_about_it_and_a_live_one_never(app) {
        let couple = app.couple().await;
        couple.scene(&app).await;
        app.push.answer_next(&couple.sam.device.endpoint, Answer::status(410));
        app.pass_minutes(2 * HOUR).await;
        assert_eq!(count(&app, "devices"), 2);
        // Sessions and their devices end first where nobody comes back; here somebody does.
        for days in [40, 49] {
            app.clock.set(app.clock.now() + DAYS(days));
            for person in [&couple.alex, &couple.sam] {
                person.refresh(&app).await;
            }
            sweep(&app).await;
            assert_eq!(count(&app, "devices"), 2, "its time is not over");
        }
        app.clock.set(app.clock.now() + DAYS(2));
        sweep(&app).await;
        assert_eq!((count(&app, "devices"), count(&app, "devices WHERE ended_at IS NULL")), (1, 1));
    }

    async fn a_heap_is_forgotten_to_its_last_row_and_nothing_else(app) {
        let couple = app.couple().await;
        couple.scene(&app).await;
        let old: Ts = (app.clock.now() - DAYS(40)).into();
        let kept = count(&app, "changes");
        let heap = move |db: &mut Db| {
            let columns = (changes::account_id, changes::kind, changes::object_id);
            let (account, kind, object): (AccountId, String, RowId) = changes::table.select(columns).first(db)?;
            for n in 0..1_700_i64 {
                let id = ChangeId::at(old.get(), &crate::support::chance());
                diesel::insert_into(changes::table)
                    .values((changes::id.eq(id), changes::account_id.eq(account), changes::kind.eq(&kind),
                        changes::object_id.eq(object), changes::number.eq(Some(1_000_000 + n)), changes::told_at.eq(old)))
                    .execute(db)?;
            }
            Ok::<_, StoreError>(())
        };
        app.app.context.store.write(heap).await.unwrap();
        assert!(sweep(&app).await);
        assert_eq!(count(&app, "changes"), kept);
    }

    async fn r31_sessions_end_with_their_last_token_and_when_they_are_old_and_others_go_on(app) {
        let alex = app.person("Alex", "UTC", ("22:00", "08:00")).await;
        let live = || count(&app, "sessions WHERE ended_at IS NULL");
        assert_eq!(live(), 1);
        let second = app.log_in_again(&alex).await;
        assert_eq!(live(), 2);
        // The second goes on; the first is not used any more.
        for _ in 0..3 {
            app.clock.set(app.clock.now() + DAYS(25));
            second.refresh(&app).await;
            sweep(&app).await;
        }
        assert_eq!(live(), 1, "nobody can refresh the first");
        second.ask(&app, "{ viewer { account { id } } }", json!({})).await;
        let expired = refresh_tokens::table.filter(refresh_tokens::expires_at.le(Ts::from(app.clock.now())));
        assert_eq!(expired.count().get_result(&mut database(&app)), Ok(0_i64));
        // A year after the log-in it ends, however busy it was.
        for _ in 0..11 {
            app.clock.set(app.clock.now() + DAYS(26));
            second.refresh(&app).await;
            sweep(&app).await;
        }
        assert_eq!(live(), 1);
        app.clock.set(app.clock.now() + DAYS(5));
        sweep(&app).await;
        assert_eq!(live(), 0);
    }

    async fn a_kind_that_cannot_be_forgotten_keeps_no_other_from_it(app) {
        let couple = app.couple().await;
        couple.scene(&app).await;
        app.pass_minutes(2 * HOUR).await;
        let finished = || count(&app, "nudges WHERE finished_at IS NOT NULL");
        assert!(finished() > 0);
        app.clock.set(app.clock.now() + DAYS(100));
        let tamper = |sql: &str| database(&app).batch_execute(sql).unwrap();
        tamper("ALTER TABLE page_tokens RENAME TO gone");
        let swept: Result<bool, Fault> = retention::sweep(&app.app.context).await;
        assert!(swept.is_err());
        assert_eq!(finished(), 0);
        tamper("ALTER TABLE gone RENAME TO page_tokens");
        assert!(sweep(&app).await);
        app.pass_minutes(0).await;
    }
}

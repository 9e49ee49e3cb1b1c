//! Faults of an installation: unreadable data harms nothing else, and a wrong key is noticed before it does harm.

use crate::support::care::{DAY, HOUR, instant, minute};
use crate::support::{Couple, TestApp};
use diesel::connection::SimpleConnection;
use evenkeel::app::App;
use evenkeel::store::{Db, StoreError};
use evenkeel::vault::keys::Keys;
use serde_json::{Value, json};

/// Overwrites the sealed data keys of all accounts but the first `keep`, in the database itself.
fn spoil_data_keys(app: &TestApp, keep: usize) {
    let sql = format!(
        "UPDATE accounts SET data_key = email WHERE id NOT IN (SELECT id FROM accounts ORDER BY id LIMIT {keep})"
    );
    Db::open(&app.config.database).unwrap().batch_execute(&sql).unwrap();
}

on_both_databases! {
    async fn r15_a_nudge_that_cannot_be_read_keeps_no_other_waiting(app) {
        let well = app.couple().await;
        app.pass_minutes(1).await;
        let (kim, lee) = (app.person("Kim", "Europe/Paris", ("22:00", "08:00")).await,
            app.person("Lee", "Europe/Paris", ("22:00", "08:00")).await);
        let link = app.link(&kim, &lee).await;
        let spoilt = Couple { alex: kim, sam: lee, link };
        spoilt.scene(&app).await;
        well.scene(&app).await;
        spoil_data_keys(&app, 2);
        app.pass_minutes(HOUR).await;
        assert_eq!((well.alex.pushes(&app).len(), well.sam.pushes(&app).len()), (1, 1));
        assert!(spoilt.alex.pushes(&app).is_empty() && spoilt.sam.pushes(&app).is_empty());
        app.pass_minutes(2 * DAY).await;
        assert_eq!(well.sam.timeline_of(&app, "push ASK_AGAIN").await.len(), 2, "and so it goes on");
    }

    async fn r15_of_a_database_that_crashed_one_unit_hears_and_the_next_go_on(app) {
        let mut db = Db::open(&app.config.database).unwrap();
        if let Db::Postgres(connection) = &mut db {
            // Every connection of the service breaks, as when the server crashes and restarts at once.
            let end = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_backend_pid()";
            connection.batch_execute(end).unwrap();
        }
        let mut failed = 0;
        for _ in 0..40 {
            let asked = app.app.context.store.read(|db| Ok::<_, StoreError>(db.ping()?)).await;
            failed += usize::from(asked.is_err());
        }
        assert!(failed <= 1, "{failed} units failed");
    }

    async fn r26_a_start_with_another_master_key_is_refused(app) {
        let other = App::build(&app.config, &Keys::ephemeral(&crate::support::chance()), app.clock.clone(), crate::support::chance());
        let told = other.err().expect("a refusal").to_string();
        assert!(told.contains("master.key"), "{told}");
        drop(app.sibling());
    }

    async fn r11_paging_shows_no_gap_where_something_about_the_partner_waits(app) {
        let couple = app.couple().await;
        couple.agree(&app, Couple::usual_terms(), None).await;
        couple.allow_alert(&app, &couple.sam, true).await;
        couple.scene(&app).await;
        let query = "query($after: String) { viewer { nudges(first: 1, after: $after) {
            nodes { sendAt reasons { kind } } pageInfo { hasNextPage endCursor } } } }";
        let (mut after, mut seen) = (Value::Null, Vec::new());
        loop {
            let page = couple.alex.ask(&app, query, json!({ "after": after })).await["viewer"]["nudges"].clone();
            assert_eq!(page["nodes"].as_array().unwrap().len(), 1, "every page is full: {page}");
            seen.push(page["nodes"][0]["reasons"][0]["kind"].clone());
            if page["pageInfo"]["hasNextPage"] == false {
                break;
            }
            after = page["pageInfo"]["endCursor"].clone();
        }
        assert_eq!(seen.len(), 9, "three rungs of three check-ins, and nothing about Sam: {seen:?}");
    }

    async fn r10_a_date_in_the_past_brings_no_alert_back_that_both_have_agreed_away(app) {
        let couple = app.couple().await;
        let first = couple.agree(&app, Couple::usual_terms(), None).await;
        couple.allow_alert(&app, &couple.alex, true).await;
        app.pass_minutes(10).await;
        couple.agree(&app, json!({ "stopSignal": "red", "partnerAlert": null }), Some(&first)).await;
        let input = json!({ "linkId": couple.link, "setting": "ONLINE", "startedAt": instant(minute(5)),
            "endedAt": instant(minute(10)) });
        let scene = couple.sam.done(&app, "recordScene", input, "scene { revision { id } }").await;
        assert_eq!(scene["scene"]["revision"]["id"], first, "it did begin under the first text");
        app.pass_minutes(4 * DAY).await;
        assert_eq!(couple.sam.timeline_of(&app, "TELL_PARTNER").await, Vec::<String>::new());
        assert_eq!(couple.alex.timeline_of(&app, "push ASK_AGAIN").await.len(), 3, "Alex was asked all the same");
    }
}

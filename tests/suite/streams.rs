//! Streams and the sync of clients: what each is told, when, that nothing is lost, and that no silence can be heard.

pub mod feed;
mod worker;

use crate::support::care::{HOUR, instant};
use crate::support::people::text;
use crate::support::process::Process;
use crate::support::race::Halt;
use crate::support::{Backend, Couple, Person, TestApp};
use evenkeel::actions::operations::retention;
use evenkeel::domain::change::ChangeKind;
use evenkeel::ids::{AccountId, RowId};
use evenkeel::store::change::ChangeEvents;
use evenkeel::store::{Db, Location, StoreError};
use feed::{Events, at_least, changes, cursor, kinds, plain, read_on};
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// How long anything may take before a test gives up: less than what a follower waits without being woken.
const PATIENCE: Duration = Duration::from_secs(20);

/// Lets time pass for whoever follows: their timers run by the machine's clock.
fn pass(app: &TestApp, minutes: i64) {
    app.clock.set(app.clock.now() + SignedDuration::from_mins(minutes));
    app.app.context.feeds.wake_all();
}

async fn account(app: &TestApp, person: &Person) -> AccountId {
    let data = person.ask(app, "{ viewer { account { id } } }", json!({})).await;
    text(&data["viewer"]["account"]["id"]).parse().unwrap()
}

/// Sam's first check-in of a scene, which has fallen due.
async fn due(app: &TestApp, couple: &Couple, scene: &str) -> Value {
    pass(app, HOUR);
    couple.sam.refresh(app).await;
    couple.check_ins(app, &couple.sam, scene).await[0]["id"].clone()
}

/// What Sam may do that Alex must not notice.
async fn keep_silent(app: &TestApp, couple: &Couple, check_in: &Value, how: &str) {
    let sam = &couple.sam;
    let answer =
        |share: &str| json!({ "checkInId": check_in, "mood": 2, "note": "heliotrope", "sharing": share });
    match how {
        "skips" => drop(sam.done(app, "skipCheckIn", json!({ "checkInId": check_in }), "").await),
        "snoozes" => {
            sam.done(app, "snoozeCheckIn", json!({ "checkInId": check_in, "minutes": 30 }), "").await;
        }
        "pauses" => drop(sam.done(app, "pauseNudges", json!({}), "").await),
        "answers privately" => drop(sam.done(app, "answerCheckIn", answer("NOTHING"), "").await),
        "shares and takes it back" => {
            sam.done(app, "answerCheckIn", answer("ALL"), "").await;
            sam.done(app, "changeSharing", json!({ "checkInId": check_in, "sharing": "NOTHING" }), "").await;
        }
        "shares and withdraws the consent" => {
            sam.done(app, "answerCheckIn", answer("ALL"), "").await;
            let withdrawn = sam.ask(app, "mutation { withdrawConsent { status } }", json!({})).await;
            assert_eq!(withdrawn["withdrawConsent"]["status"], "DONE");
        }
        "writes a debrief" => {
            let scene = sam
                .ask(
                    app,
                    "query($id: ID!) { node(id: $id) { ... on CheckIn { scene { id } } } }",
                    json!({ "id": check_in }),
                )
                .await["node"]["scene"]["id"]
                .clone();
            sam.done(app, "writeDebrief", json!({ "sceneId": scene, "text": "heliotrope" }), "").await;
        }
        "takes back what may be told" => {
            for allowed in [true, false] {
                couple.allow_alert(app, sam, allowed).await;
            }
        }
        other => assert_eq!(other, "does nothing"),
    }
}

on_both_databases! {
    async fn each_is_told_what_changed_for_them_and_reads_it_as_they_may(app) {
        let couple = app.couple().await;
        let Couple { alex, sam, link } = &couple;
        let (from, first) = (cursor(&app, alex).await, cursor(&app, sam).await);
        couple.agree(&app, Couple::usual_terms(), None).await;
        let (told, from) = read_on(&app, alex, &from).await;
        assert_eq!(kinds(&told), ["REVISION_PROPOSED", "REVISION_CHANGED", "REVISION_CHANGED"]);
        let (same, after) = read_on(&app, sam, &first).await;
        assert_eq!(kinds(&same), kinds(&told), "both are told of what is both's");
        sam.done(&app, "writeNeeds", json!({ "linkId": link, "needs": { "words": "well done" } }), "").await;
        let scene = couple.scene(&app).await;
        assert_eq!(kinds(&read_on(&app, alex, &from).await.0), ["SCENE_CHANGED"]);
        let (told, after) = read_on(&app, sam, &after).await;
        assert_eq!(kinds(&told), ["LINK_CHANGED", "SCENE_CHANGED"]);
        assert_eq!(told[1]["node"], json!({ "__typename": "Scene", "id": scene }));
        let check_in = due(&app, &couple, &scene).await;
        let (told, after) = read_on(&app, sam, &after).await;
        assert_eq!((kinds(&told), &told[0]["nodeId"]), (vec!["CHECK_IN_OPENED".to_owned()], &check_in));
        let answer = json!({ "checkInId": check_in, "mood": 2, "sharing": "MOOD" });
        sam.done(&app, "answerCheckIn", answer, "").await;
        alex.refresh(&app).await;
        let (told, from) = read_on(&app, alex, &from).await;
        assert_eq!(kinds(&told), ["SCENE_CHANGED", "CHECK_IN_OPENED"], "nothing of Sam's answer yet");
        pass(&app, 2);
        let (told, from) = read_on(&app, alex, &from).await;
        assert_eq!((kinds(&told), &told[0]["nodeId"]), (vec!["PARTNER_SHARED".to_owned()], &json!(scene)));
        alex.done(&app, "recordOutreach", json!({ "sceneId": scene, "way": "CALL" }), "").await;
        let (told, after) = read_on(&app, sam, &after).await;
        assert_eq!(kinds(&told), ["CHECK_IN_CHANGED", "PARTNER_REACHED_OUT"]);
        sam.done(&app, "endLink", json!({ "linkId": link }), "").await;
        let (told, _) = read_on(&app, sam, &after).await;
        assert_eq!(kinds(&told), ["LINK_CHANGED"]);
        assert_eq!(kinds(&read_on(&app, alex, &from).await.0), ["SCENE_CHANGED", "LINK_CHANGED"]);
    }

    async fn an_answer_that_was_given_offline_counts_from_when_it_was_given(app) {
        let couple = app.couple().await;
        let scene = couple.scene(&app).await;
        let check_in = due(&app, &couple, &scene).await;
        let (given, early) = (app.clock.now(), app.clock.now() - SignedDuration::from_secs(3601));
        pass(&app, 90);
        let answer = |at: jiff::Timestamp| json!({ "checkInId": check_in, "mood": 4, "answeredAt": at.to_string() });
        let refused = couple.sam.refused(&app, "answerCheckIn", answer(early)).await;
        assert_eq!(refused, ("answeredAt".to_owned(), "OUT_OF_RANGE".to_owned()));
        let select = "checkIn { answer { answeredAt } }";
        let done = couple.sam.done(&app, "answerCheckIn", answer(given), select).await;
        assert_eq!(done["checkIn"]["answer"]["answeredAt"], instant(given));
    }

    async fn what_is_gone_is_told_without_its_object(app) {
        let alex = app.person("Alex", "UTC", ("22:00", "08:00")).await;
        let from = cursor(&app, &alex).await;
        let entry = alex.done(&app, "writeJournalEntry", json!({ "text": "calm" }), "entry { id }").await;
        let id = &entry["entry"]["id"];
        alex.done(&app, "deleteJournalEntry", json!({ "entryId": id }), "").await;
        let (told, _) = read_on(&app, &alex, &from).await;
        assert_eq!(kinds(&told), ["JOURNAL_CHANGED", "JOURNAL_CHANGED"]);
        assert!(told.iter().all(|change| change["nodeId"] == *id && change["node"].is_null()), "{told:?}");
    }

    async fn a_client_starts_over_without_a_cursor_and_with_one_that_is_too_old(app) {
        let couple = app.couple().await;
        let begun = changes(&app, &couple.alex, Value::Null, 20).await;
        assert_eq!((&begun["resetRequired"], &begun["changes"]), (&json!(true), &json!([])));
        let old = begun["cursor"].clone();
        couple.scene(&app).await;
        assert_eq!(changes(&app, &couple.alex, old.clone(), 20).await["resetRequired"], false);
        app.clock.set(app.clock.now() + SignedDuration::from_hours(24 * 30));
        let late = changes(&app, &couple.alex, old.clone(), 20).await;
        assert_eq!((&late["resetRequired"], late["changes"].as_array().unwrap().len()), (&json!(false), 4));
        app.clock.set(app.clock.now() + SignedDuration::from_secs(1));
        assert_eq!(changes(&app, &couple.alex, old, 20).await["resetRequired"], true);
        // Nothing is forgotten that somebody can still follow on from; a day later it is gone.
        let kept = async || app.dump().await.iter().filter(|line| line.starts_with("changes: ")).count();
        let before = kept().await;
        retention::sweep(&app.app.context).await.unwrap();
        assert_eq!(kept().await, before);
        app.clock.set(app.clock.now() + SignedDuration::from_hours(24 * 4));
        retention::sweep(&app.app.context).await.unwrap();
        assert_eq!(kept().await, 0);
        // A cursor of another database, or of a later state of this one.
        let ahead = feed::sealed(&format!("999.{}.Change_{}", app.clock.now().as_microsecond(), "0".repeat(32)));
        assert_eq!(changes(&app, &couple.alex, json!(ahead), 20).await["resetRequired"], true);
        let query = "{ viewer { changes(after: \"AAAA\") { resetRequired } } }";
        let refused = couple.alex.ask_raw(&app, query, json!({})).await;
        assert_eq!(refused["errors"][0]["extensions"]["code"], "BAD_ARGUMENT");
    }

    async fn page_by_page_one_reads_the_same_as_at_once(app) {
        let couple = app.couple().await;
        let from = cursor(&app, &couple.sam).await;
        couple.agree(&app, Couple::usual_terms(), None).await;
        let scene = couple.scene(&app).await;
        let check_in = due(&app, &couple, &scene).await;
        for mood in 1..=4 {
            let answer = json!({ "checkInId": check_in, "mood": mood, "sharing": "NOTHING" });
            couple.sam.done(&app, "answerCheckIn", answer, "").await;
        }
        let whole = changes(&app, &couple.sam, from.clone(), 50).await["changes"].clone();
        assert_eq!(whole.as_array().unwrap().len(), 9);
        let (mut pages, mut after) = (Vec::new(), from);
        loop {
            let page = changes(&app, &couple.sam, after, 2).await;
            pages.extend(page["changes"].as_array().unwrap().clone());
            after = page["cursor"].clone();
            if page["hasMore"] == false {
                break;
            }
        }
        assert_eq!(json!(pages), whole);
    }

    async fn r09_r11_no_silence_shows_in_the_partners_feed_nor_in_its_timing(app) {
        let ways = ["does nothing", "skips", "snoozes", "pauses", "answers privately", "shares and takes it back",
            "shares and withdraws the consent", "writes a debrief", "takes back what may be told"];
        let mut cases = Vec::new();
        for (number, how) in ways.into_iter().enumerate() {
            let couple = app.pair(number + 10).await;
            let scene = couple.scene(&app).await;
            cases.push((couple, scene, how));
        }
        let mut feeds = Vec::new();
        for (couple, ..) in &cases {
            feeds.push(cursor(&app, &couple.alex).await);
        }
        pass(&app, HOUR);
        let mut streams = Vec::new();
        for ((couple, scene, how), from) in cases.iter().zip(&feeds) {
            couple.sam.refresh(&app).await;
            couple.alex.refresh(&app).await;
            let mut events = Events::open(&app, &couple.alex, from.clone()).await;
            let opened = events.next().await;
            assert_eq!(kinds(opened["changes"].as_array().unwrap()), ["CHECK_IN_OPENED"]);
            let check_in = couple.check_ins(&app, &couple.sam, scene).await[0]["id"].clone();
            keep_silent(&app, couple, &check_in, how).await;
            streams.push(events);
        }
        // When what was shared would be seen, and later.
        for minutes in [1, 1, 5] {
            pass(&app, minutes);
        }
        for ((couple, scene, how), events) in cases.iter().zip(&mut streams) {
            // The next that comes is what Alex does now, and nothing came before it.
            couple.alex.done(&app, "recordOutreach", json!({ "sceneId": scene, "way": "CALL" }), "").await;
            let next = events.next().await;
            assert_eq!(kinds(next["changes"].as_array().unwrap()), ["SCENE_CHANGED"], "Sam {how}");
        }
        pass(&app, 3);
        let mut told = Vec::new();
        for ((couple, ..), from) in cases.iter().zip(feeds) {
            couple.alex.refresh(&app).await;
            let whole = changes(&app, &couple.alex, from.clone(), 50).await;
            told.push([plain(&whole), plain(&changes(&app, &couple.alex, from, 1).await)]);
        }
        assert!(told[0][0].contains("CHECK_IN_OPENED"), "{told:?}");
        for ((_, _, how), feed) in cases.iter().zip(&told) {
            assert_eq!(*feed, told[0], "Sam {how}");
        }
    }

    async fn r09_what_is_shared_comes_when_it_is_seen_and_is_gone_when_it_is_not(app) {
        let couple = app.couple().await;
        let scene = couple.scene(&app).await;
        let check_in = due(&app, &couple, &scene).await;
        couple.alex.refresh(&app).await;
        let from = cursor(&app, &couple.alex).await;
        let mut events = Events::open(&app, &couple.alex, from.clone()).await;
        let answer = json!({ "checkInId": check_in, "mood": 2, "sharing": "MOOD" });
        couple.sam.done(&app, "answerCheckIn", answer, "").await;
        pass(&app, 2);
        let shared = events.next().await;
        assert_eq!(kinds(shared["changes"].as_array().unwrap()), ["PARTNER_SHARED"]);
        let seen = couple.partners_view(&app, &couple.alex, &scene).await;
        assert_eq!(seen[0]["shared"]["mood"], 2, "whoever reads it when it is told sees it");
        // More is shared: told again when that is seen. It is taken back: told to nobody, and of no one's past either.
        let sharing = |share: &str| json!({ "checkInId": check_in, "sharing": share });
        couple.sam.done(&app, "changeSharing", sharing("ALL"), "").await;
        pass(&app, 2);
        assert_eq!(kinds(events.next().await["changes"].as_array().unwrap()), ["PARTNER_SHARED"]);
        assert_eq!(kinds(&read_on(&app, &couple.alex, &from).await.0), ["PARTNER_SHARED"; 2]);
        couple.sam.done(&app, "changeSharing", sharing("NOTHING"), "").await;
        assert_eq!(read_on(&app, &couple.alex, &from).await.0, Vec::<Value>::new());
        couple.alex.done(&app, "recordOutreach", json!({ "sceneId": scene, "way": "CALL" }), "").await;
        assert_eq!(kinds(events.next().await["changes"].as_array().unwrap()), ["SCENE_CHANGED"]);
    }

    async fn r12_of_an_ended_link_nothing_that_was_shared_is_told(app) {
        let couple = app.couple().await;
        let scene = couple.scene(&app).await;
        let check_in = due(&app, &couple, &scene).await;
        couple.alex.refresh(&app).await;
        let from = cursor(&app, &couple.alex).await;
        let mut events = Events::open(&app, &couple.alex, from).await;
        let answer = json!({ "checkInId": check_in, "mood": 2, "sharing": "ALL" });
        couple.sam.done(&app, "answerCheckIn", answer, "").await;
        couple.sam.done(&app, "endLink", json!({ "linkId": couple.link }), "").await;
        assert_eq!(kinds(events.next().await["changes"].as_array().unwrap()), ["LINK_CHANGED"]);
        pass(&app, 5);
        couple.alex.done(&app, "pauseNudges", json!({}), "").await;
        assert_eq!(kinds(events.next().await["changes"].as_array().unwrap()), ["ACCOUNT_CHANGED"]);
    }

    async fn nothing_is_lost_whoever_commits_first(app) {
        let alex = app.person("Alex", "UTC", ("22:00", "08:00")).await;
        let (account, context) = (account(&app, &alex).await, Arc::clone(&app.app.context));
        let from = cursor(&app, &alex).await;
        let write = |object: u128, halt: Option<Halt>| {
            let (context, now) = (Arc::clone(&context), app.clock.now());
            async move {
                context
                    .store
                    .write(move |db| {
                        let mut news = ChangeEvents::default();
                        let object = RowId(uuid::Uuid::from_u128(object));
                        news.at_once(account, ChangeKind::JournalChanged, object, now.into(), &crate::support::chance());
                        news.save(db)?;
                        if let Some(halt) = halt {
                            halt.here();
                        }
                        Ok::<_, StoreError>(())
                    })
                    .await
                    .unwrap();
            }
        };
        // The first has its number, and is not committed before the second was begun and everybody has looked.
        let (halt, held) = Halt::new();
        let first = actix_web::rt::spawn(write(1, Some(halt)));
        let go_on = held.reached().await;
        let second = actix_web::rt::spawn(write(2, None));
        at_least("the second is begun, and waits or is done", async || {
            matches!(app.config.database, Location::Sqlite(_)) || second.is_finished() || waits(&app).await
        })
        .await;
        let (early, after) = read_on(&app, &alex, &from).await;
        go_on.send(()).unwrap();
        first.await.unwrap();
        second.await.unwrap();
        let (late, _) = read_on(&app, &alex, &after).await;
        let mut objects: Vec<_> = early.iter().chain(&late).map(|change| text(&change["nodeId"])).collect();
        objects.sort();
        let all: Vec<_> = (1..=2).map(|n| format!("JournalEntry_{n:032x}")).collect();
        assert_eq!(objects, all, "whoever reads on misses nothing");
    }

    async fn whatever_two_write_at_once_a_follower_gets_it_all(app) {
        let couple = app.couple().await;
        let servers = crate::support::race::TwoServers::start(&app);
        let scene = couple.scene(&app).await;
        let from = cursor(&app, &couple.sam).await;
        let mut events = Events::open(&app, &couple.sam, from).await;
        let query = crate::support::care::mutation("recordOutreach", "");
        let input = json!({ "input": { "sceneId": scene, "way": "MESSAGE" } });
        let (alex, sam) = (&couple.alex, &couple.sam);
        let mut got = 0;
        for _ in 0..5 {
            let requests: Vec<_> = (0..8).map(|n| ([alex, sam][n / 2 % 2], query.as_str(), input.clone())).collect();
            for answer in servers.at_once(&app, &requests).await {
                assert_eq!(answer["recordOutreach"]["status"], "DONE");
            }
            got += 8;
        }
        if matches!(app.config.database, Location::Sqlite(_)) {
            // Here the other one is no process that could ring.
            app.app.context.feeds.wake_all();
        }
        while got > 0 {
            got -= events.next().await["changes"].as_array().unwrap().len();
        }
        servers.stop().await;
    }

    async fn a_stream_goes_on_from_any_cursor_after_it_broke(app) {
        let couple = app.couple().await;
        let mut from = cursor(&app, &couple.alex).await;
        let mut told = Vec::new();
        for _ in 0..3 {
            // Something happens while nobody follows, and something while somebody does.
            couple.alex.done(&app, "pauseNudges", json!({}), "").await;
            let mut events = Events::open(&app, &couple.alex, from.clone()).await;
            for _ in 0..2 {
                let batch = events.next().await;
                told.extend(kinds(batch["changes"].as_array().unwrap()));
                from = batch["cursor"].clone();
                if told.len() % 2 == 1 {
                    couple.scene(&app).await;
                }
            }
        }
        assert_eq!(told, ["ACCOUNT_CHANGED", "SCENE_CHANGED"].repeat(3));
    }

    async fn a_stream_ends_with_the_session_and_with_the_token(app) {
        let couple = app.couple().await;
        let mut events = Events::open(&app, &couple.sam, Value::Null).await;
        assert_eq!(events.next().await["resetRequired"], true);
        let query = "mutation { logOut { status } }";
        let other = couple.sam.access();
        assert_eq!(app.raw(Some(&other), query, json!({})).await["data"]["logOut"]["status"], "DONE");
        // It ends at once and without a last word, as one that broke.
        assert_eq!(events.end().await, "");
        let mut events = Events::open(&app, &couple.alex, Value::Null).await;
        assert_eq!(events.next().await["resetRequired"], true);
        pass(&app, 11);
        assert_eq!(events.end().await, "");
        // One that does not even begin says why.
        let mut refused = Events::ask(&app, "nobody", Value::Null).await;
        assert!(refused.end().await.contains("UNAUTHENTICATED"));
    }

    async fn a_socket_is_opened_for_a_page_of_this_origin_and_for_programs_and_for_no_other_page(app) {
        let next_door = "http://127.0.0.1:1".to_owned();
        let origins = [None, Some(app.url.clone()), Some(next_door), Some("https://elsewhere.test".into()), Some("null".into())];
        for (origin, expected) in origins.into_iter().zip([101, 101, 403, 403, 403]) {
            let mut request = app.http.get(format!("{}/graphql", app.url));
            let key = ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==");
            let protocol = ("Sec-WebSocket-Protocol", "graphql-transport-ws");
            for (name, value) in [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"), key, protocol] {
                request = request.header(name, value);
            }
            if let Some(origin) = &origin {
                request = request.header("Origin", origin);
            }
            assert_eq!(request.send().await.unwrap().status().as_u16(), expected, "{origin:?}");
        }
    }

    async fn an_account_follows_by_so_many_connections_and_not_by_more(app) {
        let alex = app.person("Alex", "UTC", ("22:00", "08:00")).await;
        let mut open = Vec::new();
        for _ in 0..evenkeel::graphql::limits::FOLLOWING {
            let mut events = Events::open(&app, &alex, Value::Null).await;
            assert_eq!(events.next().await["resetRequired"], true);
            open.push(events);
        }
        let one_more = async || Events::ask(&app, &alex.access(), Value::Null).await;
        let mut refused = one_more().await;
        assert!(refused.end().await.contains("TRY_LATER"));
        assert_eq!(app.app.context.feeds.followed(), 1, "one feed, however many follow it");
        // When one goes, its place is free again.
        drop(open.pop());
        at_least("a place is free", async || one_more().await.begins().await).await;
        app.app.context.feeds.close();
        for mut events in open {
            assert_eq!(events.end().await, "", "the process stops");
        }
        // What this side gave up before, the other side may still have to notice.
        at_least("nobody follows", async || app.app.context.feeds.followed() == 0).await;
        assert_eq!(one_more().await.next().await["resetRequired"], true);
    }

    async fn a_subscription_is_for_streams_and_a_stream_carries_any_operation(app) {
        let alex = app.person("Alex", "UTC", ("22:00", "08:00")).await;
        let answer = app.raw(Some(&alex.access()), "subscription { changes { cursor } }", json!({})).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_REQUEST");
        let mut events = Events::send(&app, &alex.access(), "{ viewer { account { displayName } } }", json!({})).await;
        let all = events.end().await;
        let expected = "event: next\ndata: {\"data\":{\"viewer\":{\"account\":{\"displayName\":\"Alex\"}}}}\n\n\
                        event: complete\ndata:\n\n";
        assert_eq!(all, expected);
        let (nothing, open) = ("subscription { changes { nothing } }", "subscription {");
        let long = "subscription { changes(first: 51) { cursor } }";
        for (wrong, code) in [(nothing, "DOCUMENT_INVALID"), (open, "DOCUMENT_INVALID"), (long, "BAD_ARGUMENT")] {
            let all = Events::send(&app, &alex.access(), wrong, json!({})).await.end().await;
            assert!(all.starts_with("event: next\ndata: {") && all.contains(code), "{all}");
            assert!(all.ends_with("event: complete\ndata:\n\n"), "{all}");
        }
    }
}

/// Whether somebody waits for a lock in the database of a test.
async fn waits(app: &TestApp) -> bool {
    use diesel::prelude::*;
    let count = |db: &mut Db| {
        let waiting = "(SELECT count(*) FROM pg_stat_activity \
            WHERE datname = current_database() AND wait_event_type = 'Lock')";
        let query = diesel::select(diesel::dsl::sql::<diesel::sql_types::BigInt>(waiting));
        Ok::<_, StoreError>(query.get_result::<i64>(db)?)
    };
    app.app.context.store.read(count).await.unwrap() > 0
}

#[test]
fn one_process_hears_what_another_does() {
    crate::support::run(Backend::Postgres, |app: TestApp| async move {
        // The other one goes by the machine's clock.
        app.clock.set(evenkeel::clock::Clock::System.now());
        let couple = app.couple().await;
        let other = Process::beside(&app);
        let from = cursor(&app, &couple.alex).await;
        let mut events = Events::open(&app, &couple.alex, from).await;
        let mut there = Events::open_at(&app, &other.url, &couple.sam, Value::Null).await;
        // Something that each of the two does themselves, so that they listen by then.
        couple.alex.done(&app, "pauseNudges", json!({}), "").await;
        assert_eq!(kinds(events.next().await["changes"].as_array().unwrap()), ["ACCOUNT_CHANGED"]);
        assert_eq!(there.next().await["resetRequired"], true);
        let input = json!({ "linkId": couple.link, "terms": Couple::usual_terms() });
        let query = crate::support::care::mutation("proposeRevision", "");
        let answer =
            app.raw_at(&other.url, Some(&couple.sam.access()), &query, json!({ "input": input })).await;
        assert_eq!(answer["data"]["proposeRevision"]["status"], "DONE", "{answer}");
        // What Sam did there is told to Alex here, and the other way round.
        for (events, kind) in [(&mut events, "REVISION_PROPOSED"), (&mut there, "REVISION_PROPOSED")] {
            let told = tokio::time::timeout(PATIENCE, events.next()).await.expect("no bell rang");
            assert_eq!(kinds(told["changes"].as_array().unwrap()), [kind]);
        }
        couple.alex.done(&app, "updateLink", json!({ "linkId": couple.link, "role": "SWITCH" }), "").await;
        let told = tokio::time::timeout(PATIENCE, there.next()).await.expect("no bell rang");
        assert_eq!(kinds(told["changes"].as_array().unwrap()), ["LINK_CHANGED"]);
    });
}

/// A service whose connections may stall for a moment only.
async fn impatient() -> TestApp {
    let quick = |limits: &mut evenkeel::http::HttpLimits| {
        (limits.stall, limits.ping) = (Duration::from_millis(400), Duration::from_millis(50));
    };
    TestApp::start_with(Backend::Sqlite, |_| {}, quick).await
}

#[test]
fn who_follows_in_silence_is_kept_and_told_that_the_service_is_there() {
    crate::support::live(async {
        let app = impatient().await;
        let alex = app.person("Alex", "UTC", ("22:00", "08:00")).await;
        let mut events = Events::open(&app, &alex, Value::Null).await;
        assert_eq!(events.next().await["resetRequired"], true);
        // Far longer than a connection may stall.
        events.pings(30).await;
        alex.done(&app, "pauseNudges", json!({}), "").await;
        assert_eq!(events.next().await["resetRequired"], false);
    });
}

#[test]
fn who_does_not_answer_any_more_is_let_go() {
    crate::support::live(async {
        let app = impatient().await;
        let alex = app.person("Alex", "UTC", ("22:00", "08:00")).await;
        let silent = feed::silent_socket(&app, &alex).await;
        let feeds = &app.app.context.feeds;
        at_least("the socket follows", async || feeds.followed() == 1).await;
        at_least("it is let go", async || feeds.followed() == 0).await;
        drop(silent);
    });
}

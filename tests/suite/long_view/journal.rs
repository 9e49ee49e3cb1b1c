//! The journal, for its writer alone.

use super::account;
use crate::support::care::{DAY, HOUR, instant, minute};
use crate::support::people::text;
use crate::support::{Person, TestApp};
use evenkeel::ids::JournalEntryId;
use evenkeel::store::StoreError;
use evenkeel::store::journal::JournalRow;
use serde_json::{Value, json};

/// A page of a person's journal: the texts and whether there is more, with the last cursor.
async fn journal(app: &TestApp, person: &Person, arguments: &str) -> (Vec<String>, bool, Value) {
    let query = format!(
        "{{ viewer {{ journal{arguments} {{ nodes {{ text }} pageInfo {{ hasNextPage endCursor }} }} }} }}"
    );
    let page = person.ask(app, &query, json!({})).await["viewer"]["journal"].clone();
    let texts = page["nodes"].as_array().unwrap().iter().map(|node| text(&node["text"])).collect();
    (texts, page["pageInfo"]["hasNextPage"] == true, page["pageInfo"]["endCursor"].clone())
}

on_both_databases! {
    async fn a_journal_is_written_changed_and_deleted(app) {
        let couple = app.couple().await;
        let alex = &couple.alex;
        let scene = couple.scene(&app).await;
        let fields = "entry { id text writtenAt editedAt scene { id } }";
        let mut ids = Vec::new();
        for (words, day) in [("third", 3), ("first", 1), ("second", 2)] {
            let input = json!({ "text": words, "sceneId": if day == 2 { json!(scene) } else { Value::Null },
                "writtenAt": minute((day - 10) * DAY).to_string() });
            ids.push(alex.done(&app, "writeJournalEntry", input, fields).await["entry"]["id"].clone());
        }
        let now = alex.done(&app, "writeJournalEntry", json!({ "text": " now\n" }), fields).await["entry"].clone();
        assert_eq!(now, json!({ "id": now["id"], "text": "now", "writtenAt": "2026-10-24T18:00:00.000Z", "editedAt": null,
            "scene": null }));
        let (texts, more, cursor) = journal(&app, alex, "(first: 3)").await;
        assert_eq!((texts, more), (vec!["now".into(), "third".into(), "second".into()], true));
        let rest = journal(&app, alex, &format!("(first: 3, after: {cursor})")).await;
        assert_eq!((rest.0, rest.1), (vec!["first".to_owned()], false));
        assert_eq!(journal(&app, alex, &format!("(about: \"{scene}\")")).await.0, ["second"]);
        assert_eq!(journal(&app, alex, "(about: \"nothing\")").await.0, Vec::<String>::new());

        app.clock.set(minute(HOUR));
        let edit = json!({ "entryId": ids[2], "text": "changed", "sceneId": null });
        let edited = alex.done(&app, "editJournalEntry", edit.clone(), fields).await["entry"].clone();
        assert_eq!(edited, json!({ "id": ids[2], "text": "changed", "writtenAt": "2026-10-16T18:00:00.000Z",
            "editedAt": "2026-10-24T19:00:00.000Z", "scene": null }));
        assert_eq!(alex.change(&app, "editJournalEntry", edit, "").await["status"], "UNCHANGED");
        let later = json!({ "entryId": ids[2], "writtenAt": instant(minute(-HOUR)), "sceneId": scene });
        let moved = alex.done(&app, "editJournalEntry", later, fields).await["entry"].clone();
        assert_eq!((&moved["text"], &moved["scene"]["id"]), (&json!("changed"), &json!(scene)));
        let delete = json!({ "entryId": ids[0] });
        alex.done(&app, "deleteJournalEntry", delete.clone(), "").await;
        assert_eq!(alex.refused(&app, "deleteJournalEntry", delete).await, ("entryId".into(), "NOT_FOUND".into()));
        let node = "query($id: ID!) { node(id: $id) { id ... on JournalEntry { text } } }";
        assert_eq!(alex.ask(&app, node, json!({ "id": ids[0] })).await["node"], Value::Null);
        assert_eq!(alex.ask(&app, node, json!({ "id": ids[2] })).await["node"]["text"], "changed");
        assert_eq!(journal(&app, alex, "").await.0, ["now", "changed", "first"]);
    }

    async fn a_journal_is_for_the_person_alone_and_outlives_the_link(app) {
        let couple = app.couple().await;
        let (alex, sam) = (&couple.alex, &couple.sam);
        let scene = couple.scene(&app).await;
        let input = json!({ "text": "heliotrope", "sceneId": scene });
        let entry = alex.done(&app, "writeJournalEntry", input, "entry { id }").await["entry"]["id"].clone();
        let node = "query($id: ID!) { node(id: $id) { id } }";
        assert_eq!(sam.ask(&app, node, json!({ "id": entry })).await["node"], Value::Null);
        assert_eq!(journal(&app, sam, "").await.0, Vec::<String>::new());
        assert_eq!(journal(&app, sam, &format!("(about: \"{scene}\")")).await.0, Vec::<String>::new());
        for (step, input) in [("editJournalEntry", json!({ "entryId": entry, "text": "mine" })),
            ("deleteJournalEntry", json!({ "entryId": entry }))]
        {
            assert_eq!(sam.refused(&app, step, input).await, ("entryId".into(), "NOT_FOUND".into()), "{step}");
        }
        sam.done(&app, "endLink", json!({ "linkId": couple.link }), "").await;
        app.clock.set(minute(1));
        alex.done(&app, "writeJournalEntry", json!({ "text": "after it", "sceneId": scene }), "").await;
        assert_eq!(journal(&app, alex, &format!("(about: \"{scene}\")")).await.0, ["after it", "heliotrope"]);
    }

    async fn a_journal_takes_so_many_entries_a_day(app) {
        let alex = app.person_without_device("Alex", "Europe/Berlin", ("22:00", "08:00")).await;
        let (owner, now) = (account(&app, &alex).await, app.clock.now());
        let fill = app.app.context.store.write(move |db| {
            for _ in 0..evenkeel::domain::journal::ENTRIES_A_DAY {
                let row = JournalRow { id: JournalEntryId::at(now, &crate::support::chance()), account_id: owner, scene_id: None, content: vec![1; 64],
                    written_at: now.into(), edited_at: None, created_at: now.into() };
                evenkeel::store::journal::insert(db, &row)?;
            }
            Ok::<_, StoreError>(())
        });
        fill.await.unwrap();
        let input = json!({ "text": "one more" });
        assert_eq!(alex.refused(&app, "writeJournalEntry", input.clone()).await, ("input".into(), "OUT_OF_RANGE".into()));
        app.clock.set(minute(DAY + 1));
        alex.done(&app, "writeJournalEntry", input, "").await;
    }
}

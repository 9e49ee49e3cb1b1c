//! Debriefs: both open once both are written, and nothing tells of them before.

use super::account;
use crate::support::care::{HOUR, minute};
use crate::support::people::text;
use crate::support::race::TwoServers;
use crate::support::{Person, TestApp};
use evenkeel::domain::keyset_page::KeysetPage;
use evenkeel::ids::{AccountId, SceneId};
use evenkeel::store::StoreError;
use serde_json::{Value, json};

const SHOWN: &str = "scene { debrief { state mine { text writtenAt } partners { text } } }";
const DEBRIEF: &str = "debrief { state mine { text writtenAt } partners { text } }";

/// The debriefs of a scene, as this person sees them.
async fn debrief(app: &TestApp, person: &Person, scene: &str) -> Value {
    let query = format!("query($id: ID!) {{ node(id: $id) {{ ... on Scene {{ {DEBRIEF} }} }} }}");
    person.ask(app, &query, json!({ "id": scene })).await["node"]["debrief"].clone()
}

/// The same in short: the state, this person's text, the other's.
async fn in_short(app: &TestApp, person: &Person, scene: &str) -> (String, Value, Value) {
    let seen = debrief(app, person, scene).await;
    (text(&seen["state"]), seen["mine"]["text"].clone(), seen["partners"]["text"].clone())
}

async fn writes(app: &TestApp, person: &Person, scene: &str, text: &str) -> Value {
    let payload = person.change(app, "writeDebrief", json!({ "sceneId": scene, "text": text }), SHOWN).await;
    payload["status"].clone()
}

on_both_databases! {
    async fn debriefs_open_when_both_have_written_and_are_replaced_only_until_then(app) {
        let couple = app.couple().await;
        let (alex, sam) = (&couple.alex, &couple.sam);
        let scene = couple.scene(&app).await;
        let unwritten = ("UNWRITTEN".to_owned(), Value::Null, Value::Null);
        assert_eq!(in_short(&app, alex, &scene).await, unwritten);
        assert_eq!(writes(&app, alex, &scene, "  It was close.\nI was calm.\n").await, "DONE");
        let first = json!({ "state": "WAITING", "partners": null,
            "mine": { "text": "It was close.\nI was calm.", "writtenAt": "2026-10-24T18:00:00.000Z" } });
        assert_eq!(debrief(&app, alex, &scene).await, first);
        assert_eq!(in_short(&app, sam, &scene).await, unwritten, "Sam has not written");
        app.clock.set(minute(HOUR));
        assert_eq!(writes(&app, alex, &scene, "It was close.\nI was calm.").await, "UNCHANGED");
        assert_eq!(debrief(&app, alex, &scene).await, first);
        assert_eq!(writes(&app, alex, &scene, "It was close.").await, "DONE");
        let take_back = json!({ "sceneId": scene });
        assert_eq!(alex.done(&app, "takeBackDebrief", take_back.clone(), SHOWN).await["scene"]["debrief"]["state"], "UNWRITTEN");
        assert_eq!(alex.change(&app, "takeBackDebrief", take_back.clone(), "").await["status"], "UNCHANGED");
        assert_eq!(writes(&app, alex, &scene, "It was good.").await, "DONE");
        assert_eq!(writes(&app, sam, &scene, "I was tired.").await, "DONE");
        let open = |mine: &str, partners: &str| ("OPEN".to_owned(), json!(mine), json!(partners));
        let both = (open("It was good.", "I was tired."), open("I was tired.", "It was good."));
        let seen = async || (in_short(&app, alex, &scene).await, in_short(&app, sam, &scene).await);
        assert_eq!(seen().await, both);
        for person in [alex, sam] {
            let other = json!({ "sceneId": scene, "text": "other words" });
            let refused = ("sceneId".to_owned(), "WRONG_STATE".to_owned());
            assert_eq!(person.refused(&app, "writeDebrief", other).await, refused);
            assert_eq!(person.refused(&app, "takeBackDebrief", take_back.clone()).await, refused);
        }
        assert_eq!(writes(&app, sam, &scene, "I was tired.").await, "UNCHANGED", "sent again after a lost answer");
        assert_eq!(seen().await, both);
    }

    async fn a_debrief_is_about_a_scene_that_has_ended(app) {
        let couple = app.couple().await;
        let start = json!({ "linkId": couple.link, "setting": "ONLINE" });
        let scene = couple.alex.done(&app, "recordScene", start, "scene { id debrief { state } }").await["scene"].clone();
        assert_eq!(scene["debrief"], Value::Null);
        let input = json!({ "sceneId": scene["id"], "text": "too early" });
        let refused = ("sceneId".to_owned(), "WRONG_STATE".to_owned());
        assert_eq!(couple.alex.refused(&app, "writeDebrief", input.clone()).await, refused);
        couple.sam.done(&app, "endScene", json!({ "sceneId": scene["id"] }), "").await;
        couple.alex.done(&app, "writeDebrief", input, "").await;
    }

    async fn r11_whether_the_other_has_written_shows_only_to_who_has_written(app) {
        let couple = app.couple().await;
        let (alex, sam) = (&couple.alex, &couple.sam);
        let scene = couple.scene(&app).await;
        // Everything that Sam can ask about the scene, and the answers to what Sam can try: statuses, lengths and
        // values.
        let exact = async |query: &str, variables: Value| {
            let (status, text) = app.exact(Some(&sam.access()), None, query, variables).await;
            (status, text.len(), serde_json::from_str::<Value>(&text).unwrap())
        };
        let look = async || {
            let fields = format!("id {DEBRIEF} aftercare {{ id }} outreaches {{ id }} partnerCheckIns {{ dueAt shared {{ mood }} }}");
            let all = format!("{{ viewer {{ partnerLinks {{ scenes {{ nodes {{ {fields} }} }} }} nudges {{ nodes {{ id }} }} }} }}");
            let try_out = "mutation($s: ID!) { takeBackDebrief(input: { sceneId: $s }) { status problems { code }
                scene { debrief { state mine { text } partners { text } } } } }";
            let (seen, tried) = (exact(&all, json!({})).await, exact(try_out, json!({ "s": scene })).await);
            (seen, tried, sam.pushes(&app).len(), sam.mails(&app).len())
        };
        let nothing = look().await;
        let shown = &nothing.0.2["data"]["viewer"]["partnerLinks"][0]["scenes"]["nodes"][0]["debrief"]["state"];
        let tried = &nothing.1.2["data"]["takeBackDebrief"]["status"];
        assert_eq!((shown, tried), (&json!("UNWRITTEN"), &json!("UNCHANGED")));
        assert_eq!(writes(&app, alex, &scene, "heliotrope").await, "DONE");
        assert_eq!(look().await, nothing, "written");
        assert_eq!(writes(&app, alex, &scene, "heliotrope and more").await, "DONE");
        assert_eq!(look().await, nothing, "replaced");
        alex.done(&app, "takeBackDebrief", json!({ "sceneId": scene }), "").await;
        assert_eq!(look().await, nothing, "taken back");
        assert_eq!(writes(&app, sam, &scene, "calm").await, "DONE");
        assert_eq!(in_short(&app, sam, &scene).await, ("WAITING".to_owned(), json!("calm"), Value::Null));
        // A stranger sees all of it as a missing scene.
        let robin = app.person_without_device("Robin", "UTC", ("22:00", "08:00")).await;
        let input = json!({ "sceneId": scene, "text": "calm" });
        assert_eq!(robin.refused(&app, "writeDebrief", input).await, ("sceneId".into(), "NOT_FOUND".into()));
    }

    async fn r12_once_the_link_has_ended_each_keeps_ones_own_debriefs_and_reads_no_others(app) {
        let couple = app.couple().await;
        let (alex, sam) = (&couple.alex, &couple.sam);
        let mut scenes = Vec::new();
        for (alexs, sams) in [(true, true), (true, false), (false, true), (false, false)] {
            let scene = couple.scene(&app).await;
            if alexs {
                writes(&app, alex, &scene, "Alex's words").await;
            }
            if sams {
                writes(&app, sam, &scene, "Sam's words").await;
            }
            scenes.push((scene, alexs));
        }
        sam.done(&app, "endLink", json!({ "linkId": couple.link }), "").await;
        for (scene, alexs) in &scenes {
            let own = if *alexs { json!("Alex's words") } else { Value::Null };
            assert_eq!(in_short(&app, alex, scene).await, ("CLOSED".to_owned(), own, Value::Null));
            let other = json!({ "sceneId": scene, "text": "other words" });
            assert_eq!(alex.refused(&app, "writeDebrief", other).await, ("sceneId".into(), "WRONG_STATE".into()));
            let taken_back = alex.change(&app, "takeBackDebrief", json!({ "sceneId": scene }), "").await;
            assert_eq!(taken_back["status"], if *alexs { "DONE" } else { "UNCHANGED" });
            assert_eq!(in_short(&app, alex, scene).await, ("CLOSED".to_owned(), Value::Null, Value::Null));
        }
        let kept = in_short(&app, sam, &scenes[0].0).await;
        assert_eq!(kept, ("CLOSED".to_owned(), json!("Sam's words"), Value::Null), "one's own stays");
    }

    async fn two_who_write_at_once_both_read_what_the_other_wrote_in_the_end(app) {
        let couple = app.couple().await;
        let (alex, sam) = (&couple.alex, &couple.sam);
        let servers = TwoServers::start(&app);
        let write = "mutation($s: ID!, $t: String!) { writeDebrief(input: { sceneId: $s, text: $t }) {
            status scene { debrief { state } } problems { code } } }";
        for round in 0..8 {
            let scene = couple.scene(&app).await;
            if round % 2 == 1 {
                writes(&app, alex, &scene, "first words").await;
            }
            let say = |t: &str| json!({ "s": scene, "t": t });
            let answers =
                servers.at_once(&app, &[(alex, write, say("Alex's words")), (sam, write, say("Sam's words"))]).await;
            assert_eq!(answers[1]["writeDebrief"]["status"], "DONE");
            let alexs = match answers[0]["writeDebrief"]["status"].as_str().unwrap() {
                "DONE" => "Alex's words",
                refused => {
                    assert_eq!((refused, round % 2), ("REFUSED", 1), "Sam was first, and read the first words");
                    "first words"
                }
            };
            let open = |mine: &str, partners: &str| ("OPEN".to_owned(), json!(mine), json!(partners));
            assert_eq!(in_short(&app, alex, &scene).await, open(alexs, "Sam's words"));
            assert_eq!(in_short(&app, sam, &scene).await, open("Sam's words", alexs));
        }
        servers.stop().await;
    }

    async fn r26_what_is_written_for_oneself_is_sealed(app) {
        let couple = app.couple().await;
        let scene = couple.scene(&app).await;
        assert_eq!(writes(&app, &couple.alex, &scene, "heliotrope").await, "DONE");
        couple.alex.done(&app, "writeJournalEntry", json!({ "text": "heliotrope" }), "").await;
        let (alex, id): (AccountId, SceneId) = (account(&app, &couple.alex).await, scene.parse().unwrap());
        let sealed = app.app.context.store.read(move |db| {
            let debriefs = evenkeel::store::debrief::by(db, alex, &[id])?;
            let entries = evenkeel::store::journal::page(db, alex, None, KeysetPage::first(10, None))?;
            Ok::<_, StoreError>([debriefs[0].content.clone(), entries[0].content.clone()])
        });
        for content in sealed.await.unwrap() {
            assert!(content.len() > 40 && !content.windows(10).any(|part| part == b"heliotrope"));
        }
    }
}

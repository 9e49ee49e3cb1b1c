//! Reasons: a nudge is one message, and each of its reasons says what it is about and why it came.

use crate::support::care::{DAY, HOUR, instant, minute};
use crate::support::people::text;
use crate::support::receivers::Answer;
use crate::support::{Backend, Couple, Person, TestApp, statements};
use evenkeel::domain::keyset_page::KeysetPage;
use evenkeel::ids::AccountId;
use evenkeel::store::{self, StoreError};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The last sentence about what came with something else.
const TOGETHER: &str = "It came together with what else was for you about then.";
const MESSAGE: &str =
    "query($id: ID!) { node(id: $id) { id ... on Nudge { channel state sendAt finishedAt reasons {
    kind message checkIn { id } scene { id } link { id } revision { id } rule dueAt sentences } } } }";

/// Alex with two partners: Sam, with whom there is an agreement, and Kim. Both record a scene, Kim's 20 minutes later.
struct Two {
    sam: Couple,
    kim: Person,
    kims_link: String,
    revision: String,
    sams_scene: String,
    kims_scene: String,
}

impl Two {
    async fn begin(app: &TestApp) -> Self {
        let sam = app.couple().await;
        let revision = sam.agree_on(app, &[60]).await;
        let kim = app.person("Kim", "America/Los_Angeles", ("23:00", "07:00")).await;
        let kims_link = app.link(&sam.alex, &kim).await;
        app.pass_until(minute(0)).await;
        let sams_scene = sam.scene(app).await;
        app.pass_until(minute(20)).await;
        let input = json!({ "linkId": kims_link, "setting": "ONLINE", "endedAt": instant(minute(20)) });
        let recorded = kim.done(app, "recordScene", input, "scene { id }").await;
        let kims_scene = text(&recorded["scene"]["id"]);
        Self { sam, kim, kims_link, revision, sams_scene, kims_scene }
    }
}

/// Every id in a person's list of messages.
async fn ids(app: &TestApp, person: &Person) -> Vec<String> {
    let data = person.ask(app, "{ viewer { nudges(first: 50) { nodes { id } } } }", json!({})).await;
    data["viewer"]["nudges"]["nodes"].as_array().unwrap().iter().map(|nudge| text(&nudge["id"])).collect()
}

/// The ids of a list that is read in pages of one.
async fn one_by_one(
    app: &TestApp,
    person: &Person,
    (size, from, end, more): (&str, &str, &str, &str),
) -> Vec<String> {
    let query = format!(
        "query($at: String) {{ viewer {{ nudges({size}: 1, {from}: $at) {{
            nodes {{ id }} pageInfo {{ {more} {end} }} }} }} }}"
    );
    let (mut at, mut seen) = (Value::Null, Vec::new());
    loop {
        let page = person.ask(app, &query, json!({ "at": at })).await["viewer"]["nudges"].clone();
        assert_eq!(page["nodes"].as_array().unwrap().len(), 1, "every page is full: {page}");
        seen.push(text(&page["nodes"][0]["id"]));
        if page["pageInfo"][more] == false {
            return seen;
        }
        at = page["pageInfo"][end].clone();
    }
}

on_both_databases! {
    async fn r22_r25_one_message_names_each_of_its_reasons(app) {
        let two = Two::begin(&app).await;
        let alex = &two.sam.alex;
        let planned = ids(&app, alex).await;
        app.pass_until(minute(58)).await;
        two.sam.sam.done(&app, "askPartner", json!({ "partnerOf": { "linkId": two.sam.link } }), "").await;
        app.pass_until(minute(HOUR + 30)).await;

        let pushes = alex.pushes(&app);
        assert_eq!(pushes.len(), 2, "what was due, and the plea");
        let data = alex.ask(&app, "{ viewer { nudges(first: 50) { nodes { id state } } } }", json!({})).await;
        let mut sent = data["viewer"]["nudges"]["nodes"].as_array().unwrap().clone();
        sent.retain(|nudge| nudge["state"] == "SENT");
        assert_eq!(sent.len(), 2, "{sent:?}");
        let named: BTreeSet<String> = pushes.iter().map(|push| {
            let payload: Value = serde_json::from_slice(&push.payload).unwrap();
            text(&payload["nudge"])
        }).collect();
        assert_eq!(named, sent.iter().map(|nudge| text(&nudge["id"])).collect(), "a push names its message");
        let mut messages = Vec::new();
        for id in &named {
            messages.push(alex.ask(&app, MESSAGE, json!({ "id": id })).await["node"].clone());
        }
        messages.sort_by_key(|message| message["reasons"].as_array().unwrap().len());
        let [plea, merged] = &messages[..] else { unreachable!() };

        let due = [two.sam.check_ins(&app, alex, &two.sams_scene).await[0].clone(),
            two.sam.check_ins(&app, alex, &two.kims_scene).await[0].clone()];
        let places = [(&two.sams_scene, &two.sam.link, json!({ "id": two.revision }), minute(60)),
            (&two.kims_scene, &two.kims_link, Value::Null, minute(80))];
        assert_eq!((&merged["channel"], &merged["finishedAt"]), (&json!("PUSH"), &json!(instant(minute(60)))));
        assert_eq!(merged["reasons"].as_array().unwrap().len(), 4, "{merged}");
        for ((scene, link, revision, due_at), check_in) in places.iter().zip(&due) {
            for (kind, rule, check_in, verb) in [
                ("ASK", "CHECK_IN_DUE", json!({ "id": check_in["id"] }), "asks"),
                ("REACH_OUT", "GET_IN_TOUCH", Value::Null, "has you get in touch"),
            ] {
                let of = |reason: &&Value| reason["kind"] == kind && reason["scene"]["id"] == **scene;
                let found: Vec<&Value> = merged["reasons"].as_array().unwrap().iter().filter(of).collect();
                let [reason] = found[..] else { panic!("{kind} of {scene}: {merged}") };
                assert_eq!((&reason["checkIn"], &reason["link"]["id"]), (&check_in, &json!(link)));
                assert_eq!((&reason["revision"], &reason["rule"]), (revision, &json!(rule)));
                assert_eq!(reason["dueAt"], instant(*due_at), "its own due time, though it came with another");
                let sentences = reason["sentences"].as_array().unwrap();
                assert!(sentences[1].as_str().unwrap().contains(verb), "{sentences:?}");
                assert_eq!(sentences.last().unwrap(), TOGETHER);
                assert!(!text(&reason["message"]).is_empty());
            }
        }
        let [asked] = &plea["reasons"].as_array().unwrap()[..] else { panic!("{plea}") };
        assert_eq!(asked["kind"], "PLEA");
        assert_eq!(asked["link"]["id"], two.sam.link.as_str());
        for untold in ["checkIn", "scene", "revision"] {
            assert_eq!(asked[untold], Value::Null, "a plea tells nothing else");
        }

        // What was planned by itself answers with the message that it went out with.
        let mut moved = 0;
        for id in &planned {
            let found = alex.ask(&app, MESSAGE, json!({ "id": id })).await["node"].clone();
            if found["state"] == "SENT" {
                assert_eq!(&found, merged);
                moved += usize::from(found["id"] != id.as_str());
            }
        }
        assert_eq!(moved, 1, "one of two questions leads");

        // Nothing of the partners, and nothing to them.
        let all = json!(messages).to_string();
        for (partner, scene) in [(&two.sam.sam, &two.sams_scene), (&two.kim, &two.kims_scene)] {
            for theirs in two.sam.check_ins(&app, partner, scene).await {
                assert!(!all.contains(theirs["id"].as_str().unwrap()), "{all}");
            }
            for id in named.iter().chain(&planned) {
                assert_eq!(partner.ask(&app, MESSAGE, json!({ "id": id })).await["node"], Value::Null);
            }
        }
    }

    async fn r22_a_message_counts_once_in_the_list_and_none_is_left_out(app) {
        let two = Two::begin(&app).await;
        app.pass_until(minute(2 * DAY)).await;
        for person in [&two.sam.alex, &two.sam.sam, &two.kim] {
            let listed = ids(&app, person).await;
            let onward = ("first", "after", "endCursor", "hasNextPage");
            assert_eq!(one_by_one(&app, person, onward).await, listed, "{}", person.name);
            let mut backward = one_by_one(&app, person, ("last", "before", "startCursor", "hasPreviousPage")).await;
            backward.reverse();
            assert_eq!(backward, listed, "{}", person.name);
            let unlike: BTreeSet<_> = listed.iter().collect();
            assert_eq!(unlike.len(), listed.len(), "each once");
            let reasons = person.reasons(&app, "kind dueAt").await;
            let me: Value = person.ask(&app, "{ viewer { account { id } } }", json!({})).await;
            let me: AccountId = text(&me["viewer"]["account"]["id"]).parse().unwrap();
            let read = move |db: &mut store::Db| {
                Ok::<_, StoreError>(store::message::page_of_nudges(db, me, KeysetPage::first(500, None))?)
            };
            let stored = app.app.context.store.read(read).await.unwrap();
            assert_eq!(reasons.len(), stored.len(), "every reason in one message");
            assert!(listed.len() < stored.len(), "and some came together");
            let times: Vec<_> = reasons.iter().map(|reason| text(&reason["sendAt"])).collect();
            assert!(times.is_sorted_by(|a, b| a >= b), "the latest first: {times:?}");
            for nudge in &stored {
                let found = person.ask(&app, MESSAGE, json!({ "id": nudge.id.to_string() })).await["node"].clone();
                assert!(listed.contains(&text(&found["id"])), "each answers with a message of the list: {found}");
            }
        }
    }

    async fn r22_a_device_that_was_late_names_the_message_that_the_others_got(app) {
        let two = Two::begin(&app).await;
        let tablet = app.another_device(&two.sam.alex).await;
        app.push.answer_next(&tablet.device.endpoint, Answer::status(503));
        app.pass_until(minute(3 * HOUR)).await;
        let named = |person: &Person| -> BTreeSet<String> {
            let payload = |body: &[u8]| serde_json::from_slice::<Value>(body).unwrap();
            person.pushes(&app).iter().map(|push| text(&payload(&push.payload)["nudge"])).collect()
        };
        let (phone, late) = (named(&two.sam.alex), named(&tablet));
        assert!(!phone.is_empty() && !late.is_empty());
        assert_ne!(phone, late, "the copy has an id of its own");
        for id in late.iter().chain(&phone) {
            let found = two.sam.alex.ask(&app, MESSAGE, json!({ "id": id })).await["node"].clone();
            assert!(phone.contains(&text(&found["id"])), "{found}");
            assert_eq!(found["reasons"].as_array().unwrap().len(), 4, "{found}");
        }
    }

    async fn a_mail_about_the_account_goes_to_an_address_and_is_in_nobodys_list(app) {
        let couple = app.couple().await;
        let before = couple.alex.mails(&app).len();
        app.anonymous("mutation($input: RequestPasswordResetInput!) { requestPasswordReset(input: $input) { status } }",
            json!({ "input": { "email": couple.alex.email } })).await;
        app.deliver().await;
        assert_eq!(couple.alex.mails(&app).len(), before + 1);
        assert_eq!(ids(&app, &couple.alex).await, Vec::<String>::new());
    }
}

/// The length of Alex's list and the statements by which it is read.
async fn list_cost(app: &TestApp, alex: &Person) -> (usize, usize) {
    let query = "{ viewer { nudges(first: 50) { nodes { id reasons { kind message checkIn { id } scene { id }
        link { id } revision { id } rule dueAt sentences } } } } }";
    alex.refresh(app).await;
    let before = statements::count(&app.config.database);
    let data = alex.ask(app, query, json!({})).await;
    let cost = statements::count(&app.config.database) - before;
    (data["viewer"]["nudges"]["nodes"].as_array().unwrap().len(), cost)
}

async fn compare_costs(backend: Backend) {
    let app = TestApp::start(backend).await;
    let two = Two::begin(&app).await;
    app.pass_until(minute(3 * DAY)).await;
    let (short, cost_of_short) = list_cost(&app, &two.sam.alex).await;
    for _ in 0..2 {
        two.sam.scene(&app).await;
        app.pass_minutes(3 * DAY).await;
    }
    let (long, cost_of_long) = list_cost(&app, &two.sam.alex).await;
    assert!(short > 5 && long >= short + 6, "{short} and {long} messages");
    assert_eq!(cost_of_long, cost_of_short, "{short} and {long} messages");
}

fn measure(backend: Backend) {
    statements::watch();
    crate::support::live(compare_costs(backend));
}

#[test]
fn r34_a_long_list_of_messages_costs_no_more_on_sqlite() {
    measure(Backend::Sqlite);
}

#[test]
fn r34_a_long_list_of_messages_costs_no_more_on_postgres() {
    measure(Backend::Postgres);
}

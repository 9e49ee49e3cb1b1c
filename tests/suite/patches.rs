//! Patches: what is left out stays, null clears, and a field that cannot be empty says so. The schema says which inputs are
//! patches, and every field of theirs has a row here.

use crate::support::care::{after_end, minute, minutes_after, mutation, on_day};
use crate::support::people::text;
use crate::support::race::TwoServers;
use crate::support::{Person, TestApp};
use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{TypeKind, TypeSystemDefinition};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// A field of a patch.
struct Field {
    name: &'static str,
    /// Where the payload's object shows it.
    shown_at: &'static str,
    /// Two values, each as it is sent and as it is read.
    values: [(Value, Value); 2],
    /// What is read after null; None: null is refused.
    cleared: Option<Value>,
}

/// A mutation whose input, or an object in it, is a patch.
struct Patched {
    input: &'static str,
    mutation: &'static str,
    /// The object in the input; empty: the input itself.
    object: &'static str,
    /// The object in the payload.
    shows: &'static str,
    select: &'static str,
    fields: Vec<Field>,
}

fn field(name: &'static str, values: [Value; 2], cleared: Option<Value>) -> Field {
    Field { name, shown_at: name, values: values.map(|value| (value.clone(), value)), cleared }
}

fn protocol(sent: [Value; 2], read: [Value; 2]) -> Field {
    let [a, b] = sent;
    let [read_a, read_b] = read;
    let values = [(a, read_a), (b, read_b)];
    Field { name: "protocol", shown_at: "protocol", values, cleared: Some(minutes_after(&[60, 1440, 2880])) }
}

const NEEDS: &str = "comforts avoid grounding foodAndDrink words contact nearness anythingElse";

fn needs() -> Vec<Field> {
    let line = |name| field(name, [json!("tea"), json!("a walk")], Some(json!("")));
    vec![
        field("comforts", [json!(["WATER"]), json!(["TALK", "WARMTH"])], Some(json!([]))),
        field("avoid", [json!(["crowds"]), json!(["noise", "rush"])], Some(json!([]))),
        line("grounding"),
        line("foodAndDrink"),
        line("words"),
        field("contact", [json!(["CALL"]), json!(["VIDEO", "MESSAGE"])], Some(json!([]))),
        field("nearness", [json!("SPACE"), json!("ASK")], Some(Value::Null)),
        line("anythingElse"),
    ]
}

/// Every patch but `EndSceneInput`, which a scene takes only once.
fn patches(scenes: [&str; 2]) -> Vec<Patched> {
    let at = |minutes: i64| json!(minute(minutes).to_string());
    let quiet = |from: &str| json!({ "from": from, "until": "08:00" });
    let times = || {
        protocol([after_end(&[45]), after_end(&[50, 90])], [minutes_after(&[45]), minutes_after(&[50, 90])])
    };
    let whole = [(json!({ "words": "hush" }), "hush"), (json!({ "words": "near" }), "near")];
    let whole = whole.map(|(sent, words)| (sent, json!(words)));
    let needs_as_a_whole =
        Field { name: "needs", shown_at: "needs/words", values: whole, cleared: Some(Value::Null) };
    let role = Field { shown_at: "me/role", ..field("role", [json!("DOMINANT"), json!("SWITCH")], None) };
    let scene_id = Field {
        shown_at: "scene/id",
        ..field("sceneId", scenes.map(|scene| json!(scene)), Some(Value::Null))
    };
    vec![
        Patched {
            input: "UpdateProfileInput",
            mutation: "updateProfile",
            object: "",
            shows: "account",
            select: "displayName zone quietHours { from until } defaultSharing pushWanted mailWanted",
            fields: vec![
                field("displayName", [json!("Robin"), json!("Robin R.")], None),
                field("zone", [json!("Europe/Berlin"), json!("Europe/Paris")], None),
                field("quietHours", [quiet("22:00"), quiet("23:00")], Some(Value::Null)),
                field("defaultSharing", [json!("MOOD"), json!("ALL")], None),
                field("pushWanted", [json!(true), json!(false)], None),
                field("mailWanted", [json!(true), json!(false)], None),
            ],
        },
        Patched {
            input: "UpdateLinkInput",
            mutation: "updateLink",
            object: "",
            shows: "link",
            select: "me { role } alertPermission promiseCountWanted nightPleaPermission",
            fields: vec![
                role,
                field("alertPermission", [json!("ALLOW"), json!("FORBID")], None),
                field("promiseCountWanted", [json!(true), json!(false)], None),
                field("nightPleaPermission", [json!("ALLOW"), json!("FORBID")], None),
            ],
        },
        Patched {
            input: "NeedsInput",
            mutation: "writeNeeds",
            object: "needs",
            shows: "link/myNeeds",
            select: NEEDS,
            fields: needs(),
        },
        Patched {
            input: "NeedsInput",
            mutation: "writeSoloPlan",
            object: "needs",
            shows: "soloPlan/needs",
            select: NEEDS,
            fields: needs(),
        },
        Patched {
            input: "WriteSoloPlanInput",
            mutation: "writeSoloPlan",
            object: "",
            shows: "soloPlan",
            select: "needs { words } protocol { ... on AfterEnd { minutes } }",
            fields: vec![needs_as_a_whole, times()],
        },
        Patched {
            input: "TermsInput",
            mutation: "proposeRevision",
            object: "terms",
            shows: "revision/terms",
            select: "limits stopSignal protocol { ... on AfterEnd { minutes } } contactPlan partnerAlert",
            fields: vec![
                field("limits", [json!("no marks"), json!("no ropes")], Some(json!(""))),
                field("stopSignal", [json!("red"), json!("stop")], None),
                times(),
                field("contactPlan", [json!("at ten"), json!("at noon")], Some(json!(""))),
                field("partnerAlert", [json!("CALL"), json!("MESSAGE")], Some(Value::Null)),
            ],
        },
        Patched {
            input: "EditJournalEntryInput",
            mutation: "editJournalEntry",
            object: "",
            shows: "entry",
            select: "text scene { id } writtenAt",
            fields: vec![
                field("text", [json!("calm"), json!("tired")], None),
                scene_id,
                field("writtenAt", [at(-120), at(-60)], None),
            ],
        },
        Patched {
            input: "CorrectSceneInput",
            mutation: "correctScene",
            object: "",
            shows: "scene",
            select: "startedAt endedAt",
            fields: vec![
                field("startedAt", [at(-90), at(-80)], None),
                field("endedAt", [at(-40), at(-30)], None),
            ],
        },
    ]
}

/// The fields of `EndSceneInput` that are a patch.
const OF_THE_END: [&str; 2] = ["intensity", "partedAt"];

/// The same value whatever the spelling of an instant.
fn plain(value: &Value) -> Value {
    let instant = value.as_str().and_then(|text| text.parse::<Timestamp>().ok());
    instant.map_or_else(|| value.clone(), |at| json!(at.to_string()))
}

/// One patch, as it is sent by one person.
struct Sender<'a> {
    app: &'a TestApp,
    by: &'a Person,
    patched: &'a Patched,
    /// The fields that say what is changed.
    fixed: Value,
}

impl Sender<'_> {
    /// Sends these fields; returns the status, the first problem, and what each field is then.
    async fn send(&mut self, patch: Value) -> (String, Value, BTreeMap<&'static str, Value>) {
        let Patched { mutation, object, shows, select, .. } = self.patched;
        let mut input = self.fixed.clone();
        match *object {
            "" => input.as_object_mut().unwrap().extend(patch.as_object().unwrap().clone()),
            object => input[object] = patch,
        }
        let selected = shows.rsplit('/').fold((*select).to_owned(), |inner, outer| match outer {
            "revision" => format!("revision {{ id {inner} }}"),
            outer => format!("{outer} {{ {inner} }}"),
        });
        let payload = self.by.change(self.app, mutation, input, &selected).await;
        if !payload["revision"].is_null() {
            self.fixed["basedOn"] = payload["revision"]["id"].clone();
        }
        let shown = |field: &Field| payload.pointer(&format!("/{shows}/{}", field.shown_at)).map(plain);
        let read = self.patched.fields.iter().map(|field| (field.name, shown(field).unwrap_or_default()));
        (text(&payload["status"]), payload["problems"].clone(), read.collect())
    }

    /// What each field is, by a patch that leaves all out.
    async fn read(&mut self) -> BTreeMap<&'static str, Value> {
        let (status, problems, read) = self.send(json!({})).await;
        assert_ne!(status, "REFUSED", "{}: {problems}", self.patched.mutation);
        read
    }
}

/// Sends every field of a patch with a value, left out and null, and looks at all of them each time.
async fn check(app: &TestApp, by: &Person, patched: &Patched, fixed: Value) {
    let mut sender = Sender { app, by, patched, fixed };
    let fields = &patched.fields;
    let all =
        |n: usize| fields.iter().map(|field| (field.name.to_owned(), field.values[n].0.clone())).collect();
    let first = || fields.iter().map(|field| (field.name, plain(&field.values[0].1)));
    for field in fields {
        let what = format!("{} {}.{}", patched.mutation, patched.input, field.name);
        let (status, problems, read) = sender.send(Value::Object(all(0))).await;
        assert_ne!(status, "REFUSED", "{what}: {problems}");
        let mut expected: BTreeMap<_, _> = first().collect();
        assert_eq!(read, expected, "{what}: all are written");

        assert_eq!(sender.read().await, expected, "{what}: what is left out stays");

        expected.insert(field.name, plain(&field.values[1].1));
        let (status, problems, read) = sender.send(json!({ field.name: field.values[1].0 })).await;
        assert_eq!(
            (status.as_str(), read),
            ("DONE", expected.clone()),
            "{what}: it alone changes; {problems}"
        );

        let (status, problems, _) = sender.send(json!({ field.name: null })).await;
        match &field.cleared {
            Some(cleared) => {
                assert_eq!(status, "DONE", "{what}: {problems}");
                expected.insert(field.name, cleared.clone());
            }
            None => {
                let path = [patched.object, field.name].join(".");
                let problem = json!([{ "field": path.trim_start_matches('.'), "code": "REQUIRED" }]);
                assert_eq!((status.as_str(), problems), ("REFUSED", problem), "{what}");
            }
        }
        assert_eq!(sender.read().await, expected, "{what}: after null");
    }
}

/// The input types with the descriptions and those of their fields that may be null; `@oneOf` ones are left out.
fn inputs() -> BTreeMap<String, (String, BTreeSet<String>)> {
    let mut inputs = BTreeMap::new();
    for definition in parse_schema(evenkeel::graphql::print()).unwrap().definitions {
        let TypeSystemDefinition::Type(definition) = definition else { continue };
        let ty = definition.node;
        let TypeKind::InputObject(input) = ty.kind else { continue };
        if ty.directives.iter().any(|directive| directive.node.name.node == "oneOf") {
            continue;
        }
        let nullable = input.fields.into_iter().filter(|field| field.node.ty.node.nullable);
        let nullable = nullable.map(|field| field.node.name.node.to_string()).collect();
        inputs.insert(ty.name.node.to_string(), (ty.description.unwrap().node, nullable));
    }
    inputs
}

#[test]
fn every_input_says_whether_it_is_a_patch_and_every_field_of_a_patch_has_a_row() {
    let mut rows: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for patched in patches(["", ""]) {
        rows.entry(patched.input)
            .or_default()
            .extend(patched.fields.iter().map(|field| field.name.to_owned()));
    }
    // When it ended is said anew, not changed.
    let end = OF_THE_END.into_iter().chain(["endedAt"]).map(str::to_owned);
    rows.insert("EndSceneInput", end.collect());
    let mut known = 0;
    for (name, (description, nullable)) in inputs() {
        let description = description.replace('\n', " ");
        if description.contains("A patch") {
            assert_eq!(rows.get(name.as_str()), Some(&nullable), "the rows of {name}");
            known += 1;
        } else {
            let said = description.contains("Null is the same as left out.");
            assert_eq!(said, !nullable.is_empty(), "{name} says what null means, if a field may be null");
        }
    }
    assert_eq!(known, rows.len());
}

on_both_databases! {
    async fn of_each_patch_what_is_left_out_stays_and_null_clears(app) {
        let couple = app.couple().await;
        let (alex, sam) = (&couple.alex, &couple.sam);
        let scenes = [couple.scene(&app).await, couple.scene(&app).await];
        let entry = alex.done(&app, "writeJournalEntry", json!({ "text": "calm" }), "entry { id }").await;
        let partners = json!({ "linkId": couple.link, "needs": { "words": "mine", "comforts": ["SLEEP"] } });
        sam.done(&app, "writeNeeds", partners, "").await;
        for patched in patches([&scenes[0], &scenes[1]]) {
            let fixed = match patched.mutation {
                "updateLink" | "writeNeeds" | "proposeRevision" => json!({ "linkId": couple.link }),
                "editJournalEntry" => json!({ "entryId": entry["entry"]["id"] }),
                "correctScene" => json!({ "sceneId": scenes[0] }),
                _ => json!({}),
            };
            check(&app, alex, &patched, fixed).await;
        }
        let mine = sam.ask(&app, "query($id: ID!) { node(id: $id) { ... on PartnerLink { myNeeds { words comforts } } } }",
            json!({ "id": couple.link })).await;
        assert_eq!(mine["node"]["myNeeds"], json!({ "words": "mine", "comforts": ["SLEEP"] }), "nobody patches another's");
    }

    async fn what_was_said_before_stays_when_a_scene_ends_and_null_clears_it(app) {
        let couple = app.couple().await;
        let parted = json!((app.clock.now() + SignedDuration::from_hours(30)).to_string());
        let later = json!((app.clock.now() + SignedDuration::from_hours(40)).to_string());
        let select = "scene { id state intensity partedAt }";
        for (patch, intensity, parted_at) in [
            (json!({}), json!(3), parted.clone()),
            (json!({ "intensity": 5 }), json!(5), parted.clone()),
            (json!({ "intensity": null }), Value::Null, parted.clone()),
            (json!({ "partedAt": later }), json!(3), later.clone()),
            (json!({ "partedAt": null, "endedAt": null }), json!(3), Value::Null),
        ] {
            let plan = json!({ "linkId": couple.link, "setting": "IN_PERSON", "intensity": 3, "partedAt": parted,
                "plannedFor": app.clock.now().to_string() });
            let scene = couple.alex.done(&app, "planScene", plan, select).await["scene"]["id"].clone();
            let mut end = json!({ "sceneId": scene });
            end.as_object_mut().unwrap().extend(patch.as_object().unwrap().clone());
            let ended = couple.alex.done(&app, "endScene", end, select).await["scene"].clone();
            assert_eq!([&ended["intensity"], &plain(&ended["partedAt"])], [&intensity, &parted_at], "{patch}");
            assert_eq!(ended["state"], "ENDED");
        }
    }

    async fn a_first_proposal_has_the_defaults_and_needs_a_stop_signal(app) {
        let couple = app.couple().await;
        let select = "revision { id contentHash terms { limits stopSignal contactPlan partnerAlert
            protocol { ... on AfterEnd { minutes } } } }";
        let propose = async |by: &Person, based_on: &Value, terms: Value| {
            let input = json!({ "linkId": couple.link, "basedOn": based_on, "terms": terms });
            by.change(&app, "proposeRevision", input, select).await
        };
        for terms in [json!({}), json!({ "stopSignal": null }), json!({ "limits": "no marks" })] {
            let refused = propose(&couple.alex, &Value::Null, terms).await;
            assert_eq!(refused["problems"], json!([{ "field": "terms.stopSignal", "code": "REQUIRED" }]));
        }
        let first = propose(&couple.alex, &Value::Null, json!({ "stopSignal": "red" })).await["revision"].clone();
        let usual = minutes_after(&[60, 1440, 2880]);
        assert_eq!(first["terms"], json!({ "limits": "", "stopSignal": "red", "contactPlan": "", "partnerAlert": null,
            "protocol": usual }));

        // Local times are kept too.
        let local = json!({ "protocol": [{ "afterEnd": { "minutes": 60 } }, on_day(1, "09:30")] });
        let second = propose(&couple.sam, &first["id"], local).await["revision"].clone();
        let third = propose(&couple.alex, &second["id"], json!({ "limits": "no marks" })).await["revision"].clone();
        assert_eq!(third["terms"]["protocol"], second["terms"]["protocol"]);
        assert_eq!(third["terms"]["stopSignal"], "red");
        assert_ne!(third["contentHash"], second["contentHash"], "each text has its own hash");

        let stale = propose(&couple.sam, &second["id"], json!({ "contactPlan": "at ten" })).await;
        assert_eq!(stale["problems"], json!([{ "field": "basedOn", "code": "CHANGED" }]));
        let same = propose(&couple.sam, &third["id"], json!({})).await;
        assert_eq!((&same["status"], &same["revision"]["id"]), (&json!("UNCHANGED"), &third["id"]));
    }

    async fn a_variable_that_is_not_sent_leaves_its_field_out(app) {
        let couple = app.couple().await;
        let needs = json!({ "linkId": couple.link, "needs": { "words": "hush", "grounding": "breathe" } });
        couple.sam.done(&app, "writeNeeds", needs, "").await;
        let query = "mutation($link: ID!, $words: String, $grounding: String) {
            writeNeeds(input: { linkId: $link, needs: { words: $words, grounding: $grounding } }) {
                status link { myNeeds { words grounding } } } }";
        let sent = couple.sam.ask(&app, query, json!({ "link": couple.link, "grounding": null })).await;
        assert_eq!(sent["writeNeeds"]["link"]["myNeeds"], json!({ "words": "hush", "grounding": "" }));
    }

    async fn two_phones_that_patch_different_fields_at_once_both_win(app) {
        let couple = app.couple().await;
        let servers = TwoServers::start(&app);
        let (needs, plan) = (mutation("writeNeeds", ""), mutation("writeSoloPlan", ""));
        let patch = |name: &str, n: i32| json!({ name: format!("{name} {n}") });
        let on_link = |patch: Value| json!({ "input": { "linkId": couple.link, "needs": patch } });
        let alone = |patch: Value| json!({ "input": { "needs": patch } });
        for n in 0..8 {
            let sam = &couple.sam;
            let asked = [
                (sam, needs.as_str(), on_link(patch("words", n))),
                (sam, needs.as_str(), on_link(patch("grounding", n))),
                (sam, plan.as_str(), alone(patch("words", n))),
                (sam, plan.as_str(), alone(patch("grounding", n))),
            ];
            let answers = servers.at_once(&app, &asked).await;
            for answer in answers {
                let payload = answer.as_object().unwrap().values().next().unwrap();
                assert_eq!(payload["status"], "DONE", "{answer}");
            }
            let query = "{ viewer { soloPlan { needs { words grounding } } partnerLinks { myNeeds { words grounding } } } }";
            let viewer = sam.ask(&app, query, json!({})).await["viewer"].clone();
            let both = json!({ "words": format!("words {n}"), "grounding": format!("grounding {n}") });
            assert_eq!(viewer["partnerLinks"][0]["myNeeds"], both);
            assert_eq!(viewer["soloPlan"]["needs"], both);
        }
        servers.stop().await;
    }
}

//! What cannot be read nulls its own field and no other: each sealed column is damaged by hand, and the screens still show
//! all the rest.

use crate::support::authenticator::Authenticator;
use crate::support::care::HOUR;
use crate::support::log::{cause_of, id_of, listen};
use crate::support::people::{PASSWORD, text};
use crate::support::{Couple, Person, TestApp};
use crate::vault::damaged::{Cell, cells, put};
use diesel::connection::SimpleConnection;
use evenkeel::store::Db;
use evenkeel::store::sealed::{ACCOUNT_KEYS, Column, LINK_KEYS, Owner, SEALED};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What Alex and Sam wrote: in no answer where it was damaged, and in no log.
const WORDS: [&str; 13] = [
    "zinnia",
    "zither",
    "zebra",
    "zephyr",
    "zirconium",
    "zeppelin",
    "zucchini",
    "zodiac",
    "zealous",
    "zigzag",
    "Alex",
    "Kim",
    "people.test",
];

/// What a screen asks for: the home of docs/clients.md, the account, and everything about the partners.
const SCREENS: [&str; 3] = [
    include_str!("../support/home.graphql"),
    "{ viewer { account { id email displayName zone createdAt } sessions { id label } devices { id label fullerWords }
        factors { passkeys { id label createdOn } } soloPlan { needs { words } protocol { sentence } }
        journal(first: 2) { nodes { id text writtenAt } }
        insight { scenes answers comforts { scenesWell } lows { answers } suggestion { sentence }
            courses(first: 2) { nodes { endedAt points { minutesSince mood } } } } } }",
    "{ viewer { partnerLinks(endedToo: true) { id state me { displayName role } partner { displayName role }
            myNeeds { words } latestRevision { id number state contentHash terms { limits }
                needs { who erased needs { words } } changesSince } }
        scenes(first: 2) { nodes { id state endedAt aftercare { id givenBy comforts minutes note createdAt }
            myCheckIns { id dueAt state answer { mood signs { sign } need note sharing answeredAt } }
            partnerCheckIns { id dueAt shared { id mood signs { sign } need note } }
            debrief { state mine { text writtenAt } partners { text } } } } } }",
];

/// The fields that each sealed column gives, as paths with `*` for an entry's place. None: no field shows it.
fn fields(of: Column) -> Option<&'static [&'static str]> {
    Some(match (of.table, of.column) {
        ("accounts", "email") => &["account.email"],
        ("accounts", "display_name") => {
            &["account.displayName", "partnerLinks.*.me.displayName", "partnerLinks.*.partner.displayName"]
        }
        ("sessions", "label") => &["sessions.*.label"],
        ("devices", "subscription") => &["devices.*.fullerWords"],
        ("devices", "label") => &["devices.*.label"],
        ("check_ins", "answer") => &[
            "scenes.nodes.*.myCheckIns.*.answer.mood",
            "scenes.nodes.*.myCheckIns.*.answer.signs",
            "scenes.nodes.*.myCheckIns.*.answer.need",
            "scenes.nodes.*.myCheckIns.*.answer.note",
            "scenes.nodes.*.partnerCheckIns.*.shared.mood",
            "scenes.nodes.*.partnerCheckIns.*.shared.signs",
            "scenes.nodes.*.partnerCheckIns.*.shared.need",
            "scenes.nodes.*.partnerCheckIns.*.shared.note",
            "insight.courses.nodes.*.points.*.mood",
            "insight.scenes",
            "insight.answers",
            "insight.comforts",
            "insight.lows",
            "insight.suggestion",
        ],
        ("passkeys", "label") => &["factors.passkeys.*.label"],
        ("journal_entries", "content") => &["journal.nodes.*.text"],
        ("solo_plans", "content") => &["soloPlan.needs", "soloPlan.protocol"],
        ("debriefs", "content") => {
            &["scenes.nodes.*.debrief.mine.text", "scenes.nodes.*.debrief.partners.text"]
        }
        ("link_members", "needs") => &["partnerLinks.*.myNeeds"],
        ("link_members", "name_at_end") => &["partnerLinks.*.partner.displayName"],
        ("revisions", "content") => &[
            "partnerLinks.*.agreedRevision.terms",
            "partnerLinks.*.latestRevision.terms",
            "partnerLinks.*.latestRevision.needs",
            "partnerLinks.*.latestRevision.changesSince",
        ],
        ("revision_parts", "content") => &[
            "partnerLinks.*.agreedRevision.terms",
            "partnerLinks.*.latestRevision.terms",
            "partnerLinks.*.latestRevision.needs.*.needs",
            "partnerLinks.*.latestRevision.changesSince",
        ],
        ("aftercare", "content") => &[
            "scenes.nodes.*.aftercare.*.givenBy",
            "scenes.nodes.*.aftercare.*.comforts",
            "scenes.nodes.*.aftercare.*.minutes",
            "scenes.nodes.*.aftercare.*.note",
            // They are counted with what was given.
            "insight.scenes",
            "insight.answers",
            "insight.comforts",
            "insight.lows",
            "insight.suggestion",
        ],
        // Nobody is shown these: secrets, what waits to become an account, and what is handed out as a file.
        ("totp_factors", "secret")
        | ("passkeys", "credential")
        | ("export_chunks", "content")
        | ("address_requests", "email" | "details")
        | ("idempotency_keys", "response")
        | ("log_in_challenges", "label")
        | ("passkey_ceremonies", "state") => return None,
        _ => panic!("{of:?} is new: which fields show it, or does none?"),
    })
}

/// The fields of all columns that one kind of key seals.
fn fields_under(owner: Owner) -> BTreeSet<&'static str> {
    let under = SEALED.iter().filter(|sealed| sealed.owner == owner);
    under.filter_map(|sealed| fields(sealed.at)).flatten().copied().collect()
}

#[test]
fn r26_every_sealed_column_has_its_fields_here_and_each_of_them_may_be_null() {
    let shown = SEALED.iter().filter(|sealed| fields(sealed.at).is_some()).count();
    assert!(shown > 12, "{shown}");
    let schema = include_str!("../../schema.graphql");
    let last = |path: &'static str| path.rsplit('.').next().unwrap();
    for field in fields_under(Owner::Account).into_iter().chain(fields_under(Owner::Link)).map(last) {
        let is = |line: &&str| line.trim().split([':', '(']).next() == Some(field);
        let nullable = schema.lines().filter(is).any(|line| !line.trim_end().ends_with('!'));
        assert!(nullable, "{field}");
    }
}

/// Changes a bit of each value of a column; gives back what they were.
fn damage(app: &TestApp, of: Column) -> Vec<Cell> {
    let all = cells(app, of);
    assert!(!all.is_empty(), "{of:?}");
    for cell in &all {
        let mut bytes = cell.bytes.clone();
        *bytes.last_mut().unwrap() ^= 1;
        put(app, of, cell, &bytes);
    }
    all
}

fn mend(app: &TestApp, of: Column, all: &[Cell]) {
    all.iter().for_each(|cell| put(app, of, cell, &cell.bytes));
}

fn column(name: &str) -> Column {
    let of = |sealed: &&evenkeel::store::sealed::Sealed| {
        format!("{}.{}", sealed.at.table, sealed.at.column) == name
    };
    SEALED.iter().find(of).unwrap().at
}

/// A path of an answer, and the same with `*` for the places of lists, without `viewer`.
fn paths(error: &Value) -> (Vec<Value>, String) {
    let path = error["path"].as_array().unwrap().clone();
    let steps = path.iter().skip(1).map(|step| step.as_str().map_or("*".to_owned(), str::to_owned));
    let shape = steps.collect::<Vec<_>>().join(".");
    (path, shape)
}

/// Checks that an answer is the `well` one but for nulls at the paths of its errors, that each of these has an id in the log
/// with a cause that names a column of `columns`, and that nothing tells of anybody. Returns the shapes of the paths.
fn but_for_its_errors(well: &Value, answer: &Value, columns: &[String]) -> BTreeSet<String> {
    let mut expected = well["data"].clone();
    let (mut shapes, mut seen) = (BTreeSet::new(), BTreeSet::new());
    for error in answer["errors"].as_array().into_iter().flatten() {
        let cause = cause_of(&id_of(error));
        assert!(columns.iter().any(|column| cause.contains(column)), "{columns:?}: {cause}");
        assert!(WORDS.iter().all(|word| !cause.contains(word)), "{cause}");
        let (path, shape) = paths(error);
        assert!(seen.insert(error["path"].to_string()), "one entry for each field: {error}");
        let at = path.iter().fold(&mut expected, |at, step| match step.as_str() {
            Some(name) => &mut at[name],
            None => &mut at[usize::try_from(step.as_u64().unwrap()).unwrap()],
        });
        assert!(!at.is_null(), "{error}");
        *at = Value::Null;
        shapes.insert(shape);
    }
    assert_eq!(answer["data"], expected, "all the rest is there");
    shapes
}

async fn all_screens(app: &TestApp, person: &Person) -> Vec<Value> {
    let mut answers = Vec::new();
    for query in SCREENS {
        answers.push(person.ask_raw(app, query, json!({})).await);
    }
    answers
}

/// Damages columns one after the other, all at once, and sees what Alex's screens lack: exactly `lacking`.
async fn lacks(app: &TestApp, alex: &Person, of: Column, lacking: &BTreeSet<&str>) {
    let well = all_screens(app, alex).await;
    assert!(well.iter().all(|answer| answer.get("errors").is_none()), "{of:?}: {well:?}");
    let all = damage(app, of);
    let answers = all_screens(app, alex).await;
    let name = [format!("{}.{}", of.table, of.column)];
    let mut shapes = BTreeSet::new();
    for (well, answer) in well.iter().zip(&answers) {
        shapes.append(&mut but_for_its_errors(well, answer, &name));
    }
    assert_eq!(shapes, lacking.iter().map(|path| (*path).to_owned()).collect(), "{of:?}");
    mend(app, of, &all);
    assert_eq!(all_screens(app, alex).await, well, "{of:?} is whole again");
}

/// A couple who wrote in everything that is sealed and shown, and a link of Alex's that ended.
async fn written(app: &TestApp) -> (Couple, String) {
    let couple = app.couple().await;
    let (alex, sam) = (&couple.alex, &couple.sam);
    let kim = app.person_without_device("Kim", "Europe/Paris", ("22:00", "08:00")).await;
    let ended = app.link(alex, &kim).await;
    for person in [alex, sam] {
        let needs = json!({ "comforts": ["WARMTH"], "words": "zephyr of praise" });
        for link in if person.name == "Alex" { vec![&couple.link, &ended] } else { vec![&couple.link] } {
            person.done(app, "writeNeeds", json!({ "linkId": link, "needs": needs }), "").await;
        }
        person.done(app, "writeSoloPlan", json!({ "needs": needs }), "").await;
        person.done(app, "writeJournalEntry", json!({ "text": "zinnia" }), "").await;
    }
    alex.done(app, "endLink", json!({ "linkId": ended }), "").await;
    let first = couple.agree(app, json!({ "stopSignal": "zirconium" }), None).await;
    couple.agree(app, json!({ "stopSignal": "zirconium", "limits": "zeppelins" }), Some(&first)).await;
    let scene = couple.scene(app).await;
    let input = json!({ "sceneId": scene, "givenBy": "ME", "comforts": ["WATER"], "minutes": 20, "note": "zucchini" });
    alex.done(app, "recordAftercare", input, "").await;
    app.pass_minutes(HOUR).await;
    for person in [alex, sam] {
        let check_in = couple.check_ins(app, person, &scene).await[0]["id"].clone();
        let signs = json!([{ "sign": "TIRED", "degree": "A_LOT" }]);
        let input = json!({ "checkInId": check_in, "mood": 2, "signs": signs, "need": "zealous hugs",
            "note": "zodiac night", "sharing": "ALL" });
        person.done(app, "answerCheckIn", input, "").await;
        person.done(app, "writeDebrief", json!({ "sceneId": scene, "text": "zither" }), "").await;
    }
    app.pass_minutes(3).await;
    alex.done(app, "reauthenticate", json!({ "password": PASSWORD }), "").await;
    let phone = Authenticator::at(&app.url.replace("127.0.0.1", "localhost"));
    let query = "mutation { beginPasskeyRegistration { begun { ceremony options } } }";
    let begun = alex.ask(app, query, json!({})).await["beginPasskeyRegistration"]["begun"].clone();
    let credential = phone.create(begun["options"].as_str().unwrap());
    let input = json!({ "ceremony": begun["ceremony"], "credential": credential, "label": "zebra" });
    alex.done(app, "finishPasskeyRegistration", input, "").await;
    (couple, scene)
}

async fn propose(app: &TestApp, couple: &Couple, words: &str) -> Value {
    let input = json!({ "linkId": couple.link, "terms": { "stopSignal": words } });
    couple.alex.done(app, "proposeRevision", input, "revision { id contentHash }").await["revision"].clone()
}

/// Tries to agree, which must be a fault and change nothing.
async fn cannot_agree(app: &TestApp, person: &Person, revision: &Value) {
    let query =
        "mutation($i: AgreeToRevisionInput!) { agreeToRevision(input: $i) { status revision { id } } }";
    let yes = json!({ "i": { "revisionId": revision["id"], "contentHash": revision["contentHash"] } });
    let answer = person.ask_raw(app, query, yes).await;
    assert_eq!(answer["errors"][0]["path"], json!(["agreeToRevision"]), "{answer}");
    cause_of(&id_of(&answer["errors"][0]));
    assert!(answer["data"]["agreeToRevision"].is_null(), "{answer}");
    let query = "query($id: ID!) { node(id: $id) { ... on Revision { state agreements { who } } } }";
    let state = person.ask(app, query, json!({ "id": revision["id"] })).await;
    assert_eq!(state["node"], json!({ "state": "PROPOSED", "agreements": [] }));
}

on_both_databases! {
    async fn r26_what_cannot_be_opened_nulls_its_own_fields_and_the_rest_is_shown(app) {
        listen();
        let (couple, _) = written(&app).await;
        for of in SEALED.iter().map(|sealed| sealed.at) {
            if let Some(lacking) = fields(of) {
                lacks(&app, &couple.alex, of, &lacking.iter().copied().collect()).await;
            }
        }
    }

    async fn r26_without_a_key_there_are_still_ids_times_and_states(app) {
        listen();
        let (couple, _) = written(&app).await;
        // A part of a text is as unreadable as its author's key; the frame is sealed by the link's.
        lacks(&app, &couple.alex, ACCOUNT_KEYS, &fields_under(Owner::Account)).await;
        lacks(&app, &couple.alex, LINK_KEYS, &fields_under(Owner::Link)).await;
    }

    async fn a_section_that_the_database_cannot_give_is_null_alone(app) {
        listen();
        let (couple, _) = written(&app).await;
        let query = "{ viewer { id account { displayName } consents { kind } export { state } erasure { eraseAt }
            devices { id } soloPlan { needs { words } } journal(first: 2) { nodes { text } }
            partnerLinks { id } scenes(first: 2) { nodes { id } } checkIns(first: 2) { nodes { id } } } }";
        let well = couple.alex.ask_raw(&app, query, json!({})).await;
        assert_eq!(well.get("errors"), None, "{well}");
        let mut db = Db::open(&app.config.database).unwrap();
        for (table, section) in [("consents", "consents"), ("exports", "export"), ("erasures", "erasure"),
            ("devices", "devices"), ("solo_plans", "soloPlan"), ("journal_entries", "journal")] {
            db.batch_execute(&format!("ALTER TABLE {table} RENAME TO gone")).unwrap();
            let answer = couple.alex.ask_raw(&app, query, json!({})).await;
            db.batch_execute(&format!("ALTER TABLE gone RENAME TO {table}")).unwrap();
            let errors = answer["errors"].as_array().unwrap_or_else(|| panic!("{section}: {answer}"));
            assert_eq!(errors.len(), 1, "{section}: {answer}");
            // Where null says "none" as well, this tells the two apart.
            assert_eq!(errors[0]["path"], json!(["viewer", section]));
            cause_of(&id_of(&errors[0]));
            let mut expected = well["data"].clone();
            expected["viewer"][section] = Value::Null;
            assert_eq!(answer["data"], expected, "{section}");
        }
        assert_eq!(couple.alex.ask_raw(&app, query, json!({})).await, well);
    }

    async fn r08_nobody_agrees_to_a_text_that_cannot_be_read(app) {
        listen();
        let couple = app.couple().await;
        let needs = json!({ "words": "zephyr of praise" });
        couple.sam.done(&app, "writeNeeds", json!({ "linkId": couple.link, "needs": needs }), "").await;
        let revision = propose(&app, &couple, "zirconium").await;
        for of in ["revisions.content", "revision_parts.content"].map(column).into_iter().chain([ACCOUNT_KEYS, LINK_KEYS]) {
            let all = damage(&app, of);
            cannot_agree(&app, &couple.sam, &revision).await;
            mend(&app, of, &all);
        }
        // One part is enough, whoever's it is: of the two, one holds the terms.
        let parts = column("revision_parts.content");
        for cell in cells(&app, parts) {
            let mut bytes = cell.bytes.clone();
            *bytes.last_mut().unwrap() ^= 1;
            put(&app, parts, &cell, &bytes);
            cannot_agree(&app, &couple.sam, &revision).await;
            put(&app, parts, &cell, &cell.bytes);
        }
        let yes = json!({ "revisionId": revision["id"], "contentHash": revision["contentHash"] });
        for person in [&couple.sam, &couple.alex] {
            person.done(&app, "agreeToRevision", yes.clone(), "").await;
        }
        // Taking a yes back needs no text.
        let all = damage(&app, parts);
        let query = "mutation($i: WithdrawAgreementInput!) { withdrawAgreement(input: $i) {
            status revision { state terms { limits } } } }";
        let back = couple.sam.ask_raw(&app, query, json!({ "i": { "revisionId": revision["id"] } })).await;
        let payload = &back["data"]["withdrawAgreement"];
        assert_eq!(payload, &json!({ "status": "DONE", "revision": { "state": "WITHDRAWN", "terms": null } }));
        assert_eq!(back["errors"][0]["path"], json!(["withdrawAgreement", "revision", "terms"]));
        mend(&app, parts, &all);
    }

    async fn r11_a_private_answer_that_cannot_be_read_looks_like_any_other(app) {
        let couple = app.couple().await;
        let scene = couple.scene(&app).await;
        app.pass_minutes(HOUR).await;
        let check_in = couple.check_ins(&app, &couple.sam, &scene).await[0]["id"].clone();
        let input = json!({ "checkInId": check_in, "mood": 1, "note": "zodiac", "sharing": "NOTHING" });
        couple.sam.done(&app, "answerCheckIn", input, "").await;
        app.pass_minutes(3).await;
        damage(&app, column("check_ins.answer"));
        // `ask` takes no errors.
        for shown in couple.partners_view(&app, &couple.alex, &scene).await.as_array().unwrap() {
            assert_eq!(shown["shared"], Value::Null);
        }
    }

    async fn r37_what_cannot_be_read_stops_no_reminder_and_no_plea(app) {
        let couple = app.couple().await;
        couple.agree(&app, Couple::usual_terms(), None).await;
        couple.scene(&app).await;
        let tablet = app.another_device(&couple.alex).await;
        let (subscriptions, names) = (column("devices.subscription"), column("accounts.display_name"));
        damage(&app, names);
        damage(&app, column("revisions.content"));
        // The phone's; the tablet came later.
        let phone = cells(&app, subscriptions).into_iter().next().unwrap();
        put(&app, subscriptions, &phone, &[phone.bytes.as_slice(), b"x"].concat());
        app.pass_minutes(HOUR + 1).await;
        let rang = |person: &Person| person.pushes(&app).len();
        assert_eq!(rang(&couple.alex) + rang(&tablet), 1, "one device of two rings");
        let before = rang(&couple.sam);
        assert!(before > 0, "Sam is asked too");
        couple.alex.done(&app, "askPartner", json!({ "partnerOf": { "linkId": couple.link } }), "").await;
        app.pass_minutes(5).await;
        assert!(rang(&couple.sam) > before, "a plea is heard");
        // And nobody is kept in a link by a name.
        couple.alex.done(&app, "endLink", json!({ "linkId": couple.link }), "link { state }").await;
    }

    async fn a_name_that_cannot_be_read_can_be_written_anew(app) {
        let alex = app.person_without_device("Alex", "Europe/Berlin", ("22:00", "08:00")).await;
        let of = column("accounts.display_name");
        damage(&app, of);
        let query = "mutation { updateProfile(input: { pushWanted: false }) { status account { pushWanted displayName } } }";
        let answer = alex.ask_raw(&app, query, json!({})).await;
        let account = json!({ "pushWanted": false, "displayName": null });
        assert_eq!(answer["data"]["updateProfile"], json!({ "status": "DONE", "account": account }));
        let renamed = alex.done(&app, "updateProfile", json!({ "displayName": "Alix" }), "account { displayName }").await;
        assert_eq!(text(&renamed["account"]["displayName"]), "Alix");
    }
}

//! The sealed columns that a plain query does not show: what each does when its values were damaged by hand.

use super::{is_shown, lift, name, written};
use crate::support::authenticator::Authenticator;
use crate::support::log::{cause_of, id_of, listen, logged};
use crate::support::people::{PASSWORD, link_in, text, totp_secret};
use crate::support::{Couple, Person, TestApp};
use diesel::prelude::*;
use diesel::sql_types::{Binary, Text};
use evenkeel::actions::export;
use evenkeel::domain::totp::code_at;
use evenkeel::store::Db;
use evenkeel::store::sealed::{Column, SEALED};
use serde_json::{Value, json};

/// Alex's and Sam's words in what is damaged here, and what must be in no answer.
const WORDS: [&str; 6] = ["zinnia", "zither", "zebra", "zenobia", "zephyr", "people.test"];
const PROFILE: &str =
    "mutation { updateProfile(input: { pushWanted: true }) { account { displayName email } } }";

struct Stage {
    couple: Couple,
    phone: Authenticator,
    secret: [u8; 20],
    codes: Vec<String>,
}

async fn prove(app: &TestApp, person: &Person) {
    person.done(app, "reauthenticate", json!({ "password": PASSWORD }), "").await;
}

/// A couple with everything that is sealed, but for what comes and goes.
async fn stage(app: &TestApp) -> Stage {
    let couple = written(app).await;
    let (alex, sam) = (&couple.alex, &couple.sam);
    let scenes = alex.ask(app, "{ viewer { scenes(first: 1) { nodes { id } } } }", json!({})).await;
    let scene = scenes["viewer"]["scenes"]["nodes"][0]["id"].clone();
    for person in [alex, sam] {
        person.done(app, "writeDebrief", json!({ "sceneId": scene, "text": "zither" }), "").await;
        person.done(app, "writeJournalEntry", json!({ "text": "zinnia" }), "").await;
    }
    prove(app, alex).await;
    let phone = Authenticator::at(&app.url.replace("127.0.0.1", "localhost"));
    let query = "mutation { beginPasskeyRegistration { begun { ceremony options } } }";
    let begun = alex.ask(app, query, json!({})).await["beginPasskeyRegistration"]["begun"].clone();
    let credential = phone.create(begun["options"].as_str().unwrap());
    let input = json!({ "ceremony": begun["ceremony"], "credential": credential, "label": "zebra" });
    alex.done(app, "finishPasskeyRegistration", input, "").await;
    let begun = alex.ask(app, "mutation { beginTotp { setup { secret } } }", json!({})).await;
    let secret = totp_secret(begun["beginTotp"]["setup"]["secret"].as_str().unwrap());
    let input = json!({ "totpCode": code_at(&secret, app.clock.now()) });
    let confirmed = alex.done(app, "confirmTotp", input, "recoveryCodes").await;
    let codes = confirmed["recoveryCodes"].as_array().unwrap().iter().map(text).collect();
    Stage { couple, phone, secret, codes }
}

async fn challenge(app: &TestApp, email: &str) -> Value {
    let query =
        "mutation($i: LogInInput!) { logIn(input: $i) { outcome { ... on SecondStep { challenge } } } }";
    let input = json!({ "i": { "email": email, "password": PASSWORD, "deviceLabel": "zebra" } });
    app.anonymous(query, input).await["logIn"]["outcome"]["challenge"].clone()
}

async fn complete(app: &TestApp, prepared: &Value, kind: &str, code: &str) -> String {
    let query = "mutation($i: CompleteLogInInput!) { completeLogIn(input: $i) { status problems { code } } }";
    app.raw(None, query, json!({ "i": { "challenge": prepared, "secondFactor": { kind: code } } }))
        .await
        .to_string()
}

/// What must be there before a column is damaged for the `round`th time.
async fn prepare(app: &TestApp, stage: &Stage, of: Column, round: usize) -> Value {
    let (alex, sam) = (&stage.couple.alex, &stage.couple.sam);
    match (of.table, of.column) {
        ("link_members", "name_at_end") => {
            alex.change(app, "endLink", json!({ "linkId": stage.couple.link }), "").await
        }
        ("totp_factors", "secret") | ("log_in_challenges", "label") => {
            // A code is taken once.
            app.clock.set(app.clock.now() + jiff::SignedDuration::from_secs(60));
            challenge(app, &alex.email).await
        }
        ("passkeys", "credential") | ("passkey_ceremonies", "state") => {
            let query = "mutation { beginPasskeyLogIn { begun { ceremony options } } }";
            let begun = app.anonymous(query, json!({})).await["beginPasskeyLogIn"]["begun"].clone();
            let credential = stage.phone.get(begun["options"].as_str().unwrap());
            json!({ "ceremony": begun["ceremony"], "credential": credential, "deviceLabel": "laptop" })
        }
        ("idempotency_keys", "response") => {
            let key = format!("key {round}");
            assert_eq!(app.exact(Some(&sam.access()), Some(&key), PROFILE, json!({})).await.0, 200);
            json!([sam.access(), key])
        }
        ("address_requests", "details") => {
            let email = format!("zenobia{round}@people.test");
            let input = json!({ "i": { "email": email, "displayName": "Zenobia",
                "zone": "Europe/Berlin", "consents": crate::support::people::consents() } });
            let query = "mutation($i: SignUpInput!) { signUp(input: $i) { status } }";
            app.anonymous(query, input).await;
            app.deliver().await;
            json!(link_in(&app.mail.inbox(&email).pop().unwrap()))
        }
        ("address_requests", "email") => {
            let query = "mutation($e: String!) { requestPasswordReset(input: { email: $e }) { status } }";
            app.anonymous(query, json!({ "e": format!("nobody{round}@people.test") })).await;
            json!(format!("nobody{round}@people.test"))
        }
        ("export_chunks", "content") => {
            prove(app, sam).await;
            sam.ask(app, "mutation { requestExport { status } }", json!({})).await;
            assert_eq!(export::make_due(&app.app.context).await.unwrap(), 1);
            let fetched =
                sam.ask(app, "mutation { createExportDownload { download { path } } }", json!({})).await;
            json!(format!("{}{}", app.url, text(&fetched["createExportDownload"]["download"]["path"])))
        }
        _ => Value::Null,
    }
}

/// How somebody comes to a column, and what they are answered.
async fn answer(app: &TestApp, stage: &Stage, of: Column, prepared: &Value, round: usize) -> String {
    let alex = &stage.couple.alex;
    let query = match (of.table, of.column) {
        ("journal_entries", "content") => "{ viewer { journal(first: 5) { nodes { text } } } }",
        ("debriefs", "content") => {
            "{ viewer { scenes(first: 5) { nodes { debrief { mine { text } partners { text } } } } } }"
        }
        ("passkeys", "label") => "{ viewer { factors { passkeys { label } } } }",
        ("devices", "subscription") => "{ viewer { devices { fullerWords } } }",
        ("link_members", "name_at_end") => {
            "{ viewer { partnerLinks(endedToo: true) { partner { displayName } } } }"
        }
        ("totp_factors", "secret") => {
            let code = code_at(&stage.secret, app.clock.now());
            return complete(app, prepared, "totpCode", &code).await;
        }
        ("log_in_challenges", "label") => {
            return complete(app, prepared, "recoveryCode", &stage.codes[round]).await;
        }
        ("passkeys", "credential") | ("passkey_ceremonies", "state") => {
            let query = "mutation($i: FinishPasskeyLogInInput!) { finishPasskeyLogIn(input: $i) { status } }";
            return app.raw(None, query, json!({ "i": prepared })).await.to_string();
        }
        ("idempotency_keys", "response") => {
            let (token, key) = (prepared[0].as_str(), prepared[1].as_str());
            return app.exact(token, key, PROFILE, json!({})).await.1;
        }
        ("address_requests", "details") => {
            let page = app.http.post(prepared.as_str().unwrap()).header("Content-Type", "application/json");
            let answer = page.body(json!({ "password": PASSWORD }).to_string()).send().await.unwrap();
            return format!("{} {}", answer.status().as_u16(), answer.text().await.unwrap());
        }
        ("address_requests", "email") => {
            app.deliver().await;
            return format!("{} mails", app.mail.inbox(prepared.as_str().unwrap()).len());
        }
        ("export_chunks", "content") => {
            // An archive that breaks off, before or after its first byte, is no archive.
            let Ok(answer) = app.http.post(prepared.as_str().unwrap()).send().await else {
                return "broken off".to_owned();
            };
            let status = answer.status().as_u16();
            return match answer.bytes().await {
                Ok(archive) => format!("{status}, {} bytes", archive.len()),
                Err(_) => "broken off".to_owned(),
            };
        }
        _ => panic!("how does somebody come to {of:?}?"),
    };
    alex.ask_raw(app, query, json!({})).await.to_string()
}

/// Whether an answer gives what is behind a column, as it does when nothing is damaged.
fn is_given(of: Column, answer: &str) -> bool {
    match (of.table, of.column) {
        ("address_requests", "details") => answer.starts_with("200"),
        ("address_requests", "email") => answer == "1 mails",
        ("export_chunks", "content") => answer.starts_with("200"),
        _ => !answer.contains("\"errors\"") && !answer.contains("REFUSED"),
    }
}

/// A value, and the condition that names its row.
pub struct Cell {
    row: String,
    pub bytes: Vec<u8>,
}

/// The values of a column, whatever its table's key is.
pub fn cells(app: &TestApp, of: Column) -> Vec<Cell> {
    #[derive(QueryableByName)]
    struct Found {
        #[diesel(sql_type = Text)]
        key: String,
        #[diesel(sql_type = Binary)]
        bytes: Vec<u8>,
    }
    let mut db = Db::open(&app.config.database).unwrap();
    let Column { table, column, key, second_key } = of;
    let is = |key: &str| match db {
        Db::Sqlite(_) => format!("'{key} = ' || quote({key})"),
        Db::Postgres(_) => format!("'{key} = ' || quote_literal({key}::text)"),
    };
    let row =
        second_key.map_or_else(|| is(key), |second| format!("{} || ' AND ' || {}", is(key), is(second)));
    let query = format!("SELECT {row} AS key, {column} AS bytes FROM {table} WHERE {column} IS NOT NULL");
    let found: Vec<Found> = diesel::sql_query(query).load(&mut db).unwrap();
    found.into_iter().map(|found| Cell { row: found.key, bytes: found.bytes }).collect()
}

/// Writes a value in place of one.
pub fn put(app: &TestApp, of: Column, cell: &Cell, bytes: &[u8]) {
    let Column { table, column, .. } = of;
    let update = diesel::sql_query(format!("UPDATE {table} SET {column} = $1 WHERE {}", cell.row));
    let update = update.bind::<Binary, _>(bytes.to_vec());
    update.execute(&mut Db::open(&app.config.database).unwrap()).unwrap();
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Damage {
    /// One bit of each value is another.
    Flipped,
    /// Each has the next row's.
    Moved,
    /// Each has none.
    Emptied,
}

fn damage(app: &TestApp, of: Column, all: &[Cell], what: Damage) {
    if what == Damage::Emptied {
        lift(app, of);
    }
    for (n, cell) in all.iter().enumerate() {
        let mut bytes = cell.bytes.clone();
        match what {
            Damage::Flipped => *bytes.last_mut().unwrap() ^= 1,
            Damage::Moved => bytes.clone_from(&all[(n + 1) % all.len()].bytes),
            Damage::Emptied => bytes.clear(),
        }
        put(app, of, cell, &bytes);
    }
}

on_both_databases! {
    async fn r26_what_is_damaged_anywhere_gives_a_fault_and_no_text(app) {
        listen();
        let stage = stage(&app).await;
        for of in SEALED.iter().map(|sealed| sealed.at).filter(|of| !is_shown(*of)) {
            for (round, what) in [Damage::Flipped, Damage::Moved, Damage::Emptied].into_iter().enumerate() {
                let prepared = prepare(&app, &stage, of, round).await;
                let all = cells(&app, of);
                assert!(!all.is_empty(), "{of:?}");
                if what == Damage::Moved && all.len() == 1 {
                    continue;
                }
                damage(&app, of, &all, what);
                let told = logged().len();
                let answer = answer(&app, &stage, of, &prepared, round).await;
                assert!(!is_given(of, &answer), "{of:?}, {what:?}: {answer}");
                for word in WORDS {
                    assert!(!answer.to_lowercase().contains(word), "{of:?}, {what:?}: {answer}");
                }
                if answer.contains("\"errors\"") {
                    let answer: Value = serde_json::from_str(&answer).unwrap();
                    let cause = cause_of(&id_of(&answer["errors"][0]));
                    assert!(cause.contains(&name(of)), "{of:?}, {what:?}: {cause}");
                } else {
                    assert!(logged()[told..].contains(&name(of)), "{of:?}, {what:?}: the log says which column");
                }
                // Everybody goes on with the rest meanwhile.
                let well = stage.couple.sam.ask(&app, "{ viewer { account { displayName } } }", json!({})).await;
                assert_eq!(well["viewer"]["account"]["displayName"], "Sam");
                all.iter().for_each(|cell| put(&app, of, cell, &cell.bytes));
            }
            let prepared = prepare(&app, &stage, of, 3).await;
            let answer = answer(&app, &stage, of, &prepared, 3).await;
            assert!(is_given(of, &answer), "{of:?} is whole again: {answer}");
        }
    }
}

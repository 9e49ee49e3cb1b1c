//! The vault as a thief, an operator and a broken disk meet it: what is changed or moved does not open, and keys change
//! while people go on.

mod at_rest;
pub mod damaged;
mod kills;

use crate::support::care::HOUR;
use crate::support::log::{cause_of, id_of, listen};
use crate::support::people::PASSWORD;
use crate::support::{Couple, Person, TestApp};
use diesel::prelude::*;
use evenkeel::app::App;
use evenkeel::store::Db;
use evenkeel::store::sealed::{Cell, Column, Owner, SEALED, WRAPPED, page, replace};
use evenkeel::vault::Vault;
use evenkeel::vault::key_ring::{CURRENT, MasterSource, NEXT};
use evenkeel::vault::keys::Keys;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// What is not sealed though it is bytes: hashes, blind indexes, and two ids in order.
const OPEN: &[&str] = &[
    "accounts.email_index",
    "address_requests.email_index",
    "address_requests.token_hash",
    "refresh_tokens.token_hash",
    "refresh_tokens.attempt_hash",
    "devices.endpoint_index",
    "partner_links.code_hash",
    "partner_links.pair",
    "revisions.content_hash",
    "agreements.content_hash",
    "idempotency_keys.key_hash",
    "idempotency_keys.body_hash",
    "client_ids.client_hash",
    "page_tokens.token_hash",
    "page_tokens.attempt_hash",
    "recovery_codes.code_hash",
    "log_in_challenges.token_hash",
    "log_in_challenges.password_mark",
    "passkeys.credential_index",
    "passkey_ceremonies.token_hash",
    "erased.account_hash",
    "exports.token_hash",
];

fn name(of: Column) -> String {
    format!("{}.{}", of.table, of.column)
}

#[test]
fn r26_every_column_of_bytes_is_in_one_list() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/schema");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let schema: String = files.map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let (mut table, mut found) = (String::new(), BTreeSet::new());
    for line in schema.lines().map(str::trim) {
        if let Some((name, _)) = line.strip_suffix(") {").and_then(|line| line.split_once(" (")) {
            table = name.to_owned();
        }
        if let Some((column, "Binary," | "Nullable<Binary>,")) = line.split_once(" -> ") {
            found.insert(format!("{table}.{column}"));
        }
    }
    assert!(found.len() > 20, "{found:?}");
    let sealed = SEALED.iter().map(|sealed| name(sealed.at));
    let listed: Vec<_> = sealed
        .chain(WRAPPED.iter().copied().map(name))
        .chain(OPEN.iter().map(|name| (*name).to_owned()))
        .collect();
    let set: BTreeSet<_> = listed.iter().cloned().collect();
    assert_eq!(set.len(), listed.len(), "each stands in one list only");
    assert_eq!(
        set, found,
        "what is new belongs into one of the lists: store/sealed.rs, or OPEN if it is not sealed"
    );
}

/// All values of a column.
fn cells(app: &TestApp, of: Column) -> Vec<Cell> {
    page(&mut Db::open(&app.config.database).unwrap(), of, None, 1000).unwrap()
}

fn put(app: &TestApp, of: Column, cell: &Cell, bytes: &[u8]) {
    let mut db = Db::open(&app.config.database).unwrap();
    assert_eq!(replace(&mut db, of, cell, bytes.to_vec()).unwrap(), 1);
}

/// Takes away what keeps a column from being emptied, after it was seen to do so.
fn lift(app: &TestApp, of: Column) {
    use diesel::connection::SimpleConnection;
    let mut db = Db::open(&app.config.database).unwrap();
    let (table, column) = (of.table, of.column);
    let empty = if matches!(db, Db::Sqlite(_)) { "x''" } else { "''" };
    let emptied = db.batch_execute(&format!("UPDATE {table} SET {column} = {empty}"));
    let constraint = format!("{table}_{column}_sealed");
    assert!(emptied.unwrap_err().to_string().contains(&constraint), "{of:?}");
    db.batch_execute(&format!("ALTER TABLE {table} DROP CONSTRAINT {constraint}")).unwrap();
}

/// A couple with at least two rows in everything that is sealed, and Alex's words in it.
async fn written(app: &TestApp) -> Couple {
    let couple = app.couple().await;
    for person in [&couple.alex, &couple.sam] {
        let needs = json!({ "comforts": ["WARMTH"], "words": "zephyr of praise" });
        person.done(app, "writeNeeds", json!({ "linkId": couple.link, "needs": needs }), "").await;
        person.done(app, "writeSoloPlan", json!({ "needs": needs }), "").await;
    }
    let first = couple.agree(app, json!({ "stopSignal": "zirconium" }), None).await;
    couple.agree(app, json!({ "stopSignal": "zirconium", "limits": "zeppelins" }), Some(&first)).await;
    let scene = couple.scene(app).await;
    for note in ["zucchini soup", "zesty tea"] {
        let input = json!({ "sceneId": scene, "givenBy": "ME", "note": note });
        couple.alex.done(app, "recordAftercare", input, "").await;
    }
    app.pass_minutes(HOUR).await;
    for person in [&couple.alex, &couple.sam] {
        let check_in = couple.check_ins(app, person, &scene).await[0]["id"].clone();
        let input = json!({ "checkInId": check_in, "mood": 2, "note": "zodiac night" });
        person.done(app, "answerCheckIn", input, "").await;
    }
    couple
}

/// Whether Alex and Sam have something in a column here that they are shown.
fn is_shown(of: Column) -> bool {
    let not_written =
        matches!(of.table, "totp_factors" | "passkeys" | "debriefs" | "journal_entries" | "export_chunks");
    !not_written && !matches!(of.column, "subscription" | "name_at_end")
}

/// What Alex asks to read a column.
fn reading(of: Column) -> &'static str {
    match (of.table, of.column) {
        ("accounts", "email") => "{ viewer { account { email } } }",
        ("accounts", _) => "{ viewer { account { displayName } } }",
        ("sessions", "label") => "{ viewer { sessions { label } } }",
        ("devices", "label") => "{ viewer { devices { label } } }",
        ("check_ins", "answer") => {
            "{ viewer { partnerLinks { scenes { nodes { myCheckIns { answer { note } } } } } } }"
        }
        ("partner_links", "data_key") | ("link_members", "needs") => {
            "{ viewer { partnerLinks { myNeeds { words } } } }"
        }
        ("solo_plans", "content") => "{ viewer { soloPlan { needs { words } } } }",
        ("revision_parts", "content") => {
            "{ viewer { partnerLinks { latestRevision { terms { limits } } } } }"
        }
        ("revisions", "content") => "{ viewer { partnerLinks { latestRevision { terms { limits } } } } }",
        ("aftercare", "content") => "{ viewer { partnerLinks { scenes { nodes { aftercare { note } } } } } }",
        _ => panic!("how is {of:?} read?"),
    }
}

/// Asks as Alex; the answer must be a fault without a word, and the log must say which column it was.
async fn refused(app: &TestApp, alex: &Person, of: Column, what: &str) {
    let answer = alex.ask_raw(app, reading(of), json!({})).await;
    for word in ["zephyr", "zirconium", "zeppelin", "zucchini", "zesty", "zodiac", "people.test", "phone"] {
        assert!(!answer.to_string().contains(word), "{what}: {answer}");
    }
    let errors = answer["errors"].as_array().unwrap_or_else(|| panic!("{what}: {answer}"));
    let cause = cause_of(&id_of(&errors[0]));
    assert!(cause.contains(&name(of)), "{what}: {cause}");
}

on_both_databases! {
    async fn r26_what_is_changed_or_moved_gives_an_error_and_no_text(app) {
        listen();
        let couple = written(&app).await;
        let alex = &couple.alex;
        let by_data_keys: Vec<_> = SEALED.iter().filter(|sealed| sealed.owner != Owner::HouseSecret).collect();
        for (n, sealed) in by_data_keys.iter().enumerate().filter(|(_, sealed)| is_shown(sealed.at)) {
            let of = sealed.at;
            let all = cells(&app, of);
            assert!(all.len() > 1, "{of:?}");
            let well = alex.ask_raw(&app, reading(of), json!({})).await;
            assert_eq!(well.get("errors"), None, "{well}");
            // Another column that the same key seals, in whatever row.
            let other = by_data_keys.iter().cycle().skip(n + 1).find(|other| other.owner == sealed.owner && other.at != of && is_shown(other.at));
            let other = cells(&app, other.unwrap().at);
            for (i, cell) in all.iter().enumerate() {
                let mut flipped = cell.bytes.clone();
                *flipped.last_mut().unwrap() ^= 1;
                put(&app, of, cell, &flipped);
                assert_ne!(all[(i + 1) % all.len()].bytes, cell.bytes);
            }
            refused(&app, alex, of, "a flipped bit").await;
            for (i, cell) in all.iter().enumerate() {
                put(&app, of, cell, &all[(i + 1) % all.len()].bytes);
            }
            refused(&app, alex, of, "moved to another row").await;
            for (i, cell) in all.iter().enumerate() {
                put(&app, of, cell, &other[i % other.len()].bytes);
            }
            refused(&app, alex, of, "moved to another column").await;
            lift(&app, of);
            all.iter().for_each(|cell| put(&app, of, cell, b""));
            refused(&app, alex, of, "emptied").await;
            all.iter().for_each(|cell| put(&app, of, cell, &cell.bytes));
        }
        for of in WRAPPED.iter().copied().skip(1) {
            let all = cells(&app, of);
            for (what, byte) in [("a flipped bit", all[0].bytes.len() - 1), ("a missing master key", 1)] {
                for cell in &all {
                    let mut flipped = cell.bytes.clone();
                    flipped[byte] ^= 1;
                    put(&app, of, cell, &flipped);
                }
                refused(&app, alex, of, what).await;
            }
            all.iter().for_each(|cell| put(&app, of, cell, &cell.bytes));
        }
        let moved = cells(&app, WRAPPED[1]);
        moved.iter().zip(moved.iter().rev()).for_each(|(to, from)| put(&app, WRAPPED[1], to, &from.bytes));
        refused(&app, alex, WRAPPED[1], "another account's key").await;
    }

    async fn r26_a_house_secret_that_was_changed_keeps_the_service_from_starting(app) {
        let secret = cells(&app, WRAPPED[0]).remove(0);
        let last = secret.bytes.len() - 1;
        for (byte, told) in [(1, "is not the key"), (last, "is damaged"), (0, "is damaged")] {
            let mut flipped = secret.bytes.clone();
            flipped[byte] ^= 1;
            put(&app, WRAPPED[0], &secret, &flipped);
            let refused = App::build(&app.config, &app.keys, app.clock.clone(), crate::support::chance()).err().expect("a refusal").to_string();
            assert!(refused.contains(told) && !refused.contains("internal"), "{refused}");
        }
        put(&app, WRAPPED[0], &secret, &secret.bytes);
        drop(app.sibling());
    }

    async fn r26_processes_that_start_at_once_on_an_empty_database_agree_on_its_secret(app) {
        let mut db = Db::open(&app.config.database).unwrap();
        diesel::sql_query("DELETE FROM house_secrets").execute(&mut db).unwrap();
        let start = std::sync::Barrier::new(6);
        let indexes = std::thread::scope(|scope| {
            let begin = || {
                start.wait();
                app.sibling().context.vault.blind_index("email", "alex@example.org")
            };
            let threads: Vec<_> = (0..6).map(|_| scope.spawn(begin)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect::<BTreeSet<_>>()
        });
        assert_eq!(indexes.len(), 1, "what one finds the others find");
    }

    async fn r26_the_master_key_changes_while_people_go_on(app) {
        app.install_keys();
        let folder = app.config.data_dir.join("keys");
        let couple = written(&app).await;
        let before = app.keys.master.newest();
        let code = couple.alex.done(&app, "invitePartner", json!({ "role": "SWITCH" }), "code").await["code"].clone();
        let query = "mutation { requestPasswordReset(input: { email: \"sam@people.test\" }) { status } }";
        app.anonymous(query, json!({})).await;

        let told = keys(&app, &["rotate"], &[]);
        assert!(told.contains("master.key: keep a copy") && told.contains(&format!("master-{before}.retired")), "{told}");
        let after = Keys::load(&folder, &MasterSource::File).unwrap().master.newest();
        assert!(after != before && told.contains(&after.to_string()) && !folder.join(NEXT).exists());
        for of in WRAPPED.iter().copied() {
            assert!(!cells(&app, of).is_empty());
            assert!(cells(&app, of).iter().all(|cell| Vault::in_force(&cell.bytes) == Ok(after)), "{of:?}");
        }

        // The process that runs since before reads all that was there, finds by what is derived, and wraps by the new key.
        goes_on(&app, &couple, &code).await;
        let kim = app.person("Kim", "Europe/Paris", ("22:00", "08:00")).await;
        assert!(cells(&app, WRAPPED[1]).iter().all(|cell| Vault::in_force(&cell.bytes) == Ok(after)));
        kim.ask(&app, "{ viewer { account { email } } }", json!({})).await;

        // Whoever starts now needs the new file; with the old one, the sentence names what is missing.
        let started = Keys::load(&folder, &MasterSource::File).unwrap();
        App::build(&app.config, &started, app.clock.clone(), crate::support::chance()).unwrap();
        std::fs::rename(folder.join(format!("master-{before}.retired")), folder.join(CURRENT)).unwrap();
        let old = Keys::load(&folder, &MasterSource::File).unwrap();
        let refused = App::build(&app.config, &old, app.clock.clone(), crate::support::chance()).err().expect("a refusal").to_string();
        assert!(refused.contains(&after.to_string()) && refused.contains("master.key"), "{refused}");
    }

    async fn r26_machines_that_share_a_database_get_the_new_key_before_it_is_in_force(app) {
        app.install_keys();
        let folder = app.config.data_dir.join("keys");
        let before = app.keys.master.newest();
        let told = keys(&app, &["rotate", "--prepare"], &[]);
        assert!(told.contains(NEXT), "{told}");
        assert_eq!(Vault::in_force(&cells(&app, WRAPPED[0])[0].bytes), Ok(before), "it is not in force yet");
        let next = Keys::load(&folder, &MasterSource::File).unwrap().master.newest();
        let (well, lines) = run(&app, &["doctor"], &[]);
        assert!(well && lines.contains("is not finished"), "{lines}");
        keys(&app, &["rotate"], &[]);
        assert_eq!(Vault::in_force(&cells(&app, WRAPPED[0])[0].bytes), Ok(next), "the one that was prepared");
    }

    async fn r26_the_master_key_may_come_from_the_environment_or_a_command(app) {
        app.install_keys();
        let folder = app.config.data_dir.join("keys");
        let couple = written(&app).await;
        let old = std::fs::read_to_string(folder.join(CURRENT)).unwrap();
        let new = made(&app.config.data_dir.join("elsewhere"));
        let both = format!("{new} {old}");
        std::fs::remove_file(folder.join(CURRENT)).unwrap();
        let secret = |key: &str| [("EVENKEEL_MASTER_KEY", key.to_owned())];
        assert!(run(&app, &["doctor"], &secret(&old)).0);
        let (well, told) = run(&app, &["doctor"], &secret(&new));
        assert!(!well && told.contains("is not the one"), "{told}");
        let told = keys(&app, &["rotate"], &secret(&old));
        assert!(told.contains("0 keys"), "there is nothing to go to: {told}");
        let told = keys(&app, &["rotate"], &secret(&both));
        assert!(!told.contains("0 keys"), "{told}");
        assert!(!run(&app, &["doctor"], &secret(&old)).0);
        assert!(run(&app, &["doctor"], &secret(&new)).0);
        let file = app.config.data_dir.join("kms");
        std::fs::write(&file, &new).unwrap();
        let command = [("EVENKEEL_MASTER_KEY_COMMAND", format!("cat {}", file.display()))];
        let (well, told) = run(&app, &["doctor"], &command);
        assert!(well && told.contains("fits the database"), "{told}");
        let (well, told) = run(&app, &["doctor"], &[("EVENKEEL_MASTER_KEY_COMMAND", "echo hunter2 >&2; false".to_owned())]);
        assert!(!well && told.contains("it failed") && !told.contains("hunter2"), "{told}");
        assert!(!folder.join(CURRENT).exists(), "no file is made of it");
        let config = evenkeel::config::Config { master: MasterSource::Given(new.into()), ..app.config.clone() };
        let context = App::build(&config, &Keys::load(&folder, &config.master).unwrap(), app.clock.clone(), crate::support::chance()).unwrap().context;
        let account = cells(&app, WRAPPED[1])[0].clone();
        let aad = evenkeel::vault::Aad::new("accounts", "data_key", account.key.0);
        assert!(context.vault.unwrap(aad, &account.bytes).is_ok() && couple.alex.name == "Alex");
    }
}

/// That a mail's link, an invitation's code, a log-in and all words from before work as before.
async fn goes_on(app: &TestApp, couple: &Couple, code: &Value) {
    for sealed in SEALED.iter().filter(|sealed| sealed.owner != Owner::HouseSecret && is_shown(sealed.at)) {
        couple.alex.ask(app, reading(sealed.at), json!({})).await;
    }
    app.log_in("SAM@people.test", PASSWORD).await;
    app.deliver().await;
    let mut mails = couple.sam.mails(app);
    mails.retain(|mail| crate::support::people::link_in(mail).contains("/reset/"));
    let mail = mails.pop().unwrap();
    let link = crate::support::people::link_in(&mail);
    let token = link.rsplit('/').next().unwrap();
    let query = "mutation($t: String!, $p: String!) { resetPassword(input: { token: $t, newPassword: $p }) { status } }";
    let reset = app.anonymous(query, json!({ "t": token, "p": "nine quiet herons by a pond" })).await;
    assert_eq!(reset["resetPassword"]["status"], "DONE");
    let robin = app.person("Robin", "Europe/Paris", ("22:00", "08:00")).await;
    let input = json!({ "code": code, "role": "SWITCH" });
    robin.done(app, "acceptInvitation", input, "link { id }").await;
}

/// A new master key as an operator makes one.
fn made(folder: &Path) -> String {
    Keys::load_or_make(folder, &MasterSource::File, &crate::support::chance()).unwrap();
    std::fs::read_to_string(folder.join(CURRENT)).unwrap()
}

/// A command as the operator gives it.
fn command(app: &TestApp, arguments: &[&str], settings: &[(&str, String)]) -> Command {
    let mut command = app.program(arguments);
    command
        .env("EVENKEEL_PUSH_CONTACT", "mailto:operator@example.org")
        .env("RUST_LOG", "warn")
        .envs(settings.iter().map(|(name, value)| (name, value)));
    command
}

/// Runs a command; whether it went well, and what it printed.
fn run(app: &TestApp, arguments: &[&str], settings: &[(&str, String)]) -> (bool, String) {
    let out = command(app, arguments, settings).output().unwrap();
    let all = [out.stdout, out.stderr].concat();
    (out.status.success(), String::from_utf8(all).unwrap())
}

/// Runs `evenkeel keys …`, which must go well; what it printed.
fn keys(app: &TestApp, arguments: &[&str], settings: &[(&str, String)]) -> String {
    let (well, told) = run(app, &[&["keys"], arguments].concat(), settings);
    assert!(well, "{told}");
    told
}

//! Rows that were damaged by hand: the databases refuse them, and one that is damaged all the same disturbs nobody at night.

use crate::support::log::{listen, logged};
use crate::support::people::text;
use crate::support::rows::{Catalogue, lines};
use crate::support::{Couple, TestApp, at};
use diesel::connection::SimpleConnection;
use evenkeel::ids::{AccountId, TypedId};
use evenkeel::store::sealed::{SEALED, WRAPPED};
use evenkeel::store::{Db, Location};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// What breaks each constraint: what a row is set to. Those of one column of bytes or of a truth are not here: their names
/// say what breaks them.
const DAMAGE: &[(&str, &[&str])] = &[
    (
        "accounts_quiet_hours",
        &[
            "quiet_from = NULL, quiet_until = 480",
            "quiet_from = 1320, quiet_until = NULL",
            "quiet_from = -1, quiet_until = 60",
            "quiet_from = 1000, quiet_until = 1440",
            "quiet_from = 60, quiet_until = 60",
            "quiet_from = 60, quiet_until = 59",
            "quiet_from = 0, quiet_until = 1201",
        ],
    ),
    ("accounts_zone_named", &["zone = ''"]),
    ("accounts_utc_offset_range", &["utc_offset = 1560", "utc_offset = -1560"]),
    ("accounts_password_hash_there", &["password_hash = ''"]),
    ("address_requests_expiry", &["expires_at = created_at"]),
    ("attempts_status_code_range", &["status_code = 99", "status_code = 1000"]),
    ("changes_number_range", &["number = 0"]),
    ("check_ins_one_time", &["check_in_time = 'end+1d@09:00'", "offset_minutes = NULL"]),
    (
        "check_ins_answered",
        &[
            "answer = NULL",
            "answered_at = NULL",
            "share = NULL",
            "state = 'unanswered'",
            "state = 'answered'",
        ],
    ),
    ("check_ins_offset_minutes_range", &["offset_minutes = -1"]),
    ("check_ins_round_range", &["round = -1"]),
    ("check_ins_window", &["closes_at = due_at"]),
    ("erasures_delay", &["erase_at = requested_at, requested_at = erase_at"]),
    ("export_chunks_number_range", &["number = -1"]),
    ("exports_ready", &["ready_at = NULL", "size = NULL", "state = 'waiting'", "state = 'ready'"]),
    ("exports_size_range", &["size = -1"]),
    ("exports_attempts_range", &["attempts = -1"]),
    ("exports_token_expiry", &["token_expires_at = NULL"]),
    ("client_ids_noun", &["noun = ''", "noun = 'scene'", "noun = 'CheckIn'"]),
    ("feeds_told_range", &["told = -1"]),
    ("link_members_needs_written", &["needs_written_at = NULL", "needs = NULL"]),
    ("log_in_challenges_wrong_codes_range", &["wrong_codes = -1"]),
    ("nudges_key_there", &["key = ''"]),
    (
        "nudges_finished",
        &[
            "finished_at = NULL",
            "state = 'waiting', drop_reason = NULL",
            "state = 'sent', drop_reason = NULL",
        ],
    ),
    ("nudges_drop_reason_given", &["drop_reason = NULL"]),
    ("nudges_lease", &["lease_until = NULL", "leased_by = NULL"]),
    ("nudges_round_range", &["round = -1"]),
    ("nudges_attempts_range", &["attempts = -1"]),
    ("nudges_attempts_forgiven_range", &["attempts_forgiven = -1"]),
    ("page_tokens_number_range", &["number = -1"]),
    ("page_tokens_expiry", &["expires_at = created_at"]),
    ("partner_links_code_expiry", &["code_expires_at = NULL"]),
    (
        "partner_links_active",
        &[
            "status = 'active', ended_at = NULL, pair = NULL",
            "status = 'active', ended_at = NULL, active_at = NULL",
        ],
    ),
    ("partner_links_ended", &["ended_at = NULL", "status = 'ended'"]),
    ("refresh_tokens_expiry", &["expires_at = issued_at"]),
    ("revision_parts_side_range", &["side = 2", "side = -1"]),
    ("revisions_number_range", &["number = 0"]),
    ("scenes_intensity_range", &["intensity = 0", "intensity = 6"]),
    ("scenes_ended", &["ended_at = NULL", "status = 'ended'"]),
    ("scenes_order", &["started_at = ended_at, ended_at = started_at"]),
    ("totp_factors_last_step_range", &["last_step = -1"]),
    ("totp_factors_wrong_codes_counted", &["wrong_since = NULL", "wrong_codes = -1", "wrong_codes = 0"]),
];

/// The CHECK constraints of a database, each with its table.
fn constraints(db: &mut Db) -> BTreeMap<String, String> {
    let query = match db {
        Db::Postgres(_) => {
            "SELECT c.conname || ' ' || r.relname AS line FROM pg_constraint c JOIN pg_class r ON r.oid = c.conrelid
             JOIN pg_namespace n ON n.oid = c.connamespace WHERE c.contype = 'c' AND n.nspname = 'public'"
        }
        Db::Sqlite(_) => "SELECT sql || ' ' || name AS line FROM sqlite_master WHERE type = 'table' AND sql IS NOT NULL",
    };
    let mut found = BTreeMap::new();
    for line in lines(db, query) {
        let (before, table) = line.rsplit_once(' ').unwrap();
        let names: Vec<_> = match db {
            Db::Postgres(_) => vec![before],
            Db::Sqlite(_) => {
                before.split("CONSTRAINT ").skip(1).map(|rest| rest.split(' ').next().unwrap()).collect()
            }
        };
        found.extend(names.into_iter().map(|name| (name.to_owned(), table.to_owned())));
    }
    found
}

/// What breaks a constraint.
fn damage(name: &str, table: &str, sqlite: bool) -> Vec<String> {
    let column = |end: &str| name.strip_suffix(end).and_then(|rest| rest.strip_prefix(&format!("{table}_")));
    let blob = |bytes: usize| match sqlite {
        true => format!("x'{}'", "ab".repeat(bytes)),
        false => format!("'\\x{}'", "ab".repeat(bytes)),
    };
    if let Some(column) = column("_sealed") {
        vec![format!("{column} = {}", blob(0))]
    } else if let Some(column) = column("_whole") {
        [0, 31, 33].map(|bytes| format!("{column} = {}", blob(bytes))).to_vec()
    } else if let Some(column) = column("_bool") {
        ["2", "-1"].map(|value| format!("{column} = {value}")).to_vec()
    } else {
        let listed = DAMAGE.iter().find(|(listed, _)| *listed == name);
        let (_, all) = listed.unwrap_or_else(|| panic!("what breaks {name}?"));
        all.iter().map(|set| (*set).to_owned()).collect()
    }
}

#[test]
fn a_row_that_is_damaged_by_hand_is_refused() {
    let (server, name, url) = crate::support::database::create_database();
    let mut postgres = Db::open(&Location::Postgres(url)).unwrap();
    let mut sqlite = Db::open(&Location::Sqlite(":memory:".to_owned())).unwrap();
    postgres.migrate().unwrap();
    sqlite.migrate().unwrap();
    let catalogue = Catalogue::read(&mut postgres);
    let (on_postgres, on_sqlite) = (constraints(&mut postgres), constraints(&mut sqlite));
    // PostgreSQL has a type for what is true or not.
    let without_bool: BTreeSet<_> = on_sqlite.keys().filter(|name| !name.ends_with("_bool")).collect();
    assert_eq!(without_bool, on_postgres.keys().collect());
    let truths = catalogue.0.iter().filter(|column| column.kind == "bool");
    let truths: Vec<_> = truths.map(|column| format!("{}_{}_bool", column.table, column.name)).collect();
    assert!(truths.len() > 4 && truths.iter().all(|name| on_sqlite.contains_key(name)), "{truths:?}");
    for at in SEALED.iter().map(|sealed| sealed.at).chain(WRAPPED.iter().copied()) {
        let name = format!("{}_{}_sealed", at.table, at.column);
        assert!(on_postgres.contains_key(&name), "{name}");
    }
    for column in catalogue.0.iter().filter(|column| column.kind == "bytea") {
        let held = |end| on_postgres.contains_key(&format!("{}_{}_{end}", column.table, column.name));
        assert!(held("sealed") || held("whole"), "{column:?}");
    }
    for (name, _) in DAMAGE {
        assert!(on_postgres.contains_key(*name), "{name} is no constraint");
    }
    for (mut db, all) in [(postgres, on_postgres), (sqlite, on_sqlite)] {
        catalogue.fill(&mut db);
        let rows = catalogue.rows(&mut db);
        for (name, table) in &all {
            for set in damage(name, table, matches!(db, Db::Sqlite(_))) {
                let error =
                    db.batch_execute(&format!("UPDATE {table} SET {set}")).expect_err(&set).to_string();
                assert!(error.contains(name.as_str()), "{name}: {set}: {error}");
            }
        }
        assert_eq!(catalogue.rows(&mut db), rows, "nothing was changed");
        db.batch_execute("UPDATE accounts SET quiet_from = NULL, quiet_until = NULL").unwrap();
        db.batch_execute("UPDATE accounts SET quiet_from = 0, quiet_until = 1200").unwrap();
    }
    let mut admin = Db::open(&Location::Postgres(server)).unwrap();
    admin.batch_execute(&format!("DROP DATABASE {name}")).unwrap();
}

/// Has Alex, who may be disturbed at any hour, be asked in the night; then damages the row and sees that the next question
/// waits for the morning, though it was planned for the night.
async fn stays_quiet(app: &TestApp, zone: &str, ended_at: &str, damage: &str, night: (&str, &str, &str)) {
    listen();
    let alex = app.person("Alex", zone, ("22:00", "08:00")).await;
    let sam = app.person("Sam", "Europe/Berlin", ("22:00", "08:00")).await;
    let link = app.link(&alex, &sam).await;
    let couple = Couple { alex, sam, link };
    let alex = &couple.alex;
    alex.done(app, "updateProfile", json!({ "quietHours": null }), "").await;
    let id =
        alex.ask(app, "{ viewer { account { id } } }", json!({})).await["viewer"]["account"]["id"].clone();
    let id: AccountId = text(&id).parse().unwrap();
    app.pass_until(at(ended_at)).await;
    let scene = couple.scene(app).await;
    app.pass_minutes(61).await;
    assert_eq!(alex.timeline_of(app, "ASK").await.len(), 1, "at two in the night, as Alex wants it");
    let asked = couple.check_ins(app, alex, &scene).await[0]["id"].clone();
    alex.done(app, "answerCheckIn", json!({ "checkInId": asked, "mood": 3 }), "").await;

    assert!(!logged().contains(&format!("account={id}")), "nothing is wrong so far");
    let mut db = Db::open(&app.config.database).unwrap();
    db.batch_execute("ALTER TABLE accounts DROP CONSTRAINT accounts_quiet_hours").unwrap();
    let one = match db {
        Db::Sqlite(_) => format!("id = x'{}'", id.uuid().simple()),
        Db::Postgres(_) => format!("id = '{}'", id.uuid()),
    };
    db.batch_execute(&format!("UPDATE accounts SET {damage} WHERE {one}")).unwrap();

    app.pass_until(at(night.0)).await;
    let evening = (alex.pushes(app).len(), alex.mails(app).len());
    let morning = at(night.1);
    app.pass_until(morning - jiff::SignedDuration::from_mins(1)).await;
    assert_eq!((alex.pushes(app).len(), alex.mails(app).len()), evening, "nothing at night");
    app.pass_until(morning + jiff::SignedDuration::from_mins(1)).await;
    let timeline = alex.timeline(app).await;
    let came = timeline.iter().filter(|line| line.starts_with(night.2)).count();
    assert!(came > 0, "and in the morning it comes: {timeline:?}");
    let told = logged();
    let line = told.lines().find(|line| line.contains(&format!("account={id}")));
    let line = line.unwrap_or_else(|| panic!("the log tells of {id}"));
    assert!(line.contains("ERROR") && line.contains("damaged account"), "{line}");
    assert!(!line.contains("Alex") && !line.contains("people.test") && !line.contains("Nowhere"), "{line}");

    // Alex, or whoever mends the row, is heard again.
    let mended = json!({ "zone": zone, "quietHours": { "from": "01:00", "until": "02:00" } });
    let account = alex.done(app, "updateProfile", mended, "account { zone quietHours { from until } }").await;
    let whole = json!({ "zone": zone, "quietHours": { "from": "01:00", "until": "02:00" } });
    assert_eq!(account["account"], whole);
}

on_both_databases! {
    async fn r17_quiet_hours_that_say_nothing_are_quiet_at_night_and_not_any_hour(app) {
        // 01:00 in Berlin; the clocks go back an hour that night. The second question is due the night after at 00:00.
        let night = ("2026-10-25T20:59:00Z", "2026-10-26T07:00:00Z", "26 07:00 push");
        stays_quiet(&app, "Europe/Berlin", "2026-10-24T23:00:00Z", "quiet_until = 480", night).await;
    }

    async fn r17_a_zone_that_nobody_knows_is_quiet_at_night_in_its_last_known_offset(app) {
        // 01:00 in Los Angeles, seven hours behind UTC.
        let night = ("2026-10-26T04:59:00Z", "2026-10-26T15:00:00Z", "26 15:00 push");
        let damage = "zone = 'Nowhere/Town'";
        stays_quiet(&app, "America/Los_Angeles", "2026-10-25T08:00:00Z", damage, night).await;
    }

    async fn an_account_from_before_there_were_offsets_gets_one_at_the_next_start(app) {
        app.person_without_device("Kim", "Asia/Kolkata", ("22:00", "08:00")).await;
        let mut db = Db::open(&app.config.database).unwrap();
        let look = "SELECT coalesce(utc_offset, 0) || ' ' || zone AS line FROM accounts";
        assert_eq!(lines(&mut db, look), ["330 Asia/Kolkata"]);
        db.batch_execute("UPDATE accounts SET utc_offset = NULL").unwrap();
        drop(app.sibling());
        assert_eq!(lines(&mut db, look), ["330 Asia/Kolkata"]);
    }
}

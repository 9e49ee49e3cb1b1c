//! Both migration trees: the same names, up, down and up again, and the same tables at the end.

mod earlier;
mod foreign_keys;
mod old_nudges;

use crate::support::rows::{Catalogue, ROWS};
use diesel::connection::{Connection, SimpleConnection};
use diesel::sql_types::Text;
use diesel::{PgConnection, QueryableByName, RunQueryDsl, SqliteConnection, sql_query};
use diesel_migrations::MigrationHarness;
use evenkeel::store::dialect::{POSTGRES_MIGRATIONS, SQLITE_MIGRATIONS};
use evenkeel::store::{Db, Location};
use std::collections::BTreeSet;
use std::path::Path;

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

fn lines(rows: Vec<Line>) -> BTreeSet<String> {
    rows.into_iter().map(|row| row.line).collect()
}

/// Tables and columns as `table.column kind null`, with the same names of kinds for both backends.
const SQLITE_COLUMNS: &str = "SELECT m.name || '.' || c.name || ' ' || \
    CASE c.\"notnull\" WHEN 1 THEN 'required' ELSE 'optional' END AS line \
    FROM sqlite_master m JOIN pragma_table_info(m.name) c \
    WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name <> '__diesel_schema_migrations'";
const POSTGRES_COLUMNS: &str = "SELECT table_name || '.' || column_name || ' ' || \
    CASE is_nullable WHEN 'NO' THEN 'required' ELSE 'optional' END AS line \
    FROM information_schema.columns \
    WHERE table_schema = 'public' AND table_name <> '__diesel_schema_migrations'";
const SQLITE_INDEXES: &str =
    "SELECT name || ' on ' || tbl_name AS line FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL";
const POSTGRES_INDEXES: &str = "SELECT indexname || ' on ' || tablename AS line FROM pg_indexes \
    WHERE schemaname = 'public' AND indexname NOT LIKE '%_pkey' AND indexname NOT LIKE '%_key'";

#[test]
fn both_trees_have_the_same_names_and_ways_back() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let names = |side: &str| -> BTreeSet<String> {
        let entries = std::fs::read_dir(root.join(side)).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    let (sqlite, postgres) = (names("sqlite"), names("postgres"));
    assert_eq!(sqlite, postgres);
    for name in sqlite {
        for side in ["sqlite", "postgres"] {
            let down = std::fs::read_to_string(root.join(side).join(&name).join("down.sql")).unwrap();
            assert!(
                down.lines().any(|line| !line.trim().is_empty() && !line.starts_with("--")),
                "{side}/{name}"
            );
        }
    }
}

#[test]
fn up_down_and_up_again_gives_equal_schemas() {
    let (server, name, url) = crate::support::database::create_database();
    let mut sqlite = SqliteConnection::establish(":memory:").unwrap();
    let mut postgres = PgConnection::establish(&url).unwrap();

    sqlite.run_pending_migrations(SQLITE_MIGRATIONS).unwrap();
    postgres.run_pending_migrations(POSTGRES_MIGRATIONS).unwrap();
    let columns = lines(sql_query(SQLITE_COLUMNS).load(&mut sqlite).unwrap());
    assert!(columns.len() > 100, "{columns:?}");
    assert_eq!(columns, lines(sql_query(POSTGRES_COLUMNS).load(&mut postgres).unwrap()));
    let indexes = lines(sql_query(SQLITE_INDEXES).load(&mut sqlite).unwrap());
    assert_eq!(indexes, lines(sql_query(POSTGRES_INDEXES).load(&mut postgres).unwrap()));

    sqlite.revert_all_migrations(SQLITE_MIGRATIONS).unwrap();
    postgres.revert_all_migrations(POSTGRES_MIGRATIONS).unwrap();
    assert!(lines(sql_query(SQLITE_COLUMNS).load(&mut sqlite).unwrap()).is_empty());
    assert!(lines(sql_query(POSTGRES_COLUMNS).load(&mut postgres).unwrap()).is_empty());

    sqlite.run_pending_migrations(SQLITE_MIGRATIONS).unwrap();
    postgres.run_pending_migrations(POSTGRES_MIGRATIONS).unwrap();
    assert_eq!(columns, lines(sql_query(SQLITE_COLUMNS).load(&mut sqlite).unwrap()));
    assert_eq!(columns, lines(sql_query(POSTGRES_COLUMNS).load(&mut postgres).unwrap()));

    drop(postgres);
    let mut admin = PgConnection::establish(&server).unwrap();
    admin.batch_execute(&format!("DROP DATABASE {name}")).unwrap();
}

/// An empty database of each kind; the PostgreSQL one is the first.
struct Two {
    databases: [Db; 2],
    server: String,
    name: String,
    _folder: tempfile::TempDir,
}

impl Two {
    fn new() -> Self {
        let (server, name, url) = crate::support::database::create_database();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("evenkeel.db").display().to_string();
        // As the program opens them: SQLite then enforces foreign keys, and a deleted row would take its children
        // along.
        let open = |location| Db::open(&location).unwrap();
        let databases = [open(Location::Postgres(url)), open(Location::Sqlite(file))];
        Self { databases, server, name, _folder: folder }
    }

    fn catalogue(&mut self) -> Catalogue {
        Catalogue::read(&mut self.databases[0])
    }

    /// The name of the next migration; `None` once all have run.
    fn next(&mut self) -> Option<String> {
        let [Db::Postgres(postgres), Db::Sqlite(sqlite)] = &mut self.databases else { unreachable!() };
        let first =
            postgres.pending_migrations(POSTGRES_MIGRATIONS).unwrap().first().map(|m| m.name().to_string());
        let second =
            sqlite.pending_migrations(SQLITE_MIGRATIONS).unwrap().first().map(|m| m.name().to_string());
        assert_eq!(first, second);
        first
    }

    fn drop(self) {
        drop(self.databases);
        let mut admin = PgConnection::establish(&self.server).unwrap();
        admin.batch_execute(&format!("DROP DATABASE {}", self.name)).unwrap();
    }
}

fn up(db: &mut Db) {
    match db {
        Db::Postgres(c) => drop(c.run_next_migration(POSTGRES_MIGRATIONS).unwrap()),
        Db::Sqlite(c) => drop(c.run_next_migration(SQLITE_MIGRATIONS).unwrap()),
    }
}

fn down(db: &mut Db) {
    match db {
        Db::Postgres(c) => drop(c.revert_last_migration(POSTGRES_MIGRATIONS).unwrap()),
        Db::Sqlite(c) => drop(c.revert_last_migration(SQLITE_MIGRATIONS).unwrap()),
    }
}

#[test]
fn each_migration_and_its_way_back_keep_every_row_of_every_table() {
    let mut two = Two::new();
    let mut steps = 0;
    while let Some(name) = two.next() {
        let before = two.catalogue();
        let mut kept = Vec::new();
        for db in &mut two.databases {
            before.fill(db);
            let rows = before.rows(db);
            assert_eq!(rows.len(), before.tables().len());
            assert!(rows.values().all(|rows| rows.len() == ROWS), "{name}: a table is not filled");
            kept.push(rows);
            up(db);
        }
        let after = two.catalogue();
        for (db, rows) in two.databases.iter_mut().zip(&kept) {
            let common = before.common(&after, rows);
            assert!(steps == 0 || common.len() > 10, "{name}");
            assert_eq!(after.common(&before, &after.rows(db)), common, "{name}, up");
            down(db);
            assert_eq!(before.common(&after, &before.rows(db)), common, "{name}, down");
            match is_last(db) {
                // As the program does it: all in one transaction.
                true => db.migrate().unwrap(),
                false => up(db),
            }
            assert_eq!(after.common(&before, &after.rows(db)), common, "{name}, up again");
        }
        assert_eq!(two.catalogue(), after, "{name}");
        steps += 1;
    }
    let last = two.catalogue();
    for db in &mut two.databases {
        last.fill(db);
    }
    assert!(steps > 10 && last.tables().len() > 25);
    two.drop();
}

/// Whether exactly one migration is left to run.
fn is_last(db: &mut Db) -> bool {
    match db {
        Db::Postgres(c) => c.pending_migrations(POSTGRES_MIGRATIONS).unwrap().len() == 1,
        Db::Sqlite(c) => c.pending_migrations(SQLITE_MIGRATIONS).unwrap().len() == 1,
    }
}

/// Runs all migrations before the one of that name.
fn up_to(two: &mut Two, name: &str) {
    while two.next().unwrap() != name {
        two.databases.iter_mut().for_each(up);
    }
}

#[test]
fn the_constraints_mend_quiet_hours_and_stop_at_what_a_person_must_look_at() {
    let mut two = Two::new();
    up_to(&mut two, "2026-11-29-000000_constraints");
    let before = two.catalogue();
    for db in &mut two.databases {
        before.fill(db);
        let empty = if matches!(db, Db::Sqlite(_)) { "x''" } else { "''" };
        let damage = format!(
            "UPDATE accounts SET quiet_until = NULL WHERE quiet_from IS NOT NULL;
             UPDATE aftercare SET content = {empty} WHERE recorded_by IS NULL;
             UPDATE scenes SET intensity = 9 WHERE ended_at IS NOT NULL"
        );
        db.batch_execute(&damage).unwrap();
        let refused = db.migrate().unwrap_err().to_string();
        assert!(refused.to_lowercase().contains("constraint"), "{refused}");
        // Nothing of the migration is left, and the same start succeeds once the row is mended.
        let rows = before.rows(db);
        assert!(rows.values().all(|rows| rows.len() == ROWS));
        db.batch_execute("UPDATE scenes SET intensity = 5 WHERE intensity = 9").unwrap();
        db.migrate().unwrap();
        let quiet =
            "SELECT coalesce(quiet_from, -1) || ' ' || coalesce(quiet_until, -1) AS line FROM accounts";
        let found: BTreeSet<_> = crate::support::rows::lines(db, quiet).into_iter().collect();
        assert_eq!(
            found,
            BTreeSet::from(["1320 480".into(), "-1 -1".into()]),
            "nobody's choice of none is changed"
        );
        let empty = "SELECT 'one' AS line FROM aftercare WHERE content IS NULL AND recorded_by IS NULL";
        assert_eq!(crate::support::rows::lines(db, empty), ["one"]);
    }
    two.drop();
}

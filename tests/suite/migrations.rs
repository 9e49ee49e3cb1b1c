//! Both migration trees: the same names, up, down and up again, and the same tables in the end.

use diesel::connection::{Connection, SimpleConnection};
use diesel::sql_types::Text;
use diesel::{PgConnection, QueryableByName, RunQueryDsl, SqliteConnection, sql_query};
use diesel_migrations::MigrationHarness;
use evenkeel::store::dialect::{POSTGRES_MIGRATIONS, SQLITE_MIGRATIONS};
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

/// Tables and columns as `table.column kind null`, the kinds named alike for both backends.
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

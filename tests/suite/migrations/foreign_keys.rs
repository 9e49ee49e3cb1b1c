//! Deleting a row looks for what refers to it, in every table that may: without an index, row by row.

use super::{Line, POSTGRES_MIGRATIONS, SQLITE_MIGRATIONS, lines};
use diesel::connection::{Connection, SimpleConnection};
use diesel::{PgConnection, RunQueryDsl, SqliteConnection, sql_query};
use diesel_migrations::MigrationHarness;
use std::collections::BTreeSet;

/// The columns that refer to another table. No key of ours has two columns.
const SQLITE_KEYS: &str = "SELECT m.name || '.' || k.\"from\" AS line
    FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) k WHERE m.type = 'table' AND k.seq = 0";
const POSTGRES_KEYS: &str = "SELECT c.conrelid::regclass || '.' || a.attname AS line
    FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
    WHERE c.contype = 'f'";
/// The columns that begin an index of all rows, or of all rows in which they say something.
const SQLITE_INDEXED: &str = "SELECT m.name || '.' || c.name AS line
    FROM sqlite_master m JOIN pragma_index_list(m.name) i JOIN pragma_index_info(i.name) c
    LEFT JOIN sqlite_master s ON s.name = i.name
    WHERE m.type = 'table' AND c.seqno = 0 AND (i.partial = 0 OR s.sql LIKE '% WHERE ' || c.name || ' IS NOT NULL')";
const POSTGRES_INDEXED: &str = "SELECT i.indrelid::regclass || '.' || a.attname AS line
    FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
    WHERE i.indpred IS NULL OR pg_get_expr(i.indpred, i.indrelid) = '(' || a.attname || ' IS NOT NULL)'";

fn without_index(keys: &BTreeSet<String>, indexed: &BTreeSet<String>) -> Vec<String> {
    keys.difference(indexed).cloned().collect()
}

#[test]
fn what_refers_to_another_table_is_found_by_an_index() {
    let (server, name, url) = crate::support::database::create_database();
    let mut sqlite = SqliteConnection::establish(":memory:").unwrap();
    let mut postgres = PgConnection::establish(&url).unwrap();
    sqlite.run_pending_migrations(SQLITE_MIGRATIONS).unwrap();
    postgres.run_pending_migrations(POSTGRES_MIGRATIONS).unwrap();
    let mut on_sqlite = |text: &str| lines(sql_query(text).load::<Line>(&mut sqlite).unwrap());
    let mut on_postgres = |text: &str| lines(sql_query(text).load::<Line>(&mut postgres).unwrap());

    let keys = on_sqlite(SQLITE_KEYS);
    assert!(keys.len() > 40 && keys == on_postgres(POSTGRES_KEYS), "{keys:?}");
    assert_eq!(without_index(&keys, &on_sqlite(SQLITE_INDEXED)), [""; 0], "on SQLite");
    assert_eq!(without_index(&keys, &on_postgres(POSTGRES_INDEXED)), [""; 0], "on PostgreSQL");

    drop(postgres);
    let mut admin = PgConnection::establish(&server).unwrap();
    admin.batch_execute(&format!("DROP DATABASE {name}")).unwrap();
}

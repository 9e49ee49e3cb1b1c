//! Deleting a row looks for what refers to it, in every table that may: without an index, row by row.

use super::Two;
use crate::support::rows::lines;
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

#[test]
fn what_refers_to_another_table_is_found_by_an_index() {
    let mut two = Two::new();
    let queries = [(POSTGRES_KEYS, POSTGRES_INDEXED), (SQLITE_KEYS, SQLITE_INDEXED)];
    let mut all = Vec::new();
    for (db, (keys, indexed)) in two.databases.iter_mut().zip(queries) {
        db.migrate().unwrap();
        let [keys, indexed] = [keys, indexed].map(|query| BTreeSet::from_iter(lines(db, query)));
        let without: Vec<_> = keys.difference(&indexed).collect();
        assert_eq!(without, [""; 0]);
        all.push(keys);
    }
    assert!(all[0].len() > 40 && all[0] == all[1], "{all:?}");
    two.drop();
}

//! Everything that a database holds, as text: every row of every table, blobs in hexadecimal digits.

use super::TestApp;
use diesel::sql_types::Text;
use diesel::{QueryableByName, RunQueryDsl, sql_query};
use evenkeel::store::{Db, StoreError};

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

fn lines(db: &mut Db, query: &str) -> Vec<String> {
    let rows: Vec<Line> = match db {
        Db::Postgres(c) => sql_query(query).load(c).unwrap(),
        Db::Sqlite(c) => sql_query(query).load(c).unwrap(),
    };
    rows.into_iter().map(|row| row.line).collect()
}

/// Every column as `table.column`.
pub fn columns(db: &mut Db) -> Vec<String> {
    let query = match db {
        Db::Sqlite(_) => {
            "SELECT m.name || '.' || c.name AS line FROM sqlite_master m JOIN pragma_table_info(m.name) c
             WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name NOT LIKE '\\_\\_%' ESCAPE '\\'"
        }
        Db::Postgres(_) => {
            "SELECT table_name || '.' || column_name AS line FROM information_schema.columns
             WHERE table_schema = 'public' AND table_name NOT LIKE '\\_\\_%'"
        }
    };
    lines(db, query)
}

impl TestApp {
    /// Every row of every table as `table: column, column, …`.
    pub async fn dump(&self) -> Vec<String> {
        let dump = |db: &mut Db| {
            let mut all = Vec::new();
            let columns = columns(db);
            let mut tables: Vec<_> =
                columns.iter().map(|c| c.split_once('.').unwrap().0.to_owned()).collect();
            tables.sort();
            tables.dedup();
            for table in tables {
                let own = columns.iter().filter_map(|c| c.strip_prefix(&format!("{table}.")));
                let query = match db {
                    Db::Postgres(_) => format!("SELECT t::text AS line FROM {table} t"),
                    Db::Sqlite(_) => {
                        let quoted: Vec<_> = own.map(|column| format!("quote({column})")).collect();
                        format!("SELECT {} AS line FROM {table}", quoted.join(" || ', ' || "))
                    }
                };
                all.extend(
                    lines(db, &query).into_iter().map(|line| format!("{table}: {}", line.to_lowercase())),
                );
            }
            Ok::<_, StoreError>(all)
        };
        self.app.context.store.read(dump).await.unwrap()
    }
}

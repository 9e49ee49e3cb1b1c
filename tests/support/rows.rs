//! Plausible rows for every table of the present schema, read from PostgreSQL's catalogue, the same for both databases.

use data_encoding::HEXLOWER;
use diesel::connection::SimpleConnection;
use diesel::sql_types::Text;
use diesel::{QueryableByName, RunQueryDsl, sql_query};
use evenkeel::store::Db;
use evenkeel::vault::sha256;
use std::collections::{BTreeMap, BTreeSet};

/// Rows per table: the first has a value in every column, the second null wherever null is allowed.
pub const ROWS: usize = 2;

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

/// The values of a query's only column, `line`.
pub fn lines(db: &mut Db, query: &str) -> Vec<String> {
    let rows: Vec<Line> = match db {
        Db::Postgres(c) => sql_query(query).load(c).unwrap(),
        Db::Sqlite(c) => sql_query(query).load(c).unwrap(),
    };
    rows.into_iter().map(|row| row.line).collect()
}

/// A column, and the column that it references.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub table: String,
    pub name: String,
    pub kind: String,
    nullable: bool,
    refers: Option<(String, String)>,
}

/// All columns of a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catalogue(pub Vec<Column>);

/// The rows of each table: per row, each column's value as a literal.
pub type Rows = BTreeMap<String, BTreeSet<BTreeMap<String, String>>>;

const CATALOGUE: &str =
    "SELECT concat_ws(' ', c.table_name, c.column_name, c.udt_name, c.is_nullable, f.to_table, f.to_column) AS line
    FROM information_schema.columns c LEFT JOIN (
      SELECT r.relname AS from_table, a.attname AS from_column, t.relname AS to_table, b.attname AS to_column
      FROM pg_constraint k JOIN pg_class r ON r.oid = k.conrelid JOIN pg_class t ON t.oid = k.confrelid
      JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum = k.conkey[1]
      JOIN pg_attribute b ON b.attrelid = t.oid AND b.attnum = k.confkey[1]
      WHERE k.contype = 'f') f ON f.from_table = c.table_name AND f.from_column = c.column_name
    WHERE c.table_schema = 'public' AND c.table_name <> '__diesel_schema_migrations'
    ORDER BY c.table_name, c.ordinal_position";

/// Values with a meaning, for the first and the second row. Both rows satisfy the database's constraints.
fn words(column: &str, row: usize) -> Option<&'static str> {
    let pair = match column {
        "accounts.zone" => ["Europe/Berlin", "America/New_York"],
        "accounts.default_share" | "check_ins.share" | "check_ins.share_before" => ["all", "nothing"],
        "consents.kind" => ["adult", "health_data"],
        "address_requests.purpose" => ["confirm_address", "reset_password"],
        "partner_links.status" => ["ended", "invited"],
        "link_members.role" | "scene_members.role" => ["dominant", "submissive"],
        "revisions.final_state" => ["withdrawn", "agreed"],
        "scenes.status" => ["ended", "planned"],
        "scenes.setting" => ["in_person", "online"],
        "check_ins.check_in_time" => ["end+1d@09:00", ""],
        "check_ins.state" => ["answered", "unanswered"],
        "outreaches.way" => ["message", "call"],
        "nudges.rung" => ["ask", "email"],
        "nudges.channel" => ["push", "mail"],
        "nudges.state" => ["dropped", "waiting"],
        "nudges.drop_reason" => ["settled", "paused"],
        "attempts.outcome" => ["accepted", "deferred"],
        "exports.state" => ["ready", "waiting"],
        "client_ids.noun" => ["Scene", "Plea"],
        "page_tokens.purpose" => ["answer", "choices"],
        "changes.kind" => ["account_changed", "link_changed"],
        _ => return None,
    };
    Some(pair[row])
}

fn number(column: &str, row: usize) -> i64 {
    let pair = match column {
        "accounts.quiet_from" => [1320, 0],
        "accounts.quiet_until" => [480, 0],
        "accounts.utc_offset" => [60, -300],
        "attempts.status_code" => [201, 0],
        "check_ins.offset_minutes" => [60, 1440],
        "revision_parts.side" => [0, 1],
        "totp_factors.wrong_codes" => [1, 0],
        _ => [1, 2],
    };
    pair[row]
}

/// Seconds since 1970: an end or expiry lies a day after the beginning.
fn seconds(column: &str, row: usize) -> i64 {
    let later =
        ["expires_at", "closes_at", "ended_at", "erase_at", "finished_at", "lease_until", "code_expires_at"];
    let begin = 1_790_000_000 + i64::try_from(row).unwrap() * 60;
    if later.iter().any(|name| column.ends_with(name)) { begin + 86_400 } else { begin }
}

impl Column {
    fn literal(&self, all: &Catalogue, row: usize, postgres: bool) -> String {
        // A check-in has its minutes or a time of another kind, and not both.
        let empty = if self.name == "offset_minutes" { 0 } else { 1 };
        if self.nullable && row == empty {
            return "NULL".to_owned();
        }
        if let Some((table, name)) = &self.refers {
            let to = all.0.iter().find(|column| column.table == *table && column.name == *name);
            return to.unwrap().literal(all, row, postgres);
        }
        let full = format!("{}.{}", self.table, self.name);
        let bytes = sha256(format!("{full} {row}").as_bytes());
        match (self.kind.as_str(), postgres) {
            ("uuid", true) => format!("'{}'", HEXLOWER.encode(&bytes[..16])),
            ("uuid", false) => format!("x'{}'", HEXLOWER.encode(&bytes[..16])),
            ("bytea", true) => format!("'\\x{}'", HEXLOWER.encode(&bytes)),
            ("bytea", false) => format!("x'{}'", HEXLOWER.encode(&bytes)),
            ("text", _) => {
                format!("'{}'", words(&full, row).map_or_else(|| format!("{full} {row}"), str::to_owned))
            }
            ("int4" | "int8", _) => number(&full, row).to_string(),
            ("bool", true) => (row == 0).to_string(),
            ("bool", false) => u8::from(row == 0).to_string(),
            ("timestamptz", true) => format!("to_timestamp({})", seconds(&full, row)),
            ("timestamptz", false) => (seconds(&full, row) * 1_000_000).to_string(),
            (other, _) => panic!("{full}: what is a plausible {other}?"),
        }
    }
}

impl Catalogue {
    /// Reads the present schema of a PostgreSQL database.
    pub fn read(postgres: &mut Db) -> Self {
        let column = |line: String| {
            let mut parts = line.split(' ').map(str::to_owned);
            let mut next = || parts.next();
            let (table, name, kind) = (next().unwrap(), next().unwrap(), next().unwrap());
            let nullable = next().unwrap() == "YES";
            Column { table, name, kind, nullable, refers: next().zip(next()) }
        };
        Self(lines(postgres, CATALOGUE).into_iter().map(column).collect())
    }

    /// The columns of a table.
    pub fn of<'a>(&'a self, table: &'a str) -> impl Iterator<Item = &'a Column> {
        self.0.iter().filter(move |column| column.table == table)
    }

    /// The tables, each after those that it references.
    pub fn tables(&self) -> Vec<String> {
        let mut left: BTreeSet<_> = self.0.iter().map(|column| column.table.clone()).collect();
        let mut done = Vec::new();
        while !left.is_empty() {
            let free = |table: &&String| {
                self.of(table).filter_map(|column| column.refers.as_ref()).all(|(to, _)| !left.contains(to))
            };
            let next = left.iter().find(free).expect("a table that refers to none that is left").clone();
            left.remove(&next);
            done.push(next);
        }
        done
    }

    /// Empties every table and gives it its rows.
    pub fn fill(&self, db: &mut Db) {
        let postgres = matches!(db, Db::Postgres(_));
        let tables = self.tables();
        for table in tables.iter().rev() {
            db.batch_execute(&format!("DELETE FROM {table}")).unwrap();
        }
        for table in &tables {
            let names: Vec<_> = self.of(table).map(|column| format!("\"{}\"", column.name)).collect();
            for row in 0..ROWS {
                let values: Vec<_> =
                    self.of(table).map(|column| column.literal(self, row, postgres)).collect();
                let insert =
                    format!("INSERT INTO {table} ({}) VALUES ({})", names.join(", "), values.join(", "));
                db.batch_execute(&insert).unwrap_or_else(|error| panic!("{insert}: {error}"));
            }
        }
    }

    /// Every row of every table.
    pub fn rows(&self, db: &mut Db) -> Rows {
        let postgres = matches!(db, Db::Postgres(_));
        let of_table = |table: String| {
            let columns: Vec<_> = self.of(&table).map(|column| column.name.clone()).collect();
            let shown = columns.iter().map(|name| match postgres {
                true => format!("coalesce(\"{name}\"::text, 'NULL')"),
                false => format!("quote(\"{name}\")"),
            });
            let query =
                format!("SELECT {} AS line FROM {table}", shown.collect::<Vec<_>>().join(" || '\u{1f}' || "));
            let rows = lines(db, &query).into_iter();
            let row = |line: String| {
                columns
                    .iter()
                    .cloned()
                    .zip(line.split('\u{1f}').map(str::to_owned))
                    .collect::<BTreeMap<_, _>>()
            };
            let rows: BTreeSet<_> = rows.map(row).collect();
            (table, rows)
        };
        self.tables().into_iter().map(of_table).collect()
    }

    /// The part of these rows whose tables and columns both schemas have.
    pub fn common(&self, other: &Self, rows: &Rows) -> Rows {
        let kept = |table: &str, name: &str| other.of(table).any(|column| column.name == name);
        let both = rows.iter().filter(|(table, _)| other.of(table).next().is_some());
        both.map(|(table, rows)| {
            let cut = |row: &BTreeMap<String, String>| {
                row.iter()
                    .filter(|(name, _)| kept(table, name))
                    .map(|(k, v)| (k.clone(), v.clone()))
                    .collect()
            };
            (table.clone(), rows.iter().map(cut).collect())
        })
        .collect()
    }
}

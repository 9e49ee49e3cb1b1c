//! The column types that mean the same on both backends: ids, instants and words.

use super::MultiBackend;
use crate::domain::protocol::CheckInTime;
use crate::ids;
use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::{BigInt, HasSqlType, Text};
use diesel::sqlite::{Sqlite, SqliteValue};
use jiff::Timestamp;
use std::io::Write;

/// Our own SQL types.
pub mod sql {
    /// `timestamptz` on PostgreSQL, INTEGER microseconds since 1970 on SQLite.
    #[derive(diesel::sql_types::SqlType, diesel::query_builder::QueryId, Clone, Copy, Debug, Default)]
    #[diesel(postgres_type(oid = 1184, array_oid = 1185), sqlite_type(name = "Long"))]
    pub struct Ts;

    impl diesel::sql_types::SqlOrd for Ts {}
    impl diesel::sql_types::SqlOrd for crate::ids::Uid {}
}

/// An instant as stored: whole microseconds, so that both backends return what they were given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, AsExpression, FromSqlRow)]
#[diesel(sql_type = sql::Ts)]
pub struct Ts(Timestamp);

/// 2000-01-01, PostgreSQL's epoch, in microseconds since 1970.
const PG_EPOCH: i64 = 946_684_800_000_000;

impl From<Timestamp> for Ts {
    fn from(at: Timestamp) -> Self {
        Self(crate::clock::whole_millis(at))
    }
}

impl From<Ts> for Timestamp {
    fn from(at: Ts) -> Self {
        at.0
    }
}

impl Ts {
    /// The instant.
    pub fn get(self) -> Timestamp {
        self.0
    }
}

/// Does for our SQL types what `derive(MultiConnection)` does for diesel's.
macro_rules! multi_sql_type {
    ($($sql:ty),*) => {$(
        impl HasSqlType<$sql> for MultiBackend {
            fn metadata(lookup: &mut Self::MetadataLookup) -> Self::TypeMetadata {
                MultiBackend::lookup_sql_type::<$sql>(lookup)
            }
        }
    )*};
}
multi_sql_type!(ids::Uid, sql::Ts);

macro_rules! multi_value {
    ($rust:ty => $sql:path) => {
        impl ToSql<$sql, MultiBackend> for $rust {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, MultiBackend>) -> serialize::Result {
                out.set_value(($sql, self));
                Ok(IsNull::No)
            }
        }
        impl FromSql<$sql, MultiBackend> for $rust {
            fn from_sql(value: <MultiBackend as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
                value.from_sql::<$rust, $sql>()
            }
        }
    };
}

macro_rules! id_columns {
    ($($name:ident),*) => {$(
        impl ToSql<ids::Uid, Pg> for ids::$name {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
                ToSql::<diesel::sql_types::Uuid, Pg>::to_sql(&self.0, out)
            }
        }
        impl ToSql<ids::Uid, Sqlite> for ids::$name {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
                out.set_value(self.0.as_bytes().as_slice());
                Ok(IsNull::No)
            }
        }
        impl FromSql<ids::Uid, Pg> for ids::$name {
            fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
                <uuid::Uuid as FromSql<diesel::sql_types::Uuid, Pg>>::from_sql(value).map(Self)
            }
        }
        impl FromSql<ids::Uid, Sqlite> for ids::$name {
            fn from_sql(mut value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
                Ok(Self(uuid::Uuid::from_slice(value.read_blob())?))
            }
        }
        multi_value!(ids::$name => ids::Uid);
    )*};
}
ids::for_each_id!(id_columns);

impl ToSql<sql::Ts, Pg> for Ts {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        ToSql::<BigInt, Pg>::to_sql(&(self.0.as_microsecond() - PG_EPOCH), &mut out.reborrow())
    }
}
impl FromSql<sql::Ts, Pg> for Ts {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        let micros = <i64 as FromSql<BigInt, Pg>>::from_sql(value)?;
        Ok(Self(Timestamp::from_microsecond(micros + PG_EPOCH)?))
    }
}
impl ToSql<sql::Ts, Sqlite> for Ts {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0.as_microsecond());
        Ok(IsNull::No)
    }
}
impl FromSql<sql::Ts, Sqlite> for Ts {
    fn from_sql(mut value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
        Ok(Self(Timestamp::from_microsecond(value.read_long())?))
    }
}
multi_value!(Ts => sql::Ts);

impl ToSql<Text, Pg> for CheckInTime {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(self.word().as_bytes())?;
        Ok(IsNull::No)
    }
}
impl ToSql<Text, Sqlite> for CheckInTime {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.word());
        Ok(IsNull::No)
    }
}
impl FromSql<Text, Pg> for CheckInTime {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        check_in_time(&<String as FromSql<Text, Pg>>::from_sql(value)?)
    }
}
impl FromSql<Text, Sqlite> for CheckInTime {
    fn from_sql(value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
        check_in_time(&<String as FromSql<Text, Sqlite>>::from_sql(value)?)
    }
}
multi_value!(CheckInTime => Text);

fn check_in_time(word: &str) -> deserialize::Result<CheckInTime> {
    CheckInTime::of_word(word).ok_or_else(|| format!("{word:?} is no time of a check-in").into())
}

//! Typed ids: UUIDv7 values made by the program, one type per noun, opaque and typed on the wire.

use crate::chance::Chance;
use jiff::Timestamp;
use uuid::Uuid;

/// The SQL type of every id: `uuid` on PostgreSQL, a 16-byte BLOB on SQLite.
#[derive(diesel::sql_types::SqlType, diesel::query_builder::QueryId, Clone, Copy, Debug, Default)]
#[diesel(postgres_type(oid = 2950, array_oid = 2951), sqlite_type(name = "Binary"))]
pub struct Uid;

/// A time-ordered UUID (RFC 9562, version 7) of the instant `now`: its milliseconds, then 74 random bits.
fn uuid_at(now: Timestamp, chance: &Chance) -> Uuid {
    // A v7 id cannot hold an instant before 1970; the order of such ids does not matter.
    let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &chance.bytes()).into_uuid()
}

/// What every typed id has in common.
pub trait TypedId: Copy {
    /// The noun that the id starts with on the wire, such as `CheckIn`.
    const NOUN: &'static str;
    /// The bare UUID.
    fn uuid(self) -> Uuid;
    /// The id of a bare UUID.
    fn of(uuid: Uuid) -> Self;
}

/// The noun of an id as written on the wire; the rest is not checked.
pub fn noun(text: &str) -> Option<&str> {
    text.split_once('_').map(|(noun, _)| noun)
}

/// Each of some ids once, in a fixed order.
pub fn distinct<I: Ord>(ids: impl IntoIterator<Item = I>) -> Vec<I> {
    let mut ids: Vec<I> = ids.into_iter().collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $noun:literal),* $(,)?) => {
        $(
            $(#[$doc])*
            #[derive(
                Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
                diesel::expression::AsExpression, diesel::deserialize::FromSqlRow,
            )]
            #[diesel(sql_type = Uid)]
            #[serde(transparent)]
            pub struct $name(pub Uuid);

            impl $name {
                /// A new id, ordered by `now` and otherwise random.
                pub fn at(now: Timestamp, chance: &Chance) -> Self {
                    Self(uuid_at(now, chance))
                }
            }

            impl TypedId for $name {
                const NOUN: &'static str = $noun;
                fn uuid(self) -> Uuid {
                    self.0
                }
                fn of(uuid: Uuid) -> Self {
                    Self(uuid)
                }
            }

            impl std::fmt::Display for $name {
                fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    write!(f, "{}_{}", $noun, self.0.simple())
                }
            }

            impl std::str::FromStr for $name {
                type Err = MalformedId;
                fn from_str(text: &str) -> Result<Self, MalformedId> {
                    let (noun, rest) = text.split_once('_').ok_or(MalformedId)?;
                    // Only the canonical form is an id: one object, one spelling.
                    if noun != $noun || rest.len() != 32 || rest.bytes().any(|b| b.is_ascii_uppercase()) {
                        return Err(MalformedId);
                    }
                    Uuid::try_parse(rest).map(Self).map_err(|_| MalformedId)
                }
            }
        )*

        /// Calls a macro with every id type, for the column impls of `store`.
        macro_rules! for_each_id {
            ($callback:ident) => { $callback!($($name),*); };
        }
        pub(crate) use for_each_id;
    };
}

/// The text is not an id of this type. To a client that is the same as a missing object (R29).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an id of this type")]
pub struct MalformedId;

ids! {
    /// One person.
    AccountId = "Account",
    /// A statement of consent that a person made.
    ConsentId = "Consent",
    /// Something asked for by e-mail address: a sign-up to confirm, a password to reset.
    AddressRequestId = "AddressRequest",
    /// One signed-in device: a refresh-token family.
    SessionId = "Session",
    /// One refresh token of a family.
    RefreshTokenId = "RefreshToken",
    /// One passkey.
    PasskeyId = "Passkey",
    /// One Web Push subscription.
    DeviceId = "Device",
    /// The tie of two accounts.
    LinkId = "PartnerLink",
    /// One immutable text of a negotiation.
    RevisionId = "Revision",
    /// One person's yes to one Revision.
    AgreementId = "Agreement",
    /// One occasion.
    SceneId = "Scene",
    /// What was given right after a scene.
    AftercareId = "Aftercare",
    /// One question to one person about one scene at one due time.
    CheckInId = "CheckIn",
    /// One person's wish to hear from the other.
    PleaId = "Plea",
    /// A check-in as the partner of its subject sees it.
    PartnerCheckInId = "PartnerCheckIn",
    /// What of an answer the partner of its author sees.
    SharedAnswerId = "SharedAnswer",
    /// The signed-in person, and what is theirs.
    ViewerId = "Viewer",
    /// One record of having reached out.
    OutreachId = "Outreach",
    /// One entry of a person's journal.
    JournalEntryId = "JournalEntry",
    /// One entry of a person's feed of changes. Never on the wire.
    ChangeId = "Change",
    /// One message to one person on one channel, for one reason.
    NudgeId = "Nudge",
    /// One try to hand a Nudge to a provider.
    AttemptId = "Attempt",
    /// One export of a person's data.
    ExportId = "Export",
    /// A piece of an export.
    ChunkId = "Chunk",
    /// One worker process: who has a lease.
    WorkerId = "Worker",
    /// A row of any table, where the table does not matter. Never on the wire.
    RowId = "Row",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_only_as_its_own_type() {
        let id = CheckInId::at(Timestamp::UNIX_EPOCH, &Chance::seeded(0));
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_string().parse::<SceneId>(), Err(MalformedId));
        assert_eq!(id.to_string().to_uppercase().parse::<CheckInId>(), Err(MalformedId));
    }

    #[test]
    fn ids_are_in_the_order_of_their_instants_and_differ_within_one() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let ids = [-5, 0, 1, 1_800_000_000].map(|second| RowId::at(at(second), &Chance::seeded(0)));
        assert!(ids[1..].is_sorted(), "{ids:?}");
        assert_eq!(ids.map(|id| id.0.get_version_num()), [7; 4]);
        assert_eq!(ids[3].0.get_timestamp().map(|at| at.to_unix().0), Some(1_800_000_000));
        let again = || RowId::at(at(1), &Chance::seeded(0));
        assert_ne!(again(), again());
    }

    #[test]
    fn the_noun_is_what_stands_before_the_first_underscore() {
        assert_eq!(noun("CheckIn_0_1"), Some("CheckIn"));
        assert_eq!(noun("CheckIn"), None);
    }
}

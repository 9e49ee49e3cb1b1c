//! The change feed.

diesel::table! {
    use crate::ids::Uid;
    use diesel::sql_types::BigInt;

    /// How far everybody's feed has come.
    feeds (account_id) {
        /// Whose.
        account_id -> Uid,
        /// The number of the latest change that was told at once; 0: none was.
        told -> BigInt,
    }
}

diesel::table! {
    use crate::ids::Uid;
    use crate::store::types::sql::Ts;
    use diesel::sql_types::{BigInt, Nullable, Text};

    /// One object that changed, for one person who may see it.
    changes (id) {
        id -> Uid,
        /// For whom.
        account_id -> Uid,
        /// What happened.
        kind -> Text,
        /// The object's id.
        object_id -> Uid,
        /// The other one's check-in of which something was shared.
        check_in_id -> Nullable<Uid>,
        /// Its place among what was told at once; null: it is told at told_at.
        number -> Nullable<BigInt>,
        /// When it was told, or is to be.
        told_at -> Ts,
    }
}

//! The change feed.

diesel::table! {
    use crate::ids::Uid;
    use diesel::sql_types::BigInt;

    /// How far the feed of each account has come.
    feeds (account_id) {
        /// The account it belongs to.
        account_id -> Uid,
        /// The number of the latest change that was told at once; 0: none yet.
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
        /// The account that the change is for.
        account_id -> Uid,
        /// What happened.
        kind -> Text,
        /// The object's id.
        object_id -> Uid,
        /// The partner's check-in, if the change is that its answer was shared.
        check_in_id -> Nullable<Uid>,
        /// Its number in the account's feed, if it was told at once; null: it is told at told_at.
        number -> Nullable<BigInt>,
        /// When it was told, or will be.
        told_at -> Ts,
    }
}

//! Erasures, requested and done.

diesel::table! {
    use crate::ids::Uid;
    use crate::store::types::sql::Ts;
    use diesel::sql_types::{BigInt, Nullable, Text};

    /// A requested erasure that can still be undone.
    erasures (account_id) {
        /// The account.
        account_id -> Uid,
        /// When it was requested.
        requested_at -> Ts,
        /// When it takes place.
        erase_at -> Ts,
        /// Which start of which machine it was requested on; null: not known.
        boot_id -> Nullable<Text>,
        /// The boot-time clock then, in milliseconds.
        boot_ms -> Nullable<BigInt>,
    }
}

diesel::table! {
    use crate::ids::Uid;
    use crate::store::types::sql::Ts;
    use diesel::sql_types::{Binary, Bool, Integer, Nullable, Text};

    /// Accounts that were erased.
    erased (account_hash) {
        /// SHA-256 of the account's id.
        account_hash -> Binary,
        /// When it was erased.
        erased_at -> Ts,
    }
}

//! Exports and their chunks.

diesel::table! {
    use crate::ids::Uid;
    use crate::store::types::sql::Ts;
    use diesel::sql_types::{BigInt, Binary, Integer, Nullable, Text};

    /// An export of everything that belongs to one person.
    exports (id) {
        id -> Uid,
        /// The account it belongs to.
        account_id -> Uid,
        /// waiting, ready.
        state -> Text,
        /// When it was requested.
        requested_at -> Ts,
        /// When it became ready.
        ready_at -> Nullable<Ts>,
        /// When it is deleted, downloaded or not.
        expires_at -> Ts,
        /// Its size in bytes, once it is ready.
        size -> Nullable<BigInt>,
        /// How often a worker began to build it: the fence of its lease.
        attempts -> Integer,
        /// When the lease of the worker that builds it ends.
        lease_until -> Nullable<Ts>,
        /// SHA-256 of the download token.
        token_hash -> Nullable<Binary>,
        /// When that token stops working.
        token_expires_at -> Nullable<Ts>,
    }
}

diesel::table! {
    use crate::ids::Uid;
    use crate::store::types::sql::Ts;
    use diesel::sql_types::{Binary, Bool, Integer, Nullable, Text};

    /// A chunk of an export.
    export_chunks (id) {
        id -> Uid,
        /// The export.
        export_id -> Uid,
        /// Its position in the export, from 0.
        number -> Integer,
        /// The chunk, sealed with the account's data key.
        content -> Binary,
    }
}

diesel::joinable!(export_chunks -> exports (export_id));

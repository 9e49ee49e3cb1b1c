//! Exports and their pieces.

diesel::table! {
    use crate::ids::Uid;
    use crate::store::types::sql::Ts;
    use diesel::sql_types::{BigInt, Binary, Integer, Nullable, Text};

    /// Everything of one person, taken out.
    exports (id) {
        id -> Uid,
        /// Whose.
        account_id -> Uid,
        /// waiting, ready.
        state -> Text,
        /// When it was asked for.
        requested_at -> Ts,
        /// When it was ready.
        ready_at -> Nullable<Ts>,
        /// When it is thrown away, fetched or not.
        expires_at -> Ts,
        /// How many bytes it has, when it is ready.
        size -> Nullable<BigInt>,
        /// How often somebody began to make it: the fence of a lease.
        attempts -> Integer,
        /// Until when whoever makes it has it for themselves.
        lease_until -> Nullable<Ts>,
        /// SHA-256 of the token with which it can be fetched.
        token_hash -> Nullable<Binary>,
        /// When that token stops working.
        token_expires_at -> Nullable<Ts>,
    }
}

diesel::table! {
    use crate::ids::Uid;
    use crate::store::types::sql::Ts;
    use diesel::sql_types::{Binary, Bool, Integer, Nullable, Text};

    /// An export in pieces.
    export_chunks (id) {
        id -> Uid,
        /// Of which export.
        export_id -> Uid,
        /// Its place in the export, from 0.
        number -> Integer,
        /// A piece of the archive, sealed with the account's data key.
        content -> Binary,
    }
}

diesel::joinable!(export_chunks -> exports (export_id));

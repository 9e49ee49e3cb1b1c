//! Responses kept for idempotency keys.

diesel::table! {
    use crate::ids::Uid;
    use crate::store::types::sql::Ts;
    use diesel::sql_types::{Binary, Bool, Integer, Nullable, Text};

    /// Mutations that were sent with an idempotency key (R04).
    idempotency_keys (key_hash) {
        /// Keyed hash of the account and the client's key.
        key_hash -> Binary,
        /// Keyed hash of the request: another request under the same key is refused.
        body_hash -> Binary,
        /// The response, sealed; null: there is none yet.
        response -> Nullable<Binary>,
        /// When it was first sent. The row is kept for a day.
        created_at -> Ts,
        /// The account that sent it; null: nobody was signed in.
        account_id -> Nullable<Uid>,
        /// Until when the response is given again, where it holds a secret; null: as long as the row is kept.
        secret_until -> Nullable<Ts>,
    }
}

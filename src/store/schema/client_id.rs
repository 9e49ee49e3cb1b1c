//! Ids that apps gave to what they created.

diesel::table! {
    use crate::ids::Uid;
    use diesel::sql_types::{Binary, Text};

    /// What an app created under an id of its own, so that it is created once (R04).
    client_ids (account_id, client_hash) {
        /// Whose app made the id.
        account_id -> Uid,
        /// Keyed hash of the account and the id.
        client_hash -> Binary,
        /// The noun of what was created, as its id has it on the wire.
        noun -> Text,
        /// What was created, or what was found instead. It may be gone.
        object_id -> Uid,
    }
}

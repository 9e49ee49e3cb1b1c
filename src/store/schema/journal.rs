//! Journal entries.

use super::account::accounts;

diesel::table! {
    use crate::ids::Uid;
    use crate::store::types::sql::Ts;
    use diesel::sql_types::{Binary, Bool, Integer, Nullable, Text};

    /// One entry of a person's journal.
    journal_entries (id) {
        id -> Uid,
        /// The account it belongs to.
        account_id -> Uid,
        /// The scene that it is about; null: none.
        scene_id -> Nullable<Uid>,
        /// The text, sealed with the account's data key.
        content -> Binary,
        /// When it was written, as shown in the journal.
        written_at -> Ts,
        /// When it was last changed; null: never.
        edited_at -> Nullable<Ts>,
        /// When it was saved.
        created_at -> Ts,
    }
}

diesel::joinable!(journal_entries -> accounts (account_id));

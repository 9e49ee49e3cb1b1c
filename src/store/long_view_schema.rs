//! The tables of the long view: debriefs and the journal.

diesel::table! {
    use crate::ids::Uid;
    use crate::store::types::sql::Ts;
    use diesel::sql_types::{Binary, Bool, Integer, Nullable, Text};

    /// One person's reflection on a scene.
    debriefs (scene_id, account_id) {
        /// The scene.
        scene_id -> Uid,
        /// Who wrote it.
        account_id -> Uid,
        /// The text, sealed with its author's data key.
        content -> Binary,
        /// When it was written, or last replaced.
        written_at -> Ts,
    }
}

diesel::table! {
    use crate::ids::Uid;
    use crate::store::types::sql::Ts;
    use diesel::sql_types::{Binary, Bool, Integer, Nullable, Text};

    /// One entry of a person's journal.
    journal_entries (id) {
        id -> Uid,
        /// Whose.
        account_id -> Uid,
        /// The scene that it is about; null: none.
        scene_id -> Nullable<Uid>,
        /// The text, sealed with the account's data key.
        content -> Binary,
        /// The instant under which it stands in the journal.
        written_at -> Ts,
        /// When it was last changed; null: never.
        edited_at -> Nullable<Ts>,
        /// When it was saved.
        created_at -> Ts,
    }
}

//! Debriefs.

use super::scene::scenes;

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

diesel::joinable!(debriefs -> scenes (scene_id));

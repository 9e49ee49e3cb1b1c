//! Scenes, each person's part in them, aftercare and outreach.

use super::partner_link::partner_links;

diesel::table! {
    use crate::ids::Uid;
    use crate::store::types::sql::Ts;
    use diesel::sql_types::{Binary, Bool, Integer, Nullable, Text};

    /// One occasion.
    scenes (id) {
        id -> Uid,
        /// The link; null: it is of created_by alone.
        link_id -> Nullable<Uid>,
        /// planned, under_way, ended, cancelled.
        status -> Text,
        /// in_person, online.
        setting -> Text,
        /// 1 to 5.
        intensity -> Nullable<Integer>,
        /// When it is planned to begin.
        planned_for -> Nullable<Ts>,
        /// When it began.
        started_at -> Nullable<Ts>,
        /// When it ended.
        ended_at -> Nullable<Ts>,
        /// The agreed Revision that it stood under; null: none.
        revision_id -> Nullable<Uid>,
        /// The account that recorded it.
        created_by -> Nullable<Uid>,
        /// When it was recorded.
        created_at -> Ts,
        /// When the two part, or parted; null: nobody said.
        parted_at -> Nullable<Ts>,
        /// When that was said last; null: nobody said.
        parting_said_at -> Nullable<Ts>,
    }
}

diesel::table! {
    use crate::ids::Uid;
    use crate::store::types::sql::Ts;
    use diesel::sql_types::{Binary, Bool, Integer, Nullable, Text};

    /// One person's part in a scene.
    scene_members (scene_id, account_id) {
        /// The scene.
        scene_id -> Uid,
        /// The person.
        account_id -> Uid,
        /// The role in this scene.
        role -> Text,
        /// The alert_allowed of the link, overridden for this scene; null: the link's applies.
        alert_allowed -> Nullable<Bool>,
    }
}

diesel::table! {
    use crate::ids::Uid;
    use crate::store::types::sql::Ts;
    use diesel::sql_types::{Binary, Bool, Integer, Nullable, Text};

    /// What was given right after a scene.
    aftercare (id) {
        id -> Uid,
        /// The scene.
        scene_id -> Uid,
        /// The account that wrote it down.
        recorded_by -> Nullable<Uid>,
        /// What, for whom, how long, and a note, sealed with the data key of whoever wrote it down.
        content -> Nullable<Binary>,
        /// When it was written down.
        created_at -> Ts,
    }
}

diesel::table! {
    use crate::ids::Uid;
    use crate::store::types::sql::Ts;
    use diesel::sql_types::{Binary, Bool, Integer, Nullable, Text};

    /// A record of having reached out.
    outreaches (id) {
        id -> Uid,
        /// The scene it is about.
        scene_id -> Uid,
        /// Who reached out.
        account_id -> Uid,
        /// message, call, video, in_person.
        way -> Text,
        /// When the person reached out.
        happened_at -> Ts,
        /// When it was written down.
        created_at -> Ts,
    }
}

diesel::joinable!(scenes -> partner_links (link_id));
diesel::joinable!(scene_members -> scenes (scene_id));
diesel::joinable!(aftercare -> scenes (scene_id));
diesel::joinable!(outreaches -> scenes (scene_id));

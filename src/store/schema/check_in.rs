//! Check-ins with their answers.

use super::account::accounts;
use super::scene::scenes;

diesel::table! {
    use crate::ids::Uid;
    use crate::store::types::sql::Ts;
    use diesel::sql_types::{Binary, Bool, Integer, Nullable, Text};

    /// One question to one person about one scene at one due time.
    check_ins (id) {
        id -> Uid,
        /// The scene.
        scene_id -> Uid,
        /// The scene's link; null: it is of one person alone.
        link_id -> Nullable<Uid>,
        /// Who is asked.
        subject_id -> Uid,
        /// Minutes from the scene's end until it falls due; null: it has a time of another kind.
        offset_minutes -> Nullable<Integer>,
        /// When it falls due.
        due_at -> Ts,
        /// When its ladder ends.
        closes_at -> Ts,
        /// unanswered, answered, skipped.
        state -> Text,
        /// When the subject's snooze ends.
        snoozed_until -> Nullable<Ts>,
        /// How often the subject snoozed it; part of its nudges' keys.
        round -> Integer,
        /// Mood, signs, need and note, sealed with the subject's data key.
        answer -> Nullable<Binary>,
        /// How much of the answer the partner sees: nothing, mood, all.
        share -> Nullable<Text>,
        /// When the subject answered.
        answered_at -> Nullable<Ts>,
        /// When the scene was ended.
        created_at -> Ts,
        /// How much of the answer the partner sees before shared_from: nothing, mood, all; null: nothing.
        share_before -> Nullable<Text>,
        /// When share takes effect for the partner; null: since it was answered.
        shared_from -> Nullable<Ts>,
        /// Until when a pause of the subject postponed it; null: none did.
        postponed_until -> Nullable<Ts>,
        /// Whether the subject gave a sign of life in the scene since it fell due.
        heard_from -> Bool,
        /// The time of the protocol, as an agreement's text spells it; null: offset_minutes has it.
        check_in_time -> Nullable<Text>,
        /// When the scene ended.
        ended_at -> Ts,
    }
}

diesel::joinable!(check_ins -> scenes (scene_id));
diesel::joinable!(check_ins -> accounts (subject_id));

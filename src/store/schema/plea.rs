//! Pleas: one person's wish to hear from the other.

diesel::table! {
    use crate::ids::Uid;
    use crate::store::types::sql::Ts;
    use diesel::sql_types::Nullable;

    /// "I would like to hear from you": one person asks the other by hand.
    pleas (id) {
        id -> Uid,
        /// The tie of the two.
        link_id -> Uid,
        /// The scene that it was made from; null: none.
        scene_id -> Nullable<Uid>,
        /// Who would like to hear from the other.
        author_id -> Uid,
        /// When it was made. It goes out two minutes later.
        created_at -> Ts,
        /// When its author took it back, before that; null: they did not.
        taken_back_at -> Nullable<Ts>,
    }
}

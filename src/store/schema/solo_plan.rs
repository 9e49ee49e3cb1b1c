//! What somebody needs after a scene of their own, and when they want to be asked.

diesel::table! {
    use crate::ids::Uid;
    use crate::store::types::sql::Ts;
    use diesel::sql_types::Binary;

    /// One person's plan for scenes of their own.
    solo_plans (account_id) {
        /// The person.
        account_id -> Uid,
        /// Needs and protocol, sealed with the account's data key.
        content -> Binary,
        /// When it was written last.
        written_at -> Ts,
    }
}

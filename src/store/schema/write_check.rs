//! Whether the database takes writes.

diesel::table! {
    use crate::ids::Uid;
    use crate::store::types::sql::Ts;

    /// The last write that was made only to see whether writes are taken.
    write_checks (id) {
        /// Always nil: there is one row.
        id -> Uid,
        /// When.
        checked_at -> Ts,
    }
}

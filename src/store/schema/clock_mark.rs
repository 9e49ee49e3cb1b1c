//! What workers compare their clocks with.

diesel::table! {
    use crate::ids::Uid;
    use crate::store::types::sql::Ts;
    use diesel::sql_types::{BigInt, Text};

    /// The last moment at which all clocks of a worker agreed.
    clock_marks (id) {
        /// Always nil: there is one row.
        id -> Uid,
        /// The wall clock.
        wall_at -> Ts,
        /// Which start of which machine the boot-time clock counts from.
        boot_id -> Text,
        /// The boot-time clock, in milliseconds.
        boot_ms -> BigInt,
        /// How far the wall clock was put forward on that start, and believed, in milliseconds.
        advance_ms -> BigInt,
    }
}

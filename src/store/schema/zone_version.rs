//! Which version of the tz database planned what waits.

diesel::table! {
    use crate::ids::Uid;
    use diesel::sql_types::Text;

    /// Which version of the tz database planned what waits: under newer rules it is planned anew.
    zone_rules (id) {
        /// Always nil: there is one row.
        id -> Uid,
        /// The version, such as 2025b.
        version -> Text,
    }
}

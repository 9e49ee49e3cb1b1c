//! The house secret of this database, and the progress of a renewal of data keys.

diesel::table! {
    use crate::ids::Uid;
    use diesel::sql_types::Binary;

    /// The house secret: every key that is not a data key is derived from it.
    house_secrets (id) {
        /// Always nil: there is one row.
        id -> Uid,
        /// The secret, wrapped by the master key in force.
        secret -> Binary,
    }
}

diesel::table! {
    use crate::ids::Uid;
    use diesel::sql_types::Text;

    /// The progress of a renewal of the data keys; there are rows only while one is under way.
    key_renewals (owner) {
        /// The table whose data keys are renewed: accounts, partner_links.
        owner -> Text,
        /// The last owner that has a new key.
        reached -> Uid,
    }
}

//! The secret of this database, and how far a renewal of data keys has come.

diesel::table! {
    use crate::ids::Uid;
    use diesel::sql_types::Binary;

    /// The secret of this database, from which everything is derived that is not a data key.
    house_secrets (id) {
        /// Always nil: there is one.
        id -> Uid,
        /// The secret, wrapped by the master key in force.
        secret -> Binary,
    }
}

diesel::table! {
    use crate::ids::Uid;
    use diesel::sql_types::Text;

    /// How far a renewal of the data keys has come; there is a row only while it is under way.
    key_renewals (owner) {
        /// The table whose data keys are renewed: accounts, partner_links.
        owner -> Text,
        /// The id up to which owners have new keys.
        reached -> Uid,
    }
}

//! Partner links and their two sides.

use super::account::accounts;

diesel::table! {
    use crate::ids::Uid;
    use crate::store::types::sql::Ts;
    use diesel::sql_types::{Binary, Bool, Integer, Nullable, Text};

    /// The tie of two accounts.
    partner_links (id) {
        id -> Uid,
        /// invited, active, ended.
        status -> Text,
        /// The link's data key, wrapped by the master key.
        data_key -> Binary,
        /// The account that gave out the code.
        inviter_id -> Nullable<Uid>,
        /// Keyed hash of the invitation code, while it is open.
        code_hash -> Nullable<Binary>,
        /// When the code stops working.
        code_expires_at -> Nullable<Ts>,
        /// Both accounts' ids in order: one active link a pair.
        pair -> Nullable<Binary>,
        /// When the invitation was made.
        created_at -> Ts,
        /// When it was accepted.
        active_at -> Nullable<Ts>,
        /// When it ended.
        ended_at -> Nullable<Ts>,
    }
}

diesel::table! {
    use crate::ids::Uid;
    use crate::store::types::sql::Ts;
    use diesel::sql_types::{Binary, Bool, Integer, Nullable, Text};

    /// One person's side of a link.
    link_members (link_id, account_id) {
        /// The link.
        link_id -> Uid,
        /// The person.
        account_id -> Uid,
        /// The default role on scenes of this link.
        role -> Text,
        /// Whether the person allows the partner to be told that reaching out would be welcome.
        alert_allowed -> Bool,
        /// The person's Needs, sealed with the link's data key.
        needs -> Nullable<Binary>,
        /// When they were last written.
        needs_written_at -> Nullable<Ts>,
        /// Whether the person wants the two to see how many promises they kept.
        promise_count_wanted -> Bool,
        /// The person's display name when the link ended, sealed with the link's data key.
        name_at_end -> Nullable<Binary>,
        /// Whether the person may be woken by a plea of the other.
        pleas_at_night -> Bool,
    }
}

diesel::joinable!(link_members -> partner_links (link_id));
diesel::joinable!(link_members -> accounts (account_id));

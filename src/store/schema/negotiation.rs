//! Revisions, their parts, and the agreements to them.

use super::partner_link::partner_links;

diesel::table! {
    use crate::ids::Uid;
    use crate::store::types::sql::Ts;
    use diesel::sql_types::{Binary, Bool, Integer, Nullable, Text};

    /// One immutable text of a negotiation.
    revisions (id) {
        id -> Uid,
        /// The link.
        link_id -> Uid,
        /// Its number in the link, from 1.
        number -> Integer,
        /// The account that proposed it.
        author_id -> Nullable<Uid>,
        /// The part of the text that both share, sealed with the link's data key.
        content -> Binary,
        /// SHA-256 of that part: what an agreement names.
        content_hash -> Binary,
        /// When it was proposed.
        created_at -> Ts,
        /// Its state when one of the two accounts was erased; null: it follows from the agreements.
        final_state -> Nullable<Text>,
    }
}

diesel::table! {
    use crate::ids::Uid;
    use crate::store::types::sql::Ts;
    use diesel::sql_types::{Binary, Bool, Integer, Nullable, Text};

    /// One person's words in a Revision.
    revision_parts (revision_id, account_id) {
        /// The Revision.
        revision_id -> Uid,
        /// The account whose words they are.
        account_id -> Uid,
        /// Which of the Revision's two digests is theirs, from 0.
        side -> Integer,
        /// Their Needs, the terms if they proposed them, and a salt, sealed with the account's data key.
        content -> Binary,
    }
}

diesel::table! {
    use crate::ids::Uid;
    use crate::store::types::sql::Ts;
    use diesel::sql_types::{Binary, Bool, Integer, Nullable, Text};

    /// One person's yes to one Revision.
    agreements (id) {
        id -> Uid,
        /// The Revision.
        revision_id -> Uid,
        /// The account it belongs to.
        account_id -> Uid,
        /// The hash that the person named.
        content_hash -> Binary,
        /// When the person agreed.
        agreed_at -> Ts,
        /// When it was taken back.
        withdrawn_at -> Nullable<Ts>,
    }
}

diesel::joinable!(revisions -> partner_links (link_id));
diesel::joinable!(revision_parts -> revisions (revision_id));
diesel::joinable!(agreements -> revisions (revision_id));

//! Tokens of pages that sign nobody in.

diesel::table! {
    use crate::ids::Uid;
    use crate::store::types::sql::Ts;
    use diesel::sql_types::{Binary, Nullable, Text};

    /// What the links in nudges and mails are good for: pages that sign nobody in.
    page_tokens (token_hash) {
        /// SHA-256 of the token. The token itself is derived from a row's id and a key, and is not kept.
        token_hash -> Binary,
        /// answer, choices.
        purpose -> Text,
        /// Whose token it is.
        account_id -> Uid,
        /// The check-in that can be answered with it; null: it is for what comes by mail.
        check_in_id -> Nullable<Uid>,
        /// When it first went out.
        created_at -> Ts,
        /// When it stops working.
        expires_at -> Ts,
    }
}

//! Tokens of pages that sign nobody in.

use super::account::accounts;
use super::session::sessions;

diesel::table! {
    use crate::ids::Uid;
    use crate::store::types::sql::Ts;
    use diesel::sql_types::{Binary, Integer, Nullable, Text};

    /// The tokens in the links of nudges and mails. Their pages sign nobody in.
    page_tokens (token_hash, number) {
        /// SHA-256 of the token. The token itself is derived from a row's id and a key, and is not kept.
        token_hash -> Binary,
        /// answer, choices.
        purpose -> Text,
        /// The account that it belongs to.
        account_id -> Uid,
        /// The check-in that can be answered with it; null: it is for the mail choices.
        check_in_id -> Nullable<Uid>,
        /// The session whose device it was sent to; it works while that is live. Null: it was sent by mail.
        session_id -> Nullable<Uid>,
        /// The account's link_epoch when it was made; it works while that is the same.
        link_epoch -> Integer,
        /// When it first went out.
        created_at -> Ts,
        /// When it stops working.
        expires_at -> Ts,
        /// The round of its check-in to which an answering link belongs; 0 for others.
        round -> Integer,
        /// SHA-256 of the attempt that settled the check-in or put it off by this link; null: none did, or it was not named.
        attempt_hash -> Nullable<Binary>,
        /// Which of the questions of its message it is, from 0.
        number -> Integer,
    }
}

diesel::joinable!(page_tokens -> accounts (account_id));
diesel::joinable!(page_tokens -> sessions (session_id));

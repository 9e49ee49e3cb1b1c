//! Sessions and their refresh tokens.

use super::account::accounts;

diesel::table! {
    use crate::ids::Uid;
    use crate::store::types::sql::Ts;
    use diesel::sql_types::{Binary, Bool, Integer, Nullable, Text};

    /// One signed-in device: a refresh-token family.
    sessions (id) {
        id -> Uid,
        /// Who is signed in.
        account_id -> Uid,
        /// The device's name, sealed with the account's data key.
        label -> Binary,
        /// When it was signed in.
        created_at -> Ts,
        /// When its tokens were last refreshed.
        last_used_at -> Ts,
        /// When the person signed out, or the session was ended.
        ended_at -> Nullable<Ts>,
        /// When the person last reauthenticated in it; the log-in counts. Null: before this was recorded.
        proved_at -> Nullable<Ts>,
        /// When an exchanged token of the family was used again, which ended the session.
        reused_at -> Nullable<Ts>,
    }
}

diesel::table! {
    use crate::ids::Uid;
    use crate::store::types::sql::Ts;
    use diesel::sql_types::{Binary, Bool, Integer, Nullable, Text};

    /// The refresh tokens of a family.
    refresh_tokens (id) {
        id -> Uid,
        /// The family.
        session_id -> Uid,
        /// SHA-256 of the token.
        token_hash -> Binary,
        /// When it was given out.
        issued_at -> Ts,
        /// When it stops working.
        expires_at -> Ts,
        /// When it was exchanged; after a short grace, another use ends the session.
        replaced_at -> Nullable<Ts>,
        /// The token that was exchanged for this one; null: the first of its family.
        predecessor_id -> Nullable<Uid>,
        /// SHA-256 of the attempt by which it was got; null: its exchange named none.
        attempt_hash -> Nullable<Binary>,
        /// When it was given out again to who lost the answer, which is done once.
        given_again_at -> Nullable<Ts>,
    }
}

diesel::joinable!(sessions -> accounts (account_id));
diesel::joinable!(refresh_tokens -> sessions (session_id));

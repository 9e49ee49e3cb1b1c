//! Requests by e-mail address.

diesel::table! {
    use crate::ids::Uid;
    use crate::store::types::sql::Ts;
    use diesel::sql_types::{Binary, Bool, Integer, Nullable, Text};

    /// A mail that is sent by address. The row looks alike whether or not the address has an account (R28).
    address_requests (id) {
        /// The token in the mail is derived from it and a key; the token itself is not kept.
        id -> Uid,
        /// confirm_address, reset_password, signed_out, confirm_new_address, address_change or security_change.
        purpose -> Text,
        /// The account that a signed-in person asked for; null: nobody was signed in.
        account_id -> Nullable<Uid>,
        /// Keyed hash of the normalised address.
        email_index -> Binary,
        /// The address, sealed with a key derived from the house secret.
        email -> Binary,
        /// What the person entered at sign-up, sealed with the same key.
        details -> Nullable<Binary>,
        /// SHA-256 of the token in the mail.
        token_hash -> Binary,
        /// When it was made.
        created_at -> Ts,
        /// When the token stops working.
        expires_at -> Ts,
        /// When the token was used.
        used_at -> Nullable<Ts>,
    }
}

//! What a person authenticates with: authenticator apps, recovery codes, passkeys.

diesel::table! {
    use crate::ids::Uid;
    use crate::store::types::sql::Ts;
    use diesel::sql_types::{BigInt, Binary, Integer, Nullable};

    /// The authenticator app of one person (RFC 6238).
    totp_factors (account_id) {
        /// The account it belongs to.
        account_id -> Uid,
        /// The shared secret, sealed with the account's data key.
        secret -> Binary,
        /// When it was begun.
        created_at -> Ts,
        /// When the person first typed back one of its codes; null: it does not count yet.
        confirmed_at -> Nullable<Ts>,
        /// The 30-second step of the last code used: codes of it and of earlier steps are refused.
        last_step -> Nullable<BigInt>,
        /// Wrong codes since wrong_since.
        wrong_codes -> Integer,
        /// When the first of them came; null: none did.
        wrong_since -> Nullable<Ts>,
    }
}

diesel::table! {
    use crate::ids::Uid;
    use crate::store::types::sql::Ts;
    use diesel::sql_types::{Binary, Nullable};

    /// A code that stands in for the app when it is lost; each works once.
    recovery_codes (code_hash) {
        /// SHA-256 of account and code.
        code_hash -> Binary,
        /// The account it belongs to.
        account_id -> Uid,
        /// When it was given out.
        created_at -> Ts,
        /// When it was used.
        used_at -> Nullable<Ts>,
    }
}

diesel::table! {
    use crate::ids::Uid;
    use crate::store::types::sql::Ts;
    use diesel::sql_types::{Binary, Bool, Integer};

    /// A log-in with the right password that waits for the second factor. Deleted when done, or after too many wrong
    /// codes.
    log_in_challenges (token_hash) {
        /// SHA-256 of the token that the device was given.
        token_hash -> Binary,
        /// The account that logs in.
        account_id -> Uid,
        /// The device's name, sealed with a key derived from the house secret.
        label -> Binary,
        /// SHA-256 of the password's hash: a log-in does not outlive the password.
        password_mark -> Binary,
        /// Wrong codes so far.
        wrong_codes -> Integer,
        /// When it stops working.
        expires_at -> Ts,
        /// Whether the device showed a token of an earlier session of the account.
        known_device -> Bool,
    }
}

diesel::table! {
    use crate::ids::Uid;
    use crate::store::types::sql::Ts;
    use diesel::sql_types::{Binary, Nullable};

    /// One passkey (WebAuthn).
    passkeys (id) {
        id -> Uid,
        /// The account it belongs to.
        account_id -> Uid,
        /// Keyed hash of the id that the authenticator gave it: the only way to find it by that.
        credential_index -> Binary,
        /// Public key, counter and flags, sealed with the account's data key.
        credential -> Binary,
        /// Its name, sealed with the account's data key.
        label -> Binary,
        /// When it was made.
        created_at -> Ts,
        /// When it was used last; null: never.
        last_used_at -> Nullable<Ts>,
    }
}

diesel::table! {
    use crate::ids::Uid;
    use crate::store::types::sql::Ts;
    use diesel::sql_types::{Binary, Nullable};

    /// A passkey ceremony that was begun. Deleted when it is finished, well or not.
    passkey_ceremonies (token_hash) {
        /// SHA-256 of the token that the device was given.
        token_hash -> Binary,
        /// The account; null: a log-in, whose account is not known yet.
        account_id -> Nullable<Uid>,
        /// What it is for and the challenge, sealed with a key derived from the house secret.
        state -> Binary,
        /// When it stops working.
        expires_at -> Ts,
    }
}

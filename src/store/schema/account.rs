//! Accounts, and the consents that people gave at sign-up.

diesel::table! {
    use crate::ids::Uid;
    use crate::store::types::sql::Ts;
    use diesel::sql_types::{Binary, Bool, Integer, Nullable, Text};

    /// One person.
    accounts (id) {
        /// Made by the program, UUIDv7.
        id -> Uid,
        /// Keyed hash of the normalised address: the only way to find an account by address.
        email_index -> Binary,
        /// The address, sealed with the account's data key.
        email -> Binary,
        /// What partners see, sealed with the account's data key.
        display_name -> Binary,
        /// Argon2id in PHC form.
        password_hash -> Text,
        /// The account's data key, wrapped by the master key. Without it nothing sealed can be read.
        data_key -> Binary,
        /// IANA time zone.
        zone -> Text,
        /// Start of quiet hours in minutes after local midnight; with quiet_until null: none.
        quiet_from -> Nullable<Integer>,
        /// End of quiet hours in minutes after local midnight.
        quiet_until -> Nullable<Integer>,
        /// How much of an answer is shared by default: nothing, mood, all.
        default_share -> Text,
        /// Whether pushes are wanted.
        push -> Bool,
        /// Whether mails about check-ins are wanted.
        mail -> Bool,
        /// No nudges before this instant; far in the future: until the person resumes them.
        paused_until -> Nullable<Ts>,
        /// When the mail server refused the address for good; null: it works.
        address_failed_at -> Nullable<Ts>,
        /// When the address was confirmed.
        created_at -> Ts,
        /// When the account was suspended; null: it is not.
        held_at -> Nullable<Ts>,
        /// The zone's offset from UTC in minutes when zone was last written; null: not noted yet.
        utc_offset -> Nullable<Integer>,
        /// Rises with a new password or address; a page token of an earlier number does not work any more.
        link_epoch -> Integer,
    }
}

diesel::table! {
    use crate::ids::Uid;
    use crate::store::types::sql::Ts;
    use diesel::sql_types::{Binary, Bool, Integer, Nullable, Text};

    /// A statement that a person made at sign-up.
    consents (id) {
        id -> Uid,
        /// The account that gave it.
        account_id -> Uid,
        /// Which statement: adult, health_data.
        kind -> Text,
        /// The version of its text.
        version -> Text,
        /// When the person gave it.
        given_at -> Ts,
        /// When it was taken back.
        withdrawn_at -> Nullable<Ts>,
    }
}

diesel::joinable!(consents -> accounts (account_id));

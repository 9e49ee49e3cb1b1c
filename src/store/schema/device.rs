//! Devices: Web Push subscriptions.

use super::account::accounts;

diesel::table! {
    use crate::ids::Uid;
    use crate::store::types::sql::Ts;
    use diesel::sql_types::{Binary, Bool, Integer, Nullable, Text};

    /// One Web Push subscription.
    devices (id) {
        id -> Uid,
        /// The account it belongs to.
        account_id -> Uid,
        /// Keyed hash of the endpoint: one subscription reaches one person.
        endpoint_index -> Binary,
        /// Endpoint, p256dh and auth, sealed with the account's data key.
        subscription -> Binary,
        /// The device's name, sealed with the account's data key.
        label -> Binary,
        /// When it was registered.
        created_at -> Ts,
        /// When it was removed, or the push service said that it is gone.
        ended_at -> Nullable<Ts>,
    }
}

diesel::joinable!(devices -> accounts (account_id));

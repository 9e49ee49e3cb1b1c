//! Devices: Web Push subscriptions.

use super::account::accounts;
use super::session::sessions;

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
        /// The session in which it was registered last; the device ends with it. Null: it gets nothing until then.
        session_id -> Nullable<Uid>,
        /// When it was registered.
        created_at -> Ts,
        /// When it was removed, or the push service said that it is gone.
        ended_at -> Nullable<Ts>,
        /// The lane of its push service: a short keyed hash of its origin; empty: not known yet.
        lane -> Text,
        /// Until when its push service asked that it be left alone; null or past: it did not.
        rests_until -> Nullable<Ts>,
    }
}

diesel::joinable!(devices -> accounts (account_id));
diesel::joinable!(devices -> sessions (session_id));

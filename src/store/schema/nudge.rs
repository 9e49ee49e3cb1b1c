//! Nudges and their attempts.

use super::check_in::check_ins;

diesel::table! {
    use crate::ids::Uid;
    use crate::store::types::sql::Ts;
    use diesel::sql_types::{Binary, Bool, Integer, Nullable, Text};

    /// One message to one person on one channel on one rung: the job that gets delivered.
    nudges (id) {
        id -> Uid,
        /// Check-in, round, rung, recipient and channel: the same need never makes two (R14).
        key -> Text,
        /// ask, email, ask_again, tell_partner, reach_out, plea, or the purpose of the address request.
        rung -> Text,
        /// push, mail.
        channel -> Text,
        /// The recipient's account; null: the mail goes to the request's address.
        recipient_id -> Nullable<Uid>,
        /// The check-in it is about.
        check_in_id -> Nullable<Uid>,
        /// The address request that it answers.
        address_request_id -> Nullable<Uid>,
        /// The check-in's round that it was planned in.
        round -> Integer,
        /// When it may go out, or is tried again.
        send_at -> Ts,
        /// After this it is of no use.
        expires_at -> Ts,
        /// waiting, sent, dropped, dead.
        state -> Text,
        /// Why it was dropped.
        drop_reason -> Nullable<Text>,
        /// How often it was claimed for sending: the fence of its lease.
        attempts -> Integer,
        /// The worker that has the lease.
        leased_by -> Nullable<Uid>,
        /// When the lease ends and the nudge may be claimed again.
        lease_until -> Nullable<Ts>,
        /// When it was planned.
        created_at -> Ts,
        /// When it was sent, dropped or given up.
        finished_at -> Nullable<Ts>,
        /// When it was to go out, after quiet hours: lateness counts from here.
        due_at -> Ts,
        /// The one device that still needs it, when the others accepted it; null: every device.
        device_id -> Nullable<Uid>,
        /// How many of its attempts do not count towards the cap.
        attempts_forgiven -> Integer,
        /// The key of the message that it goes out in together with others; null: by itself.
        message_key -> Nullable<Text>,
        /// The plea that it is about.
        plea_id -> Nullable<Uid>,
        /// The lanes that it waits for, any of them: see `domain::lane`.
        lane -> Text,
    }
}

diesel::table! {
    use crate::ids::Uid;
    use crate::store::types::sql::Ts;
    use diesel::sql_types::{Binary, Bool, Integer, Nullable, Text};

    /// One try to hand a nudge to a provider, without its content.
    attempts (id) {
        id -> Uid,
        /// The nudge.
        nudge_id -> Uid,
        /// The device; null: sent by mail.
        device_id -> Nullable<Uid>,
        /// accepted, gone, deferred, refused.
        outcome -> Text,
        /// The provider's answer: HTTP status or SMTP code; null: none came.
        status_code -> Nullable<Integer>,
        /// When it ended.
        finished_at -> Ts,
    }
}

diesel::joinable!(nudges -> check_ins (check_in_id));
diesel::joinable!(attempts -> nudges (nudge_id));

//! One table description for both backends; the SQL types `Uid` and `Ts` are ours (see `types.rs`).

pub use super::change_schema::{changes, feeds};
pub use super::long_view_schema::{debriefs, journal_entries};
pub use super::take_out_schema::{erased, erasures, export_chunks, exports, revision_parts};

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
        /// What of an answer is shared unless its author says otherwise: nothing, mood, all.
        default_share -> Text,
        /// Whether pushes are wanted.
        push -> Bool,
        /// Whether mails about check-ins are wanted.
        mail -> Bool,
        /// No nudges before this instant; far in the future: until the person says so.
        paused_until -> Nullable<Ts>,
        /// When the mail server refused the address for good; null: it works.
        address_failed_at -> Nullable<Ts>,
        /// When the address was confirmed.
        created_at -> Ts,
        /// Since when nothing of the person is worked on; null: all goes on.
        held_at -> Nullable<Ts>,
        /// The zone's offset from UTC in minutes when zone was last written; null: not noted yet.
        utc_offset -> Nullable<Integer>,
    }
}

diesel::table! {
    use crate::ids::Uid;
    use crate::store::types::sql::Ts;
    use diesel::sql_types::{Binary, Bool, Integer, Nullable, Text};

    /// A statement that a person made at sign-up.
    consents (id) {
        id -> Uid,
        /// Who made it.
        account_id -> Uid,
        /// Which statement: adult, health_data.
        kind -> Text,
        /// The version of its words.
        version -> Text,
        /// When.
        given_at -> Ts,
        /// When it was taken back.
        withdrawn_at -> Nullable<Ts>,
    }
}

diesel::table! {
    use crate::ids::Uid;
    use crate::store::types::sql::Ts;
    use diesel::sql_types::{Binary, Bool, Integer, Nullable, Text};

    /// What somebody asked for by e-mail address. Written alike whether or not the address has an account (R28).
    address_requests (id) {
        /// The token in the mail is derived from it and a key; the token itself is not kept.
        id -> Uid,
        /// confirm or reset.
        purpose -> Text,
        /// Keyed hash of the normalised address.
        email_index -> Binary,
        /// The address, sealed with a key derived from the house secret.
        email -> Binary,
        /// What was written at sign-up, sealed likewise.
        details -> Nullable<Binary>,
        /// SHA-256 of the token in the mail.
        token_hash -> Binary,
        /// When it was asked for.
        created_at -> Ts,
        /// When the token stops working.
        expires_at -> Ts,
        /// When the token was used.
        used_at -> Nullable<Ts>,
    }
}

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
        /// When it last asked for tokens.
        last_used_at -> Ts,
        /// When it was signed out or ended.
        ended_at -> Nullable<Ts>,
        /// When it last gave a fresh proof; its log-in is one. Null: before there were proofs.
        proved_at -> Nullable<Ts>,
        /// When a token of the family came again after it had been exchanged, which ended the session.
        reused_at -> Nullable<Ts>,
    }
}

diesel::table! {
    use crate::ids::Uid;
    use crate::store::types::sql::Ts;
    use diesel::sql_types::{Binary, Bool, Integer, Nullable, Text};

    /// The tokens of a family.
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
        /// When it was exchanged; after a short grace another use ends the family.
        replaced_at -> Nullable<Ts>,
        /// The token that was exchanged for this one; null: the first of its family.
        predecessor_id -> Nullable<Uid>,
    }
}

diesel::table! {
    use crate::ids::Uid;
    use crate::store::types::sql::Ts;
    use diesel::sql_types::{Binary, Bool, Integer, Nullable, Text};

    /// One Web Push subscription.
    devices (id) {
        id -> Uid,
        /// Whose.
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

diesel::table! {
    use crate::ids::Uid;
    use crate::store::types::sql::Ts;
    use diesel::sql_types::{Binary, Bool, Integer, Nullable, Text};

    /// The tie of two accounts.
    partner_links (id) {
        id -> Uid,
        /// invited, active, ended.
        status -> Text,
        /// The link's data key, wrapped by the master key.
        data_key -> Binary,
        /// Who gave out the code.
        inviter_id -> Nullable<Uid>,
        /// Keyed hash of the invitation code, while it is open.
        code_hash -> Nullable<Binary>,
        /// When the code stops working.
        code_expires_at -> Nullable<Ts>,
        /// Both accounts' ids in order: one active link a pair.
        pair -> Nullable<Binary>,
        /// When the invitation was made.
        created_at -> Ts,
        /// When it was accepted.
        active_at -> Nullable<Ts>,
        /// When it ended.
        ended_at -> Nullable<Ts>,
    }
}

diesel::table! {
    use crate::ids::Uid;
    use crate::store::types::sql::Ts;
    use diesel::sql_types::{Binary, Bool, Integer, Nullable, Text};

    /// One person's side of a link.
    link_members (link_id, account_id) {
        /// The link.
        link_id -> Uid,
        /// The person.
        account_id -> Uid,
        /// The default role on scenes of this link.
        role -> Text,
        /// Whether the person allows the partner to be told that reaching out would be welcome.
        alert_allowed -> Bool,
        /// The person's Needs, sealed with the link's data key.
        needs -> Nullable<Binary>,
        /// When they were last written.
        needs_written_at -> Nullable<Ts>,
        /// Whether the person wants the two to see how many promises they kept.
        promise_count_wanted -> Bool,
        /// The person's display name when the link ended, sealed with the link's data key.
        name_at_end -> Nullable<Binary>,
    }
}

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
        /// Who proposed it.
        author_id -> Nullable<Uid>,
        /// The whole text, sealed with the link's data key.
        content -> Binary,
        /// SHA-256 of the text: what an agreement names.
        content_hash -> Binary,
        /// When it was proposed.
        created_at -> Ts,
        /// Where it stood when one of the two was erased; null: reckoned from the agreements.
        final_state -> Nullable<Text>,
    }
}

diesel::table! {
    use crate::ids::Uid;
    use crate::store::types::sql::Ts;
    use diesel::sql_types::{Binary, Bool, Integer, Nullable, Text};

    /// One person's yes to one Revision.
    agreements (id) {
        id -> Uid,
        /// To which text.
        revision_id -> Uid,
        /// Whose.
        account_id -> Uid,
        /// The hash that the person named.
        content_hash -> Binary,
        /// When.
        agreed_at -> Ts,
        /// When it was taken back.
        withdrawn_at -> Nullable<Ts>,
    }
}

diesel::table! {
    use crate::ids::Uid;
    use crate::store::types::sql::Ts;
    use diesel::sql_types::{Binary, Bool, Integer, Nullable, Text};

    /// One occasion.
    scenes (id) {
        id -> Uid,
        /// The link.
        link_id -> Uid,
        /// planned, under_way, ended, cancelled.
        status -> Text,
        /// in_person, online.
        setting -> Text,
        /// 1 to 5.
        intensity -> Nullable<Integer>,
        /// When it is planned to begin.
        planned_for -> Nullable<Ts>,
        /// When it began.
        started_at -> Nullable<Ts>,
        /// When it ended.
        ended_at -> Nullable<Ts>,
        /// The agreed Revision that it stood under; null: none.
        revision_id -> Nullable<Uid>,
        /// Who recorded it.
        created_by -> Nullable<Uid>,
        /// When it was recorded.
        created_at -> Ts,
    }
}

diesel::table! {
    use crate::ids::Uid;
    use crate::store::types::sql::Ts;
    use diesel::sql_types::{Binary, Bool, Integer, Nullable, Text};

    /// One person's part in a scene.
    scene_members (scene_id, account_id) {
        /// The scene.
        scene_id -> Uid,
        /// The person.
        account_id -> Uid,
        /// The role in this scene.
        role -> Text,
        /// As on the link, for this scene alone; null: as the link says.
        alert_allowed -> Nullable<Bool>,
    }
}

diesel::table! {
    use crate::ids::Uid;
    use crate::store::types::sql::Ts;
    use diesel::sql_types::{Binary, Bool, Integer, Nullable, Text};

    /// What was given right after a scene.
    aftercare (id) {
        id -> Uid,
        /// The scene.
        scene_id -> Uid,
        /// Who wrote it down.
        recorded_by -> Nullable<Uid>,
        /// What, for whom, how long, and a note, sealed with the link's data key.
        content -> Nullable<Binary>,
        /// When it was written down.
        created_at -> Ts,
    }
}

diesel::table! {
    use crate::ids::Uid;
    use crate::store::types::sql::Ts;
    use diesel::sql_types::{Binary, Bool, Integer, Nullable, Text};

    /// One question to one person about one scene at one due time.
    check_ins (id) {
        id -> Uid,
        /// The scene.
        scene_id -> Uid,
        /// The scene's link.
        link_id -> Uid,
        /// Who is asked.
        subject_id -> Uid,
        /// After how many minutes since the scene's end.
        offset_minutes -> Integer,
        /// When it falls due.
        due_at -> Ts,
        /// When its ladder ends.
        closes_at -> Ts,
        /// unanswered, answered, skipped.
        state -> Text,
        /// Until when the subject put it off.
        snoozed_until -> Nullable<Ts>,
        /// How often it was put off: part of its nudges' keys.
        round -> Integer,
        /// Mood, signs, need and note, sealed with the subject's data key.
        answer -> Nullable<Binary>,
        /// What of the answer the partner sees: nothing, mood, all.
        share -> Nullable<Text>,
        /// When the subject answered.
        answered_at -> Nullable<Ts>,
        /// When the scene was ended.
        created_at -> Ts,
        /// What of the answer the partner sees until shared_from: nothing, mood, all; null: nothing.
        share_before -> Nullable<Text>,
        /// From when on the partner sees what share says; null: since it was answered.
        shared_from -> Nullable<Ts>,
    }
}

diesel::table! {
    use crate::ids::Uid;
    use crate::store::types::sql::Ts;
    use diesel::sql_types::{Binary, Bool, Integer, Nullable, Text};

    /// A record of having reached out.
    outreaches (id) {
        id -> Uid,
        /// About which scene.
        scene_id -> Uid,
        /// Who reached out.
        account_id -> Uid,
        /// message, call, video, in_person.
        way -> Text,
        /// When.
        happened_at -> Ts,
        /// When it was written down.
        created_at -> Ts,
    }
}

diesel::table! {
    use crate::ids::Uid;
    use crate::store::types::sql::Ts;
    use diesel::sql_types::{Binary, Bool, Integer, Nullable, Text};

    /// One message to one person on one channel on one rung: the job that gets delivered.
    nudges (id) {
        id -> Uid,
        /// Check-in, round, rung, recipient and channel: the same need never makes two (R14).
        key -> Text,
        /// ask, email, ask_again, tell_partner, reach_out, confirm_address, reset_password.
        rung -> Text,
        /// push, mail.
        channel -> Text,
        /// Who receives it; null: whoever has the request's address.
        recipient_id -> Nullable<Uid>,
        /// About which check-in.
        check_in_id -> Nullable<Uid>,
        /// For which request.
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
        /// How often it was claimed for sending: the fence of a lease.
        attempts -> Integer,
        /// The worker that holds it.
        leased_by -> Nullable<Uid>,
        /// When that lease ends and it may be claimed again.
        lease_until -> Nullable<Ts>,
        /// When it was planned.
        created_at -> Ts,
        /// When it was sent, dropped or given up.
        finished_at -> Nullable<Ts>,
        /// When it was to go out, quiet hours and all: lateness counts from here.
        due_at -> Ts,
        /// The one device that it is for, when the others took it already; null: every device.
        device_id -> Nullable<Uid>,
        /// How many of its attempts no longer count towards the cap.
        attempts_forgiven -> Integer,
    }
}

diesel::table! {
    use crate::ids::Uid;
    use crate::store::types::sql::Ts;
    use diesel::sql_types::{Binary, Bool, Integer, Nullable, Text};

    /// One try to hand a nudge to a provider, without its content.
    attempts (id) {
        id -> Uid,
        /// Which nudge.
        nudge_id -> Uid,
        /// To which device; null: by mail.
        device_id -> Nullable<Uid>,
        /// accepted, gone, deferred, refused.
        outcome -> Text,
        /// The provider's answer: HTTP status or SMTP code; null: none came.
        status_code -> Nullable<Integer>,
        /// When it ended.
        finished_at -> Ts,
    }
}

diesel::table! {
    use crate::ids::Uid;
    use crate::store::types::sql::Ts;
    use diesel::sql_types::{Binary, Bool, Integer, Nullable, Text};

    /// Mutations that were sent under a key (R04).
    idempotency_keys (key_hash) {
        /// Keyed hash of the account and the client's key.
        key_hash -> Binary,
        /// SHA-256 of the request: another one under the same key is refused.
        body_hash -> Binary,
        /// The answer that was given, sealed; null: not given yet.
        response -> Nullable<Binary>,
        /// When it was first sent; kept for a day.
        created_at -> Ts,
        /// Whose mutation it was; null: of nobody signed in.
        account_id -> Nullable<Uid>,
    }
}

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

diesel::joinable!(consents -> accounts (account_id));
diesel::joinable!(sessions -> accounts (account_id));
diesel::joinable!(refresh_tokens -> sessions (session_id));
diesel::joinable!(devices -> accounts (account_id));
diesel::joinable!(link_members -> partner_links (link_id));
diesel::joinable!(link_members -> accounts (account_id));
diesel::joinable!(revisions -> partner_links (link_id));
diesel::joinable!(agreements -> revisions (revision_id));
diesel::joinable!(scenes -> partner_links (link_id));
diesel::joinable!(scene_members -> scenes (scene_id));
diesel::joinable!(aftercare -> scenes (scene_id));
diesel::joinable!(check_ins -> scenes (scene_id));
diesel::joinable!(check_ins -> accounts (subject_id));
diesel::joinable!(outreaches -> scenes (scene_id));
diesel::joinable!(debriefs -> scenes (scene_id));
diesel::joinable!(journal_entries -> accounts (account_id));
diesel::joinable!(nudges -> check_ins (check_in_id));
diesel::joinable!(attempts -> nudges (nudge_id));
diesel::joinable!(revision_parts -> revisions (revision_id));
diesel::joinable!(export_chunks -> exports (export_id));
diesel::allow_tables_to_appear_in_same_query!(
    accounts,
    consents,
    address_requests,
    sessions,
    refresh_tokens,
    devices,
    partner_links,
    link_members,
    revisions,
    agreements,
    scenes,
    scene_members,
    aftercare,
    check_ins,
    outreaches,
    debriefs,
    journal_entries,
    nudges,
    attempts,
    idempotency_keys,
    page_tokens,
    revision_parts,
    erasures,
    erased,
    exports,
    export_chunks,
    feeds,
    changes
);

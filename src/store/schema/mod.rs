//! One table description for both backends, one file a noun; the SQL types `Uid` and `Ts` are ours (see `types.rs`).

mod account;
mod address_request;
mod change;
mod check_in;
mod client_id;
mod clock_mark;
mod debrief;
mod device;
mod erasure;
mod export;
mod factor;
mod idempotency;
mod journal;
mod key;
mod negotiation;
mod nudge;
mod page_token;
mod partner_link;
mod plea;
mod scene;
mod session;
mod solo_plan;
mod write_check;
mod zone_version;

pub use account::{accounts, consents};
pub use address_request::address_requests;
pub use change::{changes, feeds};
pub use check_in::check_ins;
pub use client_id::client_ids;
pub use clock_mark::clock_marks;
pub use debrief::debriefs;
pub use device::devices;
pub use erasure::{erased, erasures};
pub use export::{export_chunks, exports};
pub use factor::{log_in_challenges, passkey_ceremonies, passkeys, recovery_codes, totp_factors};
pub use idempotency::idempotency_keys;
pub use journal::journal_entries;
pub use key::{house_secrets, key_renewals};
pub use negotiation::{agreements, revision_parts, revisions};
pub use nudge::{attempts, nudges};
pub use page_token::page_tokens;
pub use partner_link::{link_members, partner_links};
pub use plea::pleas;
pub use scene::{aftercare, outreaches, scene_members, scenes};
pub use session::{refresh_tokens, sessions};
pub use solo_plan::solo_plans;
pub use write_check::write_checks;
pub use zone_version::zone_rules;

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
    client_ids,
    outreaches,
    pleas,
    solo_plans,
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

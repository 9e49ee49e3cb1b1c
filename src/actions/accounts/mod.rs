//! Accounts: signing up, the profile, the address, consents, suspension, erasure, and the journal.

pub mod account;
pub mod address_change;
pub mod consent;
pub mod erasure;
pub mod journal;
pub mod mail_features;
pub mod mail_request;
pub mod password;
pub mod people;
pub mod sign_up;
pub mod solo_plan;
pub mod suspension;

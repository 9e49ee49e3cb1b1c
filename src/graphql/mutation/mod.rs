//! The mutations, one file per subject. Each takes one `input` and returns a payload with `status` and `problems`.

mod account;
mod address;
mod check_in;
mod data_rights;
mod debrief;
mod device;
mod factor;
mod journal;
mod negotiation;
mod partner_link;
mod passkey;
mod plea;
mod scene;
mod session;
mod solo_plan;

use async_graphql::MergedObject;

/// What can be changed. Every mutation may be sent with an `Idempotency-Key` header: the same key and request give
/// the same answer for a day, and are done once.
#[derive(Default, MergedObject)]
pub struct Mutation(
    account::AccountMutation,
    address::AddressMutation,
    session::SessionMutation,
    factor::FactorMutation,
    passkey::PasskeyMutation,
    device::DeviceMutation,
    partner_link::LinkMutation,
    plea::PleaMutation,
    negotiation::NegotiationMutation,
    scene::SceneMutation,
    solo_plan::SoloPlanMutation,
    check_in::CheckInMutation,
    debrief::DebriefMutation,
    journal::JournalMutation,
    data_rights::DataRightsMutation,
);

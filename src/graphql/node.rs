//! `node`: any object of the signed-in person by its id.

use super::errors::Failure;
use super::types::account::{Account, Device, Session};
use super::types::check_in::{CheckIn, PartnerCheckIn, SharedAnswer};
use super::types::factor::Passkey;
use super::types::journal::JournalEntry;
use super::types::negotiation::Revision;
use super::types::nudge::Nudge;
use super::types::partner_link::{PartnerLink, Plea};
use super::types::scene::{Aftercare, Outreach, Scene, aftercare, outreach};
use super::types::viewer::Viewer;
use super::{context, loaders, requester};
use crate::actions::scenes::view::{Entry, scene_of};
use crate::actions::{accounts, auth, check_ins, links, nudges};
use crate::ids::{self, CheckInId, TypedId};
use async_graphql::{Context, ID, Interface};
use std::str::FromStr;

/// An object by its id; it is not found if the signed-in person may not read it.
pub(super) async fn find_node(ctx: &Context<'_>, text: &str) -> Result<Option<Node>, Failure> {
    let requester = requester(ctx)?;
    // A malformed id gives the same as a missing object (R29).
    match ids::noun(text) {
        Some(ids::ViewerId::NOUN) => {
            let id = ids::ViewerId(requester.account.uuid());
            Ok((text.parse() == Ok(id)).then(|| Node::Viewer(Box::new(Viewer(requester)))))
        }
        Some(ids::AccountId::NOUN) if text.parse() == Ok(requester.account) => {
            let me = accounts::account::me(context(ctx), requester.account).await?;
            Ok(Some(Node::Account(Box::new(Account(me)))))
        }
        Some(ids::SessionId::NOUN | ids::DeviceId::NOUN | ids::PasskeyId::NOUN) => {
            of_account(ctx, text).await
        }
        Some(ids::LinkId::NOUN | ids::RevisionId::NOUN | ids::PleaId::NOUN) => of_link(ctx, text).await,
        Some(_) => of_scene_or_own(ctx, text).await,
        None => Ok(None),
    }
}

/// An id of the type that it is read as.
fn parsed<Id: FromStr>(text: &str) -> Option<Id> {
    text.parse().ok()
}

/// What protects and reaches the account.
async fn of_account(ctx: &Context<'_>, text: &str) -> Result<Option<Node>, Failure> {
    let (context, requester) = (context(ctx), requester(ctx)?);
    if let Some(id) = parsed(text) {
        let found = auth::session::find(context, requester.account, id).await?;
        return Ok(found.map(|view| Node::Session(Box::new(Session::new(view, requester)))));
    }
    if let Some(id) = parsed::<ids::DeviceId>(text) {
        let all = nudges::device::list(context, requester.account).await?;
        let found = all.into_iter().find(|view| view.id == id);
        return Ok(found.map(|view| Node::Device(Box::new(view.into()))));
    }
    let Some(id) = parsed::<ids::PasskeyId>(text) else { return Ok(None) };
    let found = auth::passkey::list(context, requester.account).await?.into_iter().find(|view| view.id == id);
    Ok(found.map(|view| Node::Passkey(Box::new(view.into()))))
}

/// A link and what belongs to it.
async fn of_link(ctx: &Context<'_>, text: &str) -> Result<Option<Node>, Failure> {
    let (context, me) = (context(ctx), requester(ctx)?.account);
    if let Some(id) = parsed(text) {
        return Ok(loaders(ctx).link(id).await?.map(|view| Node::PartnerLink(Box::new(PartnerLink(view)))));
    }
    if let Some(id) = parsed(text) {
        let found = links::revisions::find(context, me, id).await?;
        return Ok(found.map(|view| Node::Revision(Box::new(Revision::new(view, me)))));
    }
    let Some(id) = parsed(text) else { return Ok(None) };
    let found = links::plea::find(context, me, id).await?;
    Ok(found.map(|view| Node::Plea(Box::new(view.into()))))
}

/// A scene and what belongs to it, and what is the person's alone.
async fn of_scene_or_own(ctx: &Context<'_>, text: &str) -> Result<Option<Node>, Failure> {
    let (context, me) = (context(ctx), requester(ctx)?.account);
    if let Some(id) = parsed(text) {
        return Ok(loaders(ctx).scene(id).await?.map(|view| Node::Scene(Box::new(Scene(view)))));
    }
    if let Some(id) = parsed(text) {
        return Ok(loaders(ctx).check_in(id).await?.map(|view| Node::CheckIn(Box::new(CheckIn(view)))));
    }
    if let Some(id) = parsed::<ids::AftercareId>(text) {
        let Some(scene) = scene_of(context, Entry::Aftercare(id)).await? else { return Ok(None) };
        let Some(scene) = loaders(ctx).scene(scene).await? else { return Ok(None) };
        let found = scene.aftercare.iter().find(|view| view.id == id);
        return Ok(found.map(|view| Node::Aftercare(Box::new(aftercare(view, me)))));
    }
    if let Some(id) = parsed::<ids::OutreachId>(text) {
        let Some(scene) = scene_of(context, Entry::Outreach(id)).await? else { return Ok(None) };
        let Some(scene) = loaders(ctx).scene(scene).await? else { return Ok(None) };
        let found = scene.outreaches.iter().find(|view| view.id == id);
        return Ok(found.map(|view| Node::Outreach(Box::new(outreach(view, me)))));
    }
    if let Some(id) = parsed::<ids::PartnerCheckInId>(text) {
        let found = partner_check_in(ctx, CheckInId(id.uuid())).await?;
        return Ok(found.map(|found| Node::PartnerCheckIn(Box::new(found))));
    }
    if let Some(id) = parsed::<ids::SharedAnswerId>(text) {
        let found = partner_check_in(ctx, CheckInId(id.uuid())).await?;
        return Ok(found.and_then(|found| found.shared).map(|shared| Node::SharedAnswer(Box::new(shared))));
    }
    if let Some(id) = parsed(text) {
        let found = accounts::journal::find(context, me, id).await?;
        return Ok(found.map(|view| Node::JournalEntry(Box::new(JournalEntry(view)))));
    }
    let Some(id) = parsed(text) else { return Ok(None) };
    let found = nudges::nudge::find(context, me, id).await?;
    Ok(found.map(|view| Node::Nudge(Box::new(Nudge(view)))))
}

/// The partner's check-in with this id, if its scene is one of one's own.
async fn partner_check_in(ctx: &Context<'_>, id: CheckInId) -> Result<Option<PartnerCheckIn>, Failure> {
    let Some(scene) = check_ins::check_in::scene_of(context(ctx), id).await? else { return Ok(None) };
    let sides = loaders(ctx).scene_check_ins(scene).await?;
    Ok(sides.partners.into_iter().find(|view| view.id == id).map(Into::into))
}

/// An object with an id. `node` reads any of them again by it. More may be added.
#[derive(Interface)]
#[graphql(field(name = "id", ty = "ID", desc = "The opaque id."))]
pub enum Node {
    /// The signed-in person and what is theirs.
    Viewer(Box<Viewer>),
    /// The account of the signed-in person.
    Account(Box<Account>),
    /// A signed-in device.
    Session(Box<Session>),
    /// A device that is registered for Web Push.
    Device(Box<Device>),
    /// A passkey.
    Passkey(Box<Passkey>),
    /// A tie of two accounts.
    PartnerLink(Box<PartnerLink>),
    /// A text of a negotiation.
    Revision(Box<Revision>),
    /// A wish to hear from the other.
    Plea(Box<Plea>),
    /// An occasion.
    Scene(Box<Scene>),
    /// What was given after a scene.
    Aftercare(Box<Aftercare>),
    /// A record that one person got in touch with the other.
    Outreach(Box<Outreach>),
    /// A question.
    CheckIn(Box<CheckIn>),
    /// A question to the other person.
    PartnerCheckIn(Box<PartnerCheckIn>),
    /// What the other person shared of an answer.
    SharedAnswer(Box<SharedAnswer>),
    /// An entry of the journal.
    JournalEntry(Box<JournalEntry>),
    /// A message.
    Nudge(Box<Nudge>),
}

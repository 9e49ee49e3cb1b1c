//! `node`: any object of the signed-in person by its id.

use super::errors::Failure;
use super::types::account::Account;
use super::types::check_in::CheckIn;
use super::types::journal::JournalEntry;
use super::types::negotiation::Revision;
use super::types::nudge::Nudge;
use super::types::partner_link::PartnerLink;
use super::types::scene::Scene;
use super::{context, loaders, requester};
use crate::actions::{self};
use crate::ids::{self, TypedId};
use async_graphql::{Context, ID, Interface};

/// An object by its id; it is not found if the signed-in person may not read it.
pub(super) async fn find_node(ctx: &Context<'_>, text: &str) -> Result<Option<Node>, Failure> {
    let me = requester(ctx)?.account;
    let Some(noun) = ids::noun(text) else { return Ok(None) };
    Ok(match noun {
        ids::AccountId::NOUN if text.parse() == Ok(me) => {
            Some(Node::Account(Box::new(Account(actions::accounts::account::me(context(ctx), me).await?))))
        }
        ids::LinkId::NOUN => match text.parse() {
            Ok(id) => loaders(ctx).link(id).await?.map(|view| Node::PartnerLink(Box::new(PartnerLink(view)))),
            Err(_) => None,
        },
        ids::RevisionId::NOUN => match text.parse() {
            Ok(id) => {
                let found = actions::links::revisions::find(context(ctx), me, id).await?;
                found.map(|view| Node::Revision(Box::new(Revision::new(view, me))))
            }
            Err(_) => None,
        },
        ids::SceneId::NOUN => match text.parse() {
            Ok(id) => loaders(ctx).scene(id).await?.map(|view| Node::Scene(Box::new(Scene(view)))),
            Err(_) => None,
        },
        ids::CheckInId::NOUN => match text.parse() {
            Ok(id) => loaders(ctx).check_in(id).await?.map(|view| Node::CheckIn(Box::new(CheckIn(view)))),
            Err(_) => None,
        },
        ids::JournalEntryId::NOUN => match text.parse() {
            Ok(id) => {
                let found = actions::accounts::journal::find(context(ctx), me, id).await?;
                found.map(|view| Node::JournalEntry(Box::new(JournalEntry(view))))
            }
            Err(_) => None,
        },
        ids::NudgeId::NOUN => match text.parse() {
            Ok(id) => {
                let found = actions::nudges::nudge::find(context(ctx), me, id).await?;
                found.map(|view| Node::Nudge(Box::new(Nudge(view))))
            }
            Err(_) => None,
        },
        _ => None,
    })
}

/// An object with an id of its own.
#[derive(Interface)]
#[graphql(field(name = "id", ty = "ID", desc = "The opaque id."))]
pub enum Node {
    /// The signed-in person.
    Account(Box<Account>),
    /// A tie of two accounts.
    PartnerLink(Box<PartnerLink>),
    /// A text of a negotiation.
    Revision(Box<Revision>),
    /// An occasion.
    Scene(Box<Scene>),
    /// A question.
    CheckIn(Box<CheckIn>),
    /// An entry of the journal.
    JournalEntry(Box<JournalEntry>),
    /// A message.
    Nudge(Box<Nudge>),
}

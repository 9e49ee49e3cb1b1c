//! Data rights: the state of an export and of an erasure.

use crate::actions::accounts::erasure::ErasureView;
use crate::actions::export::{ExportView, Ticket};
use crate::domain::data_rights::ExportState;
use crate::graphql::types::DateTime;
use async_graphql::SimpleObject;

/// An erasure of the account that was asked for and can still be undone.
#[derive(SimpleObject)]
pub struct Erasure {
    /// When it was asked for.
    requested_at: DateTime,
    /// When it takes place, 72 hours later. Until then `cancelErasure` takes it back.
    erase_at: DateTime,
}

impl From<ErasureView> for Erasure {
    fn from(view: ErasureView) -> Self {
        Self { requested_at: view.requested_at.into(), erase_at: view.erase_at.into() }
    }
}

/// Everything that is kept of the person, taken out: a ZIP with one JSON file, the same as a page to read, and a schema.
#[derive(SimpleObject)]
pub struct Export {
    /// Where it stands.
    state: ExportState,
    /// When it was asked for.
    requested_at: DateTime,
    /// When it was ready.
    ready_at: Option<DateTime>,
    /// When it is thrown away, fetched or not.
    expires_at: DateTime,
    /// How many bytes it has, once it is ready; as text, since it may be more than an `Int` holds.
    size: Option<String>,
}

impl From<ExportView> for Export {
    fn from(view: ExportView) -> Self {
        Self {
            state: view.state,
            requested_at: view.requested_at.into(),
            ready_at: view.ready_at.map(Into::into),
            expires_at: view.expires_at.into(),
            size: view.size.map(|size| size.to_string()),
        }
    }
}

/// Where an export can be fetched, once.
#[derive(SimpleObject)]
pub struct ExportDownload {
    /// The path below the public address. Opened, it shows a button; a POST to it answers with the ZIP.
    path: String,
    /// When it stops working: ten minutes later.
    expires_at: DateTime,
}

impl From<Ticket> for ExportDownload {
    fn from(ticket: Ticket) -> Self {
        Self { path: format!("/export/{}", ticket.token), expires_at: ticket.expires_at.into() }
    }
}

//! Data rights: the state of an export and of an erasure.

use crate::actions::accounts::erasure::ErasureView;
use crate::actions::export::{ExportView, Ticket};
use crate::domain::data_rights::ExportState;
use crate::graphql::types::DateTime;
use async_graphql::SimpleObject;

/// A request to erase the account, while it can still be cancelled.
#[derive(SimpleObject)]
pub struct Erasure {
    /// When it was requested.
    requested_at: DateTime,
    /// When the account is erased. Until then `cancelErasure` cancels it.
    erase_at: DateTime,
}

impl From<ErasureView> for Erasure {
    fn from(view: ErasureView) -> Self {
        Self { requested_at: view.requested_at.into(), erase_at: view.erase_at.into() }
    }
}

/// An export of everything that is stored about the viewer: a ZIP with one JSON file, the same as an HTML page, and a
/// JSON schema.
#[derive(SimpleObject)]
pub struct Export {
    /// Whether it can be fetched yet.
    state: ExportState,
    /// When it was requested.
    requested_at: DateTime,
    /// When it became ready; null: not yet.
    ready_at: Option<DateTime>,
    /// When it is deleted, whether it was fetched or not.
    expires_at: DateTime,
    /// Its size in bytes, once it is ready, as text, since it may be more than an `Int` holds.
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

/// Where an export can be fetched once.
#[derive(SimpleObject)]
pub struct ExportDownload {
    /// The path below the server's public URL. A GET shows a page with a button; a POST answers with the ZIP.
    path: String,
    /// When the path stops working, ten minutes after it was made.
    expires_at: DateTime,
}

impl From<Ticket> for ExportDownload {
    fn from(ticket: Ticket) -> Self {
        Self { path: format!("/export/{}", ticket.token), expires_at: ticket.expires_at.into() }
    }
}

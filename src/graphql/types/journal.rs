//! The journal of the signed-in person.

use super::DateTime;
use super::scene::Scene;
use super::text::Text;
use crate::actions::accounts::journal::JournalView;
use crate::graphql::errors::Failure;
use crate::graphql::loaders;
use crate::graphql::readable::Readable;
use async_graphql::{Context, ID, Object};

/// One entry of the viewer's journal; nobody else ever sees it.
pub struct JournalEntry(pub JournalView);

impl From<JournalView> for JournalEntry {
    fn from(view: JournalView) -> Self {
        Self(view)
    }
}

/// One entry of the viewer's journal; nobody else ever sees it.
#[Object]
impl JournalEntry {
    /// The opaque id.
    pub async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// The text. Null: it cannot be read now.
    async fn text(&self) -> Readable<Text> {
        self.0.text.clone().map(Text).into()
    }

    /// The scene that it is about; null: none.
    async fn scene(&self, ctx: &Context<'_>) -> Result<Option<Scene>, Failure> {
        let Some(id) = self.0.scene else { return Ok(None) };
        Ok(loaders(ctx).scene(id).await?.map(Scene))
    }

    /// The instant under which the journal shows it.
    async fn written_at(&self) -> DateTime {
        self.0.written_at.into()
    }

    /// When it was last edited; null: never.
    async fn edited_at(&self) -> Option<DateTime> {
        self.0.edited_at.map(Into::into)
    }
}

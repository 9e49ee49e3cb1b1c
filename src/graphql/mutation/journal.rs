//! Write, edit and delete entries of one's own journal.

use crate::actions::accounts::journal::{self, Edit};
use crate::domain::problem::Problem;
use crate::graphql::errors::{Failure, id, settle, settle_done, settle_once};
use crate::graphql::payload::payload;
use crate::graphql::types::DateTime;
use crate::graphql::types::journal::JournalEntry;
use crate::graphql::{caller, context};
use crate::ids::SceneId;
use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object};

/// Writes a journal entry. Null is the same as left out.
#[derive(InputObject)]
struct WriteJournalEntryInput {
    /// An id that the app makes, unique in its account for good, such as a UUID: 16 to 64 characters of `A-Z`, `a-z`, `0-9`,
    /// `_` and `-`. Sent again, also weeks later and whatever else is sent, nothing more is created: `UNCHANGED`, with what
    /// was created as it is now.
    client_id: Option<String>,
    /// The text; at most 10000 characters.
    text: String,
    /// The scene that it is about, one of the viewer's; left out: none.
    scene_id: Option<ID>,
    /// The instant under which the journal shows it: now (the default) or in the past.
    written_at: Option<DateTime>,
}

/// Changes a journal entry. A patch: what is left out stays. Only `sceneId` may be null.
#[derive(InputObject)]
struct EditJournalEntryInput {
    /// One of the viewer's entries.
    entry_id: ID,
    /// The text; at most 10000 characters.
    text: MaybeUndefined<String>,
    /// The scene that it is about, one of the viewer's; null: none.
    scene_id: MaybeUndefined<ID>,
    /// The instant under which the journal shows it: now or in the past.
    written_at: MaybeUndefined<DateTime>,
}

/// Names the journal entry to delete.
#[derive(InputObject)]
struct DeleteJournalEntryInput {
    /// One of the viewer's entries.
    entry_id: ID,
}

payload!(
    /// The answer to `writeJournalEntry`.
    WriteJournalEntryPayload {
        /// The entry; with `UNCHANGED` null if it was deleted.
        entry: JournalEntry
    }
);
payload!(
    /// The answer to `editJournalEntry`.
    EditJournalEntryPayload {
        /// The entry after the change.
        entry: JournalEntry
    }
);
payload!(
    /// The answer to `deleteJournalEntry`.
    DeleteJournalEntryPayload {
        /// The entry that was deleted: remove it from the cache.
        deleted_entry_id: ID
    }
);

fn scene(typed: &ID) -> Result<SceneId, Problem> {
    id("sceneId", typed)
}

/// Changes to the journal.
#[derive(Default)]
pub struct JournalMutation;

#[Object]
impl JournalMutation {
    /// Writes an entry in the viewer's journal; nobody else ever sees it. At most 500 in a day.
    async fn write_journal_entry(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The entry.")] input: WriteJournalEntryInput,
    ) -> Result<WriteJournalEntryPayload, Failure> {
        let by = caller(ctx)?;
        let outcome = async {
            let about = input.scene_id.as_ref().map(scene).transpose()?;
            let written_at = input.written_at.map(|at| at.0);
            journal::write(context(ctx), &by, input.client_id, input.text, about, written_at).await
        };
        Ok(settle_once(outcome.await)?.into())
    }

    /// Changes a journal entry. The earlier text is not kept.
    async fn edit_journal_entry(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which entry, and what changes.")] input: EditJournalEntryInput,
    ) -> Result<EditJournalEntryPayload, Failure> {
        let by = caller(ctx)?;
        let outcome = async {
            let entry = id("entryId", &input.entry_id)?;
            let about = input.scene_id.map_value(|typed| scene(&typed)).transpose()?;
            let edit =
                Edit { text: input.text.into(), scene: about.into(), written_at: input.written_at.into() };
            journal::edit(context(ctx), &by, entry, edit).await
        };
        Ok(settle(outcome.await)?.into())
    }

    /// Deletes a journal entry for good.
    async fn delete_journal_entry(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which entry.")] input: DeleteJournalEntryInput,
    ) -> Result<DeleteJournalEntryPayload, Failure> {
        let by = caller(ctx)?;
        let outcome = async { journal::delete(context(ctx), &by, id("entryId", &input.entry_id)?).await };
        Ok(settle_done(outcome.await.map(|()| input.entry_id.clone()))?.into())
    }
}

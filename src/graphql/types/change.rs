//! Changes: objects to read again, one by one or all.

use crate::actions::feed::{Batch, ChangeView, FeedCursor};
use crate::domain::change::ChangeKind;
use crate::graphql::errors::Failure;
use crate::graphql::limits::{FIRST_DEFAULT, FIRST_MAX};
use crate::graphql::node::{Node, find_node};
use async_graphql::{Context, ID, Object};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// What changed since a cursor.
pub struct Changes(pub Batch);

impl Changes {
    /// Reads `after` and `first`.
    pub fn asked(after: Option<String>, first: Option<i32>) -> Result<(Option<FeedCursor>, usize), Failure> {
        let first = first.unwrap_or(FIRST_DEFAULT);
        if !(1..=FIRST_MAX).contains(&first) {
            return Err(Failure::BadArgument("first must be from 1 to 50."));
        }
        let read = |text: String| String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?.parse().ok();
        let bad = Failure::BadArgument("after is not a cursor of changes.");
        let after = match after {
            None => None,
            Some(text) => Some(read(text).ok_or(bad)?),
        };
        Ok((after, usize::try_from(first).unwrap_or(1)))
    }
}

/// What changed since a cursor.
#[Object]
impl Changes {
    /// Whether to start over: the cursor is too old (changes are kept for 30 days), not of this database, or there was
    /// none. Then read everything that is shown, after this; from this cursor on nothing is missed.
    async fn reset_required(&self) -> bool {
        self.0.reset_required
    }

    /// The changes, in the order in which to take them. One may come again after a reconnection.
    async fn changes(&self) -> Vec<Change<'_>> {
        self.0.changes.iter().map(Change).collect()
    }

    /// How far this goes: keep it once all of the batch is taken, and give it as `after`.
    async fn cursor(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0.cursor.to_string())
    }

    /// Whether there is more already: ask again at once.
    async fn has_more(&self) -> bool {
        self.0.more
    }
}

/// One object that changed. It is told to whoever may see the change, and says nothing of what it was.
pub struct Change<'a>(&'a ChangeView);

/// One object that changed. It is told to whoever may see the change, and says nothing of what it was.
#[Object]
impl Change<'_> {
    /// What happened.
    async fn kind(&self) -> ChangeKind {
        self.0.kind
    }

    /// The id of the object.
    async fn node_id(&self) -> ID {
        self.0.object.as_str().into()
    }

    /// The object as it is now, which may be later than the change. Null: it is no longer there for the signed-in person;
    /// forget it.
    async fn node(&self, ctx: &Context<'_>) -> Result<Option<Node>, Failure> {
        find_node(ctx, &self.0.object).await
    }
}

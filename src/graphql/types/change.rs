//! Changes: objects to read again, one by one or all.

use crate::actions::feed::{Batch, ChangeView, FeedCursor};
use crate::domain::change::ChangeKind;
use crate::graphql::errors::Failure;
use crate::graphql::limits::{FIRST_DEFAULT, FIRST_MAX};
use crate::graphql::node::{Node, find_node};
use async_graphql::{Context, ID, Object};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// A batch of changes after a cursor.
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

/// A batch of changes after a cursor.
#[Object]
impl Changes {
    /// Whether to start over, because there was no cursor, it is older than 30 days, or it is of another database.
    /// Then store `cursor` and read everything that is shown again; nothing is missed from this cursor on.
    async fn reset_required(&self) -> bool {
        self.0.reset_required
    }

    /// The changes in order: apply them in it. After a reconnection a change may come again.
    async fn changes(&self) -> Vec<Change<'_>> {
        self.0.changes.iter().map(Change).collect()
    }

    /// Store after applying the batch; pass as `after`.
    async fn cursor(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0.cursor.to_string())
    }

    /// Whether more changes are waiting: ask again at once.
    async fn has_more(&self) -> bool {
        self.0.more
    }
}

/// One object that changed. It goes to everybody who may see the change, and never says what the change was.
pub struct Change<'a>(&'a ChangeView);

/// One object that changed. It goes to everybody who may see the change, and never says what the change was.
#[Object]
impl Change<'_> {
    /// What happened.
    async fn kind(&self) -> ChangeKind {
        self.0.kind
    }

    /// The id of the object that changed.
    async fn node_id(&self) -> ID {
        self.0.object.as_str().into()
    }

    /// The object as it is now, perhaps already changed again. Null: the viewer can no longer see it; remove it from
    /// the cache.
    async fn node(&self, ctx: &Context<'_>) -> Result<Option<Node>, Failure> {
        find_node(ctx, &self.0.object).await
    }
}

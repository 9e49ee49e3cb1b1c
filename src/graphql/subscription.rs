//! The subscription: the change feed of the signed-in person, as it happens.

use super::errors::Failure;
use super::types::change::Changes;
use super::{AccessToken, context, requester};
use crate::actions::feed::{FeedItem, FeedStream};
use async_graphql::{Context, Error, Subscription};
use futures::stream::{Stream, try_unfold};

/// What can be followed, over `graphql-transport-ws` or server-sent events.
pub struct Subscription;

/// What can be followed, over `graphql-transport-ws` or server-sent events.
#[Subscription]
impl Subscription {
    /// What changes for the viewer, as soon as they may know of it; it begins with what changed after the cursor.
    /// Without a cursor it begins with a batch that says `resetRequired`. It ends when the access token expires or
    /// the session ends: subscribe again from the last cursor with a new token. At most 50 changes in a batch.
    async fn changes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The `cursor` of the last batch that was applied; null: none was.")] after: Option<
            String,
        >,
        #[graphql(desc = "How many changes in a batch, from 1 to 50; default 20.")] first: Option<i32>,
    ) -> Result<impl Stream<Item = Result<Changes, Error>> + use<>, Failure> {
        let requester = requester(ctx)?;
        let token = ctx.data_opt::<AccessToken>().ok_or(Failure::SignInNeeded)?;
        let (after, first) = Changes::asked(after, first)?;
        let stream = FeedStream::begin(context(ctx), requester, token.0.clone(), after, first);
        Ok(try_unfold(stream, |mut stream| async move {
            match stream.next().await.map_err(Failure::from)? {
                FeedItem::Batch(batch) => Ok(Some((Changes(batch), stream))),
                FeedItem::SignedOut => Err(Failure::SignInNeeded.into()),
                FeedItem::Closed => Ok(None),
            }
        }))
    }
}

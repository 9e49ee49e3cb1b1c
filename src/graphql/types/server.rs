//! The server as a client sees it: its version, what it can do, and its key for pushes.

use crate::graphql::context;
use async_graphql::{Context, Object};

/// What the service can do beyond what its version says, as this host has set it up.
const PASSKEYS: &str = "PASSKEYS";
const HELP_LINES: &str = "HELP_LINES";

/// What a server is and can do.
pub struct Server;

/// What a server is and can do.
#[Object]
impl Server {
    /// The version of the service by semantic versioning, such as `0.1.0`. Within a major version nothing is removed
    /// that was not deprecated first.
    async fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    /// What depends on how this server is set up; ignore words that you do not know. `PASSKEYS`: passkeys can be
    /// registered and used. `HELP_LINES`: `guidance.helpLines` has at least one line.
    async fn features(&self, ctx: &Context<'_>) -> Vec<&'static str> {
        let context = context(ctx);
        let set = [(PASSKEYS, context.passkeys.is_some()), (HELP_LINES, !context.help_lines.is_empty())];
        set.into_iter().filter_map(|(word, is_set)| is_set.then_some(word)).collect()
    }

    /// The languages in which the service speaks to people, as BCP 47 tags, the preferred one first.
    async fn languages(&self) -> &'static [&'static str] {
        &["en"]
    }

    /// The public key by which the service identifies itself to push services (VAPID, RFC 8292), base64url: the
    /// `applicationServerKey` of a push subscription.
    async fn vapid_public_key<'a>(&self, ctx: &Context<'a>) -> &'a str {
        &context(ctx).vapid_public_key
    }
}

//! The long view: guidance, debriefs, the journal, what one's own answers show, and promises kept.

mod support;

#[path = "long_view/debriefs.rs"]
mod debriefs;
#[path = "long_view/guidance.rs"]
mod guidance;
#[path = "long_view/insight.rs"]
mod insight;
#[path = "long_view/journal.rs"]
mod journal;
#[path = "long_view/promises.rs"]
mod promises;
#[path = "long_view/statements.rs"]
mod statements;

use evenkeel::ids::AccountId;
use serde_json::json;
use support::people::text;
use support::{Person, TestApp};

/// Somebody's own id.
async fn account(app: &TestApp, person: &Person) -> AccountId {
    let data = person.ask(app, "{ viewer { account { id } } }", json!({})).await;
    text(&data["viewer"]["account"]["id"]).parse().unwrap()
}

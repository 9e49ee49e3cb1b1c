//! The long view: guidance, debriefs, the journal, what a person's own answers show, and promises kept.

mod debriefs;
mod guidance;
mod insight;
mod journal;
mod promises;
mod statements;

use crate::support::people::text;
use crate::support::{Person, TestApp};
use evenkeel::ids::AccountId;
use serde_json::json;

/// A person's own account id.
async fn account(app: &TestApp, person: &Person) -> AccountId {
    let data = person.ask(app, "{ viewer { account { id } } }", json!({})).await;
    text(&data["viewer"]["account"]["id"]).parse().unwrap()
}

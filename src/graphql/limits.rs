//! What one request may ask for at most (R34). `tests/suite/limits.rs` meets each at its limit and one beyond.

use std::time::Duration;

/// Bytes of a request's body.
pub const BODY: usize = 256 * 1024;
/// Bytes of what a page sends: two texts of 2,000 characters each, of which a form makes up to twelve bytes a character.
pub const FORM: usize = 64 * 1024;
/// Bytes of a document.
pub const DOCUMENT: usize = 64 * 1024;
/// Bytes of the texts of the latest documents that are kept parsed, in each of two generations.
pub const KEPT_DOCUMENTS: usize = 128 * 1024;
/// Tokens of a document: names, numbers, strings and punctuators.
pub const TOKENS: usize = 4000;
/// Brackets of any kind inside each other in a document, before anything recursive reads it.
pub const NESTING: usize = 48;
/// Fields inside each other.
pub const DEPTH: usize = 15;
/// Fields, spreads and inline fragments, wherever a fragment is spread counted anew.
pub const SELECTIONS: usize = 1000;
/// Fields that an answer would have if every list were as long as it may be: see [`super::measure`].
pub const COST: usize = 20_000;
/// How long a list of objects is taken to be that has no `first`.
pub const LIST: usize = 5;
/// Fields at the top.
pub const ROOT_FIELDS: usize = 20;
/// Aliases.
pub const ALIASES: usize = 50;
/// Directives.
pub const DIRECTIVES: usize = 20;
/// Variables.
pub const VARIABLES: usize = 50;
/// Values inside the variables, lists and objects among them.
pub const VALUES: usize = 1000;
/// Lists and objects inside each other in one variable.
pub const VALUE_DEPTH: usize = 8;
/// Bytes of all texts and names in the variables.
pub const VALUE_BYTES: usize = 128 * 1024;
/// Entries of a list asked for with `first`.
pub const FIRST_MAX: i32 = 50;
/// Entries of a list if `first` is left out.
pub const FIRST_DEFAULT: i32 = 20;
/// Characters of an idempotency key.
pub const KEY_MAX: usize = 200;
/// Characters of the idempotency key of somebody who is not signed in, at least.
pub const STRANGERS_KEY_MIN: usize = 16;
/// Requests of one account at the same time. One that follows lasts, and has a limit of its own.
pub const AT_ONCE: usize = 16;
/// Connections by which one account follows at the same time.
pub const FOLLOWING: usize = 8;
/// Subscriptions of one socket at the same time.
pub const SUBSCRIPTIONS: usize = 8;
/// Characters of a subscription's id.
pub const SUBSCRIPTION_ID: usize = 100;
/// Connections of one thread at the same time; the others wait outside.
pub const CONNECTIONS: usize = 1024;
/// How long a document may take to be executed.
pub const EXECUTION: Duration = Duration::from_secs(10);
/// How long a request may take from its head to its answer, its body among it.
pub const REQUEST: Duration = Duration::from_secs(30);
/// How long the head of a connection's first request may take.
pub const HEAD: Duration = Duration::from_secs(10);
/// How long a connection may be idle between two requests.
pub const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How long nothing is said to who follows before they are asked whether they are still there.
pub const PING: Duration = Duration::from_secs(15);
/// How long a connection may go without a request that is read whole, an answer being read slowly among it.
pub const STALL: Duration = Duration::from_secs(60);

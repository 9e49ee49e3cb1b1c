//! The limits of one request (R34). `tests/suite/limits.rs` tests each at its limit and one beyond.

use std::time::Duration;

/// Bytes of a request's body.
pub const BODY: usize = 256 * 1024;
/// Bytes of a page's form: two texts of 2,000 characters each, at up to twelve bytes a character in form encoding.
pub const FORM: usize = 64 * 1024;
/// Bytes of a document.
pub const DOCUMENT: usize = 64 * 1024;
/// Bytes of document texts in each of the two generations of the cache of parsed documents.
pub const KEPT_DOCUMENTS: usize = 128 * 1024;
/// Tokens of a document: names, numbers, strings and punctuators.
pub const TOKENS: usize = 4000;
/// Nested brackets of any kind in a document, checked before the recursive parser runs.
pub const NESTING: usize = 48;
/// Nested fields.
pub const DEPTH: usize = 15;
/// Fields, spreads and inline fragments, with a fragment's content counted at each spread.
pub const SELECTIONS: usize = 1000;
/// Fields of the response if every list were full: see [`super::query_cost`].
pub const COST: usize = 20_000;
/// The assumed length of a list of objects without `first`.
pub const LIST: usize = 5;
/// Root fields.
pub const ROOT_FIELDS: usize = 20;
/// Aliases.
pub const ALIASES: usize = 50;
/// Directives.
pub const DIRECTIVES: usize = 20;
/// Variables.
pub const VARIABLES: usize = 50;
/// Values inside the variables, including lists and objects.
pub const VALUES: usize = 1000;
/// Nested lists and objects in one variable.
pub const VALUE_DEPTH: usize = 8;
/// Bytes of all texts and names in the variables.
pub const VALUE_BYTES: usize = 128 * 1024;
/// The most that `first` or `last` may ask for.
pub const FIRST_MAX: i32 = 50;
/// Entries of a page if `first` and `last` are left out.
pub const FIRST_DEFAULT: i32 = 20;
/// Characters of an idempotency key.
pub const KEY_MAX: usize = 200;
/// The fewest characters of an idempotency key without signing in.
pub const STRANGERS_KEY_MIN: usize = 16;
/// Concurrent requests per account; subscriptions have their own limit.
pub const AT_ONCE: usize = 16;
/// Concurrent subscription connections per account.
pub const FOLLOWING: usize = 8;
/// Concurrent subscriptions per WebSocket.
pub const SUBSCRIPTIONS: usize = 8;
/// Characters of a subscription's id.
pub const SUBSCRIPTION_ID: usize = 100;
/// Concurrent connections per thread; further ones wait.
pub const CONNECTIONS: usize = 1024;
/// How long the execution of a document may take.
pub const EXECUTION: Duration = Duration::from_secs(10);
/// How long a request may take from its head to its response, including its body.
pub const REQUEST: Duration = Duration::from_secs(30);
/// How long the head of a connection's first request may take.
pub const HEAD: Duration = Duration::from_secs(10);
/// How long a connection may be idle between two requests.
pub const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Idle time before a subscription ping.
pub const PING: Duration = Duration::from_secs(15);
/// How long a connection may go without a complete request, and a client without reading its response.
pub const STALL: Duration = Duration::from_secs(60);

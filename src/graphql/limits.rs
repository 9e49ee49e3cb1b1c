//! What one request may ask for at most (R34).

/// Nesting of fields.
pub const DEPTH: usize = 15;
/// Sum of fields, lists multiplied by `first`.
pub const COMPLEXITY: usize = 2000;
/// Nesting of the document itself.
pub const RECURSION: usize = 24;
/// Directives on one field.
pub const DIRECTIVES: usize = 4;
/// Bytes of a request's body.
pub const BODY: usize = 256 * 1024;
/// Entries of a list asked for with `first`.
pub const FIRST_MAX: i32 = 50;
/// Entries of a list if `first` is left out.
pub const FIRST_DEFAULT: i32 = 20;
/// Characters of an idempotency key.
pub const KEY_MAX: usize = 200;

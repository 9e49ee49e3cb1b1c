//! Keyset pages: parts of a list that is ordered by an instant and, within that, by an id.

use jiff::Timestamp;

/// A page of a list with keys of instant and id.
#[derive(Clone, Copy, Debug)]
pub struct KeysetPage<Id> {
    /// Only entries after this one.
    pub after: Option<(Timestamp, Id)>,
    /// Only entries before this one.
    pub before: Option<(Timestamp, Id)>,
    /// Whether to take the last of these instead of the first; they stay in the list's order.
    pub from_end: bool,
    /// Maximum number of entries.
    pub limit: i64,
}

impl<Id> KeysetPage<Id> {
    /// The first entries after `after`, or of the whole list.
    pub fn first(limit: i64, after: Option<(Timestamp, Id)>) -> Self {
        Self { after, before: None, from_end: false, limit }
    }
}

//! Which part of a long list is wanted: the lists are ordered by an instant and, where that is the same, by an id.

use jiff::Timestamp;

/// A part of a list whose entries are found by instant and id.
#[derive(Clone, Copy, Debug)]
pub struct KeysetPage<Id> {
    /// Only what comes after this entry.
    pub after: Option<(Timestamp, Id)>,
    /// Only what comes before this entry.
    pub before: Option<(Timestamp, Id)>,
    /// Whether it is the last of these that are wanted; they stay in the order of the list.
    pub from_end: bool,
    /// How many at most.
    pub limit: i64,
}

impl<Id> KeysetPage<Id> {
    /// The first ones after an entry, or of all.
    pub fn first(limit: i64, after: Option<(Timestamp, Id)>) -> Self {
        Self { after, before: None, from_end: false, limit }
    }
}

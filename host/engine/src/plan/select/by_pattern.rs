//! Entries that select tags or repositories by pattern.

use crate::job::Outcome;
use crate::list::{Entry, List, Selection};

/// An entry that remains in the list, and its outcome.
#[derive(Debug)]
pub struct Unselected {
    /// The entry.
    pub entry: Entry,
    /// Its outcome.
    pub outcome: Outcome,
}

/// Whether any entry of `list` needs expansion.
pub fn selects_by_pattern(list: &List) -> bool {
    list.entries.iter().any(is_pattern)
}

/// Whether the entry selects tags or repositories by pattern.
pub const fn is_pattern(entry: &Entry) -> bool {
    entry.repositories.is_some() || matches!(entry.select, Selection::All | Selection::Matching(_))
}

//! What a plan is made with.

use longshore_oci::StoreName;

use super::{FilterFlags, Unselected};

/// What a plan is made with.
#[derive(Debug)]
pub struct PlanOptions {
    /// `-s`: replaces the store of every source.
    pub source: Option<StoreName>,
    /// `-d`: replaces the store of every destination, by the rewrite `registry`.
    pub destination: Option<StoreName>,
    /// The platform filters.
    pub filter: FilterFlags,
    /// The number of the first entry, from 1.
    pub first_number: u32,
    /// How entries ended that select tags by pattern and are still in the list.
    pub unselected: Vec<Unselected>,
}

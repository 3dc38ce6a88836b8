//! Options of a plan.

use longshore_oci::StoreName;

use super::{FilterFlags, Shard, SourceOverride, Unselected};

/// Options of a plan.
#[derive(Debug)]
pub struct PlanOptions {
    /// What replaces parts of every source.
    pub source: SourceOverride,
    /// `-d`: replaces the store of every destination, with the rewrite `registry`.
    pub destination: Option<StoreName>,
    /// The platform filters.
    pub filter: FilterFlags,
    /// The number of the first entry, from 1.
    pub first_number: u32,
    /// The part to which the plan is limited; `None` for all of it. Each part knows all collisions.
    pub shard: Option<Shard>,
    /// The outcomes of entries that select by pattern and remain in the list.
    pub unselected: Vec<Unselected>,
}

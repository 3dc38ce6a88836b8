//! Turns the entries of a list into jobs: `-s`, tag selection, completion, rewrite plugins and
//! collisions.
//!
//! `mirror`, `mirror-validate` and dry runs share this plan. After it, no reference is a string.

mod build;
mod collision;
mod compare;
mod destination;
mod draft;
mod entry;
mod error;
mod filter;
mod masked;
mod options;
mod repeated;
mod rewrite;
mod select;
mod shard;
mod source;
mod stand_in;

pub use build::build;
pub use compare::{Digests, digests};
pub use destination::{parse_registry_flag, parse_store_flag};
pub use entry::{Collision, Ended, IdleRewrite, Plan, PlannedEntry};
pub use error::PlanError;
pub use filter::{FilterFlags, PLATFORM_HINT, check_platforms};
pub use masked::{around, masked};
pub use options::PlanOptions;
pub use rewrite::{Rewrite, RewriteError, RewriteItem, RewriteVerdict};
pub use select::{
    Expansion, FilterError, Picked, Unselected, check_filter, check_pattern, expand, is_pattern,
    selects_by_pattern, valid_tags,
};
pub use shard::{Shard, ShardError};
pub use source::{SourceOverride, names_in_library};
pub use stand_in::rewritten_registry;

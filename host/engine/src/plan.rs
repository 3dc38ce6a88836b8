//! Turns the entries of a list into jobs: `-s`, tags selected by pattern, completion, the rewrite
//! plugins, collisions.
//!
//! `mirror`, `mirror-validate` and a dry run share this one plan. No reference travels as a string
//! past this room.

mod build;
mod collision;
mod destination;
mod draft;
mod entry;
mod error;
mod filter;
mod options;
mod rewrite;
mod select;
mod source;
mod stand_in;

pub use build::build;
pub use destination::{parse_registry_flag, parse_store_flag};
pub use entry::{Ended, Plan, PlannedEntry};
pub use error::PlanError;
pub use filter::FilterFlags;
pub use options::PlanOptions;
pub use rewrite::{Rewrite, RewriteError, RewriteItem, RewriteVerdict};
pub use select::{Expansion, Picked, Unselected, expand, selects_by_pattern};
pub use stand_in::rewritten_registry;

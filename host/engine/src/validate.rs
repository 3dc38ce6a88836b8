//! Compares destinations with their sources: does each hold what `mirror` would have written, and all
//! that it names?
//!
//! Both ends are asked with the right to pull only, and for digests where these are enough. Content of
//! the destination is read there, so that no pull is counted at the source where the digests agree.

mod compare;
mod difference;
mod entry;
mod error;
mod fields;
mod inventory;
mod list_pairs;
mod referrers;
mod run;
mod verdict;

pub use entry::{MendCommands, ValidateOptions};
pub use run::run;

//! Validates destinations: whether each holds what `mirror` would write, including all content that
//! it names.
//!
//! Both ends are asked with the right to pull only, and for digests where these suffice. If the
//! digests agree, manifests are read at the destination, so that no pull is counted at the source.

mod compare;
mod difference;
mod entry;
mod error;
mod fields;
mod inventory;
mod list_pairs;
mod referrers;
mod room;
mod run;
mod verdict;

pub use entry::ValidateOptions;
pub use run::{Comparer, run};

//! Selects tags and repositories by an entry's filter: patterns, a version range, the latest ones.
//! Each selection comes with its reason.

mod by_pattern;
mod expand;
mod joint;
mod names;
mod pick;
mod under;

pub use by_pattern::{Unselected, is_pattern, selects_by_pattern};
pub use expand::{Expansion, Picked, expand};
pub use names::valid_tags;
pub use pick::{FilterError, check_filter, check_pattern};

//! Picking tags, and repositories, by what an entry's filter says: patterns, a range of versions, the
//! latest ones. What is picked says why.

mod expand;
mod pick;
mod under;
mod version;

pub use expand::{Expansion, Picked, Unselected, expand, selects_by_pattern};

//! Hints: where a registry holds blobs, as seen by earlier runs and this one.

mod account;
mod cache;
mod file;

pub(super) use account::{AccountHints, Hints};
pub use cache::HintCache;

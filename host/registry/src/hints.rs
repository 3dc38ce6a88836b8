//! Hints: where blobs are at a registry, by what earlier runs have seen and this one sees.

mod account;
mod cache;
mod file;

pub(super) use account::{AccountHints, Hints};
pub use cache::HintCache;

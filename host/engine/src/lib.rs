//! The engine: plans a list, copies it, and validates the copies.
//!
//! It depends on the store interface only, and knows neither plugins nor flags. The command line
//! opens the stores, passes parsed lists, and prints the events that the engine sends.

mod counted;
mod digest_tags;
mod error;
mod intact;
mod left_behind;
mod lost_platforms;
mod manifest_cache;
mod pool;
mod shape;
mod source_reader;
mod walk;

pub mod copy;
pub mod event;
pub mod inspect;
pub mod job;
pub mod list;
pub mod plan;
pub mod validate;

pub use counted::counted;
pub use error::JobError;
pub use manifest_cache::ManifestCache;
pub use shape::IndexMode;
pub use source_reader::list_tags;
pub use walk::OutOfBounds;

//! The engine: plans what a list asks for, copies it, and validates what was copied.
//!
//! It knows stores only by their seam, and neither plugins nor flags: the command line opens the
//! stores, gives it lists that were read, and prints the events that it sends.

mod error;
mod manifest_cache;
mod pool;
mod shape;
mod source_reader;
mod walk;

pub mod copy;
pub mod event;
pub mod job;
pub mod list;
pub mod plan;
pub mod validate;

pub use error::JobError;
pub use manifest_cache::ManifestCache;
pub use shape::IndexMode;
pub use walk::OutOfBounds;

//! Synthetic registry content, and clients that push and read it without longshore.
//!
//! Tests, quickstart and benchmark share this crate. Everything is deterministic: the same calls
//! give the same bytes and digests on every machine. So no image has to be committed.

mod bytes;
mod content;
mod endpoint;
mod image;
mod index;
mod json;
mod layouts;
mod platform;
mod walk;

pub use bytes::{digest, random};
pub use content::{Blob, Content};
pub use endpoint::{Endpoint, EndpointError, Fetched};
pub use image::Image;
pub use index::Index;
pub use layouts::Layouts;
pub use platform::Platform;

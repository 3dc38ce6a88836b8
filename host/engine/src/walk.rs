//! Walks the graph of an image: the manifests and blobs that a manifest names, and its referrers.
//!
//! Copies, comparisons and dry runs are visitors of these walks. Only this module knows the limits,
//! which children are manifests, and the rules for referrers and cosign's tags.

mod blob_child;
mod bounds;
mod content;
mod related;

pub(crate) use blob_child::is_blob;
pub use bounds::OutOfBounds;
pub(crate) use content::{
    Below, Descendants, Entered, Visitor, descendants, walk_blobs, walk_children, walk_content,
};
pub(crate) use related::{Relations, walk_related};

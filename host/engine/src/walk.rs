//! Walks the graph of an image: the manifests and blobs that a manifest names, and what refers to it.
//!
//! Copying, comparing and dry runs are visitors of these walks. The bounds, the question whether a
//! child is a manifest or a blob, and the rules for referrers and cosign's tags stand here and nowhere
//! else.

mod bounds;
mod content;
mod related;

pub use bounds::OutOfBounds;
pub(crate) use content::{
    Descendants, Visitor, descendants, walk_blobs, walk_children, walk_content,
};
pub(crate) use related::{Relations, walk_related};

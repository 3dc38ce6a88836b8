//! The seam between the engine and the places that hold repositories.
//!
//! A *store* is such a place: a registry, or a folder of OCI image layouts. The engine copies,
//! compares and selects through [`Source`] and [`Destination`] and knows no kind of store; what only
//! one kind has (upload sessions, mounts, tokens, rate limits; files, links, locks) stays behind its
//! implementation of these traits.
//!
//! Nothing that a store says about content is believed: blobs go through [`VerifiedBlob`], and
//! manifests are hashed by whoever returns them.

mod bounded;
mod content;
mod destination;
mod error;
mod interrupt;
mod source;
mod stores;

pub use bounded::{BoundedCells, BoundedMap, Key, Keys};
pub use content::{BlobStream, Prefix, Progress, VerifiedBlob};
pub use destination::{
    BlobSource, BlobTransfer, Destination, ManifestPushed, Placed, TransferFailure, Trust,
};
pub use error::{Fault, Operation, StoreError};
pub use interrupt::Interrupt;
pub use source::{Admission, BlobPresence, Intent, Retries, Source};
pub use stores::{Effort, Stores};

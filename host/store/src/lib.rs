//! The interface between the engine and stores.
//!
//! A *store* holds repositories: a registry, or a folder of OCI image layouts. The engine copies,
//! compares and selects through [`Source`] and [`Destination`], and depends on no kind of store.
//!
//! Features of one kind stay in its implementation. Registries have upload sessions, mounts, tokens and
//! rate limits. Folders have files, links and locks.
//!
//! Content from a store is never trusted: blobs go through [`VerifiedBlob`], and implementations
//! hash the manifests that they return.

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
pub use error::{
    Fault, LOST_CONTENT, MISSING_PROJECT, Operation, StoreError, kept_by_distribution, out_of_files,
};
pub use interrupt::Interrupt;
pub use source::{Admission, BlobPresence, Intent, Retries, Source};
pub use stores::{Effort, PauseSpan, StoreEffort, Stores};

//! A folder of OCI image layouts: one layout per repository, blobs shared between them by hard links.
//!
//! What both the registry over HTTP and the store behind the engine's seam need stands here once: a
//! manifest is taken only when the content that it names is in its repository, content appears whole
//! or not at all, and what names content is written after it. Several processes may have a folder
//! open at once.

mod batches;
mod blob;
mod blob_pieces;
mod blocking;
mod contents;
mod disk;
mod file_lock;
mod files;
mod incoming_blob;
mod layout;
mod manifest;
mod process_folder;
mod referrers;
mod repositories;
mod verified;

pub(crate) use batches::{Append, Batches};
pub(crate) use blob_pieces::BlobPieces;
pub(crate) use blocking::{blocking, lock};
pub(crate) use contents::{Contents, MANIFEST_LIMIT, MEDIA_TYPE_LIMIT};
pub(crate) use disk::OpenError;
pub(crate) use files::fresh_name;
pub(crate) use incoming_blob::IncomingBlob;
pub(crate) use layout::DeletedBlob;
pub(crate) use manifest::{ContentCheck, DeletedManifest, Lookup, PutError};
pub(crate) use referrers::ListedReferrer;
pub(crate) use repositories::Folder;

//! A folder of OCI image layouts: one layout per repository, blobs shared between them by hard links.
//!
//! It keeps the rules that the store and the served registry share. A manifest is accepted only if its
//! repository holds all content that it names. Content appears whole or not at all, and before anything
//! that names it. Several processes may have a folder open at once.

mod batches;
mod blob;
mod blob_pieces;
mod blocking;
mod contents;
mod disk;
mod file_lock;
mod files;
mod incoming_blob;
mod index_text;
mod layout;
mod manifest;
mod process_folder;
mod referrers;
mod repositories;
mod verified;

pub(crate) use batches::{Append, Batches};
pub(crate) use blob_pieces::BlobPieces;
pub(crate) use blocking::{blocking, lock};
pub(crate) use contents::{Contents, MEDIA_TYPE_LIMIT};
pub(crate) use disk::OpenError;
pub(crate) use files::{BehindLink, fresh_name};
pub(crate) use incoming_blob::IncomingBlob;
pub(crate) use layout::DeletedBlob;
pub(crate) use manifest::{ContentCheck, DeletedManifest, Lookup, PutError};
pub(crate) use referrers::ListedReferrer;
pub(crate) use repositories::Folder;

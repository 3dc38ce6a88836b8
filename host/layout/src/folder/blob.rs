//! The blobs of a repository: looking, reading, mounting, deleting.

use std::fs;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use longshore_oci::{Digest, Repository};

use super::blob_pieces::BlobPieces;
use super::blocking::blocking;
use super::files::{is_absent, open, size_of};
use super::repositories::Folder;

/// What came of deleting a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeletedBlob {
    /// It is gone.
    Deleted,
    /// The repository did not have it.
    NotFound,
    /// It is a manifest of the repository, and stays.
    IsManifest,
}

impl Folder {
    /// The size of a blob in bytes; `None` where the repository does not have it.
    ///
    /// # Errors
    /// The file system fails.
    pub(crate) async fn blob_size(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> io::Result<Option<u64>> {
        let path = self.disk.blob_path(repository, digest);
        blocking(move || size_of(&path)).await
    }

    /// Opens a blob: its size in bytes, and the part of it that `choose` picks by that size. `None`
    /// where the repository does not have it. Nobody has verified the content.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) async fn open_blob(
        &self,
        repository: &Repository,
        digest: &Digest,
        choose: impl FnOnce(u64) -> Option<Range<u64>> + Send + 'static,
    ) -> io::Result<Option<(u64, Option<BlobPieces>)>> {
        let path = self.disk.blob_path(repository, digest);
        blocking(move || {
            let Some((file, size)) = open(&path)? else { return Ok(None) };
            let pieces = choose(size).map(|part| BlobPieces::read(file, part)).transpose()?;
            Ok(Some((size, pieces)))
        })
        .await
    }

    /// Makes the blob `digest` of `from` be in `to` as well, by a hard link or else a copy. False if
    /// `from` does not have it, or with another size than `expected` bytes.
    ///
    /// # Errors
    /// The file system fails.
    pub(crate) async fn mount(
        &self,
        digest: &Digest,
        expected: Option<u64>,
        from: &Repository,
        to: &Repository,
    ) -> io::Result<bool> {
        let (disk, digest) = (Arc::clone(&self.disk), digest.clone());
        let (from, to) = (from.clone(), to.clone());
        blocking(move || disk.mount(&digest, expected, &from, &to)).await
    }

    /// Deletes a blob of a repository; other repositories keep theirs.
    ///
    /// # Errors
    /// The index cannot be read, or the file not removed.
    pub(crate) async fn delete_blob(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> io::Result<DeletedBlob> {
        let is_manifest = self.look_up(repository, |contents| contents.known(digest).is_some());
        if is_manifest.await? == Some(true) {
            return Ok(DeletedBlob::IsManifest);
        }
        let path = self.disk.blob_path(repository, digest);
        match blocking(move || fs::remove_file(path)).await {
            Ok(()) => Ok(DeletedBlob::Deleted),
            Err(error) if is_absent(&error) => Ok(DeletedBlob::NotFound),
            Err(error) => Err(error),
        }
    }
}

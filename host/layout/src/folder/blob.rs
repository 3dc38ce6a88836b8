//! The blobs of a repository: looking, reading, mounting, deleting.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use longshore_oci::{Digest, Repository};

use super::blob_pieces::{BlobPieces, Check};
use super::blocking::blocking;
use super::disk::Recalled;
use super::layout::DeletedBlob;
use super::repositories::Folder;

impl Folder {
    /// The size of a blob's file in bytes; `None` if the repository does not have it. The content is not
    /// verified.
    ///
    /// # Errors
    /// The file system fails.
    pub(crate) async fn blob_size(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> io::Result<Option<u64>> {
        let (disk, path) = (Arc::clone(&self.disk), self.disk.blob_path(repository, digest));
        blocking(move || disk.size_of(&path)).await
    }

    /// The size in bytes of a blob or a manifest whose file has its digest; `None` if the repository does
    /// not have it, or damaged. Each version of a file is read only once for this.
    ///
    /// # Errors
    /// The file system fails.
    pub(crate) async fn whole_size(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> io::Result<Option<u64>> {
        let path = self.disk.blob_path(repository, digest);
        // A few stats are cheaper than a hop to another thread.
        let recall = || match self.disk.recall(&path, digest)? {
            Recalled::Absent | Recalled::Damaged => Ok::<_, io::Error>(Some(None)),
            Recalled::Whole(size) => Ok(Some(Some(size))),
            Recalled::Unread => Ok(None),
        };
        if let Some(recalled) = recall()? {
            return Ok(recalled);
        }
        let _turn = self.hashing_turn(digest).await;
        if let Some(recalled) = recall()? {
            return Ok(recalled);
        }
        let (disk, path, digest) = (Arc::clone(&self.disk), path.clone(), digest.clone());
        blocking(move || disk.whole_size(&path, &digest)).await
    }

    /// Opens a blob: its size in bytes, and the part of it that `choose` picks by that size. `None` if the
    /// repository does not have it. The content is not verified.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) async fn open_blob(
        &self,
        repository: &Repository,
        digest: &Digest,
        choose: impl FnOnce(u64) -> Option<Range<u64>> + Send + 'static,
    ) -> io::Result<Option<(u64, Option<BlobPieces>)>> {
        let (disk, path) = (Arc::clone(&self.disk), self.disk.blob_path(repository, digest));
        blocking(move || {
            let Some((file, stamp)) = disk.open(&path)? else { return Ok(None) };
            let pieces = choose(stamp.size).map(|part| BlobPieces::read(file, part)).transpose()?;
            Ok(Some((stamp.size, pieces)))
        })
        .await
    }

    /// Like [`Self::open_blob`], but damaged content is never handed out whole. A blob that was not read
    /// yet is hashed first if a part of it is asked for, else on its way: the stream of damaged content
    /// fails before its last piece.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) async fn open_whole_blob(
        &self,
        repository: &Repository,
        digest: &Digest,
        choose: impl Fn(u64) -> Option<Range<u64>> + Send + 'static,
    ) -> io::Result<Option<(u64, Option<BlobPieces>)>> {
        let path = self.disk.blob_path(repository, digest);
        let stamp = self.disk.stamp_of(&path)?;
        let Some(size) = stamp.map(|stamp| stamp.size) else { return Ok(None) };
        let is_all = choose(size).is_some_and(|part| part == (0..size));
        if !is_all && self.whole_size(repository, digest).await?.is_none() {
            return Ok(None);
        }
        let (disk, digest) = (Arc::clone(&self.disk), digest.clone());
        let opened = blocking(move || {
            let Some((file, stamp)) = disk.open(&path)? else { return Ok(None) };
            let size = stamp.size;
            let Some(part) = choose(size) else { return Ok(Some((size, None))) };
            let pieces = match disk.recall_version(&stamp, &digest) {
                Recalled::Absent | Recalled::Damaged => return Ok(None),
                Recalled::Unread if part == (0..size) => {
                    let check = Check::new(Arc::clone(&disk), stamp, digest);
                    BlobPieces::read_checked(file, size, check)?
                }
                // Unread: it has just been hashed, and is too new to be remembered.
                Recalled::Unread | Recalled::Whole(_) => BlobPieces::read(file, part)?,
            };
            Ok(Some((size, Some(pieces))))
        });
        match opened.await {
            // A small blob is known to be damaged before the first byte is sent.
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(None),
            opened => opened,
        }
    }

    /// Puts the blob `digest` of `from` into `to` too, by a hard link or else a copy. Returns false if
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

    /// Like [`Self::mount`], from any repository of the folder that has the blob.
    ///
    /// # Errors
    /// The file system fails.
    pub(crate) async fn mount_from_any(
        &self,
        digest: &Digest,
        to: &Repository,
    ) -> io::Result<bool> {
        if self.whole_size(to, digest).await?.is_some() {
            return Ok(true);
        }
        let (disk, wanted) = (Arc::clone(&self.disk), digest.clone());
        match blocking(move || disk.find_blob(&wanted)).await? {
            Some(from) => self.mount(digest, None, &from, to).await,
            None => Ok(false),
        }
    }

    /// Deletes a blob of a repository that no manifest there names; other repositories keep theirs.
    ///
    /// # Errors
    /// The index or a manifest cannot be read, or the file not removed.
    pub(crate) async fn delete_blob(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> io::Result<DeletedBlob> {
        self.layout(repository).delete_blob(digest).await
    }
}

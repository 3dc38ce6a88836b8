//! The manifests of a repository: looking, reading, writing, deleting.
//!
//! The one rule of writing: a manifest is taken only when the content that it names is in its
//! repository, and a tag is written after its manifest. So a kill never leaves a tag without content.

use std::fs;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use longshore_oci::{Content, Digest, Manifest, ManifestReference, Repository, Tag};

use super::blocking::blocking;
use super::contents::{Change, Known, MANIFEST_LIMIT};
use super::files::{is_absent, read_bounded, size_of};
use super::repositories::Folder;

/// What a look for a manifest came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lookup<T> {
    /// The repository does not exist.
    NoRepository,
    /// The repository does not have the manifest.
    NoManifest,
    /// This is what was looked for.
    Found(T),
}

impl<T> Lookup<T> {
    fn of(found: Option<Option<T>>) -> Self {
        match found {
            None => Self::NoRepository,
            Some(None) => Self::NoManifest,
            Some(Some(found)) => Self::Found(found),
        }
    }
}

/// Why a manifest was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PutError {
    /// The repository lacks this content, which the manifest names.
    #[error("the manifest names {0}, which is not in the repository")]
    MissingContent(Digest),
    /// The manifest could not be written.
    #[error("write the manifest: {0}")]
    Manifest(#[source] io::Error),
    /// The repository's index could not be read or written.
    #[error("write the index: {0}")]
    Index(#[source] io::Error),
}

impl Folder {
    /// The manifest that `reference` names.
    ///
    /// # Errors
    /// The index cannot be read.
    pub(crate) async fn find(
        &self,
        repository: &Repository,
        reference: &ManifestReference,
    ) -> io::Result<Lookup<Known>> {
        let look = self.look_up(repository, |contents| match reference {
            ManifestReference::Tag(tag) => contents.tagged(tag).cloned(),
            ManifestReference::Digest(digest) => contents.known(digest).cloned(),
        });
        look.await.map(Lookup::of)
    }

    /// The bytes of the manifest `digest`, as the file has them now; `None` where there is no file.
    /// Nobody has verified them.
    ///
    /// # Errors
    /// The file cannot be read, or has more than 4 MiB.
    pub(crate) async fn manifest_bytes(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> io::Result<Option<Bytes>> {
        let path = self.disk.blob_path(repository, digest);
        blocking(move || read_bounded(&path, MANIFEST_LIMIT)).await
    }

    /// Writes `manifest`, under `tag` or without one, and returns when it is on disk.
    ///
    /// # Errors
    /// The repository lacks a blob or a child that the manifest names, or cannot be written. A subject
    /// may come later.
    pub(crate) async fn put_manifest(
        &self,
        repository: &Repository,
        tag: Option<Tag>,
        manifest: Manifest,
    ) -> Result<(), PutError> {
        let known = Known::of(&manifest);
        let named = children_and_blobs(&manifest);
        let (disk, at) = (Arc::clone(&self.disk), repository.clone());
        let missing = blocking(move || {
            for named in named {
                if size_of(&disk.blob_path(&at, &named))?.is_none() {
                    return Ok(Some(named));
                }
            }
            disk.write_blob(&at, &manifest.raw.digest, &manifest.raw.bytes)?;
            Ok(None)
        });
        if let Some(missing) = missing.await.map_err(PutError::Manifest)? {
            return Err(PutError::MissingContent(missing));
        }
        let layout = self.layout_to_change(repository);
        layout.change(Change::Put(tag, known)).await.map_err(PutError::Index)?;
        Ok(())
    }

    /// Deletes a tag alone, or a manifest and all its tags.
    ///
    /// # Errors
    /// The index cannot be read or written, or the manifest not removed.
    pub(crate) async fn delete_manifest(
        &self,
        repository: &Repository,
        reference: &ManifestReference,
    ) -> io::Result<Lookup<()>> {
        let layout = self.layout(repository);
        if layout.read(|_| ()).await?.is_none() {
            return Ok(Lookup::NoRepository);
        }
        let change = match reference {
            ManifestReference::Tag(tag) => Change::Untag(tag.clone()),
            ManifestReference::Digest(digest) => Change::Delete(digest.clone()),
        };
        if !layout.change(change).await?.found {
            return Ok(Lookup::NoManifest);
        }
        if let ManifestReference::Digest(digest) = reference {
            let path = self.disk.blob_path(repository, digest);
            match blocking(move || fs::remove_file(path)).await {
                Err(error) if !is_absent(&error) => return Err(error),
                _ => {}
            }
        }
        Ok(Lookup::Found(()))
    }
}

/// The digests that must be in the repository before the manifest: blobs, and children of an index.
fn children_and_blobs(manifest: &Manifest) -> Vec<Digest> {
    match &manifest.content {
        Content::Index(index) => index.manifests.iter().map(|child| child.digest.clone()).collect(),
        Content::Single(single) => {
            single.blobs().into_iter().map(|blob| blob.digest.clone()).collect()
        }
    }
}

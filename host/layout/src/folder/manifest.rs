//! The manifests of a repository: looking, reading, writing, deleting.
//!
//! The one rule of writing: a manifest is accepted only if the content that it names is in its repository,
//! and a tag is written after its manifest. So a kill never leaves a tag without content.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use longshore_oci::{
    Descriptor, Digest, LARGEST_MANIFEST, Manifest, ManifestReference, Repository, Tag,
};

use super::blocking::blocking;
use super::contents::{Change, Contents, Effect, Known, content_named};
use super::repositories::Folder;

/// How the content that a manifest names is checked before the manifest is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContentCheck {
    /// It has the digest. A version of a file is read once for this.
    Digest,
    /// It has the descriptor's size, or else the digest.
    Size,
}

/// The result of deleting a manifest or a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeletedManifest {
    /// It was deleted.
    Deleted,
    /// An index of the repository names it, and it stays.
    InUse,
}

/// The result of looking for a manifest.
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

/// Why a manifest was not accepted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PutError {
    /// The repository lacks this content, which the manifest names, or has it damaged.
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
    /// The manifest that `reference` names, if its file is whole.
    ///
    /// # Errors
    /// The index or the file cannot be read.
    pub(crate) async fn find(
        &self,
        repository: &Repository,
        reference: &ManifestReference,
    ) -> io::Result<Lookup<Known>> {
        let look = || {
            self.look_up(repository, |contents| match reference {
                ManifestReference::Tag(tag) => contents.tagged(tag).cloned(),
                ManifestReference::Digest(digest) => contents.known(digest).cloned(),
            })
        };
        let mut found = look().await?;
        if matches!(found, Some(None)) {
            let broken = |contents: &Contents| contents.broken(reference).cloned();
            let broken = self.look_up(repository, broken).await?.flatten();
            if let Some(broken) = broken
                && self.whole_size(repository, &broken).await?.is_some()
            {
                // The file has been repaired since then.
                self.layout(repository).forget();
                found = look().await?;
            }
        }
        if let Some(Some(known)) = &found
            && self.whole_size(repository, &known.digest).await?.is_none()
        {
            found = Some(None);
        }
        Ok(Lookup::of(found))
    }

    /// The bytes of the manifest `digest`, as the file has them now; `None` if there is no file. They are
    /// not verified.
    ///
    /// # Errors
    /// The file cannot be read, or has more than 4 MiB.
    pub(crate) async fn manifest_bytes(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> io::Result<Option<Bytes>> {
        let (disk, path) = (Arc::clone(&self.disk), self.disk.blob_path(repository, digest));
        blocking(move || Ok(disk.read(&path, LARGEST_MANIFEST)?.map(|(bytes, _)| bytes))).await
    }

    /// Writes `manifest`, under `tag` or without one, and returns when it is on disk. A damaged file is
    /// replaced.
    ///
    /// # Errors
    /// The repository lacks a blob or a child that the manifest names, or cannot be written. A subject
    /// may come later.
    pub(crate) async fn put_manifest(
        &self,
        repository: &Repository,
        tag: Option<Tag>,
        manifest: Manifest,
        check: ContentCheck,
    ) -> Result<(), PutError> {
        let known = Known::of(&manifest);
        let mut named = Vec::new();
        for content in content_named(&manifest) {
            let is_there = self.is_there(repository, content, check).await;
            if !is_there.map_err(PutError::Manifest)? {
                return Err(PutError::MissingContent(content.digest.clone()));
            }
            named.push(content.digest.clone());
        }
        let (disk, at, raw) = (Arc::clone(&self.disk), repository.clone(), manifest.raw);
        blocking(move || disk.write_blob(&at, &raw.digest, &raw.bytes))
            .await
            .map_err(PutError::Manifest)?;
        let layout = self.layout_to_change(repository);
        let effect = layout.change(Change::Put(tag, known, named)).await;
        match effect.map_err(PutError::Index)?.missing {
            Some(missing) => Err(PutError::MissingContent(missing)),
            None => Ok(()),
        }
    }

    async fn is_there(
        &self,
        repository: &Repository,
        content: &Descriptor,
        check: ContentCheck,
    ) -> io::Result<bool> {
        if check == ContentCheck::Size {
            let path = self.disk.blob_path(repository, &content.digest);
            match self.disk.size_of(&path)? {
                None => return Ok(false),
                Some(size) if size == content.size => return Ok(true),
                // A descriptor may lie about the size, so the digest decides.
                Some(_) => {}
            }
        }
        Ok(self.whole_size(repository, &content.digest).await?.is_some())
    }

    /// Deletes a tag alone, or a manifest and all its tags.
    ///
    /// # Errors
    /// The index cannot be read or written, or the manifest not removed.
    pub(crate) async fn delete_manifest(
        &self,
        repository: &Repository,
        reference: &ManifestReference,
    ) -> io::Result<Lookup<DeletedManifest>> {
        let layout = self.layout(repository);
        if layout.read(|_| ()).await?.is_none() {
            return Ok(Lookup::NoRepository);
        }
        let change = match reference {
            ManifestReference::Tag(tag) => Change::Untag(tag.clone()),
            ManifestReference::Digest(digest) => Change::Delete(digest.clone()),
        };
        let effect = layout.change(change).await?;
        Ok(match effect {
            Effect { in_use: true, .. } => Lookup::Found(DeletedManifest::InUse),
            Effect { found: true, .. } => Lookup::Found(DeletedManifest::Deleted),
            _ => Lookup::NoManifest,
        })
    }
}

//! A store to write to.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use longshore_oci::{Descriptor, Digest, Manifest, ManifestReference, RawManifest, Repository};

use super::{BlobStream, Interrupt, Progress, Source, StoreError};

/// How much of what a destination shows is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// A look that finds a blob is enough.
    Probe,
    /// The destination has just said that it lacks content that it showed before: send it again.
    Nothing,
}

/// What a store said to a manifest that it took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ManifestPushed {
    /// The store lists the manifest by itself under the subject that it names.
    pub is_listed: bool,
}

/// How a blob got into a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placed {
    /// It was read from the source and written.
    Moved,
    /// It came from this other repository of the same store: a mount or a link.
    Mounted(Repository),
    /// It was there already.
    Present,
}

/// Why a blob could not be placed, and on which side.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TransferFailure {
    /// The source could not be read, or has other content than its descriptor says.
    #[error("source: {0}")]
    Source(#[source] StoreError),
    /// The destination did not take it.
    #[error("destination: {0}")]
    Destination(#[source] StoreError),
    /// The run was interrupted; what was begun was given up.
    #[error("interrupted")]
    Interrupted,
}

/// Where the bytes of a blob come from.
#[derive(Clone, Copy)]
pub struct BlobSource<'a> {
    /// The store.
    pub store: &'a Arc<dyn Source>,
    /// The repository.
    pub repository: &'a Repository,
    /// The bytes, where they had to be read before; they are verified all the same.
    pub bytes: Option<&'a Bytes>,
}

impl BlobSource<'_> {
    /// Opens `blob` from the byte `offset` on, which may have been `wrong` before.
    ///
    /// # Errors
    /// Those of [`Source::read_blob`].
    pub async fn open(
        &self,
        blob: &Descriptor,
        offset: u64,
        wrong: bool,
    ) -> Result<BlobStream, StoreError> {
        match self.bytes {
            Some(bytes) => {
                let offset = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
                Ok(BlobStream::of_bytes(blob, bytes.slice(offset..)))
            }
            None => self.store.read_blob(self.repository, blob, offset, wrong).await,
        }
    }
}

impl fmt::Debug for BlobSource<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.store.name(), self.repository)
    }
}

/// One blob that shall be in a repository of a destination.
#[derive(Clone, Debug)]
pub struct BlobTransfer<'a> {
    /// The repository of the destination.
    pub repository: &'a Repository,
    /// The blob.
    pub blob: &'a Descriptor,
    /// Where its bytes come from.
    pub source: BlobSource<'a>,
    /// Another repository of the destination that holds it, as far as this run knows.
    pub from: Option<&'a Repository>,
    /// The number of the image that it is for: lower numbers go first.
    pub image: u32,
    /// The destination's tag existed, so the blob may be there too.
    pub expected: bool,
    /// What is believed of the destination.
    pub trust: Trust,
    /// Is the size of a blob compared that was there, or was taken over from elsewhere? Where it is
    /// wrong, the blob is sent again.
    pub check_size: bool,
    /// The wish to stop.
    pub interrupt: &'a Interrupt,
    /// Is told of the bytes that are handed over.
    pub progress: Progress,
}

/// A store that can be written. All operations may overlap.
///
/// Unless an operation says otherwise, its errors are a refusal of the store, or that the store cannot
/// be reached or written.
pub trait Destination: Source {
    /// The store to read from.
    fn as_source(self: Arc<Self>) -> Arc<dyn Source>;

    /// May a blob that is in one repository be taken over into another, so that it is worth waiting
    /// for whoever brings it first?
    fn shares_blobs(&self) -> bool;

    /// Makes a blob be in a repository: it is there, is taken over from another repository, or is read
    /// from its source, verified and written. Content whose digest is wrong is never committed.
    ///
    /// # Errors
    /// Either side failed for good, or the run was interrupted.
    fn place_blob<'a>(
        &'a self,
        transfer: BlobTransfer<'a>,
    ) -> BoxFuture<'a, Result<Placed, TransferFailure>>;

    /// Writes the exact bytes of `manifest`, whose content is in the repository.
    ///
    /// # Errors
    /// [`Fault::MissingContent`](super::Fault::MissingContent) where the store lacks what the manifest
    /// names, [`Fault::ImmutableTag`](super::Fault::ImmutableTag) where the tag may not change.
    fn push_manifest<'a>(
        &'a self,
        repository: &'a Repository,
        reference: &'a ManifestReference,
        manifest: &'a RawManifest,
    ) -> BoxFuture<'a, Result<ManifestPushed, StoreError>>;

    /// Adds `referrers`, which are in the repository, to the index under the fallback tag of
    /// `subject`. Within a run, one at a time may do this for a subject.
    fn add_referrers<'a>(
        &'a self,
        repository: &'a Repository,
        subject: &'a Digest,
        referrers: &'a [Manifest],
    ) -> BoxFuture<'a, Result<(), StoreError>>;
}

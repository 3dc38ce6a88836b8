//! Stores that can be written.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use longshore_oci::{Descriptor, Digest, Manifest, ManifestReference, RawManifest, Repository};

use super::{BlobStream, Intent, Interrupt, Progress, Source, StoreError};

/// How far a destination's answers are trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// A probe that finds a blob suffices.
    Probe,
    /// The store verifies the content that it finds if it can read it cheaply. A folder can, a registry
    /// is trusted.
    Verify,
    /// The destination lacks content that a probe found before, so everything is sent again.
    Nothing,
}

/// A store's answer to a pushed manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ManifestPushed {
    /// Whether the store itself lists the manifest as a referrer of its subject.
    pub is_listed: bool,
}

/// How a blob got into a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placed {
    /// It was read from the source and written.
    Moved,
    /// It was mounted or linked from this repository of the same store.
    Mounted(Repository),
    /// It was there before.
    Present,
}

/// Why a blob could not be placed, by side.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TransferFailure {
    /// The source could not be read, or its content does not match the descriptor.
    #[error("source: {0}")]
    Source(#[source] StoreError),
    /// The destination failed or refused.
    #[error("destination: {0}")]
    Destination(#[source] StoreError),
    /// The run was interrupted, and the transfer was cancelled.
    #[error("interrupted")]
    Interrupted,
}

/// The source of a blob.
#[derive(Clone, Copy)]
pub struct BlobSource<'a> {
    /// The store.
    pub store: &'a Arc<dyn Source>,
    /// The repository.
    pub repository: &'a Repository,
    /// The bytes, if they were read before. They are verified nevertheless.
    pub bytes: Option<&'a Bytes>,
}

impl BlobSource<'_> {
    /// Opens `blob` at the byte `offset`; `wrong` tells that its content failed verification
    /// before.
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

/// A request to place a blob in a repository of a destination.
#[derive(Clone, Debug)]
pub struct BlobTransfer<'a> {
    /// The destination's repository.
    pub repository: &'a Repository,
    /// The blob.
    pub blob: &'a Descriptor,
    /// The blob's source.
    pub source: BlobSource<'a>,
    /// Another repository of the destination that holds the blob, as far as known.
    pub from: Option<&'a Repository>,
    /// The number of the image that needs the blob; lower numbers go first.
    pub image: u32,
    /// Whether the destination's tag existed, so that the blob may exist too.
    pub expected: bool,
    /// How far the destination's answers are trusted.
    pub trust: Trust,
    /// Whether to compare the size of a blob that existed or was mounted. A blob of the wrong size is
    /// sent again.
    pub check_size: bool,
    /// The run's interrupt.
    pub interrupt: &'a Interrupt,
    /// The callback for bytes that are handed over.
    pub progress: Progress,
}

/// A store that can be written. All operations may run concurrently.
///
/// Unless documented otherwise, an operation fails if the store refuses it, or cannot be reached or
/// written.
pub trait Destination: Source {
    /// The store as a source.
    fn as_source(self: Arc<Self>) -> Arc<dyn Source>;

    /// Whether a repository can take blobs over from another one, so that it is worth waiting for
    /// the first upload.
    fn shares_blobs(&self) -> bool;

    /// Checks, as far as possible, that the store keeps what it shows of `repository`. `held` is the digest
    /// of a manifest that it showed. With [`Intent::Push`], the check may use the right to push.
    ///
    /// # Errors
    /// If the store shows content of another one, such as a pull-through cache, and takes no pushes.
    fn check_storage<'a>(
        &'a self,
        _repository: &'a Repository,
        _held: Option<&'a Digest>,
        _intent: Intent,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        std::future::ready(Ok(())).boxed()
    }

    /// Says why the store would refuse every push to `repository`, if that is known without a push. Call
    /// this after the store refused to show something.
    fn push_refusal<'a>(
        &'a self,
        _repository: &'a Repository,
    ) -> BoxFuture<'a, Option<StoreError>> {
        std::future::ready(None).boxed()
    }

    /// The intent of a dry run's reads: [`Intent::Push`] if asking for the right to push changes nothing,
    /// and shows whether the account has it.
    fn preview_intent<'a>(&'a self, _repository: &'a Repository) -> BoxFuture<'a, Intent> {
        std::future::ready(Intent::Read).boxed()
    }

    /// Says that the account may not push to `repository`, if an earlier read with [`Intent::Push`] showed
    /// it.
    fn lacks_push_right<'a>(
        &'a self,
        _repository: &'a Repository,
    ) -> BoxFuture<'a, Option<StoreError>> {
        std::future::ready(None).boxed()
    }

    /// Whether the store may hold referrers that it does not list: it showed a subject in the place of its list.
    fn may_hide_referrers(&self) -> bool {
        false
    }

    /// Whether the store keeps the list of `referrers` of one subject and never shows it, so that only their
    /// digests lead to them. Call this after [`may_hide_referrers`](Self::may_hide_referrers).
    ///
    /// # Errors
    /// If the store gives no answer.
    fn hides_list<'a>(
        &'a self,
        _repository: &'a Repository,
        _referrers: &'a [Manifest],
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        std::future::ready(Ok(false)).boxed()
    }

    /// Says that the store takes no pushes into `repository`, if it says so without a push.
    fn takes_no_push<'a>(
        &'a self,
        _repository: &'a Repository,
    ) -> BoxFuture<'a, Option<StoreError>> {
        std::future::ready(None).boxed()
    }

    /// Ensures that a repository holds a blob.
    ///
    /// The blob exists already, is taken over from another repository, or is read from its source,
    /// verified and written. Content with a wrong digest is never committed.
    ///
    /// # Errors
    /// If either side failed for good, or the run was interrupted.
    fn place_blob<'a>(
        &'a self,
        transfer: BlobTransfer<'a>,
    ) -> BoxFuture<'a, Result<Placed, TransferFailure>>;

    /// Writes the exact bytes of `manifest`, whose content the repository holds.
    ///
    /// # Errors
    /// [`Fault::MissingContent`](super::Fault::MissingContent) if the store lacks content that the
    /// manifest names, and [`Fault::ImmutableTag`](super::Fault::ImmutableTag) if the tag cannot be
    /// changed.
    fn push_manifest<'a>(
        &'a self,
        repository: &'a Repository,
        reference: &'a ManifestReference,
        manifest: &'a RawManifest,
    ) -> BoxFuture<'a, Result<ManifestPushed, StoreError>>;

    /// Adds `referrers`, which the repository holds, to the index under the fallback tag of
    /// `subject`.
    ///
    /// Within a run, calls for one subject must not overlap.
    fn add_referrers<'a>(
        &'a self,
        repository: &'a Repository,
        subject: &'a Digest,
        referrers: &'a [Manifest],
    ) -> BoxFuture<'a, Result<(), StoreError>>;
}

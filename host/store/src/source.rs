//! Stores that can be read.

use std::any::Any;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use longshore_oci::{Descriptor, Digest, Manifest, ManifestReference, Repository, StoreName};

use super::{BlobStream, StoreError};

/// What follows a read.
///
/// If a push follows, the right to push is requested with the read, so that one token serves both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// Nothing is written.
    Read,
    /// A push into the same repository.
    Push,
}

/// The result of checking a blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlobPresence {
    /// The blob is there, as far as it was checked.
    Present,
    /// The blob is not there.
    Absent,
    /// The blob has another size, in bytes.
    OtherSize(u64),
    /// The blob's bytes have another digest.
    OtherContent(Digest),
}

/// Decides about retries of one operation on a store, and their back-off.
pub trait Retries: Send {
    /// The wait before the next attempt after `error`; `None` if the error is final.
    fn after(&mut self, error: &StoreError) -> Option<Duration>;

    /// Counts a next attempt that begins, if the store counts its retries.
    fn count(&self) {}
}

/// No retries: what a disk refuses once it refuses again.
struct NoRetries;

impl Retries for NoRetries {
    fn after(&mut self, _error: &StoreError) -> Option<Duration> {
        None
    }
}

/// The permit to read one blob, if the store limits reads; released on drop.
pub struct Admission(
    #[expect(dead_code, reason = "held for its drop")] Option<Box<dyn Any + Send>>,
);

impl Admission {
    /// A permit of a store without limits.
    pub const fn free() -> Self {
        Self(None)
    }

    /// Holds `permit` until it is dropped.
    pub fn holding(permit: impl Any + Send) -> Self {
        Self(Some(Box::new(permit)))
    }
}

impl fmt::Debug for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Admission")
    }
}

/// A store that can be read. All operations may run concurrently.
///
/// Unless documented otherwise, an operation fails if the store refuses it, or cannot be reached or
/// read.
pub trait Source: fmt::Debug + Send + Sync {
    /// The store's name in references.
    fn name(&self) -> &StoreName;

    /// The concrete store, for others of its kind: two registries take both of their permits in one
    /// step.
    fn as_any(&self) -> &dyn Any;

    /// Connects to the store ahead of the first request, which reports any error.
    fn reach(&self) -> BoxFuture<'_, ()> {
        std::future::ready(()).boxed()
    }

    /// Whether reading a manifest counts against a quota that resolving its tag does not.
    fn meters_manifest_reads(&self) -> bool {
        false
    }

    /// Resolves `reference` to a digest; `None` if the manifest does not exist.
    ///
    /// The digest only saves work: the hash of the content decides.
    fn resolve<'a>(
        &'a self,
        repository: &'a Repository,
        reference: &'a ManifestReference,
        intent: Intent,
    ) -> BoxFuture<'a, Result<Option<Digest>, StoreError>>;

    /// Reads a manifest of at most 4 MiB and hashes it; a manifest requested by digest must match
    /// it.
    ///
    /// # Errors
    /// Also another digest, or content that is not a manifest.
    fn manifest<'a>(
        &'a self,
        repository: &'a Repository,
        reference: &'a ManifestReference,
    ) -> BoxFuture<'a, Result<Manifest, StoreError>>;

    /// Waits until a blob of `size` bytes may be read for the image with this number; lower numbers
    /// go first.
    fn admit(&self, _image: u32, _size: u64) -> BoxFuture<'_, Result<Admission, StoreError>> {
        std::future::ready(Ok(Admission::free())).boxed()
    }

    /// Opens a blob for reading from the byte `offset`, without retries. The caller was admitted.
    ///
    /// If the content was `wrong` before, it is read in another way, if there is one. The content
    /// is not verified.
    ///
    /// # Errors
    /// Also another length than the descriptor's.
    fn read_blob<'a>(
        &'a self,
        repository: &'a Repository,
        blob: &'a Descriptor,
        offset: u64,
        wrong: bool,
    ) -> BoxFuture<'a, Result<BlobStream, StoreError>>;

    /// The retries of one blob that is read.
    fn retries(&self) -> Box<dyn Retries> {
        Box::new(NoRetries)
    }

    /// Reads a blob of at most `limit` bytes into memory and verifies it.
    ///
    /// # Errors
    /// Also another length or digest, or a size above `limit`.
    fn small_blob<'a>(
        &'a self,
        repository: &'a Repository,
        blob: &'a Descriptor,
        limit: u64,
    ) -> BoxFuture<'a, Result<Bytes, StoreError>>;

    /// Checks whether a blob exists, without reading it.
    fn blob_presence<'a>(
        &'a self,
        repository: &'a Repository,
        blob: &'a Descriptor,
    ) -> BoxFuture<'a, Result<BlobPresence, StoreError>>;

    /// Reads and hashes a blob without keeping it.
    fn blob_content<'a>(
        &'a self,
        repository: &'a Repository,
        blob: &'a Descriptor,
    ) -> BoxFuture<'a, Result<BlobPresence, StoreError>>;

    /// Lists all tags of `repository`, unparsed, in the store's order and without duplicates.
    fn tags<'a>(
        &'a self,
        repository: &'a Repository,
    ) -> BoxFuture<'a, Result<Vec<String>, StoreError>>;

    /// Lists all repositories of the store, unparsed, in its order and without duplicates.
    fn repositories(&self) -> BoxFuture<'_, Result<Vec<String>, StoreError>>;

    /// Lists the manifests with the subject `subject` (distribution-spec, "Listing Referrers");
    /// `None` if the store has no such list, so that the fallback tag applies.
    fn referrers<'a>(
        &'a self,
        repository: &'a Repository,
        subject: &'a Digest,
        intent: Intent,
    ) -> BoxFuture<'a, Result<Option<Vec<Descriptor>>, StoreError>>;

    /// Lists the referrers in the index under the fallback tag of `subject` (distribution-spec,
    /// "Referrers Tag Schema"); empty if there is no such tag.
    ///
    /// # Errors
    /// Also anything but an index under the tag.
    fn tagged_referrers<'a>(
        &'a self,
        repository: &'a Repository,
        subject: &'a Digest,
        intent: Intent,
    ) -> BoxFuture<'a, Result<Vec<Descriptor>, StoreError>>;
}

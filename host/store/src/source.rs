//! A store to read from.

use std::any::Any;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use longshore_oci::{Descriptor, Digest, Manifest, ManifestReference, Repository, StoreName};

use super::{BlobStream, StoreError};

/// What comes after a read: where a push follows, a registry is asked for the right to push at once,
/// so that one token serves both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// Nothing is written.
    Read,
    /// Something is pushed into the same repository.
    Push,
}

/// What a look at a blob shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlobPresence {
    /// It is there, as far as was looked.
    Present,
    /// It is not there.
    Absent,
    /// It has another size, in bytes.
    OtherSize(u64),
    /// Its bytes have another digest.
    OtherContent(Digest),
}

/// Decides how often, and after which wait, one operation on a store is tried again.
pub trait Retries: Send {
    /// How long to wait before the next try after `error`; `None` where it is final.
    fn after(&mut self, error: &StoreError) -> Option<Duration>;
}

/// The right to read one blob now, where a store limits that; given back when it is dropped.
pub struct Admission(
    #[expect(dead_code, reason = "held for its drop")] Option<Box<dyn Any + Send>>,
);

impl Admission {
    /// The store limits nothing.
    pub const fn free() -> Self {
        Self(None)
    }

    /// Gives back what `permit` stands for when it is dropped.
    pub fn holding(permit: impl Any + Send) -> Self {
        Self(Some(Box::new(permit)))
    }
}

impl fmt::Debug for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Admission")
    }
}

/// A store that can be read. All operations may overlap.
///
/// Unless an operation says otherwise, its errors are a refusal of the store, or that the store cannot
/// be reached or read.
pub trait Source: fmt::Debug + Send + Sync {
    /// What the store is called in references.
    fn name(&self) -> &StoreName;

    /// The store itself, so that another one of its kind can recognise it: two registries take their
    /// in-flight limits in one step.
    fn as_any(&self) -> &dyn Any;

    /// Finds out how the store is reached, as the first request would; what is wrong with it, that
    /// one reports.
    fn reach(&self) -> BoxFuture<'_, ()> {
        std::future::ready(()).boxed()
    }

    /// Does reading a manifest use up a quota that resolving its tag does not?
    fn meters_manifest_reads(&self) -> bool {
        false
    }

    /// The digest that `reference` names now; `None` where there is no such manifest. It only ever
    /// saves work: what counts is the hash of what is read.
    fn resolve<'a>(
        &'a self,
        repository: &'a Repository,
        reference: &'a ManifestReference,
        intent: Intent,
    ) -> BoxFuture<'a, Result<Option<Digest>, StoreError>>;

    /// Reads a manifest of at most 4 MiB and hashes it; by digest, it must have that digest.
    ///
    /// # Errors
    /// Another digest, or content that is not a manifest, too.
    fn manifest<'a>(
        &'a self,
        repository: &'a Repository,
        reference: &'a ManifestReference,
    ) -> BoxFuture<'a, Result<Manifest, StoreError>>;

    /// Waits until a blob of `size` bytes may be read, for the image with this number: lower numbers
    /// go first.
    fn admit(&self, _image: u32, _size: u64) -> BoxFuture<'_, Result<Admission, StoreError>> {
        std::future::ready(Ok(Admission::free())).boxed()
    }

    /// Opens a blob for reading from the byte `offset`, with a single try; the caller has been
    /// admitted. Content that was `wrong` before is read in another way, where there is one.
    ///
    /// # Errors
    /// Another length than the descriptor's, too. Nobody has verified the digest.
    fn read_blob<'a>(
        &'a self,
        repository: &'a Repository,
        blob: &'a Descriptor,
        offset: u64,
        wrong: bool,
    ) -> BoxFuture<'a, Result<BlobStream, StoreError>>;

    /// The retries of one blob that is read.
    fn retries(&self) -> Box<dyn Retries>;

    /// Reads a blob of at most `limit` bytes into memory and verifies it.
    ///
    /// # Errors
    /// Another length or digest, or a size above `limit`, too.
    fn small_blob<'a>(
        &'a self,
        repository: &'a Repository,
        blob: &'a Descriptor,
        limit: u64,
    ) -> BoxFuture<'a, Result<Bytes, StoreError>>;

    /// Looks whether a blob is there, without reading it.
    fn blob_presence<'a>(
        &'a self,
        repository: &'a Repository,
        blob: &'a Descriptor,
    ) -> BoxFuture<'a, Result<BlobPresence, StoreError>>;

    /// Reads a blob and hashes it; nothing is kept.
    fn blob_content<'a>(
        &'a self,
        repository: &'a Repository,
        blob: &'a Descriptor,
    ) -> BoxFuture<'a, Result<BlobPresence, StoreError>>;

    /// All tags of `repository`, in the store's order, each once. Nobody has parsed them.
    fn tags<'a>(
        &'a self,
        repository: &'a Repository,
    ) -> BoxFuture<'a, Result<Vec<String>, StoreError>>;

    /// All repositories of the store, in its order, each once. Nobody has parsed them.
    fn repositories(&self) -> BoxFuture<'_, Result<Vec<String>, StoreError>>;

    /// The manifests that name `subject` as theirs (distribution-spec, "Listing Referrers"); `None`
    /// where the store keeps no such list and an index under the fallback tag stands in.
    fn referrers<'a>(
        &'a self,
        repository: &'a Repository,
        subject: &'a Digest,
        intent: Intent,
    ) -> BoxFuture<'a, Result<Option<Vec<Descriptor>>, StoreError>>;

    /// What the index under the fallback tag of `subject` lists (distribution-spec, "Referrers Tag
    /// Schema"); nothing where there is none.
    ///
    /// # Errors
    /// Something else under the tag, too.
    fn tagged_referrers<'a>(
        &'a self,
        repository: &'a Repository,
        subject: &'a Digest,
        intent: Intent,
    ) -> BoxFuture<'a, Result<Vec<Descriptor>, StoreError>>;
}

//! A source that sends what a test says.

use std::any::Any;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt as _};
use futures_util::stream::{self, StreamExt as _};
use longshore_oci::{Descriptor, Digest, Manifest, ManifestReference, Repository, StoreName};
use longshore_store::{
    BlobPresence, BlobStream, Fault, Intent, Operation, Retries, Source, StoreError,
};

/// What one opening of a blob sends.
#[derive(Clone, Debug)]
pub(super) enum Sends {
    All(Vec<u8>),
    /// These bytes, and then nothing more, without an end.
    Hangs(Vec<u8>),
    /// It cannot be opened now.
    Busy,
}

/// A source of blobs: each opening sends the next of a list.
#[derive(Debug)]
pub(super) struct FakeSource {
    name: StoreName,
    sends: Mutex<VecDeque<Sends>>,
}

impl FakeSource {
    /// Each opening sends the next of `contents` whole.
    pub(super) fn sends(contents: &[&[u8]]) -> Arc<dyn Source> {
        Self::script(contents.iter().map(|content| Sends::All(content.to_vec())).collect())
    }

    pub(super) fn script(sends: Vec<Sends>) -> Arc<dyn Source> {
        let name = StoreName::try_from("source.example".to_owned()).unwrap();
        Arc::new(Self { name, sends: Mutex::new(sends.into()) })
    }
}

/// Tries again at once, always.
struct AtOnce;

impl Retries for AtOnce {
    fn after(&mut self, error: &StoreError) -> Option<Duration> {
        error.transient.then_some(Duration::ZERO)
    }
}

fn not_asked<T: Send + 'static>() -> BoxFuture<'static, T> {
    async { panic!("the destination does not ask this") }.boxed()
}

impl Source for FakeSource {
    fn name(&self) -> &StoreName {
        &self.name
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn resolve<'a>(
        &'a self,
        _: &'a Repository,
        _: &'a ManifestReference,
        _: Intent,
    ) -> BoxFuture<'a, Result<Option<Digest>, StoreError>> {
        not_asked()
    }

    fn manifest<'a>(
        &'a self,
        _: &'a Repository,
        _: &'a ManifestReference,
    ) -> BoxFuture<'a, Result<Manifest, StoreError>> {
        not_asked()
    }

    fn read_blob<'a>(
        &'a self,
        _: &'a Repository,
        blob: &'a Descriptor,
        offset: u64,
        _: bool,
    ) -> BoxFuture<'a, Result<BlobStream, StoreError>> {
        assert_eq!(offset, 0);
        let operation = Operation::new("fetch blob", &blob.digest);
        let next = self.sends.lock().unwrap().pop_front().expect("it was opened too often");
        let (content, hangs) = match next {
            Sends::All(content) => (content, false),
            Sends::Hangs(content) => (content, true),
            Sends::Busy => {
                let mut error = StoreError::new(operation, Fault::Other, "busy");
                error.transient = true;
                return std::future::ready(Err(error)).boxed();
            }
        };
        let pieces: Vec<_> =
            content.chunks(100_000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        let end = if hangs { stream::pending().boxed() } else { stream::empty().boxed() };
        let content = BlobStream::new(operation, stream::iter(pieces).chain(end));
        std::future::ready(Ok(content)).boxed()
    }

    fn retries(&self) -> Box<dyn Retries> {
        Box::new(AtOnce)
    }

    fn small_blob<'a>(
        &'a self,
        _: &'a Repository,
        _: &'a Descriptor,
        _: u64,
    ) -> BoxFuture<'a, Result<Bytes, StoreError>> {
        not_asked()
    }

    fn blob_presence<'a>(
        &'a self,
        _: &'a Repository,
        _: &'a Descriptor,
    ) -> BoxFuture<'a, Result<BlobPresence, StoreError>> {
        not_asked()
    }

    fn blob_content<'a>(
        &'a self,
        _: &'a Repository,
        _: &'a Descriptor,
    ) -> BoxFuture<'a, Result<BlobPresence, StoreError>> {
        not_asked()
    }

    fn tags<'a>(&'a self, _: &'a Repository) -> BoxFuture<'a, Result<Vec<String>, StoreError>> {
        not_asked()
    }

    fn repositories(&self) -> BoxFuture<'_, Result<Vec<String>, StoreError>> {
        not_asked()
    }

    fn referrers<'a>(
        &'a self,
        _: &'a Repository,
        _: &'a Digest,
        _: Intent,
    ) -> BoxFuture<'a, Result<Option<Vec<Descriptor>>, StoreError>> {
        not_asked()
    }

    fn tagged_referrers<'a>(
        &'a self,
        _: &'a Repository,
        _: &'a Digest,
        _: Intent,
    ) -> BoxFuture<'a, Result<Vec<Descriptor>, StoreError>> {
        not_asked()
    }
}

//! A folder as a store to read from.

use std::any::Any;

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt as _};
use longshore_oci::{Descriptor, Digest, Manifest, ManifestReference, Repository, StoreName};
use longshore_store::{BlobPresence, BlobStream, Intent, Source, StoreError};

use super::LayoutStore;

impl Source for LayoutStore {
    fn name(&self) -> &StoreName {
        &self.name
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn resolve<'a>(
        &'a self,
        repository: &'a Repository,
        reference: &'a ManifestReference,
        _intent: Intent,
    ) -> BoxFuture<'a, Result<Option<Digest>, StoreError>> {
        self.resolve_manifest(repository, reference).boxed()
    }

    fn manifest<'a>(
        &'a self,
        repository: &'a Repository,
        reference: &'a ManifestReference,
    ) -> BoxFuture<'a, Result<Manifest, StoreError>> {
        let operation = self.on_manifest("fetch manifest", repository, reference);
        self.read_manifest(operation, repository, reference).boxed()
    }

    fn read_blob<'a>(
        &'a self,
        repository: &'a Repository,
        blob: &'a Descriptor,
        offset: u64,
        _wrong: bool,
    ) -> BoxFuture<'a, Result<BlobStream, StoreError>> {
        self.stream_blob(repository, blob, offset).boxed()
    }

    fn small_blob<'a>(
        &'a self,
        repository: &'a Repository,
        blob: &'a Descriptor,
        limit: u64,
    ) -> BoxFuture<'a, Result<Bytes, StoreError>> {
        self.read_small_blob(repository, blob, limit).boxed()
    }

    fn blob_presence<'a>(
        &'a self,
        repository: &'a Repository,
        blob: &'a Descriptor,
    ) -> BoxFuture<'a, Result<BlobPresence, StoreError>> {
        self.look_up_blob(repository, blob).boxed()
    }

    fn blob_content<'a>(
        &'a self,
        repository: &'a Repository,
        blob: &'a Descriptor,
    ) -> BoxFuture<'a, Result<BlobPresence, StoreError>> {
        self.hash_blob(repository, blob).boxed()
    }

    fn tags<'a>(
        &'a self,
        repository: &'a Repository,
    ) -> BoxFuture<'a, Result<Vec<String>, StoreError>> {
        self.list_tags(repository).boxed()
    }

    fn repositories(&self) -> BoxFuture<'_, Result<Vec<String>, StoreError>> {
        self.list_repositories().boxed()
    }

    fn referrers<'a>(
        &'a self,
        repository: &'a Repository,
        subject: &'a Digest,
        _intent: Intent,
    ) -> BoxFuture<'a, Result<Option<Vec<Descriptor>>, StoreError>> {
        async { self.list_referrers(repository, subject).await.map(Some) }.boxed()
    }

    fn tagged_referrers<'a>(
        &'a self,
        repository: &'a Repository,
        subject: &'a Digest,
        _intent: Intent,
    ) -> BoxFuture<'a, Result<Vec<Descriptor>, StoreError>> {
        self.list_tagged_referrers(repository, subject).boxed()
    }
}

//! A registry as a store: implements the engine's interface for the client.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt as _};
use futures_util::stream;
use longshore_oci::{
    Content, Descriptor, Digest, Manifest, ManifestReference, RawManifest, Repository, StoreName,
};
use longshore_store::{
    Admission, BlobPresence, BlobStream, BlobTransfer, Destination, Intent, ManifestPushed, Placed,
    Retries, Source, StoreError, TransferFailure,
};

use crate::Client;
use crate::hints::AccountHints;
use crate::retry::Backoff;

/// The back-off of a blob that is read from a registry.
struct ReadRetries(Backoff);

impl Retries for ReadRetries {
    fn after(&mut self, error: &StoreError) -> Option<Duration> {
        self.0.after_read(error)
    }

    fn count(&self) {
        self.0.count_retry();
    }
}

impl Source for Client {
    fn name(&self) -> &StoreName {
        &self.name
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn reach(&self) -> BoxFuture<'_, ()> {
        self.find_scheme().boxed()
    }

    fn meters_manifest_reads(&self) -> bool {
        self.capabilities().counts_manifest_gets
    }

    fn resolve<'a>(
        &'a self,
        repository: &'a Repository,
        reference: &'a ManifestReference,
        intent: Intent,
    ) -> BoxFuture<'a, Result<Option<Digest>, StoreError>> {
        let head = self.manifest_head(repository, reference, intent == Intent::Push);
        async { Ok(head.await?) }.boxed()
    }

    fn manifest<'a>(
        &'a self,
        repository: &'a Repository,
        reference: &'a ManifestReference,
    ) -> BoxFuture<'a, Result<Manifest, StoreError>> {
        async { Ok(self.fetch_manifest(repository, reference).await?) }.boxed()
    }

    fn admit(&self, image: u32, size: u64) -> BoxFuture<'_, Result<Admission, StoreError>> {
        async move { Ok(Admission::holding(self.read_permit(image, size).await?)) }.boxed()
    }

    fn read_blob<'a>(
        &'a self,
        repository: &'a Repository,
        blob: &'a Descriptor,
        offset: u64,
        wrong: bool,
    ) -> BoxFuture<'a, Result<BlobStream, StoreError>> {
        async move {
            let opened = self.open_stream(repository, blob, offset, wrong).await?;
            let operation = opened.operation().clone();
            let pieces = stream::unfold(Some(opened), |opened| async {
                let mut opened = opened?;
                match opened.chunk().await {
                    Ok(Some(piece)) => Some((Ok(piece), Some(opened))),
                    Ok(None) => None,
                    Err(error) => Some((Err(error.into()), None)),
                }
            });
            Ok(BlobStream::new(operation, pieces))
        }
        .boxed()
    }

    fn retries(&self) -> Box<dyn Retries> {
        Box::new(ReadRetries(self.backoff()))
    }

    fn small_blob<'a>(
        &'a self,
        repository: &'a Repository,
        blob: &'a Descriptor,
        limit: u64,
    ) -> BoxFuture<'a, Result<Bytes, StoreError>> {
        async move { Ok(self.fetch_small_blob(repository, blob, limit).await?) }.boxed()
    }

    fn blob_presence<'a>(
        &'a self,
        repository: &'a Repository,
        blob: &'a Descriptor,
    ) -> BoxFuture<'a, Result<BlobPresence, StoreError>> {
        async { Ok(self.look_up_blob(repository, blob).await?) }.boxed()
    }

    fn blob_content<'a>(
        &'a self,
        repository: &'a Repository,
        blob: &'a Descriptor,
    ) -> BoxFuture<'a, Result<BlobPresence, StoreError>> {
        async { Ok(self.hash_blob(repository, blob).await?) }.boxed()
    }

    fn tags<'a>(
        &'a self,
        repository: &'a Repository,
    ) -> BoxFuture<'a, Result<Vec<String>, StoreError>> {
        async { Ok(self.list_tags(repository).await?) }.boxed()
    }

    fn repositories(&self) -> BoxFuture<'_, Result<Vec<String>, StoreError>> {
        async { Ok(self.list_repositories().await?) }.boxed()
    }

    fn referrers<'a>(
        &'a self,
        repository: &'a Repository,
        subject: &'a Digest,
        intent: Intent,
    ) -> BoxFuture<'a, Result<Option<Vec<Descriptor>>, StoreError>> {
        let listed = self.list_referrers(repository, subject, intent == Intent::Push);
        async { Ok(listed.await?) }.boxed()
    }

    fn tagged_referrers<'a>(
        &'a self,
        repository: &'a Repository,
        subject: &'a Digest,
        intent: Intent,
    ) -> BoxFuture<'a, Result<Vec<Descriptor>, StoreError>> {
        let listed = self.list_tagged_referrers(repository, subject, intent == Intent::Push);
        async { Ok(listed.await?) }.boxed()
    }
}

impl Destination for Client {
    fn as_source(self: Arc<Self>) -> Arc<dyn Source> {
        self
    }

    fn shares_blobs(&self) -> bool {
        self.mounts()
    }

    fn check_storage<'a>(
        &'a self,
        repository: &'a Repository,
        held: Option<&'a Digest>,
        intent: Intent,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        let checked = self.check_storage(repository, held, intent);
        async { Ok(checked.await?) }.boxed()
    }

    fn may_hide_referrers(&self) -> bool {
        self.may_hide_referrers()
    }

    fn hides_list<'a>(
        &'a self,
        repository: &'a Repository,
        referrers: &'a [Manifest],
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        async { Ok(self.hides_list(repository, referrers, false).await?) }.boxed()
    }

    fn push_refusal<'a>(&'a self, repository: &'a Repository) -> BoxFuture<'a, Option<StoreError>> {
        async move { self.why_no_push(repository).await.map(StoreError::from) }.boxed()
    }

    fn preview_intent<'a>(&'a self, repository: &'a Repository) -> BoxFuture<'a, Intent> {
        self.preview_intent(repository).boxed()
    }

    fn lacks_push_right<'a>(
        &'a self,
        repository: &'a Repository,
    ) -> BoxFuture<'a, Option<StoreError>> {
        async move { self.lacks_push_right(repository).await.map(StoreError::from) }.boxed()
    }

    fn takes_no_push<'a>(
        &'a self,
        repository: &'a Repository,
    ) -> BoxFuture<'a, Option<StoreError>> {
        async move { self.takes_no_push(repository).await.map(StoreError::from) }.boxed()
    }

    fn place_blob<'a>(
        &'a self,
        transfer: BlobTransfer<'a>,
    ) -> BoxFuture<'a, Result<Placed, TransferFailure>> {
        async move { self.place(&transfer).await }.boxed()
    }

    fn push_manifest<'a>(
        &'a self,
        repository: &'a Repository,
        reference: &'a ManifestReference,
        manifest: &'a RawManifest,
    ) -> BoxFuture<'a, Result<ManifestPushed, StoreError>> {
        async move {
            let pushed = self.put_manifest(repository, reference, manifest, None).await;
            match pushed {
                Ok(pushed) => {
                    self.note_push(repository).await;
                    self.learn_homes(repository, manifest).await;
                    Ok(pushed)
                }
                Err(error) => {
                    if error.is_unknown_content() {
                        self.forget_homes(repository, manifest).await;
                    }
                    Err(error.into())
                }
            }
        }
        .boxed()
    }

    fn add_referrers<'a>(
        &'a self,
        repository: &'a Repository,
        subject: &'a Digest,
        referrers: &'a [Manifest],
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        async { Ok(self.add_tagged_referrers(repository, subject, referrers).await?) }.boxed()
    }
}

impl Client {
    /// Learns that the blobs of a manifest can be mounted from `repository`, which holds the
    /// manifest now.
    async fn learn_homes(&self, repository: &Repository, manifest: &RawManifest) {
        let blobs = blobs_of(manifest);
        if self.capabilities().mount_after_manifest {
            blobs.iter().for_each(|blob| self.manifest_homes.learn(&blob.digest, repository));
        }
        if blobs.is_empty() || !self.mounts() {
            return;
        }
        let Some(hints) = self.hints_of(repository).await else { return };
        blobs.iter().for_each(|blob| hints.learn(&blob.digest, repository));
        if hints.should_flush() {
            self.hints.flush().await;
        }
    }

    /// Records that the registry accepted a push into `repository`.
    async fn note_push(&self, repository: &Repository) {
        if self.hints.are_enabled()
            && let Some(account) = self.account(repository).await
        {
            self.hints.note_push(&self.registry, account);
        }
    }

    /// Whether the registry accepted a push from the same account in this run or a few minutes ago.
    pub(crate) async fn was_pushed_to(&self, repository: &Repository) -> bool {
        match self.account(repository).await {
            Some(account) => self.hints.pushed_recently(&self.registry, account).await,
            None => false,
        }
    }

    /// The hints for the account that accesses `repository`.
    pub(crate) async fn hints_of(&self, repository: &Repository) -> Option<Arc<AccountHints>> {
        if !self.hints.are_enabled() {
            return None;
        }
        self.hints.of(&self.registry, self.account(repository).await?).await
    }

    /// Forgets the homes of a manifest's blobs after the registry refused it for missing content.
    async fn forget_homes(&self, repository: &Repository, manifest: &RawManifest) {
        let hints = self.hints_of(repository).await;
        for blob in blobs_of(manifest) {
            self.manifest_homes.forget(&blob.digest);
            self.blob_homes.forget(&blob.digest);
            if let Some(hints) = &hints {
                hints.forget(&blob.digest);
            }
        }
    }
}

/// The blobs that a manifest names; an index names none.
fn blobs_of(manifest: &RawManifest) -> Vec<Descriptor> {
    if manifest.media_type.is_index() {
        return Vec::new();
    }
    let (bytes, digest) = (manifest.bytes.clone(), manifest.digest.clone());
    match Manifest::parse(bytes, Some(&manifest.media_type), digest).map(|parsed| parsed.content) {
        Ok(Content::Single(single)) => single.blobs().into_iter().cloned().collect(),
        Ok(Content::Index(_)) | Err(_) => Vec::new(),
    }
}

//! A folder as a store to write to.

use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt as _};
use longshore_oci::{
    Digest, LARGEST_MANIFEST, Manifest, ManifestReference, RawManifest, Referrer, Repository,
};
use longshore_store::{
    BlobTransfer, Destination, Fault, ManifestPushed, Placed, Source, StoreError, TransferFailure,
};

use super::LayoutStore;
use crate::folder::{ContentCheck, PutError};

impl Destination for LayoutStore {
    fn as_source(self: Arc<Self>) -> Arc<dyn Source> {
        self
    }

    fn shares_blobs(&self) -> bool {
        true
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
        self.put_manifest(repository, reference, manifest).boxed()
    }

    fn add_referrers<'a>(
        &'a self,
        _repository: &'a Repository,
        _subject: &'a Digest,
        _referrers: &'a [Manifest],
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        // Every manifest with a subject is listed by itself.
        std::future::ready(Ok(())).boxed()
    }
}

impl LayoutStore {
    async fn put_manifest(
        &self,
        repository: &Repository,
        reference: &ManifestReference,
        manifest: &RawManifest,
    ) -> Result<ManifestPushed, StoreError> {
        let operation = self.on_manifest("push manifest", repository, reference);
        let bytes = manifest.bytes.clone();
        if bytes.len() > LARGEST_MANIFEST {
            let message =
                format!("it has {} bytes, at most {LARGEST_MANIFEST} are taken", bytes.len());
            return Err(StoreError::new(operation, Fault::Refused, message));
        }
        let digest = reference.digest_of(&bytes);
        let tag = match reference {
            ManifestReference::Tag(tag) => Some(tag.clone()),
            ManifestReference::Digest(named) if *named == digest => None,
            ManifestReference::Digest(_) => {
                let message = format!("the manifest has the digest {digest}");
                return Err(StoreError::new(operation, Fault::Refused, message));
            }
        };
        let parsed = Manifest::parse(bytes, Some(&manifest.media_type), digest);
        let parsed = parsed.map_err(|error| {
            let message = error.to_string();
            StoreError::new(operation.clone(), Fault::Manifest(error), message)
        })?;
        let is_listed = Referrer::of(&parsed).is_some();
        let put = self.folder.put_manifest(repository, tag, parsed, ContentCheck::Size).await;
        put.map_err(|error| match &error {
            PutError::MissingContent(_) => {
                StoreError::new(operation, Fault::MissingContent, error.to_string())
            }
            PutError::Manifest(cause) | PutError::Index(cause) => self.failed(operation, cause),
        })?;
        Ok(ManifestPushed { is_listed })
    }
}

//! Bringing what a manifest names, children before parents.

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::copy::Copy;
use super::shape::Shape;
use super::{Level, TransferError};
use crate::oci::{Content, Descriptor, Manifest, Single};
use crate::registry::ManifestReference;

/// Indexes may be nested so deep, and referrers of referrers.
pub(super) const DEPTH: usize = 8;
/// An index may name so many manifests.
const CHILDREN: usize = 4096;
/// Children of one index that are looked after at once.
pub(super) const CHILDREN_AT_ONCE: usize = 16;
/// Blobs of one manifest that are looked after at once; permits bound what is on its way.
const BLOBS_AT_ONCE: usize = 64;

impl Copy<'_> {
    /// Brings everything that the root names.
    pub(super) async fn place(&self, shape: &Shape) -> Result<(), TransferError> {
        if let Some(single) = &shape.single {
            self.place_blobs(single, shape.config.as_deref()).await?;
        }
        if let Some(wrapped) = &shape.wrapped {
            self.push_by_digest(&wrapped.raw).await?;
        }
        self.place_children(&shape.children, 1).await
    }

    async fn place_blobs(
        &self,
        single: &Single,
        config: Option<&Bytes>,
    ) -> Result<(), TransferError> {
        let config_digest = single.config.as_ref().map(|config| &config.digest);
        let mut blobs: Vec<BoxFuture<'_, Result<(), TransferError>>> = Vec::new();
        for blob in single.blobs() {
            let bytes = config.filter(|_| Some(&blob.digest) == config_digest);
            blobs.push(self.place_blob(blob, bytes).boxed());
        }
        all(blobs, BLOBS_AT_ONCE).await
    }

    /// Boxed, as an index's children may be indexes.
    fn place_children<'a>(
        &'a self,
        children: &'a [Descriptor],
        depth: usize,
    ) -> BoxFuture<'a, Result<(), TransferError>> {
        async move {
            if depth > DEPTH {
                return Err(TransferError::TooDeep(DEPTH));
            }
            if children.len() > CHILDREN {
                return Err(TransferError::TooManyChildren(CHILDREN));
            }
            let mut placed: Vec<BoxFuture<'_, Result<(), TransferError>>> = Vec::new();
            for (image, child) in (1..).zip(children) {
                placed.push(self.place_child(child, image, depth).boxed());
            }
            all(placed, CHILDREN_AT_ONCE).await
        }
        .boxed()
    }

    /// Brings one manifest that an index names, with everything below it.
    async fn place_child(
        &self,
        child: &Descriptor,
        image: u32,
        depth: usize,
    ) -> Result<(), TransferError> {
        let (registry, repository) =
            (self.destination.registry(), &self.job.destination.repository);
        let placed = self.placement.manifest(registry, repository, &child.digest);
        let bring = async {
            let reference = ManifestReference::Digest(child.digest.clone());
            if self.existed && self.unless_interrupted(self.probe(&reference)).await??.is_some() {
                return Ok(());
            }
            let manifest = self.unless_interrupted(self.named(&child.digest)).await??;
            self.place_named(&manifest, depth).await?;
            self.push_by_digest(&manifest.raw).await?;
            if let Content::Single(single) = &manifest.content {
                self.name_blobs(single).await;
            }
            let platform = child
                .platform
                .as_ref()
                .map_or_else(String::new, |platform| format!(" ({platform})"));
            let text = format!("{}{platform} is at the destination", child.digest);
            self.run.events.note(self.job.number, Some(image), Level::Debug, text);
            Ok(())
        };
        placed.get_or_fill(self.seat, bring.boxed()).await
    }

    /// Brings everything that `manifest` names.
    pub(super) async fn place_named(
        &self,
        manifest: &Manifest,
        depth: usize,
    ) -> Result<(), TransferError> {
        match &manifest.content {
            Content::Index(index) => self.place_children(&index.manifests, depth + 1).await,
            Content::Single(single) => self.place_blobs(single, None).await,
        }
    }
}

/// Waits for all of `futures`, at most `at_once` of them at a time; the first error ends the rest.
async fn all(
    futures: Vec<BoxFuture<'_, Result<(), TransferError>>>,
    at_once: usize,
) -> Result<(), TransferError> {
    stream::iter(futures).buffer_unordered(at_once).try_collect::<Vec<()>>().await.map(|_| ())
}

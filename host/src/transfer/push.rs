//! Pushing manifests, and what that tells of the blobs that they name: that they are where the manifest
//! is, or that they are not.

use std::sync::Arc;

use super::TransferError;
use super::copy::Copy;
use super::hint::AccountHints;
use super::shape::Shape;
use crate::oci::{Content, Manifest, RawManifest, Single};
use crate::registry::{ManifestPushed, ManifestReference, Operation, RegistryError};

impl Copy<'_> {
    /// Pushes what is named by its digest.
    pub(super) async fn push_by_digest(
        &self,
        manifest: &RawManifest,
    ) -> Result<ManifestPushed, TransferError> {
        let reference = ManifestReference::Digest(manifest.digest.clone());
        self.push(&reference, manifest).await
    }

    async fn push(
        &self,
        reference: &ManifestReference,
        manifest: &RawManifest,
    ) -> Result<ManifestPushed, TransferError> {
        let repository = &self.job.destination.repository;
        let pushed = self.destination.push_manifest(repository, reference, manifest).await;
        let pushed = pushed.map_err(|error| self.at_destination(error));
        if pushed.as_ref().is_err_and(|error| collected(error).is_some()) {
            self.forget_named(manifest).await;
        }
        let pushed = pushed?;
        self.count(manifest.bytes.len() as u64);
        Ok(pushed)
    }

    /// Pushes the root last, so that the tag never names what is not there.
    pub(super) async fn tag(&self, shape: &Shape) -> Result<(), TransferError> {
        let reference = match self.job.destination.version.tag() {
            Some(tag) => ManifestReference::Tag(tag.clone()),
            None => ManifestReference::Digest(shape.root.digest.clone()),
        };
        self.push_tag(&reference, &shape.root).await
    }

    /// Pushes a manifest under a tag, which may be one that holds it already and may not change.
    pub(super) async fn push_tag(
        &self,
        reference: &ManifestReference,
        manifest: &RawManifest,
    ) -> Result<(), TransferError> {
        match self.push(reference, manifest).await {
            Err(error) if error.of_registry().is_some_and(RegistryError::is_immutable_tag) => {
                let held = self.probe(reference).await?.and_then(|head| head.digest);
                if held.as_ref() == Some(&manifest.digest) {
                    return Ok(());
                }
                Err(TransferError::ImmutableTag(held))
            }
            pushed => pushed.map(|_| ()),
        }
    }

    /// What earlier runs have seen at the destination.
    pub(super) async fn hints(&self) -> Option<Arc<AccountHints>> {
        self.run.hints.of(&self.destination, &self.job.destination.repository).await
    }

    /// The blobs of a manifest that is at the destination now can be mounted from there.
    pub(super) async fn name_blobs(&self, single: &Single) {
        let (registry, repository) =
            (self.destination.registry(), &self.job.destination.repository);
        let named_first = self.destination.mounts_after_manifest();
        let hints = if self.destination.mounts() { self.hints().await } else { None };
        for blob in single.blobs() {
            if named_first && !self.placement.is_named(registry, &blob.digest) {
                // Where it was brought first, perhaps no manifest names it.
                self.placement.home(registry, &blob.digest).set(self.placement.as_home(repository));
                self.placement.name(registry, &blob.digest);
            }
            if let Some(hints) = &hints {
                hints.learn(&blob.digest, repository);
            }
        }
        if hints.is_some_and(|hints| hints.are_many()) {
            self.run.hints.flush().await;
        }
    }

    /// The registry has refused `manifest`, as it lacks something that is named there. Whatever was
    /// seen of that is believed no more, by no image of the run.
    async fn forget_named(&self, manifest: &RawManifest) {
        let (bytes, digest) = (manifest.bytes.clone(), manifest.digest.clone());
        let Ok(manifest) = Manifest::parse(bytes, Some(&manifest.media_type), digest) else {
            return;
        };
        let (registry, repository) =
            (self.destination.registry(), &self.job.destination.repository);
        let hints = self.hints().await;
        for placement in [&self.run.placement, self.placement] {
            match &manifest.content {
                Content::Index(index) => {
                    for child in &index.manifests {
                        placement.forget_manifest(registry, repository, &child.digest);
                    }
                }
                Content::Single(single) => {
                    for blob in single.blobs() {
                        placement.forget_blob(registry, repository, &blob.digest);
                        if let Some(hints) = &hints {
                            hints.forget(&blob.digest);
                        }
                    }
                }
            }
        }
    }
}

/// What was pushed where the registry says that it lacks the content that is named.
pub(super) fn collected(error: &TransferError) -> Option<&Operation> {
    match error {
        TransferError::Destination(error) | TransferError::Unprepared { error, .. } => {
            error.is_unknown_content().then_some(&error.operation)
        }
        _ => None,
    }
}

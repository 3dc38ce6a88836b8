//! What the push of a manifest tells of the blobs that it names: that they are where it is, or that
//! they are not.

use std::sync::Arc;

use super::copy::Copy;
use super::hint::AccountHints;
use crate::oci::{Content, Manifest, RawManifest, Single};

impl Copy<'_> {
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
            if named_first {
                self.placement.name(registry, &blob.digest);
            }
            if let Some(hints) = &hints {
                hints.learn(&blob.digest, repository);
            }
        }
    }

    /// The registry has refused `manifest`, as it lacks something that is named there. Whatever was
    /// seen of that is believed no more, by no image of the run.
    pub(super) async fn forget_named(&self, manifest: &RawManifest) {
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

//! What the push of a manifest tells of the blobs that it names: that they are where it is.

use std::sync::Arc;

use super::copy::Copy;
use super::hint::AccountHints;
use crate::oci::Single;

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
}

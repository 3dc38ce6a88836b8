//! What is known to be at the destinations, shared by all jobs of a run.
//!
//! Each cell is filled once however many jobs wait for it. A failure leaves it empty, and the next
//! one who waits tries again.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use crate::oci::{Digest, Registry, Repository};

/// Cells by key.
#[derive(Debug)]
struct Cells<K, V>(Mutex<HashMap<K, Arc<OnceCell<V>>>>);

impl<K: Eq + Hash, V> Default for Cells<K, V> {
    fn default() -> Self {
        Self(Mutex::new(HashMap::new()))
    }
}

impl<K: Eq + Hash, V> Cells<K, V> {
    fn cell(&self, key: K) -> Arc<OnceCell<V>> {
        let mut cells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(cells.entry(key).or_default())
    }
}

/// Content in one repository of one registry.
type Place = (Registry, Repository, Digest);

/// The maps of a run: where each blob has its home on a registry, and what is in each repository.
#[derive(Debug, Default)]
pub(super) struct Placement {
    homes: Cells<(Registry, Digest), Repository>,
    blobs: Cells<Place, ()>,
    manifests: Cells<Place, ()>,
}

impl Placement {
    /// The first repository of `registry` that holds the blob.
    pub(super) fn home(&self, registry: &Registry, digest: &Digest) -> Arc<OnceCell<Repository>> {
        self.homes.cell((registry.clone(), digest.clone()))
    }

    /// Whether the blob is in `repository`.
    pub(super) fn blob(
        &self,
        registry: &Registry,
        repository: &Repository,
        digest: &Digest,
    ) -> Arc<OnceCell<()>> {
        self.blobs.cell((registry.clone(), repository.clone(), digest.clone()))
    }

    /// Whether the manifest with all that it names is in `repository`.
    pub(super) fn manifest(
        &self,
        registry: &Registry,
        repository: &Repository,
        digest: &Digest,
    ) -> Arc<OnceCell<()>> {
        self.manifests.cell((registry.clone(), repository.clone(), digest.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::Placement;
    use crate::oci::Digest;

    #[tokio::test]
    async fn a_cell_is_shared_and_a_failure_leaves_it_empty() {
        let placement = Placement::default();
        let (registry, repository) = ("a.io".parse().unwrap(), "b".parse().unwrap());
        let digest = Digest::of(b"x");
        let cell = placement.blob(&registry, &repository, &digest);
        let failed: Result<&(), &str> = cell.get_or_try_init(|| async { Err("no") }).await;
        assert!(failed.is_err());
        assert!(
            placement.blob(&registry, &repository, &digest).set(()).is_ok(),
            "a failure leaves it empty"
        );
        assert!(placement.blob(&registry, &repository, &digest).initialized());
    }
}

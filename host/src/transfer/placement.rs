//! What is known to be at the destinations, shared by all jobs of a run.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use super::cell::{Cell, Cells};
use crate::oci::{Digest, Registry, Repository};
use crate::registry::RegistryError;

/// Content in one repository of one registry.
type Place = (Registry, Repository, Digest);

/// The maps of a run: where each blob has its home on a registry, and what is in each repository.
#[derive(Debug, Default)]
pub(super) struct Placement {
    homes: Cells<(Registry, Digest), Repository>,
    blobs: Cells<Place, ()>,
    manifests: Cells<Place, ()>,
    /// Blobs that a manifest in their home names.
    named: Mutex<HashSet<(Registry, Digest)>>,
    /// Did the first look into a repository find a blob?
    looks: Mutex<HashMap<(Registry, Repository), bool>>,
}

impl Placement {
    /// The first repository of `registry` that holds the blob.
    pub(super) fn home(&self, registry: &Registry, digest: &Digest) -> Arc<Cell<Repository>> {
        self.homes.cell((registry.clone(), digest.clone()))
    }

    /// Whether the blob is in `repository`.
    pub(super) fn blob(
        &self,
        registry: &Registry,
        repository: &Repository,
        digest: &Digest,
    ) -> Arc<Cell<()>> {
        self.blobs.cell((registry.clone(), repository.clone(), digest.clone()))
    }

    /// Whether the manifest with all that it names is in `repository`.
    pub(super) fn manifest(
        &self,
        registry: &Registry,
        repository: &Repository,
        digest: &Digest,
    ) -> Arc<Cell<()>> {
        self.manifests.cell((registry.clone(), repository.clone(), digest.clone()))
    }

    /// A manifest that names the blob is at `registry`.
    pub(super) fn name(&self, registry: &Registry, digest: &Digest) {
        let mut named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        named.insert((registry.clone(), digest.clone()));
    }

    /// Does a manifest at `registry` name the blob?
    pub(super) fn is_named(&self, registry: &Registry, digest: &Digest) -> bool {
        let named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        named.contains(&(registry.clone(), digest.clone()))
    }

    /// The registry lacks the blob: it is not in `repository`, and there is nowhere to mount it from.
    pub(super) fn forget_blob(
        &self,
        registry: &Registry,
        repository: &Repository,
        digest: &Digest,
    ) {
        let home = (registry.clone(), digest.clone());
        self.blobs.forget(&(registry.clone(), repository.clone(), digest.clone()));
        self.homes.forget(&home);
        self.named.lock().unwrap_or_else(PoisonError::into_inner).remove(&home);
    }

    /// The registry lacks the manifest, or something below it.
    pub(super) fn forget_manifest(
        &self,
        registry: &Registry,
        repository: &Repository,
        digest: &Digest,
    ) {
        self.manifests.forget(&(registry.clone(), repository.clone(), digest.clone()));
    }

    /// Takes in what one image has brought that believed nothing of this.
    pub(super) fn adopt(&self, brought: &Self) {
        self.homes.adopt(&brought.homes);
        self.blobs.adopt(&brought.blobs);
        self.manifests.adopt(&brought.manifests);
        let newer = brought.named.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.named.lock().unwrap_or_else(PoisonError::into_inner).extend(newer);
    }

    /// A look into `repository` found a blob, or did not.
    pub(super) fn looked(&self, registry: &Registry, repository: &Repository, found: bool) {
        let mut looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        *looks.entry((registry.clone(), repository.clone())).or_default() |= found;
    }

    /// Was a blob found in `repository` so far? If not, it is most likely empty; `None` where nobody
    /// looked yet.
    pub(super) fn found_in(&self, registry: &Registry, repository: &Repository) -> Option<bool> {
        let looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        looks.get(&(registry.clone(), repository.clone())).copied()
    }
}

/// Blobs of sources that are not what their digests say, so that nobody fetches them again in vain.
#[derive(Debug, Default)]
pub(super) struct BadContent(Mutex<HashMap<Place, RegistryError>>);

impl BadContent {
    /// What was wrong with the blob.
    pub(super) fn of(
        &self,
        registry: &Registry,
        repository: &Repository,
        digest: &Digest,
    ) -> Option<RegistryError> {
        let key = (registry.clone(), repository.clone(), digest.clone());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned()
    }

    /// It was wrong twice.
    pub(super) fn remember(
        &self,
        registry: &Registry,
        repository: &Repository,
        digest: &Digest,
        error: &RegistryError,
    ) {
        let key = (registry.clone(), repository.clone(), digest.clone());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, error.clone());
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::Placement;
    use crate::oci::Digest;
    use crate::transfer::seat::Seats;

    #[tokio::test]
    async fn what_was_wrong_is_forgotten_and_what_was_brought_is_known() {
        let seat = Seats::new(1).seat().await;
        let (registry, repository) = ("a.io".parse().unwrap(), "b".parse().unwrap());
        let (known, brought) = (Placement::default(), Placement::default());
        let (one, two) = (Digest::of(b"1"), Digest::of(b"2"));
        for digest in [&one, &two] {
            known.home(&registry, digest).set("gone".parse().unwrap());
            known.blob(&registry, &repository, digest).set(());
            known.name(&registry, digest);
        }
        known.forget_blob(&registry, &repository, &one);
        assert_eq!(known.home(&registry, &one).get(), None);
        assert_eq!(known.blob(&registry, &repository, &one).get(), None);
        assert!(!known.is_named(&registry, &one) && known.is_named(&registry, &two));

        let place = brought.blob(&registry, &repository, &one);
        place.get_or_fill(&seat, async { Ok::<_, ()>(()) }).await.unwrap();
        brought.home(&registry, &two).set(repository.clone());
        known.adopt(&brought);
        assert_eq!(known.blob(&registry, &repository, &one).get(), Some(()));
        assert_eq!(known.home(&registry, &two).get(), Some(repository));
    }

    #[tokio::test]
    async fn what_somebody_finds_out_is_not_forgotten() {
        let seat = Seats::new(1).seat().await;
        let (registry, repository) = ("a.io".parse().unwrap(), "b".parse().unwrap());
        let placement = Placement::default();
        let place = placement.blob(&registry, &repository, &Digest::of(b"1"));
        let (end, ended) = tokio::sync::oneshot::channel::<()>();
        let mut filling =
            Box::pin(place.get_or_fill(&seat, async { ended.await.map_err(|_| "gone") }));
        assert!((&mut filling).now_or_never().is_none());
        placement.forget_blob(&registry, &repository, &Digest::of(b"1"));
        end.send(()).unwrap();
        filling.await.unwrap();
        assert!(placement.blob(&registry, &repository, &Digest::of(b"1")).get().is_some());
    }

    #[test]
    fn what_was_found_in_a_repository_stays_found() {
        let placement = Placement::default();
        let (registry, repository) = ("a.io".parse().unwrap(), "b".parse().unwrap());
        assert_eq!(placement.found_in(&registry, &repository), None, "nobody looked yet");
        placement.looked(&registry, &repository, false);
        assert_eq!(placement.found_in(&registry, &repository), Some(false));
        placement.looked(&registry, &repository, true);
        placement.looked(&registry, &repository, false);
        assert_eq!(placement.found_in(&registry, &repository), Some(true));
        assert!(!placement.is_named(&registry, &Digest::of(b"x")));
    }
}

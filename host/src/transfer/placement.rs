//! What is known to be at the destinations, shared by all jobs of a run.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::known::{Key, Keys, Known};
use super::slot::{Slot, Slots};
use crate::oci::{Digest, Interned, Registry, Repository};
use crate::registry::RegistryError;

/// A repository that holds a blob which others mount from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Home(u32);

/// What a run knows: where each blob has its home on a registry, and what is in each repository.
#[derive(Debug, Default)]
pub(super) struct Placement {
    keys: Keys,
    homes: Slots<Home>,
    /// The repositories that are homes, each kept once.
    repositories: Arc<Mutex<Interned<Repository>>>,
    blobs: Slots<()>,
    manifests: Slots<()>,
    /// Blobs that a manifest in their home names.
    named: Mutex<Known<()>>,
    looks: Looks,
}

/// Did a look into a repository find a blob? Its images are neighbours in most lists.
#[derive(Debug)]
struct Looks(Mutex<Known<bool>>);

impl Default for Looks {
    fn default() -> Self {
        Self(Mutex::new(Known::of_generations(1000, |_| false)))
    }
}

impl Placement {
    /// Knows nothing yet, and may be adopted by `self` later.
    pub(super) fn empty(&self) -> Self {
        let repositories = Arc::clone(&self.repositories);
        Self { keys: self.keys.clone(), repositories, ..Self::default() }
    }

    /// The first repository of `registry` that holds the blob.
    pub(super) fn home(&self, registry: &Registry, digest: &Digest) -> Slot<'_, Home> {
        self.homes.at(self.keys.of((registry, digest)))
    }

    fn repositories(&self) -> MutexGuard<'_, Interned<Repository>> {
        self.repositories.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `repository` as a home.
    pub(super) fn as_home(&self, repository: &Repository) -> Home {
        Home(self.repositories().number_of(repository))
    }

    /// The repository that is a home: `home` is of this placement, or of one that it was made of.
    pub(super) fn repository(&self, home: Home) -> Option<Repository> {
        self.repositories().get(home.0).cloned()
    }

    /// Whether the blob is in `repository`.
    pub(super) fn blob(
        &self,
        registry: &Registry,
        repository: &Repository,
        digest: &Digest,
    ) -> Slot<'_, ()> {
        self.blobs.at(self.keys.of((registry, repository, digest)))
    }

    /// Whether the manifest with all that it names is in `repository`.
    pub(super) fn manifest(
        &self,
        registry: &Registry,
        repository: &Repository,
        digest: &Digest,
    ) -> Slot<'_, ()> {
        self.manifests.at(self.keys.of((registry, repository, digest)))
    }

    fn named(&self) -> MutexGuard<'_, Known<()>> {
        self.named.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A manifest that names the blob is at `registry`.
    pub(super) fn name(&self, registry: &Registry, digest: &Digest) {
        self.named().insert(self.keys.of((registry, digest)), ());
    }

    /// Does a manifest at `registry` name the blob?
    pub(super) fn is_named(&self, registry: &Registry, digest: &Digest) -> bool {
        self.named().get(&self.keys.of((registry, digest))).is_some()
    }

    /// The registry lacks the blob: it is not in `repository`, and there is nowhere to mount it from.
    pub(super) fn forget_blob(
        &self,
        registry: &Registry,
        repository: &Repository,
        digest: &Digest,
    ) {
        self.blob(registry, repository, digest).forget();
        self.home(registry, digest).forget();
        self.named().forget(&self.keys.of((registry, digest)));
    }

    /// The registry lacks the manifest, or something below it.
    pub(super) fn forget_manifest(
        &self,
        registry: &Registry,
        repository: &Repository,
        digest: &Digest,
    ) {
        self.manifest(registry, repository, digest).forget();
    }

    /// Takes in what one image has brought that believed nothing of this; `brought` was made by
    /// [`Self::empty`].
    pub(super) fn adopt(&self, brought: &Self) {
        self.homes.adopt(&brought.homes);
        self.blobs.adopt(&brought.blobs);
        self.manifests.adopt(&brought.manifests);
        let newer: Vec<Key> = brought.named().iter().map(|(key, ())| key).collect();
        newer.into_iter().for_each(|key| self.named().insert(key, ()));
    }

    fn looks(&self) -> MutexGuard<'_, Known<bool>> {
        self.looks.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A look into `repository` found a blob, or did not.
    pub(super) fn looked(&self, registry: &Registry, repository: &Repository, found: bool) {
        let (key, mut looks) = (self.keys.of((registry, repository)), self.looks());
        let before = looks.get(&key).unwrap_or_default();
        looks.insert(key, before || found);
    }

    /// Was a blob found in `repository` so far? If not, it is most likely empty; `None` where nobody
    /// looked yet.
    pub(super) fn found_in(&self, registry: &Registry, repository: &Repository) -> Option<bool> {
        self.looks().get(&self.keys.of((registry, repository)))
    }
}

/// Content in one repository of one registry.
type Place = (Registry, Repository, Digest);

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
        let known = Placement::default();
        let brought = known.empty();
        let (one, two) = (Digest::of(b"1"), Digest::of(b"2"));
        for digest in [&one, &two] {
            known.home(&registry, digest).set(known.as_home(&"gone".parse().unwrap()));
            known.blob(&registry, &repository, digest).set(());
            known.name(&registry, digest);
        }
        known.forget_blob(&registry, &repository, &one);
        assert_eq!(known.home(&registry, &one).get(), None);
        assert_eq!(known.blob(&registry, &repository, &one).get(), None);
        assert!(!known.is_named(&registry, &one) && known.is_named(&registry, &two));

        let place = brought.blob(&registry, &repository, &one);
        place.get_or_fill(&seat, async { Ok::<_, ()>(()) }).await.unwrap();
        brought.home(&registry, &two).set(brought.as_home(&repository));
        known.adopt(&brought);
        assert_eq!(known.blob(&registry, &repository, &one).get(), Some(()));
        let home = known.home(&registry, &two).get();
        assert_eq!(home.and_then(|home| known.repository(home)), Some(repository));
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

//! What a run knows about content: where the destinations hold it, and which source blobs are
//! corrupt.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use longshore_oci::{Descriptor, Digest, Interned, Name, Repository, StoreName};
use longshore_store::{BoundedCells, Keys, StoreError};

use super::single_flight::{Flight, SingleFlight};

/// The repository that other repositories take a blob over from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Home {
    repository: u32,
    /// This run wrote the blob there, or compared its size.
    pub(super) is_checked: bool,
}

/// What a run knows about its destinations: each blob's home in a store, and the content of each
/// repository.
#[derive(Debug, Default)]
pub(super) struct KnownContent {
    keys: Keys,
    homes: SingleFlight<Home>,
    /// The repositories that are homes, interned.
    repositories: Arc<Mutex<Interned<Repository>>>,
    blobs: SingleFlight<()>,
    manifests: SingleFlight<()>,
}

impl KnownContent {
    /// Makes an empty value whose content can be merged into `self` later.
    pub(super) fn fresh(&self) -> Self {
        let repositories = Arc::clone(&self.repositories);
        Self { keys: self.keys.clone(), repositories, ..Self::default() }
    }

    /// The home of the blob in the store.
    pub(super) fn home(&self, store: &StoreName, digest: &Digest) -> Flight<'_, Home> {
        self.homes.at(self.keys.of((store, digest)))
    }

    fn repositories(&self) -> MutexGuard<'_, Interned<Repository>> {
        self.repositories.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Interns `repository` as a home; `is_checked` if this run wrote the blob there or compared its
    /// size.
    pub(super) fn as_home(&self, repository: &Repository, is_checked: bool) -> Home {
        Home { repository: self.repositories().number_of(repository), is_checked }
    }

    /// The repository of a home. `home` must come from this value or from one made by
    /// [`Self::fresh`].
    pub(super) fn repository(&self, home: Home) -> Option<Repository> {
        self.repositories().get(home.repository).cloned()
    }

    /// Set once the blob is in `repository`.
    pub(super) fn blob(
        &self,
        store: &StoreName,
        repository: &Repository,
        digest: &Digest,
    ) -> Flight<'_, ()> {
        self.blobs.at(self.keys.of((store, repository, digest)))
    }

    /// Set once the manifest and its content are in `repository`.
    pub(super) fn manifest(
        &self,
        store: &StoreName,
        repository: &Repository,
        digest: &Digest,
    ) -> Flight<'_, ()> {
        self.manifests.at(self.keys.of((store, repository, digest)))
    }

    /// Forgets that `repository` holds the blob, and the blob's home.
    pub(super) fn forget_blob(&self, store: &StoreName, repository: &Repository, digest: &Digest) {
        self.blob(store, repository, digest).forget();
        self.home(store, digest).forget();
    }

    /// Forgets that `repository` holds the manifest and its content.
    pub(super) fn forget_manifest(
        &self,
        store: &StoreName,
        repository: &Repository,
        digest: &Digest,
    ) {
        self.manifest(store, repository, digest).forget();
    }

    /// Merges what one image placed without probes; `placed` was made by [`Self::fresh`].
    pub(super) fn merge(&self, placed: &Self) {
        self.homes.merge(&placed.homes);
        self.blobs.merge(&placed.blobs);
        self.manifests.merge(&placed.manifests);
    }
}

/// A blob in one repository of one store.
type BlobLocation = (StoreName, Repository, Digest);

/// Source blobs that failed verification twice. They are not fetched again in this run.
#[derive(Debug, Default)]
pub(super) struct BadContent(Mutex<HashMap<BlobLocation, StoreError>>);

impl BadContent {
    /// The verification error of the blob.
    pub(super) fn of(
        &self,
        store: &StoreName,
        repository: &Repository,
        digest: &Digest,
    ) -> Option<StoreError> {
        let key = (store.clone(), repository.clone(), digest.clone());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned()
    }

    /// Records that the blob failed verification twice.
    pub(super) fn remember(
        &self,
        store: &StoreName,
        repository: &Repository,
        digest: &Digest,
        error: &StoreError,
    ) {
        let key = (store.clone(), repository.clone(), digest.clone());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, error.clone());
    }
}

/// What a run knows about referrers.
#[derive(Debug, Default)]
pub(super) struct KnownReferrers {
    keys: Keys,
    copied: SingleFlight<Vec<Descriptor>>,
    /// Locked while the fallback index of a subject is changed.
    pub(super) indexes: BoundedCells<(Name, Digest), tokio::sync::Mutex<()>>,
}

impl KnownReferrers {
    /// The referrers of a manifest of `source`; set once all of them are in `destination`.
    pub(super) fn copied(
        &self,
        source: &Name,
        destination: &Name,
        subject: &Digest,
    ) -> Flight<'_, Vec<Descriptor>> {
        self.copied.at(self.keys.of((source, destination, subject)))
    }
}

#[cfg(test)]
mod tests {
    use longshore_oci::{Digest, Registry, StoreName};

    use super::KnownContent;

    #[test]
    fn wrong_knowledge_is_forgotten_and_placed_content_is_known() {
        let store = StoreName::from("a.io".parse::<Registry>().unwrap());
        let repository = "b".parse().unwrap();
        let known = KnownContent::default();
        let placed = known.fresh();
        let (one, two) = (Digest::of(b"1"), Digest::of(b"2"));
        for digest in [&one, &two] {
            known.home(&store, digest).set(known.as_home(&"gone".parse().unwrap(), true));
            known.blob(&store, &repository, digest).set(());
        }
        known.forget_blob(&store, &repository, &one);
        assert_eq!(known.home(&store, &one).get(), None);
        assert_eq!(known.blob(&store, &repository, &one).get(), None);

        placed.blob(&store, &repository, &one).set(());
        placed.home(&store, &two).set(placed.as_home(&repository, true));
        known.merge(&placed);
        assert_eq!(known.blob(&store, &repository, &one).get(), Some(()));
        let home = known.home(&store, &two).get().unwrap();
        assert_eq!(known.repository(home), Some(repository));
    }
}

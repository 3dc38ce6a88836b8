//! What a run knows of content: where it is at the destinations, and what of the sources is wrong.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use longshore_oci::{Descriptor, Digest, Interned, Name, Repository, StoreName};
use longshore_store::{BoundedCells, Keys, StoreError};

use super::single_flight::{Flight, SingleFlight};

/// A repository from which others take a blob over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Home {
    repository: u32,
    /// This run wrote the blob there, or compared its size.
    pub(super) is_checked: bool,
}

/// What a run knows of its destinations: the home of each blob in a store, and what each repository
/// holds.
#[derive(Debug, Default)]
pub(super) struct KnownContent {
    keys: Keys,
    homes: SingleFlight<Home>,
    /// The repositories that are homes, each kept once.
    repositories: Arc<Mutex<Interned<Repository>>>,
    blobs: SingleFlight<()>,
    manifests: SingleFlight<()>,
}

impl KnownContent {
    /// Knows nothing yet, and may be adopted by `self` later.
    pub(super) fn empty(&self) -> Self {
        let repositories = Arc::clone(&self.repositories);
        Self { keys: self.keys.clone(), repositories, ..Self::default() }
    }

    /// The first repository of the store that holds the blob.
    pub(super) fn home(&self, store: &StoreName, digest: &Digest) -> Flight<'_, Home> {
        self.homes.at(self.keys.of((store, digest)))
    }

    fn repositories(&self) -> MutexGuard<'_, Interned<Repository>> {
        self.repositories.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `repository` as a home; `is_checked` where this run wrote the blob there or compared its size.
    pub(super) fn as_home(&self, repository: &Repository, is_checked: bool) -> Home {
        Home { repository: self.repositories().number_of(repository), is_checked }
    }

    /// The repository that is a home: `home` comes from this value, or from one that is made from it.
    pub(super) fn repository(&self, home: Home) -> Option<Repository> {
        self.repositories().get(home.repository).cloned()
    }

    /// Whether the blob is in `repository`.
    pub(super) fn blob(
        &self,
        store: &StoreName,
        repository: &Repository,
        digest: &Digest,
    ) -> Flight<'_, ()> {
        self.blobs.at(self.keys.of((store, repository, digest)))
    }

    /// Whether the manifest with all that it names is in `repository`.
    pub(super) fn manifest(
        &self,
        store: &StoreName,
        repository: &Repository,
        digest: &Digest,
    ) -> Flight<'_, ()> {
        self.manifests.at(self.keys.of((store, repository, digest)))
    }

    /// The store lacks the blob: it is not in `repository`, and there is nowhere to mount it from.
    pub(super) fn forget_blob(&self, store: &StoreName, repository: &Repository, digest: &Digest) {
        self.blob(store, repository, digest).forget();
        self.home(store, digest).forget();
    }

    /// The store lacks the manifest, or something below it.
    pub(super) fn forget_manifest(
        &self,
        store: &StoreName,
        repository: &Repository,
        digest: &Digest,
    ) {
        self.manifest(store, repository, digest).forget();
    }

    /// Takes in what one image has brought that believed nothing of this; `brought` was made by
    /// [`Self::empty`].
    pub(super) fn adopt(&self, brought: &Self) {
        self.homes.adopt(&brought.homes);
        self.blobs.adopt(&brought.blobs);
        self.manifests.adopt(&brought.manifests);
    }
}

/// Content in one repository of one store.
type Place = (StoreName, Repository, Digest);

/// Blobs of sources that failed verification twice: they are not fetched again in this run.
#[derive(Debug, Default)]
pub(super) struct BadContent(Mutex<HashMap<Place, StoreError>>);

impl BadContent {
    /// What was wrong with the blob.
    pub(super) fn of(
        &self,
        store: &StoreName,
        repository: &Repository,
        digest: &Digest,
    ) -> Option<StoreError> {
        let key = (store.clone(), repository.clone(), digest.clone());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned()
    }

    /// It was wrong twice.
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

/// What a run knows of referrers.
#[derive(Debug, Default)]
pub(super) struct KnownReferrers {
    keys: Keys,
    brought: SingleFlight<Vec<Descriptor>>,
    /// Held while the fallback index of a subject is changed.
    pub(super) indexes: BoundedCells<(Name, Digest), tokio::sync::Mutex<()>>,
}

impl KnownReferrers {
    /// What refers to a manifest of `source`, once all of it is in `destination`.
    pub(super) fn brought(
        &self,
        source: &Name,
        destination: &Name,
        subject: &Digest,
    ) -> Flight<'_, Vec<Descriptor>> {
        self.brought.at(self.keys.of((source, destination, subject)))
    }
}

#[cfg(test)]
mod tests {
    use longshore_oci::{Digest, Registry, StoreName};

    use super::KnownContent;

    #[test]
    fn what_was_wrong_is_forgotten_and_what_was_brought_is_known() {
        let store = StoreName::from("a.io".parse::<Registry>().unwrap());
        let repository = "b".parse().unwrap();
        let known = KnownContent::default();
        let brought = known.empty();
        let (one, two) = (Digest::of(b"1"), Digest::of(b"2"));
        for digest in [&one, &two] {
            known.home(&store, digest).set(known.as_home(&"gone".parse().unwrap(), true));
            known.blob(&store, &repository, digest).set(());
        }
        known.forget_blob(&store, &repository, &one);
        assert_eq!(known.home(&store, &one).get(), None);
        assert_eq!(known.blob(&store, &repository, &one).get(), None);

        brought.blob(&store, &repository, &one).set(());
        brought.home(&store, &two).set(brought.as_home(&repository, true));
        known.adopt(&brought);
        assert_eq!(known.blob(&store, &repository, &one).get(), Some(()));
        let home = known.home(&store, &two).get().unwrap();
        assert_eq!(known.repository(home), Some(repository));
    }
}

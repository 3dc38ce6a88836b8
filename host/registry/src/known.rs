//! What a run has seen of the blobs of one registry's repositories.

use std::sync::{Mutex, MutexGuard, PoisonError};

use longshore_oci::{Digest, Repository};
use longshore_store::{BoundedMap, Keys};

/// Did a look into a repository find a blob? Its images are neighbours in most lists.
#[derive(Debug)]
pub(super) struct Looks {
    keys: Keys,
    found: Mutex<BoundedMap<bool>>,
}

impl Default for Looks {
    fn default() -> Self {
        let found = BoundedMap::of_generations(1000, |_| false);
        Self { keys: Keys::default(), found: Mutex::new(found) }
    }
}

impl Looks {
    fn lock(&self) -> MutexGuard<'_, BoundedMap<bool>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A look into `repository` found a blob, or did not.
    pub(super) fn looked(&self, repository: &Repository, found: bool) {
        let (key, mut looks) = (self.keys.of(repository), self.lock());
        let before = looks.get(&key).unwrap_or_default();
        looks.insert(key, before || found);
    }

    /// Was a blob found in `repository` so far? If not, it is most likely empty; `None` where nobody
    /// looked yet.
    pub(super) fn found_in(&self, repository: &Repository) -> Option<bool> {
        self.lock().get(&self.keys.of(repository))
    }
}

/// Repositories where a manifest names a blob: some registries mount it from no other.
#[derive(Debug, Default)]
pub(super) struct Named {
    keys: Keys,
    by_blob: Mutex<BoundedMap<Repository>>,
}

impl Named {
    fn lock(&self) -> MutexGuard<'_, BoundedMap<Repository>> {
        self.by_blob.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A manifest in `repository` names `blob`; the first one that is known of stays.
    pub(super) fn learn(&self, blob: &Digest, repository: &Repository) {
        let (key, mut named) = (self.keys.of(blob), self.lock());
        if named.get(&key).is_none() {
            named.insert(key, repository.clone());
        }
    }

    /// A repository where a manifest names `blob`.
    pub(super) fn of(&self, blob: &Digest) -> Option<Repository> {
        self.lock().get(&self.keys.of(blob))
    }

    /// The registry lacks `blob` after all.
    pub(super) fn forget(&self, blob: &Digest) {
        self.lock().forget(&self.keys.of(blob));
    }
}

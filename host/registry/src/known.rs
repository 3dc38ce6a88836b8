//! What a run knows about the blobs of one registry's repositories.

use std::sync::{Mutex, MutexGuard, PoisonError};

use longshore_oci::{Digest, Repository};
use longshore_store::{BoundedMap, Keys};

/// Records per repository whether any probe found a blob. Images of one repository are neighbours
/// in most lists.
#[derive(Debug)]
pub(super) struct ProbeHistory {
    keys: Keys,
    found: Mutex<BoundedMap<bool>>,
}

impl Default for ProbeHistory {
    fn default() -> Self {
        let found = BoundedMap::of_generations(1000, |_| false);
        Self { keys: Keys::default(), found: Mutex::new(found) }
    }
}

impl ProbeHistory {
    fn lock(&self) -> MutexGuard<'_, BoundedMap<bool>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records whether a probe of `repository` found a blob.
    pub(super) fn record(&self, repository: &Repository, found: bool) {
        let (key, mut looks) = (self.keys.of(repository), self.lock());
        let before = looks.get(&key).unwrap_or_default();
        looks.insert(key, before || found);
    }

    /// Whether any probe of `repository` found a blob; `None` before the first probe.
    ///
    /// A repository without a hit is most likely empty.
    pub(super) fn found_in(&self, repository: &Repository) -> Option<bool> {
        self.lock().get(&self.keys.of(repository))
    }
}

/// Maps each blob to a repository where a manifest names it. Some registries mount only from those.
#[derive(Debug, Default)]
pub(super) struct ManifestHomes {
    keys: Keys,
    by_blob: Mutex<BoundedMap<Repository>>,
}

impl ManifestHomes {
    fn lock(&self) -> MutexGuard<'_, BoundedMap<Repository>> {
        self.by_blob.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records that a manifest in `repository` names `blob`; the first repository stays.
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

    /// Forgets `blob`: the registry does not hold it after all.
    pub(super) fn forget(&self, blob: &Digest) {
        self.lock().forget(&self.keys.of(blob));
    }
}

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

/// The most homes that are remembered for a blob.
const HOMES: usize = 8;

/// Maps each blob to the repositories that this run put it into, so that a mount can choose one that
/// the token at hand allows.
#[derive(Debug, Default)]
pub(super) struct BlobHomes {
    keys: Keys,
    by_blob: Mutex<BoundedMap<Vec<Repository>>>,
}

impl BlobHomes {
    fn lock(&self) -> MutexGuard<'_, BoundedMap<Vec<Repository>>> {
        self.by_blob.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records that `repository` holds `blob`.
    pub(super) fn learn(&self, blob: &Digest, repository: &Repository) {
        let (key, mut known) = (self.keys.of(blob), self.lock());
        let mut homes = known.get(&key).unwrap_or_default();
        if homes.len() < HOMES && !homes.contains(repository) {
            homes.push(repository.clone());
            known.insert(key, homes);
        }
    }

    /// The repositories that hold `blob`, the first one first.
    pub(super) fn of(&self, blob: &Digest) -> Vec<Repository> {
        self.lock().get(&self.keys.of(blob)).unwrap_or_default()
    }

    /// Forgets `blob`: the registry does not hold it after all.
    pub(super) fn forget(&self, blob: &Digest) {
        self.lock().forget(&self.keys.of(blob));
    }
}

#[cfg(test)]
mod tests {
    use super::{BlobHomes, HOMES};
    use longshore_oci::Digest;

    #[test]
    fn a_blob_has_several_homes_up_to_a_bound() {
        let (homes, blob) = (BlobHomes::default(), Digest::of(b"1"));
        assert!(homes.of(&blob).is_empty());
        for number in 0..2 * HOMES {
            let repository = format!("r{}", number % (HOMES + 2)).parse().unwrap();
            homes.learn(&blob, &repository);
        }
        let found: Vec<String> = homes.of(&blob).iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), HOMES);
        assert_eq!(found[..3], ["r0", "r1", "r2"]);
        assert!(homes.of(&Digest::of(b"2")).is_empty());
        homes.forget(&blob);
        assert!(homes.of(&blob).is_empty());
    }
}

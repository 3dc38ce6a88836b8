//! What a run has looked at already: each manifest and blob of a repository once, however many tags
//! need it.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use crate::oci::{Digest, Name, Registry, Repository, Tag};
use crate::plan::Finding;

/// Content in one repository of one registry.
pub(super) type Place = (Registry, Repository, Digest);

/// What came of the looks, by what was looked at. A look that could not be taken leaves nothing, and
/// whoever needs it next takes it again.
pub(super) struct Looks<K, V>(Mutex<HashMap<K, Arc<OnceCell<V>>>>);

impl<K, V> Default for Looks<K, V> {
    fn default() -> Self {
        Self(Mutex::new(HashMap::new()))
    }
}

impl<K: Eq + Hash, V> Looks<K, V> {
    /// What came of the look at `key`; it is taken once, and the others wait for it.
    pub(super) fn at(&self, key: K) -> Arc<OnceCell<V>> {
        let mut looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(looks.entry(key).or_default())
    }
}

/// What is wrong with what was looked at.
#[derive(Default)]
pub(super) struct Seen {
    /// Of each manifest, with all that is below it.
    pub(super) manifests: Looks<Place, Box<[Finding]>>,
    /// Of each blob.
    pub(super) blobs: Looks<Place, Option<Box<Finding>>>,
    /// The tags of each source that are made of digests.
    tags: Looks<Name, HashSet<Tag>>,
}

impl Seen {
    /// The tags of a source that [`Self::keeps_tag`] keeps.
    pub(super) fn tags_of(&self, source: &Name) -> Arc<OnceCell<HashSet<Tag>>> {
        self.tags.at(source.clone())
    }

    /// Only tags that are made of digests are of use.
    pub(super) fn keeps_tag(tag: &Tag) -> bool {
        tag.as_str().starts_with("sha256-") || tag.as_str().starts_with("sha512-")
    }
}

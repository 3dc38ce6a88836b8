//! What a run has looked at already: each manifest and blob of a repository once, however many tags
//! need it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use crate::oci::{Digest, Registry, Repository};
use crate::plan::Finding;

/// Content in one repository of one registry.
pub(super) type Place = (Registry, Repository, Digest);

/// What came of the looks, by place. A look that could not be taken leaves nothing, and whoever
/// needs it next takes it again.
pub(super) struct Looks<V>(Mutex<HashMap<Place, Arc<OnceCell<V>>>>);

impl<V> Default for Looks<V> {
    fn default() -> Self {
        Self(Mutex::new(HashMap::new()))
    }
}

impl<V> Looks<V> {
    /// What came of the look at `place`; it is taken once, and the others wait for it.
    pub(super) fn at(&self, place: Place) -> Arc<OnceCell<V>> {
        let mut looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(looks.entry(place).or_default())
    }
}

/// What is wrong with what was looked at.
#[derive(Default)]
pub(super) struct Seen {
    /// Of each manifest, with all that is below it.
    pub(super) manifests: Looks<Box<[Finding]>>,
    /// Of each blob.
    pub(super) blobs: Looks<Option<Box<Finding>>>,
}

//! Entries with one destination: the error that names them, and the digests that may decide about them.

use std::collections::{HashMap, HashSet};

use futures_util::StreamExt as _;
use futures_util::stream;

use super::{Collision, Plan, PlanError};
use longshore_oci::{Digest, ManifestReference, Reference};
use longshore_store::{Intent, Stores};

/// The digests of colliding sources, or why one is not known.
pub type Digests = HashMap<Reference, Result<Digest, String>>;

/// Asks for the digests that decide about `collisions`, at most `at_once` at a time.
pub async fn digests(collisions: &[Collision], stores: &dyn Stores, at_once: usize) -> Digests {
    let with_other_source =
        collisions.iter().filter(|Collision { first, second }| first.source != second.source);
    let sources: HashSet<Reference> = with_other_source
        .flat_map(|Collision { first, second }| [first.source.clone(), second.source.clone()])
        .collect();
    let asked = stream::iter(sources).map(|source| async {
        let digest = digest(&source, stores).await;
        (source, digest)
    });
    asked.buffer_unordered(at_once.max(1)).collect().await
}

async fn digest(source: &Reference, stores: &dyn Stores) -> Result<Digest, String> {
    if let Some(digest) = source.version.digest() {
        return Ok(digest.clone());
    }
    let store = stores.source(&source.store).map_err(|error| error.to_string())?;
    let reference = ManifestReference::to_fetch(&source.version);
    let found = store.resolve(&source.repository, &reference, Intent::Read).await;
    found.map_err(|error| error.to_string())?.ok_or_else(|| "not found".to_owned())
}

/// The most collisions that an error names beside the first.
const MOST_NAMED: usize = 20;

impl Collision {
    /// The collision as an error.
    fn error(&self) -> PlanError {
        let (first, second) = (self.first.line, self.second.line);
        let destination = Box::new(self.second.destination.clone());
        if self.first.source == self.second.source {
            return PlanError::Platforms { first, second, destination };
        }
        let sources = Box::new((self.first.source.clone(), self.second.source.clone()));
        PlanError::Collision { first, second, sources, destination }
    }
}

impl Plan {
    /// Refuses a plan in which two entries have one destination.
    ///
    /// # Errors
    /// Names the lines of all such entries, but for those beyond the first twenty.
    pub fn refuse_collisions(&self) -> Result<(), PlanError> {
        let Some((first, others)) = self.collisions.split_first() else { return Ok(()) };
        let error = first.error();
        if others.is_empty() {
            return Err(error);
        }
        let lines = |found: &Collision| format!("{} and {}", found.first.line, found.second.line);
        let mut named: Vec<String> = others.iter().take(MOST_NAMED).map(lines).collect();
        if let Some(more) = others.len().checked_sub(MOST_NAMED).filter(|more| *more > 0) {
            named.push(format!("{more} more"));
        }
        Err(PlanError::Collisions { error: Box::new(error), others: named.join(", ") })
    }
}

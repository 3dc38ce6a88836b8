//! Is all that a manifest names at the destination? Comparing as a visitor of the walk.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::{BoxFuture, FutureExt as _};
use longshore_oci::{
    Content, Descriptor, Digest, Manifest, ManifestReference, Repository, StoreName,
};
use longshore_store::{BlobPresence, BoundedCells, Destination, Fault, Intent, StoreError};
use tokio::sync::{OnceCell, Semaphore};

use crate::job::Finding;
use crate::walk::{OutOfBounds, Visitor, walk_blobs, walk_children};

/// So many findings of one entry are kept: nobody reads more, and a damaged repository has millions.
const FINDINGS: usize = 1000;

/// Content in one repository of one store.
type Place = (StoreName, Repository, Digest);

/// What a run has looked at already: each manifest and blob of a repository once, however many tags
/// need it. A look that could not be taken leaves nothing, and the next entry takes it again.
#[derive(Default)]
pub(super) struct Looked {
    /// What is wrong with each manifest and its blobs; indexes are not among them.
    manifests: BoundedCells<Place, OnceCell<Box<[Finding]>>>,
    /// What is wrong with each blob.
    blobs: BoundedCells<Place, OnceCell<Option<Box<Finding>>>>,
}

/// Looks at what a repository of the destination holds.
#[derive(Clone, Copy)]
pub(super) struct Inventory<'a> {
    pub(super) destination: &'a Arc<dyn Destination>,
    pub(super) repository: &'a Repository,
    pub(super) looked: &'a Looked,
    /// Held by each request for content.
    pub(super) requests: &'a Semaphore,
    /// Is each blob downloaded and hashed?
    pub(super) deep: bool,
    /// A manifest whose content is known, so that a look at its digest is enough.
    pub(super) at_hand: Option<&'a Manifest>,
}

impl Inventory<'_> {
    /// Finds what is wrong with the blobs and manifests that `content` names; of an index only the
    /// children at the positions `kept` are looked at, where that is given.
    ///
    /// # Errors
    /// Where the store does not answer, or refuses.
    pub(super) async fn below(
        &self,
        content: &Content,
        kept: Option<&[usize]>,
    ) -> Result<Vec<Finding>, StoreError> {
        let look = Look { inventory: *self, found: Mutex::default() };
        let walked = match (content, kept) {
            (Content::Single(single), _) => walk_blobs(&look, single).await,
            (Content::Index(index), None) => walk_children(&look, index.manifests.iter()).await,
            (Content::Index(index), Some(kept)) => {
                let children = kept.iter().filter_map(|&at| index.manifests.get(at));
                walk_children(&look, children).await
            }
        };
        look.ended(walked)
    }

    /// Finds what is wrong with `manifest` and all that is below it.
    ///
    /// # Errors
    /// Where the store does not answer, or refuses.
    pub(super) async fn of(&self, manifest: &Descriptor) -> Result<Vec<Finding>, StoreError> {
        let look = Look { inventory: *self, found: Mutex::default() };
        let walked = walk_children(&look, std::iter::once(manifest)).await;
        look.ended(walked)
    }

    fn place(&self, digest: &Digest) -> Place {
        (self.destination.name().clone(), self.repository.clone(), digest.clone())
    }
}

/// Why a walk ended before its end.
enum LookError {
    Store(StoreError),
    OutOfBounds(OutOfBounds),
}

impl From<StoreError> for LookError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<OutOfBounds> for LookError {
    fn from(error: OutOfBounds) -> Self {
        Self::OutOfBounds(error)
    }
}

/// What one walk has found.
#[derive(Default)]
struct Found {
    /// The manifests that were visited, by the order in which the walk came to them, from 1; 0 is the
    /// image itself.
    order: HashMap<Digest, usize>,
    /// Blobs that were visited so far.
    blobs: usize,
    /// Findings by manifest and blob, so that a run says the same each time.
    findings: BTreeMap<(usize, usize), Finding>,
    /// Findings that are not kept.
    more: usize,
}

impl Found {
    fn order_of(&self, of: Option<&Descriptor>) -> usize {
        of.and_then(|of| self.order.get(&of.digest)).copied().unwrap_or(0)
    }

    fn add(&mut self, at: (usize, usize), of: Option<&Descriptor>, finding: Finding) {
        if self.findings.len() >= FINDINGS {
            self.more += 1;
            return;
        }
        let finding = match of {
            Some(child) => finding.about(child),
            None => finding,
        };
        self.findings.insert(at, finding);
    }
}

/// One walk.
struct Look<'a> {
    inventory: Inventory<'a>,
    found: Mutex<Found>,
}

impl Look<'_> {
    fn found(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ended(self, walked: Result<(), LookError>) -> Result<Vec<Finding>, StoreError> {
        let found = self.found.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut findings: Vec<Finding> = found.findings.into_values().collect();
        if found.more > 0 {
            let text = format!("{} more findings are not listed", found.more);
            findings.push(Finding::said("manifest", text));
        }
        match walked {
            Ok(()) => {}
            Err(LookError::OutOfBounds(error)) => {
                findings.push(Finding::said("manifest", error.to_string()));
            }
            Err(LookError::Store(error)) => return Err(error),
        }
        Ok(findings)
    }

    /// Visits a manifest that is not an index, unless an earlier entry of the run has done so.
    async fn single(
        &self,
        child: &Descriptor,
        order: usize,
        visit: BoxFuture<'_, Result<(), LookError>>,
    ) -> Result<(), LookError> {
        let cell = self.inventory.looked.manifests.of(self.inventory.place(&child.digest));
        let mut is_new = false;
        let known = cell
            .get_or_try_init(|| async {
                is_new = true;
                visit.await?;
                let found = self.found();
                let findings = found.findings.range((order, 0)..=(order, usize::MAX));
                Ok::<_, LookError>(findings.map(|(_, finding)| finding.clone()).collect())
            })
            .await?;
        if !is_new {
            let mut found = self.found();
            for (position, finding) in known.iter().enumerate() {
                found.add((order, position), Some(child), finding.clone());
            }
        }
        Ok(())
    }

    /// Reads a manifest of the destination; `None` where there is nothing to be looked at below it.
    async fn read(&self, child: &Descriptor) -> Result<Option<Manifest>, StoreError> {
        let Inventory { destination, repository, at_hand, deep, .. } = self.inventory;
        let reference = ManifestReference::Digest(child.digest.clone());
        let _permit = self.inventory.requests.acquire().await;
        let known = at_hand.filter(|known| known.raw.digest == child.digest && !deep);
        let error = if let Some(known) = known {
            match destination.resolve(repository, &reference, Intent::Read).await? {
                Some(_) => return Ok(Some(known.clone())),
                None => None,
            }
        } else {
            match destination.manifest(repository, &reference).await {
                Ok(manifest) => return Ok(Some(manifest)),
                Err(error) => Some(error),
            }
        };
        let finding = match error {
            Some(error) => damage(error, &child.digest)?,
            None => Some(Finding::lacks("manifest", &child.digest)),
        };
        if let Some(finding) = finding {
            let mut found = self.found();
            let order = found.order_of(Some(child));
            found.add((order, 0), Some(child), finding);
        }
        Ok(None)
    }

    /// Reads a blob whose size is not the descriptor's: where its digest is right, the descriptor is
    /// wrong, as it is at the source.
    async fn by_digest(
        &self,
        blob: &Descriptor,
        presence: BlobPresence,
    ) -> Result<BlobPresence, StoreError> {
        let Inventory { destination, repository, .. } = self.inventory;
        let BlobPresence::OtherSize(size) = destination.blob_presence(repository, blob).await?
        else {
            return Ok(presence);
        };
        let actual = Descriptor { size, ..blob.clone() };
        match destination.blob_content(repository, &actual).await? {
            BlobPresence::Present => Ok(BlobPresence::Present),
            _ => Ok(presence),
        }
    }

    /// What is wrong with a blob; each is looked at once in a run.
    async fn look_at(&self, blob: &Descriptor) -> Result<Option<Finding>, StoreError> {
        let Inventory { destination, repository, looked, requests, deep, .. } = self.inventory;
        let cell = looked.blobs.of(self.inventory.place(&blob.digest));
        let finding = cell
            .get_or_try_init(|| async {
                let _permit = requests.acquire().await;
                let presence = if deep {
                    destination.blob_content(repository, blob).await?
                } else {
                    destination.blob_presence(repository, blob).await?
                };
                let presence = match presence {
                    BlobPresence::OtherSize(_) => self.by_digest(blob, presence).await?,
                    presence => presence,
                };
                Ok::<_, StoreError>(fault(blob, presence).map(Box::new))
            })
            .await?;
        Ok(finding.as_deref().cloned())
    }
}

impl Visitor for Look<'_> {
    type Error = LookError;

    fn once<'a>(
        &'a self,
        child: &'a Descriptor,
        visit: BoxFuture<'a, Result<(), LookError>>,
    ) -> BoxFuture<'a, Result<(), LookError>> {
        let order = {
            let mut found = self.found();
            let next = found.order.len() + 1;
            if found.order.contains_key(&child.digest) {
                return std::future::ready(Ok(())).boxed();
            }
            found.order.insert(child.digest.clone(), next);
            next
        };
        if child.media_type.is_index() { visit } else { self.single(child, order, visit).boxed() }
    }

    fn enter<'a>(
        &'a self,
        child: &'a Descriptor,
    ) -> BoxFuture<'a, Result<Option<Manifest>, LookError>> {
        async { Ok(self.read(child).await?) }.boxed()
    }

    fn blob<'a>(
        &'a self,
        blob: &'a Descriptor,
        of: Option<&'a Descriptor>,
    ) -> BoxFuture<'a, Result<(), LookError>> {
        let at = {
            let mut found = self.found();
            found.blobs += 1;
            (found.order_of(of), found.blobs)
        };
        async move {
            if let Some(finding) = self.look_at(blob).await? {
                self.found().add(at, of, finding);
            }
            Ok(())
        }
        .boxed()
    }

    fn leave<'a>(
        &'a self,
        _child: &'a Descriptor,
        _manifest: &'a Manifest,
        _position: u32,
    ) -> BoxFuture<'a, Result<(), LookError>> {
        std::future::ready(Ok(())).boxed()
    }
}

/// What is wrong with a blob that shows itself so.
fn fault(blob: &Descriptor, presence: BlobPresence) -> Option<Finding> {
    match presence {
        BlobPresence::Present => None,
        BlobPresence::Absent => Some(Finding::lacks("blob", &blob.digest)),
        BlobPresence::OtherContent(found) => Some(Finding::differs("blob", &blob.digest, found)),
        BlobPresence::OtherSize(found) => {
            let mut finding = Finding::differs("size", blob.size, found);
            finding.text = format!("{} of blob {}", finding.text, blob.digest);
            Some(finding)
        }
    }
}

/// What an error that a manifest was fetched with says of the destination.
///
/// # Errors
/// The error itself, where it says nothing of the content.
pub(super) fn damage(error: StoreError, digest: &Digest) -> Result<Option<Finding>, StoreError> {
    match &*error.fault {
        Fault::NotFound => Ok(Some(Finding::lacks("manifest", digest))),
        Fault::Digest { expected, found } => {
            Ok(Some(Finding::differs("manifest", expected, found)))
        }
        // It has the right digest, so the source has the same; what it is does not matter here.
        Fault::Manifest(_) => Ok(None),
        _ => Err(error),
    }
}

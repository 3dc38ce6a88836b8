//! Checks that the destination holds all content that a manifest names, as a visitor of the graph
//! walk.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::{BoxFuture, FutureExt as _};
use longshore_oci::{
    Content, Descriptor, Digest, Manifest, ManifestReference, Repository, StoreName,
};
use longshore_store::{BlobPresence, BoundedCells, Destination, Fault, Intent, StoreError};
use tokio::sync::{OnceCell, Semaphore};

use super::room::{FINDINGS, Findings, Room};
use crate::intact::{has_digest, hashed};
use crate::job::Finding;
use crate::walk::{Entered, OutOfBounds, Visitor, is_blob, walk_blobs, walk_children};

/// The most findings kept of a manifest that is checked for one entry after the other.
const REPEATED: usize = 5;

/// Content in one repository of one store.
type ContentLocation = (StoreName, Repository, Digest);

/// What a run has checked already: each manifest and blob of a repository once, however many tags
/// need it.
///
/// A failed check leaves nothing, and the next entry repeats it.
#[derive(Default)]
pub(super) struct CheckedContent {
    /// The findings for each manifest and its blobs; indexes are not included.
    manifests: BoundedCells<ContentLocation, OnceCell<KnownFindings>>,
    /// The room for findings of manifests that have many.
    room: Room,
    /// The finding for each blob.
    blobs: BoundedCells<ContentLocation, OnceCell<Option<Box<Finding>>>>,
}

/// The findings for a manifest.
struct KnownFindings {
    first: Box<[Finding]>,
    /// Findings that were dropped.
    more: usize,
}

/// Checks the content of a repository of the destination.
#[derive(Clone, Copy)]
pub(super) struct Inventory<'a> {
    pub(super) destination: &'a Arc<dyn Destination>,
    pub(super) repository: &'a Repository,
    pub(super) checked: &'a CheckedContent,
    /// Acquired for each request for content.
    pub(super) requests: &'a Semaphore,
    /// Whether each blob is downloaded and hashed.
    pub(super) deep: bool,
    /// A manifest with known content, so that resolving its digest suffices.
    pub(super) known_manifest: Option<&'a Manifest>,
}

impl Inventory<'_> {
    /// Checks the blobs and manifests that `content` names.
    ///
    /// With `kept`, only the children of an index at these positions are checked.
    ///
    /// # Errors
    /// If the store does not answer, or refuses.
    pub(super) async fn below(
        &self,
        content: &Content,
        kept: Option<&[usize]>,
    ) -> Result<Vec<Finding>, StoreError> {
        let check = ContentCheck { inventory: *self, found: Mutex::default() };
        let walked = match (content, kept) {
            (Content::Single(single), _) => walk_blobs(&check, single).await,
            (Content::Index(index), None) => walk_children(&check, index.manifests.iter()).await,
            (Content::Index(index), Some(kept)) => {
                let children = kept.iter().filter_map(|&at| index.manifests.get(at));
                walk_children(&check, children).await
            }
        };
        check.finish(walked)
    }

    /// Checks `manifest` and all content below it.
    ///
    /// # Errors
    /// If the store does not answer, or refuses.
    pub(super) async fn of(&self, manifest: &Descriptor) -> Result<Vec<Finding>, StoreError> {
        let check = ContentCheck { inventory: *self, found: Mutex::default() };
        let walked = walk_children(&check, std::iter::once(manifest)).await;
        check.finish(walked)
    }

    fn place(&self, digest: &Digest) -> ContentLocation {
        (self.destination.name().clone(), self.repository.clone(), digest.clone())
    }
}

/// Why a walk ended early.
enum CheckError {
    Store(StoreError),
    OutOfBounds(OutOfBounds),
}

impl From<StoreError> for CheckError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<OutOfBounds> for CheckError {
    fn from(error: OutOfBounds) -> Self {
        Self::OutOfBounds(error)
    }
}

/// The findings of one walk.
#[derive(Default)]
struct Found {
    /// The order in which the walk reached each manifest, from 1; 0 stands for the image itself.
    order: HashMap<Digest, usize>,
    /// The number of visited blobs.
    blobs: usize,
    /// Findings by manifest and blob, so that their order is the same in each run.
    findings: BTreeMap<(usize, usize), Finding>,
    /// Findings that were dropped.
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
struct ContentCheck<'a> {
    inventory: Inventory<'a>,
    found: Mutex<Found>,
}

impl ContentCheck<'_> {
    fn found(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn finish(self, walked: Result<(), CheckError>) -> Result<Vec<Finding>, StoreError> {
        let found = self.found.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut findings = Findings::default();
        findings.extend(found.findings.into_values());
        findings.drop_more(found.more);
        let mut findings = findings.into_vec();
        match walked {
            Ok(()) => {}
            Err(CheckError::OutOfBounds(error)) => {
                findings.push(Finding::said("manifest", error.to_string()));
            }
            Err(CheckError::Store(error)) => return Err(error),
        }
        Ok(findings)
    }

    /// Visits a manifest that is not an index, unless an earlier entry of the run did.
    async fn single(
        &self,
        child: &Descriptor,
        order: usize,
        visit: BoxFuture<'_, Result<(), CheckError>>,
    ) -> Result<(), CheckError> {
        let cell = self.inventory.checked.manifests.of(self.inventory.place(&child.digest));
        let mut is_new = false;
        let known = cell
            .get_or_try_init(|| async {
                is_new = true;
                visit.await?;
                let found = self.found();
                let findings = found.findings.range((order, 0)..=(order, usize::MAX));
                Ok::<_, CheckError>(self.known(findings.map(|(_, finding)| finding)))
            })
            .await?;
        if !is_new {
            let mut found = self.found();
            for (position, finding) in known.first.iter().enumerate() {
                found.add((order, position), Some(child), finding.clone());
            }
            found.more += known.more;
        }
        Ok(())
    }

    /// Keeps the findings for a manifest, or only the first where there is no room for all.
    fn known<'a>(&self, findings: impl Iterator<Item = &'a Finding> + Clone) -> KnownFindings {
        let count = findings.clone().count();
        let has_room = count <= REPEATED || self.inventory.checked.room.takes(count);
        let kept = if has_room { count } else { REPEATED };
        KnownFindings { first: findings.take(kept).cloned().collect(), more: count - kept }
    }

    /// Reads a manifest of the destination.
    async fn read(&self, child: &Descriptor) -> Result<Entered, StoreError> {
        let Inventory { destination, repository, known_manifest, deep, .. } = self.inventory;
        let reference = ManifestReference::Digest(child.digest.clone());
        let _permit = self.inventory.requests.acquire().await;
        let known = known_manifest.filter(|known| known.raw.digest == child.digest && !deep);
        if known.is_none() && is_blob(destination.as_ref(), repository, child).await {
            return Ok(Entered::Blob);
        }
        let error = if let Some(known) = known {
            match destination.resolve(repository, &reference, Intent::Read).await? {
                Some(_) => return Ok(Entered::Manifest(known.clone())),
                None => None,
            }
        } else {
            match destination.manifest(repository, &reference).await {
                Ok(manifest) => return Ok(Entered::Manifest(manifest)),
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
        Ok(Entered::Done)
    }

    /// Checks a blob, once per run.
    async fn check_blob(&self, blob: &Descriptor) -> Result<Option<Finding>, StoreError> {
        let Inventory { destination, repository, checked, requests, deep, .. } = self.inventory;
        let cell = checked.blobs.of(self.inventory.place(&blob.digest));
        let finding = cell
            .get_or_try_init(|| async {
                let _permit = requests.acquire().await;
                let store = destination.as_ref();
                let presence = if deep {
                    hashed(store, repository, blob).await?
                } else {
                    destination.blob_presence(repository, blob).await?
                };
                if let BlobPresence::OtherSize(size) = presence
                    && !deep
                    && has_digest(store, repository, blob, size).await?
                {
                    return Ok(None);
                }
                Ok::<_, StoreError>(fault(blob, presence).map(Box::new))
            })
            .await?;
        Ok(finding.as_deref().cloned())
    }
}

impl Visitor for ContentCheck<'_> {
    type Error = CheckError;

    fn once<'a>(
        &'a self,
        child: &'a Descriptor,
        visit: BoxFuture<'a, Result<(), CheckError>>,
    ) -> BoxFuture<'a, Result<(), CheckError>> {
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

    fn enter<'a>(&'a self, child: &'a Descriptor) -> BoxFuture<'a, Result<Entered, CheckError>> {
        async { Ok(self.read(child).await?) }.boxed()
    }

    fn blob<'a>(
        &'a self,
        blob: &'a Descriptor,
        of: Option<&'a Descriptor>,
    ) -> BoxFuture<'a, Result<(), CheckError>> {
        let at = {
            let mut found = self.found();
            found.blobs += 1;
            (found.order_of(of), found.blobs)
        };
        async move {
            if let Some(finding) = self.check_blob(blob).await? {
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
    ) -> BoxFuture<'a, Result<(), CheckError>> {
        std::future::ready(Ok(())).boxed()
    }
}

/// The finding for a blob with this presence.
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

/// The finding that follows from an error of fetching a manifest.
///
/// # Errors
/// Returns the error if it says nothing about the content.
pub(super) fn damage(error: StoreError, digest: &Digest) -> Result<Option<Finding>, StoreError> {
    match &*error.fault {
        Fault::NotFound => Ok(Some(Finding::lacks("manifest", digest))),
        Fault::Digest { expected, found } => {
            Ok(Some(Finding::differs("manifest", expected, found)))
        }
        // The digest is right, so the source has the same bytes, whatever they are.
        Fault::Manifest(_) => Ok(None),
        _ => Err(error),
    }
}

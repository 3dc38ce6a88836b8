//! Is all that a manifest names at the destination?

use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use tokio::sync::Semaphore;

use super::seen::{Place, Seen};
use crate::oci::{Content, Descriptor, Digest, Manifest, Repository, Single};
use crate::plan::Finding;
use crate::registry::{BlobPresence, Cause, Client, ManifestReference, RegistryError};

/// Indexes may be nested so deep.
const DEPTH: usize = 8;
/// Children of one index that are looked at at once.
const CHILDREN_AT_ONCE: usize = 4;
/// Blobs of one manifest that are looked at at once.
const BLOBS_AT_ONCE: usize = 8;

/// Looks at what a repository of the destination holds.
pub(super) struct Inventory<'a> {
    pub(super) destination: &'a Client,
    pub(super) repository: &'a Repository,
    pub(super) seen: &'a Seen,
    /// Held by each request for content.
    pub(super) requests: &'a Semaphore,
    /// Is each blob downloaded and hashed?
    pub(super) deep: bool,
    /// A manifest whose content is known, so that a HEAD of it is enough.
    pub(super) at_hand: Option<&'a Manifest>,
}

impl Inventory<'_> {
    /// What is wrong with the blobs and manifests that `content` names; of an index only the
    /// children at the positions `kept` are looked at, where that is given.
    ///
    /// # Errors
    /// Where the registry does not answer, or refuses.
    pub(super) async fn below(
        &self,
        content: &Content,
        kept: Option<&[usize]>,
    ) -> Result<Vec<Finding>, RegistryError> {
        match content {
            Content::Single(single) => self.blobs(single).await,
            Content::Index(index) => {
                let children: Vec<&Descriptor> = match kept {
                    Some(kept) => kept.iter().filter_map(|&at| index.manifests.get(at)).collect(),
                    None => index.manifests.iter().collect(),
                };
                self.children(children, 1).await
            }
        }
    }

    /// Boxed, as an index's children may be indexes.
    fn children<'a>(
        &'a self,
        children: Vec<&'a Descriptor>,
        depth: usize,
    ) -> BoxFuture<'a, Result<Vec<Finding>, RegistryError>> {
        async move {
            if depth > DEPTH {
                let text = format!("indexes are nested deeper than {DEPTH}");
                return Ok(vec![Finding::said("manifest", text)]);
            }
            let mut looks: Vec<BoxFuture<'_, Result<Vec<Finding>, RegistryError>>> = Vec::new();
            for child in children {
                looks.push(self.child(child, depth).boxed());
            }
            gathered(looks, CHILDREN_AT_ONCE).await
        }
        .boxed()
    }

    async fn child(&self, child: &Descriptor, depth: usize) -> Result<Vec<Finding>, RegistryError> {
        let findings = self.look(&child.digest, depth).await?;
        Ok(findings.into_iter().map(|finding| finding.about(child)).collect())
    }

    /// What is wrong with the manifest of this digest and all that is below it.
    ///
    /// # Errors
    /// Where the registry does not answer, or refuses.
    pub(super) async fn of(&self, digest: &Digest) -> Result<Vec<Finding>, RegistryError> {
        self.look(digest, 1).await
    }

    /// Looks once a run.
    async fn look(&self, digest: &Digest, depth: usize) -> Result<Vec<Finding>, RegistryError> {
        let look = self.seen.manifests.of(self.place(digest));
        let findings = look
            .get_or_try_init(|| async {
                let found = self.manifest(digest, depth).await?;
                Ok::<_, RegistryError>(found.into_boxed_slice())
            })
            .await?;
        Ok(findings.to_vec())
    }

    fn place(&self, digest: &Digest) -> Place {
        (self.destination.registry().clone(), self.repository.clone(), digest.clone())
    }

    /// What is wrong with a manifest and all that is below it.
    async fn manifest(&self, digest: &Digest, depth: usize) -> Result<Vec<Finding>, RegistryError> {
        let reference = ManifestReference::Digest(digest.clone());
        let known = self.at_hand.filter(|known| known.raw.digest == *digest && !self.deep);
        let permit = self.requests.acquire().await;
        if let Some(known) = known {
            let head = self.destination.manifest_head(self.repository, &reference, false).await?;
            drop(permit);
            return match head {
                None => Ok(vec![Finding::lacks("manifest", digest)]),
                Some(_) => self.below(&known.content, None).await,
            };
        }
        let fetched = self.destination.manifest(self.repository, &reference).await;
        drop(permit);
        match fetched {
            Ok(manifest) => match &manifest.content {
                Content::Single(single) => self.blobs(single).await,
                Content::Index(index) => {
                    self.children(index.manifests.iter().collect(), depth + 1).await
                }
            },
            Err(error) => damage(error, digest).map(|finding| finding.into_iter().collect()),
        }
    }

    async fn blobs(&self, single: &Single) -> Result<Vec<Finding>, RegistryError> {
        let mut looks: Vec<BoxFuture<'_, Result<Vec<Finding>, RegistryError>>> = Vec::new();
        for blob in single.blobs() {
            looks.push(self.blob(blob).boxed());
        }
        gathered(looks, BLOBS_AT_ONCE).await
    }

    async fn blob(&self, blob: &Descriptor) -> Result<Vec<Finding>, RegistryError> {
        let look = self.seen.blobs.of(self.place(&blob.digest));
        let finding = look
            .get_or_try_init(|| async {
                let _permit = self.requests.acquire().await;
                let presence = if self.deep {
                    self.destination.blob_content(self.repository, blob).await?
                } else {
                    self.destination.blob_presence(self.repository, blob).await?
                };
                Ok::<_, RegistryError>(fault(blob, presence).map(Box::new))
            })
            .await?;
        Ok(finding.as_deref().cloned().into_iter().collect())
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
pub(super) fn damage(
    error: RegistryError,
    digest: &Digest,
) -> Result<Option<Finding>, RegistryError> {
    if error.is_not_found() {
        return Ok(Some(Finding::lacks("manifest", digest)));
    }
    match &*error.cause {
        Cause::Digest { expected, found } => {
            Ok(Some(Finding::differs("manifest", expected, found)))
        }
        // It has the right digest, so the source has the same; what it is does not matter here.
        Cause::Manifest(_) => Ok(None),
        _ => Err(error),
    }
}

/// Waits for all looks, at most `at_once` of them at a time; the first error ends the rest.
async fn gathered(
    looks: Vec<BoxFuture<'_, Result<Vec<Finding>, RegistryError>>>,
    at_once: usize,
) -> Result<Vec<Finding>, RegistryError> {
    // In order, so that a run says the same each time.
    let found: Vec<Vec<Finding>> = stream::iter(looks).buffered(at_once).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}

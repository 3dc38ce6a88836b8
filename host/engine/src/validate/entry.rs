//! What the parts of comparing one entry share: the run, the job, its two stores.

use std::sync::Arc;

use longshore_oci::{Digest, Manifest, ManifestReference, Repository};
use longshore_store::{Destination, Intent, Source, Stores};
use tokio::sync::Semaphore;

use super::error::ValidateError;
use super::inventory::{Inventory, Looked, damage};
use crate::error::JobError;
use crate::event::EventSender;
use crate::job::{Finding, Job};
use crate::manifest_cache::ManifestCache;
use crate::shape::IndexMode;
use crate::source_reader::{KnownSources, SourceReader};

/// What holds for every comparison of a run.
#[derive(Clone, Debug)]
pub struct ValidateOptions {
    /// Comparisons at once, at least 1.
    pub jobs: usize,
    /// How `mirror` wrote indexes.
    pub index: IndexMode,
    /// Is it a failure where nothing satisfies the platform filter?
    pub no_platform_fails: bool,
    /// Is each blob downloaded and hashed?
    pub deep: bool,
    /// Are signatures and whatever else refers to an image compared too?
    pub referrers: bool,
    /// What earlier runs have fetched, if it can be had.
    pub cache: Option<ManifestCache>,
    /// The commands that mend what was found.
    pub mend: MendCommands,
}

/// The commands that mend a destination.
#[derive(Clone, Debug)]
pub struct MendCommands {
    /// Mirrors what failed again.
    pub again: String,
    /// The same, and believes nothing of the destination.
    pub thoroughly: String,
}

/// What the comparisons of a run share.
pub(super) struct Run {
    pub(super) stores: Arc<dyn Stores>,
    pub(super) options: ValidateOptions,
    pub(super) events: EventSender,
    pub(super) looked: Looked,
    pub(super) requests: Semaphore,
    pub(super) sources: KnownSources,
}

/// One entry that is compared.
pub(super) struct Entry<'a> {
    pub(super) run: &'a Run,
    pub(super) job: &'a Job,
    pub(super) source: Arc<dyn Source>,
    pub(super) destination: Arc<dyn Destination>,
}

/// What stands under a tag of the destination.
pub(super) struct Tagged {
    pub(super) digest: Digest,
    /// Its content, where it had to be read for the digest.
    manifest: Option<Manifest>,
}

impl<'a> Entry<'a> {
    /// # Errors
    /// Where a store cannot be opened.
    pub(super) fn new(run: &'a Run, job: &'a Job) -> Result<Self, ValidateError> {
        let source = run.stores.source(&job.source.store).map_err(JobError::Source)?;
        let destination = run.stores.destination(&job.destination.store);
        let destination = destination.map_err(ValidateError::Destination)?;
        Ok(Self { run, job, source, destination })
    }
}

impl Entry<'_> {
    /// The destination's repository.
    pub(super) const fn repository(&self) -> &Repository {
        &self.job.destination.repository
    }

    /// Reads the job's source.
    pub(super) fn reader(&self) -> SourceReader<'_> {
        SourceReader {
            store: &self.source,
            reference: &self.job.source,
            cache: self.run.options.cache.as_ref(),
            known: &self.run.sources,
        }
    }

    /// Looks at the destination's repository; of the manifest `at_hand` the content is known.
    pub(super) fn inventory<'b>(&'b self, at_hand: Option<&'b Manifest>) -> Inventory<'b> {
        Inventory {
            destination: &self.destination,
            repository: self.repository(),
            looked: &self.run.looked,
            requests: &self.run.requests,
            deep: self.run.options.deep,
            at_hand,
        }
    }

    /// What the destination has; read and hashed where it does not say the digest. Where it says one,
    /// that is what has to be there: other bytes under it are damage, not another manifest.
    pub(super) async fn tagged(
        &self,
        reference: &ManifestReference,
    ) -> Result<Option<Tagged>, ValidateError> {
        match self.destination.resolve(self.repository(), reference, Intent::Read).await {
            Ok(Some(digest)) => return Ok(Some(Tagged { digest, manifest: None })),
            Ok(None) => return Ok(None),
            Err(_) => {}
        }
        match self.destination.manifest(self.repository(), reference).await {
            Ok(manifest) => {
                let digest = manifest.raw.digest.clone();
                Ok(Some(Tagged { digest, manifest: Some(manifest) }))
            }
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(ValidateError::Destination(error)),
        }
    }

    /// The manifest that stands there, or what is wrong with it.
    pub(super) async fn manifest_of(
        &self,
        tagged: &mut Tagged,
    ) -> Result<Result<Manifest, Vec<Finding>>, ValidateError> {
        if let Some(manifest) = tagged.manifest.take() {
            return Ok(Ok(manifest));
        }
        let reference = ManifestReference::Digest(tagged.digest.clone());
        let permit = self.run.requests.acquire().await;
        let fetched = self.destination.manifest(self.repository(), &reference).await;
        drop(permit);
        match fetched {
            Ok(manifest) => Ok(Ok(manifest)),
            Err(error) => match damage(error.clone(), &tagged.digest) {
                Ok(Some(finding)) => Ok(Err(vec![finding])),
                Ok(None) | Err(_) => Err(ValidateError::Destination(error)),
            },
        }
    }
}

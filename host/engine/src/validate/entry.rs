//! The context of comparing one entry: the run, the job and its two stores.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use longshore_oci::{Digest, Manifest, ManifestReference, Name, Repository};
use longshore_store::{Destination, Intent, Source, Stores};
use tokio::sync::Semaphore;

use super::error::ValidateError;
use super::inventory::{CheckedContent, Inventory, damage};
use super::room::Room;
use crate::error::JobError;
use crate::event::EventSender;
use crate::job::{Finding, Job};
use crate::manifest_cache::ManifestCache;
use crate::shape::IndexMode;
use crate::source_reader::{KnownSources, SourceReader};

/// Options for all comparisons of a run.
#[derive(Clone, Debug)]
pub struct ValidateOptions {
    /// The most concurrent comparisons, at least 1.
    pub jobs: usize,
    /// The time that a comparison has, if it is limited.
    pub timeout: Option<Duration>,
    /// How `mirror` wrote indexes.
    pub index: IndexMode,
    /// Whether it is a failure if nothing matches the platform filter.
    pub no_platform_fails: bool,
    /// Whether each blob is downloaded and hashed.
    pub deep: bool,
    /// Whether referrers, such as signatures, are compared too.
    pub referrers: bool,
    /// The manifests cached by earlier runs, if available.
    pub cache: Option<ManifestCache>,
    /// Whether the archive of a Helm chart decides, and not its manifest: Helm writes the time of a push
    /// into it.
    pub charts_by_content: bool,
    /// Repositories that cannot exist yet, each with what is missing around it, such as its project.
    pub missing: HashMap<Name, String>,
}

/// What the comparisons of a run share.
pub(super) struct Run {
    pub(super) stores: Arc<dyn Stores>,
    pub(super) options: ValidateOptions,
    pub(super) events: EventSender,
    pub(super) checked: CheckedContent,
    pub(super) requests: Semaphore,
    pub(super) sources: KnownSources,
    /// The room that the report has for findings.
    pub(super) room: Room,
    /// Held while large manifests are compared, because their JSON takes much memory.
    pub(super) large: Mutex<()>,
}

/// The context of one entry.
pub(super) struct Entry<'a> {
    pub(super) run: &'a Run,
    pub(super) job: &'a Job,
    pub(super) source: Arc<dyn Source>,
    pub(super) destination: Arc<dyn Destination>,
}

/// The manifest under a tag of the destination.
pub(super) struct Tagged {
    pub(super) digest: Digest,
    /// Its content, if it had to be read for the digest.
    pub(super) manifest: Option<Manifest>,
}

impl<'a> Entry<'a> {
    /// Opens the stores of `job`.
    ///
    /// # Errors
    /// If a store cannot be opened.
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

    /// A reader of the job's source.
    pub(super) fn reader(&self) -> SourceReader<'_> {
        SourceReader {
            store: &self.source,
            reference: &self.job.source,
            cache: self.run.options.cache.as_ref(),
            known: &self.run.sources,
        }
    }

    /// An inventory of the destination's repository; the content of the manifest `known_manifest` is
    /// known.
    pub(super) fn inventory<'b>(&'b self, known_manifest: Option<&'b Manifest>) -> Inventory<'b> {
        Inventory {
            destination: &self.destination,
            repository: self.repository(),
            checked: &self.run.checked,
            requests: &self.run.requests,
            deep: self.run.options.deep,
            known_manifest,
        }
    }

    /// Refuses a destination that shows content of another store; `shown` is a manifest that it
    /// showed.
    pub(super) async fn check_storage(&self, shown: Option<&Digest>) -> Result<(), ValidateError> {
        if self.run.options.missing.contains_key(&self.job.destination.name()) {
            return Ok(());
        }
        let checked = self.destination.check_storage(self.repository(), shown, Intent::Read).await;
        checked.map_err(ValidateError::Destination)
    }

    /// Resolves a reference at the destination; reads the manifest if the store gives no digest.
    ///
    /// A digest that the store gives is what must be there: other bytes under it are corruption,
    /// not another manifest.
    pub(super) async fn tagged(
        &self,
        reference: &ManifestReference,
    ) -> Result<Option<Tagged>, ValidateError> {
        if self.run.options.missing.contains_key(&self.job.destination.name()) {
            return Ok(None);
        }
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

    /// Reads the manifest, or returns what is wrong with it.
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

//! Compares destinations with their sources: is there what `mirror` would have written?

use std::sync::Arc;
use std::time::Duration;

use crate::oci::Digest;
use crate::plan::{Job, Outcome, Status};
use crate::registry::{Client, ManifestReference, Registries, RegistryError};
use crate::transfer::{
    EventSender, IndexMode, Interrupt, Shaped, TransferError, each, is_same, may_stand,
    nothing_selected, seats, shape,
};

/// What holds for every comparison of a run.
#[derive(Clone, Copy, Debug)]
pub struct ValidateOptions {
    /// Comparisons at once, at least 1.
    pub jobs: usize,
    /// How `mirror` wrote indexes.
    pub index: IndexMode,
    /// Is it a failure where nothing satisfies the platform filter?
    pub no_platform_fails: bool,
}

/// A destination is not what it shall be. The first two texts are in Hangar's words.
#[derive(Debug, thiserror::Error)]
enum Finding {
    #[error("Validate failed: destination manifest does not exists")]
    Missing,
    #[error("Validate failed: source digest \"{expected}\" != dest digest \"{found}\"")]
    Digest { expected: Digest, found: Digest },
    #[error("Validate failed: destination: {0}")]
    Destination(RegistryError),
    #[error("Validate failed: {0}")]
    Source(#[from] TransferError),
}

impl Finding {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Missing | Self::Digest { .. } => {
                Some("mirror it again; the failed list is a list for longshore mirror".to_owned())
            }
            Self::Destination(error) => error.hint(),
            Self::Source(error) => error.hint(),
        }
    }
}

/// Compares the destinations of `jobs`; ends when each has its outcome, where
/// [`Status::Copied`] says that it is right.
pub async fn run(
    jobs: Vec<Arc<Job>>,
    registries: Registries,
    options: ValidateOptions,
    events: EventSender,
    interrupt: Interrupt,
) {
    let notes = events.clone();
    each(jobs, seats(options.jobs), Duration::ZERO, events, interrupt, move |job, _seat| {
        let comparison = Comparison {
            source: registries.client(&job.source.registry),
            destination: registries.client(&job.destination.registry),
            job,
            options,
            events: notes.clone(),
        };
        async move {
            comparison.whole().await.unwrap_or_else(|finding| Outcome {
                hint: finding.hint(),
                ..Outcome::failed(finding)
            })
        }
    })
    .await;
}

struct Comparison {
    job: Arc<Job>,
    source: Arc<Client>,
    destination: Arc<Client>,
    options: ValidateOptions,
    events: EventSender,
}

impl Comparison {
    async fn whole(&self) -> Result<Outcome, Finding> {
        let wanted = ManifestReference::to_fetch(&self.job.source.version);
        let held = ManifestReference::to_push(&self.job.destination.version);
        let mut found = self.held(&held).await?;
        if is_same(self.options.index)
            && let Some(found) = &found
            && self.source_digest(&wanted).await.as_ref() == Some(found)
        {
            return Ok(valid(found.clone(), found.clone()));
        }
        let manifest = self.source.manifest(&self.job.source.repository, &wanted).await;
        let manifest = manifest.map_err(TransferError::Source)?;
        let source_digest = manifest.raw.digest.clone();
        if found.as_ref() == Some(&source_digest) && may_stand(&manifest, self.options.index) {
            return Ok(valid(source_digest.clone(), source_digest));
        }
        let repository = &self.job.source.repository;
        let shaped =
            shape(manifest, &self.job.filter, self.options.index, &self.source, repository).await?;
        let Shaped::Write(shape) = shaped else {
            let fails = self.options.no_platform_fails;
            return Ok(nothing_selected(&self.job, fails, &self.events)?);
        };
        let expected = shape.root.digest;
        if found.is_none() && self.job.destination.version.tag().is_none() {
            // A push by digest went to the digest of what the filter left.
            found = self.held(&ManifestReference::Digest(expected.clone())).await?;
        }
        match found {
            None => Err(Finding::Missing),
            Some(found) if found == expected => Ok(valid(source_digest, found)),
            Some(found) => Err(Finding::Digest { expected, found }),
        }
    }

    /// The digest that the source's manifest has by a HEAD; whatever keeps that from working, the
    /// GET decides.
    async fn source_digest(&self, wanted: &ManifestReference) -> Option<Digest> {
        if let Some(digest) = self.job.source.version.digest() {
            return Some(digest.clone());
        }
        let head = self.source.manifest_head(&self.job.source.repository, wanted, false).await;
        head.ok().flatten()?.digest
    }

    /// The digest of the destination's manifest, hashed where the registry does not say it.
    async fn held(&self, reference: &ManifestReference) -> Result<Option<Digest>, Finding> {
        let repository = &self.job.destination.repository;
        let head = self.destination.manifest_head(repository, reference, false).await;
        match head {
            Ok(Some(head)) if head.digest.is_some() => Ok(head.digest),
            Ok(None) => Ok(None),
            Ok(Some(_)) | Err(_) => match self.destination.manifest(repository, reference).await {
                Ok(manifest) => Ok(Some(manifest.raw.digest)),
                Err(error) if error.is_not_found() => Ok(None),
                Err(error) => Err(Finding::Destination(error)),
            },
        }
    }
}

fn valid(source: Digest, destination: Digest) -> Outcome {
    Outcome {
        source_digest: Some(source),
        destination_digest: Some(destination),
        ..Outcome::new(Status::Copied)
    }
}

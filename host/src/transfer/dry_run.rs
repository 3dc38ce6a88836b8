//! A dry run: looks at both ends with the right to pull only, and says what would happen.

use super::TransferError;
use super::run::Run;
use super::shape::{Shape, Shaped, is_same, may_stand, nothing_selected, shape};
use crate::oci::{Digest, Manifest};
use crate::plan::{Job, Outcome, Status};
use crate::registry::{Client, ManifestReference, RegistryError};

/// What copying `job` would do.
pub(super) async fn look(run: &Run, job: &Job) -> Outcome {
    match looked(run, job).await {
        Ok(outcome) => outcome,
        Err(error) => Outcome { hint: error.hint(), ..Outcome::failed(error) },
    }
}

async fn looked(run: &Run, job: &Job) -> Result<Outcome, TransferError> {
    let mode = run.options.index;
    let source = run.registries.client(&job.source.registry);
    let destination = run.registries.client(&job.destination.registry);
    let (digest, manifest) = find_source(&source, job).await?;
    let held = ManifestReference::to_push(&job.destination.version);
    let held = find_destination(&destination, job, &held).await?;
    if is_same(mode) && held.is(&digest) {
        return Ok(already_there(digest.clone(), digest));
    }
    if is_same(mode) && job.filter.is_everything() {
        return Ok(would_copy(digest.clone(), digest, &held, None));
    }
    let manifest = match manifest {
        Some(manifest) => manifest,
        None => fetch(&source, job).await?,
    };
    if held.is(&digest) && may_stand(&manifest, mode) {
        return Ok(already_there(digest.clone(), digest));
    }
    match shape(manifest, &job.filter, mode, &source, &job.source.repository).await? {
        Shaped::Nothing => {
            let outcome = nothing_selected(job, run.options.no_platform_fails, &run.events)?;
            Ok(Outcome { source_digest: Some(digest), ..outcome })
        }
        Shaped::Write(shape) => {
            let Shape { root, changed, .. } = *shape;
            let held = if changed.is_some() && job.destination.version.tag().is_none() {
                // What is pushed by digest goes to the digest of what the filter leaves.
                let root = ManifestReference::Digest(root.digest.clone());
                find_destination(&destination, job, &root).await?
            } else {
                held
            };
            if held.is(&root.digest) {
                return Ok(already_there(digest, root.digest));
            }
            Ok(would_copy(digest, root.digest, &held, changed))
        }
    }
}

/// The source's digest, and its manifest where that had to be fetched for it.
async fn find_source(
    source: &Client,
    job: &Job,
) -> Result<(Digest, Option<Manifest>), TransferError> {
    let reference = ManifestReference::to_fetch(&job.source.version);
    let head = source.manifest_head(&job.source.repository, &reference, false).await;
    if let Some(digest) = head.ok().flatten().and_then(|head| head.digest) {
        return Ok((digest, None));
    }
    // A GET decides: pull-through caches answer 404 to a HEAD of what they would fetch, and some
    // registries know no HEAD.
    let manifest = fetch(source, job).await?;
    Ok((manifest.raw.digest.clone(), Some(manifest)))
}

async fn fetch(source: &Client, job: &Job) -> Result<Manifest, TransferError> {
    let reference = ManifestReference::to_fetch(&job.source.version);
    let manifest = source.manifest(&job.source.repository, &reference).await;
    manifest.map_err(TransferError::Source)
}

/// What the destination shows to whoever may only pull.
enum Held {
    /// Nothing is there.
    Nothing,
    /// Something is there; its digest, where the registry says it.
    Something(Option<Digest>),
    /// The registry does not say.
    Hidden(RegistryError),
}

impl Held {
    fn is(&self, digest: &Digest) -> bool {
        matches!(self, Self::Something(Some(held)) if held == digest)
    }
}

async fn find_destination(
    destination: &Client,
    job: &Job,
    reference: &ManifestReference,
) -> Result<Held, TransferError> {
    match destination.manifest_head(&job.destination.repository, reference, false).await {
        Ok(None) => Ok(Held::Nothing),
        Ok(Some(head)) => Ok(Held::Something(head.digest)),
        // A repository may be closed to readers, or not be there yet: the push would decide.
        Err(error) if matches!(error.cause.status(), Some(400..=428)) => Ok(Held::Hidden(error)),
        Err(error) => Err(TransferError::Destination(error)),
    }
}

fn already_there(source: Digest, destination: Digest) -> Outcome {
    Outcome {
        source_digest: Some(source),
        destination_digest: Some(destination),
        ..Outcome::skipped("already at the destination")
    }
}

/// `changed` says why the destination would get another digest than the source has.
fn would_copy(
    source: Digest,
    destination: Digest,
    held: &Held,
    changed: Option<String>,
) -> Outcome {
    let mut reason = match held {
        Held::Nothing => "would be copied".to_owned(),
        Held::Something(Some(other)) => format!("would be copied over {other}"),
        Held::Something(None) => "would be copied over what is there".to_owned(),
        Held::Hidden(error) => {
            format!("would be copied; whether it is there cannot be seen: {}", error.cause)
        }
    };
    if let Some(why) = changed {
        reason.push_str("; digest changes: ");
        reason.push_str(&why);
    }
    Outcome {
        source_digest: Some(source),
        destination_digest: Some(destination),
        reason: Some(reason),
        ..Outcome::new(Status::DryRun)
    }
}

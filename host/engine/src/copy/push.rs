//! Pushes manifests, and forgets content that the destination turns out to lack.

use std::sync::atomic::Ordering;
use std::time::Duration;

use longshore_oci::{Content, Digest, Manifest, ManifestReference, RawManifest};
use longshore_store::{Fault, ManifestPushed, Operation, StoreError, Trust, kept_by_distribution};

use super::work::Work;
use crate::error::JobError;

/// The wait before a manifest is pushed again whose content the destination did not see.
const CONTENT_APPEARS: Duration = Duration::from_millis(300);

/// What a push did.
pub(super) struct Pushed {
    /// Whether the store itself lists the manifest as a referrer of its subject.
    pub(super) is_listed: bool,
    /// Whether a forced run found the manifest at the destination before the push.
    pub(super) was_there: bool,
}

/// Pushes a manifest by its digest.
pub(super) async fn by_digest(work: &Work<'_>, manifest: &RawManifest) -> Result<Pushed, JobError> {
    push(work, &ManifestReference::Digest(manifest.digest.clone()), manifest).await
}

/// Pushes a manifest under a tag. An immutable tag that already holds it is a success. Returns whether a forced
/// run found the manifest at the destination before.
pub(super) async fn under(
    work: &Work<'_>,
    reference: &ManifestReference,
    manifest: &RawManifest,
) -> Result<bool, JobError> {
    let error = match push(work, reference, manifest).await {
        Ok(pushed) => return Ok(pushed.was_there),
        Err(error) => error,
    };
    if of_destination(&error).is_none_or(|error| *error.fault != Fault::ImmutableTag) {
        return Err(error);
    }
    let held = work.probe(reference).await?;
    if held.as_ref() == Some(&manifest.digest) {
        return Ok(true);
    }
    Err(JobError::ImmutableTag(held))
}

async fn push(
    work: &Work<'_>,
    reference: &ManifestReference,
    manifest: &RawManifest,
) -> Result<Pushed, JobError> {
    let found = match work.run.options.force_recursive {
        true => Some(look(work, manifest).await),
        false => None,
    };
    let was_there = found == Some(Found::Sound);
    let mut pushed = try_push(work, reference, manifest).await;
    // While another machine mounts the same blob into the repository, distribution rewrites the file that links
    // it, and misses the blob for that moment.
    if is_for_missing_content(&pushed) && work.trust != Trust::Nothing {
        tokio::time::sleep(CONTENT_APPEARS).await;
        pushed = try_push(work, reference, manifest).await;
    }
    if is_for_missing_content(&pushed) {
        forget_named(work, manifest);
    }
    let pushed = pushed?;
    // A manifest that the destination had already is sent only because no probe is trusted.
    if !was_there {
        work.count(manifest.bytes.len() as u64);
        work.mended.manifests.fetch_add(1, Ordering::Relaxed);
    }
    // A registry that could not show the manifest may keep what it has, and accept the push nevertheless.
    if work.run.options.deep || found == Some(Found::Unreadable) {
        read_back(work, manifest).await?;
    }
    Ok(Pushed { is_listed: pushed.is_listed, was_there })
}

/// What a forced run finds of a manifest before it pushes it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    Sound,
    Missing,
    /// The destination cannot show it, or shows other content.
    Unreadable,
}

/// Looks for the manifest: with `--deep` it is read, else looked up. It is pushed in any case.
async fn look(work: &Work<'_>, manifest: &RawManifest) -> Found {
    let reference = ManifestReference::Digest(manifest.digest.clone());
    if work.run.options.deep {
        // It is read after the push in any case, so a missing one need not be told from an unreadable one.
        let read = work.destination.manifest(work.repository(), &reference).await;
        return if read.is_ok() { Found::Sound } else { Found::Unreadable };
    }
    match work.probe(&reference).await {
        Ok(Some(_)) => Found::Sound,
        Ok(None) => Found::Missing,
        Err(_) => Found::Unreadable,
    }
}

/// Reads a manifest that was pushed.
///
/// # Errors
/// Also if the destination keeps other bytes under its digest.
async fn read_back(work: &Work<'_>, manifest: &RawManifest) -> Result<(), JobError> {
    let reference = ManifestReference::Digest(manifest.digest.clone());
    let error = match work.destination.manifest(work.repository(), &reference).await {
        Ok(_) => return Ok(()),
        Err(error) if error.is_wrong_content() => {
            let target = format!("{} to {}", manifest.digest, work.job.destination.name());
            corrupt(Operation::new("push manifest", target), &manifest.digest)
        }
        Err(error) => error,
    };
    Err(work.destination_error(error))
}

/// The error of a push after which the destination still holds other content under the digest.
pub(super) fn corrupt(operation: Operation, digest: &Digest) -> StoreError {
    let message = "the destination holds other content under this digest, and keeps it";
    let hint = format!(
        "most registries do not replace existing content: delete {digest} from the registry's storage, then \
         run this again ({})",
        kept_by_distribution(digest)
    );
    StoreError::new(operation, Fault::Refused, message).with_hint(hint)
}

async fn try_push(
    work: &Work<'_>,
    reference: &ManifestReference,
    manifest: &RawManifest,
) -> Result<ManifestPushed, JobError> {
    let pushed = work.destination.push_manifest(work.repository(), reference, manifest).await;
    pushed.map_err(|error| work.destination_error(error))
}

fn is_for_missing_content(pushed: &Result<ManifestPushed, JobError>) -> bool {
    pushed.as_ref().is_err_and(|error| missing_content(error).is_some())
}

/// The failed push, if the destination lacks content that the manifest names.
pub(super) fn missing_content(error: &JobError) -> Option<&Operation> {
    let error = of_destination(error)?;
    (*error.fault == Fault::MissingContent).then_some(&error.operation)
}

const fn of_destination(error: &JobError) -> Option<&StoreError> {
    match error {
        JobError::Destination(error) => Some(error),
        JobError::Unprepared { error, .. } => Some(error),
        _ => None,
    }
}

/// Forgets all content of `manifest`, which the destination refused for missing content.
///
/// Afterwards no image of the run relies on that content.
fn forget_named(work: &Work<'_>, manifest: &RawManifest) {
    let (bytes, digest) = (manifest.bytes.clone(), manifest.digest.clone());
    let Ok(manifest) = Manifest::parse(bytes, Some(&manifest.media_type), digest) else {
        return;
    };
    let (store, repository) = (work.destination.name(), work.repository());
    for known in [&work.run.known, work.known] {
        match &manifest.content {
            Content::Index(index) => {
                for child in &index.manifests {
                    known.forget_manifest(store, repository, &child.digest);
                    // The child may be a blob.
                    known.forget_blob(store, repository, &child.digest);
                }
            }
            Content::Single(single) => {
                for blob in single.blobs() {
                    known.forget_blob(store, repository, &blob.digest);
                }
            }
        }
    }
}

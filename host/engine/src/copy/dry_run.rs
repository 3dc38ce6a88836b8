//! A dry run: looks at both ends with the right to pull only, and says what would happen.

use std::sync::atomic::AtomicU64;

use futures_util::future::{BoxFuture, FutureExt as _};
use longshore_oci::{Descriptor, Digest, Manifest, ManifestReference};
use longshore_store::{Intent, StoreError};

use super::admission::Admitted;
use super::image::already_there;
use super::work::{Run, Work};
use crate::error::JobError;
use crate::job::{Job, Outcome, Status};
use crate::shape::{Shaped, is_same, may_stand, nothing_selected, shape};
use crate::walk::{Descendants, descendants};

/// What copying `job` would do.
pub(super) async fn look(run: &Run, job: &Job, admitted: &Admitted) -> Outcome {
    let moved = AtomicU64::new(0);
    let looked = async { looked(&Work::new(run, job, admitted, &moved)?).await };
    match looked.await {
        Ok(outcome) => outcome,
        Err(error) => Outcome { hint: error.hint(), ..Outcome::failed(error) },
    }
}

/// What the destination shows with the right to pull only.
enum View {
    /// Nothing is there.
    Nothing,
    /// This digest is there.
    Digest(Digest),
    /// The store does not say.
    Hidden(StoreError),
}

impl View {
    fn is(&self, digest: &Digest) -> bool {
        matches!(self, Self::Digest(held) if held == digest)
    }
}

async fn looked(work: &Work<'_>) -> Result<Outcome, JobError> {
    let (job, mode) = (work.job, work.run.options.index);
    let (digest, manifest) = find_source(work).await?;
    let mut view = look_at(work, &ManifestReference::to_push(&job.destination.version)).await?;
    if is_same(mode) && is_done(work, &view, &digest) {
        return Ok(would_stay(work, digest.clone(), digest));
    }
    if is_same(mode) && job.filter.is_everything() {
        return Ok(would_copy(work, digest.clone(), digest, &view, None));
    }
    let manifest = match manifest {
        Some(manifest) => manifest,
        None => work.reader().root(Some(&digest)).await.map_err(JobError::Source)?,
    };
    if is_done(work, &view, &digest) && may_stand(&manifest, mode) {
        return Ok(would_stay(work, digest.clone(), digest));
    }
    let shape = match shape(manifest, &job.filter, mode, &work.reader()).await? {
        Shaped::Write(shape) => shape,
        Shaped::Nothing => {
            let fails = work.run.options.no_platform_fails;
            let outcome = nothing_selected(job, fails, &work.run.events)?;
            return Ok(Outcome { source_digest: Some(digest), ..outcome });
        }
    };
    // What copying could not walk through fails here too.
    descendants(&SourceIndexes(work), shape.children).await?;
    let root = shape.root.digest;
    if shape.changed.is_some() && job.destination.version.tag().is_none() {
        // What is pushed by digest goes to the digest of what the filter leaves.
        view = look_at(work, &ManifestReference::Digest(root.clone())).await?;
    }
    if is_done(work, &view, &root) {
        return Ok(would_stay(work, digest, root));
    }
    Ok(would_copy(work, digest, root, &view, shape.changed))
}

/// Reads the indexes that an index at the source names.
struct SourceIndexes<'a>(&'a Work<'a>);

impl Descendants for SourceIndexes<'_> {
    type Error = JobError;

    fn index<'a>(&'a self, child: &'a Descriptor) -> BoxFuture<'a, Result<Manifest, JobError>> {
        let reader = self.0.reader();
        async move { reader.by_digest(&child.digest).await.map_err(JobError::Source) }.boxed()
    }
}

/// The source's digest, and its manifest where that had to be fetched for it.
async fn find_source(work: &Work<'_>) -> Result<(Digest, Option<Manifest>), JobError> {
    let reader = work.reader();
    let reference = ManifestReference::to_fetch(&work.job.source.version);
    if let Some(digest) = reader.resolve(&reference).await {
        return Ok((digest, None));
    }
    // Reading it decides: pull-through caches answer 404 to a HEAD of what they would fetch, and some
    // registries know no HEAD.
    let manifest = reader.root(None).await.map_err(JobError::Source)?;
    Ok((manifest.raw.digest.clone(), Some(manifest)))
}

async fn look_at(work: &Work<'_>, reference: &ManifestReference) -> Result<View, JobError> {
    match work.destination.resolve(work.repository(), reference, Intent::Read).await {
        Ok(None) => Ok(View::Nothing),
        Ok(Some(digest)) => Ok(View::Digest(digest)),
        // A repository may be closed to readers, or not be there yet: the push would decide.
        Err(error) if error.is_refused() => Ok(View::Hidden(error)),
        Err(error) => Err(JobError::Destination(error)),
    }
}

/// Would a run believe that the destination holds what it shall hold?
fn is_done(work: &Work<'_>, view: &View, digest: &Digest) -> bool {
    view.is(digest) && !work.run.options.force_recursive
}

fn would_stay(work: &Work<'_>, source: Digest, destination: Digest) -> Outcome {
    with_referrers(work, already_there(source, destination))
}

/// `changed` says why the destination would get another digest than the source has.
fn would_copy(
    work: &Work<'_>,
    source: Digest,
    destination: Digest,
    view: &View,
    changed: Option<String>,
) -> Outcome {
    let mut reason = match view {
        View::Nothing => "would be copied".to_owned(),
        View::Digest(same) if *same == destination => {
            "would be looked through, and copied where something is missing".to_owned()
        }
        View::Digest(other) => format!("would be copied over {other}"),
        View::Hidden(error) => {
            format!("would be copied; whether it is there cannot be seen: {}", error.message)
        }
    };
    if let Some(why) = changed {
        reason.push_str("; digest changes: ");
        reason.push_str(&why);
    }
    let outcome = Outcome {
        source_digest: Some(source),
        destination_digest: Some(destination),
        reason: Some(reason),
        ..Outcome::new(Status::DryRun)
    };
    with_referrers(work, outcome)
}

/// `outcome` with what a run would do besides.
fn with_referrers(work: &Work<'_>, mut outcome: Outcome) -> Outcome {
    if let (true, Some(reason)) = (work.run.options.referrers, &mut outcome.reason) {
        reason.push_str("; its referrers would be looked for");
    }
    outcome
}

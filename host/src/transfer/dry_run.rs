//! A dry run: looks at both ends with the right to pull only, and says what would happen.

use super::run::Run;
use super::{TransferError, is_same};
use crate::plan::{Job, Outcome, Status};
use crate::registry::ManifestReference;

/// What copying `job` would do.
pub(super) async fn look(run: &Run, job: &Job) -> Outcome {
    match looked(run, job).await {
        Ok(outcome) => outcome,
        Err(error) => Outcome { hint: error.hint(), ..Outcome::failed(error) },
    }
}

async fn looked(run: &Run, job: &Job) -> Result<Outcome, TransferError> {
    let source = run.registries.client(&job.source.registry);
    let destination = run.registries.client(&job.destination.registry);
    let reference = ManifestReference::to_fetch(&job.source.version);
    let head = source.manifest_head(&job.source.repository, &reference, false).await;
    let source_digest = match head.ok().flatten().and_then(|head| head.digest) {
        Some(digest) => Some(digest),
        // A GET decides: pull-through caches answer 404 to a HEAD of what they would fetch, and some
        // registries know no HEAD.
        None => {
            let manifest = source.manifest(&job.source.repository, &reference).await;
            Some(manifest.map_err(TransferError::Source)?.raw.digest)
        }
    };
    let reference = ManifestReference::to_push(&job.destination.version);
    let head = match destination.manifest_head(&job.destination.repository, &reference, false).await
    {
        Ok(head) => head,
        Err(error) if matches!(error.cause.status(), Some(400..=428)) => None,
        Err(error) => return Err(TransferError::Destination(error)),
    };
    let (would, destination_digest) = match head {
        None => ("would be copied", None),
        Some(head)
            if head.digest.is_some()
                && head.digest == source_digest
                && is_same(run.options.index) =>
        {
            ("is already at the destination", head.digest)
        }
        Some(head) => ("would be compared, and copied where it differs", head.digest),
    };
    let referrers = if run.options.referrers { "; its referrers would be looked for" } else { "" };
    Ok(Outcome {
        source_digest,
        destination_digest,
        reason: Some(format!("{would}{referrers}")),
        ..Outcome::new(Status::DryRun)
    })
}

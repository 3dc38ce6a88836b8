//! Places each blob in the destination's repository once, however many images need it.

use bytes::Bytes;
use futures_util::future::FutureExt as _;
use longshore_oci::{Descriptor, Repository};
use longshore_store::{BlobSource, BlobTransfer, Placed, Progress, TransferFailure, Trust};

use super::work::Work;
use crate::error::JobError;
use crate::event::{Event, Transferred};

/// Ensures that the destination's repository holds `blob`. `bytes` is its content, if it was read
/// before.
pub(super) async fn place(
    work: &Work<'_>,
    blob: &Descriptor,
    bytes: Option<&Bytes>,
) -> Result<(), JobError> {
    let placed = work.known.blob(work.destination.name(), work.repository(), &blob.digest);
    let mut how = Transferred::Shared;
    if placed.get().is_none() {
        work.run.events.send(Event::BlobPlanned { job: work.job.number, size: blob.size });
        let compute = async {
            how = place_once_per_store(work, blob, bytes).await?;
            Ok::<_, JobError>(())
        };
        placed.get_or_compute(work.admitted, compute.boxed()).await?;
    }
    let (digest, size) = (blob.digest.clone(), blob.size);
    work.run.events.send(Event::BlobPlaced { job: work.job.number, digest, size, how });
    if how == Transferred::Moved {
        work.count(size);
    }
    Ok(())
}

/// Places the blob, by single-flight per store: the first job transfers it, and the others mount it
/// from its home.
async fn place_once_per_store(
    work: &Work<'_>,
    blob: &Descriptor,
    bytes: Option<&Bytes>,
) -> Result<Transferred, JobError> {
    if !work.destination.shares_blobs() {
        return Ok(transferred(&transfer(work, blob, bytes, None).await?));
    }
    let home = work.known.home(work.destination.name(), &blob.digest);
    let mut placed_here = None;
    let compute = async {
        let placed = transfer(work, blob, bytes, None).await?;
        placed_here = Some(transferred(&placed));
        let home = match &placed {
            Placed::Mounted(from) => from,
            Placed::Moved | Placed::Present => work.repository(),
        };
        Ok::<_, JobError>(work.known.as_home(home))
    };
    let found = home.get_or_compute(work.admitted, compute.boxed()).await?;
    if let Some(how) = placed_here {
        return Ok(how);
    }
    let found = work.known.repository(found);
    let elsewhere =
        found.filter(|found| found != work.repository() && work.trust != Trust::Nothing);
    Ok(transferred(&transfer(work, blob, bytes, elsewhere.as_ref()).await?))
}

/// The transfer kind that the report shows.
const fn transferred(placed: &Placed) -> Transferred {
    match placed {
        Placed::Moved => Transferred::Moved,
        Placed::Mounted(_) => Transferred::Mounted,
        Placed::Present => Transferred::Present,
    }
}

/// Asks the destination to place the blob; `from` is a repository that holds it, if known.
async fn transfer(
    work: &Work<'_>,
    blob: &Descriptor,
    bytes: Option<&Bytes>,
    from: Option<&Repository>,
) -> Result<Placed, JobError> {
    let source = &work.job.source;
    let bad = &work.run.bad_content;
    if let Some(error) = bad.of(&source.store, &source.repository, &blob.digest) {
        return Err(JobError::Source(error));
    }
    let _copying = work.admitted.copying().await;
    let (events, job) = (work.run.events.clone(), work.job.number);
    let placed = work.destination.place_blob(BlobTransfer {
        repository: work.repository(),
        blob,
        source: BlobSource { store: &work.source, repository: &source.repository, bytes },
        from,
        image: job,
        expected: work.tag_existed,
        trust: work.trust,
        interrupt: &work.run.interrupt,
        progress: Progress::new(move |bytes| events.send(Event::Progress { job, bytes })),
    });
    placed.await.map_err(|failure| {
        if let TransferFailure::Source(error) = &failure
            && error.is_wrong_content()
        {
            bad.remember(&source.store, &source.repository, &blob.digest, error);
        }
        work.job_error(failure)
    })
}

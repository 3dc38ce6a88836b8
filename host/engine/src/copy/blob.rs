//! Placing one blob in the destination's repository, once however many images need it.

use bytes::Bytes;
use futures_util::future::FutureExt as _;
use longshore_oci::{Descriptor, Repository};
use longshore_store::{BlobSource, BlobTransfer, Placed, Progress, TransferFailure, Trust};

use super::work::Work;
use crate::error::JobError;
use crate::event::{Event, Level, Transferred};

/// Makes `blob` be in the destination's repository. `bytes` is its content, where that had to
/// be read before.
pub(super) async fn place(
    work: &Work<'_>,
    blob: &Descriptor,
    bytes: Option<&Bytes>,
) -> Result<(), JobError> {
    let placed = work.known.blob(work.destination.name(), work.repository(), &blob.digest);
    let mut how = Transferred::Shared;
    if placed.get().is_none() {
        work.run.events.send(Event::BlobPlanned { job: work.job.number, size: blob.size });
        let find = async {
            how = bring(work, blob, bytes).await?;
            Ok::<_, JobError>(())
        };
        placed.get_or_find(work.admitted, find.boxed()).await?;
    }
    let (digest, size) = (blob.digest.clone(), blob.size);
    work.run.events.send(Event::BlobPlaced { job: work.job.number, digest, size, how });
    if how == Transferred::Moved {
        work.count(size);
    }
    Ok(())
}

/// The first job that needs the blob in this store brings it; the others wait for that, and take
/// it over from there.
async fn bring(
    work: &Work<'_>,
    blob: &Descriptor,
    bytes: Option<&Bytes>,
) -> Result<Transferred, JobError> {
    if !work.destination.shares_blobs() {
        return Ok(told(&transfer(work, blob, bytes, From::Nowhere).await?));
    }
    let home = work.known.home(work.destination.name(), &blob.digest);
    let mut brought = None;
    let find = async {
        let placed = transfer(work, blob, bytes, From::Nowhere).await?;
        brought = Some(told(&placed));
        let home = match &placed {
            Placed::Mounted(from) => from,
            Placed::Moved | Placed::Present => work.repository(),
        };
        Ok::<_, JobError>(work.known.as_home(home, placed != Placed::Present))
    };
    let found = home.get_or_find(work.admitted, find.boxed()).await?;
    if let Some(how) = brought {
        return Ok(how);
    }
    let repository = work.known.repository(found);
    let elsewhere = repository
        .as_ref()
        .filter(|repository| *repository != work.repository() && work.trust != Trust::Nothing);
    let from = match elsewhere {
        Some(repository) => From::Repository { repository, is_checked: found.is_checked },
        None => From::Nowhere,
    };
    Ok(told(&transfer(work, blob, bytes, from).await?))
}

/// Where else in the destination a blob is, as far as this run knows.
#[derive(Clone, Copy)]
enum From<'a> {
    Nowhere,
    Repository {
        repository: &'a Repository,
        /// This run wrote it there, or compared its size.
        is_checked: bool,
    },
}

/// How a blob got to the destination, as the report tells it.
const fn told(placed: &Placed) -> Transferred {
    match placed {
        Placed::Moved => Transferred::Moved,
        Placed::Mounted(_) => Transferred::Mounted,
        Placed::Present => Transferred::Present,
    }
}

/// Lets the destination place the blob. Where the descriptor's size turns out to be wrong, the digest
/// decides: the blob is placed with the size that it has.
async fn transfer(
    work: &Work<'_>,
    blob: &Descriptor,
    bytes: Option<&Bytes>,
    from: From<'_>,
) -> Result<Placed, JobError> {
    let source = &work.job.source;
    let bad = &work.run.bad_content;
    if let Some(error) = bad.of(&source.store, &source.repository, &blob.digest) {
        return Err(JobError::Source(error));
    }
    let _copying = work.admitted.copying().await;
    let mut placed = attempt(work, blob, bytes, from).await;
    if let Err(TransferFailure::Source(error)) = &placed
        && let Some(size) = work.reader().actual_size(blob, error).await
    {
        let text = format!(
            "{}: the manifest says {} bytes, the source has {size}; the digest decides",
            blob.digest, blob.size
        );
        work.note(Level::Warning, text);
        placed = attempt(work, &Descriptor { size, ..blob.clone() }, bytes, from).await;
    }
    placed.map_err(|failure| {
        if let TransferFailure::Source(error) = &failure
            && error.is_wrong_content()
        {
            bad.remember(&source.store, &source.repository, &blob.digest, error);
        }
        work.failed(failure)
    })
}

async fn attempt(
    work: &Work<'_>,
    blob: &Descriptor,
    bytes: Option<&Bytes>,
    from: From<'_>,
) -> Result<Placed, TransferFailure> {
    let (events, job) = (work.run.events.clone(), work.job.number);
    let (from, is_known) = match from {
        From::Nowhere => (None, true),
        From::Repository { repository, is_checked } => (Some(repository), is_checked),
    };
    let placed = work.destination.place_blob(BlobTransfer {
        repository: work.repository(),
        blob,
        source: BlobSource { store: &work.source, repository: &work.job.source.repository, bytes },
        from,
        image: job,
        expected: work.existed,
        trust: work.trust,
        check_size: work.run.options.force_recursive || !is_known,
        interrupt: &work.run.interrupt,
        progress: Progress::new(move |bytes| events.send(Event::Progress { job, bytes })),
    });
    placed.await
}

//! Places each blob in the destination's repository once, however many images need it.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use futures_util::future::FutureExt as _;
use longshore_oci::{Descriptor, Repository};
use longshore_store::{
    BlobPresence, BlobSource, BlobTransfer, Operation, Placed, Progress, TransferFailure, Trust,
};

use super::push::corrupt;
use super::shared_homes::{ClaimTurn, SharedHome};
use super::single_flight::Waiter as _;
use super::work::Work;
use crate::error::JobError;
use crate::event::{Event, Level, Transferred};
use crate::intact::hashed;

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
    if matches!(how, Transferred::Moved | Transferred::Mounted) {
        work.mended.blobs.fetch_add(1, Ordering::Relaxed);
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
        return Ok(transferred(&transfer(work, blob, bytes, From::Nowhere, None).await?));
    }
    let home = work.known.home(work.destination.name(), &blob.digest);
    let mut placed_here = None;
    let compute = async {
        let (shared, turn) = claim(work, blob).await?.unzip();
        let from = match &shared {
            // A probe may be a mount from the repository to itself. Distribution writes the blob's link again
            // then, and meanwhile refuses to mount the blob from here.
            Some(SharedHome::Placed { repository, is_checked })
                if repository == work.repository() =>
            {
                placed_here = Some(Transferred::Shared);
                return Ok(work.known.as_home(repository, *is_checked));
            }
            Some(SharedHome::Placed { repository, is_checked }) => {
                From::Repository { repository, is_checked: *is_checked }
            }
            _ => From::Nowhere,
        };
        let placed = transfer(work, blob, bytes, from, turn).await?;
        placed_here = Some(transferred(&placed));
        let home = match &placed {
            Placed::Mounted(from) => from,
            Placed::Moved | Placed::Present => work.repository(),
        };
        let is_checked = placed != Placed::Present;
        if let Some(SharedHome::Claimed(claim)) = shared {
            claim.placed(home.clone(), is_checked).await;
        }
        Ok::<_, JobError>(work.known.as_home(home, is_checked))
    };
    let found = home.get_or_compute(work.admitted, compute.boxed()).await?;
    if let Some(how) = placed_here {
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
    Ok(transferred(&transfer(work, blob, bytes, from, None).await?))
}

/// Claims the blob among the processes of the run. `None` if there are no others, or if the job trusts
/// nothing that was placed before.
async fn claim(
    work: &Work<'_>,
    blob: &Descriptor,
) -> Result<Option<(SharedHome, ClaimTurn)>, JobError> {
    let Some(homes) = work.run.options.homes.as_ref().filter(|_| work.trust != Trust::Nothing)
    else {
        return Ok(None);
    };
    // The other process may wait for a blob of this one, so this image must not hold permits.
    let _parked = work.admitted.park();
    let claimed = work.run.claims.claim(homes.as_ref(), work.destination.name(), blob);
    Ok(Some(work.unless_interrupted(claimed).await?))
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

/// The transfer kind that the report shows.
const fn transferred(placed: &Placed) -> Transferred {
    match placed {
        Placed::Moved => Transferred::Moved,
        Placed::Mounted(_) => Transferred::Mounted,
        Placed::Present => Transferred::Present,
    }
}

/// Asks the destination to place the blob. If the descriptor's size turns out to be wrong, the digest
/// decides: the blob is placed with its actual size. `turn` ends when bytes move.
async fn transfer(
    work: &Work<'_>,
    blob: &Descriptor,
    bytes: Option<&Bytes>,
    from: From<'_>,
    turn: Option<ClaimTurn>,
) -> Result<Placed, JobError> {
    let source = &work.job.source;
    let bad = &work.run.bad_content;
    if let Some(error) = bad.of(&source.store, &source.repository, &blob.digest) {
        return Err(JobError::Source(error));
    }
    let _copying = work.admitted.copying().await;
    let mut placed = attempt(work, blob, bytes, from, turn).await;
    if let Err(TransferFailure::Source(error)) = &placed
        && let Some(size) = work.reader().actual_size(blob, error).await
    {
        work.note(Level::Warning, wrong_size(blob, size));
        placed = attempt(work, &Descriptor { size, ..blob.clone() }, bytes, from, None).await;
    }
    let placed = placed.map_err(|failure| {
        if let TransferFailure::Source(error) = &failure
            && error.is_wrong_content()
        {
            bad.remember(&source.store, &source.repository, &blob.digest, error);
        }
        work.job_error(failure)
    })?;
    if work.run.options.deep { read_back(work, blob, bytes, placed).await } else { Ok(placed) }
}

/// Says that content has another size than its descriptor says.
pub(super) fn wrong_size(content: &Descriptor, size: u64) -> String {
    // A size that is missing, or that cannot be, reads as 0.
    let said = match content.size {
        0 => "gives no usable size".to_owned(),
        said => format!("says {said} bytes"),
    };
    let digest = &content.digest;
    format!("{digest}: the manifest {said}, the source has {size} bytes; the digest decides")
}

/// Reads a blob that was placed (`--deep`). If it is corrupt, sends it again without asking whether it is
/// there.
///
/// # Errors
/// Also if the destination keeps the corrupt content.
async fn read_back(
    work: &Work<'_>,
    blob: &Descriptor,
    bytes: Option<&Bytes>,
    placed: Placed,
) -> Result<Placed, JobError> {
    if is_intact(work, blob).await? {
        return Ok(placed);
    }
    if placed != Placed::Moved {
        let text = format!("{} is corrupt at the destination; sending it again", blob.digest);
        work.note(Level::Warning, text);
        let sent = attempt_with(work, blob, bytes, From::Nowhere, None, Trust::Nothing).await;
        let sent = sent.map_err(|failure| work.job_error(failure))?;
        if is_intact(work, blob).await? {
            return Ok(sent);
        }
    }
    let target = format!("{} to {}", blob.digest, work.job.destination.name());
    let error = corrupt(Operation::new("push blob", target), &blob.digest);
    Err(work.destination_error(error))
}

async fn is_intact(work: &Work<'_>, blob: &Descriptor) -> Result<bool, JobError> {
    let read = hashed(work.destination.as_ref(), work.repository(), blob);
    let read = work.unless_interrupted(read).await?;
    Ok(read.map_err(|error| work.destination_error(error))? == BlobPresence::Present)
}

async fn attempt(
    work: &Work<'_>,
    blob: &Descriptor,
    bytes: Option<&Bytes>,
    from: From<'_>,
    turn: Option<ClaimTurn>,
) -> Result<Placed, TransferFailure> {
    attempt_with(work, blob, bytes, from, turn, work.trust).await
}

async fn attempt_with(
    work: &Work<'_>,
    blob: &Descriptor,
    bytes: Option<&Bytes>,
    from: From<'_>,
    turn: Option<ClaimTurn>,
    trust: Trust,
) -> Result<Placed, TransferFailure> {
    let (events, job) = (work.run.events.downgraded(), work.job.number);
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
        expected: work.tag_existed,
        trust,
        check_size: work.run.options.force_recursive || !is_known,
        interrupt: &work.interrupt,
        progress: Progress::new(move |bytes| {
            if let Some(turn) = &turn {
                turn.end();
            }
            events.send(Event::Progress { job, bytes });
        }),
    });
    placed.await
}

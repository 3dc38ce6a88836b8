//! Dry run: inspects both ends and reports what a run would do.
//!
//! It only reads. It asks for the right to push if the answer shows whether the account has it.

use std::hash::BuildHasher as _;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;

use longshore_oci::{Content, Descriptor, Digest, Manifest, ManifestReference, Single};
use longshore_store::{Fault, Intent, Interrupt, StoreError};

use super::admission::Admitted;
use super::image::{already_present, same_archive, way_to_keep};
use super::work::{Run, Work};
use super::{preview_referrers, same_chart};
use crate::error::JobError;
use crate::event::Level;
use crate::job::{Job, Outcome, Status};
use crate::shape::{
    Shape, Shaped, check_selection, digest_decides, nothing_selected, shape, stays_unchanged,
};
use crate::walk::{Below, descendants};

/// The most blobs that a dry run remembers, to count each once.
const MOST_COUNTED: usize = 1_000_000;

/// Reports what copying `job` would do.
pub(super) async fn preview(
    run: &Run,
    job: &Job,
    admitted: &Admitted,
    interrupt: Interrupt,
) -> Outcome {
    let moved = AtomicU64::new(0);
    let previewed = async {
        let work = Work::new(run, job, admitted, &moved, interrupt)?;
        match Box::pin(try_preview(&work)).await {
            Err(JobError::NeedsTurn) => {
                work.take_turn().await?;
                Box::pin(try_preview(&work)).await
            }
            previewed => previewed,
        }
    };
    match previewed.await {
        Ok(outcome) => outcome,
        Err(error) => Outcome { hint: error.hint(), ..Outcome::failed(error) },
    }
}

/// What the destination shows to a reader.
enum DestinationState {
    /// The reference does not exist.
    Absent,
    /// The reference resolves to this digest.
    Holds(Digest),
    /// Only a push can tell, for this reason.
    Unknown(String),
    /// The reference does not exist, and neither does this: a run would create it first.
    WouldBeCreated(String),
}

impl DestinationState {
    fn is(&self, digest: &Digest) -> bool {
        matches!(self, Self::Holds(held) if held == digest)
    }

    const fn is_new(&self) -> bool {
        matches!(self, Self::WouldBeCreated(_))
    }
}

async fn try_preview(work: &Work<'_>) -> Result<Outcome, JobError> {
    let (job, mode) = (work.job, work.run.options.index);
    let (digest, manifest) = find_source(work).await?;
    let would_create = work.run.options.would_create.get(&job.destination.name());
    let mut state = match look(work, would_create).await {
        Ok(state) => state,
        Err(refusal) => return skipped_anyway(work, manifest, digest, refusal).await,
    };
    if digest_decides(&job.filter, mode) && is_done(work, &state, &digest) {
        let manifest = read_for_referrers(work, manifest, &digest).await?;
        if let Some(manifest) = &manifest {
            check_selection(manifest, &job.filter, work.run.options.no_platform_fails)?;
        }
        return with_referrers(work, already_present(digest.clone(), digest), manifest, &state)
            .await;
    }
    if work.run.options.charts_by_content
        && let DestinationState::Holds(held) = &state
    {
        let chart = work.root(Some(&digest)).await?;
        if let Some(archive) = chart.content.chart_archive()
            && same_chart::is_held(work, held, archive).await
        {
            return Ok(same_archive(digest, held.clone()));
        }
    }
    if digest_decides(&job.filter, mode) && job.filter.is_everything() {
        let of_referrers = read_for_referrers(work, manifest.clone(), &digest).await?;
        let at_most = match manifest.or_else(|| of_referrers.clone()) {
            Some(manifest) => size_of(work, manifest).await,
            None => match work.reader().cached(&digest).await {
                Some(manifest) => size_of(work, manifest).await,
                None => None,
            },
        };
        let outcome = would_copy(work, &digest, digest.clone(), &state, Change::default()).await?;
        return with_referrers(work, Outcome { at_most, ..outcome }, of_referrers, &state).await;
    }
    let manifest = match manifest {
        Some(manifest) => manifest,
        None => work.root(Some(&digest)).await?,
    };
    if is_done(work, &state, &digest) && stays_unchanged(&manifest, &job.filter, mode) {
        check_selection(&manifest, &job.filter, work.run.options.no_platform_fails)?;
        let outcome = already_present(digest.clone(), digest);
        return with_referrers(work, outcome, Some(manifest), &state).await;
    }
    let shape = match shape(manifest, &job.filter, mode, &work.reader()).await? {
        Shaped::Write(shape) => shape,
        Shaped::Nothing => {
            let fails = work.run.options.no_platform_fails;
            let outcome = nothing_selected(job, fails, &work.run.events)?;
            return Ok(Outcome { source_digest: Some(digest), ..outcome });
        }
    };
    let lost = warn_of_lost(work, &state, &shape).await;
    // An index that the copy could not walk must fail here too.
    let below = descendants(work, shape.children.clone()).await?;
    let root = shape.root.digest.clone();
    if shape.changed.is_some() && job.destination.version.tag().is_none() && would_create.is_none()
    {
        // A push by digest goes to the digest of the filtered index.
        state = probe(work, &ManifestReference::Digest(root.clone())).await?;
    }
    let outcome = if is_done(work, &state, &root) {
        already_present(digest, root)
    } else {
        let root_size = shape.root.bytes.len() as u64;
        let at_most = size_of_parts(work, root_size, shape.single.as_deref(), &below).await;
        let change = Change { why: shape.changed.clone(), lost };
        Outcome { at_most, ..would_copy(work, &digest, root, &state, change).await? }
    };
    let names_platforms = shape.is_cut && job.filter.names_platforms();
    let outcome = Outcome { is_cut: shape.is_cut, names_platforms, ..outcome };
    preview_referrers::add_to(work, outcome, &shape, state.is_new()).await
}

/// Looks at the destination; `would_create` is what a run would create there first.
async fn look(
    work: &Work<'_>,
    would_create: Option<&String>,
) -> Result<DestinationState, JobError> {
    if let Some(what) = would_create {
        return Ok(DestinationState::WouldBeCreated(what.clone()));
    }
    let reference = ManifestReference::to_push(&work.job.destination.version);
    let state = probe(work, &reference).await?;
    check_storage(work, &state).await?;
    Ok(state)
}

/// The outcome of an entry whose push would be refused for its login. A run pushes nothing of which the filter
/// selects nothing.
///
/// # Errors
/// If the filter selects something, or that is not known: `refusal`.
async fn skipped_anyway(
    work: &Work<'_>,
    manifest: Option<Manifest>,
    digest: Digest,
    refusal: JobError,
) -> Result<Outcome, JobError> {
    let (job, options) = (work.job, &work.run.options);
    let is_login = refusal.of_store().is_some_and(|error| error.is_login || error.lacks_login);
    if !is_login || job.filter.is_everything() {
        return Err(refusal);
    }
    let manifest = match manifest {
        Some(manifest) => Ok(manifest),
        None => work.root(Some(&digest)).await,
    };
    let Ok(manifest) = manifest else { return Err(refusal) };
    match shape(manifest, &job.filter, options.index, &work.reader()).await {
        Ok(Shaped::Nothing) => {
            let outcome = nothing_selected(job, options.no_platform_fails, &work.run.events)?;
            Ok(Outcome { source_digest: Some(digest), ..outcome })
        }
        _ => Err(refusal),
    }
}

/// Refuses a destination that shows content of another store.
async fn check_storage(work: &Work<'_>, state: &DestinationState) -> Result<(), JobError> {
    let shown = match state {
        DestinationState::Holds(digest) => Some(digest),
        _ => None,
    };
    let checked = work.destination.check_storage(work.repository(), shown, Intent::Read).await;
    checked.map_err(|error| work.destination_error(error))
}

/// The bytes that a copy of `manifest` moves at most. `None` if a manifest in it was not read, and no earlier run
/// cached it: a dry run asks for no more than it needs.
async fn size_of(work: &Work<'_>, manifest: Manifest) -> Option<u64> {
    let own = manifest.raw.bytes.len() as u64;
    match manifest.content {
        Content::Single(single) => size_of_parts(work, own, Some(&single), &Below::default()).await,
        Content::Index(index) => {
            let children = index.manifests.into_iter();
            let (manifests, blobs) = children.partition(Descriptor::may_be_manifest);
            size_of_parts(work, own, None, &Below { manifests, blobs }).await
        }
    }
}

/// See [`size_of`]. What several images of the run need counts once.
async fn size_of_parts(
    work: &Work<'_>,
    own: u64,
    single: Option<&Single>,
    below: &Below,
) -> Option<u64> {
    let mut blobs: Vec<Descriptor> =
        single.iter().flat_map(|single| single.blobs().into_iter().cloned()).collect();
    blobs.extend(below.blobs.iter().cloned());
    let mut size = own;
    for child in &below.manifests {
        let manifest = work.reader().cached(&child.digest).await?;
        let Content::Single(single) = &manifest.content else { return None };
        size += manifest.raw.bytes.len() as u64;
        blobs.extend(single.blobs().into_iter().cloned());
    }
    let mut counted = work.run.counted.lock().unwrap_or_else(PoisonError::into_inner);
    let is_new = |blob: &&Descriptor| {
        let hash = work.run.hasher.hash_one((work.destination.name(), &blob.digest));
        counted.len() >= MOST_COUNTED || counted.insert(hash)
    };
    Some(size + blobs.iter().filter(is_new).map(|blob| blob.size).sum::<u64>())
}

/// Returns the platforms that the tag would lose, and warns of them.
async fn warn_of_lost(work: &Work<'_>, state: &DestinationState, shape: &Shape) -> Option<String> {
    let DestinationState::Holds(held) = state else { return None };
    if *held == shape.root.digest {
        return None;
    }
    let lost = work.lost_platforms(held, shape).await?;
    let text = format!("its tag would lose {lost}; {}", way_to_keep(&work.job.filter));
    work.note(Level::Warning, text);
    Some(lost)
}

/// What changes at the destination beside its content.
#[derive(Default)]
struct Change {
    /// Why its digest would differ from the source's.
    why: Option<String>,
    /// The platforms that the tag would lose.
    lost: Option<String>,
}

/// Resolves the source's digest, and returns the manifest if it had to be fetched.
async fn find_source(work: &Work<'_>) -> Result<(Digest, Option<Manifest>), JobError> {
    let reader = work.reader();
    let reference = ManifestReference::to_fetch(&work.job.source.version);
    if let Some(digest) = reader.resolve(&reference).await {
        return Ok((digest, None));
    }
    // The GET decides. Pull-through caches answer 404 to a HEAD of content that they would fetch,
    // and some registries do not support HEAD.
    let manifest = work.root(None).await?;
    Ok((manifest.raw.digest.clone(), Some(manifest)))
}

async fn probe(
    work: &Work<'_>,
    reference: &ManifestReference,
) -> Result<DestinationState, JobError> {
    let intent = work.destination.preview_intent(work.repository()).await;
    match work.destination.resolve(work.repository(), reference, intent).await {
        Ok(None) => absent(work).await,
        Ok(Some(digest)) => Ok(DestinationState::Holds(digest)),
        // Whatever the store said first, a push that it would refuse has one message.
        Err(error) => match work.destination.push_refusal(work.repository()).await {
            Some(refusal) => Err(work.destination_error(refusal)),
            None if error.is_refused() => explained(work, reference, error).await,
            None => Err(JobError::Destination(error)),
        },
    }
}

/// What a missing tag means: its repository may be one that could not be prepared.
async fn absent(work: &Work<'_>) -> Result<DestinationState, JobError> {
    let (options, name) = (&work.run.options, work.job.destination.name());
    let Some(hook) = options.unprepared.get(&name) else { return Ok(DestinationState::Absent) };
    // A token for pushes tells of its own whether they are allowed.
    if work.destination.preview_intent(work.repository()).await == Intent::Push {
        return Ok(DestinationState::Absent);
    }
    if options.refused.contains(&name) {
        return Err(JobError::PushRefused(hook.clone()));
    }
    let why = "its repository could not be prepared, so only a push can tell";
    Ok(DestinationState::Unknown(format!("{why}: {hook}")))
}

/// Explains the refusal of a lookup, which says nothing itself: a HEAD has no body.
async fn explained(
    work: &Work<'_>,
    reference: &ManifestReference,
    error: StoreError,
) -> Result<DestinationState, JobError> {
    let unprepared = work.run.options.unprepared.contains_key(&work.job.destination.name());
    match work.destination.manifest(work.repository(), reference).await {
        Ok(manifest) => Ok(DestinationState::Holds(manifest.raw.digest)),
        Err(missing) if *missing.fault == Fault::NoNamespace => {
            Err(work.destination_error(missing))
        }
        Err(missing) if missing.is_not_found() => absent(work).await,
        // The preparation was refused too, so a push would also be refused.
        Err(refused) if unprepared => Err(work.destination_error(refused)),
        Err(_) => match work.destination.push_refusal(work.repository()).await {
            Some(refusal) => Err(work.destination_error(refusal)),
            // The repository may be private or missing; only a push could tell.
            None => Ok(DestinationState::Unknown(format!(
                "could not be looked at, so only a push can tell: {}",
                error.message
            ))),
        },
    }
}

/// Whether a run would trust that the destination is complete.
fn is_done(work: &Work<'_>, state: &DestinationState, digest: &Digest) -> bool {
    state.is(digest) && !work.run.options.force_recursive
}

/// The outcome of a copy.
///
/// # Errors
/// If the account is known to lack the right to push.
async fn would_copy(
    work: &Work<'_>,
    source: &Digest,
    destination: Digest,
    state: &DestinationState,
    Change { why: changed, lost }: Change,
) -> Result<Outcome, JobError> {
    // What would be created first is not covered by any token yet.
    if !state.is_new()
        && let Some(refusal) = work.destination.lacks_push_right(work.repository()).await
    {
        return Err(work.destination_error(refusal));
    }
    // A forced run pushes nothing where nothing is missing.
    if !state.is_new()
        && !state.is(&destination)
        && let Some(refusal) = work.destination.takes_no_push(work.repository()).await
    {
        return Err(work.destination_error(refusal));
    }
    let mut reason = match state {
        DestinationState::Absent => "would be copied".to_owned(),
        DestinationState::Holds(same) if *same == destination => {
            "would be looked through, and copied where something is missing".to_owned()
        }
        DestinationState::Holds(other) => format!("would be copied over {other}"),
        DestinationState::WouldBeCreated(what) => {
            format!("would be copied; {what} would be created")
        }
        DestinationState::Unknown(why) => why.clone(),
    };
    let status = match state {
        DestinationState::Unknown(_) => Status::Unknown,
        _ => Status::DryRun,
    };
    if let Some(lost) = lost {
        reason.push_str("; the tag would lose ");
        reason.push_str(&lost);
    }
    if let Some(why) = &changed {
        reason.push_str("; digest changes: ");
        reason.push_str(why);
    }
    Ok(Outcome {
        source_digest: Some(source.clone()),
        destination_digest: Some(destination),
        reason: Some(reason),
        digest_change: changed,
        ..Outcome::new(status)
    })
}

/// Returns the manifest whose referrers are looked for; `None` without `--referrers`.
async fn read_for_referrers(
    work: &Work<'_>,
    manifest: Option<Manifest>,
    digest: &Digest,
) -> Result<Option<Manifest>, JobError> {
    match manifest {
        _ if !work.run.options.referrers => Ok(None),
        Some(manifest) => Ok(Some(manifest)),
        None => work.root(Some(digest)).await.map(Some),
    }
}

/// Adds to `outcome` what a run would do about the referrers of an unchanged `manifest`.
async fn with_referrers(
    work: &Work<'_>,
    outcome: Outcome,
    manifest: Option<Manifest>,
    state: &DestinationState,
) -> Result<Outcome, JobError> {
    match manifest {
        Some(manifest) => {
            let shape = Shape::verbatim(manifest);
            preview_referrers::add_to(work, outcome, &shape, state.is_new()).await
        }
        None => Ok(outcome),
    }
}

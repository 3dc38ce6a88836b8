//! Copies one image: from its two tags to a complete copy.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use longshore_oci::{Digest, LARGEST_MANIFEST, Manifest, ManifestReference, PlatformFilter};
use longshore_store::Interrupt;

use super::admission::Admitted;
use super::referrers::ReferrersCopied;
use super::work::{Run, Work};
use super::{children, push, referrers, same_chart};
use crate::error::JobError;
use crate::event::Level;
use crate::job::{Job, Outcome, Status};
use crate::shape::{
    Shape, Shaped, check_selection, digest_decides, nothing_selected, shape, stays_unchanged,
};

/// The wait before content is sent again that the registry's garbage collection removed.
const AFTER_COLLECTION: Duration = Duration::from_secs(1);
/// The most children of an image in memory at once.
const CHILDREN_IN_MEMORY: usize = 16;

/// What the two sides show before anything is copied.
enum Start {
    /// The destination is up to date and holds this digest.
    Done(Digest),
    /// The source's manifest is needed.
    Fetch {
        /// The digest that the destination holds.
        held: Option<Digest>,
        /// The manifest's digest, if known.
        named: Option<Digest>,
    },
}

/// Copies `job`, which was admitted, until `interrupt` is raised.
pub(super) async fn copy(
    run: &Run,
    job: &Job,
    admitted: &Admitted,
    interrupt: Interrupt,
) -> Outcome {
    let started = Instant::now();
    let moved = AtomicU64::new(0);
    let copied = async {
        let mut work = Work::new(run, job, admitted, &moved, interrupt)?;
        match Box::pin(try_copy(&mut work)).await {
            Err(JobError::NeedsTurn) => {
                work.take_turn().await?;
                Box::pin(try_copy(&mut work)).await
            }
            copied => copied,
        }
    };
    let mut outcome = match copied.await {
        Ok(outcome) => outcome,
        Err(error) => Outcome {
            hint: error.hint(),
            unfinished: matches!(error, JobError::Interrupted),
            unreachable: error.is_unreachable(),
            is_login: error.is_login(),
            is_repeated: run.is_repeated(job, &error).await,
            ..Outcome::failed(error)
        },
    };
    outcome.names_platforms = outcome.is_cut && job.filter.names_platforms();
    outcome.bytes = moved.load(Ordering::Relaxed);
    outcome.took = started.elapsed().saturating_sub(admitted.waited());
    outcome
}

async fn try_copy(work: &mut Work<'_>) -> Result<Outcome, JobError> {
    let options = &work.run.options;
    let forced = options.force_recursive;
    work.check_login().await?;
    let start = match forced {
        true => Start::Fetch { held: work.unless_interrupted(held_tag(work)).await??, named: None },
        false => work.unless_interrupted(start(work)).await??,
    };
    let shown = match &start {
        Start::Done(digest) => Some(digest),
        Start::Fetch { held, .. } => held.as_ref().filter(|_| !forced),
    };
    work.unless_interrupted(work.check_storage(shown)).await??;
    let (held, named) = match start {
        Start::Done(digest) if !options.referrers => {
            return Ok(already_present(digest.clone(), digest));
        }
        Start::Done(digest) => {
            let manifest = work.unless_interrupted(work.root(Some(&digest))).await??;
            return place_referrers_only(work, manifest).await;
        }
        Start::Fetch { held, named } => (held, named),
    };
    work.tag_existed = held.is_some();
    let work = &*work;
    let manifest = work.unless_interrupted(work.root(named.as_ref())).await??;
    let source_digest = manifest.raw.digest.clone();
    let is_unchanged = held.as_ref() == Some(&source_digest) && !forced;
    if is_unchanged && stays_unchanged(&manifest, &work.job.filter, options.index) {
        return place_referrers_only(work, manifest).await;
    }
    let archive = manifest.content.chart_archive().filter(|_| options.charts_by_content).cloned();
    if let (Some(archive), Some(held), false) = (&archive, &held, forced)
        && work.unless_interrupted(same_chart::is_held(work, held, archive)).await?
    {
        return Ok(same_archive(source_digest, held.clone()));
    }
    let filter = &work.job.filter;
    let shape = match shape(manifest, filter, options.index, &work.reader()).await? {
        Shaped::Write(shape) => shape,
        Shaped::Nothing => {
            let fails = options.no_platform_fails;
            let outcome = nothing_selected(work.job, fails, &work.run.events)?;
            return Ok(Outcome { source_digest: Some(source_digest), ..outcome });
        }
    };
    work.admitted.hold(memory_of(&shape))?;
    if !forced && holds(work, held.as_ref(), &shape.root.digest).await? {
        let referred = referrers::place(work, &shape, None).await?;
        return Ok(referred.add_to(Outcome {
            digest_change: shape.changed,
            is_cut: shape.is_cut,
            ..already_present(source_digest, shape.root.digest)
        }));
    }
    warn_of_change(work, held.as_ref(), &shape).await?;
    let referred = place_with_recovery(work, &shape).await?;
    if held.as_ref() == Some(&shape.root.digest) {
        return Ok(referred.add_to(looked_through(work, source_digest, *shape)));
    }
    work.tell_of_docker_types(&shape);
    Ok(referred.add_to(Outcome {
        replaced: held.filter(|held| *held != shape.root.digest),
        source_digest: Some(source_digest),
        destination_digest: Some(shape.root.digest),
        reason: shape.changed.as_ref().map(|why| format!("digest changed: {why}")),
        digest_change: shape.changed,
        is_cut: shape.is_cut,
        ..Outcome::new(Status::Copied)
    }))
}

/// Completes an image whose manifest the destination holds unchanged: referrers may be missing.
async fn place_referrers_only(work: &Work<'_>, manifest: Manifest) -> Result<Outcome, JobError> {
    check_selection(&manifest, &work.job.filter, work.run.options.no_platform_fails)?;
    let digest = manifest.raw.digest.clone();
    let referred = referrers::place_for(work, manifest).await?;
    Ok(referred.add_to(already_present(digest.clone(), digest)))
}

/// Probes the destination, and the source only if the destination's tag exists.
async fn start(work: &Work<'_>) -> Result<Start, JobError> {
    let reference = ManifestReference::to_push(&work.job.destination.version);
    let pinned = work.job.source.version.digest().is_some();
    let (held, ()) = tokio::join!(work.probe(&reference), async {
        // A source whose digest is in the list may never be contacted.
        if !pinned {
            work.source.reach().await;
        }
    });
    let held = held?;
    let verbatim = digest_decides(&work.job.filter, work.run.options.index);
    let has_cache = work.run.options.cache.is_some();
    let found = held.clone().filter(|_| verbatim || has_cache);
    // Fetching a manifest may count as a pull where resolving does not, and an earlier run may have
    // cached it.
    let saves = work.source.meters_manifest_reads() && has_cache;
    if found.is_none() && !saves {
        return Ok(Start::Fetch { held, named: None });
    }
    let named = work.reader().digest().await;
    Ok(match found {
        Some(found) if verbatim && named.as_ref() == Some(&found) => Start::Done(found),
        _ => Start::Fetch { held, named },
    })
}

/// Warns of a destination without a tag whose digest changes, and of platforms that a tag loses.
async fn warn_of_change(
    work: &Work<'_>,
    held: Option<&Digest>,
    shape: &Shape,
) -> Result<(), JobError> {
    if shape.changed.is_some() && work.job.destination.version.tag().is_none() {
        let root = &shape.root.digest;
        let text =
            format!("the destination gets no tag, and another digest than the source: {root}");
        work.note(Level::Warning, text);
    }
    if let Some(held) = held
        && let Some(lost) = work.unless_interrupted(work.lost_platforms(held, shape)).await?
    {
        let to = &work.job.destination;
        let text = format!(
            "{to}: it replaces {held}, and its tag loses {lost}; {}",
            way_to_keep(&work.job.filter)
        );
        work.note(Level::Warning, text);
    }
    Ok(())
}

/// Says how a tag keeps its platforms.
pub(super) const fn way_to_keep(filter: &PlatformFilter) -> &'static str {
    if filter.takes_one_manifest() {
        "the list asks for one manifest"
    } else if filter.names_platforms() {
        "the list names its platforms"
    } else {
        "select all with -a and --os"
    }
}

/// The digest that the destination's tag names.
async fn held_tag(work: &Work<'_>) -> Result<Option<Digest>, JobError> {
    work.probe(&ManifestReference::to_push(&work.job.destination.version)).await
}

/// The outcome of an image whose tag was right: only a forced run looks through it.
fn looked_through(work: &Work<'_>, source_digest: Digest, shape: Shape) -> Outcome {
    let outcome = match work.mended.told() {
        Some(what) => {
            work.tell_of_docker_types(&shape);
            Outcome { reason: Some(what), ..Outcome::new(Status::Copied) }
        }
        None => Outcome::skipped("checked; the destination has everything"),
    };
    Outcome {
        source_digest: Some(source_digest),
        destination_digest: Some(shape.root.digest),
        digest_change: shape.changed,
        is_cut: shape.is_cut,
        ..outcome
    }
}

/// Whether the destination holds `root` already.
///
/// A push by digest checks the pushed digest, which a filter may have changed.
async fn holds(work: &Work<'_>, held: Option<&Digest>, root: &Digest) -> Result<bool, JobError> {
    if held == Some(root) {
        return Ok(true);
    }
    let by_digest = work.job.destination.version.tag().is_none();
    let asked_before = work.job.destination.version.digest() == Some(root);
    if !by_digest || asked_before {
        return Ok(false);
    }
    Ok(work.probe(&ManifestReference::Digest(root.clone())).await?.is_some())
}

/// Copies all content of the root and its referrers, then the root itself, so that the tag never
/// names missing content.
async fn place_and_tag(work: &Work<'_>, shape: &Shape) -> Result<ReferrersCopied, JobError> {
    children::place(work, shape).await?;
    let referred = referrers::place(work, shape, Some(&shape.root)).await?;
    let reference = match work.job.destination.version.tag() {
        Some(tag) => ManifestReference::Tag(tag.clone()),
        None => ManifestReference::Digest(shape.root.digest.clone()),
    };
    push::under(work, &reference, &shape.root).await?;
    Ok(referred)
}

/// Copies and tags an image, and recovers from concurrent garbage collection.
///
/// The destination may remove content between a probe and the push of the manifest that names it.
/// All content is then sent again without probes, and the run learns where it is. This happens once
/// per refused manifest.
async fn place_with_recovery(work: &Work<'_>, shape: &Shape) -> Result<ReferrersCopied, JobError> {
    let mut refused = HashSet::new();
    let mut placed = place_and_tag(work, shape).await;
    loop {
        let error = match placed {
            Ok(referred) => return Ok(referred),
            Err(error) => error,
        };
        let manifest = push::missing_content(&error).map(|operation| operation.target.clone());
        if !manifest.is_some_and(|manifest| refused.insert(manifest)) {
            return Err(error);
        }
        work.note(Level::Warning, format!("{error}; sending the content of the manifest again"));
        tokio::time::sleep(AFTER_COLLECTION).await;
        let placed_now = work.known.fresh();
        placed = place_and_tag(&work.without_probes(&placed_now), shape).await;
        work.known.merge(&placed_now);
    }
}

/// The most memory that an image of this shape needs for manifest bodies, in bytes: its own, and
/// those of the children visited at once.
fn memory_of(shape: &Shape) -> u64 {
    let wrapped = shape.wrapped.as_ref().map_or(0, |wrapped| wrapped.raw.bytes.len());
    let config = shape.config.as_ref().map_or(0, |config| config.len());
    let mut children: Vec<u64> =
        shape.children.iter().map(|child| child.size.min(LARGEST_MANIFEST as u64)).collect();
    children.sort_unstable_by_key(|size| Reverse(*size));
    let children: u64 = children.iter().take(CHILDREN_IN_MEMORY).sum();
    (shape.root.bytes.len() + wrapped + config) as u64 + children
}

/// The outcome of a chart whose archive the destination holds under another manifest.
pub(super) fn same_archive(source: Digest, destination: Digest) -> Outcome {
    Outcome {
        source_digest: Some(source),
        destination_digest: Some(destination),
        ..Outcome::skipped("the destination has the same chart, with another manifest")
    }
}

/// The outcome of an image that the destination holds already.
pub(super) fn already_present(source: Digest, destination: Digest) -> Outcome {
    Outcome {
        source_digest: Some(source),
        destination_digest: Some(destination),
        ..Outcome::skipped("already at the destination")
    }
}

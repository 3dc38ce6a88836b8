//! One image: from the two tags to a complete copy.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use longshore_oci::{Digest, Manifest, ManifestReference};

use super::admission::Admitted;
use super::referrers::Referred;
use super::work::{Run, Work};
use super::{children, push, referrers};
use crate::error::JobError;
use crate::event::Level;
use crate::job::{Job, Outcome, Status};
use crate::shape::{Shape, Shaped, is_same, may_stand, nothing_selected, shape};

/// The wait before content is sent again that the registry had just collected.
const AFTER_COLLECTION: Duration = Duration::from_secs(1);
/// No manifest is larger, whatever its descriptor says.
const LARGEST_MANIFEST: u64 = 4 * 1024 * 1024;
/// So many children of an image are in memory at once.
const CHILDREN_IN_MEMORY: usize = 16;

/// What the two sides say before anything is copied.
enum Start {
    /// The destination holds the digest that it shall hold.
    Done(Digest),
    /// The source's manifest is needed.
    Fetch {
        /// The digest that the destination holds.
        held: Option<Digest>,
        /// The manifest's digest, where it is known.
        named: Option<Digest>,
    },
}

/// Copies `job`, which was admitted.
pub(super) async fn copy(run: &Run, job: &Job, admitted: &Admitted) -> Outcome {
    let moved = AtomicU64::new(0);
    let copied = async { whole(&mut Work::new(run, job, admitted, &moved)?).await };
    let mut outcome = copied.await.unwrap_or_else(|error| Outcome {
        hint: error.hint(),
        unfinished: matches!(error, JobError::Interrupted),
        ..Outcome::failed(error)
    });
    outcome.bytes = moved.load(Ordering::Relaxed);
    outcome
}

async fn whole(work: &mut Work<'_>) -> Result<Outcome, JobError> {
    let options = &work.run.options;
    let forced = options.force_recursive;
    let start = match forced {
        true => Start::Fetch { held: None, named: None },
        false => work.unless_interrupted(start(work)).await??,
    };
    let (held, named) = match start {
        Start::Done(digest) if !options.referrers => {
            return Ok(already_there(digest.clone(), digest));
        }
        Start::Done(digest) => {
            let manifest = root(work, Some(&digest)).await?;
            return stands(work, manifest).await;
        }
        Start::Fetch { held, named } => (held, named),
    };
    work.existed = held.is_some();
    let work = &*work;
    let manifest = root(work, named.as_ref()).await?;
    work.admitted.holds(manifest.raw.bytes.len() as u64);
    let source_digest = manifest.raw.digest.clone();
    if held.as_ref() == Some(&source_digest) && may_stand(&manifest, options.index) {
        return stands(work, manifest).await;
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
    work.admitted.holds(held_by(&shape));
    if !forced && holds(work, held.as_ref(), &shape.root.digest).await? {
        let referred = referrers::place(work, &shape, None).await?;
        return Ok(referred.told_with(already_there(source_digest, shape.root.digest)));
    }
    if shape.changed.is_some() && work.job.destination.version.tag().is_none() {
        let root = &shape.root.digest;
        let text = format!("it has no tag at the destination and another digest: {root}");
        work.note(Level::Warning, text);
    }
    let referred = place_surely(work, &shape).await?;
    Ok(referred.told_with(Outcome {
        source_digest: Some(source_digest),
        destination_digest: Some(shape.root.digest),
        reason: shape.changed.map(|why| format!("digest changed: {why}")),
        ..Outcome::new(Status::Copied)
    }))
}

/// The source's manifest, whose digest is `named` where it is known.
async fn root(work: &Work<'_>, named: Option<&Digest>) -> Result<Manifest, JobError> {
    let reader = work.reader();
    work.unless_interrupted(reader.root(named)).await?.map_err(JobError::Source)
}

/// The destination holds `manifest` as it is; what refers to it may be missing.
async fn stands(work: &Work<'_>, manifest: Manifest) -> Result<Outcome, JobError> {
    let digest = manifest.raw.digest.clone();
    let referred = referrers::place_of(work, manifest).await?;
    Ok(referred.told_with(already_there(digest.clone(), digest)))
}

/// One look at the destination; one at the source only where the tag is there.
async fn start(work: &Work<'_>) -> Result<Start, JobError> {
    let reference = ManifestReference::to_push(&work.job.destination.version);
    let pinned = work.job.source.version.digest().is_some();
    let (held, ()) = tokio::join!(work.probe(&reference), async {
        // Nobody may have to ask a source whose content the list names.
        if !pinned {
            work.source.reach().await;
        }
    });
    let held = held?;
    let verbatim = is_same(work.run.options.index);
    let has_cache = work.run.options.cache.is_some();
    let found = held.clone().filter(|_| verbatim || has_cache);
    // Reading a manifest may count as a pull where resolving does not, and an earlier run may have
    // kept it.
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

/// Does the destination hold `root` already? A push by digest asks for the digest that is pushed,
/// which a filter may have changed.
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

/// Brings all that the root names and what refers to it, and the root itself last, so that the tag
/// never names content that is missing.
async fn place_and_tag(work: &Work<'_>, shape: &Shape) -> Result<Referred, JobError> {
    children::place(work, shape).await?;
    let referred = referrers::place(work, shape, Some(&shape.root)).await?;
    let reference = match work.job.destination.version.tag() {
        Some(tag) => ManifestReference::Tag(tag.clone()),
        None => ManifestReference::Digest(shape.root.digest.clone()),
    };
    push::under(work, &reference, &shape.root).await?;
    Ok(referred)
}

/// Places and tags. Where the destination collected something between our look and the push of what
/// names it, all of it is brought again without believing anything that was seen before, and the run
/// knows of that afterwards; but once only for each manifest that is refused so.
async fn place_surely(work: &Work<'_>, shape: &Shape) -> Result<Referred, JobError> {
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
        work.note(Level::Warning, format!("{error}; what it names is sent again"));
        tokio::time::sleep(AFTER_COLLECTION).await;
        let brought = work.known.empty();
        placed = place_and_tag(&work.distrusting(&brought), shape).await;
        work.known.adopt(&brought);
    }
}

/// The most that an image of this shape holds in memory: what was read of it, and the bodies of as
/// many children as are visited at once.
fn held_by(shape: &Shape) -> u64 {
    let wrapped = shape.wrapped.as_ref().map_or(0, |wrapped| wrapped.raw.bytes.len());
    let config = shape.config.as_ref().map_or(0, |config| config.len());
    let mut children: Vec<u64> =
        shape.children.iter().map(|child| child.size.min(LARGEST_MANIFEST)).collect();
    children.sort_unstable_by_key(|size| Reverse(*size));
    let children: u64 = children.iter().take(CHILDREN_IN_MEMORY).sum();
    (shape.root.bytes.len() + wrapped + config) as u64 + children
}

/// The outcome where the destination holds what it shall hold.
pub(super) fn already_there(source: Digest, destination: Digest) -> Outcome {
    Outcome {
        source_digest: Some(source),
        destination_digest: Some(destination),
        ..Outcome::skipped("already at the destination")
    }
}

//! Compares one entry: from its two tags to the differences at the destination.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use longshore_oci::{
    Content, Digest, Manifest, ManifestReference, Platform, PlatformFilter, RawManifest,
    Repository, Single,
};
use longshore_store::Source;

use super::difference::{Expected, difference, selected_positions};
use super::entry::{Entry, Tagged};
use super::error::ValidateError;
use super::fields::platforms;
use super::referrers::{compare_referrers_of, count_left_behind};
use super::verdict::{Digests, Judge};
use crate::error::JobError;
use crate::event::Level;
use crate::job::{Finding, Outcome, Status};
use crate::shape::{
    Shape, Shaped, check_selection, digest_decides, nothing_selected, shape, stays_unchanged,
};
use crate::walk::OutOfBounds;
use crate::{left_behind, lost_platforms};

/// Manifests that have more bytes together are large.
const LARGE: usize = 512 * 1024;

/// Compares the destination of `entry` with its source.
pub(super) async fn compare(entry: &Entry<'_>) -> Result<Outcome, ValidateError> {
    let (job, options, judge) = (entry.job, &entry.run.options, Judge { entry });
    let mode = options.index;
    let mut tagged = entry.tagged(&ManifestReference::to_push(&job.destination.version)).await?;
    entry.check_storage(tagged.as_ref().map(|tagged| &tagged.digest)).await?;
    let takes_all = job.filter.is_everything();
    let needs_source = tagged.is_some() || (job.destination.version.tag().is_some() && takes_all);
    let wanted = if needs_source { entry.reader().digest().await } else { None };
    if let (None, Some(_)) = (&tagged, &wanted) {
        return Ok(judge.missing(wanted));
    }
    let digests = |source: &Digest, tagged: Option<&Tagged>| Digests {
        source: Some(source.clone()),
        destination: tagged.map(|tagged| tagged.digest.clone()),
    };
    // A manifest that both sides have is read at the destination, where pulls are not counted.
    let manifest = match &mut tagged {
        Some(tagged) if wanted.as_ref() == Some(&tagged.digest) => {
            match entry.manifest_of(tagged).await? {
                Ok(manifest) => manifest,
                Err(found) => return Ok(judge.broken(digests(&tagged.digest, Some(tagged)), found)),
            }
        }
        _ => entry.reader().root(wanted.as_ref()).await.map_err(JobError::Source)?,
    };
    let source = manifest.raw.digest.clone();
    let same = tagged.as_ref().is_some_and(|tagged| tagged.digest == source);
    if same && (digest_decides(&job.filter, mode) || stays_unchanged(&manifest, &job.filter, mode))
    {
        check_selection(&manifest, &job.filter, options.no_platform_fails)?;
        let kept = kept(entry, &manifest.content);
        let digests = digests(&source, tagged.as_ref());
        return complete(entry, &manifest, kept.as_deref(), None, digests).await;
    }
    if let (Some(archive), Some(tagged)) = (manifest.content.chart_archive(), &mut tagged)
        && options.charts_by_content
    {
        let digests = digests(&source, Some(tagged));
        match entry.manifest_of(tagged).await? {
            Ok(held) if held.content.chart_archive() == Some(archive) => {
                return complete(entry, &held, None, None, digests).await;
            }
            Ok(held) => tagged.manifest = Some(held),
            Err(found) => return Ok(judge.broken(digests, found)),
        }
    }
    let of_source = content_of(&manifest);
    let shaped = shape(manifest, &job.filter, mode, &entry.reader()).await?;
    let Shaped::Write(shape) = shaped else {
        let fails = options.no_platform_fails;
        let outcome = nothing_selected(job, fails, &entry.run.events)?;
        return Ok(Outcome { source_digest: Some(source), ..outcome });
    };
    if tagged.is_none() && job.destination.version.tag().is_none() {
        // `mirror` pushed by digest to the digest of the filtered index.
        let reference = ManifestReference::Digest(shape.root.digest.clone());
        tagged = entry.tagged(&reference).await?;
    }
    match tagged {
        None => Ok(judge.missing(Some(source))),
        Some(mut tagged) => {
            let digests = digests(&source, Some(&tagged));
            let outcome = compare_shape(entry, (&shape, &of_source), &mut tagged, digests).await?;
            let outcome = with_left_behind(entry, &shape, outcome).await?;
            let digest_change = shape.changed.filter(|_| outcome.status == Status::Valid);
            Ok(Outcome { digest_change, ..outcome })
        }
    }
}

/// Returns the digests of a manifest and of its children.
fn content_of(manifest: &Manifest) -> HashSet<Digest> {
    let children = match &manifest.content {
        Content::Index(index) => &*index.manifests,
        Content::Single(_) => &[],
    };
    let children = children.iter().map(|child| child.digest.clone());
    children.chain([manifest.raw.digest.clone()]).collect()
}

/// Compares the destination's manifest with the shape that `mirror` would write. `of_source` has the digests of
/// the source's manifest and its children.
async fn compare_shape(
    entry: &Entry<'_>,
    (shape, of_source): (&Shape, &HashSet<Digest>),
    tagged: &mut Tagged,
    digests: Digests,
) -> Result<Outcome, ValidateError> {
    let root = parsed(&shape.root)?;
    let judge = Judge { entry };
    if tagged.digest == shape.root.digest {
        if entry.run.options.deep
            && let Err(found) = entry.manifest_of(tagged).await?
        {
            return Ok(judge.broken(digests, found));
        }
        return complete(entry, &root, None, shape.wrapped.as_ref(), digests).await;
    }
    let found = match entry.manifest_of(tagged).await? {
        Ok(manifest) => manifest,
        Err(found) => return Ok(judge.broken(digests, found)),
    };
    let expected = Expected {
        root: &root,
        wraps: shape.wrapped.is_some(),
        verbatim: shape.changed.is_none(),
        mode: entry.run.options.index,
        filter: &entry.job.filter,
    };
    if let Some(children) = [&root, &found].into_iter().find_map(too_many_children) {
        let text = format!("{children}: {}", found.raw.digest);
        return Ok(judge.broken(digests, vec![Finding::said("manifest", text)]));
    }
    let mut difference = {
        let is_large = root.raw.bytes.len() + found.raw.bytes.len() > LARGE;
        let _turn = is_large.then(|| entry.run.large.lock());
        difference(&expected, &found)
    };
    if difference.findings.is_empty() {
        let kept = Some(&*difference.kept);
        let outcome = complete(entry, &found, kept, shape.wrapped.as_ref(), digests).await?;
        let reason = (outcome.status == Status::Valid)
            .then(|| beside_selected(&found, &root, &entry.job.filter));
        return Ok(Outcome { reason, ..outcome });
    }
    if let (Some(wanted), Content::Single(single)) = (&shape.single, &found.content)
        && shape.wrapped.is_none()
    {
        let platform_findings =
            configured_platforms(entry, wanted, shape.config.as_ref(), single).await;
        difference.findings.prepend(platform_findings);
    }
    judge.differs(&found, (&root, of_source), difference, digests).await
}

/// Says why `mirror` would replace the index `found`, which has all that it writes: `root`.
fn beside_selected(found: &Manifest, root: &Manifest, filter: &PlatformFilter) -> String {
    match lost_platforms::between(found, root, filter) {
        Some(lost) => format!(
            "its tag also has {lost}; mirror with this platform filter would replace it by an index without them"
        ),
        None => {
            "its index has the same manifests, with other bytes; mirror would replace it".to_owned()
        }
    }
}

/// Says of a valid destination which referrers `mirror` did not copy.
async fn with_left_behind(
    entry: &Entry<'_>,
    shape: &Shape,
    outcome: Outcome,
) -> Result<Outcome, ValidateError> {
    if !entry.run.options.referrers || outcome.status != Status::Valid || !shape.leaves_root() {
        return Ok(outcome);
    }
    let count = count_left_behind(entry, &shape.source).await?;
    if count == 0 {
        return Ok(outcome);
    }
    let text = left_behind::told(count, shape, &entry.job.filter);
    entry.run.events.note(entry.job.number, None, Level::Warning, text);
    let reasons = outcome.reason.into_iter().chain([left_behind::reason(count)]);
    Ok(Outcome { reason: Some(reasons.collect::<Vec<_>>().join("; ")), ..outcome })
}

/// The limit that an index with too many children exceeds.
fn too_many_children(manifest: &Manifest) -> Option<OutOfBounds> {
    match &manifest.content {
        Content::Index(index) => OutOfBounds::of_children(index.manifests.len()),
        Content::Single(_) => None,
    }
}

/// Compares the platforms in the configurations of two images.
///
/// Unreadable configurations give no findings: the digests are known to differ anyway.
async fn configured_platforms(
    entry: &Entry<'_>,
    wanted: &Single,
    config: Option<&Arc<Bytes>>,
    found: &Single,
) -> Vec<Finding> {
    let source = &entry.job.source.repository;
    let one = match config {
        Some(bytes) => Platform::stated(bytes),
        None => configured(entry, entry.source.as_ref(), source, wanted).await,
    };
    let other = configured(entry, entry.destination.as_ref(), entry.repository(), found).await;
    match (one, other) {
        (Some(one), Some(other)) => platforms(Some(&one), Some(&other)),
        _ => Vec::new(),
    }
}

/// Checks that the content of a destination that is as expected is complete.
async fn complete(
    entry: &Entry<'_>,
    held: &Manifest,
    kept: Option<&[usize]>,
    known_manifest: Option<&Manifest>,
    digests: Digests,
) -> Result<Outcome, ValidateError> {
    let judge = Judge { entry };
    let faults = entry.inventory(known_manifest).below(&held.content, kept).await;
    let faults = faults.map_err(ValidateError::Destination)?;
    if !faults.is_empty() {
        return Ok(judge.broken(digests, faults));
    }
    // Reading the blobs may have shown that the destination is a pull-through cache.
    entry.check_storage(None).await?;
    if entry.run.options.referrers {
        let is_taken_out =
            entry.job.filter.takes_one_manifest() && matches!(held.content, Content::Single(_));
        let is_verbatim = is_taken_out || digests.source.as_ref() == Some(&held.raw.digest);
        let findings = compare_referrers_of(entry, held, is_verbatim, kept).await?;
        if !findings.is_empty() {
            return judge.wrong_referrers(digests, findings).await;
        }
    }
    Ok(Outcome {
        source_digest: digests.source,
        destination_digest: digests.destination,
        ..Outcome::new(Status::Valid)
    })
}

/// The children that the filter selects; `None` if there are no children, or all are checked.
fn kept(entry: &Entry<'_>, content: &Content) -> Option<Vec<usize>> {
    let filter = &entry.job.filter;
    match content {
        Content::Index(index) if !filter.is_everything() => {
            Some(selected_positions(index, filter, &HashSet::new()))
        }
        _ => None,
    }
}

/// Reads the platform in the configuration of an image, if it has one.
async fn configured(
    entry: &Entry<'_>,
    store: &(impl Source + ?Sized),
    repository: &Repository,
    image: &Single,
) -> Option<Platform> {
    let config = image.config.as_ref().filter(|config| config.media_type.is_image_config())?;
    entry.run.sources.platform_of(store, repository, config).await.ok().flatten()
}

/// Parses a manifest that was built.
fn parsed(raw: &RawManifest) -> Result<Manifest, ValidateError> {
    Manifest::parse(raw.bytes.clone(), Some(&raw.media_type), raw.digest.clone())
        .map_err(|error| JobError::Rebuild(error.to_string()).into())
}

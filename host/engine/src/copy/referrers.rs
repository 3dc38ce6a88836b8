//! Copies referrers of an image (`--referrers`): signatures, SBOMs and attestations, by subject or
//! by cosign's tags.
//!
//! They arrive at the destination before the tag of their image.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::{BoxFuture, FutureExt as _};
use longshore_oci::{Descriptor, Digest, Manifest, ManifestReference, RawManifest, Referrer, Tag};
use longshore_store::{Intent, Trust};

use super::work::Work;
use super::{children, push};
use crate::counted;
use crate::error::JobError;
use crate::event::Level;
use crate::job::{Outcome, Status};
use crate::left_behind;
use crate::shape::Shape;
use crate::source_reader::{UNLISTED_BYTES, listed_referrers};
use crate::walk::{Relations, descendants, walk_related};

/// The result of copying referrers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ReferrersCopied {
    /// Referrers that were copied.
    copied: usize,
    /// Referrers of a source index that is not copied unchanged.
    left_behind: usize,
}

impl ReferrersCopied {
    /// Adds the counts to `outcome`.
    pub(super) fn add_to(self, mut outcome: Outcome) -> Outcome {
        let mut reasons: Vec<String> = outcome.reason.take().into_iter().collect();
        if self.copied > 0 {
            outcome.status = Status::Copied;
            reasons.push(format!("{} copied", counted(self.copied, "referrer", "referrers")));
        }
        if self.left_behind > 0 {
            reasons.push(left_behind::reason(self.left_behind));
        }
        outcome.reason = (!reasons.is_empty()).then(|| reasons.join("; "));
        outcome
    }
}

/// Copies the referrers of a manifest that the destination already holds unchanged.
pub(super) async fn place_for(
    work: &Work<'_>,
    manifest: Manifest,
) -> Result<ReferrersCopied, JobError> {
    place(work, &Shape::verbatim(manifest), None).await
}

/// Copies the referrers of the manifests of `shape`; `root` is its root, unless the destination
/// holds it.
pub(super) async fn place(
    work: &Work<'_>,
    shape: &Shape,
    root: Option<&RawManifest>,
) -> Result<ReferrersCopied, JobError> {
    if !work.run.options.referrers {
        return Ok(ReferrersCopied::default());
    }
    if let Some(root) = root {
        list_root_as_referrer(work, root).await?;
    }
    let copy = CopyRelated { work, unplaced: root, copied: AtomicUsize::new(0) };
    let (subjects, leaves_root) = subjects(work, shape).await?;
    let held = |tag| async move { work.probe(&ManifestReference::Tag(tag)).await };
    let left_behind = match leaves_root {
        true => left_behind::count(&work.reader(), &shape.source, held).await?,
        false => 0,
    };
    walk_related(&copy, subjects).await?;
    if left_behind > 0 {
        let text = left_behind::told(left_behind, shape, &work.job.filter);
        work.note(Level::Warning, text);
    }
    Ok(ReferrersCopied { copied: copy.copied.into_inner(), left_behind })
}

/// Returns the manifests whose referrers go with `shape`, and whether those of the source's root stay behind, as it
/// is not copied unchanged.
pub(super) async fn subjects(
    work: &Work<'_>,
    shape: &Shape,
) -> Result<(Vec<Descriptor>, bool), JobError> {
    let mut subjects = descendants(work, shape.children.clone()).await?.manifests;
    subjects.extend(shape.unchanged());
    Ok((subjects, shape.leaves_root()))
}

/// Lists the root itself as a referrer, if it has a subject and the store lists none by itself.
async fn list_root_as_referrer(work: &Work<'_>, root: &RawManifest) -> Result<(), JobError> {
    let (bytes, digest) = (root.bytes.clone(), root.digest.clone());
    let parsed = Manifest::parse(bytes, Some(&root.media_type), digest);
    let Some(manifest) = parsed.ok() else { return Ok(()) };
    let Some(referrer) = Referrer::of(&manifest) else { return Ok(()) };
    if push::by_digest(work, root).await?.is_listed {
        return Ok(());
    }
    list_in_fallback_index(work, &referrer.subject, &[manifest]).await
}

/// Adds `referrers` to the fallback index of `subject` at the destination.
async fn list_in_fallback_index(
    work: &Work<'_>,
    subject: &Digest,
    referrers: &[Manifest],
) -> Result<(), JobError> {
    let name = work.job.destination.name();
    let index = work.run.referrers.indexes.of((name, subject.clone()));
    let _alone = index.lock().await;
    let added = work.destination.add_referrers(work.repository(), subject, referrers).await;
    added.map_err(|error| work.destination_error(error))
}

/// Copies the referrers of each manifest that the walk visits.
struct CopyRelated<'a> {
    work: &'a Work<'a>,
    /// The image's root, unless the destination holds it.
    unplaced: Option<&'a RawManifest>,
    copied: AtomicUsize,
}

impl Relations for CopyRelated<'_> {
    type Error = JobError;

    fn referrers<'a>(
        &'a self,
        subject: &'a Descriptor,
    ) -> BoxFuture<'a, Result<Vec<Descriptor>, JobError>> {
        self.copy_once(&subject.digest).boxed()
    }

    fn cosign_tag<'a>(
        &'a self,
        tag: Tag,
        _image: &'a Descriptor,
    ) -> BoxFuture<'a, Result<Option<Digest>, JobError>> {
        async move {
            let exists = self.work.reader().has_digest_tag(&tag).await;
            match exists.map_err(JobError::Source)? {
                true => self.copy_tag(tag).await.map(Some),
                false => Ok(None),
            }
        }
        .boxed()
    }
}

impl CopyRelated<'_> {
    /// Copies the direct referrers of `subject`, once per run, and returns them.
    async fn copy_once(&self, subject: &Digest) -> Result<Vec<Descriptor>, JobError> {
        let work = self.work;
        let copy = async {
            let found = work.reader().referrers(subject).await.map_err(JobError::Source)?;
            if found.is_empty() {
                return Ok(found);
            }
            if let Some(root) = self.unplaced.filter(|root| root.digest == *subject) {
                push::by_digest(work, root).await?;
            }
            self.copy_missing(subject, &found).await?;
            Ok(found)
        };
        if work.trust == Trust::Nothing {
            return copy.await;
        }
        let (source, destination) = (work.job.source.name(), work.job.destination.name());
        let copied = work.run.referrers.copied(&source, &destination, subject);
        copied.get_or_compute(work.admitted, copy.boxed()).await
    }

    /// Copies those of `found` that the destination does not list under `subject`. A forced run checks all of them.
    async fn copy_missing(&self, subject: &Digest, found: &[Descriptor]) -> Result<(), JobError> {
        let work = self.work;
        let held = self.listed_at_destination(subject).await?;
        let is_listed = |referrer: &Descriptor| held.contains(&referrer.digest);
        let forced = work.run.options.force_recursive;
        let (mut unlisted, mut unlisted_bytes) = (Vec::new(), 0);
        for referrer in found.iter().filter(|referrer| forced || !is_listed(referrer)) {
            let manifest = work.named(&referrer.digest).await?;
            if Referrer::of(&manifest).is_none_or(|referrer| referrer.subject != *subject) {
                // Harbor lists what has cosign's tag for the subject; it is copied under that tag.
                if self.is_under_cosign_tag(subject, &referrer.digest).await? {
                    continue;
                }
                let text = format!(
                    "{} is listed as a referrer of {subject} but does not name it, and is not copied",
                    referrer.digest
                );
                work.note(Level::Warning, text);
                continue;
            }
            if !self.is_hidden(&referrer.digest).await? {
                children::place_content(work, &manifest).await?;
                let pushed = push::by_digest(work, &manifest.raw).await?;
                let could_list = is_listed(referrer) || work.destination.may_hide_referrers();
                if !(pushed.was_there && could_list) {
                    self.copied.fetch_add(1, Ordering::Relaxed);
                }
                if pushed.is_listed {
                    continue;
                }
            }
            unlisted_bytes += manifest.raw.bytes.len();
            unlisted.push(manifest);
            if unlisted_bytes > UNLISTED_BYTES {
                list_in_fallback_index(work, subject, &unlisted).await?;
                (unlisted, unlisted_bytes) = (Vec::new(), 0);
            }
        }
        match unlisted.as_slice() {
            [] => Ok(()),
            unlisted => list_in_fallback_index(work, subject, unlisted).await,
        }
    }

    /// Whether the destination holds a referrer that it cannot list.
    async fn is_hidden(&self, referrer: &Digest) -> Result<bool, JobError> {
        let work = self.work;
        let trusted = work.trust == Trust::Probe && !work.run.options.force_recursive;
        if !trusted || !work.destination.may_hide_referrers() {
            return Ok(false);
        }
        Ok(work.probe(&ManifestReference::Digest(referrer.clone())).await?.is_some())
    }

    /// Whether one of cosign's tags for `subject` names `referrer` at the source.
    async fn is_under_cosign_tag(
        &self,
        subject: &Digest,
        referrer: &Digest,
    ) -> Result<bool, JobError> {
        let under = self.work.reader().under_cosign_tags(subject).await;
        let under = under.map_err(JobError::Source)?;
        Ok(under.iter().any(|(_, digest)| digest == referrer))
    }

    /// The referrers that the destination lists. A refusal counts as none: the push decides. So does each error in
    /// a forced run, which pushes all.
    async fn listed_at_destination(&self, subject: &Digest) -> Result<HashSet<Digest>, JobError> {
        let work = self.work;
        if work.trust == Trust::Nothing {
            return Ok(HashSet::new());
        }
        let destination = work.destination.as_ref();
        match listed_referrers(destination, work.repository(), subject, Intent::Push).await {
            Ok(listed) => Ok(listed),
            Err(error) if error.is_refused() || work.run.options.force_recursive => {
                Ok(HashSet::new())
            }
            Err(error) => Err(work.destination_error(error)),
        }
    }

    /// Copies one tag of the source, unless the destination holds the same digest. Returns the
    /// tag's digest.
    async fn copy_tag(&self, tag: Tag) -> Result<Digest, JobError> {
        let work = self.work;
        let reference = ManifestReference::Tag(tag);
        let held = work.probe(&reference).await?;
        let trusted = work.trust == Trust::Probe && !work.run.options.force_recursive;
        if let Some(held) = held.as_ref().filter(|_| trusted)
            && work.reader().resolve(&reference).await.as_ref() == Some(held)
        {
            return Ok(held.clone());
        }
        let manifest = work.reader().fetch(&reference).await.map_err(JobError::Source)?;
        work.admitted.hold_more(manifest.raw.bytes.len())?;
        children::place_content(work, &manifest).await?;
        let was_there = push::under(work, &reference, &manifest.raw).await?;
        if !(was_there && held.as_ref() == Some(&manifest.raw.digest)) {
            self.copied.fetch_add(1, Ordering::Relaxed);
        }
        Ok(manifest.raw.digest)
    }
}

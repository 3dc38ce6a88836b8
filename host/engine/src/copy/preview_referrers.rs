//! Dry run with `--referrers`: counts the referrers that a run would copy, and those that it would leave behind.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, Hash};
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::{BoxFuture, FutureExt as _};
use longshore_oci::{Descriptor, Digest, ManifestReference, Referrer, Tag};

use super::referrers::subjects;
use super::work::Work;
use crate::counted;
use crate::error::JobError;
use crate::event::Level;
use crate::job::{Outcome, Status};
use crate::left_behind;
use crate::shape::Shape;
use crate::source_reader::listed_referrers;
use crate::walk::{Relations, walk_related};

/// Adds to `outcome` what a run would do about the referrers of the manifests of `shape`. `is_new` says that
/// the destination's repository does not exist.
pub(super) async fn add_to(
    work: &Work<'_>,
    outcome: Outcome,
    shape: &Shape,
    is_new: bool,
) -> Result<Outcome, JobError> {
    if !work.run.options.referrers {
        return Ok(outcome);
    }
    let count = CountRelated { work, is_new, missing: AtomicUsize::new(0) };
    let (subjects, leaves_root) = subjects(work, shape).await?;
    let counter = &count;
    let held = |tag| async move { counter.held_tag(&tag).await };
    let left_behind = match leaves_root {
        true => left_behind::count(&work.reader(), &shape.source, held).await?,
        false => 0,
    };
    if left_behind > 0 {
        work.note(Level::Warning, left_behind::told(left_behind, shape, &work.job.filter));
    }
    walk_related(&count, subjects).await?;
    Ok(told(outcome, count.missing.into_inner(), left_behind))
}

/// Adds the numbers to `outcome`.
fn told(mut outcome: Outcome, missing: usize, left_behind: usize) -> Outcome {
    let mut reasons: Vec<String> = outcome.reason.take().into_iter().collect();
    if missing > 0 {
        if outcome.status == Status::Skipped {
            // Only referrers would move, and their size is not counted.
            outcome.status = Status::DryRun;
            outcome.at_most = Some(0);
        }
        reasons.push(format!("{} would be copied", counted(missing, "referrer", "referrers")));
    }
    if left_behind > 0 {
        reasons.push(left_behind::reason(left_behind));
    }
    outcome.reason = (!reasons.is_empty()).then(|| reasons.join("; "));
    outcome
}

/// Counts the referrers that the destination lacks.
struct CountRelated<'a> {
    work: &'a Work<'a>,
    is_new: bool,
    missing: AtomicUsize,
}

impl Relations for CountRelated<'_> {
    type Error = JobError;

    fn referrers<'a>(
        &'a self,
        subject: &'a Descriptor,
    ) -> BoxFuture<'a, Result<Vec<Descriptor>, JobError>> {
        self.count_referrers(&subject.digest).boxed()
    }

    fn cosign_tag<'a>(
        &'a self,
        tag: Tag,
        _image: &'a Descriptor,
    ) -> BoxFuture<'a, Result<Option<Digest>, JobError>> {
        self.count_tag(tag).boxed()
    }
}

impl CountRelated<'_> {
    /// Counts what a run would copy. Several entries may need the same; it is copied once.
    fn count(&self, what: impl Hash) {
        let hash = self.work.run.hasher.hash_one((self.work.job.destination.name(), what));
        let mut counted = self.work.run.counted.lock().unwrap_or_else(PoisonError::into_inner);
        if counted.insert(hash) {
            self.missing.fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn count_referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, JobError> {
        let work = self.work;
        let found = work.reader().referrers(subject).await.map_err(JobError::Source)?;
        if found.is_empty() {
            return Ok(found);
        }
        let held = self.held_referrers(subject).await?;
        for referrer in found.iter().filter(|referrer| !held.contains(&referrer.digest)) {
            let manifest = work.named(&referrer.digest).await?;
            if Referrer::of(&manifest).is_some_and(|referrer| referrer.subject == *subject) {
                self.count(&referrer.digest);
            }
        }
        Ok(found)
    }

    /// The referrers that the destination lists. A refusal counts as none, as in a run.
    async fn held_referrers(&self, subject: &Digest) -> Result<HashSet<Digest>, JobError> {
        let work = self.work;
        if self.is_new {
            return Ok(HashSet::new());
        }
        let (store, repository) = (work.destination.as_ref(), work.repository());
        let intent = store.preview_intent(repository).await;
        match listed_referrers(store, repository, subject, intent).await {
            Ok(listed) => Ok(listed),
            Err(error) if error.is_refused() || error.is_not_found() => Ok(HashSet::new()),
            Err(error) => Err(work.destination_error(error)),
        }
    }

    async fn count_tag(&self, tag: Tag) -> Result<Option<Digest>, JobError> {
        let reader = self.work.reader();
        if !reader.has_digest_tag(&tag).await.map_err(JobError::Source)? {
            return Ok(None);
        }
        let digest = reader.digest_under(&tag).await.map_err(JobError::Source)?;
        if self.held_tag(&tag).await?.as_ref() != Some(&digest) {
            self.count(tag.as_str());
        }
        Ok(Some(digest))
    }

    async fn held_tag(&self, tag: &Tag) -> Result<Option<Digest>, JobError> {
        let work = self.work;
        if self.is_new {
            return Ok(None);
        }
        let intent = work.destination.preview_intent(work.repository()).await;
        let reference = ManifestReference::Tag(tag.clone());
        match work.destination.resolve(work.repository(), &reference, intent).await {
            Ok(held) => Ok(held),
            Err(error) if error.is_refused() => Ok(None),
            Err(error) => Err(work.destination_error(error)),
        }
    }
}

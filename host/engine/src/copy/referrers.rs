//! Bringing what refers to an image (`--referrers`): signatures, SBOMs and attestations, by their
//! subject or by cosign's tags. They are at the destination before the tag that they are about.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::{BoxFuture, FutureExt as _};
use longshore_oci::{
    Descriptor, Digest, Manifest, ManifestReference, RawManifest, Referrer, Tag, cosign_tags,
};
use longshore_store::{Intent, Trust};

use super::work::Work;
use super::{children, push};
use crate::error::JobError;
use crate::event::Level;
use crate::job::{Outcome, Status};
use crate::shape::Shape;
use crate::source_reader::listed_referrers;
use crate::walk::{Descendants, Relations, descendants, walk_related};

/// What came of looking for referrers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Referred {
    /// So many were brought.
    brought: usize,
    /// So many refer to an index that is not copied as it is.
    left: usize,
}

impl Referred {
    /// `outcome` with what there is to say about referrers.
    pub(super) fn told_with(self, mut outcome: Outcome) -> Outcome {
        let mut reasons: Vec<String> = outcome.reason.take().into_iter().collect();
        if self.brought > 0 {
            outcome.status = Status::Copied;
            reasons.push(format!("{} referrers copied", self.brought));
        }
        if self.left > 0 {
            reasons.push(format!("{} referrers of the source's digest left behind", self.left));
        }
        outcome.reason = (!reasons.is_empty()).then(|| reasons.join("; "));
        outcome
    }
}

/// Brings what refers to the manifest that the destination holds already as it is at the source.
pub(super) async fn place_of(work: &Work<'_>, manifest: Manifest) -> Result<Referred, JobError> {
    place(work, &Shape::verbatim(manifest), None).await
}

/// Brings what refers to the manifests of `shape`; `root` is its root, where that is not at the
/// destination yet.
pub(super) async fn place(
    work: &Work<'_>,
    shape: &Shape,
    root: Option<&RawManifest>,
) -> Result<Referred, JobError> {
    if !work.run.options.referrers {
        return Ok(Referred::default());
    }
    if let Some(root) = root {
        list_root(work, root).await?;
    }
    let bring = BringRelated { work, unplaced: root, brought: AtomicUsize::new(0) };
    let mut manifests = descendants(&bring, shape.children.clone()).await?;
    let mut left = 0;
    if shape.root.digest == shape.source {
        manifests.push(shape.root.descriptor());
    } else if let Some(wrapped) = &shape.wrapped {
        manifests.push(wrapped.raw.descriptor());
    } else {
        left = count(work, &shape.source).await?;
    }
    walk_related(&bring, manifests).await?;
    if left > 0 {
        let text = format!(
            "{left} referrers of {} are not copied, as it gets another digest at the destination",
            shape.source
        );
        work.note(Level::Warning, text);
    }
    Ok(Referred { brought: bring.brought.into_inner(), left })
}

/// How many manifests and tags of the source are about `subject`.
async fn count(work: &Work<'_>, subject: &Digest) -> Result<usize, JobError> {
    let reader = work.reader();
    let mut count = reader.referrers(subject).await.map_err(JobError::Source)?.len();
    for tag in cosign_tags(subject) {
        let is_there = reader.has_digest_tag(&tag).await.map_err(JobError::Source)?;
        count += usize::from(is_there);
    }
    Ok(count)
}

/// Where the root refers to another manifest itself, a store that keeps no list has to be told.
async fn list_root(work: &Work<'_>, root: &RawManifest) -> Result<(), JobError> {
    let (bytes, digest) = (root.bytes.clone(), root.digest.clone());
    let parsed = Manifest::parse(bytes, Some(&root.media_type), digest);
    let Some(manifest) = parsed.ok() else { return Ok(()) };
    let Some(referrer) = Referrer::of(&manifest) else { return Ok(()) };
    if push::by_digest(work, root).await?.is_listed {
        return Ok(());
    }
    list(work, &referrer.subject, &[manifest]).await
}

/// Adds `referrers` to the fallback index of `subject` at the destination.
async fn list(work: &Work<'_>, subject: &Digest, referrers: &[Manifest]) -> Result<(), JobError> {
    let name = work.job.destination.name();
    let index = work.run.referrers.indexes.of((name, subject.clone()));
    let _alone = index.lock().await;
    let added = work.destination.add_referrers(work.repository(), subject, referrers).await;
    added.map_err(|error| work.at_destination(error))
}

/// Brings what is about the manifests that the walk comes to.
struct BringRelated<'a> {
    work: &'a Work<'a>,
    /// The image's root, where it is not at the destination yet.
    unplaced: Option<&'a RawManifest>,
    brought: AtomicUsize,
}

impl Descendants for BringRelated<'_> {
    type Error = JobError;

    fn index<'a>(&'a self, child: &'a Descriptor) -> BoxFuture<'a, Result<Manifest, JobError>> {
        let reader = self.work.reader();
        async move { reader.by_digest(&child.digest).await.map_err(JobError::Source) }.boxed()
    }
}

impl Relations for BringRelated<'_> {
    type Error = JobError;

    fn referrers<'a>(
        &'a self,
        subject: &'a Descriptor,
    ) -> BoxFuture<'a, Result<Vec<Descriptor>, JobError>> {
        self.bring_once(&subject.digest).boxed()
    }

    fn cosign_tag<'a>(
        &'a self,
        tag: Tag,
        _image: &'a Descriptor,
    ) -> BoxFuture<'a, Result<Option<Digest>, JobError>> {
        async move {
            let is_there = self.work.reader().has_digest_tag(&tag).await;
            match is_there.map_err(JobError::Source)? {
                true => self.bring_tag(tag).await.map(Some),
                false => Ok(None),
            }
        }
        .boxed()
    }
}

impl BringRelated<'_> {
    /// Brings what refers to `subject` itself, once in a run, and answers with it.
    async fn bring_once(&self, subject: &Digest) -> Result<Vec<Descriptor>, JobError> {
        let work = self.work;
        let bring = async {
            let found = work.reader().referrers(subject).await.map_err(JobError::Source)?;
            if found.is_empty() {
                return Ok(found);
            }
            if let Some(root) = self.unplaced.filter(|root| root.digest == *subject) {
                push::by_digest(work, root).await?;
            }
            self.bring(subject, &found).await?;
            Ok(found)
        };
        if work.trust == Trust::Nothing {
            return bring.await;
        }
        let (source, destination) = (work.job.source.name(), work.job.destination.name());
        let brought = work.run.referrers.brought(&source, &destination, subject);
        brought.get_or_find(work.admitted, bring.boxed()).await
    }

    /// Brings those of `found` that the destination does not list under `subject`.
    async fn bring(&self, subject: &Digest, found: &[Descriptor]) -> Result<(), JobError> {
        let work = self.work;
        let held = self.listed_at_destination(subject).await?;
        let mut unlisted = Vec::new();
        for referrer in found.iter().filter(|referrer| !held.contains(&referrer.digest)) {
            let read = work.reader().by_digest(&referrer.digest).await;
            let manifest = read.map_err(JobError::Source)?;
            if Referrer::of(&manifest).is_none_or(|referrer| referrer.subject != *subject) {
                let text = format!(
                    "{} is listed as a referrer of {subject} but does not name it, and is not copied",
                    referrer.digest
                );
                work.note(Level::Warning, text);
                continue;
            }
            children::place_named(work, &manifest).await?;
            let pushed = push::by_digest(work, &manifest.raw).await?;
            self.brought.fetch_add(1, Ordering::Relaxed);
            if !pushed.is_listed {
                unlisted.push(manifest);
            }
        }
        if unlisted.is_empty() { Ok(()) } else { list(work, subject, &unlisted).await }
    }

    /// What the destination lists already. A refusal means nothing: the push decides.
    async fn listed_at_destination(&self, subject: &Digest) -> Result<HashSet<Digest>, JobError> {
        let work = self.work;
        if work.trust == Trust::Nothing || work.run.options.force_recursive {
            return Ok(HashSet::new());
        }
        let destination = work.destination.as_ref();
        match listed_referrers(destination, work.repository(), subject, Intent::Push).await {
            Ok(listed) => Ok(listed),
            Err(error) if error.is_refused() => Ok(HashSet::new()),
            Err(error) => Err(work.at_destination(error)),
        }
    }

    /// Copies one tag of the source, unless the destination holds the same; answers with what is under
    /// it.
    async fn bring_tag(&self, tag: Tag) -> Result<Digest, JobError> {
        let work = self.work;
        let reference = ManifestReference::Tag(tag);
        let held = work.probe(&reference).await?;
        let believed = work.trust == Trust::Probe && !work.run.options.force_recursive;
        if let Some(held) = held.filter(|_| believed)
            && work.reader().resolve(&reference).await.as_ref() == Some(&held)
        {
            return Ok(held);
        }
        let manifest = work.reader().fetch(&reference).await.map_err(JobError::Source)?;
        children::place_named(work, &manifest).await?;
        push::under(work, &reference, &manifest.raw).await?;
        self.brought.fetch_add(1, Ordering::Relaxed);
        Ok(manifest.raw.digest)
    }
}

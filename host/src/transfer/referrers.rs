//! What refers to an image (`--referrers`): signatures, SBOMs and attestations, by their subject or
//! by cosign's tags. They are at the destination before the tag that they are about.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::blob::Trust;
use super::copy::Copy;
use super::place::{CHILDREN_AT_ONCE, DEPTH};
use super::shape::Shape;
use super::{Level, TransferError};
use crate::oci::{Content, Descriptor, Digest, Manifest, RawManifest, Referrer, Tag};
use crate::plan::{Outcome, Status};
use crate::registry::{ManifestReference, cosign_tags};

/// So many manifests may refer to an image, directly or to what refers to it.
const REFERRERS: usize = 4096;

/// What came of looking for referrers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Referred {
    /// So many were brought.
    pub(super) brought: usize,
    /// So many refer to an index that is not copied as it is.
    pub(super) left: usize,
}

impl Referred {
    /// `outcome` with what there is to say of referrers.
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

/// A manifest that others may refer to.
struct Subject<'a> {
    digest: Digest,
    /// It is not at the destination yet.
    unplaced: Option<&'a RawManifest>,
}

impl Copy<'_> {
    /// Brings what refers to the manifest that the destination holds already as it is at the source.
    pub(super) async fn place_referrers_of(
        &self,
        manifest: Manifest,
    ) -> Result<Referred, TransferError> {
        self.place_referrers(&Shape::verbatim(manifest), None).await
    }

    /// Brings what refers to the manifests of `shape`; `root` is its root, where that is not at the
    /// destination yet.
    pub(super) async fn place_referrers(
        &self,
        shape: &Shape,
        root: Option<&RawManifest>,
    ) -> Result<Referred, TransferError> {
        if !self.run.options.referrers {
            return Ok(Referred::default());
        }
        if let Some(root) = root {
            self.list_root(root).await?;
        }
        let mut images = self.all_children(&shape.children).await?;
        let mut left = 0;
        let mut level: Vec<Subject<'_>> = Vec::new();
        if shape.root.digest == shape.source {
            level.push(Subject { digest: shape.source.clone(), unplaced: root });
        } else if shape.wrapped.is_some() {
            images.push(shape.source.clone());
        } else {
            left = self.count_referrers(&shape.source).await?;
        }
        let brought = AtomicUsize::new(0);
        let all = images.iter().chain(level.iter().map(|subject| &subject.digest));
        let tagged = self.place_cosign_tags(all.cloned().collect(), &brought).await?;
        let others = images.into_iter().chain(tagged);
        level.extend(others.map(|digest| Subject { digest, unplaced: None }));
        self.place_levels(level, &brought).await?;
        if left > 0 {
            let text = format!(
                "{left} referrers of {} are not copied, as it gets another digest at the destination",
                shape.source
            );
            self.run.events.note(self.job.number, None, Level::Warning, text);
        }
        Ok(Referred { brought: brought.into_inner(), left })
    }

    /// Where the root refers to another manifest itself, a registry without the API has to be told.
    async fn list_root(&self, root: &RawManifest) -> Result<(), TransferError> {
        let (bytes, digest) = (root.bytes.clone(), root.digest.clone());
        let parsed = Manifest::parse(bytes, Some(&root.media_type), digest);
        let Some(manifest) = parsed.ok() else { return Ok(()) };
        let Some(referrer) = Referrer::of(&manifest) else { return Ok(()) };
        if self.push_by_digest(root).await?.is_listed {
            return Ok(());
        }
        self.list(&referrer.subject, &[manifest]).await
    }

    /// The digests of `children`, and of what is below those that are indexes.
    async fn all_children(&self, children: &[Descriptor]) -> Result<Vec<Digest>, TransferError> {
        let mut seen = HashSet::new();
        let mut all = Vec::new();
        let mut level = children.to_vec();
        for _ in 0..DEPTH {
            let mut below = Vec::new();
            for child in level {
                if !seen.insert(child.digest.clone()) {
                    continue;
                }
                if child.media_type.is_index()
                    && let Content::Index(index) = self.named(&child.digest).await?.content
                {
                    below.extend(index.manifests);
                }
                all.push(child.digest);
            }
            level = below;
        }
        Ok(all)
    }

    /// Brings what refers to `level`, then what refers to that, and so on.
    async fn place_levels(
        &self,
        mut level: Vec<Subject<'_>>,
        brought: &AtomicUsize,
    ) -> Result<(), TransferError> {
        let mut seen = HashSet::new();
        for _ in 0..DEPTH {
            level.retain(|subject| seen.insert(subject.digest.clone()));
            if level.is_empty() {
                return Ok(());
            }
            if seen.len() > REFERRERS {
                return Err(TransferError::TooManyReferrers(REFERRERS));
            }
            let mut placed: Vec<BoxFuture<'_, Result<Vec<Digest>, TransferError>>> = Vec::new();
            for subject in &level {
                placed.push(self.place_level(subject, brought).boxed());
            }
            let found: Vec<Vec<Digest>> =
                stream::iter(placed).buffer_unordered(CHILDREN_AT_ONCE).try_collect().await?;
            let mut found: Vec<Digest> = found.into_iter().flatten().collect();
            found.extend(self.place_cosign_tags(found.clone(), brought).await?);
            level = found.into_iter().map(|digest| Subject { digest, unplaced: None }).collect();
        }
        Err(TransferError::TooDeep(DEPTH))
    }

    /// Brings what refers to `subject` itself, once in a run, and answers with it.
    async fn place_level(
        &self,
        subject: &Subject<'_>,
        brought: &AtomicUsize,
    ) -> Result<Vec<Digest>, TransferError> {
        let (source, destination) = (self.job.source.name(), self.job.destination.name());
        let bring = async {
            let found = self.referrers_at_source(&subject.digest).await?;
            if found.is_empty() {
                return Ok(found);
            }
            if let Some(root) = subject.unplaced {
                self.push_by_digest(root).await?;
            }
            self.bring_referrers(&subject.digest, &found, brought).await?;
            Ok(found)
        };
        if self.trust == Trust::Nothing {
            return bring.await;
        }
        let placed = self.run.referrals.brought(&source, &destination, &subject.digest);
        placed.get_or_fill(self.seat, bring.boxed()).await
    }

    /// Brings those of `found` that the destination does not list under `subject`.
    async fn bring_referrers(
        &self,
        subject: &Digest,
        found: &[Digest],
        brought: &AtomicUsize,
    ) -> Result<(), TransferError> {
        let held = self.referrers_at_destination(subject).await?;
        let mut unlisted = Vec::new();
        for referrer in found.iter().filter(|referrer| !held.contains(referrer)) {
            let manifest = self.named(referrer).await?;
            if Referrer::of(&manifest).is_none_or(|referrer| referrer.subject != *subject) {
                let text = format!(
                    "{referrer} is listed as a referrer of {subject} but does not name it, and is not copied"
                );
                self.run.events.note(self.job.number, None, Level::Warning, text);
                continue;
            }
            self.place_named(&manifest, 1).await?;
            let pushed = self.push_by_digest(&manifest.raw).await?;
            brought.fetch_add(1, Ordering::Relaxed);
            if !pushed.is_listed {
                unlisted.push(manifest);
            }
        }
        if unlisted.is_empty() { Ok(()) } else { self.list(subject, &unlisted).await }
    }

    /// Adds `referrers` to the fallback index of `subject` at the destination.
    async fn list(&self, subject: &Digest, referrers: &[Manifest]) -> Result<(), TransferError> {
        let name = self.job.destination.name();
        let index = self.run.referrals.indexes.of((name, subject.clone()));
        let _alone = index.lock().await;
        let repository = &self.job.destination.repository;
        let added = self.destination.add_referrers(repository, subject, referrers).await;
        added.map_err(|error| self.at_destination(error))
    }

    /// Copies the tags that cosign has made of the manifests of `level`, and of what is under those, as
    /// of an SBOM that was signed; answers with what is under them.
    async fn place_cosign_tags(
        &self,
        mut level: Vec<Digest>,
        brought: &AtomicUsize,
    ) -> Result<Vec<Digest>, TransferError> {
        let (mut seen, mut tagged) = (HashSet::new(), Vec::new());
        for _ in 0..DEPTH {
            level.retain(|digest| seen.insert(digest.clone()));
            let mut placed: Vec<BoxFuture<'_, Result<Digest, TransferError>>> = Vec::new();
            for tag in level.iter().flat_map(cosign_tags) {
                if self.has_tag(Some(tag.clone())).await? {
                    placed.push(self.place_tag(tag, brought).boxed());
                }
            }
            if placed.is_empty() {
                return Ok(tagged);
            }
            level = stream::iter(placed).buffer_unordered(CHILDREN_AT_ONCE).try_collect().await?;
            tagged.extend(level.iter().cloned());
        }
        Err(TransferError::TooDeep(DEPTH))
    }

    /// Copies one tag of the source, unless the destination holds the same; answers with what is under
    /// it.
    async fn place_tag(&self, tag: Tag, brought: &AtomicUsize) -> Result<Digest, TransferError> {
        let reference = ManifestReference::Tag(tag);
        let held = self.probe(&reference).await?.and_then(|head| head.digest);
        let believed = self.trust == Trust::Probe && !self.run.options.force_recursive;
        if let Some(held) = held.filter(|_| believed) {
            let repository = &self.job.source.repository;
            let head = self.source.manifest_head(repository, &reference, false).await;
            // Whatever keeps a HEAD from working, the GET decides and reports.
            if head.ok().flatten().and_then(|head| head.digest).as_ref() == Some(&held) {
                return Ok(held);
            }
        }
        let manifest = self.fetch(&reference).await?;
        self.place_named(&manifest, 1).await?;
        self.push_tag(&reference, &manifest.raw).await?;
        brought.fetch_add(1, Ordering::Relaxed);
        Ok(manifest.raw.digest)
    }
}

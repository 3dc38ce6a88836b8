//! Validates referrers (`--referrers`): whether the destination has the source's signatures, SBOMs
//! and attestations.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::future::{BoxFuture, FutureExt as _};
use longshore_oci::{Content, Descriptor, Digest, Manifest, ManifestReference, Referrer, Tag};
use longshore_store::Intent;

use super::entry::Entry;
use super::error::ValidateError;
use super::room::{FINDINGS, Findings};
use crate::error::JobError;
use crate::job::Finding;
use crate::left_behind;
use crate::source_reader::{UNLISTED_BYTES, listed_referrers};
use crate::walk::{Descendants, Relations, descendants, is_blob, walk_related};

/// The field name of findings about referrers.
pub(super) const REFERRER: &str = "referrer";

/// Finds missing and damaged referrers of `root`, and of its children at the positions `kept`.
///
/// An index that a filter changed has no referrers at the source.
///
/// # Errors
/// If a side gives no answer.
pub(super) async fn compare_referrers_of(
    entry: &Entry<'_>,
    root: &Manifest,
    is_verbatim: bool,
    kept: Option<&[usize]>,
) -> Result<Vec<Finding>, ValidateError> {
    let compare = CompareRelated { entry, findings: Mutex::default() };
    let mut manifests = Vec::new();
    if is_verbatim {
        manifests.push(root.raw.descriptor());
    }
    if let Content::Index(index) = &root.content {
        let chosen = |at: &usize| kept.is_none_or(|kept| kept.contains(at));
        let children = index.manifests.iter().enumerate().filter(|(at, _)| chosen(at));
        let children = children.map(|(_, child)| child.clone()).collect();
        manifests.extend(descendants(&compare, children).await?.manifests);
    }
    walk_related(&compare, manifests).await?;
    let found = compare.findings.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut findings = Findings::default();
    findings.extend(found.by_visit.into_values().flatten());
    findings.drop_more(found.more);
    Ok(findings.into_vec())
}

/// Counts the referrers of the source index `subject`, which `mirror` does not copy because it writes another
/// index.
///
/// # Errors
/// If a side gives no answer.
pub(super) async fn count_left_behind(
    entry: &Entry<'_>,
    subject: &Digest,
) -> Result<usize, ValidateError> {
    let held = |tag| async move {
        let tagged = entry.tagged(&ManifestReference::Tag(tag)).await?;
        Ok(tagged.map(|tagged| tagged.digest))
    };
    left_behind::count(&entry.reader(), subject, held).await
}

/// Findings in the order of the walk, so that it is the same in each run.
#[derive(Default)]
struct Found {
    visits: usize,
    by_visit: BTreeMap<usize, Vec<Finding>>,
    /// The number of findings.
    count: usize,
    /// Findings that were dropped.
    more: usize,
}

/// Compares the referrers of each manifest that the walk visits.
struct CompareRelated<'a> {
    entry: &'a Entry<'a>,
    findings: Mutex<Found>,
}

impl Descendants for CompareRelated<'_> {
    type Error = ValidateError;

    fn read<'a>(
        &'a self,
        child: &'a Descriptor,
    ) -> BoxFuture<'a, Result<Option<Manifest>, ValidateError>> {
        async {
            let (entry, reference) = (self.entry, ManifestReference::Digest(child.digest.clone()));
            let (store, repository) = (entry.destination.as_ref(), entry.repository());
            if is_blob(store, repository, child).await {
                return Ok(None);
            }
            let read = store.manifest(repository, &reference).await;
            read.map(Some).map_err(ValidateError::Destination)
        }
        .boxed()
    }
}

impl Relations for CompareRelated<'_> {
    type Error = ValidateError;

    fn referrers<'a>(
        &'a self,
        subject: &'a Descriptor,
    ) -> BoxFuture<'a, Result<Vec<Descriptor>, ValidateError>> {
        self.compare_referrers(subject, self.visit()).boxed()
    }

    fn cosign_tag<'a>(
        &'a self,
        tag: Tag,
        image: &'a Descriptor,
    ) -> BoxFuture<'a, Result<Option<Digest>, ValidateError>> {
        self.compare_tag(tag, image, self.visit()).boxed()
    }
}

impl CompareRelated<'_> {
    fn found(&self) -> MutexGuard<'_, Found> {
        self.findings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the number of the next visit.
    fn visit(&self) -> usize {
        let mut found = self.found();
        found.visits += 1;
        found.visits
    }

    fn add(&self, visit: usize, findings: impl IntoIterator<Item = Finding>) {
        let mut found = self.found();
        for finding in findings {
            if found.count < FINDINGS {
                found.count += 1;
                found.by_visit.entry(visit).or_default().push(finding);
            } else {
                found.more += 1;
            }
        }
    }

    /// Compares the referrers of one manifest, and returns those that the destination lists.
    async fn compare_referrers(
        &self,
        subject: &Descriptor,
        visit: usize,
    ) -> Result<Vec<Descriptor>, ValidateError> {
        let entry = self.entry;
        let wanted = entry.reader().referrers(&subject.digest).await.map_err(JobError::Source)?;
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let (destination, repository) = (entry.destination.as_ref(), entry.repository());
        let held = listed_referrers(destination, repository, &subject.digest, Intent::Read).await;
        let held = held.map_err(ValidateError::Destination)?;
        let hidden =
            self.hidden(subject, wanted.iter().map(|wanted| &wanted.digest), &held).await?;
        let mut there = Vec::new();
        for referrer in wanted {
            if held.contains(&referrer.digest) || hidden.contains(&referrer.digest) {
                let found = entry.inventory(None).of(&referrer).await;
                self.add(visit, found.map_err(ValidateError::Destination)?);
                there.push(referrer);
            } else if self.referring(&referrer.digest, &subject.digest).await?.is_some() {
                let mut finding = Finding::lacks(REFERRER, &referrer.digest);
                finding.text = format!("{} of {}", finding.text, subject.digest);
                self.add(visit, [finding.about(subject)]);
            }
        }
        Ok(there)
    }

    /// Returns those of `wanted` that the destination does not list because it never shows their list: they are
    /// checked by their digests.
    async fn hidden(
        &self,
        subject: &Descriptor,
        wanted: impl Iterator<Item = &Digest>,
        held: &HashSet<Digest>,
    ) -> Result<HashSet<Digest>, ValidateError> {
        let (entry, mut bytes) = (self.entry, 0);
        let (mut hidden, mut listed) = (HashSet::new(), Vec::new());
        if !entry.destination.may_hide_referrers() {
            return Ok(hidden);
        }
        for digest in wanted.filter(|digest| !held.contains(digest)) {
            let Some(manifest) = self.referring(digest, &subject.digest).await? else { continue };
            hidden.insert(digest.clone());
            // This is the list that a copy writes first.
            if bytes <= UNLISTED_BYTES {
                bytes += manifest.raw.bytes.len();
                listed.push(manifest);
            }
        }
        if hidden.is_empty() {
            return Ok(hidden);
        }
        let hides = entry.destination.hides_list(entry.repository(), &listed).await;
        Ok(if hides.map_err(ValidateError::Destination)? { hidden } else { HashSet::new() })
    }

    /// Compares a cosign tag of `image`, and returns its digest if both ends agree.
    async fn compare_tag(
        &self,
        tag: Tag,
        image: &Descriptor,
        visit: usize,
    ) -> Result<Option<Digest>, ValidateError> {
        let entry = self.entry;
        if !entry.reader().has_digest_tag(&tag).await.map_err(JobError::Source)? {
            return Ok(None);
        }
        let reference = ManifestReference::Tag(tag.clone());
        let wanted = entry.reader().digest_under(&tag).await.map_err(JobError::Source)?;
        let held = entry.tagged(&reference).await?.map(|tagged| tagged.digest);
        if held.as_ref() == Some(&wanted) {
            let under = Descriptor { digest: wanted.clone(), ..image.clone() };
            let found = entry.inventory(None).of(&under).await;
            self.add(visit, found.map_err(ValidateError::Destination)?);
            return Ok(Some(wanted));
        }
        let text = match &held {
            None => format!("destination lacks tag {tag}"),
            Some(held) => {
                format!("source {REFERRER} \"{wanted}\" != dest {REFERRER} \"{held}\" at tag {tag}")
            }
        };
        let finding = Finding {
            source: Some(wanted.to_string()),
            destination: held.map(|held| held.to_string()),
            ..Finding::said(REFERRER, text)
        };
        self.add(visit, [finding.about(image)]);
        Ok(None)
    }

    /// Returns a listed referrer if it names `subject`. Only then it is copied.
    async fn referring(
        &self,
        referrer: &Digest,
        subject: &Digest,
    ) -> Result<Option<Manifest>, ValidateError> {
        let manifest = self.entry.reader().by_digest(referrer).await.map_err(JobError::Source)?;
        let names_it = Referrer::of(&manifest).is_some_and(|referrer| referrer.subject == *subject);
        Ok(names_it.then_some(manifest))
    }
}

//! What refers to an image (`--referrers`): has the destination the signatures, SBOMs and attestations
//! that the source has?

use std::collections::HashSet;

use super::compare::Compare;
use super::error::ValidateError;
use crate::oci::{Content, Descriptor, Digest, Manifest, Referrer, Tag};
use crate::plan::Finding;
use crate::registry::{ManifestReference, cosign_tags, referrers_tag};
use crate::transfer::TransferError;

/// Referrers of referrers are followed so deep, and indexes in indexes.
const DEPTH: usize = 8;
/// The field of a finding about one.
pub(super) const REFERRER: &str = "referrer";

/// A manifest that others may refer to, as the list that names it does; what is under a tag of cosign's
/// has the description of the image.
type Subject = Descriptor;

impl Compare<'_> {
    /// What of that which refers to `root`, or to its children at the positions `kept`, is missing or
    /// damaged. An index that a filter changed has no referrers at the source.
    ///
    /// # Errors
    /// Where a side gives no answer.
    pub(super) async fn unreferred(
        &self,
        root: &Manifest,
        is_verbatim: bool,
        kept: Option<&[usize]>,
    ) -> Result<Vec<Finding>, ValidateError> {
        let mut level: Vec<Subject> = Vec::new();
        if is_verbatim {
            level.push(subject(root));
        }
        if let Content::Index(index) = &root.content {
            let chosen = |at: &usize| kept.is_none_or(|kept| kept.contains(at));
            let children = index.manifests.iter().enumerate().filter(|(at, _)| chosen(at));
            level.extend(self.all(children.map(|(_, child)| child.clone()).collect()).await?);
        }
        let mut findings = Vec::new();
        level.extend(self.cosign(&level, &mut findings).await?);
        let mut seen = HashSet::new();
        for _ in 0..DEPTH {
            level.retain(|subject| seen.insert(subject.digest.clone()));
            let mut next = Vec::new();
            for subject in level {
                let (found, referrers) = self.of_subject(&subject).await?;
                findings.extend(found);
                next.extend(referrers);
            }
            next.extend(self.cosign(&next, &mut findings).await?);
            level = next;
        }
        Ok(findings)
    }

    /// `children`, and what is below those that are indexes.
    async fn all(&self, children: Vec<Descriptor>) -> Result<Vec<Subject>, ValidateError> {
        let mut all = Vec::new();
        let mut level = children;
        for _ in 0..DEPTH {
            let mut below = Vec::new();
            for child in level {
                if child.media_type.is_index() {
                    let reference = ManifestReference::Digest(child.digest.clone());
                    let repository = &self.job.destination.repository;
                    let index = self.destination.manifest(repository, &reference).await;
                    if let Content::Index(index) =
                        index.map_err(ValidateError::Destination)?.content
                    {
                        below.extend(index.manifests);
                    }
                }
                all.push(child);
            }
            level = below;
        }
        Ok(all)
    }

    /// What is wrong with the referrers of one manifest, and those that are there.
    async fn of_subject(
        &self,
        subject: &Subject,
    ) -> Result<(Vec<Finding>, Vec<Subject>), ValidateError> {
        let wanted = self.listed_at_source(&subject.digest).await?;
        if wanted.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        let held = self.listed_at_destination(&subject.digest).await?;
        let mut findings = Vec::new();
        let mut there = Vec::new();
        for referrer in wanted {
            if held.contains(&referrer.digest) {
                let found = self.inventory(None).of(&referrer.digest).await;
                findings.extend(found.map_err(ValidateError::Destination)?);
                there.push(referrer);
            } else if self.refers(&referrer.digest, &subject.digest).await? {
                let mut finding = Finding::lacks(REFERRER, &referrer.digest);
                finding.text = format!("{} of {}", finding.text, subject.digest);
                findings.push(finding.about(subject));
            }
        }
        Ok((findings, there))
    }

    /// Adds what is wrong with the tags that cosign has made of `images`, and of what is under those;
    /// answers with what is under them.
    async fn cosign(
        &self,
        images: &[Subject],
        findings: &mut Vec<Finding>,
    ) -> Result<Vec<Subject>, ValidateError> {
        let mut all = Vec::new();
        for image in images {
            let (mut level, mut seen) = (vec![image.digest.clone()], HashSet::new());
            for _ in 0..DEPTH {
                level.retain(|digest| seen.insert(digest.clone()));
                let mut next = Vec::new();
                for digest in &level {
                    let (found, tagged) = self.cosign_tags(digest).await?;
                    findings.extend(found.into_iter().map(|finding| finding.about(image)));
                    next.extend(tagged);
                }
                let under = |digest: &Digest| Subject { digest: digest.clone(), ..image.clone() };
                all.extend(next.iter().map(under));
                level = next;
            }
        }
        Ok(all)
    }

    /// What is wrong with the tags that cosign has made of one manifest, and what is under them.
    async fn cosign_tags(&self, of: &Digest) -> Result<(Vec<Finding>, Vec<Digest>), ValidateError> {
        let (mut findings, mut tagged) = (Vec::new(), Vec::new());
        for tag in cosign_tags(of) {
            if !self.has_tag(&tag).await? {
                continue;
            }
            let reference = ManifestReference::Tag(tag.clone());
            let wanted = self.digest_at_source(&reference).await?;
            let held = self.held(&reference).await?.map(|held| held.digest);
            if held.as_ref() == Some(&wanted) {
                let found = self.inventory(None).of(&wanted).await;
                findings.extend(found.map_err(ValidateError::Destination)?);
                tagged.push(wanted);
                continue;
            }
            let text = match &held {
                None => format!("destination lacks tag {tag}"),
                Some(held) => {
                    format!(
                        "source {REFERRER} \"{wanted}\" != dest {REFERRER} \"{held}\" at tag {tag}"
                    )
                }
            };
            findings.push(Finding {
                source: Some(wanted.to_string()),
                destination: held.map(|held| held.to_string()),
                ..Finding::said(REFERRER, text)
            });
        }
        Ok((findings, tagged))
    }

    async fn digest_at_source(
        &self,
        reference: &ManifestReference,
    ) -> Result<Digest, ValidateError> {
        let repository = &self.job.source.repository;
        let head = self.source.manifest_head(repository, reference, false).await;
        if let Some(digest) = head.ok().flatten().and_then(|head| head.digest) {
            return Ok(digest);
        }
        let manifest = self.source.manifest(repository, reference).await;
        Ok(manifest.map_err(TransferError::Source)?.raw.digest)
    }

    /// What refers to `subject` at the source: by the API, else by the index under its fallback tag.
    async fn listed_at_source(&self, subject: &Digest) -> Result<Vec<Descriptor>, ValidateError> {
        let repository = &self.job.source.repository;
        let listed = self.source.referrers(repository, subject, false).await;
        match listed.map_err(TransferError::Source)? {
            Some(listed) => Ok(listed),
            None => match referrers_tag(subject) {
                Some(tag) if self.has_tag(&tag).await? => {
                    let listed = self.source.tagged_referrers(repository, subject, false).await;
                    listed.map_err(|error| TransferError::Source(error).into())
                }
                _ => Ok(Vec::new()),
            },
        }
    }

    async fn listed_at_destination(
        &self,
        subject: &Digest,
    ) -> Result<HashSet<Digest>, ValidateError> {
        let repository = &self.job.destination.repository;
        let listed = match self.destination.referrers(repository, subject, false).await {
            Ok(Some(listed)) => Ok(listed),
            Ok(None) => self.destination.tagged_referrers(repository, subject, false).await,
            Err(error) => Err(error),
        };
        let listed = listed.map_err(ValidateError::Destination)?;
        Ok(listed.into_iter().map(|referrer| referrer.digest).collect())
    }

    /// Does what is listed at the source name `subject`? Only then it is copied.
    async fn refers(&self, referrer: &Digest, subject: &Digest) -> Result<bool, ValidateError> {
        let reference = ManifestReference::Digest(referrer.clone());
        let manifest = self.source.manifest(&self.job.source.repository, &reference).await;
        let manifest = manifest.map_err(TransferError::Source)?;
        Ok(Referrer::of(&manifest).is_some_and(|referrer| referrer.subject == *subject))
    }

    /// Is there such a tag at the source? One list for each repository answers that.
    async fn has_tag(&self, tag: &Tag) -> Result<bool, ValidateError> {
        let tags = self.run.seen.tags.of(self.job.source.name());
        let list = || self.source.digest_tags(&self.job.source.repository);
        let tags = tags.get_or_try_init(list).await.map_err(TransferError::Source)?;
        Ok(tags.contains(tag))
    }
}

/// A root as something that may be referred to.
fn subject(root: &Manifest) -> Subject {
    Descriptor {
        media_type: root.raw.media_type.clone(),
        digest: root.raw.digest.clone(),
        size: root.raw.bytes.len() as u64,
        platform: None,
        annotations: Default::default(),
        urls: Vec::new(),
    }
}

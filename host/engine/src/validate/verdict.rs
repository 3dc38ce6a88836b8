//! The verdict on a destination, and its message.

use std::collections::HashSet;

use longshore_oci::{Content, Digest, Manifest, ManifestReference};

use super::difference::Difference;
use super::entry::Entry;
use super::error::ValidateError;
use super::referrers::REFERRER;
use crate::error::JobError;
use crate::event::Level;
use crate::job::{Comparison, Finding, Outcome, Spec, Verdict};
use crate::shape::digest_decides;

/// The most findings in an entry's message; the report has all.
const SHOWN: usize = 5;

/// The digests of both sides, as far as known.
#[derive(Clone, Default)]
pub(super) struct Digests {
    pub(super) source: Option<Digest>,
    pub(super) destination: Option<Digest>,
}

/// Decides on the verdict for an entry's destination.
pub(super) struct Judge<'a> {
    pub(super) entry: &'a Entry<'a>,
}

impl Judge<'_> {
    /// The destination does not exist.
    pub(super) fn missing(&self, source: Option<Digest>) -> Outcome {
        let finding = Finding {
            source: source.as_ref().map(ToString::to_string),
            ..Finding::said("manifest", "destination manifest does not exists")
        };
        self.invalid(
            Verdict::Missing,
            Difference::of([finding]),
            Digests { source, destination: None },
        )
    }

    /// Content of the destination is missing or damaged.
    pub(super) fn broken(&self, digests: Digests, findings: Vec<Finding>) -> Outcome {
        self.invalid(Verdict::Broken, Difference::of(findings), digests)
    }

    /// The destination is correct, but its referrers differ from the source's.
    ///
    /// A missing referrer was added later, or not copied: moved on. A listed but damaged referrer
    /// means broken. A different one that the source never had means altered.
    pub(super) async fn wrong_referrers(
        &self,
        digests: Digests,
        findings: Vec<Finding>,
    ) -> Result<Outcome, ValidateError> {
        let mut verdict = Verdict::MovedOn;
        for finding in &findings {
            let held = finding.destination.as_deref().and_then(|digest| digest.parse().ok());
            verdict = match held {
                _ if finding.field != REFERRER => Verdict::Broken,
                Some(held) if verdict == Verdict::MovedOn && !self.is_at_source(&held).await? => {
                    Verdict::Altered
                }
                _ => verdict,
            };
        }
        Ok(self.invalid(verdict, Difference::of(findings), digests))
    }

    /// Decides why `held` differs from the expected manifest `root`. `of_source` has the digests of the source's
    /// manifest and its children.
    pub(super) async fn differs(
        &self,
        held: &Manifest,
        (root, of_source): (&Manifest, &HashSet<Digest>),
        mut difference: Difference,
        digests: Digests,
    ) -> Result<Outcome, ValidateError> {
        let faults = self.entry.inventory(None).below(&held.content, Some(&*difference.kept)).await;
        let faults = faults.map_err(ValidateError::Destination)?;
        let verdict = if !faults.is_empty() {
            Verdict::Broken
        } else if self.was_at_source(held, &difference).await? {
            Verdict::MovedOn
        } else {
            Verdict::Altered
        };
        difference.findings.extend(faults);
        let is_selection = verdict != Verdict::Broken
            && !(difference.only_descriptors && held.raw.media_type == root.raw.media_type)
            && is_of(held, of_source);
        let mut outcome = self.invalid(verdict, difference, digests);
        if is_selection {
            outcome.hint = Some(format!(
                "{}: only the set of platforms or the wrapping differs, and all children are the source's: give \
                 the -a, --os and --index of the mirror run",
                verdict.word()
            ));
        }
        Ok(outcome)
    }

    /// Whether the source holds the destination's content, though not under the tag.
    ///
    /// For an index that `mirror` rebuilds, its children must be at the source.
    async fn was_at_source(
        &self,
        held: &Manifest,
        difference: &Difference,
    ) -> Result<bool, ValidateError> {
        if self.is_at_source(&held.raw.digest).await? {
            return Ok(true);
        }
        let filter = &self.entry.job.filter;
        let rebuilt =
            !filter.is_everything() || !digest_decides(filter, self.entry.run.options.index);
        let Content::Index(index) = &held.content else { return Ok(false) };
        // Copying never writes a wrong descriptor.
        if !rebuilt || difference.only_descriptors || difference.kept.is_empty() {
            return Ok(false);
        }
        for &at in &difference.kept {
            if !self.is_at_source(&index.manifests[at].digest).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn is_at_source(&self, digest: &Digest) -> Result<bool, ValidateError> {
        let reference = ManifestReference::Digest(digest.clone());
        Ok(self.entry.reader().has(&reference).await.map_err(JobError::Source)?)
    }

    fn invalid(&self, verdict: Verdict, difference: Difference, digests: Digests) -> Outcome {
        let Difference { findings, mut src_spec, mut dst_spec, .. } = difference;
        let mut findings = findings.into_vec();
        let room = &self.entry.run.room;
        room.fit(&mut findings);
        if !room.takes(src_spec.len() + dst_spec.len()) {
            (src_spec, dst_spec) = (Vec::new(), Vec::new());
        }
        let message = message(&findings);
        if !src_spec.is_empty() || !dst_spec.is_empty() {
            self.show("srcSpec", &src_spec);
            self.show("dstSpec", &dst_spec);
        }
        let comparison = Comparison { verdict, findings, src_spec, dst_spec };
        let wrong_bytes = comparison.has_wrong_bytes();
        let in_registry = self.entry.job.destination.store.registry().is_some();
        let why = match verdict {
            Verdict::Missing => "missing: it was not mirrored yet, or was deleted",
            Verdict::MovedOn => {
                "moved-on: complete, and the source has it by digest, but it is not what mirror would write now"
            }
            Verdict::Altered => "altered: complete, but the source does not have it",
            Verdict::Broken if wrong_bytes && in_registry => {
                "broken: content does not match its digest; most registries do not replace existing content, so delete it from the registry's storage first"
            }
            Verdict::Broken if wrong_bytes => "broken: content does not match its digest",
            Verdict::Broken => "broken: content that it names is missing",
        };
        Outcome {
            source_digest: digests.source,
            destination_digest: digests.destination,
            hint: Some(why.to_owned()),
            comparison: Some(Box::new(comparison)),
            ..Outcome::failed(message)
        }
    }

    /// Logs the children of a list as Hangar does.
    fn show(&self, name: &str, spec: &[Spec]) {
        // Digests and strings always serialize.
        let json = serde_json::to_string_pretty(spec).unwrap_or_default();
        self.entry.run.events.note(
            self.entry.job.number,
            None,
            Level::Error,
            format!("{name}: {json}"),
        );
    }
}

/// Whether a manifest, or each child of an index, is among these digests.
fn is_of(held: &Manifest, digests: &HashSet<Digest>) -> bool {
    match &held.content {
        Content::Index(index) => {
            let mut children = index.manifests.iter();
            !index.manifests.is_empty() && children.all(|child| digests.contains(&child.digest))
        }
        Content::Single(_) => digests.contains(&held.raw.digest),
    }
}

fn message(findings: &[Finding]) -> String {
    let texts: Vec<&str> = findings.iter().take(SHOWN).map(|finding| &*finding.text).collect();
    let mut message = format!("Validate failed: {}", texts.join("; "));
    if findings.len() > SHOWN {
        message.push_str(&format!("; and {} more", findings.len() - SHOWN));
    }
    message
}

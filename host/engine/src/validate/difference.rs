//! The differences between a destination's manifest and the expected one. No I/O.

use std::collections::HashSet;

use serde_json::Value;

use super::fields::{keys, platforms};
use super::list_pairs::{Pair, pairs};
use super::room::Findings;
use crate::job::{Finding, Spec};
use crate::shape::IndexMode;
use longshore_oci::{
    Content, Descriptor, Digest, Index, Manifest, MediaType, PlatformFilter, Selection,
};

/// The expected manifest.
pub(super) struct Expected<'a> {
    /// The manifest that `mirror` would write.
    pub(super) root: &'a Manifest,
    /// Whether the root wraps a single image.
    pub(super) wraps: bool,
    /// Whether the root is the source's own manifest.
    pub(super) verbatim: bool,
    /// How indexes are written.
    pub(super) mode: IndexMode,
    /// The filter for children.
    pub(super) filter: &'a PlatformFilter,
}

/// The differences, and the children that were compared.
#[derive(Default)]
pub(super) struct Difference {
    pub(super) findings: Findings,
    /// Positions of the children inside the filter.
    pub(super) kept: Vec<usize>,
    pub(super) src_spec: Vec<Spec>,
    pub(super) dst_spec: Vec<Spec>,
    /// Whether only descriptors differ, and no digest.
    pub(super) only_descriptors: bool,
}

impl Difference {
    /// Makes a difference of findings alone.
    pub(super) fn of(findings: impl IntoIterator<Item = Finding>) -> Self {
        let mut difference = Self::default();
        difference.findings.extend(findings);
        difference
    }
}

/// The positions of the children of `index` that `filter` selects or `wanted` names.
pub(super) fn selected_positions(
    index: &Index,
    filter: &PlatformFilter,
    wanted: &HashSet<&Digest>,
) -> Vec<usize> {
    let selected: HashSet<usize> = match index.select(filter) {
        Selection::All => (0..index.manifests.len()).collect(),
        Selection::Part(positions) => positions.into_iter().collect(),
        Selection::Nothing => HashSet::new(),
    };
    let children = index.manifests.iter().enumerate();
    children
        .filter(|(at, child)| selected.contains(at) || wanted.contains(&child.digest))
        .map(|(at, _)| at)
        .collect()
}

/// Compares `held` with the expected manifest; no finding means that the destination is correct.
///
/// A correct destination may have children outside of the filter. Another tool may also have
/// written it with other white space.
pub(super) fn difference(expected: &Expected<'_>, held: &Manifest) -> Difference {
    let root = expected.root;
    let wants_list = root.raw.media_type == MediaType::DOCKER_LIST;
    match (&root.content, &held.content) {
        _ if expected.mode == IndexMode::Docker
            && wants_list
            && held.raw.media_type != MediaType::DOCKER_LIST =>
        {
            let found = &held.raw.media_type;
            let text = format!("destination manifest MIME type unknown: {found}");
            let finding = Finding {
                source: Some(root.raw.media_type.to_string()),
                destination: Some(found.to_string()),
                ..Finding::said("mediaType", text)
            };
            Difference { kept: all(held), ..Difference::of([finding]) }
        }
        (Content::Index(wanted), Content::Index(found)) => lists(expected, wanted, held, found),
        _ => Difference { kept: all(held), ..Difference::of(roots(root, held)) },
    }
}

/// The positions of all children.
fn all(held: &Manifest) -> Vec<usize> {
    match &held.content {
        Content::Index(index) => (0..index.manifests.len()).collect(),
        Content::Single(_) => Vec::new(),
    }
}

/// Compares the digests and media types of the roots.
fn roots(root: &Manifest, held: &Manifest) -> Vec<Finding> {
    let mut findings = vec![Finding::differs("digest", &root.raw.digest, &held.raw.digest)];
    if root.raw.media_type != held.raw.media_type {
        let (wanted, found) = (&root.raw.media_type, &held.raw.media_type);
        findings.push(Finding::differs("mediaType", wanted, found));
    }
    findings
}

fn lists(expected: &Expected<'_>, wanted: &Index, held: &Manifest, found: &Index) -> Difference {
    let digests: HashSet<&Digest> = wanted.manifests.iter().map(|child| &child.digest).collect();
    // A single child is compared with a single image, whatever its platform says.
    let lone = expected.wraps && found.manifests.len() == 1;
    let kept = if lone { vec![0] } else { selected_positions(found, expected.filter, &digests) };
    let children: Vec<&Descriptor> = kept.iter().map(|&at| &found.manifests[at]).collect();
    let mut difference = Difference { kept, ..Difference::default() };
    if expected.wraps && expected.mode == IndexMode::Docker && children.len() != 1 {
        difference.findings.push(Finding {
            source: Some("1".to_owned()),
            destination: Some(children.len().to_string()),
            ..Finding::said("length", "destination manifest list length should be 1")
        });
    } else {
        let documents = (document(expected.root), document(held));
        difference.only_descriptors = true;
        for pair in pairs(&wanted.manifests, &children, lone) {
            let (findings, only_descriptors) = match pair {
                Pair::Both(at, to) => {
                    let record = &documents.0["manifests"][at];
                    let other = &documents.1["manifests"][difference.kept[to]];
                    let (one, two) = (&wanted.manifests[at], children[to]);
                    (both((one, record), (two, other), expected.wraps), one.digest == two.digest)
                }
                Pair::Missing(at) => {
                    let child = &wanted.manifests[at];
                    (vec![Finding::lacks("manifest", &child.digest).about(child)], false)
                }
                Pair::Extra(position) => (vec![extra(children[position])], false),
            };
            difference.only_descriptors &= only_descriptors;
            difference.findings.extend(findings);
        }
        let types = (&expected.root.raw.media_type, &held.raw.media_type);
        if types.0 != types.1 {
            difference.findings.push(Finding::differs("mediaType", types.0, types.1));
        }
        difference.findings.extend(keys(&documents.0, &documents.1, &["manifests", "mediaType"]));
        if difference.findings.is_empty() {
            difference.findings.extend(rest(expected, wanted, held, &children, found));
        }
    }
    difference.src_spec = wanted.manifests.iter().map(Spec::of).collect();
    difference.dst_spec = children.into_iter().map(Spec::of).collect();
    if difference.src_spec == difference.dst_spec {
        difference.src_spec.clear();
        difference.dst_spec.clear();
    }
    difference
}

/// Compares two paired children; each comes with its JSON descriptor in the list.
fn both(
    (wanted, record): (&Descriptor, &Value),
    (found, other): (&Descriptor, &Value),
    lone: bool,
) -> Vec<Finding> {
    let mut findings = platforms(wanted.platform.as_ref(), found.platform.as_ref());
    if wanted.digest == found.digest {
        findings.extend(keys(record, other, &["digest", "platform"]));
    } else {
        findings.push(Finding::differs("digest", &wanted.digest, &found.digest));
    }
    // With one image only, the findings need not name it.
    let about = |finding: Finding| if lone { finding } else { finding.about(wanted) };
    findings.into_iter().map(about).collect()
}

/// Compares what remains if all children and keys agree: the order and the bytes.
fn rest(
    expected: &Expected<'_>,
    wanted: &Index,
    held: &Manifest,
    children: &[&Descriptor],
    found: &Index,
) -> Option<Finding> {
    let in_order =
        wanted.manifests.iter().zip(children).all(|(one, other)| one.digest == other.digest);
    if !in_order {
        return Some(Finding::said("order", "destination manifest list has another order"));
    }
    // Manifests that `mirror` copies unchanged must match to the byte.
    let whole = children.len() == found.manifests.len();
    (expected.verbatim && whole)
        .then(|| Finding::differs("digest", &expected.root.raw.digest, &held.raw.digest))
}

fn extra(child: &Descriptor) -> Finding {
    let text =
        format!("destination manifest list has {}, which the source does not have", child.digest);
    let destination = Some(child.digest.to_string());
    Finding { destination, ..Finding::said("manifest", text) }.about(child)
}

fn document(manifest: &Manifest) -> Value {
    // The bytes were parsed before, so this is JSON.
    serde_json::from_slice(&manifest.raw.bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests;

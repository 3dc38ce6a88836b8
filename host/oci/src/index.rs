//! Indexes: what they name, and which of their children a platform filter selects.

use std::collections::HashMap;

use super::{Descriptor, PlatformFilter};

/// The children of an OCI index or a Docker manifest list.
#[derive(Clone, Debug)]
pub struct Index {
    /// The children in order, repeated ones too.
    pub manifests: Vec<Descriptor>,
    /// The manifest that this index refers to.
    pub subject: Option<Descriptor>,
}

/// What a filter leaves of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// Everything: the index is pushed verbatim.
    All,
    /// The children at these positions.
    Part(Vec<usize>),
    /// No child satisfies the filter.
    Nothing,
}

impl Index {
    /// An index over `manifests`.
    pub const fn new(manifests: Vec<Descriptor>, subject: Option<Descriptor>) -> Self {
        Self { manifests, subject }
    }

    /// Applies `filter`. Children without a platform are kept; attestations follow the child that
    /// they describe; a child that is an index stands or falls by its own platform.
    pub fn select(&self, filter: &PlatformFilter) -> Selection {
        if filter.is_everything() {
            return Selection::All;
        }
        let by_platform = |child: &Descriptor| match &child.platform {
            Some(platform) if !platform.is_unspecified() && !platform.is_unknown() => {
                filter.selects(platform)
            }
            _ => true,
        };
        let mut kept: HashMap<String, bool> = HashMap::new();
        for child in self.manifests.iter().filter(|child| child.attestation_of().is_none()) {
            *kept.entry(child.digest.to_string()).or_default() |= by_platform(child);
        }
        let is_kept = |child: &Descriptor| match child.attestation_of() {
            Some(described) => kept.get(described).copied().unwrap_or(true),
            None => by_platform(child),
        };
        let positions: Vec<usize> = self
            .manifests
            .iter()
            .enumerate()
            .filter_map(|(position, child)| is_kept(child).then_some(position))
            .collect();
        if positions.len() == self.manifests.len() {
            Selection::All
        } else if positions.iter().all(|&at| self.manifests[at].attestation_of().is_some()) {
            Selection::Nothing
        } else {
            Selection::Part(positions)
        }
    }
}

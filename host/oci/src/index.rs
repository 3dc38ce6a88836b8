//! Indexes: their children, and the selection of children by platform.

use std::collections::HashMap;

use super::{Descriptor, Platform, PlatformFilter};

/// The children of an OCI index or a Docker manifest list.
#[derive(Clone, Debug)]
pub struct Index {
    /// The children in order, including duplicates.
    pub manifests: Vec<Descriptor>,
    /// The index's subject.
    pub subject: Option<Descriptor>,
}

/// The children that a filter selects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// All children: the index is pushed unchanged.
    All,
    /// The children at these positions.
    Part(Vec<usize>),
    /// No child.
    Nothing,
}

impl Index {
    /// Makes an index of `manifests`.
    pub const fn new(manifests: Vec<Descriptor>, subject: Option<Descriptor>) -> Self {
        Self { manifests, subject }
    }

    /// Applies `filter` to the children.
    ///
    /// Children without a platform are kept. An attestation follows the child that it describes. A
    /// nested index is judged by its own platform.
    pub fn select(&self, filter: &PlatformFilter) -> Selection {
        if filter.is_everything() {
            return Selection::All;
        }
        let by_platform = |child: &Descriptor| selects(filter, child).unwrap_or(true);
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

    /// Returns the first child with a platform that `filter` selects.
    pub fn first_of(&self, filter: &PlatformFilter) -> Option<&Descriptor> {
        let is_one = |child: &&Descriptor| {
            child.attestation_of().is_none() && selects(filter, child) == Some(true)
        };
        self.manifests.iter().find(is_one)
    }
}

/// Says whether `filter` selects the platform of `child`; `None` if it names none.
fn selects(filter: &PlatformFilter, child: &Descriptor) -> Option<bool> {
    let named = |platform: &&Platform| !platform.is_unspecified() && !platform.is_unknown();
    child.platform.as_ref().filter(named).map(|platform| filter.selects(platform))
}

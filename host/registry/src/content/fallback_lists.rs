//! What a run learns of the fallback tags of a registry.

use std::sync::atomic::{AtomicBool, Ordering};

/// Whether the registry shows lists of referrers under their fallback tags.
#[derive(Debug, Default)]
pub(crate) struct FallbackLists {
    shows_subjects: AtomicBool,
    keeps_none: AtomicBool,
    lacks_annotations: AtomicBool,
}

impl FallbackLists {
    /// Records that a fallback tag showed its subject.
    pub(crate) fn show_subject(&self) {
        self.shows_subjects.store(true, Ordering::Relaxed);
    }

    /// Whether a fallback tag showed its subject.
    pub(crate) fn shows_subjects(&self) -> bool {
        self.shows_subjects.load(Ordering::Relaxed)
    }

    /// Records that a fallback tag shows its subject even after a list was written there. Returns whether that is
    /// new.
    pub(crate) fn keep_none(&self) -> bool {
        !self.keeps_none.swap(true, Ordering::Relaxed)
    }

    /// Records that a list lacks annotations. Returns whether that is new.
    pub(crate) fn leave_annotations_out(&self) -> bool {
        !self.lacks_annotations.swap(true, Ordering::Relaxed)
    }

    /// Whether the registry keeps no lists.
    pub(crate) fn keeps_none(&self) -> bool {
        self.keeps_none.load(Ordering::Relaxed)
    }
}

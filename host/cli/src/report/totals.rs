//! The totals of a run.

use super::row::Row;
use longshore_engine::job::{Comparison, Status, Verdict};

/// The totals of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    /// Entries that were copied.
    pub(crate) copied: u32,
    /// Entries that are valid.
    pub(crate) valid: u32,
    /// Entries that were skipped.
    pub(crate) skipped: u32,
    /// The part of the skipped entries of which the destination has nothing: no platform was selected, or
    /// a rewrite left them out.
    pub(crate) left_out: u32,
    /// The part of the skipped entries that are the same as earlier lines.
    pub(crate) duplicates: u32,
    /// Entries that failed, were interrupted, or never started. Those with a verdict are among them.
    pub(crate) failed: u32,
    /// The entries with a verdict of `mirror-validate`.
    pub(crate) verdicts: Verdicts,
    /// Entries that a dry run would copy.
    pub(crate) dry_run: u32,
    /// Entries of a dry run whose destination could not be looked at.
    pub(crate) unknown: u32,
    /// The part of the failed entries that were interrupted or never started.
    pub(crate) unfinished: u32,
    /// Indexes of which the platform filter left a part out, copied or not.
    pub(crate) cut: u32,
    /// The part of them that an earlier run cut, so that this one skips them.
    pub(crate) cut_before: u32,
    /// The part of all of them whose platforms the list names.
    pub(crate) cut_by_list: u32,
    /// Bytes that a dry run would move at most, as far as it read manifests.
    pub(crate) at_most: u64,
    /// Entries that a dry run would copy, and whose size it does not know.
    pub(crate) unsized_entries: u32,
    /// Bytes of blobs and manifests that were transferred.
    pub(crate) bytes: u64,
}

/// The entries with a verdict of `mirror-validate`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdicts {
    pub(crate) missing: u32,
    pub(crate) moved_on: u32,
    pub(crate) altered: u32,
    pub(crate) broken: u32,
    /// The broken entries with content that does not match its digest.
    pub(crate) wrong_bytes: u32,
}

impl Verdicts {
    fn count(&mut self, comparison: &Comparison) {
        match comparison.verdict {
            Verdict::Missing => self.missing += 1,
            Verdict::MovedOn => self.moved_on += 1,
            Verdict::Altered => self.altered += 1,
            Verdict::Broken => self.broken += 1,
        }
        self.wrong_bytes += u32::from(comparison.has_wrong_bytes());
    }

    /// Adds the entries of another list.
    pub(crate) const fn add(&mut self, other: Self) {
        self.missing += other.missing;
        self.moved_on += other.moved_on;
        self.altered += other.altered;
        self.broken += other.broken;
        self.wrong_bytes += other.wrong_bytes;
    }

    /// Returns the number of entries.
    pub(crate) const fn sum(self) -> u32 {
        self.missing + self.moved_on + self.altered + self.broken
    }

    /// Returns each verdict with its number of entries.
    pub(super) fn each(self) -> [(Verdict, u32); 4] {
        [
            (Verdict::Missing, self.missing),
            (Verdict::MovedOn, self.moved_on),
            (Verdict::Altered, self.altered),
            (Verdict::Broken, self.broken),
        ]
    }
}

impl Totals {
    /// Returns the skipped entries that the destination has.
    pub(crate) const fn present(&self) -> u32 {
        self.skipped - self.left_out - self.duplicates
    }

    /// Says whether every entry was left out, so that the destination has nothing of any.
    pub(crate) const fn is_nothing(&self) -> bool {
        self.left_out > 0
            && self.present() == 0
            && self.copied + self.valid + self.failed + self.dry_run + self.unknown == 0
    }

    pub(super) fn count(&mut self, row: Row<'_>) {
        if let Some(comparison) = row.comparison() {
            self.verdicts.count(comparison);
        }
        match row.status() {
            Status::Copied => self.copied += 1,
            Status::Valid => self.valid += 1,
            Status::Skipped => self.skipped += 1,
            Status::Failed => self.failed += 1,
            Status::DryRun => self.dry_run += 1,
            Status::Unknown => self.unknown += 1,
        }
        self.left_out += u32::from(row.is_left_out());
        self.duplicates += u32::from(row.is_duplicate());
        self.unfinished += u32::from(row.is_unfinished());
        self.bytes += row.bytes();
    }
}

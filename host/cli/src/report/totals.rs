//! The totals of a run.

use std::time::Duration;

use super::row::Row;
use longshore_engine::event::Transferred;
use longshore_engine::job::Status;

/// The totals of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    /// Entries that were copied or are valid.
    pub(crate) copied: u32,
    /// Entries that were skipped.
    pub(crate) skipped: u32,
    /// Entries that failed, were interrupted, or never started.
    pub(crate) failed: u32,
    /// Entries that a dry run would copy.
    pub(crate) dry_run: u32,
    /// The part of the failed entries that were interrupted or never started.
    pub(crate) unfinished: u32,
    /// Bytes of blobs and manifests that were transferred.
    pub(crate) bytes: u64,
    /// Bytes of blobs that the destination mounted from another repository.
    pub(crate) mounted: u64,
    /// Bytes of blobs that the destination already had.
    pub(crate) present: u64,
    /// Bytes of blobs that another image of the run transferred.
    pub(crate) shared: u64,
    /// Requests that were retried.
    pub(crate) retries: u64,
    /// Pauses that registries asked for by rate limits.
    pub(crate) pauses: u64,
    /// The total length of these pauses.
    pub(crate) paused: Duration,
}

impl Totals {
    pub(super) fn count(&mut self, row: Row<'_>) {
        match row.status() {
            Status::Copied => self.copied += 1,
            Status::Skipped => self.skipped += 1,
            Status::Failed => self.failed += 1,
            Status::DryRun => self.dry_run += 1,
        }
        self.unfinished += u32::from(row.is_unfinished());
        self.bytes += row.bytes();
    }

    pub(super) fn count_blob(&mut self, size: u64, how: Transferred) {
        match how {
            // The outcome of the entry counts these bytes.
            Transferred::Moved => {}
            Transferred::Mounted => self.mounted += size,
            Transferred::Present => self.present += size,
            Transferred::Shared => self.shared += size,
        }
    }
}

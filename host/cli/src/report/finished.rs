//! A finished run: its entries, its totals and its failed list.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::error::ReportError;
use super::failed_list::FailedList;
use super::log::Log;
use super::options::ReportOptions;
use super::row::Rows;
use super::totals::Totals;

/// The result of a run.
#[derive(Debug)]
pub(crate) struct Report {
    /// Every entry of the list, by number.
    pub(super) rows: Rows,
    /// The totals.
    pub(crate) totals: Totals,
    /// The duration of the run.
    pub(crate) elapsed: Duration,
    pub(super) options: ReportOptions,
    pub(super) log: Arc<Log>,
    pub(super) failed_list: Option<FailedList>,
}

impl Report {
    /// Says whether an entry failed.
    pub(crate) const fn has_failures(&self) -> bool {
        self.totals.failed > 0
    }

    /// Returns the number and the reason of each entry that failed or did not finish.
    pub(crate) fn failures(&self) -> Vec<(u32, &str)> {
        self.rows.failures()
    }

    /// Writes the failed list of the run, and returns its path; `None` without a list or without failures.
    ///
    /// # Errors
    /// Returns an error if the list cannot be written, or an older one cannot be removed.
    pub(crate) fn finish_failed_list(&mut self) -> Result<Option<PathBuf>, ReportError> {
        match self.failed_list.take() {
            Some(list) => list.finish(&self.failures()),
            None => Ok(None),
        }
    }
}

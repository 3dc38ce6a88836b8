//! A finished run: its entries, its totals and its failed list.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::course::Figures;
use super::error::ReportError;
use super::failed_list::{FailedList, Remark};
use super::log::Log;
use super::options::{OutputFormat, ReportOptions, Verb};
use super::row::{Row, Rows};
use super::totals::Totals;
use longshore_store::Interrupt;

/// How long a device or a pipe may take the failed list after an interrupt.
const LAST_WRITE: Duration = Duration::from_secs(10);

/// The result of a run.
#[derive(Debug)]
pub(crate) struct Report {
    /// Every entry of the list, by number.
    pub(super) rows: Rows,
    /// The bytes saved, the effort and the timeline.
    pub(super) figures: Figures,
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

    /// Says whether the summary mentions that no referrers were looked for.
    pub(crate) fn speaks_of_referrers(&self) -> bool {
        let options = &self.options;
        options.verb == Verb::Mirror
            && options.output == OutputFormat::Text
            && !options.dry_run
            && !options.referrers
            && self.totals.copied > 0
    }

    /// Returns the command that mends all that a validation found; `None` if it found nothing.
    pub(crate) fn mend(&self) -> Option<&str> {
        self.options.mend.as_ref()?.of(self.totals.verdicts)
    }

    /// Returns a warning if the run did nothing because every entry was left out.
    pub(super) fn warning(&self) -> Option<String> {
        let all = self.rows.len();
        if !self.totals.is_nothing() {
            return None;
        }
        let verb = match self.options.verb {
            Verb::Mirror => "copied",
            Verb::Validate => "compared",
        };
        let which =
            if all == 1 { "the only entry was" } else { &format!("all {all} entries were") };
        let mut reasons = self.rows.iter().filter_map(Row::reason);
        let reason = reasons.next().map_or_else(String::new, |reason| match all {
            1 => format!(": {reason}"),
            _ => format!("; the first: {reason}"),
        });
        Some(format!("nothing was {verb}: {which} skipped{reason}"))
    }

    /// Returns the number and the reason of each entry that failed or did not finish.
    pub(crate) fn failures(&self) -> Vec<(u32, &str)> {
        self.rows.failures()
    }

    /// Writes the failed list of the run, and returns its path; `None` without a list or without failures.
    /// A pipe without a reader is given up after an interrupt.
    ///
    /// # Errors
    /// Returns an error if the list cannot be written, or an older one cannot be removed.
    pub(crate) async fn finish_failed_list(
        &mut self,
        interrupt: &mut Interrupt,
    ) -> Result<Option<PathBuf>, ReportError> {
        let Some(list) = self.failed_list.take() else { return Ok(None) };
        if !list.is_stream() {
            let tell = |remark: Remark| self.log.write(remark.level(), &remark.to_string());
            return list.finish(&self.failures(), tell);
        }
        let failures = self.failures().into_iter();
        let failures: Vec<_> = failures.map(|(number, why)| (number, why.to_owned())).collect();
        let path = list.path().to_owned();
        let writing = tokio::task::spawn_blocking(move || {
            let failures: Vec<_> = failures.iter().map(|(number, why)| (*number, &**why)).collect();
            // A device or a pipe had no list before.
            list.finish(&failures, |_| {})
        });
        let too_long = async {
            interrupt.raised().await;
            tokio::time::sleep(LAST_WRITE).await;
        };
        let broken = |cause| ReportError::write(&path, cause);
        tokio::select! {
            written = writing => written.map_err(|error| broken(io::Error::other(error)))?,
            () = too_long => Err(broken(io::ErrorKind::Interrupted.into())),
        }
    }
}

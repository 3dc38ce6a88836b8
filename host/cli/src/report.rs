//! Turns events into progress, log lines, reports, the failed list and the exit code.
//!
//! This is the only room that prints: data goes to standard output, everything else to standard
//! error. Other rooms send events, or log through `tracing`.

mod command;
mod comparison;
mod document;
mod ending;
mod error;
mod escape;
mod failed_list;
mod layer;
mod log;
mod progress;
mod reporter;
mod row;
mod stdout;
mod summary;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub(crate) use command::shell_command;
pub(crate) use error::ReportError;
pub(crate) use escape::escape;
pub(crate) use failed_list::{FailedEntry, FailedList};
pub(crate) use log::Log;
pub(crate) use reporter::Reporter;
pub(crate) use row::Rows;
pub(crate) use stdout::print;

use self::row::Row;
use longshore_engine::event::{Level, Transferred};
use longshore_engine::job::Status;

/// What standard output gets (`--output`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OutputFormat {
    /// A summary for people.
    #[default]
    Text,
    /// One JSON document.
    Json,
    /// One YAML document.
    Yaml,
}

/// What the run does with its entries; it decides the words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    /// It copies them.
    Mirror,
    /// It compares them.
    Validate,
}

/// How a run is reported.
#[derive(Clone, Debug)]
pub(crate) struct ReportOptions {
    /// What standard output gets.
    pub(crate) output: OutputFormat,
    /// What the run does.
    pub(crate) verb: Verb,
    /// Does it only say what it would do?
    pub(crate) dry_run: bool,
    /// Are signatures and other referrers looked for?
    pub(crate) referrers: bool,
    /// Is standard error a terminal, where bars can be drawn?
    pub(crate) terminal: bool,
    /// The list as a person named it, put before the line of a malformed entry; empty for none.
    pub(crate) list: String,
}

impl ReportOptions {
    /// Are progress bars drawn?
    pub(crate) fn draws_bars(&self) -> bool {
        self.terminal && self.output == OutputFormat::Text
    }
}

/// The figures of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    /// Entries that were copied, or found valid.
    pub(crate) copied: u32,
    /// Entries that were left alone.
    pub(crate) skipped: u32,
    /// Entries that failed, were cut off, or never came to their turn.
    pub(crate) failed: u32,
    /// Entries that a dry run would copy.
    pub(crate) dry_run: u32,
    /// How many of the failed were cut off or never came to their turn.
    pub(crate) unfinished: u32,
    /// Bytes of blobs and manifests that were moved.
    pub(crate) bytes: u64,
    /// Bytes of blobs that the destination mounted from another repository.
    pub(crate) mounted: u64,
    /// Bytes of blobs that were at the destination already.
    pub(crate) present: u64,
    /// Bytes of blobs that another image of the run brought.
    pub(crate) shared: u64,
    /// Requests that were made again.
    pub(crate) retries: u64,
    /// Pauses that registries asked for.
    pub(crate) pauses: u64,
    /// How long these were together.
    pub(crate) paused: Duration,
}

impl Totals {
    fn count(&mut self, row: Row<'_>) {
        match row.status() {
            Status::Copied => self.copied += 1,
            Status::Skipped => self.skipped += 1,
            Status::Failed => self.failed += 1,
            Status::DryRun => self.dry_run += 1,
        }
        self.unfinished += u32::from(row.is_unfinished());
        self.bytes += row.bytes();
    }

    fn count_blob(&mut self, size: u64, how: Transferred) {
        match how {
            // The outcome of its entry counts these bytes.
            Transferred::Moved => {}
            Transferred::Mounted => self.mounted += size,
            Transferred::Present => self.present += size,
            Transferred::Shared => self.shared += size,
        }
    }
}

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Report {
    /// Every entry of the list, by number.
    rows: Rows,
    /// The figures.
    pub(crate) totals: Totals,
    /// How long it took.
    pub(crate) elapsed: Duration,
    options: ReportOptions,
    log: Arc<Log>,
    failed_list: Option<FailedList>,
}

impl Report {
    /// Did an entry fail?
    pub(crate) const fn has_failures(&self) -> bool {
        self.totals.failed > 0
    }

    /// The number and the reason of each entry that failed or was not done.
    pub(crate) fn failures(&self) -> Vec<(u32, &str)> {
        self.rows.failures()
    }

    /// Writes the failed list that the reporter was given, and says where it is; `None` if there
    /// is nothing in it, or if there was none to write.
    ///
    /// # Errors
    /// Where it could not be written, or an older one could not be removed.
    pub(crate) fn finish_failed_list(&mut self) -> Result<Option<PathBuf>, ReportError> {
        match self.failed_list.take() {
            Some(list) => list.finish(&self.failures()),
            None => Ok(None),
        }
    }

    /// Writes the summary or the document to standard output; `command` repeats the run with the
    /// failed list at `failed_list`.
    ///
    /// # Errors
    /// Where standard output cannot be written; a reader that went away is no error.
    pub(crate) fn print(
        &self,
        failed_list: Option<&Path>,
        command: &str,
    ) -> Result<(), ReportError> {
        if let Some(path) = failed_list
            && self.options.output != OutputFormat::Text
        {
            let path = path.display();
            let next = next_step(failed_list, command);
            self.log.write(Level::Info, &format!("failed list: {path}; {next}"));
        }
        stdout::with_stdout(|out| match self.options.output {
            OutputFormat::Text => {
                summary::write_text(self, failed_list, &next_step(failed_list, command), out)
            }
            OutputFormat::Json => document::write_json(self, out),
            OutputFormat::Yaml => document::write_yaml(self, out),
        })
    }
}

/// What to do with the failed list: repeat the run by `command`, unless it holds remarks only.
fn next_step(failed_list: Option<&Path>, command: &str) -> String {
    if failed_list.is_some_and(|path| !failed_list::has_entries(path)) {
        return "nothing in it can be repeated as it is: correct the list that was read".to_owned();
    }
    format!("repeat with: {command}")
}

#[cfg(test)]
mod tests;

//! How a run is reported.

use std::time::Instant;

use super::print::mend::MendCommands;
use longshore_engine::plan::Shard;
use serde::{Deserialize, Serialize};

/// The form of the report on standard output (`--output`).
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

/// The task of the run, which chooses the words of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    /// Copies the entries.
    Mirror,
    /// Compares the entries.
    Validate,
}

/// Options of a run's report.
#[derive(Clone, Debug)]
pub(crate) struct ReportOptions {
    /// When the run began: before its list was planned, which may list tags for minutes.
    pub(crate) started: Instant,
    /// The form of the report on standard output.
    pub(crate) output: OutputFormat,
    /// The task of the run.
    pub(crate) verb: Verb,
    /// True if the run only shows what it would do.
    pub(crate) dry_run: bool,
    /// True if the run looks for signatures and other referrers.
    pub(crate) referrers: bool,
    /// True if the run also writes a page.
    pub(crate) page: bool,
    /// True if standard error is a terminal, which can show progress bars.
    pub(crate) terminal: bool,
    /// The part of the list that the run processes, if not all of it.
    pub(crate) shard: Option<Shard>,
    /// The commands that mend what a validation finds.
    pub(crate) mend: Option<MendCommands>,
    /// The list as the user named it, a prefix for line numbers; empty for none.
    pub(crate) list: String,
}

impl ReportOptions {
    /// Says whether the report shows what each entry saved.
    pub(crate) fn shows_savings(&self) -> bool {
        self.page || self.output != OutputFormat::Text
    }

    /// Says whether the run shows progress bars.
    pub(crate) fn draws_bars(&self) -> bool {
        self.terminal && self.output == OutputFormat::Text
    }
}

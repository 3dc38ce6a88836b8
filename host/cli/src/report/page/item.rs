//! One row of the page: an entry of a list, a chart or an image of a chart.

use std::time::Duration;

use crate::report::course::Saved;

/// How an item ended, which chooses its colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::report) enum Kind {
    /// It arrived, or is valid.
    Copied,
    /// Nothing had to be done.
    #[default]
    Skipped,
    /// It failed or did not finish.
    Failed,
    /// A dry run would copy it.
    Planned,
}

impl Kind {
    /// The class of its colours.
    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::Copied => "copied",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
            Self::Planned => "planned",
        }
    }
}

/// One row of the page.
#[derive(Clone, Debug, Default)]
pub(in crate::report) struct Item<'a> {
    /// Its number in the run: the `M_ID` of log lines.
    pub(in crate::report) number: u32,
    pub(in crate::report) kind: Kind,
    /// The word for how it ended.
    pub(in crate::report) status: &'static str,
    pub(in crate::report) source: String,
    /// Empty if it has none.
    pub(in crate::report) destination: String,
    pub(in crate::report) took: Duration,
    /// Bytes that moved.
    pub(in crate::report) bytes: u64,
    pub(in crate::report) saved: Saved,
    pub(in crate::report) source_digest: Option<String>,
    pub(in crate::report) destination_digest: Option<String>,
    /// Why the two digests differ.
    pub(in crate::report) digest_change: Option<&'a str>,
    /// Why it was skipped or what a dry run would do.
    pub(in crate::report) reason: Option<&'a str>,
    /// Why it failed.
    pub(in crate::report) error: Option<&'a str>,
    pub(in crate::report) hint: Option<&'a str>,
}

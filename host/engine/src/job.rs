//! Jobs, each of which copies one manifest from a source to a destination, and their outcomes.

mod finding;
mod jobs;
mod outcome;
mod position;

use longshore_oci::{PlatformFilter, Reference};
use serde::{Deserialize, Serialize};

pub use finding::{Comparison, Finding, Spec, Verdict};
pub use jobs::{Jobs, ShownJob};
pub use outcome::{Outcome, Status};
pub use position::position;

/// One manifest to copy or compare. It names no local file, so that another machine could run it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    /// The entry's number in the list, from 1: the `M_ID` of log lines.
    pub number: u32,
    /// The line where the entry starts in the list, from 1.
    pub line: u32,
    /// The source.
    pub source: Reference,
    /// The destination.
    pub destination: Reference,
    /// The filter for an index's children.
    pub filter: PlatformFilter,
}

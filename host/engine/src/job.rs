//! Jobs: each is one manifest to bring from a source to a destination. And what came of them.

mod finding;
mod jobs;
mod outcome;

use longshore_oci::{PlatformFilter, Reference};
use serde::{Deserialize, Serialize};

pub use finding::{Comparison, Finding, Spec, Verdict};
pub use jobs::Jobs;
pub use outcome::{Outcome, Status};

/// One thing to copy or compare. It names no local file, so that another machine could run it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    /// The entry's number in the list, from 1: the `M_ID` of log lines.
    pub number: u32,
    /// Where the entry starts in the list, from 1.
    pub line: u32,
    /// What is fetched.
    pub source: Reference,
    /// Where it goes.
    pub destination: Reference,
    /// Which children of an index are wanted.
    pub filter: PlatformFilter,
}

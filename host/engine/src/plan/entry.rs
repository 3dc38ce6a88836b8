//! The entries of a plan, those that became no job too.

use std::sync::Arc;

use bytes::Bytes;

use crate::job::{Jobs, Outcome};

/// Everything that a run is about. Each entry is a job or has ended.
#[derive(Debug, Default)]
pub struct Plan {
    /// What the failed list says for each entry, by number.
    pub entries: Vec<PlannedEntry>,
    /// What is to be done.
    pub jobs: Jobs,
    /// Entries that ended before anything is copied, by number.
    pub ended: Vec<Ended>,
}

/// An entry of the list as the failed list repeats it. There may be a million of them.
#[derive(Clone, Debug)]
pub struct PlannedEntry {
    /// From 1.
    pub number: u32,
    /// It as it stood before `-s`, `-d` and rewrites, which need not be text.
    pub text: Bytes,
    /// What the failed list says of it in a comment `# longshore: KEY=VALUE …` above it: its platforms,
    /// and another tag at the destination.
    pub terms: Option<Arc<str>>,
}

/// An entry that becomes no job.
#[derive(Clone, Debug)]
pub struct Ended {
    /// From 1.
    pub number: u32,
    /// Where it starts in the list, from 1; 0 is the input as a whole.
    pub line: u32,
    /// The column of what is wrong, from 1, where it is known.
    pub column: Option<u32>,
    /// The source, as it stands in the list where it is no reference.
    pub source: String,
    /// The destination; empty where there is none.
    pub destination: String,
    /// How it ended.
    pub outcome: Outcome,
}

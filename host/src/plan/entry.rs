//! The entries of a plan, those that became no job too.

use std::sync::Arc;

use super::{Job, Outcome};

/// Everything that a run is about.
#[derive(Debug, Default)]
pub struct Plan {
    /// All entries by number.
    pub entries: Vec<PlannedEntry>,
    /// What is to be done; numbers are those of the entries.
    pub jobs: Vec<Arc<Job>>,
}

/// One entry of the list, or a line that should have been one.
#[derive(Clone, Debug)]
pub struct PlannedEntry {
    /// From 1.
    pub number: u32,
    /// Where it starts in the list, from 1; 0 is the input as a whole.
    pub line: u32,
    /// The column of what is wrong, from 1, where it is known.
    pub column: Option<u32>,
    /// The source, as it stands in the list where it is no reference.
    pub source: Arc<str>,
    /// The destination; empty where there is none.
    pub destination: Arc<str>,
    /// What the failed list says for it: it as it stood before `-s`, `-d` and rewrites.
    pub text: Arc<str>,
    /// The platforms that the list gives it.
    pub platforms: Option<Arc<str>>,
    /// How it ended, where that is known before anything is copied.
    pub ended: Option<Outcome>,
}

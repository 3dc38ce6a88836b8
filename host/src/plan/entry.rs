//! The entries of a plan, those that became no job too.

use std::sync::Arc;

use bytes::Bytes;

use super::{Job, Outcome};

/// Everything that a run is about.
#[derive(Debug, Default)]
pub struct Plan {
    /// All entries by number.
    pub entries: Vec<PlannedEntry>,
}

impl Plan {
    /// What is to be done, in the order of the list.
    pub fn jobs(&self) -> Vec<Arc<Job>> {
        let job = |entry: &PlannedEntry| match &entry.fate {
            Fate::Job(job) => Some(Arc::clone(job)),
            Fate::Ended(_) => None,
        };
        self.entries.iter().filter_map(job).collect()
    }
}

/// One entry of the list, or a line that should have been one. There may be a million of them.
#[derive(Clone, Debug)]
pub struct PlannedEntry {
    /// From 1.
    pub number: u32,
    /// Where it starts in the list, from 1; 0 is the input as a whole.
    pub line: u32,
    /// What the failed list says for it: it as it stood before `-s`, `-d` and rewrites, which need
    /// not be text.
    pub text: Bytes,
    /// The platforms that the list gives it.
    pub platforms: Option<Arc<str>>,
    /// What becomes of it.
    pub fate: Fate,
}

/// What a plan makes of an entry.
#[derive(Clone, Debug)]
pub enum Fate {
    /// It is to be done; the job has its number.
    Job(Arc<Job>),
    /// It ended before anything is copied.
    Ended(Box<Ended>),
}

/// An entry that becomes no job.
#[derive(Clone, Debug)]
pub struct Ended {
    /// The column of what is wrong, from 1, where it is known.
    pub column: Option<u32>,
    /// The source, as it stands in the list where it is no reference.
    pub source: String,
    /// The destination; empty where there is none.
    pub destination: String,
    /// How it ended.
    pub outcome: Outcome,
}

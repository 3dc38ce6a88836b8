//! The entries of a plan, including those that did not become jobs.

use std::sync::Arc;

use bytes::Bytes;

use crate::job::{Job, Jobs, Outcome};
use longshore_oci::Registry;

/// The plan of a run. Each entry is a job or has ended.
#[derive(Debug, Default)]
pub struct Plan {
    /// The lines of the failed list for each entry, in the order of the list.
    pub entries: Vec<PlannedEntry>,
    /// The jobs.
    pub jobs: Jobs,
    /// Entries that ended before the copy, by number.
    pub ended: Vec<Ended>,
    /// Entries whose destination is that of another entry. They are not jobs; the caller decides about
    /// them.
    pub collisions: Vec<Collision>,
    /// The number of entries of all parts.
    pub count: u32,
    /// The registry of every destination in the list, before the rewrites; `None` if there are
    /// several. Destinations without a registry are on Docker Hub.
    pub listed: Option<Registry>,
    /// The rewrites that changed nothing, but for those that only check entries and the built-in `registry`.
    pub idle: Vec<IdleRewrite>,
}

/// A rewrite that was asked about entries and changed none of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdleRewrite {
    /// Its name.
    pub name: String,
    /// The number of entries that it was asked about.
    pub entries: usize,
    /// The source and the destination of the first entry, as the rewrite got them.
    pub first: (String, String),
}

/// Two entries with one destination, and two sources or platform filters.
#[derive(Clone, Debug)]
pub struct Collision {
    /// The job that has the destination. Another part of the run may have it.
    pub first: Job,
    /// The job that would have it too. It is not among the jobs of the plan.
    pub second: Job,
}

/// An entry as the failed list repeats it. A plan may hold a million of them.
#[derive(Clone, Debug)]
pub struct PlannedEntry {
    /// The number of the entry whose failure puts this one into the failed list, from 1: its own, or that
    /// of an earlier entry that does the same.
    pub number: u32,
    /// The text before `-s`, `-d` and rewrites; it may not be UTF-8.
    pub text: Bytes,
    /// The terms of a comment `# longshore: KEY=VALUE …` above it in the failed list: its
    /// platforms, and another destination tag.
    pub terms: Option<Arc<str>>,
}

/// An entry that did not become a job.
#[derive(Clone, Debug)]
pub struct Ended {
    /// The entry's number, from 1.
    pub number: u32,
    /// The line where it starts, from 1; 0 stands for the whole input.
    pub line: u32,
    /// The column of the error, from 1, if known.
    pub column: Option<u32>,
    /// The source; as written in the list if it is not a valid reference.
    pub source: String,
    /// The destination; empty if there is none.
    pub destination: String,
    /// The outcome.
    pub outcome: Outcome,
}

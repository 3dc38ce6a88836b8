//! Compares destinations with their sources: is there what `mirror` would have written, and all that
//! it names?
//!
//! Both ends are asked with the right to pull only, by HEAD where that is enough. What is at the
//! destination is read there, so that no pull is counted at the source where the digests agree.

mod compare;
mod difference;
mod error;
mod fields;
mod inventory;
mod list_pairs;
mod referrers;
mod seen;
mod verdict;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use self::compare::Compare;
use self::seen::Seen;
use crate::plan::{Jobs, Outcome};
use crate::registry::Registries;
use crate::transfer::{
    Configurations, EventSender, IndexMode, Interrupt, ManifestCache, each, seats,
};

/// Requests for content at once, for each comparison.
const REQUESTS_PER_JOB: usize = 4;
/// The same where blobs are downloaded.
const DOWNLOADS_PER_JOB: usize = 2;

/// What holds for every comparison of a run.
#[derive(Clone, Debug)]
pub struct ValidateOptions {
    /// Comparisons at once, at least 1.
    pub jobs: usize,
    /// How `mirror` wrote indexes.
    pub index: IndexMode,
    /// Is it a failure where nothing satisfies the platform filter?
    pub no_platform_fails: bool,
    /// Is each blob downloaded and hashed?
    pub deep: bool,
    /// Are signatures and whatever else refers to an image compared too?
    pub referrers: bool,
    /// What earlier runs have fetched, if it can be had.
    pub cache: Option<ManifestCache>,
    /// The commands that mend what was found.
    pub mend: MendCommands,
}

/// The commands that mend a destination.
#[derive(Clone, Debug)]
pub struct MendCommands {
    /// Mirrors what failed again.
    pub again: String,
    /// The same, and believes nothing of the destination.
    pub thoroughly: String,
}

/// What the comparisons of a run share.
struct Run {
    registries: Registries,
    options: ValidateOptions,
    events: EventSender,
    seen: Seen,
    requests: Semaphore,
    configurations: Configurations,
}

/// Compares the destinations of `jobs`; ends when each has its outcome, where
/// [`Status::Copied`](crate::plan::Status::Copied) says that it is right.
pub async fn run(
    jobs: &Jobs,
    registries: Registries,
    options: ValidateOptions,
    events: EventSender,
    interrupt: Interrupt,
) {
    let per_job = if options.deep { DOWNLOADS_PER_JOB } else { REQUESTS_PER_JOB };
    let at_once = options.jobs;
    let run = Arc::new(Run {
        registries,
        options,
        events: events.clone(),
        seen: Seen::default(),
        requests: Semaphore::new(at_once.saturating_mul(per_job).min(Semaphore::MAX_PERMITS)),
        configurations: Configurations::default(),
    });
    each(jobs, seats(at_once), Duration::ZERO, events, interrupt, move |job, _seat| {
        let run = Arc::clone(&run);
        async move {
            let compare = Compare::new(&run, &job);
            compare
                .whole()
                .await
                .unwrap_or_else(|error| Outcome { hint: error.hint(), ..Outcome::failed(error) })
        }
    })
    .await;
}

//! Copies all jobs.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::Semaphore;

use super::configuration::Configurations;
use super::placement::Placement;
use super::referrers::Referrals;
use super::{EventSender, IndexMode, Interrupt, ManifestCache, each};
use super::{copy, dry_run};
use crate::oci::Name;
use crate::plan::{Job, Outcome};
use crate::registry::Registries;

/// Blobs on their way for each image at once.
const TRANSFERS_PER_JOB: usize = 2;

/// What holds for every job of a run.
#[derive(Clone, Debug)]
pub struct TransferOptions {
    /// Images at once, at least 1.
    pub jobs: usize,
    /// How indexes are written.
    pub index: IndexMode,
    /// Is it a failure where nothing satisfies the platform filter?
    pub no_platform_fails: bool,
    /// Are signatures and whatever else refers to an image copied too?
    pub referrers: bool,
    /// What earlier runs have fetched, if it can be had.
    pub cache: Option<ManifestCache>,
    /// Only say what would happen.
    pub dry_run: bool,
    /// Believe nothing of the destination: look at each selected child and blob there.
    pub force_recursive: bool,
    /// Repositories whose preparation failed, and how.
    pub unprepared: HashMap<Name, String>,
}

/// What the jobs of a run share.
pub(super) struct Run {
    pub(super) registries: Registries,
    pub(super) options: TransferOptions,
    pub(super) events: EventSender,
    pub(super) placement: Placement,
    pub(super) transfers: Semaphore,
    pub(super) referrals: Referrals,
    pub(super) configurations: Configurations,
}

/// Copies `jobs` and ends when each has its outcome.
pub async fn run(
    jobs: Vec<Arc<Job>>,
    registries: Registries,
    options: TransferOptions,
    events: EventSender,
    interrupt: Interrupt,
) {
    let at_once = options.jobs;
    let transfers = at_once.saturating_mul(TRANSFERS_PER_JOB).min(Semaphore::MAX_PERMITS);
    let run = Arc::new(Run {
        registries,
        transfers: Semaphore::new(transfers),
        options,
        events: events.clone(),
        placement: Placement::default(),
        referrals: Referrals::default(),
        configurations: Configurations::default(),
    });
    each(jobs, at_once, events, interrupt, move |job| {
        let run = Arc::clone(&run);
        async move { attempt(&run, &job).await }
    })
    .await;
}

async fn attempt(run: &Run, job: &Job) -> Outcome {
    if run.options.dry_run { dry_run::look(run, job).await } else { copy::copy(run, job).await }
}

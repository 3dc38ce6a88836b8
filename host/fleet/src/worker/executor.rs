//! Copies or compares the batches of a run, and uses what earlier batches have shown.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use longshore_engine::ManifestCache;
use longshore_engine::copy::{Copier, CopyOptions, SharedHomes};
use longshore_engine::event::EventSender;
use longshore_engine::job::Jobs;
use longshore_engine::validate::{Comparer, ValidateOptions};
use longshore_oci::Name;
use longshore_store::{Interrupt, Stores};

use crate::message::{RunOptions, Task};

/// Copies or compares. Clones share what the run knows.
#[derive(Clone)]
pub(super) enum Executor {
    Copy(Copier),
    Compare(Comparer),
}

/// What a worker brings along.
pub(super) struct Own {
    pub(super) stores: Arc<dyn Stores>,
    pub(super) cache: Option<ManifestCache>,
    pub(super) homes: Arc<dyn SharedHomes>,
    /// The most images at once.
    pub(super) jobs: usize,
}

impl Executor {
    /// Makes the executor of a run.
    ///
    /// # Errors
    /// If the options name a repository that is not valid.
    pub(super) fn new(options: &RunOptions, own: Own, events: EventSender) -> Result<Self, String> {
        let Own { stores, cache, homes, jobs } = own;
        Ok(match &options.task {
            Task::Copy { force_recursive, deep, unprepared } => Self::Copy(Copier::new(
                stores,
                CopyOptions {
                    jobs,
                    timeout: options.timeout,
                    index: options.index,
                    no_platform_fails: options.no_platform_fails,
                    referrers: options.referrers,
                    cache,
                    dry_run: false,
                    force_recursive: *force_recursive,
                    deep: *deep,
                    charts_by_content: false,
                    unprepared: by_name(unprepared)?,
                    refused: HashSet::new(),
                    would_create: HashMap::new(),
                    homes: Some(homes),
                },
                events,
            )),
            Task::Compare { deep, missing } => Self::Compare(Comparer::new(
                stores,
                ValidateOptions {
                    jobs,
                    timeout: options.timeout,
                    index: options.index,
                    no_platform_fails: options.no_platform_fails,
                    deep: *deep,
                    referrers: options.referrers,
                    charts_by_content: false,
                    cache,
                    missing: by_name(missing)?,
                },
                events,
            )),
        })
    }

    /// Runs `jobs`, and returns when each has its outcome.
    pub(super) async fn run(&self, jobs: &Jobs, interrupt: Interrupt) {
        match self {
            Self::Copy(copier) => copier.copy(jobs, interrupt).await,
            Self::Compare(comparer) => comparer.compare(jobs, interrupt).await,
        }
    }

    /// Saves what later runs use.
    pub(super) async fn finish(&self) {
        match self {
            Self::Copy(copier) => copier.finish().await,
            Self::Compare(comparer) => comparer.finish(),
        }
    }
}

fn by_name(texts: &BTreeMap<String, String>) -> Result<HashMap<Name, String>, String> {
    let parsed = |(name, why): (&String, &String)| {
        let parsed = name.parse::<Name>().map_err(|error| format!("{name:?}: {error}"))?;
        Ok((parsed, why.clone()))
    };
    texts.iter().map(parsed).collect()
}

//! Copies all jobs of a run.

use std::hash::RandomState;
use std::sync::{Arc, Mutex};

use longshore_store::{Interrupt, Stores};

use super::admission::Admission;
use super::known_content::{BadContent, KnownContent, KnownReferrers};
use super::options::CopyOptions;
use super::shared_homes::ClaimTurns;
use super::work::{Run, Told};
use super::{dry_run, image};
use crate::event::{Event, EventSender};
use crate::job::Jobs;
use crate::pool::{GRACE, Times, each};
use crate::source_reader::KnownSources;

/// Copies the jobs of a run, which may come in several batches. Clones share what the run knows.
#[derive(Clone)]
pub struct Copier {
    run: Arc<Run>,
    admission: Admission,
}

impl Copier {
    /// Makes the copier of a run.
    pub fn new(stores: Arc<dyn Stores>, options: CopyOptions, events: EventSender) -> Self {
        let admission = Admission::new(options.jobs);
        let run = Arc::new(Run {
            stores,
            options,
            events,
            known: KnownContent::default(),
            bad_content: BadContent::default(),
            referrers: KnownReferrers::default(),
            sources: KnownSources::default(),
            told: Told::default(),
            claims: ClaimTurns::default(),
            counted: Mutex::default(),
            hasher: RandomState::new(),
        });
        Self { run, admission }
    }

    /// Copies `jobs`, and returns when each has its outcome.
    pub async fn copy(&self, jobs: &Jobs, interrupt: Interrupt) {
        let admit = || self.admission.admit();
        let times = Times { grace: GRACE, limit: self.run.options.timeout };
        let of_jobs = Arc::clone(&self.run);
        let events = self.run.events.clone();
        each(jobs, admit, times, events, interrupt, move |job, admitted, interrupt| {
            let run = Arc::clone(&of_jobs);
            async move {
                if run.options.dry_run {
                    dry_run::preview(&run, &job, &admitted, interrupt).await
                } else {
                    image::copy(&run, &job, &admitted, interrupt).await
                }
            }
        })
        .await;
    }

    /// Ends the run: saves the hints of its stores, and reports its retries and pauses.
    pub async fn finish(&self) {
        self.run.tell_at_end();
        self.run.stores.finish().await;
        self.run.events.send(Event::Effort(self.run.stores.effort()));
    }
}

/// Copies `jobs`, and returns when each has its outcome.
pub async fn run(
    jobs: &Jobs,
    stores: Arc<dyn Stores>,
    options: CopyOptions,
    events: EventSender,
    interrupt: Interrupt,
) {
    let copier = Copier::new(stores, options, events);
    copier.copy(jobs, interrupt).await;
    copier.finish().await;
}

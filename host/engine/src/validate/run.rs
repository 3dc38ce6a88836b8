//! Compares all jobs of a run.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use longshore_store::{Interrupt, Stores};
use tokio::sync::Semaphore;

use super::compare::compare;
use super::entry::{Entry, Run, ValidateOptions};
use super::inventory::CheckedContent;
use super::room::Room;
use crate::event::{Event, EventSender};
use crate::job::{Jobs, Outcome};
use crate::pool::{AtMost, Times, each};
use crate::source_reader::KnownSources;

/// Concurrent requests for content per comparison.
const REQUESTS_PER_JOB: usize = 4;
/// Concurrent downloads per comparison, with `--deep`.
const DOWNLOADS_PER_JOB: usize = 2;

/// Compares the jobs of a run, which may come in several batches. Clones share what the run knows.
#[derive(Clone)]
pub struct Comparer {
    run: Arc<Run>,
    admission: AtMost,
}

impl Comparer {
    /// Makes the comparer of a run.
    pub fn new(stores: Arc<dyn Stores>, options: ValidateOptions, events: EventSender) -> Self {
        let per_job = if options.deep { DOWNLOADS_PER_JOB } else { REQUESTS_PER_JOB };
        let at_once = options.jobs;
        let run = Arc::new(Run {
            stores,
            options,
            events,
            checked: CheckedContent::default(),
            requests: Semaphore::new(at_once.saturating_mul(per_job).min(Semaphore::MAX_PERMITS)),
            sources: KnownSources::default(),
            room: Room::default(),
            large: Mutex::default(),
        });
        Self { run, admission: AtMost::new(at_once) }
    }

    /// Compares the destinations of `jobs`, and returns when each has its outcome.
    pub async fn compare(&self, jobs: &Jobs, interrupt: Interrupt) {
        let times = Times { grace: Duration::ZERO, limit: self.run.options.timeout };
        let admit = || self.admission.admit();
        let of_jobs = Arc::clone(&self.run);
        let events = self.run.events.clone();
        each(jobs, admit, times, events, interrupt, move |job, _admitted, _interrupt| {
            let run = Arc::clone(&of_jobs);
            async move {
                let compared = async { compare(&Entry::new(&run, &job)?).await };
                compared.await.unwrap_or_else(|error| Outcome {
                    hint: error.hint(),
                    unreachable: error.is_unreachable(),
                    is_login: error.is_login(),
                    ..Outcome::failed(error)
                })
            }
        })
        .await;
    }

    /// Ends the run: reports its retries and pauses.
    pub fn finish(&self) {
        self.run.events.send(Event::Effort(self.run.stores.effort()));
    }
}

/// Compares the destinations of `jobs`, and returns when each has its outcome.
pub async fn run(
    jobs: &Jobs,
    stores: Arc<dyn Stores>,
    options: ValidateOptions,
    events: EventSender,
    interrupt: Interrupt,
) {
    let comparer = Comparer::new(stores, options, events);
    comparer.compare(jobs, interrupt).await;
    comparer.finish();
}

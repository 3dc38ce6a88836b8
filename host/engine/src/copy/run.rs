//! Copies all jobs of a run.

use std::sync::Arc;

use longshore_store::{Interrupt, Stores};

use super::admission::Admission;
use super::known_content::{BadContent, KnownContent, KnownReferrers};
use super::options::CopyOptions;
use super::work::Run;
use super::{dry_run, image};
use crate::event::{Event, EventSender};
use crate::job::Jobs;
use crate::pool::{GRACE, Times, each};
use crate::source_reader::KnownSources;

/// Copies `jobs`, and returns when each has its outcome.
pub async fn run(
    jobs: &Jobs,
    stores: Arc<dyn Stores>,
    options: CopyOptions,
    events: EventSender,
    interrupt: Interrupt,
) {
    let admission = Admission::new(options.jobs);
    let run = Arc::new(Run {
        stores,
        options,
        events: events.clone(),
        known: KnownContent::default(),
        bad_content: BadContent::default(),
        referrers: KnownReferrers::default(),
        sources: KnownSources::default(),
    });
    let admit = || admission.admit();
    let of_jobs = Arc::clone(&run);
    let times = Times { grace: GRACE, limit: run.options.timeout };
    each(jobs, admit, times, events.clone(), interrupt, move |job, admitted, interrupt| {
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
    run.stores.finish().await;
    events.send(Event::Effort(run.stores.effort()));
}

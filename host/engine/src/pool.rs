//! Runs jobs concurrently until all are done or the run is interrupted.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use longshore_store::Interrupt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use crate::event::{Event, EventSender};
use crate::job::{Job, Jobs, Outcome};

/// How long running jobs may continue after an interrupt.
pub(crate) const GRACE: Duration = Duration::from_secs(10);

/// Runs `work` for each of `jobs` as soon as `admit` admits it, and reports the outcomes.
///
/// After an interrupt no job is started. Running jobs have `grace` to finish; all others end as
/// unfinished.
pub(crate) async fn each<S, T, W, F>(
    jobs: &Jobs,
    admit: impl Fn() -> S,
    grace: Duration,
    events: EventSender,
    interrupt: Interrupt,
    work: W,
) where
    S: Future<Output = T>,
    T: Send + 'static,
    W: Fn(Box<Job>, T) -> F + Clone + Send + 'static,
    F: Future<Output = Outcome> + Send + 'static,
{
    let unfinished = || Outcome { unfinished: true, ..Outcome::failed("interrupted") };
    let mut running = JoinSet::new();
    for job in jobs.iter().map(Box::new) {
        let mut raised = interrupt.clone();
        let admitted = tokio::select! {
            biased;
            () = raised.raised() => None,
            admitted = admit() => Some(admitted),
        };
        // Frees finished tasks while there are more to start.
        while running.try_join_next().is_some() {}
        let number = job.number;
        let Some(admitted) = admitted else {
            events.send(Event::Finished { job: number, outcome: unfinished() });
            continue;
        };
        events.send(Event::Started { job: number });
        let (work, events) = (work.clone(), events.clone());
        running.spawn(async move {
            let out_of_time = async {
                raised.raised().await;
                tokio::time::sleep(grace).await;
            };
            // A panic fails one entry only, which is then in the failed list.
            let work = AssertUnwindSafe(work(job, admitted)).catch_unwind();
            let outcome = tokio::select! {
                outcome = work => outcome.unwrap_or_else(|_| Outcome::failed("internal error, this is a bug in longshore")),
                () = out_of_time => unfinished(),
            };
            events.send(Event::Finished { job: number, outcome });
        });
    }
    while running.join_next().await.is_some() {}
}

/// Admits at most `count` jobs at once, at least one.
pub(crate) fn at_most(
    count: usize,
) -> impl Fn() -> Pin<Box<dyn Future<Output = Option<OwnedSemaphorePermit>> + Send>> {
    let permits = Arc::new(Semaphore::new(count.clamp(1, Semaphore::MAX_PERMITS)));
    move || {
        let permits = Arc::clone(&permits);
        // The semaphore is never closed.
        Box::pin(async move { permits.acquire_owned().await.ok() })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use std::time::Duration;

    use longshore_oci::PlatformFilter;
    use longshore_store::Interrupt;

    use super::{at_most, each};
    use crate::event::{Event, EventSender};
    use crate::job::{Job, Jobs, Outcome, Status};

    fn jobs(count: u32) -> Jobs {
        let job = |number| Job {
            number,
            line: number,
            source: "a.io/x:1".parse().unwrap(),
            destination: "b.io/x:1".parse().unwrap(),
            filter: PlatformFilter::default(),
        };
        (1..=count).map(job).collect()
    }

    #[tokio::test]
    async fn a_bounded_number_runs_at_once_and_each_ends() {
        let (events, mut received) = EventSender::channel();
        let (_switch, interrupt) = Interrupt::channel();
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let seen = Arc::clone(&most);
        each(&jobs(20), at_most(3), Duration::ZERO, events, interrupt, move |_, admitted| {
            let (running, most) = (Arc::clone(&running), Arc::clone(&most));
            async move {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                running.fetch_sub(1, Ordering::SeqCst);
                drop(admitted);
                Outcome::new(Status::Copied)
            }
        })
        .await;
        assert!((2..=3).contains(&seen.load(Ordering::SeqCst)), "{seen:?}");
        let mut ended = 0;
        while let Some(event) = received.recv().await {
            ended += u32::from(matches!(event, Event::Finished { .. }));
        }
        assert_eq!(ended, 20);
    }

    #[tokio::test]
    async fn an_interrupt_leaves_the_rest_unfinished() {
        let (events, mut received) = EventSender::channel();
        let (switch, interrupt) = Interrupt::channel();
        switch.send(true).unwrap();
        each(&jobs(2), at_most(1), Duration::ZERO, events, interrupt, |_, _| {
            std::future::pending()
        })
        .await;
        let mut unfinished = 0;
        while let Some(event) = received.recv().await {
            unfinished +=
                u32::from(matches!(event, Event::Finished { outcome, .. } if outcome.unfinished));
        }
        assert_eq!(unfinished, 2);
    }
}

//! Runs jobs concurrently until all are done or the run is interrupted.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use longshore_store::Interrupt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use crate::event::{Event, EventSender};
use crate::job::{Job, Jobs, Outcome, Status};

/// How long running jobs may continue after an interrupt.
pub(crate) const GRACE: Duration = Duration::from_secs(10);

/// The times that jobs have.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Times {
    /// The time to finish after an interrupt.
    pub(crate) grace: Duration,
    /// The time of one job, after which it is interrupted and fails; `None` is no limit.
    pub(crate) limit: Option<Duration>,
}

/// Runs `work` for each of `jobs` as soon as `admit` admits it, and reports the outcomes. `work` gets an
/// interrupt of its own.
///
/// After an interrupt of the run no job is started. Running jobs have the grace to finish; all others end
/// as unfinished.
pub(crate) async fn each<S, T, W, F>(
    jobs: &Jobs,
    admit: impl Fn() -> S,
    times: Times,
    events: EventSender,
    interrupt: Interrupt,
    work: W,
) where
    S: Future<Output = T>,
    T: Send + 'static,
    W: Fn(Box<Job>, T, Interrupt) -> F + Clone + Send + 'static,
    F: Future<Output = Outcome> + Send + 'static,
{
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
            events.send(Event::Finished { job: number, outcome: Box::new(unfinished()) });
            continue;
        };
        events.send(Event::Started { job: number });
        let (work, events) = (work.clone(), events.clone());
        running.spawn(async move {
            let (stop, stopped) = Interrupt::channel();
            let started = Instant::now();
            let mut outcome = timed(work(job, admitted, stopped), times, raised, &stop).await;
            // Work that waits for its turn measures itself.
            if outcome.took.is_zero() {
                outcome.took = started.elapsed();
            }
            events.send(Event::Finished { job: number, outcome: Box::new(outcome) });
        });
    }
    while running.join_next().await.is_some() {}
}

/// Runs `work` to its end, or until the run is interrupted or the time is over. Then it switches `stop`
/// on, and gives the work the grace to finish.
async fn timed(
    work: impl Future<Output = Outcome>,
    times: Times,
    mut interrupt: Interrupt,
    stop: &watch::Sender<bool>,
) -> Outcome {
    // A panic fails one entry only, which is then in the failed list.
    let work = AssertUnwindSafe(work).catch_unwind().map(|outcome| {
        outcome.unwrap_or_else(|_| Outcome::failed("internal error, this is a bug in longshore"))
    });
    let mut work = pin!(work);
    let over = async {
        match times.limit {
            Some(limit) => {
                tokio::time::sleep(limit).await;
                limit
            }
            None => std::future::pending().await,
        }
    };
    let limit = tokio::select! {
        outcome = &mut work => return outcome,
        () = interrupt.raised() => None,
        limit = over => Some(limit),
    };
    stop.send_replace(true);
    let ended = tokio::time::timeout(times.grace, work).await.ok();
    match (ended, limit) {
        // It was done by then.
        (Some(outcome), _) if !outcome.unfinished && outcome.status != Status::Failed => outcome,
        (ended, Some(limit)) => {
            let bytes = ended.map_or(0, |outcome| outcome.bytes);
            Outcome { bytes, ..out_of_time(limit) }
        }
        (ended, None) => ended.unwrap_or_else(unfinished),
    }
}

fn unfinished() -> Outcome {
    Outcome { unfinished: true, ..Outcome::failed("interrupted") }
}

fn out_of_time(limit: Duration) -> Outcome {
    let hint = "give a longer --timeout, or leave it out".to_owned();
    let error = format!("it was not done within {limit:?} (--timeout)");
    Outcome { hint: Some(hint), ..Outcome::failed(error) }
}

/// Admits a bounded number of jobs at once. Clones share the bound.
#[derive(Clone, Debug)]
pub(crate) struct AtMost(Arc<Semaphore>);

impl AtMost {
    /// Admits at most `count` jobs, at least one.
    pub(crate) fn new(count: usize) -> Self {
        Self(Arc::new(Semaphore::new(count.clamp(1, Semaphore::MAX_PERMITS))))
    }

    /// Waits until another job may start; it may run until the permit is dropped.
    pub(crate) async fn admit(&self) -> Option<OwnedSemaphorePermit> {
        // The semaphore is never closed.
        Arc::clone(&self.0).acquire_owned().await.ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use std::time::Duration;

    use longshore_oci::PlatformFilter;
    use longshore_store::Interrupt;

    use super::{AtMost, Times, each};
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
        let limit = AtMost::new(3);
        each(
            &jobs(20),
            || limit.admit(),
            Times::default(),
            events,
            interrupt,
            move |_, admitted, _| {
                let (running, most) = (Arc::clone(&running), Arc::clone(&most));
                async move {
                    most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    tokio::task::yield_now().await;
                    running.fetch_sub(1, Ordering::SeqCst);
                    drop(admitted);
                    Outcome::new(Status::Copied)
                }
            },
        )
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
        let limit = AtMost::new(1);
        each(
            &jobs(2),
            || limit.admit(),
            Times::default(),
            events,
            interrupt,
            |_, _, _| std::future::pending(),
        )
        .await;
        let mut unfinished = 0;
        while let Some(event) = received.recv().await {
            unfinished +=
                u32::from(matches!(event, Event::Finished { outcome, .. } if outcome.unfinished));
        }
        assert_eq!(unfinished, 2);
    }

    /// Runs one job that takes longer than its time, and returns its outcome.
    async fn late(work: impl Future<Output = Outcome> + Send + Clone + 'static) -> Outcome {
        let (events, mut received) = EventSender::channel();
        let (_switch, interrupt) = Interrupt::channel();
        let limit = Some(Duration::from_millis(5));
        let times = Times { grace: Duration::from_millis(50), limit };
        let limit = AtMost::new(1);
        each(
            &jobs(1),
            || limit.admit(),
            times,
            events,
            interrupt,
            move |_, _, mut own| {
                let work = work.clone();
                async move {
                    own.raised().await;
                    work.await
                }
            },
        )
        .await;
        loop {
            if let Some(Event::Finished { outcome, .. }) = received.recv().await {
                return *outcome;
            }
        }
    }

    #[tokio::test]
    async fn a_job_that_is_late_is_interrupted_and_fails() {
        let error = Some("it was not done within 5ms (--timeout)");
        let unfinished = Outcome { unfinished: true, ..Outcome::failed("interrupted") };
        for outcome in [
            late(std::future::ready(unfinished)).await,
            late(std::future::ready(Outcome::failed("a request was cut off"))).await,
        ] {
            assert_eq!((outcome.error.as_deref(), outcome.unfinished), (error, false));
            assert!(outcome.hint.is_some());
        }
        let done = late(std::future::ready(Outcome::new(Status::Copied))).await;
        assert!(done.took >= Duration::from_millis(5), "{done:?}");
        let done = Outcome { took: Duration::ZERO, ..done };
        assert_eq!(done, Outcome::new(Status::Copied), "its last manifest arrived in the grace");
    }

    #[tokio::test]
    async fn a_job_that_ignores_its_interrupt_ends_after_the_grace() {
        #[derive(Clone)]
        struct Never;
        impl Future for Never {
            type Output = Outcome;
            fn poll(
                self: std::pin::Pin<&mut Self>,
                _context: &mut std::task::Context<'_>,
            ) -> std::task::Poll<Outcome> {
                std::task::Poll::Pending
            }
        }
        let outcome = late(Never).await;
        assert!(outcome.error.is_some_and(|error| error.contains("--timeout")));
    }
}

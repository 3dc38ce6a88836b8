//! Works on jobs, several at once, until they are done or the run is interrupted.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{Event, EventSender};
use crate::plan::{Job, Outcome};

/// Becomes true when the run shall stop.
#[derive(Clone, Debug)]
pub struct Interrupt(watch::Receiver<bool>);

impl Interrupt {
    /// A switch, and what observes it.
    pub fn channel() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(receiver))
    }

    /// Ends when the run shall stop; never, if nobody can say so any more.
    pub async fn raised(&mut self) {
        if self.0.wait_for(|raised| *raised).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Shall the run stop?
    pub fn is_raised(&self) -> bool {
        *self.0.borrow()
    }
}

/// Gives each of `jobs` to `work`, at most `at_once` at a time, and reports the outcomes. After an
/// interrupt the jobs that are under way are broken off; those and the ones that never started end
/// as unfinished.
pub async fn each<W, F>(
    jobs: Vec<Arc<Job>>,
    at_once: usize,
    events: EventSender,
    interrupt: Interrupt,
    work: W,
) where
    W: Fn(Arc<Job>) -> F + Clone + Send + 'static,
    F: Future<Output = Outcome> + Send + 'static,
{
    let workers = at_once.min(jobs.len());
    let queue = Arc::new(Mutex::new(jobs.into_iter()));
    let mut running = JoinSet::new();
    for _ in 0..workers {
        let (queue, events, work) = (Arc::clone(&queue), events.clone(), work.clone());
        let mut interrupt = interrupt.clone();
        running.spawn(async move {
            loop {
                let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some(job) = next else { break };
                let number = job.number;
                let unfinished = Outcome { unfinished: true, ..Outcome::failed("interrupted") };
                let outcome = if interrupt.is_raised() {
                    unfinished
                } else {
                    events.send(Event::Started { job: number });
                    tokio::select! {
                        outcome = work(job) => outcome,
                        () = interrupt.raised() => unfinished,
                    }
                };
                events.send(Event::Finished { job: number, outcome });
            }
        });
    }
    while running.join_next().await.is_some() {}
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::{Interrupt, each};
    use crate::oci::PlatformFilter;
    use crate::plan::{Job, Outcome, Status};
    use crate::transfer::{Event, EventSender};

    fn jobs(count: u32) -> Vec<Arc<Job>> {
        let job = |number| {
            Arc::new(Job {
                number,
                line: number,
                source: "a.io/x:1".parse().unwrap(),
                destination: "b.io/x:1".parse().unwrap(),
                filter: PlatformFilter::default(),
            })
        };
        (1..=count).map(job).collect()
    }

    #[tokio::test]
    async fn no_more_than_so_many_run_at_once_and_each_ends() {
        let (events, mut received) = EventSender::channel();
        let (_switch, interrupt) = Interrupt::channel();
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let seen = Arc::clone(&most);
        each(jobs(20), 3, events, interrupt, move |_| {
            let (running, most) = (Arc::clone(&running), Arc::clone(&most));
            async move {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                running.fetch_sub(1, Ordering::SeqCst);
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
        each(jobs(2), 1, events, interrupt, |_| std::future::pending()).await;
        let mut unfinished = 0;
        while let Some(event) = received.recv().await {
            unfinished +=
                u32::from(matches!(event, Event::Finished { outcome, .. } if outcome.unfinished));
        }
        assert_eq!(unfinished, 2);
    }
}

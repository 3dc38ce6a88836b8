//! Reports the outcomes of jobs to the coordinator: each message is stored once, and none is lost while the
//! server is away.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::jetstream::message::PublishMessage;
use bytes::Bytes;
use indicatif::HumanBytes;
use longshore_engine::counted;
use longshore_engine::event::{Event, Level};
use longshore_engine::job::{Job, Outcome, Status};
use longshore_store::{Effort, Stores};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::fetch::JobRoom;
use super::metrics::Metrics;
use super::presence::RunWorkers;
use crate::connection::Connection;
use crate::message::{Ended, EndedJob, Note, Saved, UNREACHED, WorkerName};
use crate::name::RunName;

/// The pause before an outcome is reported again.
const AGAIN: Duration = Duration::from_millis(500);
/// How long to gather outcomes that follow another one. Sent one at a time, taking messages would be most of the work
/// of server and coordinator.
const GATHER: Duration = Duration::from_millis(50);
/// How long to gather those that follow a message of [`MANY`]: the run is far from its end.
const GATHER_MANY: Duration = Duration::from_millis(250);
/// The outcomes of a message that make it a long one, and the most in one message.
const MANY: (usize, usize) = (16, 1024);
/// The pause before looking whether another worker has joined.
const LOOK: Duration = Duration::from_millis(100);
/// How long a worker that was interrupted tries to report its last outcomes.
const LAST: Duration = Duration::from_secs(12);

/// How a job of a batch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// Its outcome is stored.
    Stored,
    /// It was interrupted, or its outcome could not be stored: another worker must do it.
    Open,
    /// This worker cannot reach one of its registries, and another one may.
    Unreached,
}

/// Reports outcomes. Clones share the run.
#[derive(Clone)]
pub(super) struct Teller {
    pub(super) connection: Connection,
    pub(super) name: RunName,
    /// The id of the run.
    pub(super) run: String,
    pub(super) worker: WorkerName,
    pub(super) stores: Arc<dyn Stores>,
    pub(super) metrics: Arc<Metrics>,
    /// True as soon as nobody waits for outcomes: the run is gone.
    pub(super) over: watch::Receiver<bool>,
    /// True after an interrupt of the worker or the run.
    pub(super) stopping: watch::Receiver<bool>,
    /// The workers of the run.
    pub(super) workers: RunWorkers,
    /// Why this worker cannot take part, as soon as it finds out.
    pub(super) cannot: watch::Sender<Option<String>>,
    pub(super) moved: Arc<AtomicU64>,
    /// Distinguishes this stay in the run from an earlier one: a coordinator may come back to a run that it left.
    stay: String,
    /// The number of messages with outcomes.
    messages: Arc<AtomicU64>,
    waiting: Arc<Mutex<HashMap<u32, Waiting>>>,
}

/// A job in work.
struct Waiting {
    /// Its source and its destination, for the log.
    title: String,
    tell: oneshot::Sender<Told>,
    /// The workers that could not reach one of its registries, and this one.
    unreached: Arc<[String]>,
    /// The room that it takes until it ends.
    room: Option<JobRoom>,
}

/// What is known of a running job.
#[derive(Debug, Default)]
struct Running {
    saved: Saved,
    notes: Vec<Note>,
}

impl Teller {
    #[expect(clippy::too_many_arguments, reason = "they are the fields")]
    pub(super) fn new(
        connection: Connection,
        name: RunName,
        run: String,
        worker: WorkerName,
        stores: Arc<dyn Stores>,
        metrics: Arc<Metrics>,
        over: watch::Receiver<bool>,
        stopping: watch::Receiver<bool>,
        workers: RunWorkers,
    ) -> Self {
        let (moved, waiting, cannot) = (Arc::default(), Arc::default(), watch::Sender::new(None));
        let stay = connection.client.new_inbox().trim_start_matches("_INBOX.").to_owned();
        Self {
            connection,
            name,
            run,
            worker,
            stores,
            metrics,
            over,
            stopping,
            workers,
            cannot,
            moved,
            stay,
            messages: Arc::default(),
            waiting,
        }
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<u32, Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn title(&self, job: u32) -> String {
        self.waiting().get(&job).map(|waiting| waiting.title.clone()).unwrap_or_default()
    }

    /// Whether one of `jobs` is in work already.
    pub(super) fn knows_any(&self, jobs: &[Job]) -> bool {
        let waiting = self.waiting();
        jobs.iter().any(|job| waiting.contains_key(&job.number))
    }

    /// Registers a job before its work starts, with its room; the receiver gets its end. `unreached` names the
    /// workers that could not reach one of its registries, and this one.
    pub(super) fn expect(
        &self,
        job: &Job,
        unreached: &Arc<[String]>,
        room: Option<JobRoom>,
    ) -> oneshot::Receiver<Told> {
        let (tell, told) = oneshot::channel();
        let title = format!("{} → {}", job.source, job.destination);
        let waiting = Waiting { title, tell, unreached: Arc::clone(unreached), room };
        self.waiting().insert(job.number, waiting);
        told
    }

    /// Frees the room of a job that has ended. Its outcome may be reported later.
    fn end(&self, job: u32) {
        let room = self.waiting().get_mut(&job).and_then(|waiting| waiting.room.take());
        room.into_iter().for_each(JobRoom::end);
    }

    /// Whether another worker of the run may reach the registries of a job. Just after the beginning it waits for
    /// one to join, and a worker that leaves the run does not wait.
    async fn may_be_reached(&self, job: u32) -> bool {
        let unreached = self.waiting().get(&job).map(|waiting| Arc::clone(&waiting.unreached));
        let Some(unreached) = unreached else { return false };
        if unreached.len() > UNREACHED {
            return false;
        }
        while !self.workers.has_other(&unreached) {
            let leaves = *self.stopping.borrow() || *self.over.borrow();
            if leaves || !self.workers.are_joining() {
                return false;
            }
            sleep(LOOK).await;
        }
        true
    }

    /// Leaves a job whose registry this worker cannot reach to another worker, or reports that it failed.
    async fn leave(self, ended: EndedJob, telling: UnboundedSender<EndedJob>) {
        let (job, title) = (ended.job, self.title(ended.job));
        if !self.may_be_reached(job).await {
            return self.gather(ended, &telling);
        }
        let error = ended.outcome.error.as_deref().unwrap_or_default();
        tracing::warn!("[M_ID:{job}] {title}: {error}; another worker tries it");
        self.resolve(job, Told::Unreached);
    }

    /// Logs and counts an outcome, and has it reported.
    fn gather(&self, ended: EndedJob, telling: &UnboundedSender<EndedJob>) {
        self.metrics.ended(&ended.outcome);
        log_outcome(ended.job, &self.title(ended.job), &ended.outcome);
        // The receiver ends after the last sender.
        let _kept = telling.send(ended);
    }

    fn resolve(&self, job: u32, told: Told) {
        if let Some(waiting) = self.waiting().remove(&job) {
            let _gone = waiting.tell.send(told);
        }
    }

    /// The retries and pauses of the run on this worker.
    pub(super) fn effort(&self) -> Effort {
        self.stores.effort()
    }

    /// Follows the events of the engine until its last sender is dropped and each outcome is
    /// reported.
    pub(super) async fn follow(self, mut events: UnboundedReceiver<Event>) {
        let mut running: HashMap<u32, Running> = HashMap::new();
        let (ended, gathered) = unbounded_channel();
        let telling = tokio::spawn(self.clone().tell_gathered(gathered));
        while let Some(event) = events.recv().await {
            match event {
                Event::Progress { job: _, bytes } => {
                    self.moved.fetch_add(bytes, Ordering::Relaxed);
                    self.metrics.moved(bytes);
                }
                Event::BlobPlaced { job, digest: _, size, how } => {
                    running.entry(job).or_default().saved.count(size, how);
                }
                Event::Note { job: 0, image: _, level, text } => log(level, &text),
                Event::Shortfall { text } => log(Level::Warning, &text),
                Event::Note { level: Level::Debug, .. } => {}
                Event::Note { job, image, level, text } => {
                    let notes = &mut running.entry(job).or_default().notes;
                    notes.push(Note { image, level, text });
                }
                Event::Finished { job, outcome } => {
                    self.end(job);
                    let Running { saved, notes } = running.remove(&job).unwrap_or_default();
                    if outcome.unfinished {
                        self.resolve(job, Told::Open);
                        continue;
                    }
                    let unreachable = outcome.unreachable;
                    let end = EndedJob { job, outcome, saved, notes };
                    if unreachable {
                        tokio::spawn(self.clone().leave(end, ended.clone()));
                    } else {
                        self.gather(end, &ended);
                    }
                }
                _ => {}
            }
        }
        drop(ended);
        let _told = telling.await;
    }

    /// Reports outcomes until the last sender is dropped and each is stored. The first goes at once, and those
    /// that follow soon go together.
    async fn tell_gathered(self, mut ended: UnboundedReceiver<EndedJob>) {
        let mut telling = JoinSet::new();
        let mut next = Instant::now();
        while let Some(first) = ended.recv().await {
            sleep_until(next).await;
            let mut jobs = vec![first];
            while jobs.len() < MANY.1
                && let Ok(more) = ended.try_recv()
            {
                jobs.push(more);
            }
            next = Instant::now() + if jobs.len() < MANY.0 { GATHER } else { GATHER_MANY };
            while telling.try_join_next().is_some() {}
            let teller = self.clone();
            telling.spawn(async move {
                let numbers: Vec<u32> = jobs.iter().map(|job| job.job).collect();
                let told = teller.tell(jobs).await;
                numbers.into_iter().for_each(|job| teller.resolve(job, told));
            });
        }
        while telling.join_next().await.is_some() {}
    }

    /// Stores the outcomes of jobs, as often as needed.
    pub(super) async fn tell(&self, jobs: Vec<EndedJob>) -> Told {
        let count = counted(jobs.len(), "outcome", "outcomes");
        let (run, worker, effort) = (self.run.clone(), self.worker.clone(), self.effort());
        let messages = Ended { run, worker, jobs, effort }.encode();
        let (mut over, mut stopping) = (self.over.clone(), self.stopping.clone());
        let storing = async {
            for message in messages {
                if self.store(message).await == Told::Open {
                    return Told::Open;
                }
            }
            Told::Stored
        };
        let too_late = async {
            let stops = async {
                drop(stopping.wait_for(|stopping| *stopping).await);
                sleep(LAST).await;
            };
            let ends = async { drop(over.wait_for(|over| *over).await) };
            tokio::select! {
                () = ends => {}
                () = stops => {}
            }
        };
        tokio::select! {
            told = storing => told,
            () = too_late => {
                tracing::warn!("{count} could not be reported: the run is over, or NATS is away");
                Told::Open
            }
        }
    }

    /// Stores a message with outcomes once, however often it is sent.
    async fn store(&self, bytes: Bytes) -> Told {
        let number = self.messages.fetch_add(1, Ordering::Relaxed);
        let id = format!("{}.{number}", self.stay);
        loop {
            let message = PublishMessage::build().payload(bytes.clone()).message_id(&id);
            let jetstream = &self.connection.jetstream;
            let sent = async { jetstream.send_publish(self.name.outcomes(), message).await?.await };
            let Err(error) = sent.await else { return Told::Stored };
            let operation = format!("tell outcomes to {}", self.name.outcomes());
            let error = self.connection.failed(operation, &error);
            if error.is_permission() {
                self.cannot.send_replace(Some(format!("failed to {error}")));
                return Told::Open;
            }
            self.connection.complain(&error);
            sleep(AGAIN).await;
        }
    }

    /// Publishes `bytes` as a new batch, so that another worker takes it at once.
    pub(super) async fn give_back(&self, bytes: Bytes) -> bool {
        let message = PublishMessage::build().payload(bytes);
        let sent = async {
            self.connection.jetstream.send_publish(self.name.jobs(), message).await?.await
        };
        matches!(timeout(AGAIN * 10, sent).await, Ok(Ok(_)))
    }
}

/// Logs an outcome as the coordinator does; `title` names the source and the destination.
fn log_outcome(job: u32, title: &str, outcome: &Outcome) {
    let text = outcome_text(title, outcome);
    if outcome.error.is_some() {
        tracing::warn!("[M_ID:{job}] {text}");
    } else {
        tracing::info!("[M_ID:{job}] {text}");
    }
}

fn outcome_text(title: &str, outcome: &Outcome) -> String {
    if let Some(error) = &outcome.error {
        return format!("failed {title}: {error}");
    }
    let digest = outcome.destination_digest.as_ref().or(outcome.source_digest.as_ref());
    let digest = digest.map(ToString::to_string);
    let moved = format!("{} moved", HumanBytes(outcome.bytes));
    let figures: Vec<String> = match outcome.status {
        Status::Copied => digest.into_iter().chain([moved]).collect(),
        Status::Valid => digest.into_iter().collect(),
        _ => Vec::new(),
    };
    let figures = match figures.as_slice() {
        [] => String::new(),
        some => format!(" ({})", some.join(", ")),
    };
    let reason = outcome.reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
    format!("{} {title}{figures}{reason}", outcome.status.word())
}

fn log(level: Level, text: &str) {
    match level {
        Level::Debug => tracing::debug!("{text}"),
        Level::Info => tracing::info!("{text}"),
        Level::Warning => tracing::warn!("{text}"),
        Level::Error => tracing::error!("{text}"),
    }
}

#[cfg(test)]
mod tests {
    use longshore_engine::job::{Outcome, Status};
    use longshore_oci::Digest;

    use super::outcome_text;

    #[test]
    fn the_log_names_the_image_and_the_unit() {
        let (digest, title) = (Digest::of(b"x"), "a.io/x:1 → b.io/x:1");
        let copied = Outcome {
            bytes: 1775,
            destination_digest: Some(digest.clone()),
            ..Outcome::new(Status::Copied)
        };
        let other = Outcome { reason: Some("digest changed".to_owned()), ..copied.clone() };
        let valid = Outcome { source_digest: Some(digest.clone()), ..Outcome::new(Status::Valid) };
        for (outcome, expected) in [
            (copied, format!("copied {title} ({digest}, 1.73 KiB moved)")),
            (other, format!("copied {title} ({digest}, 1.73 KiB moved): digest changed")),
            (Outcome::new(Status::Copied), format!("copied {title} (0 B moved)")),
            (valid, format!("valid {title} ({digest})")),
            (Outcome::new(Status::Valid), format!("valid {title}")),
            (Outcome::skipped("it is there"), format!("skipped {title}: it is there")),
            (Outcome::failed("no"), format!("failed {title}: no")),
        ] {
            assert_eq!(outcome_text(title, &outcome), expected);
        }
    }
}

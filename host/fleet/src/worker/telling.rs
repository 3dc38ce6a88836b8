//! Reports the outcomes of jobs to the coordinator: each is stored once, and none is lost while the
//! server is away.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::jetstream::message::PublishMessage;
use longshore_engine::event::{Event, Level};
use longshore_engine::job::{Job, Outcome};
use longshore_store::{Effort, Stores};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::metrics::Metrics;
use super::presence::Workers;
use crate::connection::Connection;
use crate::error::FleetError;
use crate::message::{Ended, Note, Saved, UNREACHED, WorkerName, encode_outcome};
use crate::name::RunName;

/// The pause before an outcome is reported again.
const AGAIN: Duration = Duration::from_millis(500);
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
    /// The workers of the server.
    pub(super) workers: Workers,
    /// Why this worker cannot take part, as soon as it finds out.
    pub(super) cannot: watch::Sender<Option<String>>,
    pub(super) moved: Arc<AtomicU64>,
    waiting: Arc<Mutex<HashMap<u32, Waiting>>>,
}

/// A job in work.
struct Waiting {
    tell: oneshot::Sender<Told>,
    /// The workers that could not reach one of its registries, and this one.
    unreached: Arc<[String]>,
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
        workers: Workers,
    ) -> Self {
        let (moved, waiting, cannot) = (Arc::default(), Arc::default(), watch::Sender::new(None));
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
            waiting,
        }
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<u32, Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether one of `jobs` is in work already.
    pub(super) fn knows_any(&self, jobs: &[Job]) -> bool {
        let waiting = self.waiting();
        jobs.iter().any(|job| waiting.contains_key(&job.number))
    }

    /// Registers a job before its work starts; the receiver gets its end. `unreached` names the workers that
    /// could not reach one of its registries, and this one.
    pub(super) fn expect(&self, job: u32, unreached: &Arc<[String]>) -> oneshot::Receiver<Told> {
        let (tell, told) = oneshot::channel();
        self.waiting().insert(job, Waiting { tell, unreached: Arc::clone(unreached) });
        told
    }

    /// Whether another worker of the run may reach the registries of a job.
    fn may_be_reached(&self, job: u32) -> bool {
        let unreached = self.waiting().get(&job).map(|waiting| Arc::clone(&waiting.unreached));
        unreached.is_some_and(|unreached| {
            unreached.len() <= UNREACHED && self.workers.has_other(&self.run, &unreached)
        })
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
        let mut telling = JoinSet::new();
        while let Some(event) = events.recv().await {
            while telling.try_join_next().is_some() {}
            match event {
                Event::Progress { job: _, bytes } => {
                    self.moved.fetch_add(bytes, Ordering::Relaxed);
                    self.metrics.moved(bytes);
                }
                Event::BlobPlaced { job, digest: _, size, how } => {
                    running.entry(job).or_default().saved.count(size, how);
                }
                Event::Note { job: 0, image: _, level, text } => log(level, &text),
                Event::Note { level: Level::Debug, .. } => {}
                Event::Note { job, image, level, text } => {
                    let notes = &mut running.entry(job).or_default().notes;
                    notes.push(Note { image, level, text });
                }
                Event::Finished { job, outcome } => {
                    let known = running.remove(&job).unwrap_or_default();
                    if outcome.unfinished {
                        self.resolve(job, Told::Open);
                        continue;
                    }
                    if outcome.unreachable && self.may_be_reached(job) {
                        let error = outcome.error.as_deref().unwrap_or_default();
                        tracing::warn!("[M_ID:{job}] {error}; another worker tries it");
                        self.resolve(job, Told::Unreached);
                        continue;
                    }
                    self.metrics.ended(&outcome);
                    log_outcome(job, &outcome);
                    let teller = self.clone();
                    telling.spawn(async move {
                        let told = teller.tell(job, *outcome, known.saved, known.notes).await;
                        teller.resolve(job, told);
                    });
                }
                _ => {}
            }
        }
        while telling.join_next().await.is_some() {}
    }

    /// Stores the outcome of a job, as often as needed.
    pub(super) async fn tell(
        &self,
        job: u32,
        outcome: Outcome,
        saved: Saved,
        notes: Vec<Note>,
    ) -> Told {
        let (run, worker, effort) = (self.run.clone(), self.worker.clone(), self.effort());
        let bytes = encode_outcome(Ended { run, job, worker, outcome, saved, notes, effort });
        let (mut over, mut stopping) = (self.over.clone(), self.stopping.clone());
        let storing = async {
            let id = format!("{}.{job}", self.run);
            loop {
                let message = PublishMessage::build().payload(bytes.clone()).message_id(&id);
                let jetstream = &self.connection.jetstream;
                let sent =
                    async { jetstream.send_publish(self.name.outcomes(), message).await?.await };
                match sent.await {
                    Ok(ack) if ack.duplicate => {
                        tracing::info!(
                            "[M_ID:{job}] another worker was faster; its outcome counts"
                        );
                        return Told::Stored;
                    }
                    Ok(_) => return Told::Stored,
                    Err(error) => {
                        let operation = format!("tell outcomes to {}", self.name.outcomes());
                        let error = self.connection.failed(operation, &error);
                        if let FleetError::JetStream { is_permission: true, .. } = error {
                            self.cannot.send_replace(Some(format!("failed to {error}")));
                            return Told::Open;
                        }
                        self.connection.complain(&error);
                        sleep(AGAIN).await;
                    }
                }
            }
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
                tracing::warn!("[M_ID:{job}] the outcome could not be reported: the run is over, or NATS is away");
                Told::Open
            }
        }
    }

    /// Publishes `bytes` as a new batch, so that another worker takes it at once.
    pub(super) async fn give_back(&self, bytes: bytes::Bytes) -> bool {
        let message = PublishMessage::build().payload(bytes);
        let sent = async {
            self.connection.jetstream.send_publish(self.name.jobs(), message).await?.await
        };
        matches!(timeout(AGAIN * 10, sent).await, Ok(Ok(_)))
    }
}

fn log_outcome(job: u32, outcome: &Outcome) {
    let text = match (&outcome.error, &outcome.reason) {
        (Some(error), _) => format!("failed: {error}"),
        (None, Some(reason)) => format!("{}: {reason}", outcome.status.word()),
        (None, None) => outcome.status.word().to_owned(),
    };
    if outcome.error.is_some() {
        tracing::warn!("[M_ID:{job}] {text}");
    } else {
        tracing::info!("[M_ID:{job}] {text}, {} bytes", outcome.bytes);
    }
}

fn log(level: Level, text: &str) {
    match level {
        Level::Debug => tracing::debug!("{text}"),
        Level::Info => tracing::info!("{text}"),
        Level::Warning => tracing::warn!("{text}"),
        Level::Error => tracing::error!("{text}"),
    }
}

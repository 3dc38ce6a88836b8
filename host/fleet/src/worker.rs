//! A worker: takes part in one run after the other, until it is interrupted.

mod batch;
mod executor;
mod fetch;
mod metrics;
mod pace;
mod presence;
mod serving;
mod telling;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_nats::Message;
use futures_util::stream::BoxStream;
use futures_util::{FutureExt as _, StreamExt as _};
use longshore_engine::{ManifestCache, counted};
use longshore_store::{Effort, Interrupt, Stores};
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::sleep;

use crate::bucket::Bucket;
use crate::connection::Connection;
use crate::error::FleetError;
use crate::message::{
    Heartbeat, Pause, RunHead, RunOptions, RunRecord, State, VERSION, WorkerName, decode, encode,
};
use crate::name::{ANNOUNCED, RUNS, RunName};

use presence::{Presence, Workers};
use serving::Serving;

pub use metrics::Metrics;

/// How often a worker without a run looks for one that was not announced to it.
const LOOK: Duration = Duration::from_secs(1);
/// The longest pause between looks while NATS does not answer.
const LONGEST_LOOK: Duration = Duration::from_secs(15);

/// What a worker opens for a run, with the credentials, proxies and certificates of its own machine.
pub struct OpenedRun {
    /// The stores.
    pub stores: Arc<dyn Stores>,
    /// The manifests that earlier runs cached on this machine.
    pub cache: Option<ManifestCache>,
    /// Pauses requests, because another worker was throttled.
    pub pause: Box<dyn Fn(&Pause) + Send + Sync>,
    /// Limits the rate to the share of one of this number of workers.
    pub share_rate: Box<dyn Fn(usize) + Send + Sync>,
}

/// Opens the stores of runs.
pub trait RunOpener: Send + Sync {
    /// Opens the stores of a run that has this number of `workers`. `pauses` gets the pauses that registries
    /// ask this worker for.
    ///
    /// # Errors
    /// Says what this machine cannot read.
    fn open(
        &self,
        options: &RunOptions,
        workers: usize,
        pauses: UnboundedSender<Pause>,
    ) -> Result<OpenedRun, String>;
}

/// Options of a worker.
#[derive(Clone, Debug)]
pub struct WorkerOptions {
    /// The name in logs and reports.
    pub name: String,
    /// The most images that it works on at once, at least 1.
    pub jobs: usize,
    /// The only run to take part in.
    pub run: Option<RunName>,
}

/// A worker.
pub struct Worker {
    connection: Connection,
    options: WorkerOptions,
    worker: WorkerName,
    opener: Box<dyn RunOpener>,
    metrics: Arc<Metrics>,
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Worker({})", self.options.name)
    }
}

impl Worker {
    /// Makes a worker; it has not looked for a run yet.
    pub fn new(
        connection: Connection,
        options: WorkerOptions,
        opener: Box<dyn RunOpener>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let id = connection.client.new_inbox().trim_start_matches("_INBOX.").to_owned();
        let name = options.name.clone();
        let worker = WorkerName { name, id, version: VERSION.to_owned() };
        Self { connection, options, worker, opener, metrics }
    }

    /// Takes part in runs until the interrupt.
    ///
    /// # Errors
    /// If the NATS user may not read the runs.
    pub async fn serve(&self, mut interrupt: Interrupt) -> Result<(), FleetError> {
        let runs = Bucket::open(&self.connection, RUNS).await?;
        let presence = Presence::begin(&self.connection, &self.worker.id);
        let mut announced = announcements(&self.connection).await;
        let mut refused = HashSet::new();
        let (mut pause, mut is_waiting) = (LOOK, false);
        while !interrupt.is_raised() {
            let looked = tokio::select! {
                looked = self.look(&runs, &mut refused) => looked,
                () = interrupt.raised() => break,
            };
            match looked {
                Ok(Some(record)) => {
                    (pause, is_waiting) = (LOOK, false);
                    presence.joins(&record.id);
                    let ended =
                        self.take_part(&runs, &record, presence.workers(), &interrupt).await;
                    presence.joins("");
                    if let Err(why) = ended {
                        tracing::warn!("cannot take part in the run {}: {why}", record.name);
                        self.refuse((&record.name, &record.id), &why).await;
                        refused.insert((record.name, record.id));
                    }
                }
                Ok(None) => {
                    if !std::mem::replace(&mut is_waiting, true) {
                        tracing::info!("waiting for a run at {}", self.connection.url());
                    }
                    pause = LOOK;
                }
                Err(error) if error.is_permission() => {
                    return Err(error);
                }
                Err(error) => {
                    tracing::warn!(
                        "failed to {error}; looking for runs again in {} s",
                        pause.as_secs()
                    );
                    pause = (pause * 2).min(LONGEST_LOOK);
                }
            }
            tokio::select! {
                () = sleep(pause) => {}
                Some(message) = announced.next() => {
                    tracing::debug!("{} was announced", String::from_utf8_lossy(&message.payload));
                    // One look finds all runs.
                    while announced.next().now_or_never().flatten().is_some() {}
                }
                () = interrupt.raised() => {}
            }
        }
        Ok(())
    }

    /// Returns a run that this worker can take part in.
    async fn look(
        &self,
        runs: &Bucket,
        refused: &mut HashSet<(String, String)>,
    ) -> Result<Option<RunRecord>, FleetError> {
        let filter = self.options.run.as_ref().map_or_else(|| "run.*".to_owned(), RunName::key);
        for value in runs.values(&filter).await? {
            let head: RunHead = match decode(&value) {
                Ok(head) => head,
                Err(why) => {
                    tracing::debug!("a run in NATS is not valid: {why}");
                    continue;
                }
            };
            let key = (head.name.clone(), head.id.clone());
            if refused.contains(&key) {
                continue;
            }
            let difference = head.difference().map(|difference| {
                format!("it is of {difference}; use the same version on all machines")
            });
            let record =
                decode::<RunRecord>(&value).map_err(|why| format!("it is not valid: {why}"));
            match (difference, record) {
                (None, Ok(record)) if record.state != State::Stopping => return Ok(Some(record)),
                (None, Ok(_)) => {}
                (Some(why), _) | (None, Err(why)) => {
                    tracing::warn!("cannot take part in the run {}: {why}", head.name);
                    self.refuse((&head.name, &head.id), &why).await;
                    refused.insert(key);
                }
            }
        }
        Ok(None)
    }

    /// Tells the coordinator of the run with this name and id why this worker does not take part.
    async fn refuse(&self, (name, run): (&str, &str), why: &str) {
        let Ok(name) = name.parse::<RunName>() else { return };
        let heartbeat = Heartbeat {
            run: run.to_owned(),
            worker: self.worker.clone(),
            running: 0,
            moved: 0,
            effort: Effort::default(),
            refused: Some(why.to_owned()),
            left: true,
        };
        if let Ok(bytes) = encode(&heartbeat) {
            let _not_stored = self.connection.client.publish(name.progress(), bytes).await;
        }
    }

    async fn take_part(
        &self,
        runs: &Bucket,
        record: &RunRecord,
        workers: &Workers,
        interrupt: &Interrupt,
    ) -> Result<(), String> {
        let name: RunName = record.name.parse()?;
        let jobs = counted(record.jobs as usize, "job", "jobs");
        tracing::info!("takes part in the run {name}: {jobs}");
        let serving = Serving {
            connection: &self.connection,
            runs,
            record,
            name,
            worker: &self.worker,
            at_once: self.options.jobs.max(1),
            workers: workers.of_run(&record.id),
            metrics: &self.metrics,
        };
        serving.serve(&*self.opener, interrupt.clone()).await
    }
}

/// The announcements of runs; none if the server refuses them.
async fn announcements(connection: &Connection) -> BoxStream<'static, Message> {
    match connection.client.subscribe(ANNOUNCED).await {
        Ok(announced) => announced.chain(futures_util::stream::pending()).boxed(),
        Err(error) => {
            tracing::debug!("runs are not announced: {error}");
            futures_util::stream::pending().boxed()
        }
    }
}

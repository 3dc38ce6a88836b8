//! Begins a run, or finds one that an earlier coordinator of the same command began.

use async_nats::jetstream::consumer::AckPolicy;
use async_nats::jetstream::consumer::pull::Config as PullConfig;
use async_nats::jetstream::stream::{Config as StreamConfig, RetentionPolicy, StorageType, Stream};
use longshore_engine::job::Jobs;
use longshore_store::Interrupt;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::streams::delete_streams;
use super::sweep::sweep;
use crate::bucket::{Bucket, KEPT, WriteError};
use crate::connection::Connection;
use crate::error::FleetError;
use crate::lease::Lease;
use crate::message::{PROTOCOL, RunHead, RunOptions, RunRecord, State, VERSION, decode, encode};
use crate::name::{ANNOUNCED, RUNS, RunName, consumer};

/// How long a worker may be silent about a batch before another one gets it.
const ACK_WAIT: Duration = Duration::from_secs(30);

/// What a run is.
#[derive(Clone, Debug)]
pub struct RunSetup {
    /// The name, or `None` for one that follows from the plan.
    pub name: Option<RunName>,
    /// The options.
    pub options: RunOptions,
    /// The coordinator's machine, for messages.
    pub machine: String,
}

/// A run that this coordinator holds.
#[derive(Debug)]
pub struct Run {
    pub(super) connection: Connection,
    pub(super) name: RunName,
    pub(super) runs: Bucket,
    pub(super) lease: Lease,
    pub(super) record: RunRecord,
    /// When the record was written.
    pub(super) written: Instant,
    /// Whether an earlier coordinator began it.
    pub(super) is_attached: bool,
    /// Deletes what earlier runs left.
    pub(super) sweeping: JoinHandle<()>,
}

impl Run {
    /// Begins the run of `jobs`, or attaches to it. `None` after an interrupt.
    ///
    /// # Errors
    /// If it exists with other jobs, options or another coordinator, or the server refuses a request.
    pub async fn begin(
        connection: &Connection,
        setup: RunSetup,
        jobs: &Jobs,
        interrupt: &mut Interrupt,
    ) -> Result<Option<Self>, FleetError> {
        check_stores(jobs)?;
        let plan = digest(jobs, &setup.options);
        let name = setup.name.unwrap_or_else(|| RunName::of_plan(&plan));
        let runs = Bucket::create(connection, RUNS).await?;
        let id = connection.client.new_inbox();
        let lease = Lease::take(&runs, &name, &id, &setup.machine, interrupt).await?;
        let Some(lease) = lease else { return Ok(None) };
        let mut record = RunRecord {
            protocol: PROTOCOL,
            version: VERSION.to_owned(),
            name: name.to_string(),
            id: id.trim_start_matches("_INBOX.").to_owned(),
            plan,
            jobs: u32::try_from(jobs.len()).unwrap_or(u32::MAX),
            state: State::Publishing,
            options: setup.options,
        };
        let begun = match existing(&runs, &record).await {
            Ok(Some((id, state))) => {
                (record.id, record.state) = (id, state);
                Ok(true)
            }
            Ok(None) => create(connection, &name, &runs, &record).await.map(|()| false),
            Err(error) => Err(error),
        };
        match begun {
            Ok(is_attached) => {
                let connection = connection.clone();
                let sweeping = tokio::spawn(sweep(connection.clone(), runs.clone(), setup.machine));
                let written = Instant::now();
                Ok(Some(Self {
                    connection,
                    name,
                    runs,
                    lease,
                    record,
                    written,
                    is_attached,
                    sweeping,
                }))
            }
            Err(error) => {
                lease.release(&runs).await;
                Err(error)
            }
        }
    }

    /// The name of the run.
    pub const fn name(&self) -> &RunName {
        &self.name
    }

    /// Writes the record with another state.
    pub(super) async fn set_state(&mut self, state: State) -> Result<(), FleetError> {
        let record = RunRecord { state, ..self.record.clone() };
        write(&self.connection, &self.runs, &self.name, &record).await?;
        (self.record, self.written) = (record, Instant::now());
        Ok(())
    }

    /// Writes that the run `is_published`, and writes the record again before it lapses: a run may last longer than
    /// NATS keeps the record. A server that is away gets it at the next call.
    pub(super) async fn keep(&mut self, is_published: bool) {
        let state = match self.record.state {
            State::Publishing if is_published => State::Running,
            state => state,
        };
        if (state != self.record.state || self.written.elapsed() > KEPT / 4)
            && let Err(error) = self.set_state(state).await
        {
            // Only a coordinator that attaches later publishes again.
            tracing::debug!("{error}");
        }
    }
}

/// A worker cannot read a folder of this machine.
fn check_stores(jobs: &Jobs) -> Result<(), FleetError> {
    let mut stores = jobs.all_shown().flat_map(|job| [job.source.store, job.destination.store]);
    let folder = stores.find(|store| store.registry().is_none());
    match folder {
        Some(folder) => Err(FleetError::Folder { folder: folder.to_string() }),
        None => Ok(()),
    }
}

/// The digest of everything that makes two runs the same.
fn digest(jobs: &Jobs, options: &RunOptions) -> String {
    let mut hasher = Sha256::new();
    let mut add = |bytes: &[u8]| {
        hasher.update((bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    add(VERSION.as_bytes());
    add(&serde_json::to_vec(&options.lasting()).unwrap_or_default());
    let (mut text, mut filter) = (String::new(), None);
    for job in jobs.all_shown() {
        // Neighbours usually have the same filter.
        if filter.is_none_or(|filter| !std::ptr::eq(filter, job.filter)) {
            add(&serde_json::to_vec(job.filter).unwrap_or_default());
            filter = Some(job.filter);
        }
        text.clear();
        // Writing into memory cannot fail.
        let _ok = write!(text, "{} {} {} {}", job.number, job.line, job.source, job.destination);
        add(text.as_bytes());
    }
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The id and the state of the same run, if an earlier coordinator began it.
async fn existing(
    runs: &Bucket,
    record: &RunRecord,
) -> Result<Option<(String, State)>, FleetError> {
    let found = runs.get(&record_key(record)).await?.and_then(|found| found.value);
    let Some(value) = found else { return Ok(None) };
    let another =
        |difference: String| FleetError::AnotherRun { name: record.name.clone(), difference };
    let head: RunHead =
        decode(&value).map_err(|why| another(format!("a record that is not valid: {why}")))?;
    if let Some(difference) = head.difference() {
        return Err(another(difference));
    }
    if head.plan != record.plan {
        return Err(another("another list or other options".to_owned()));
    }
    let found: RunRecord =
        decode(&value).map_err(|why| another(format!("a record that is not valid: {why}")))?;
    let state = match found.state {
        State::Running => State::Running,
        // An interrupted coordinator did not delete everything: the batches that were given back may be
        // incomplete.
        State::Publishing | State::Stopping => State::Publishing,
    };
    Ok(Some((found.id, state)))
}

fn record_key(record: &RunRecord) -> String {
    format!("run.{}", record.name)
}

/// Creates the streams of a run, then its record, which workers look for.
async fn create(
    connection: &Connection,
    name: &RunName,
    runs: &Bucket,
    record: &RunRecord,
) -> Result<(), FleetError> {
    encode(record).map_err(too_large)?;
    // What an earlier run of this name left would be taken for this one's.
    delete_streams(connection, name).await?;
    let jetstream = &connection.jetstream;
    let jobs = StreamConfig {
        name: name.jobs_stream(),
        subjects: vec![name.jobs()],
        retention: RetentionPolicy::WorkQueue,
        ..kept()
    };
    let created = jetstream.create_stream(jobs).await;
    let jobs = created.map_err(|error| {
        connection.failed(format!("create the stream {}", name.jobs_stream()), &error)
    })?;
    create_consumer(connection, &jobs, &record.id).await?;
    let outcomes =
        StreamConfig { name: name.outcomes_stream(), subjects: vec![name.outcomes()], ..kept() };
    jetstream.create_stream(outcomes).await.map_err(|error| {
        connection.failed(format!("create the stream {}", name.outcomes_stream()), &error)
    })?;
    Bucket::create(connection, &name.places()).await?;
    write(connection, runs, name, record).await
}

/// Creates the consumer from which the workers take the batches of the run `id`.
///
/// # Errors
/// If the server refuses it.
pub(super) async fn create_consumer(
    connection: &Connection,
    jobs: &Stream,
    id: &str,
) -> Result<(), FleetError> {
    let config = PullConfig {
        durable_name: Some(consumer(id)),
        ack_policy: AckPolicy::Explicit,
        ack_wait: ACK_WAIT,
        max_ack_pending: 100_000,
        ..PullConfig::default()
    };
    let created = jobs.create_consumer(config).await;
    let stream = &jobs.cached_info().config.name;
    created
        .map(|_| ())
        .map_err(|error| connection.failed(format!("create the consumer of {stream}"), &error))
}

fn kept() -> StreamConfig {
    StreamConfig {
        storage: StorageType::File,
        num_replicas: 1,
        max_age: KEPT,
        duplicate_window: KEPT,
        allow_direct: true,
        ..StreamConfig::default()
    }
}

const fn too_large(size: usize) -> FleetError {
    FleetError::TooLarge { size, limit: crate::message::LARGEST }
}

async fn write(
    connection: &Connection,
    runs: &Bucket,
    name: &RunName,
    record: &RunRecord,
) -> Result<(), FleetError> {
    let value = encode(record).map_err(too_large)?;
    match runs.write(&name.key(), value, None, None).await {
        // No revision was expected, so there is no conflict.
        Ok(_) | Err(WriteError::Conflict) => {
            announce(connection, name).await;
            Ok(())
        }
        Err(WriteError::Failed(error)) => Err(error),
    }
}

/// Tells workers to look at the run now. Without it they look a second later.
pub(super) async fn announce(connection: &Connection, name: &RunName) {
    let _not_stored = connection.client.publish(ANNOUNCED, name.to_string().into()).await;
}

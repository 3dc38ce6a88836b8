//! Takes batches from the stream of a run while the worker has room.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::Consumer;
use async_nats::jetstream::consumer::pull::Config;
use futures_util::StreamExt as _;
use longshore_store::Interrupt;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time::sleep;

use super::pace::{PERIOD, Pace, share};
use super::presence::RunWorkers;
use crate::connection::Connection;
use crate::name::{self, RunName};

/// How long a request for a batch stays open. A request of a worker that hangs swallows a batch, so this is
/// short.
const OPEN: Duration = Duration::from_secs(1);
/// The pause after an error.
const AGAIN: Duration = Duration::from_millis(500);

/// The most jobs whose batch has not ended. It bounds the outcomes that wait for NATS.
const OPEN_JOBS: usize = 1024;

/// The jobs that a worker holds.
#[derive(Debug, Default)]
pub(super) struct Room {
    /// Jobs that have not ended.
    held: AtomicUsize,
    /// Jobs whose batch has not ended.
    open: AtomicUsize,
    /// Jobs that have ended.
    ended: AtomicUsize,
    /// The jobs of the last batch.
    last: AtomicUsize,
    freed: Notify,
}

impl Room {
    /// The jobs held at the moment.
    pub(super) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// Takes room for the jobs of a batch.
    pub(super) fn take(self: &Arc<Self>, jobs: usize) -> Taken {
        self.last.store(jobs, Ordering::Relaxed);
        self.open.fetch_add(jobs, Ordering::Relaxed);
        self.held.fetch_add(jobs, Ordering::Relaxed);
        let each = (0..jobs).map(|_| JobRoom(Arc::clone(self))).collect();
        Taken { room: Arc::clone(self), jobs, each }
    }
}

/// Room that a batch takes until it has ended.
#[derive(Debug)]
pub(super) struct Taken {
    room: Arc<Room>,
    jobs: usize,
    each: Vec<JobRoom>,
}

impl Taken {
    /// Gives away the room of one of the jobs.
    pub(super) fn one(&mut self) -> Option<JobRoom> {
        self.each.pop()
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.room.open.fetch_sub(self.jobs, Ordering::Relaxed);
        self.room.freed.notify_waiters();
    }
}

/// Room that a job takes until it has ended.
#[derive(Debug)]
pub(super) struct JobRoom(Arc<Room>);

impl JobRoom {
    /// Frees the room of a job that has ended.
    pub(super) fn end(self) {
        self.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for JobRoom {
    fn drop(&mut self) {
        self.0.held.fetch_sub(1, Ordering::Relaxed);
        self.0.freed.notify_waiters();
    }
}

/// A message with a batch. The next one is asked for after it is dropped.
pub(super) struct Found {
    pub(super) message: Message,
    _taken: oneshot::Sender<()>,
}

/// Takes batches of a run.
pub(super) struct Fetcher {
    pub(super) connection: Connection,
    pub(super) name: RunName,
    /// The id of the run.
    pub(super) run: String,
    pub(super) room: Arc<Room>,
    /// The bytes that this worker moved in the run.
    pub(super) moved: Arc<AtomicU64>,
    /// The workers of the run.
    pub(super) workers: RunWorkers,
    /// The most images that this worker copies at once.
    pub(super) at_once: usize,
    /// Receives the reason why this worker may take no batch.
    pub(super) cannot: watch::Sender<Option<String>>,
}

impl Fetcher {
    /// Sends batches to `found` while there is room, until the interrupt.
    ///
    /// A request is never cancelled, because the batch that it gets would be lost for the time of its lease.
    pub(super) async fn fetch(self, found: mpsc::Sender<Found>, mut interrupt: Interrupt) {
        let mut consumer: Option<Consumer<Config>> = None;
        let mut pace = Pace::new(self.at_once, Instant::now());
        let mut batches_left = 0;
        while !interrupt.is_raised() {
            tokio::select! {
                () = self.has_room(&mut pace, batches_left) => {}
                () = interrupt.raised() => return,
            }
            match fetch_one(&self.connection, &self.name, &self.run, &mut consumer).await {
                Ok(Some(message)) => {
                    let pending = message.info().map_or(0, |info| info.pending);
                    batches_left = usize::try_from(pending).unwrap_or(usize::MAX);
                    let (taken, room_is_taken) = oneshot::channel();
                    if found.send(Found { message, _taken: taken }).await.is_err() {
                        return;
                    }
                    // Its batch takes room before the next request.
                    let _dropped = room_is_taken.await;
                }
                Ok(None) => {
                    batches_left = 0;
                    // A request that the server refuses has no answer.
                    if self.connection.refuses("$JS.API.CONSUMER.MSG.NEXT.") {
                        self.failed(&*async_nats::Error::from("the request timed out"));
                    }
                }
                Err(error) => {
                    self.failed(&*error);
                    consumer = None;
                    tokio::select! {
                        () = sleep(AGAIN) => {}
                        () = interrupt.raised() => return,
                    }
                }
            }
        }
    }

    /// Waits until this worker may take one more batch. `batches_left` have not been given out.
    async fn has_room(&self, pace: &mut Pace, batches_left: usize) {
        loop {
            let freed = self.room.freed.notified();
            let moved = self.moved.load(Ordering::Relaxed);
            let ended = self.room.ended.load(Ordering::Relaxed);
            let allowed = pace.allowed(Instant::now(), moved, ended);
            let left = batches_left.saturating_mul(self.room.last.load(Ordering::Relaxed));
            let allowed = allowed.min(share(left, self.workers.count(), self.at_once));
            let open = self.room.open.load(Ordering::Relaxed);
            if self.room.held() < allowed && open < OPEN_JOBS {
                return;
            }
            tokio::select! {
                () = freed => {}
                () = sleep(PERIOD) => {}
            }
        }
    }

    /// Reports why this worker may take no batch, if it lacks a permission.
    fn failed(&self, error: &(dyn std::error::Error + 'static)) {
        let operation = format!("take batches of {}", self.name.jobs_stream());
        let error = self.connection.failed(operation, error);
        if error.is_permission() {
            self.cannot.send_replace(Some(format!("failed to {error}")));
        }
        tracing::debug!("{error}");
    }
}

async fn fetch_one(
    connection: &Connection,
    name: &RunName,
    run: &str,
    consumer: &mut Option<Consumer<Config>>,
) -> Result<Option<Message>, async_nats::Error> {
    let known = match consumer {
        Some(known) => known,
        None => {
            let stream = name.jobs_stream();
            {
                let name = name::consumer(run);
                let found = connection.jetstream.get_consumer_from_stream(name, stream).await?;
                consumer.insert(found)
            }
        }
    };
    let mut messages = known.batch().max_messages(1).expires(OPEN).messages().await?;
    messages.next().await.transpose()
}

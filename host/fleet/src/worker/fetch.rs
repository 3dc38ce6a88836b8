//! Takes batches from the stream of a run while the worker has room.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::Consumer;
use async_nats::jetstream::consumer::pull::Config;
use futures_util::StreamExt as _;
use longshore_store::Interrupt;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time::sleep;

use super::presence::Workers;
use crate::connection::Connection;
use crate::error::FleetError;
use crate::name::{self, RunName};

/// How long a request for a batch stays open. A request of a worker that hangs swallows a batch, so this is
/// short.
const OPEN: Duration = Duration::from_secs(1);
/// The pause after an error.
const AGAIN: Duration = Duration::from_millis(500);

/// The jobs that a worker holds.
#[derive(Debug, Default)]
pub(super) struct Room {
    held: AtomicUsize,
    freed: Notify,
}

impl Room {
    /// The jobs held at the moment.
    pub(super) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// Takes room for `jobs` until the guard is dropped.
    pub(super) fn take(self: &Arc<Self>, jobs: usize) -> Taken {
        self.held.fetch_add(jobs, Ordering::Relaxed);
        Taken(Arc::clone(self), jobs)
    }

    /// Waits until fewer than `most` jobs are held.
    async fn wait(&self, most: usize) {
        loop {
            let freed = self.freed.notified();
            if self.held() < most {
                return;
            }
            freed.await;
        }
    }
}

/// Room that a batch takes.
#[derive(Debug)]
pub(super) struct Taken(Arc<Room>, usize);

impl Drop for Taken {
    fn drop(&mut self) {
        self.0.held.fetch_sub(self.1, Ordering::Relaxed);
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
    /// The workers of the server.
    pub(super) workers: Workers,
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
        let mut most = self.at_once;
        while !interrupt.is_raised() {
            tokio::select! {
                () = self.room.wait(most) => {}
                () = interrupt.raised() => return,
            }
            match fetch_one(&self.connection, &self.name, &self.run, &mut consumer).await {
                Ok(Some(message)) => {
                    most = self.most(&message);
                    let (taken, room_is_taken) = oneshot::channel();
                    if found.send(Found { message, _taken: taken }).await.is_err() {
                        return;
                    }
                    // Its batch takes room before the next request.
                    let _dropped = room_is_taken.await;
                }
                Ok(None) => {
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

    /// How many jobs this worker holds at most after `message`. It holds more than it copies at once, so
    /// that it looks at the next images while blobs move. At the end of a run, it leaves them to the other
    /// workers.
    fn most(&self, message: &Message) -> usize {
        let pending = message.info().map_or(0, |info| info.pending);
        let of_all = self.workers.count().saturating_mul(self.at_once);
        if pending > of_all as u64 { self.at_once * 2 } else { self.at_once }
    }

    /// Reports why this worker may take no batch, if it lacks a permission.
    fn failed(&self, error: &(dyn std::error::Error + 'static)) {
        let operation = format!("take batches of {}", self.name.jobs_stream());
        let error = self.connection.failed(operation, error);
        if matches!(error, FleetError::JetStream { is_permission: true, .. }) {
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

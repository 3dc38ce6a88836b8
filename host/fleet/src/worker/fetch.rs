//! Takes batches from the stream of a run while the worker has room.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::Consumer;
use async_nats::jetstream::consumer::pull::Config;
use futures_util::StreamExt as _;
use longshore_store::Interrupt;
use tokio::sync::{Notify, mpsc};
use tokio::time::sleep;

use crate::connection::Connection;
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

/// Sends batches to `found` while fewer than `most` jobs are held, until the interrupt.
///
/// A request is never cancelled, because the batch that it gets would be lost for the time of its lease.
pub(super) async fn fetch(
    connection: Connection,
    name: RunName,
    run: String,
    room: Arc<Room>,
    most: usize,
    found: mpsc::Sender<Message>,
    mut interrupt: Interrupt,
) {
    let mut consumer: Option<Consumer<Config>> = None;
    while !interrupt.is_raised() {
        tokio::select! {
            () = room.wait(most) => {}
            () = interrupt.raised() => return,
        }
        let fetched = fetch_one(&connection, &name, &run, &mut consumer).await;
        let pause = match fetched {
            Ok(Some(message)) => {
                // The room is taken before the next request.
                if found.send(message).await.is_err() {
                    return;
                }
                continue;
            }
            Ok(None) => continue,
            Err(error) => {
                tracing::debug!("fetch a batch: {error}");
                consumer = None;
                AGAIN
            }
        };
        tokio::select! {
            () = sleep(pause) => {}
            () = interrupt.raised() => return,
        }
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

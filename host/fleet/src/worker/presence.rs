//! How many workers a server has: each begins a run with its share of the registries' windows.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use crate::connection::Connection;

/// The subject on which workers say that they are there.
const WORKERS: &str = "longshore.workers";
/// How often a worker says so.
const BEAT: Duration = Duration::from_secs(1);
/// How long a worker counts that says nothing more.
const SILENT: Duration = Duration::from_secs(4);
/// The longest id, and the most workers that are counted.
const BOUNDS: (usize, usize) = (64, 10_000);

/// Counts the workers of a server.
#[derive(Debug)]
pub(super) struct Presence {
    seen: Arc<Mutex<HashMap<String, Instant>>>,
    task: JoinHandle<()>,
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Presence {
    /// Begins to say that the worker with this id is there, and to count the others.
    pub(super) fn begin(connection: &Connection, id: &str) -> Self {
        let seen = Arc::<Mutex<HashMap<String, Instant>>>::default();
        let task = tokio::spawn(follow(connection.clone(), id.to_owned(), Arc::clone(&seen)));
        Self { seen, task }
    }

    /// The number of workers, at least one.
    pub(super) fn count(&self) -> usize {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.retain(|_, heard| heard.elapsed() < SILENT);
        seen.len().max(1)
    }
}

async fn follow(connection: Connection, id: String, seen: Arc<Mutex<HashMap<String, Instant>>>) {
    let mut others = loop {
        match connection.client.subscribe(WORKERS).await {
            Ok(others) => break others,
            Err(_) => sleep(BEAT).await,
        }
    };
    let mut beat = interval(BEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = beat.tick() => {
                if connection.is_up() {
                    let bytes = id.clone().into_bytes().into();
                    let _not_stored = connection.client.publish(WORKERS, bytes).await;
                }
            }
            message = others.next() => {
                let Some(message) = message else { return };
                let Ok(other) = std::str::from_utf8(&message.payload) else { continue };
                let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                if seen.len() >= BOUNDS.1 {
                    seen.retain(|_, heard| heard.elapsed() < SILENT);
                }
                if other.len() <= BOUNDS.0 && seen.len() < BOUNDS.1 {
                    seen.insert(other.to_owned(), Instant::now());
                }
            }
        }
    }
}

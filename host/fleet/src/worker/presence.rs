//! Which workers a server has, and in which run each takes part. A worker begins a run with its share of the
//! registries' windows, and leaves a registry that it cannot reach to the others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use crate::connection::Connection;

/// The subject on which workers announce themselves.
const WORKERS: &str = "longshore.workers";
/// How often a worker announces itself.
const BEAT: Duration = Duration::from_secs(1);
/// How soon a worker answers one that has just come, which counts only itself until then.
const SOON: Duration = Duration::from_millis(5);
/// How long after a worker joined a run others may still join it.
const JOINING: Duration = Duration::from_secs(5);
/// How long a silent worker still counts.
const SILENT: Duration = Duration::from_secs(4);
/// The longest message, and the most workers that are counted.
const BOUNDS: (usize, usize) = (256, 10_000);

/// Knows the workers of a server.
#[derive(Debug)]
pub(super) struct Presence {
    workers: Workers,
    /// The id of the run that this worker takes part in.
    run: watch::Sender<String>,
    task: JoinHandle<()>,
}

/// The workers of a server. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Workers(Arc<Mutex<HashMap<String, Seen>>>);

/// The workers of a run that this worker has joined. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct RunWorkers {
    all: Workers,
    /// The id of the run.
    run: String,
    joined: Instant,
}

/// What a worker said last.
#[derive(Debug)]
struct Seen {
    heard: Instant,
    /// The id of its run; empty if it has none.
    run: String,
}

impl Workers {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Seen>> {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.retain(|_, worker| worker.heard.elapsed() < SILENT);
        seen
    }

    /// The workers of the run with this id, which this worker joins now.
    pub(super) fn of_run(&self, run: &str) -> RunWorkers {
        RunWorkers { all: self.clone(), run: run.to_owned(), joined: Instant::now() }
    }

    /// Takes a message: the id of a worker and the id of its run, separated by a blank. Returns whether the
    /// worker has just come.
    fn take(&self, message: &[u8]) -> bool {
        let Ok(text) = std::str::from_utf8(message) else { return false };
        let (id, run) = text.split_once(' ').unwrap_or((text, ""));
        let mut seen = self.lock();
        if text.len() > BOUNDS.0 || seen.len() >= BOUNDS.1 {
            return false;
        }
        let said = Seen { heard: Instant::now(), run: run.to_owned() };
        seen.insert(id.to_owned(), said).is_none()
    }
}

impl RunWorkers {
    /// Whether other workers may still join the run.
    pub(super) fn are_joining(&self) -> bool {
        self.joined.elapsed() < JOINING
    }

    /// The number of workers that share the run, at least one. Just after the beginning, those without a run count
    /// too, because they are about to join. Later they do not: they are of another version, or wait for another run.
    pub(super) fn count(&self) -> usize {
        let are_joining = self.are_joining();
        let of_run =
            |worker: &&Seen| worker.run == self.run || are_joining && worker.run.is_empty();
        self.all.lock().values().filter(of_run).count().max(1)
    }

    /// Whether a worker other than these takes part in the run.
    pub(super) fn has_other(&self, ids: &[String]) -> bool {
        self.all.lock().iter().any(|(id, worker)| worker.run == self.run && !ids.contains(id))
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Presence {
    /// Begins to announce the worker with this id, and to listen to the others.
    pub(super) fn begin(connection: &Connection, id: &str) -> Self {
        let workers = Workers::default();
        let (run, runs) = watch::channel(String::new());
        let task = tokio::spawn(follow(connection.clone(), id.to_owned(), runs, workers.clone()));
        Self { workers, run, task }
    }

    /// Announces at once that the worker takes part in the run with this id, or in none if it is
    /// empty.
    pub(super) fn joins(&self, run: &str) {
        self.run.send_replace(run.to_owned());
    }

    /// The workers of the server.
    pub(super) const fn workers(&self) -> &Workers {
        &self.workers
    }
}

async fn follow(
    connection: Connection,
    id: String,
    mut runs: watch::Receiver<String>,
    workers: Workers,
) {
    let mut others = loop {
        match connection.client.subscribe(WORKERS).await {
            Ok(others) => break others,
            Err(_) => sleep(BEAT).await,
        }
    };
    let mut beat = interval(BEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // Many that come at once get one answer.
    let mut answers = false;
    loop {
        tokio::select! {
            _ = beat.tick() => answers = false,
            Ok(()) = runs.changed() => {}
            message = others.next() => {
                let Some(message) = message else { return };
                if workers.take(&message.payload) && !answers {
                    answers = true;
                    beat.reset_after(SOON);
                }
                continue;
            }
        }
        if connection.is_up() {
            let text = format!("{id} {}", *runs.borrow_and_update());
            let _not_stored = connection.client.publish(WORKERS, text.into()).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BOUNDS, JOINING, Workers};

    #[test]
    fn workers_are_known_by_their_run() {
        let workers = Workers::default();
        assert_eq!(workers.of_run("r").count(), 1, "this one");
        for message in ["one r", "two r", "three s", "four", "\u{1b}"] {
            assert!(workers.take(message.as_bytes()), "{message:?} has just come");
        }
        assert!(!workers.take(b"one r") && !workers.take(&[0xff]));
        assert!(!workers.take("x".repeat(BOUNDS.0 + 1).as_bytes()));
        assert_eq!(workers.lock().len(), 5);
        let has_other = |run: &str, ids: &[&str]| {
            let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
            workers.of_run(run).has_other(&ids)
        };
        assert!(has_other("r", &["one"]) && !has_other("r", &["one", "two"]));
        assert!(has_other("s", &[]) && !has_other("t", &[]));
        assert!(!workers.take(b"two s"), "it is known");
        assert!(!has_other("r", &["one"]), "it left the run");
    }

    #[tokio::test(start_paused = true)]
    async fn only_the_workers_of_a_run_share_it() {
        let workers = Workers::default();
        let say =
            || ["one r", "two r", "three s", "four"].map(|text| workers.take(text.as_bytes()));
        say();
        let of_run = workers.of_run("r");
        assert!(of_run.are_joining());
        assert_eq!(of_run.count(), 3, "four may join");
        tokio::time::advance(JOINING).await;
        assert_eq!(of_run.count(), 1, "all are silent");
        say();
        assert!(!of_run.are_joining());
        assert_eq!(of_run.count(), 2, "four waits for another run");
    }
}

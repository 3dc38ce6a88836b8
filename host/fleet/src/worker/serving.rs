//! Takes part in one run: takes batches while it has room, until the run ends or the worker is interrupted.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::StreamExt as _;
use longshore_engine::event::EventSender;
use longshore_store::{Effort, Interrupt, Stores};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::batch::{Held, Work};
use super::executor::{Executor, Own};
use super::fetch::{Fetcher, Found, Room};
use super::metrics::Metrics;
use super::presence::RunWorkers;
use super::telling::Teller;
use super::{OpenedRun, RunOpener, announcements};
use crate::bucket::Bucket;
use crate::connection::Connection;
use crate::message::{Heartbeat, Pause, RunRecord, State, ToldPause, WorkerName, decode, encode};
use crate::name::RunName;
use crate::places::Places;

/// How often a worker reports its progress, and checks whether the run goes on.
const BEAT: Duration = Duration::from_secs(1);
/// The longest pause that another worker may ask for.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// What ends the work on a run.
struct Switches {
    /// The run is gone: nobody waits for outcomes.
    end: watch::Sender<bool>,
    /// Worker or run were interrupted: outcomes have little time left.
    stop: watch::Sender<bool>,
    /// No new image starts.
    raise: watch::Sender<bool>,
}

impl Switches {
    fn leave(&self) {
        self.stop.send_replace(true);
        self.raise.send_replace(true);
    }

    fn end(&self) {
        self.end.send_replace(true);
        self.raise.send_replace(true);
    }
}

/// A run that a worker takes part in.
pub(super) struct Serving<'a> {
    pub(super) connection: &'a Connection,
    pub(super) runs: &'a Bucket,
    pub(super) record: &'a RunRecord,
    pub(super) name: RunName,
    pub(super) worker: &'a WorkerName,
    /// The most images at once.
    pub(super) at_once: usize,
    /// The workers of the run.
    pub(super) workers: RunWorkers,
    pub(super) metrics: &'a Arc<Metrics>,
}

impl Serving<'_> {
    /// Works until the run ends or the interrupt.
    ///
    /// # Errors
    /// Says why this machine cannot take part.
    pub(super) async fn serve(
        self,
        opener: &dyn RunOpener,
        mut interrupt: Interrupt,
    ) -> Result<(), String> {
        let (pauses, met) = mpsc::unbounded_channel();
        let OpenedRun { stores, cache, pause, share_rate } =
            opener.open(&self.record.options, self.workers.count(), pauses)?;
        let bucket = Bucket::open(self.connection, &self.name.places()).await;
        let bucket = bucket.map_err(|error| error.to_string())?;
        let (id, metrics) = (self.worker.id.clone(), Arc::clone(self.metrics));
        let homes = Places::new(self.connection.clone(), bucket, id, metrics);
        let own =
            Own { stores: Arc::clone(&stores), cache, homes: Arc::new(homes), jobs: self.at_once };
        let (events, received) = EventSender::channel();
        let executor = Executor::new(&self.record.options, own, events)?;
        let ((end, over), (stop, stopping)) = (watch::channel(false), watch::channel(false));
        let (raise, raised) = Interrupt::channel();
        let switches = Switches { end, stop, raise };
        let teller = self.teller(stores, over, stopping);
        let mut cannot = teller.cannot.subscribe();
        let mut announced = announcements(self.connection).await;
        let told = tokio::spawn(teller.clone().follow(received));
        let (held, at_once) = (Held::default(), raised.clone());
        let work = Work { executor, teller: teller.clone(), held, interrupt: raised };
        let pausing = self.share_pauses(met, pause);
        let room = Arc::<Room>::default();
        let (found, mut batches) = mpsc::channel(1);
        let fetching = self.fetching(&room, found, &teller, at_once);
        let mut running = JoinSet::new();
        let mut beat = interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut before = Effort::default();
        loop {
            tokio::select! {
                biased;
                () = interrupt.raised(), if !*switches.stop.borrow() => {
                    tracing::info!("leaves the run {}", self.name);
                    switches.leave();
                }
                Ok(()) = cannot.changed() => switches.leave(),
                Some(message) = announced.next() => {
                    if message.payload == *self.record.name.as_bytes() {
                        self.follow_state(&switches).await;
                    }
                }
                _ = beat.tick() => {
                    // While NATS is away, nobody can be counted.
                    if self.connection.is_up() {
                        share_rate(self.workers.count());
                    }
                    self.beat(&teller, room.held(), &mut before, false).await;
                    self.follow_state(&switches).await;
                }
                Some(found) = batches.recv() => {
                    let message = found.message.clone();
                    if switches.raise.borrow().to_owned() {
                        work.give_back(message).await;
                    } else if let Some(batch) = work.accept(message).await {
                        let taken = room.take(batch.len());
                        running.spawn(work.clone().run(batch, taken));
                    }
                }
                Some(_) = running.join_next() => {}
                else => {}
            }
            self.metrics.set_running(count(room.held()));
            if *switches.raise.borrow() && running.is_empty() && fetching.is_finished() {
                break;
            }
        }
        // The fetcher may have found one more.
        while let Ok(found) = batches.try_recv() {
            work.give_back(found.message).await;
        }
        work.executor.finish().await;
        drop(work);
        let _ended = told.await;
        self.beat(&teller, 0, &mut before, true).await;
        // A server that is away gets nothing any more.
        let _sent = timeout(BEAT * 2, self.connection.client.flush()).await;
        pausing.abort();
        tracing::info!("the run {} is over for this worker", self.name);
        let why = cannot.borrow().clone();
        why.map_or(Ok(()), Err)
    }

    fn teller(
        &self,
        stores: Arc<dyn Stores>,
        over: watch::Receiver<bool>,
        stopping: watch::Receiver<bool>,
    ) -> Teller {
        Teller::new(
            self.connection.clone(),
            self.name.clone(),
            self.record.id.clone(),
            self.worker.clone(),
            stores,
            Arc::clone(self.metrics),
            over,
            stopping,
            self.workers.clone(),
        )
    }

    /// Begins to fetch batches, until the interrupt.
    fn fetching(
        &self,
        room: &Arc<Room>,
        found: mpsc::Sender<Found>,
        teller: &Teller,
        interrupt: Interrupt,
    ) -> JoinHandle<()> {
        let fetcher = Fetcher {
            connection: self.connection.clone(),
            name: self.name.clone(),
            run: self.record.id.clone(),
            room: Arc::clone(room),
            moved: Arc::clone(&teller.moved),
            workers: self.workers.clone(),
            at_once: self.at_once,
            cannot: teller.cannot.clone(),
        };
        tokio::spawn(fetcher.fetch(found, interrupt))
    }

    /// Interrupts the work if the run was interrupted, and ends it if the run is gone.
    async fn follow_state(&self, switches: &Switches) {
        match self.state().await {
            Some(State::Stopping) if !*switches.stop.borrow() => {
                tracing::info!("the run {} was interrupted", self.name);
                switches.leave();
            }
            Some(_) => {}
            None => switches.end(),
        }
    }

    /// The state of the run; `None` if it is gone. A server that is away says nothing.
    async fn state(&self) -> Option<State> {
        if !self.connection.is_up() {
            return Some(State::Running);
        }
        match self.runs.get(&self.name.key()).await {
            Ok(Some(found)) => {
                let record = decode::<RunRecord>(&found.value?).ok()?;
                (record.id == self.record.id).then_some(record.state)
            }
            Ok(None) => None,
            Err(error) => {
                tracing::debug!("{error}");
                Some(State::Running)
            }
        }
    }

    /// Reports the progress. Nothing depends on its arrival.
    async fn beat(&self, teller: &Teller, running: usize, before: &mut Effort, left: bool) {
        let (running, effort) = (count(running), teller.effort());
        self.metrics.effort(before, &effort);
        before.clone_from(&effort);
        let heartbeat = Heartbeat {
            run: self.record.id.clone(),
            worker: self.worker.clone(),
            running,
            moved: teller.moved.load(Ordering::Relaxed),
            effort,
            refused: None,
            left,
        };
        // The client keeps messages while the server is away, and progress is soon out of date.
        if let (true, Ok(bytes)) = (self.connection.is_up(), encode(&heartbeat)) {
            let _not_stored = self.connection.client.publish(self.name.progress(), bytes).await;
        }
    }

    /// Tells the other workers which pauses registries ask this one for, and keeps the pauses that
    /// they report.
    fn share_pauses(
        &self,
        mut met: mpsc::UnboundedReceiver<Pause>,
        pause: Box<dyn Fn(&Pause) + Send + Sync>,
    ) -> JoinHandle<()> {
        let (client, subject) = (self.connection.client.clone(), self.name.pauses());
        let id = self.worker.id.clone();
        tokio::spawn(async move {
            let mut told = loop {
                match client.subscribe(subject.clone()).await {
                    Ok(told) => break told,
                    Err(error) => {
                        tracing::debug!("pauses are not shared: {error}");
                        sleep(BEAT).await;
                    }
                }
            };
            loop {
                tokio::select! {
                    Some(pause) = met.recv() => {
                        let message = ToldPause { id: id.clone(), pause };
                        if let Ok(bytes) = encode(&message) {
                            let _not_stored = client.publish(subject.clone(), bytes).await;
                        }
                    }
                    Some(message) = told.next() => match decode::<ToldPause>(&message.payload) {
                        Ok(told) if told.id == id => {}
                        Ok(told) => {
                            let length = told.pause.length.min(LONGEST_PAUSE);
                            pause(&Pause { length, ..told.pause });
                        }
                        Err(why) => tracing::debug!("ignored: a message is not a pause: {why}"),
                    },
                    else => return,
                }
            }
        })
    }
}

fn count(jobs: usize) -> u32 {
    u32::try_from(jobs).unwrap_or(u32::MAX)
}

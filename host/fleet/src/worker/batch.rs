//! Works on one batch: holds its lease, reports its outcomes, and gives back what was interrupted.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::jetstream::message::Acker;
use async_nats::jetstream::{AckKind, Message};
use longshore_engine::counted;
use longshore_engine::job::{Job, Jobs, Outcome};
use longshore_store::Interrupt;
use tokio::time::sleep;

use super::executor::Executor;
use super::fetch::Taken;
use super::telling::{Teller, Told};
use crate::message::{Batch, EndedJob, Saved, encode};

/// How often the lease of a batch is renewed. The server gives it to another worker after 30 s of silence.
const RENEWED: Duration = Duration::from_secs(10);
/// How often a batch is delivered before its jobs fail.
pub(super) const DELIVERIES: i64 = 5;
/// The pause between checks whether a job of another batch is still in progress.
const BUSY: Duration = Duration::from_millis(500);
/// The pause before a batch goes to another worker, which may reach its registries.
const PASS: Duration = Duration::from_millis(500);
/// How often an acknowledgement is tried. Without one, another worker gets the batch and finds
/// everything done.
const ACKS: u32 = 3;

/// The batches that a worker holds, by their number in the stream.
#[derive(Clone, Default)]
pub(super) struct Held(Arc<Mutex<HashMap<u64, Arc<Acker>>>>);

impl Held {
    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Arc<Acker>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn acker(&self, batch: u64) -> Option<Arc<Acker>> {
        self.lock().get(&batch).cloned()
    }
}

/// What is needed to work on batches.
#[derive(Clone)]
pub(super) struct Work {
    pub(super) executor: Executor,
    pub(super) teller: Teller,
    pub(super) held: Held,
    pub(super) interrupt: Interrupt,
}

/// A batch that this worker works on.
pub(super) struct Accepted {
    jobs: Vec<Job>,
    number: u64,
    /// The workers that could not reach a registry of the jobs.
    unreached: Vec<String>,
    turn: Turn,
}

/// What a worker does with a batch.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    Work,
    /// It was given out too often: its jobs fail.
    Fail,
    /// This worker could not reach a registry of the jobs, and another one has not tried it yet.
    PassOn,
}

impl Accepted {
    /// The number of its jobs.
    pub(super) const fn len(&self) -> usize {
        self.jobs.len()
    }
}

impl Work {
    /// Looks at a message. Returns the batch if this worker works on it now.
    pub(super) async fn accept(&self, message: Message) -> Option<Accepted> {
        let (number, delivered) = match message.info() {
            Ok(info) => (info.stream_sequence, info.delivered),
            Err(error) => {
                tracing::warn!("a message of NATS is not one of JetStream: {error}");
                return None;
            }
        };
        let batch = match Batch::decode(&message.payload) {
            Ok(batch) if batch.run == self.teller.run => batch,
            Ok(_) => {
                tracing::debug!("the message {number} of the jobs is of an earlier run");
                let _again = message.ack_with(AckKind::Term).await;
                return None;
            }
            Err(why) => {
                tracing::warn!("the message {number} of the jobs is not a batch, ignored: {why}");
                let _again = message.ack_with(AckKind::Term).await;
                return None;
            }
        };
        let (_, acker) = message.split();
        if let Some(known) = self.held.lock().get_mut(&number) {
            // The lease lapsed while this worker hung, and it got its own batch again.
            *known = Arc::new(acker);
            return None;
        }
        self.held.lock().insert(number, Arc::new(acker));
        let is_other = batch.unreached.contains(&self.teller.worker.id)
            && self.teller.workers.has_other(&batch.unreached);
        let turn = match is_other {
            _ if delivered > DELIVERIES => Turn::Fail,
            true => Turn::PassOn,
            false => Turn::Work,
        };
        Some(Accepted { jobs: batch.jobs, number, unreached: batch.unreached, turn })
    }

    /// Publishes again a batch that came too late. Refusing it would count as a delivery.
    pub(super) async fn give_back(&self, message: Message) {
        let is_over = *self.teller.over.borrow();
        let is_given = !is_over && self.teller.give_back(message.payload.clone()).await;
        let kind = if is_given { AckKind::Ack } else { AckKind::Nak(None) };
        let _again = message.ack_with(kind).await;
    }

    /// Fails the jobs of a batch that no worker ends, and returns those whose outcome could not be
    /// reported. Outcomes that were reported before count.
    async fn fail(&self, jobs: Vec<Job>) -> Vec<Job> {
        let count = counted(jobs.len(), "job", "jobs");
        tracing::warn!("a batch of {count} was given out {DELIVERIES} times and never ended");
        let ended = |job: &Job| {
            let error =
                format!("{DELIVERIES} workers ended or hung while they worked on its batch");
            let hint =
                "look into the logs of the workers, or mirror the failed list without --fleet";
            let outcome =
                Box::new(Outcome { hint: Some(hint.to_owned()), ..Outcome::failed(error) });
            EndedJob { job: job.number, outcome, saved: Saved::default(), notes: Vec::new() }
        };
        match self.teller.tell(jobs.iter().map(ended).collect()).await {
            Told::Open => jobs,
            Told::Stored | Told::Unreached => Vec::new(),
        }
    }

    /// Works on a batch to its end.
    pub(super) async fn run(self, batch: Accepted, mut room: Taken) {
        let Accepted { jobs, number, mut unreached, turn } = batch;
        match turn {
            Turn::Work => {}
            Turn::Fail => {
                let open = self.fail(jobs).await;
                return self.end(number, vec![(open, unreached)]).await;
            }
            Turn::PassOn => {
                // The other worker may be busy.
                sleep(PASS).await;
                return self.end(number, vec![(jobs, unreached)]).await;
            }
        }
        let before = unreached.clone();
        if !unreached.contains(&self.teller.worker.id) {
            unreached.push(self.teller.worker.id.clone());
        }
        let with_this: Arc<[String]> = unreached.into();
        let renewing = {
            let held = self.held.clone();
            tokio::spawn(async move {
                loop {
                    sleep(RENEWED).await;
                    let Some(acker) = held.acker(number) else { return };
                    if let Err(error) = acker.ack_with(AckKind::Progress).await {
                        tracing::debug!("renew the lease of a batch: {error}");
                    }
                }
            })
        };
        // A batch that was published again may have a job that this worker has in work.
        while self.teller.knows_any(&jobs) && !self.interrupt.is_raised() {
            sleep(BUSY).await;
        }
        let told: Vec<_> = jobs
            .iter()
            .map(|job| (job.clone(), self.teller.expect(job, &with_this, room.one())))
            .collect();
        let packed: Jobs = jobs.into_iter().collect();
        self.executor.run(&packed, self.interrupt.clone()).await;
        let (mut open, mut elsewhere) = (Vec::new(), Vec::new());
        for (job, told) in told {
            match told.await {
                Ok(Told::Stored) => {}
                Ok(Told::Unreached) => elsewhere.push(job),
                Ok(Told::Open) | Err(_) => open.push(job),
            }
        }
        renewing.abort();
        self.end(number, vec![(open, before), (elsewhere, with_this.to_vec())]).await;
    }

    /// Acknowledges a batch, after its `open` jobs were given back, each group with the workers that could not
    /// reach a registry of it.
    async fn end(&self, number: u64, open: Vec<(Vec<Job>, Vec<String>)>) {
        let Some(acker) = self.held.acker(number) else { return };
        self.held.lock().remove(&number);
        if *self.teller.over.borrow() {
            return;
        }
        for (jobs, unreached) in open {
            if jobs.is_empty() {
                continue;
            }
            let count = counted(jobs.len(), "job", "jobs");
            let given = match encode(&Batch { run: self.teller.run.clone(), jobs, unreached }) {
                Ok(bytes) => self.teller.give_back(bytes).await,
                Err(_) => false,
            };
            if !given {
                let _again = acker.ack_with(AckKind::Nak(None)).await;
                return;
            }
            tracing::info!("gave {count} back");
        }
        let mut over = self.teller.over.clone();
        let ends = async { drop(over.wait_for(|over| *over).await) };
        let acknowledging = async {
            for _ in 0..ACKS {
                match acker.double_ack().await {
                    Ok(()) => return,
                    Err(error) => {
                        let error = self.teller.connection.failed("acknowledge a batch", &*error);
                        self.teller.connection.complain(&error);
                    }
                }
            }
        };
        tokio::select! {
            () = acknowledging => {}
            // The coordinator has the last outcome and deleted the stream, which answers no more.
            () = ends => {}
        }
    }
}

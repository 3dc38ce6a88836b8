//! Follows a run to its end.

use std::time::Duration;

use async_nats::Message;
use async_nats::jetstream::stream::Stream;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{FutureExt as _, StreamExt as _};
use longshore_engine::counted;
use longshore_engine::event::{Event, EventSender, Level};
use longshore_engine::job::{Jobs, Outcome, Status};
use longshore_store::Interrupt;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use super::begin::{Run, announce, create_consumer};
use super::open::Open;
use super::outcomes::{Read, read};
use super::publish::{PublishError, groups, publish};
use super::streams::{delete_streams, is_missing_stream};
use super::watch::Workers;
use crate::bucket::{Bucket, WriteError};
use crate::connection::Connection;
use crate::error::FleetError;
use crate::message::{Ended, EndedJob, FromWorker, Heartbeat, State, decode};
use crate::name::{RUNS, RunName};

/// How often the coordinator checks that nothing of the run was lost.
const CHECK: Duration = Duration::from_secs(5);
/// How often lost jobs are published again before they fail.
const ROUNDS: u32 = 5;
/// How long workers have after an interrupt: the grace of an image, and the time to report its
/// outcome.
const ENDING: Duration = Duration::from_secs(15);
/// How long to wait for NATS while everything of a run is deleted at its end.
const CLEANING: Duration = Duration::from_secs(10);

/// Why a run ends before all jobs have an outcome.
enum Ending {
    /// Every job has its outcome.
    Complete,
    Interrupted,
    /// The rest fails with this error and hint.
    Broken(String, &'static str),
    /// Another coordinator has the run: nothing of it is deleted.
    TakenOver,
}

/// Since when the server is away, or takes no messages.
#[derive(Debug, Default)]
struct Trouble {
    away: Option<Instant>,
    full: Option<Instant>,
}

/// The state of a run that is followed.
struct Progress<'a> {
    jobs: &'a Jobs,
    events: &'a EventSender,
    remaining: Open,
    workers: Workers,
    /// True if outcomes came since the last check.
    is_moving: bool,
}

impl Run {
    /// Publishes the jobs, and sends their events until each has its outcome. Then deletes everything of the
    /// run.
    ///
    /// `patience` is the longest time that the server may be away.
    pub async fn follow(
        mut self,
        jobs: &Jobs,
        patience: Duration,
        events: EventSender,
        interrupt: Interrupt,
    ) {
        let name = self.name.clone();
        let verb = if self.is_attached { "attached to" } else { "began" };
        let text = format!("{verb} the run {name} at {}", self.connection.url());
        events.note(0, None, Level::Info, text);
        let mut progress = Progress {
            jobs,
            events: &events,
            remaining: Open::all(jobs),
            workers: Workers::new(self.connection.url(), &self.record.id),
            is_moving: false,
        };
        let (found, mut reads) = mpsc::channel(4);
        let reader = tokio::spawn(read(self.connection.clone(), name, found));
        let ending = self.until_ended(&mut progress, &mut reads, patience, interrupt).await;
        let is_ours = !matches!(ending, Ending::TakenOver);
        match ending {
            Ending::Complete => {}
            Ending::Interrupted => self.stop(&mut progress, &mut reads).await,
            Ending::Broken(error, hint) => progress.fail_rest(&error, hint),
            Ending::TakenOver => progress
                .fail_rest("another coordinator has taken the run over", "its report has the rest"),
        }
        reader.abort();
        progress.workers.report(&events);
        if is_ours {
            self.clean(&events).await;
        }
    }

    async fn until_ended(
        &mut self,
        progress: &mut Progress<'_>,
        reads: &mut mpsc::Receiver<Read>,
        patience: Duration,
        mut interrupt: Interrupt,
    ) -> Ending {
        let (connection, name) = (self.connection.clone(), self.name.clone());
        let mut heartbeats = heartbeats(&connection, &name).await;
        let mut check = interval(CHECK);
        check.set_missed_tick_behavior(MissedTickBehavior::Delay);
        check.reset();
        let mut trouble = Trouble::default();
        let mut round = 0;
        let first = match self.record.state {
            State::Running => Vec::new(),
            _ => groups(progress.jobs, |_| true),
        };
        let (jobs, run) = (progress.jobs, self.record.id.clone());
        let publish_all = async |batches: Vec<Vec<u32>>, round| {
            publish((&connection, &name), (jobs, &run), &batches, round, patience).await
        };
        let mut publishing = Some(publish_all(first, round).boxed());
        loop {
            if progress.remaining.is_empty() {
                return Ending::Complete;
            }
            tokio::select! {
                biased;
                () = interrupt.raised() => return Ending::Interrupted,
                () = self.lease.lost() => return Ending::TakenOver,
                published = async {
                    match &mut publishing {
                        Some(publishing) => publishing.await,
                        None => std::future::pending().await,
                    }
                } => {
                    publishing = None;
                    match published {
                        Ok(()) => {}
                        Err(PublishError::Gone(why)) => return broken(&why),
                        Err(PublishError::Refused(error)) => return refused(&error),
                    }
                    self.keep(true).await;
                }
                read = reads.recv() => if let Some(ending) = self.taken(progress, read) {
                    return ending;
                },
                Some(message) = heartbeats.next() => progress.heard(&message.payload),
                _ = check.tick() => {
                    match self.is_away(&mut trouble, patience) {
                        Ok(true) => continue,
                        Ok(false) => {}
                        Err(ending) => return ending,
                    }
                    progress.workers.check(progress.events);
                    self.keep(publishing.is_none()).await;
                    if std::mem::take(&mut progress.is_moving) || publishing.is_some() {
                        continue;
                    }
                    match self.lost(progress, reads).await {
                        Err(ending) => return ending,
                        Ok(lost) if lost.is_empty() => {}
                        Ok(_) if round >= ROUNDS => {
                            return broken("batches were lost again and again");
                        }
                        Ok(lost) => {
                            round += 1;
                            let are = counted(lost.len(), "job is", "jobs are");
                            let text = format!("{are} in no batch any more; publishing again");
                            progress.events.note(0, None, Level::Warning, text);
                            let again = groups(jobs, |number| lost.has(number));
                            // Another run of this process may have used the same round.
                            publishing = Some(publish_all(again, unique(round)).boxed());
                        }
                    }
                }
            }
        }
    }

    /// Takes what the reader of the outcomes found. Returns the ending of the run, if this is one.
    fn taken(&self, progress: &mut Progress<'_>, read: Option<Read>) -> Option<Ending> {
        match read {
            Some(Read::Messages(messages)) => {
                messages.iter().for_each(|message| progress.take(message));
                None
            }
            Some(Read::CaughtUp) => None,
            Some(Read::Gone) => {
                let stream = self.name.outcomes_stream();
                Some(broken(&format!("the stream {stream} was deleted")))
            }
            Some(Read::Refused(error)) => Some(refused(&error)),
            None => Some(broken("the reader of the outcomes ended")),
        }
    }

    /// Whether the server is away. Remembers in `trouble` since when.
    ///
    /// # Errors
    /// The ending of the run, if the server was away or full for too long.
    fn is_away(&self, trouble: &mut Trouble, patience: Duration) -> Result<bool, Ending> {
        if self.connection.is_up() {
            if trouble.away.take().is_some() {
                tracing::info!("NATS at {} is back", self.connection.url());
            }
            return self.is_full(&mut trouble.full, patience).map_or(Ok(false), Err);
        }
        trouble.full = None;
        if trouble.away.get_or_insert_with(Instant::now).elapsed() <= patience {
            return Ok(true);
        }
        Err(Ending::Broken(
            format!("NATS at {} was away for longer than --max-wait", self.connection.url()),
            "repeat the command when the server is back: it attaches to the run",
        ))
    }

    /// Remembers since when the server takes no messages. If its storage is full, workers cannot report outcomes.
    /// Returns the ending of the run, if that lasted for too long.
    fn is_full(&self, full: &mut Option<Instant>, patience: Duration) -> Option<Ending> {
        let Some(error) = self.lease.refused() else {
            *full = None;
            return None;
        };
        self.connection.complain(&error);
        let is_over = full.get_or_insert_with(Instant::now).elapsed() > patience;
        is_over.then(|| refused(&error))
    }

    /// The jobs that are in no batch and have no outcome: an operator purged the stream, or a worker found a
    /// batch that it could not read.
    ///
    /// # Errors
    /// The ending of the run, if a stream of it is gone or may not be read.
    async fn lost(
        &self,
        progress: &mut Progress<'_>,
        reads: &mut mpsc::Receiver<Read>,
    ) -> Result<Open, Ending> {
        let deleted = |what: String| broken(&format!("{what} was deleted"));
        match self.runs.get(&self.name.key()).await {
            Ok(Some(found)) if found.value.is_some() => {}
            Ok(_) => return Err(deleted(format!("the run {} in the bucket longshore", self.name))),
            Err(_) if self.connection.is_up() && is_without_runs(&self.connection).await => {
                return Err(deleted("the bucket longshore".to_owned()));
            }
            Err(error) => {
                tracing::debug!("{error}");
                return Ok(Open::default());
            }
        }
        let stream = match self.connection.jetstream.get_stream(self.name.jobs_stream()).await {
            Ok(stream) => stream,
            Err(error) if is_missing_stream(&error) => {
                return Err(deleted(format!("the stream {}", self.name.jobs_stream())));
            }
            Err(_) => return Ok(Open::default()),
        };
        let state = &stream.cached_info().state;
        if state.messages > 0 {
            if state.consumer_count == 0 {
                self.serve_again(progress.events, &stream).await?;
            }
            return Ok(Open::default());
        }
        // Outcomes are stored before their batch is acknowledged, so all of them are in the stream by
        // now.
        let mut caught_up = 0;
        while caught_up < 2 {
            let Ok(read) = timeout(CHECK, reads.recv()).await else { return Ok(Open::default()) };
            caught_up += u32::from(matches!(read, Some(Read::CaughtUp)));
            if let Some(ending) = self.taken(progress, read) {
                return Err(ending);
            }
        }
        if std::mem::take(&mut progress.is_moving) {
            return Ok(Open::default());
        }
        Ok(progress.remaining.clone())
    }

    /// Creates the consumer again that somebody deleted. Batches that workers have come once more: their
    /// acknowledgements went to the deleted one.
    ///
    /// # Errors
    /// The ending of the run, if the user may not create it.
    async fn serve_again(&self, events: &EventSender, jobs: &Stream) -> Result<(), Ending> {
        match create_consumer(&self.connection, jobs, &self.record.id).await {
            Ok(()) => {
                let stream = &jobs.cached_info().config.name;
                let text = format!("the consumer of {stream} was deleted; created it again");
                events.note(0, None, Level::Warning, text);
            }
            Err(error) if error.is_permission() => return Err(refused(&error)),
            Err(error) => tracing::debug!("{error}"),
        }
        Ok(())
    }

    /// Tells the workers to end, and takes what they still complete.
    async fn stop(&mut self, progress: &mut Progress<'_>, reads: &mut mpsc::Receiver<Read>) {
        let until = Instant::now() + ENDING;
        progress.workers.stop();
        if let Err(error) = self.set_state(State::Stopping).await {
            progress.events.note(0, None, Level::Warning, format!("failed to {error}"));
        }
        let heartbeats = self.connection.client.subscribe(self.name.progress()).await;
        let Ok(mut heartbeats) = heartbeats else { return };
        // Workers report their outcomes before they leave.
        let mut caught_up = 0;
        while caught_up < 2 && !progress.remaining.is_empty() && Instant::now() < until {
            tokio::select! {
                read = reads.recv() => match read {
                    Some(Read::Messages(messages)) => {
                        messages.iter().for_each(|message| progress.take(message));
                    }
                    Some(Read::CaughtUp) if progress.workers.have_left() => caught_up += 1,
                    Some(Read::CaughtUp) => {}
                    _ => break,
                },
                Some(message) = heartbeats.next() => progress.heard(&message.payload),
                () = sleep(Duration::from_millis(200)) => {}
            }
        }
        for job in progress.remaining.drain() {
            let outcome = Outcome { unfinished: true, ..Outcome::failed("interrupted") };
            progress.events.send(Event::Finished { job, outcome: Box::new(outcome) });
        }
    }

    /// Deletes everything of the run.
    async fn clean(self, events: &EventSender) {
        let Self { connection, name, runs, lease, sweeping, .. } = self;
        let cleaning = async {
            // Workers leave a run that has no record.
            let deleted = delete_record(&connection, &runs, &name).await;
            delete_streams(&connection, &name).await?;
            if deleted.is_err() {
                // A full storage takes no deletion of a key, until the streams are gone.
                delete_record(&connection, &runs, &name).await?;
            }
            lease.release(&runs).await;
            let _ended = sweeping.await;
            Ok::<(), FleetError>(())
        };
        let why = match timeout(CLEANING, cleaning).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("NATS at {} does not answer", connection.url()),
        };
        let text = format!(
            "the run {name} was not deleted from NATS: {why}; its messages go after 24 h, and the same command finds it until then"
        );
        events.note(0, None, Level::Warning, text);
    }
}

/// Deletes the record of a run, and lets workers know.
async fn delete_record(
    connection: &Connection,
    runs: &Bucket,
    name: &RunName,
) -> Result<(), FleetError> {
    if let Err(WriteError::Failed(error)) = runs.delete(&name.key(), None).await
        && !is_without_runs(connection).await
    {
        return Err(error);
    }
    announce(connection, name).await;
    Ok(())
}

/// Whether an operator deleted the bucket of all runs.
async fn is_without_runs(connection: &Connection) -> bool {
    let found = connection.jetstream.get_stream(format!("KV_{RUNS}")).await;
    found.is_err_and(|error| is_missing_stream(&error))
}

/// A number of a round that no other coordinator of the run has used.
fn unique(round: u32) -> u32 {
    std::process::id().wrapping_mul(ROUNDS + 1).wrapping_add(round)
}

/// The heartbeats of the workers; none if the server refuses them.
async fn heartbeats(connection: &Connection, name: &RunName) -> BoxStream<'static, Message> {
    match connection.client.subscribe(name.progress()).await {
        Ok(heartbeats) => heartbeats.boxed(),
        Err(error) => {
            tracing::warn!("the workers' progress cannot be shown: {error}");
            futures_util::stream::pending().boxed()
        }
    }
}

fn broken(why: &str) -> Ending {
    let hint =
        "repeat the run with the failed list; leave the streams of a run alone until it ends";
    Ending::Broken(format!("the run in NATS is broken: {why}"), hint)
}

fn refused(error: &FleetError) -> Ending {
    Ending::Broken(error.to_string(), error.hint().unwrap_or_default())
}

impl Progress<'_> {
    /// Takes a message of the stream of outcomes. It comes from another machine, so nothing in it is believed.
    fn take(&mut self, bytes: &Bytes) {
        let ended: Ended = match decode(bytes) {
            Ok(ended) => ended,
            Err(why) => return self.unreadable(bytes, &why),
        };
        let Ended { run, worker, mut jobs, effort } = ended;
        if !self.workers.are_of(&run) {
            tracing::debug!("the worker {} reported outcomes of an earlier run", worker.name);
            return;
        }
        jobs.retain(|ended| self.counts(ended, &worker.name));
        if jobs.is_empty() {
            return;
        }
        self.is_moving = true;
        let name = self.workers.ended(&worker, effort, &jobs);
        for EndedJob { job, mut outcome, saved, notes } in jobs {
            for note in notes {
                self.events.note(job, note.image, note.level, note.text);
            }
            for (size, how) in saved.each() {
                self.events.send(Event::BytesSaved { job, size, how });
            }
            if let Some(error) = &mut outcome.error {
                // Another worker may have other credentials and another network.
                error.push_str(&format!(" (on the worker {name})"));
            }
            if let (true, Some(hint)) = (outcome.is_login, &mut outcome.hint) {
                // The login of the coordinator is not at fault, and would not help.
                *hint = format!("on the machine of the worker {name}: {hint}");
            }
            self.events.send(Event::Finished { job, outcome });
        }
    }

    /// Whether an outcome is the first one of a job of the run. From now on no other one is.
    fn counts(&mut self, ended: &EndedJob, by: &str) -> bool {
        let number = ended.job;
        if !self.jobs.has(number) {
            self.refuse(&format!(
                "the worker {by} sent an outcome of job {number}, which the run does not have"
            ));
            return false;
        }
        if ended.outcome.unfinished
            || matches!(ended.outcome.status, Status::DryRun | Status::Unknown)
        {
            self.refuse(&format!("the worker {by} sent no end of job {number}"));
            return false;
        }
        let is_first = self.remaining.end(number);
        if !is_first {
            tracing::debug!("the worker {by} repeats the outcome of job {number}");
        }
        is_first
    }

    fn refuse(&self, why: &str) {
        self.events.note(0, None, Level::Warning, format!("ignored in NATS: {why}"));
    }

    /// Says of a message that is not an outcome who sent it, if its sender is of another version.
    fn unreadable(&mut self, bytes: &Bytes, why: &str) {
        self.refuse(&format!("a message is not an outcome: {why}"));
        if let Some((name, why)) = FromWorker::difference(bytes, why) {
            self.workers.refuses(name, why, self.events);
        }
    }

    fn heard(&mut self, bytes: &Bytes) {
        match decode::<Heartbeat>(bytes) {
            Ok(heartbeat) => self.workers.heard(heartbeat, self.events),
            Err(why) => match FromWorker::difference(bytes, &why) {
                Some((name, why)) => self.workers.refuses(name, why, self.events),
                None => tracing::debug!("ignored: a message is not a worker's progress: {why}"),
            },
        }
    }

    fn fail_rest(&mut self, error: &str, hint: &str) {
        for job in self.remaining.drain() {
            let outcome = Outcome { hint: Some(hint.to_owned()), ..Outcome::failed(error) };
            self.events.send(Event::Finished { job, outcome: Box::new(outcome) });
        }
    }
}

//! The workers of a run, as the coordinator knows them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use longshore_engine::event::{Event, EventSender, Level, WorkerShare};
use longshore_engine::job::Status;
use tokio::time::Instant;

use longshore_store::{Effort, PauseSpan, StoreEffort};

use crate::message::{EndedJob, Heartbeat, WorkerName};

/// A worker that has been silent for this long has ended or hangs.
const SILENT: Duration = Duration::from_secs(5);
/// How long a worker may be silent before the coordinator says so.
const MISSED: Duration = Duration::from_secs(10);
/// How long a run may be without any worker before the coordinator says so.
const NOBODY: Duration = Duration::from_secs(30);

/// What is known of one worker.
#[derive(Debug)]
struct Known {
    share: WorkerShare,
    /// Its retries and pauses, and when it reported them.
    effort: (Effort, Instant),
    /// Bytes that it reported, including those of running jobs.
    moved: u64,
    heard: Option<Instant>,
    left: bool,
    /// Whether a warning said that it is silent.
    is_missed: bool,
}

/// The workers of a run, by id.
#[derive(Debug)]
pub(super) struct Workers {
    known: HashMap<String, Known>,
    /// Workers that cannot take part, with the reason.
    refused: HashSet<(String, String)>,
    url: String,
    /// The id of the run.
    run: String,
    last_heard: Instant,
    is_said: bool,
    /// Whether the run was interrupted, so that all workers leave it.
    is_stopping: bool,
}

impl Workers {
    pub(super) fn new(url: &str, run: &str) -> Self {
        Self {
            known: HashMap::new(),
            refused: HashSet::new(),
            url: url.to_owned(),
            run: run.to_owned(),
            last_heard: Instant::now(),
            is_said: false,
            is_stopping: false,
        }
    }

    /// Whether this is the id of their run, and not of an earlier one of the same name.
    pub(super) fn are_of(&self, run: &str) -> bool {
        self.run == run
    }

    /// Expects all workers to leave.
    pub(super) const fn stop(&mut self) {
        self.is_stopping = true;
    }

    fn of(&mut self, worker: &WorkerName) -> &mut Known {
        let same = self.known.iter().filter(|(id, known)| {
            **id != worker.id && known.share.name.split(" #").next() == Some(&*worker.name)
        });
        let count = same.count();
        self.known.entry(worker.id.clone()).or_insert_with(|| {
            let name = match count {
                0 => worker.name.clone(),
                more => format!("{} #{}", worker.name, more + 1),
            };
            let share = WorkerShare { name, version: worker.version.clone(), ..Default::default() };
            Known {
                share,
                effort: (Effort::default(), Instant::now()),
                moved: 0,
                heard: None,
                left: false,
                is_missed: false,
            }
        })
    }

    /// Warns once that a worker cannot take part.
    pub(super) fn refuses(&mut self, name: String, why: String, events: &EventSender) {
        let text = format!("the worker {name} cannot take part: {why}");
        if self.refused.len() < 1000 && self.refused.insert((name, why)) {
            events.note(0, None, Level::Warning, text);
        }
    }

    /// Records what a worker reports each second of this run.
    pub(super) fn heard(&mut self, heartbeat: Heartbeat, events: &EventSender) {
        if !self.are_of(&heartbeat.run) {
            tracing::debug!("the worker {} still speaks of another run", heartbeat.worker.name);
            return;
        }
        if let Some(why) = heartbeat.refused {
            return self.refuses(heartbeat.worker.name, why, events);
        }
        (self.last_heard, self.is_said) = (Instant::now(), false);
        let is_stopping = self.is_stopping;
        let known = self.of(&heartbeat.worker);
        let is_new = known.heard.is_none();
        let bytes = heartbeat.moved.saturating_sub(known.moved);
        known.moved = known.moved.max(heartbeat.moved);
        known.heard = Some(Instant::now());
        let has_left = heartbeat.left && !known.left;
        known.left = heartbeat.left;
        let is_back = std::mem::take(&mut known.is_missed);
        known.take_effort(heartbeat.effort);
        known.share.running = heartbeat.running;
        let news = match (is_new, has_left, is_back) {
            (_, true, _) if is_stopping => None,
            (true, false, _) => Some("takes part"),
            (_, true, _) => Some("has left the run; it gave its images back"),
            (false, false, true) => Some("is heard again"),
            (false, false, false) => None,
        };
        if let Some(news) = news {
            let text = format!("the worker {} {news}", known.share.name);
            events.note(0, None, Level::Info, text);
        }
        if bytes > 0 {
            events.send(Event::Progress { job: 0, bytes });
        }
        // While it works, its row counts the bytes of running jobs too, as the total does.
        let bytes = known.share.bytes.max(known.moved);
        events.send(Event::Worker(WorkerShare { bytes, ..known.share.clone() }));
    }

    /// Records the outcomes that count of a message, and returns the name of its worker.
    pub(super) fn ended(
        &mut self,
        worker: &WorkerName,
        effort: Effort,
        counted: &[EndedJob],
    ) -> String {
        let known = self.of(worker);
        known.take_effort(effort);
        for EndedJob { outcome, .. } in counted {
            known.share.jobs += 1;
            known.share.failed += u32::from(outcome.status == Status::Failed);
            known.share.bytes += outcome.bytes;
        }
        let name = known.share.name.clone();
        self.last_heard = Instant::now();
        name
    }

    /// Warns of each worker that fell silent without leaving the run, and that no worker is heard; once for each
    /// such time.
    pub(super) fn check(&mut self, events: &EventSender) {
        for known in self.known.values_mut().filter(|known| !known.left && !known.is_missed) {
            if known.heard.is_some_and(|heard| heard.elapsed() >= MISSED) {
                known.is_missed = true;
                let text = format!(
                    "the worker {} is silent for {} s: it ended, hangs or lost its connection; other workers take \
                     its images",
                    known.share.name,
                    MISSED.as_secs()
                );
                events.note(0, None, Level::Warning, text);
            }
        }
        if !self.is_said && self.last_heard.elapsed() >= NOBODY {
            self.is_said = true;
            let text = format!(
                "no worker for {} s; start one with `longshore worker --fleet {}`",
                NOBODY.as_secs(),
                self.url
            );
            events.note(0, None, Level::Warning, text);
        }
    }

    /// Whether all workers that can be heard have left the run.
    pub(super) fn have_left(&self) -> bool {
        self.known
            .values()
            .all(|known| known.left || known.heard.is_none_or(|heard| heard.elapsed() > SILENT))
    }

    /// Reports the share of each worker, and the retries and pauses of all.
    pub(super) fn report(&self, events: &EventSender) {
        let mut stores: BTreeMap<String, StoreEffort> = BTreeMap::new();
        for known in self.known.values() {
            events.send(Event::Worker(WorkerShare { running: 0, ..known.share.clone() }));
            let (effort, told) = &known.effort;
            for store in &effort.stores {
                let all = stores.entry(store.name.clone()).or_default();
                all.name.clone_from(&store.name);
                all.retries += store.retries;
                all.pauses += store.pauses;
                all.paused += store.paused;
                all.spans.extend(store.spans.iter().map(|span| PauseSpan {
                    ago: span.ago.saturating_add(told.elapsed()),
                    length: span.length,
                }));
            }
        }
        let mut stores: Vec<StoreEffort> = stores.into_values().collect();
        for store in &mut stores {
            store.spans.sort_by_key(|span| std::cmp::Reverse(span.ago));
        }
        events.send(Event::Effort(Effort { stores }));
    }
}

impl Known {
    /// Takes figures that only grow; older messages may come later. Those of an outcome have no single pauses.
    fn take_effort(&mut self, effort: Effort) {
        let sum = |effort: &Effort| -> (u64, u64) {
            let stores = effort.stores.iter();
            stores.fold((0, 0), |(retries, pauses), store| {
                (retries.saturating_add(store.retries), pauses.saturating_add(store.pauses))
            })
        };
        let spans = |effort: &Effort| effort.stores.iter().map(|store| store.spans.len()).sum();
        let (old, new): ((u64, u64), (u64, u64)) = (sum(&self.effort.0), sum(&effort));
        let (known, told): (usize, usize) = (spans(&self.effort.0), spans(&effort));
        if (new, told) > (old, known) {
            self.effort = (effort, Instant::now());
            (self.share.retries, self.share.pauses) = new;
        }
    }
}

#[cfg(test)]
mod tests {
    use longshore_engine::event::{Event, EventSender, WorkerShare};
    use longshore_engine::job::{Outcome, Status};

    use super::Workers;
    use longshore_store::{Effort, StoreEffort};

    use crate::message::{EndedJob, Heartbeat, Saved, WorkerName};

    fn worker(id: &str) -> WorkerName {
        WorkerName { name: "w".to_owned(), id: id.to_owned(), version: "1".to_owned() }
    }

    fn effort(retries: u64) -> Effort {
        let store = StoreEffort { name: "r.io".to_owned(), retries, ..StoreEffort::default() };
        Effort { stores: vec![store] }
    }

    fn ended(workers: &mut Workers, id: &str, bytes: &[u64], retries: u64) -> String {
        let job = |bytes: &u64| EndedJob {
            job: 1,
            outcome: Box::new(Outcome { bytes: *bytes, ..Outcome::new(Status::Copied) }),
            saved: Saved::default(),
            notes: Vec::new(),
        };
        let jobs: Vec<EndedJob> = bytes.iter().map(job).collect();
        workers.ended(&worker(id), effort(retries), &jobs)
    }

    #[test]
    fn two_processes_of_one_name_are_told_apart_and_figures_do_not_shrink() {
        let (events, mut received) = EventSender::channel();
        let mut workers = Workers::new("nats://x", "r");
        assert_eq!(ended(&mut workers, "1", &[3, 2], 9), "w");
        assert_eq!(ended(&mut workers, "2", &[1], 1), "w #2");
        assert_eq!(ended(&mut workers, "1", &[5], 4), "w");
        let beat = Heartbeat {
            run: "r".to_owned(),
            worker: worker("1"),
            running: 3,
            moved: 7,
            effort: effort(2),
            refused: None,
            left: false,
        };
        workers.heard(beat.clone(), &events);
        assert!(!workers.have_left());
        workers.heard(Heartbeat { left: true, ..beat }, &events);
        assert!(workers.have_left());
        workers.report(&events);
        drop(events);
        let mut last = Vec::<WorkerShare>::new();
        let mut all_retries = 0;
        while let Ok(event) = received.try_recv() {
            match event {
                Event::Worker(share) => {
                    last.retain(|known| known.name != share.name);
                    last.push(share);
                }
                Event::Effort(effort) => all_retries = effort.stores[0].retries,
                _ => {}
            }
        }
        last.sort_by(|a, b| a.name.cmp(&b.name));
        let figures: Vec<_> =
            last.iter().map(|share| (share.jobs, share.bytes, share.retries)).collect();
        assert_eq!((figures, all_retries), (vec![(3, 10, 9), (1, 1, 1)], 10));
    }

    #[test]
    fn a_row_counts_the_bytes_of_running_jobs() {
        let beat = Heartbeat {
            run: "r".to_owned(),
            worker: worker("1"),
            running: 1,
            moved: 7,
            effort: effort(0),
            refused: None,
            left: false,
        };
        let (events, mut received) = EventSender::channel();
        Workers::new("nats://x", "r").heard(beat, &events);
        let mut rows = Vec::new();
        while let Ok(event) = received.try_recv() {
            if let Event::Worker(share) = event {
                rows.push((share.jobs, share.bytes));
            }
        }
        assert_eq!(rows, [(0, 7)]);
    }

    #[test]
    fn what_workers_say_of_another_run_is_ignored() {
        let of_run = Heartbeat {
            run: "new".to_owned(),
            worker: worker("1"),
            running: 1,
            moved: 7,
            effort: effort(2),
            refused: None,
            left: false,
        };
        let moves = Heartbeat { run: "old".to_owned(), moved: 6_006_754, ..of_run.clone() };
        let leaves = Heartbeat { left: true, ..moves.clone() };
        let refuses = Heartbeat { refused: Some("no store".to_owned()), ..leaves.clone() };
        let unnamed = Heartbeat { run: String::new(), ..moves.clone() };
        let (events, mut received) = EventSender::channel();
        let mut workers = Workers::new("nats://x", "new");
        for other in [&moves, &leaves, &refuses, &unnamed] {
            workers.heard(other.clone(), &events);
            assert!(received.try_recv().is_err(), "{other:?} has an event");
        }
        assert!(workers.known.is_empty() && workers.refused.is_empty());
        workers.heard(of_run, &events);
        workers.heard(leaves, &events);
        assert!(!workers.have_left());
        let mut bytes = 0;
        while let Ok(event) = received.try_recv() {
            if let Event::Progress { bytes: moved, .. } = event {
                bytes += moved;
            }
        }
        assert_eq!(bytes, 7);
    }
}

//! What the reports of all commands do with events: progress, log records and figures.

mod figures;
mod progress;
mod saved;
mod timeline;

use std::sync::Arc;
use std::time::Instant;

use longshore_engine::event::{Event, Level, Transferred};
use tokio::time::{Interval, MissedTickBehavior, interval_at};

pub(super) use self::figures::Figures;
use self::progress::{HEARTBEAT, Progress, TICK};
pub(super) use self::saved::Saved;
pub(super) use self::timeline::{Slot, Timeline};
use super::log::{Log, terminal_size};
use super::options::ReportOptions;

/// The course of a run, as its events show it.
pub(super) struct Course {
    log: Arc<Log>,
    /// True if rows at a terminal show the progress; else log lines do.
    draws: bool,
    progress: Progress,
    started: Instant,
    figures: Figures,
}

impl Course {
    /// Creates the course of a run of `entries` entries that started at `started`.
    pub(super) fn new(
        options: &ReportOptions,
        log: Arc<Log>,
        started: Instant,
        entries: usize,
    ) -> Self {
        let (draws, progress) = (options.draws_bars(), Progress::new(entries));
        Self { log, draws, progress, started, figures: Figures::new(started) }
    }

    /// Returns the timer after whose ticks the progress is shown.
    pub(super) fn timer(&self) -> Interval {
        let period = if self.draws { TICK } else { HEARTBEAT };
        let mut timer = interval_at(tokio::time::Instant::now() + period, period);
        timer.set_missed_tick_behavior(MissedTickBehavior::Skip);
        timer
    }

    /// Takes an event. Returns it if it is also about the state of one entry.
    pub(super) fn take(&mut self, event: Event) -> Option<Event> {
        match event {
            Event::Started { .. } | Event::Finished { .. } => return Some(event),
            Event::Note { job, image, level, text } => {
                self.log.record(level, (job > 0).then_some(job), image, &text);
            }
            Event::Shortfall { text } => {
                self.log.record(Level::Warning, None, None, &text);
                self.figures.shortfalls.push(text);
            }
            Event::Effort(effort) => {
                self.figures.timeline.add_pauses(&effort, self.started.elapsed());
                self.figures.effort = effort;
            }
            Event::BlobPlanned { job, size } => {
                self.progress.planned(job, size);
            }
            Event::Progress { job, bytes } => {
                self.figures.moved += bytes;
                self.figures.timeline.at(self.started.elapsed()).moved += bytes;
                self.progress.moved(job, bytes);
            }
            Event::BlobPlaced { how: Transferred::Moved, .. } => {}
            Event::Worker(share) => {
                self.progress.worker(&share);
                self.figures.workers.insert(share.name.clone(), share);
            }
            Event::BlobPlaced { job, size, how, .. } | Event::BytesSaved { job, size, how } => {
                self.figures.saved.count(size, how);
                self.figures.timeline.at(self.started.elapsed()).saved += size;
                self.progress.saved(job, size);
                return Some(event);
            }
        }
        None
    }

    /// Starts an entry with this name.
    pub(super) fn started(&mut self, job: u32, name: impl FnOnce() -> String) {
        // The log lines of the progress have names too.
        let is_shown = self.draws || self.log.shows(Level::Info);
        let name = if is_shown { name() } else { String::new() };
        self.log.record(Level::Debug, Some(job), None, &name);
        self.progress.started(job, name);
    }

    /// Counts an ended entry, started or not.
    pub(super) fn finished(&mut self, job: u32, failed: bool) {
        self.figures.timeline.at(self.started.elapsed()).ended += 1;
        self.progress.finished(job, failed);
    }

    /// Shows the progress: as rows at a terminal, else as a log line.
    pub(super) fn show(&mut self) {
        let now = self.started.elapsed();
        self.progress.sample(now);
        if self.draws {
            self.log.draw(self.progress.rows(now, terminal_size()));
        } else {
            self.log.write(Level::Info, &self.progress.line(now));
        }
    }

    /// Removes the rows.
    pub(super) fn remove_rows(&mut self) {
        if self.draws {
            self.log.draw(Vec::new());
        }
    }

    /// Removes the rows, and returns the figures.
    pub(super) fn end(mut self) -> Figures {
        std::mem::replace(&mut self.figures, Figures::new(self.started))
    }
}

/// Removes the rows, also of a run that could not begin.
impl Drop for Course {
    fn drop(&mut self) {
        self.remove_rows();
    }
}

//! What the reports of all commands do with events: bars, log records and figures.

mod figures;
mod progress;
mod saved;
mod timeline;

use std::sync::Arc;
use std::time::Instant;

use longshore_engine::event::{Event, Transferred};

pub(super) use self::figures::Figures;
use self::progress::Bars;
pub(super) use self::progress::TICK;
pub(super) use self::saved::Saved;
pub(super) use self::timeline::{Slot, Timeline};
use super::log::Log;
use super::options::ReportOptions;

/// The course of a run, as its events tell it.
pub(super) struct Course {
    log: Arc<Log>,
    bars: Option<Bars>,
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
        let bars = options.draws_bars().then(|| Bars::new(entries));
        log.set_bars(bars.as_ref().map(Bars::screen));
        Self { log, bars, started, figures: Figures::new() }
    }

    /// Says whether bars show the running entries.
    pub(super) const fn has_bars(&self) -> bool {
        self.bars.is_some()
    }

    /// Takes an event. Returns it if it is also about the state of one entry.
    pub(super) fn take(&mut self, event: Event) -> Option<Event> {
        match event {
            Event::Started { .. } | Event::Finished { .. } => return Some(event),
            Event::Note { job, image, level, text } => {
                self.log.record(level, (job > 0).then_some(job), image, &text);
            }
            Event::Effort(effort) => {
                self.figures.timeline.add_pauses(&effort, self.started.elapsed());
                self.figures.effort = effort;
            }
            Event::BlobPlanned { job, size } => {
                if let Some(bars) = &mut self.bars {
                    bars.planned(job, size);
                }
            }
            Event::Progress { job, bytes } => {
                self.figures.timeline.at(self.started.elapsed()).moved += bytes;
                if let Some(bars) = &mut self.bars {
                    bars.moved(job, bytes);
                }
            }
            Event::BlobPlaced { how: Transferred::Moved, .. } => {}
            Event::BlobPlaced { job, size, how, .. } => {
                self.figures.saved.count(size, how);
                self.figures.timeline.at(self.started.elapsed()).saved += size;
                if let Some(bars) = &mut self.bars {
                    bars.saved(job, size);
                }
                return Some(event);
            }
        }
        None
    }

    /// Shows a running entry.
    pub(super) fn started(&mut self, job: u32, name: impl FnOnce() -> String) {
        if let Some(bars) = &mut self.bars {
            bars.started(job, name());
        }
    }

    /// Counts an ended entry, started or not.
    pub(super) fn finished(&mut self, job: u32) {
        self.figures.timeline.at(self.started.elapsed()).ended += 1;
        if let Some(bars) = &mut self.bars {
            bars.finished(job);
        }
    }

    /// Draws the bars again.
    pub(super) fn redraw(&self) {
        if let Some(bars) = &self.bars {
            bars.tick();
        }
    }

    /// Removes the bars.
    pub(super) fn remove_bars(&mut self) {
        self.log.set_bars(None);
        if let Some(bars) = self.bars.take() {
            bars.clear();
        }
    }

    /// Removes the bars, and returns the figures.
    pub(super) fn end(mut self) -> Figures {
        self.remove_bars();
        self.figures
    }
}

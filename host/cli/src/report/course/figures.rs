//! The figures of a run beside its entries.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use longshore_engine::event::WorkerShare;
use longshore_store::{Effort, StoreEffort};

use super::saved::Saved;
use super::timeline::Timeline;

/// The figures of a run beside its entries.
#[derive(Clone, Debug)]
pub(in crate::report) struct Figures {
    /// When the run started.
    pub(in crate::report) started_at: jiff::Timestamp,
    /// Bytes of blobs that went to destinations, also of blobs that did not arrive; 0 in a fleet.
    pub(in crate::report) moved: u64,
    /// Bytes that needed no transfer.
    pub(in crate::report) saved: Saved,
    /// Retries and pauses by registry.
    pub(in crate::report) effort: Effort,
    /// What was created for the run otherwise than configured.
    pub(in crate::report) shortfalls: Vec<String>,
    /// The workers of a fleet, by name; empty without a fleet.
    pub(in crate::report) workers: BTreeMap<String, WorkerShare>,
    /// The course of the run over time.
    pub(in crate::report) timeline: Timeline,
}

impl Figures {
    /// Creates the figures of a run that began at `started`.
    pub(in crate::report) fn new(started: Instant) -> Self {
        let now = jiff::Timestamp::now();
        let earlier = jiff::SignedDuration::try_from(started.elapsed());
        Self {
            started_at: earlier.ok().and_then(|past| now.checked_sub(past).ok()).unwrap_or(now),
            moved: 0,
            saved: Saved::default(),
            effort: Effort::default(),
            shortfalls: Vec::new(),
            workers: BTreeMap::new(),
            timeline: Timeline::default(),
        }
    }

    /// Returns the line of the summary about what was created otherwise than configured; `None` if nothing was.
    pub(in crate::report) fn shortfall(&self) -> Option<String> {
        let first = self.shortfalls.first()?;
        Some(match self.shortfalls.len() - 1 {
            0 => format!("not as configured: {first}"),
            more => format!("not as configured: {first}; and {more} more, which the log names"),
        })
    }

    /// Adds the figures of a run that started `after` this one's start.
    pub(in crate::report) fn add(&mut self, other: &Self, after: Duration) {
        self.moved += other.moved;
        self.saved.add(other.saved);
        self.shortfalls.extend_from_slice(&other.shortfalls);
        for store in &other.effort.stores {
            match self.effort.stores.iter_mut().find(|known| known.name == store.name) {
                Some(known) => {
                    known.retries += store.retries;
                    known.pauses += store.pauses;
                    known.paused += store.paused;
                }
                None => self.effort.stores.push(store.clone()),
            }
        }
        self.timeline.add(&other.timeline, after);
    }

    /// Returns the number of requests that were made again.
    pub(in crate::report) fn retries(&self) -> u64 {
        self.sum(|store| store.retries)
    }

    /// Returns the number of pauses that registries asked for by rate limits.
    pub(in crate::report) fn pauses(&self) -> u64 {
        self.sum(|store| store.pauses)
    }

    /// Returns the total length of these pauses.
    pub(in crate::report) fn paused(&self) -> Duration {
        self.effort.stores.iter().map(|store| store.paused).sum()
    }

    fn sum(&self, of: impl Fn(&StoreEffort) -> u64) -> u64 {
        self.effort.stores.iter().map(of).sum()
    }
}

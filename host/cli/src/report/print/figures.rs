//! The figures of a run in documents: bytes saved, effort by registry, and the timeline.

use std::time::Duration;

use longshore_engine::event::WorkerShare;
use longshore_store::StoreEffort;
use serde::{Serialize, Serializer};

use super::quoted::Quoted;
use crate::report::course::{Figures, Slot, Timeline};

/// The figures of a run beside its entries, in a document.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::report) struct RunFigures<'a> {
    mounted_bytes: u64,
    present_bytes: u64,
    shared_bytes: u64,
    retries: u64,
    pauses: u64,
    paused_seconds: f64,
    /// What was created otherwise than configured.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    shortfalls: Vec<Quoted<&'a str>>,
    /// What each worker of a fleet did.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    workers: Vec<&'a WorkerShare>,
    registries: Vec<Registry<'a>>,
    timeline: Course<'a>,
}

/// The retries and pauses at one registry.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Registry<'a> {
    name: Quoted<&'a str>,
    retries: u64,
    pauses: u64,
    paused_seconds: f64,
}

/// The course of the run over time. Each list has one number for each interval.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Course<'a> {
    started_at: String,
    interval_seconds: f64,
    bytes: Slots<'a>,
    saved_bytes: Slots<'a>,
    ended: Slots<'a>,
    pauses: Vec<Pause<'a>>,
}

/// One number of each interval.
struct Slots<'a>(&'a [Slot], fn(&Slot) -> u64);

impl Serialize for Slots<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(self.1))
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Pause<'a> {
    registry: Quoted<&'a str>,
    start_seconds: f64,
    seconds: f64,
}

impl<'a> RunFigures<'a> {
    pub(in crate::report) fn of(figures: &'a Figures) -> Self {
        let Figures { started_at, moved: _, saved, effort, shortfalls, workers, timeline } =
            figures;
        let registry = |store: &'a StoreEffort| Registry {
            name: Quoted(&store.name),
            retries: store.retries,
            pauses: store.pauses,
            paused_seconds: seconds(store.paused),
        };
        Self {
            mounted_bytes: saved.mounted,
            present_bytes: saved.present,
            shared_bytes: saved.shared,
            retries: figures.retries(),
            pauses: figures.pauses(),
            paused_seconds: seconds(figures.paused()),
            shortfalls: shortfalls.iter().map(|text| Quoted(text.as_str())).collect(),
            workers: workers.values().collect(),
            registries: effort.stores.iter().map(registry).collect(),
            timeline: Course::of(*started_at, timeline),
        }
    }
}

impl<'a> Course<'a> {
    fn of(started_at: jiff::Timestamp, timeline: &'a Timeline) -> Self {
        let pauses = timeline.pauses.iter().map(|pause| Pause {
            registry: Quoted(&pause.registry),
            start_seconds: seconds(pause.start),
            seconds: seconds(pause.length),
        });
        Self {
            started_at: started_at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            interval_seconds: seconds(timeline.interval),
            bytes: Slots(&timeline.slots, |slot| slot.moved),
            saved_bytes: Slots(&timeline.slots, |slot| slot.saved),
            ended: Slots(&timeline.slots, |slot| slot.ended),
            pauses: pauses.collect(),
        }
    }
}

/// Returns seconds, rounded to milliseconds.
pub(in crate::report) fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1000.0).round() / 1000.0
}

//! The course of a run over time: throughput, ended entries, and the pauses of registries.

use std::time::Duration;

use longshore_store::{Effort, PauseSpan, StoreEffort};

/// The most intervals. Beyond, each two become one, so that a run of a week needs no more memory.
const MOST: usize = 240;
/// The length of the first intervals.
const FIRST: Duration = Duration::from_millis(250);

/// The course of a run over time, in intervals of equal length.
#[derive(Clone, Debug)]
pub(in crate::report) struct Timeline {
    /// The length of an interval.
    pub(in crate::report) interval: Duration,
    /// What happened in each interval.
    pub(in crate::report) slots: Vec<Slot>,
    /// The pauses of registries, by start.
    pub(in crate::report) pauses: Vec<Pause>,
}

/// What happened in one interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::report) struct Slot {
    /// Bytes that moved.
    pub(in crate::report) moved: u64,
    /// Bytes that needed no transfer.
    pub(in crate::report) saved: u64,
    /// Entries that ended.
    pub(in crate::report) ended: u64,
}

/// A pause of a registry that throttled requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::report) struct Pause {
    /// The registry.
    pub(in crate::report) registry: String,
    /// The time from the start of the run to the start of the pause.
    pub(in crate::report) start: Duration,
    /// The length of the pause, which the end of the run may cut off.
    pub(in crate::report) length: Duration,
}

impl Slot {
    /// Returns the sums of two intervals.
    pub(in crate::report) const fn with(self, other: Self) -> Self {
        Self {
            moved: self.moved + other.moved,
            saved: self.saved + other.saved,
            ended: self.ended + other.ended,
        }
    }
}

impl Default for Timeline {
    fn default() -> Self {
        Self { interval: FIRST, slots: Vec::new(), pauses: Vec::new() }
    }
}

impl Timeline {
    /// Returns the interval that the time `elapsed` since the start of the run is in.
    pub(in crate::report) fn at(&mut self, elapsed: Duration) -> &mut Slot {
        // Divisions of 128 bits, as of `as_millis`, are slow, and each entry has one.
        let millis = |time: Duration| time.as_secs() * 1000 + u64::from(time.subsec_millis());
        let index = |interval: Duration| {
            usize::try_from(millis(elapsed) / millis(interval)).unwrap_or(usize::MAX)
        };
        while index(self.interval) >= MOST {
            self.interval *= 2;
            let pairs = self.slots.chunks(2);
            let sum = |pair: &[Slot]| pair.iter().copied().fold(Slot::default(), Slot::with);
            self.slots = pairs.map(sum).collect();
        }
        let at = index(self.interval);
        if self.slots.len() <= at {
            self.slots.resize(at + 1, Slot::default());
        }
        &mut self.slots[at]
    }

    /// Adds the course of a run that started `after` this one's start.
    pub(in crate::report) fn add(&mut self, other: &Self, after: Duration) {
        for (number, slot) in (0..).zip(&other.slots) {
            let sum = self.at(after + other.interval * number);
            *sum = sum.with(*slot);
        }
        let later = |pause: &Pause| Pause { start: pause.start + after, ..pause.clone() };
        self.pauses.extend(other.pauses.iter().map(later));
    }

    /// Adds the pauses of a run that ended `elapsed` after its start.
    pub(in crate::report) fn add_pauses(&mut self, effort: &Effort, elapsed: Duration) {
        let pause = |store: &StoreEffort, span: &PauseSpan| Pause {
            registry: store.name.clone(),
            start: elapsed.saturating_sub(span.ago),
            length: span.length.min(span.ago),
        };
        for store in &effort.stores {
            self.pauses.extend(store.spans.iter().map(|span| pause(store, span)));
        }
        self.pauses.sort_by_key(|pause| pause.start);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{MOST, Slot, Timeline};
    use longshore_store::{Effort, PauseSpan, StoreEffort};

    #[test]
    fn a_long_run_keeps_its_sums_and_its_size() {
        for seconds in [1, 59, 60, 61, 3600, 7 * 24 * 3600] {
            let mut timeline = Timeline::default();
            for step in 0..=1000_u32 {
                let at = timeline.at(Duration::from_secs(seconds) * step / 1000);
                *at = Slot { moved: at.moved + 3, saved: at.saved + 2, ended: at.ended + 1 };
            }
            assert!(timeline.slots.len() <= MOST, "{seconds}");
            let covered = timeline.interval * u32::try_from(timeline.slots.len()).unwrap();
            assert!(covered > Duration::from_secs(seconds), "{seconds}");
            let sum = |of: fn(&Slot) -> u64| timeline.slots.iter().map(of).sum::<u64>();
            assert_eq!(sum(|slot| slot.moved), 3003, "{seconds}");
            assert_eq!(sum(|slot| slot.saved), 2002, "{seconds}");
            assert_eq!(sum(|slot| slot.ended), 1001, "{seconds}");
        }
    }

    #[test]
    fn a_later_run_comes_behind_the_first_one() {
        let seconds = Duration::from_secs;
        let run = |moved: &[u64]| {
            let mut timeline = Timeline::default();
            for (second, &moved) in (0..).zip(moved) {
                *timeline.at(seconds(second)) = Slot { moved, saved: 1, ended: 2 };
            }
            let (registry, start) = ("a.io".to_owned(), seconds(1));
            timeline.pauses.push(super::Pause { registry, start, length: seconds(1) });
            timeline
        };
        let mut first = run(&[1, 2, 3]);
        first.add(&run(&[40, 50]), seconds(3));
        let moved = |second| {
            let mut timeline = first.clone();
            timeline.at(seconds(second)).moved
        };
        assert_eq!([0, 1, 2, 3, 4].map(moved), [1, 2, 3, 40, 50]);
        assert_eq!(first.slots.iter().map(|slot| slot.ended).sum::<u64>(), 10);
        let starts: Vec<u64> = first.pauses.iter().map(|pause| pause.start.as_secs()).collect();
        assert_eq!(starts, [1, 4]);
    }

    #[test]
    fn pauses_start_where_they_started_and_end_with_the_run() {
        let seconds = Duration::from_secs;
        let spans = |all: &[(u64, u64)]| {
            let span = |&(ago, length)| PauseSpan { ago: seconds(ago), length: seconds(length) };
            all.iter().map(span).collect()
        };
        let store = |name: &str, spans| StoreEffort {
            name: name.to_owned(),
            spans,
            ..StoreEffort::default()
        };
        let effort = Effort {
            stores: vec![store("a.io", spans(&[(8, 2), (3, 10)])), store("b.io", spans(&[(5, 1)]))],
        };
        let mut timeline = Timeline::default();
        timeline.add_pauses(&effort, seconds(10));
        let told: Vec<(&str, u64, u64)> = timeline
            .pauses
            .iter()
            .map(|pause| (pause.registry.as_str(), pause.start.as_secs(), pause.length.as_secs()))
            .collect();
        assert_eq!(told, [("a.io", 2, 2), ("b.io", 5, 1), ("a.io", 7, 3)]);
    }
}

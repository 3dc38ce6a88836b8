//! Progress bars at a terminal: one for the run, and one for each of the first jobs at work.

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::{HumanBytes, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Jobs that have a bar of their own at a time; a screen has 24 lines.
const MOST_JOBS: usize = 8;

const TOTAL: &str = "{elapsed_precise} {bar:24} {pos}/{len} entries {msg}";
const JOB: &str = "  {bar:16} {bytes:>10}/{total_bytes:10} {wide_msg}";

/// How often the figures of the total line are written anew.
pub(super) const TICK: Duration = Duration::from_millis(200);

/// The bars of a run.
pub(super) struct Bars {
    screen: MultiProgress,
    total: ProgressBar,
    /// Never drawn; it knows the bytes moved, and how fast they do.
    bytes: ProgressBar,
    running: BTreeMap<u32, Running>,
    job_style: ProgressStyle,
}

/// A job at work.
struct Running {
    name: String,
    done: u64,
    planned: u64,
    bar: Option<ProgressBar>,
}

impl Bars {
    /// Bars on standard error for so many entries.
    pub(super) fn new(entries: usize) -> Self {
        Self::on(ProgressDrawTarget::stderr(), entries)
    }

    fn on(target: ProgressDrawTarget, entries: usize) -> Self {
        let screen = MultiProgress::with_draw_target(target);
        let total = screen.add(ProgressBar::new(entries as u64).with_style(style(TOTAL)));
        let bytes = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        Self { screen, total, bytes, running: BTreeMap::new(), job_style: style(JOB) }
    }

    /// What log lines have to be kept apart from.
    pub(super) fn screen(&self) -> MultiProgress {
        self.screen.clone()
    }

    pub(super) fn started(&mut self, job: u32, name: String) {
        self.running.insert(job, Running { name, done: 0, planned: 0, bar: None });
        self.fill();
    }

    pub(super) fn planned(&mut self, job: u32, size: u64) {
        let Some(job) = self.running.get_mut(&job) else { return };
        job.planned += size;
        if let Some(bar) = &job.bar {
            bar.set_length(job.planned);
        }
    }

    /// Bytes were moved.
    pub(super) fn moved(&mut self, job: u32, bytes: u64) {
        self.bytes.inc(bytes);
        self.advance(job, bytes);
    }

    /// Bytes need not be moved.
    pub(super) fn saved(&mut self, job: u32, bytes: u64) {
        self.advance(job, bytes);
    }

    fn advance(&mut self, job: u32, bytes: u64) {
        let Some(job) = self.running.get_mut(&job) else { return };
        job.done += bytes;
        if let Some(bar) = &job.bar {
            bar.set_position(job.done);
        }
    }

    /// An entry ended, whether or not work on it had begun.
    pub(super) fn finished(&mut self, job: u32) {
        self.total.inc(1);
        if let Some(Running { bar: Some(bar), .. }) = self.running.remove(&job) {
            bar.finish_and_clear();
            self.screen.remove(&bar);
        }
        self.fill();
    }

    /// Writes the figures of the total line anew.
    pub(super) fn tick(&self) {
        self.bytes.tick();
        let rate = self.bytes.per_sec();
        let rate = HumanBytes(rate as u64);
        self.total.set_message(format!("{} {rate}/s", HumanBytes(self.bytes.position())));
        self.total.tick();
    }

    /// Takes all bars off the screen.
    pub(super) fn clear(self) {
        for job in self.running.into_values() {
            if let Some(bar) = job.bar {
                bar.finish_and_clear();
            }
        }
        self.total.finish_and_clear();
        // The terminal is gone, if anything; there is nothing left to draw on it.
        let _gone = self.screen.clear();
    }

    /// Gives a bar to the oldest jobs without one, as long as there is room.
    fn fill(&mut self) {
        let shown = self.running.values().filter(|job| job.bar.is_some()).count();
        let waiting = self.running.values_mut().filter(|job| job.bar.is_none());
        for job in waiting.take(MOST_JOBS.saturating_sub(shown)) {
            let bar = ProgressBar::new(job.planned)
                .with_style(self.job_style.clone())
                .with_message(job.name.clone())
                .with_position(job.done);
            job.bar = Some(self.screen.add(bar));
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    // A test draws both templates, so neither can be broken.
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}

#[cfg(test)]
mod tests {
    use indicatif::{ProgressDrawTarget, ProgressStyle};

    use super::{Bars, JOB, MOST_JOBS, TOTAL};

    fn bars_of(jobs: u32) -> Bars {
        let mut bars = Bars::on(ProgressDrawTarget::hidden(), jobs as usize);
        for number in 1..=jobs {
            bars.started(number, "a".to_owned());
        }
        bars
    }

    fn shown(bars: &Bars) -> Vec<u32> {
        let shown = bars.running.iter().filter(|(_, job)| job.bar.is_some());
        shown.map(|(&number, _)| number).collect()
    }

    #[test]
    fn the_templates_are_good() {
        assert!(ProgressStyle::with_template(TOTAL).is_ok());
        assert!(ProgressStyle::with_template(JOB).is_ok());
    }

    #[test]
    fn a_bar_that_ends_makes_room_for_the_next() {
        let mut bars = bars_of(MOST_JOBS as u32 + 2);
        assert_eq!(shown(&bars), [1, 2, 3, 4, 5, 6, 7, 8]);
        bars.finished(3);
        assert_eq!(shown(&bars), [1, 2, 4, 5, 6, 7, 8, 9]);
        assert_eq!(bars.total.position(), 1);
    }

    #[test]
    fn a_bar_shows_what_happened_before_it_was_there() {
        let mut bars = bars_of(MOST_JOBS as u32 + 1);
        let late = MOST_JOBS as u32 + 1;
        bars.planned(late, 100);
        bars.moved(late, 30);
        bars.saved(late, 20);
        bars.finished(1);
        let bar = bars.running[&late].bar.as_ref().unwrap();
        assert_eq!((bar.position(), bar.length()), (50, Some(100)));
        assert_eq!(bars.bytes.position(), 30, "what was saved is not moved");
        bars.tick();
        assert!(bars.total.message().starts_with("30 B "), "{}", bars.total.message());
        bars.clear();
    }
}

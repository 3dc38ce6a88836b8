//! Progress bars at a terminal: one for the run, and one for each of the oldest running jobs.

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::{HumanBytes, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The most bars of jobs; a terminal has at least 24 lines.
const MOST_JOBS: usize = 8;

const TOTAL: &str = "{elapsed_precise} {bar:24} {pos}/{len} entries {msg}";
const JOB: &str = "  {bar:16} {bytes:>10}/{total_bytes:10} {wide_msg}";

/// The interval between updates of the total line.
pub(in crate::report) const TICK: Duration = Duration::from_millis(200);

/// The bars of a run.
pub(in crate::report) struct Bars {
    screen: MultiProgress,
    total: ProgressBar,
    /// Counts transferred bytes and their rate. Never drawn.
    bytes: ProgressBar,
    running: BTreeMap<u32, Running>,
    job_style: ProgressStyle,
}

/// A running job.
struct Running {
    name: String,
    done: u64,
    planned: u64,
    bar: Option<ProgressBar>,
}

impl Bars {
    /// Creates the bars on standard error for a number of entries.
    pub(in crate::report) fn new(entries: usize) -> Self {
        Self::on(ProgressDrawTarget::stderr(), entries)
    }

    fn on(target: ProgressDrawTarget, entries: usize) -> Self {
        let screen = MultiProgress::with_draw_target(target);
        let total = screen.add(ProgressBar::new(entries as u64).with_style(style(TOTAL)));
        let bytes = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        Self { screen, total, bytes, running: BTreeMap::new(), job_style: style(JOB) }
    }

    /// Returns the bars that log lines must stay above.
    pub(in crate::report) fn screen(&self) -> MultiProgress {
        self.screen.clone()
    }

    pub(in crate::report) fn started(&mut self, job: u32, name: String) {
        self.running.insert(job, Running { name, done: 0, planned: 0, bar: None });
        self.fill();
    }

    pub(in crate::report) fn planned(&mut self, job: u32, size: u64) {
        let Some(job) = self.running.get_mut(&job) else { return };
        job.planned += size;
        if let Some(bar) = &job.bar {
            bar.set_length(job.planned);
        }
    }

    /// Counts transferred bytes.
    pub(in crate::report) fn moved(&mut self, job: u32, bytes: u64) {
        self.bytes.inc(bytes);
        self.advance(job, bytes);
    }

    /// Counts bytes that need no transfer.
    pub(in crate::report) fn saved(&mut self, job: u32, bytes: u64) {
        self.advance(job, bytes);
    }

    fn advance(&mut self, job: u32, bytes: u64) {
        let Some(job) = self.running.get_mut(&job) else { return };
        job.done += bytes;
        if let Some(bar) = &job.bar {
            bar.set_position(job.done);
        }
    }

    /// Counts an ended entry, started or not.
    pub(in crate::report) fn finished(&mut self, job: u32) {
        self.total.inc(1);
        if let Some(Running { bar: Some(bar), .. }) = self.running.remove(&job) {
            bar.finish_and_clear();
            self.screen.remove(&bar);
        }
        self.fill();
    }

    /// Updates the total line.
    pub(in crate::report) fn tick(&self) {
        self.bytes.tick();
        let rate = self.bytes.per_sec();
        let rate = HumanBytes(rate as u64);
        self.total.set_message(format!("{} {rate}/s", HumanBytes(self.bytes.position())));
        self.total.tick();
    }

    /// Removes all bars.
    pub(in crate::report) fn clear(self) {
        for job in self.running.into_values() {
            if let Some(bar) = job.bar {
                bar.finish_and_clear();
            }
        }
        self.total.finish_and_clear();
        // Clearing fails only if the terminal is gone.
        let _gone = self.screen.clear();
    }

    /// Gives bars to the oldest jobs without one, up to the limit.
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
    // A test checks both templates.
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

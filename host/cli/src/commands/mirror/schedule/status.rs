//! What `/readyz` and `/metrics` say about runs with `--every`.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::report::Totals;
use crate::setup::listener::Status;

/// The state of the runs until now. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct RunStatus(Arc<Mutex<Runs>>);

#[derive(Debug, Default)]
struct Runs {
    is_running: bool,
    /// Whether the last list could be read and planned.
    is_ready: bool,
    /// Runs in which everything was done.
    well: u64,
    /// Runs in which some entries failed.
    with_failures: u64,
    /// Runs that could not start.
    not_started: u64,
    /// Bytes that all runs moved.
    bytes: u64,
    last: Option<Ended>,
    last_well: Option<SystemTime>,
    next: Option<SystemTime>,
}

/// A run that ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended {
    /// When it began.
    pub(super) began: SystemTime,
    /// How long it took.
    pub(super) took: Duration,
    /// When the next one begins.
    pub(super) next: SystemTime,
    /// Whether no entry failed.
    pub(super) is_well: bool,
    /// Its totals.
    pub(super) totals: Option<Totals>,
}

impl RunStatus {
    fn runs(&self) -> MutexGuard<'_, Runs> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a run begins.
    pub(super) fn begin(&self) {
        let mut runs = self.runs();
        (runs.is_running, runs.next) = (true, None);
    }

    /// Notes that the list of the run was read and planned.
    pub(super) fn is_planned(&self) {
        self.runs().is_ready = true;
    }

    /// Notes that a run ended.
    pub(super) fn end(&self, ended: Ended) {
        let mut runs = self.runs();
        runs.is_running = false;
        runs.next = Some(ended.next);
        if ended.is_well {
            runs.well += 1;
            runs.last_well = Some(ended.began + ended.took);
        } else {
            runs.with_failures += 1;
        }
        runs.bytes += ended.totals.map_or(0, |totals| totals.bytes);
        runs.last = Some(ended);
    }

    /// Notes that a run could not start.
    pub(super) fn fail(&self, next: SystemTime) {
        let mut runs = self.runs();
        (runs.is_running, runs.is_ready, runs.next) = (false, false, Some(next));
        runs.not_started += 1;
    }
}

impl Status for RunStatus {
    fn is_ready(&self) -> bool {
        self.runs().is_ready
    }

    fn metrics(&self) -> String {
        self.runs().text()
    }
}

impl Runs {
    /// Returns the metrics in the text format of Prometheus.
    fn text(&self) -> String {
        let mut text = String::new();
        let mut metric = |name: &str, kind: &str, help: &str, samples: &[(&str, f64)]| {
            if samples.is_empty() {
                return;
            }
            _ = writeln!(text, "# HELP longshore_{name} {help}\n# TYPE longshore_{name} {kind}");
            for (labels, value) in samples {
                _ = writeln!(text, "longshore_{name}{labels} {value}");
            }
        };
        let time = |time: Option<SystemTime>| {
            let since = time.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
            since.map(|since| ("", since.as_secs_f64().round()))
        };
        #[expect(clippy::cast_precision_loss, reason = "Prometheus has no other numbers")]
        let number = |count: u64| count as f64;
        metric("build_info", "gauge", "The version.", &[(VERSION, 1.0)]);
        metric(
            "runs_total",
            "counter",
            "Runs that ended: well, with failed entries, or before they started.",
            &[
                ("{result=\"done\"}", number(self.well)),
                ("{result=\"failed\"}", number(self.with_failures)),
                ("{result=\"error\"}", number(self.not_started)),
            ],
        );
        metric(
            "moved_bytes_total",
            "counter",
            "Bytes that all runs moved.",
            &[("", number(self.bytes))],
        );
        let is_running = if self.is_running { 1.0 } else { 0.0 };
        metric("running", "gauge", "1 while a run is under way.", &[("", is_running)]);
        let totals = self.last.and_then(|last| last.totals);
        let entries = totals.map(|totals| {
            let done = totals.copied + totals.valid + totals.dry_run;
            [
                ("{status=\"done\"}", f64::from(done)),
                ("{status=\"skipped\"}", f64::from(totals.skipped)),
                ("{status=\"failed\"}", f64::from(totals.failed)),
            ]
        });
        let entries = entries.as_ref().map_or(&[][..], |entries| &entries[..]);
        metric("last_run_entries", "gauge", "Entries of the last run.", entries);
        let skipped = totals.map(|totals| {
            [
                ("{reason=\"present\"}", f64::from(totals.present())),
                ("{reason=\"left-out\"}", f64::from(totals.left_out)),
                ("{reason=\"duplicate\"}", f64::from(totals.duplicates)),
            ]
        });
        metric(
            "last_run_skipped_entries",
            "gauge",
            "Skipped entries of the last run: the destination has them, has nothing of them, or an earlier line is the same.",
            skipped.as_ref().map_or(&[][..], |skipped| &skipped[..]),
        );
        let seconds = self.last.map(|last| ("", last.took.as_secs_f64()));
        metric(
            "last_run_duration_seconds",
            "gauge",
            "How long the last run took.",
            seconds.as_slice(),
        );
        let ended = time(self.last.map(|last| last.began + last.took));
        metric("last_run_timestamp_seconds", "gauge", "When the last run ended.", ended.as_slice());
        let well = time(self.last_well);
        let help = "When the last run without failed entries ended.";
        metric("last_success_timestamp_seconds", "gauge", help, well.as_slice());
        let next = time(self.next);
        metric("next_run_timestamp_seconds", "gauge", "When the next run starts.", next.as_slice());
        text
    }
}

/// The labels of `longshore_build_info`.
const VERSION: &str = concat!("{version=\"", env!("CARGO_PKG_VERSION"), "\"}");

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::{Ended, RunStatus};
    use crate::report::Totals;
    use crate::setup::listener::Status as _;

    fn ended(is_well: bool, copied: u32, failed: u32) -> Ended {
        let began = UNIX_EPOCH + Duration::from_secs(1_000);
        let (skipped, left_out, duplicates, bytes) = (6, 3, 1, 50);
        let totals =
            Totals { copied, failed, skipped, left_out, duplicates, bytes, ..Totals::default() };
        let (took, next) = (Duration::from_millis(2_500), began + Duration::from_secs(60));
        Ended { began, took, next, is_well, totals: Some(totals) }
    }

    #[test]
    fn nothing_is_said_of_runs_that_did_not_end() {
        let status = RunStatus::default();
        status.begin();
        let text = status.metrics();
        assert!(text.contains("longshore_running 1\n"), "{text}");
        assert!(text.contains("longshore_runs_total{result=\"done\"} 0\n"), "{text}");
        assert!(!text.contains("last_run") && !text.contains("next_run"), "{text}");
        assert!(!status.is_ready());
    }

    #[test]
    fn each_end_is_counted_and_the_last_one_is_shown() {
        let status = RunStatus::default();
        status.is_planned();
        status.end(ended(true, 3, 0));
        assert!(status.is_ready());
        status.end(ended(false, 1, 2));
        status.fail(UNIX_EPOCH + Duration::from_secs(2_000));
        assert!(!status.is_ready(), "the list cannot be read");
        let text = status.metrics();
        for line in [
            "# TYPE longshore_runs_total counter",
            "longshore_runs_total{result=\"done\"} 1",
            "longshore_runs_total{result=\"failed\"} 1",
            "longshore_runs_total{result=\"error\"} 1",
            "longshore_moved_bytes_total 100",
            "longshore_running 0",
            "longshore_last_run_entries{status=\"done\"} 1",
            "longshore_last_run_entries{status=\"failed\"} 2",
            "longshore_last_run_entries{status=\"skipped\"} 6",
            "longshore_last_run_skipped_entries{reason=\"present\"} 2",
            "longshore_last_run_skipped_entries{reason=\"left-out\"} 3",
            "longshore_last_run_skipped_entries{reason=\"duplicate\"} 1",
            "longshore_last_run_duration_seconds 2.5",
            "longshore_last_run_timestamp_seconds 1003",
            "longshore_last_success_timestamp_seconds 1003",
            "longshore_next_run_timestamp_seconds 2000",
        ] {
            assert!(text.lines().any(|found| found == line), "no {line} in\n{text}");
        }
    }

    #[test]
    fn each_metric_has_one_help_and_one_type() {
        let status = RunStatus::default();
        status.end(ended(true, 1, 0));
        let text = status.metrics();
        let names: Vec<&str> = text
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
            .collect();
        let mut once = names.clone();
        once.dedup();
        assert_eq!(names, once);
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let name = line.split(['{', ' ']).next().unwrap();
            assert!(names.contains(&name), "{line} has no type");
            assert!(line.rsplit(' ').next().unwrap().parse::<f64>().is_ok(), "{line}");
        }
    }
}

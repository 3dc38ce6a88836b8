//! The figures of a worker, for Prometheus.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use longshore_engine::job::{Outcome, Status};

use longshore_store::{Effort, StoreEffort};

/// The figures of a worker over all runs.
#[derive(Debug, Default)]
pub struct Metrics {
    copied: AtomicU64,
    skipped: AtomicU64,
    failed: AtomicU64,
    running: AtomicU64,
    bytes: AtomicU64,
    retries: AtomicU64,
    pauses: AtomicU64,
    /// Blobs that this worker claimed.
    pub(crate) claims_won: AtomicU64,
    /// Blobs that another worker had claimed or placed.
    pub(crate) claims_lost: AtomicU64,
}

impl Metrics {
    pub(crate) fn ended(&self, outcome: &Outcome) {
        let count = match outcome.status {
            Status::Copied | Status::Valid | Status::DryRun | Status::Unknown => &self.copied,
            Status::Skipped => &self.skipped,
            Status::Failed => &self.failed,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn moved(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn set_running(&self, jobs: u32) {
        self.running.store(u64::from(jobs), Ordering::Relaxed);
    }

    /// Adds what came since `before`.
    pub(crate) fn effort(&self, before: &Effort, now: &Effort) {
        let since = |of: fn(&StoreEffort) -> u64| {
            let sum = |effort: &Effort| effort.stores.iter().map(of).sum::<u64>();
            sum(now).saturating_sub(sum(before))
        };
        self.retries.fetch_add(since(|store| store.retries), Ordering::Relaxed);
        self.pauses.fetch_add(since(|store| store.pauses), Ordering::Relaxed);
    }

    /// The figures in Prometheus' text format.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut family = |name: &str, kind: &str, help: &str, samples: &[(&str, &AtomicU64)]| {
            // Writing into a string cannot fail.
            let _ok = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
            for (labels, value) in samples {
                let _ok = writeln!(text, "{name}{labels} {}", value.load(Ordering::Relaxed));
            }
        };
        family(
            "longshore_jobs_total",
            "counter",
            "Jobs that ended, by status; valid ones count as copied.",
            &[
                ("{status=\"copied\"}", &self.copied),
                ("{status=\"skipped\"}", &self.skipped),
                ("{status=\"failed\"}", &self.failed),
            ],
        );
        family("longshore_jobs_running", "gauge", "Jobs in work.", &[("", &self.running)]);
        family(
            "longshore_bytes_total",
            "counter",
            "Bytes of blobs that were read from sources.",
            &[("", &self.bytes)],
        );
        family(
            "longshore_retries_total",
            "counter",
            "Requests that were retried.",
            &[("", &self.retries)],
        );
        family(
            "longshore_pauses_total",
            "counter",
            "Pauses that registries asked for.",
            &[("", &self.pauses)],
        );
        family(
            "longshore_claims_total",
            "counter",
            "Blobs that this worker claimed (won), or that another worker had claimed (lost).",
            &[("{result=\"won\"}", &self.claims_won), ("{result=\"lost\"}", &self.claims_lost)],
        );
        text
    }
}

#[cfg(test)]
mod tests {
    use longshore_engine::job::{Outcome, Status};

    use super::Metrics;

    #[test]
    fn the_text_has_a_sample_for_each_figure() {
        let metrics = Metrics::default();
        metrics.ended(&Outcome::new(Status::Copied));
        metrics.ended(&Outcome::failed("x"));
        metrics.ended(&Outcome::failed("x"));
        metrics.moved(7);
        let text = metrics.text();
        assert!(text.contains("longshore_jobs_total{status=\"copied\"} 1\n"), "{text}");
        assert!(text.contains("longshore_jobs_total{status=\"failed\"} 2\n"), "{text}");
        assert!(text.contains("longshore_bytes_total 7\n"), "{text}");
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (_, value) = line.rsplit_once(' ').unwrap();
            value.parse::<u64>().unwrap();
        }
    }
}

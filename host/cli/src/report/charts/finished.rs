//! A finished run: each chart and image with its status.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use longshore_engine::job::{Outcome, Status};
use serde::Serialize;

use super::model::{ChartFailure, ChartPlan, ChartVersion, ImageUse, Place};
use crate::report::course::{Figures, Saved};
use crate::report::options::OutputFormat;
use crate::report::{FailedList, Log, Remark, ReportError};

/// The status of a chart in the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ChartStatus {
    Pushed,
    Skipped,
    Replaced,
    Failed,
    DryRun,
}

impl ChartStatus {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Pushed => "pushed",
            Self::Skipped => "skipped",
            Self::Replaced => "replaced",
            Self::Failed => "failed",
            Self::DryRun => "dry-run",
        }
    }
}

/// A version of a chart, and what became of it.
#[derive(Debug)]
pub(super) struct VersionResult {
    pub(super) chart: ChartStatus,
    pub(super) chart_reason: Option<String>,
    pub(super) chart_failure: Option<ChartFailure>,
    pub(super) chart_digest: Option<String>,
    pub(super) chart_figures: JobFigures,
    pub(super) images: Vec<ImageResult>,
}

impl VersionResult {
    /// Says whether anything of `version` failed.
    pub(super) fn has_failures(&self, version: &ChartVersion) -> bool {
        self.chart == ChartStatus::Failed
            || version.failures().next().is_some()
            || self
                .images
                .iter()
                .any(|image| matches!(image.status, Status::Failed | Status::Unknown))
    }
}

/// An image of a chart, and what became of it.
#[derive(Debug)]
pub(super) struct ImageResult {
    pub(super) source: String,
    pub(super) target: String,
    pub(super) status: Status,
    pub(super) reason: Option<String>,
    pub(super) error: Option<String>,
    pub(super) hint: Option<String>,
    /// None of an image that was reported with an earlier chart, so that sums are right.
    pub(super) figures: JobFigures,
    pub(super) places: Vec<Place>,
}

/// The figures of the job that copied a chart or an image.
#[derive(Clone, Debug, Default)]
pub(super) struct JobFigures {
    pub(super) bytes: u64,
    pub(super) took: Duration,
    pub(super) saved: Saved,
    pub(super) source_digest: Option<String>,
    /// The digest at the target.
    pub(super) digest: Option<String>,
    /// Why this digest is not the source's.
    pub(super) digest_change: Option<String>,
}

/// Sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) done: u32,
    pub(super) skipped: u32,
    pub(super) failed: u32,
    pub(super) dry_run: u32,
    /// The part of `done` that replaced other content; only of charts.
    pub(super) replaced: u32,
}

/// Outcomes by job, and what several charts share.
#[derive(Debug, Default)]
pub(super) struct Outcomes {
    pub(super) by_job: HashMap<u32, Outcome>,
    /// The bytes that each job saved, if it saved some.
    pub(super) saved: HashMap<u32, Saved>,
    /// Jobs whose image was reported with an earlier chart.
    pub(super) told: HashSet<u32>,
    pub(super) images_only: bool,
}

impl Outcomes {
    /// Records the outcome of a job. What a dry run could not look at has failed: charts have no status
    /// for it, and must not count as what would be pushed.
    pub(super) fn add(&mut self, job: u32, outcome: Outcome) {
        let outcome = match outcome.status {
            Status::Unknown => Outcome {
                status: Status::Failed,
                error: outcome.reason.clone(),
                reason: None,
                ..outcome
            },
            _ => outcome,
        };
        self.by_job.insert(job, outcome);
    }

    /// Whether all jobs of a version have ended.
    pub(super) fn are_complete(&self, version: &ChartVersion) -> bool {
        let mut jobs = version.job.iter().chain(version.images.iter().map(|image| &image.job));
        jobs.all(|job| self.by_job.contains_key(job))
    }

    /// The result of a version. Its images count as told from then on.
    pub(super) fn result(&mut self, version: &ChartVersion) -> VersionResult {
        let (chart, chart_reason, chart_failure, chart_digest) = self.chart(version);
        let chart_figures = version.job.map(|job| self.figures(job)).unwrap_or_default();
        let images = version.images.iter().map(|image| self.image(image)).collect();
        VersionResult { chart, chart_reason, chart_failure, chart_digest, chart_figures, images }
    }

    fn figures(&self, job: u32) -> JobFigures {
        let Some(outcome) = self.by_job.get(&job) else { return JobFigures::default() };
        JobFigures {
            bytes: outcome.bytes,
            took: outcome.took,
            saved: self.saved.get(&job).copied().unwrap_or_default(),
            source_digest: outcome.source_digest.as_ref().map(ToString::to_string),
            digest: outcome.destination_digest.as_ref().map(ToString::to_string),
            digest_change: outcome.digest_change.clone(),
        }
    }

    fn chart(
        &self,
        version: &ChartVersion,
    ) -> (ChartStatus, Option<String>, Option<ChartFailure>, Option<String>) {
        if let Some(failure) = &version.failure {
            return (ChartStatus::Failed, None, Some(failure.clone()), None);
        }
        let Some(job) = version.job else {
            let reason = self.images_only.then(|| "--images-only was given".to_owned());
            return (ChartStatus::Skipped, reason, None, None);
        };
        let Some(outcome) = self.by_job.get(&job) else {
            let failure = unfinished();
            return (ChartStatus::Failed, None, Some(failure), None);
        };
        let status = match (outcome.status, &outcome.replaced) {
            (Status::Copied | Status::Valid, None) => ChartStatus::Pushed,
            (Status::Copied | Status::Valid, Some(_)) => ChartStatus::Replaced,
            (Status::Skipped, _) => ChartStatus::Skipped,
            (Status::DryRun, _) => ChartStatus::DryRun,
            (Status::Failed | Status::Unknown, _) => ChartStatus::Failed,
        };
        let failure =
            outcome.error.clone().map(|error| ChartFailure { error, hint: outcome.hint.clone() });
        let digest = outcome.destination_digest.as_ref().map(ToString::to_string);
        (status, outcome.reason.clone(), failure, digest)
    }

    fn image(&mut self, image: &ImageUse) -> ImageResult {
        let is_first = self.told.insert(image.job);
        let (mut status, mut reason, error, hint) = match self.by_job.get(&image.job) {
            None => {
                let ChartFailure { error, hint } = unfinished();
                (Status::Failed, None, Some(error), hint)
            }
            Some(outcome) => (
                outcome.status,
                outcome.reason.clone(),
                outcome.error.clone(),
                outcome.hint.clone(),
            ),
        };
        if status == Status::Copied && !is_first {
            status = Status::Skipped;
            reason = Some("copied with an earlier chart of this run".to_owned());
        }
        let first = image.places.first().map(Place::text);
        let error = error.map(|error| match first {
            Some(place) => format!("{error}; found in {place}"),
            None => error,
        });
        ImageResult {
            source: image.source.clone(),
            target: image.target.clone(),
            status,
            reason,
            error,
            hint,
            figures: if is_first { self.figures(image.job) } else { JobFigures::default() },
            places: image.places.clone(),
        }
    }
}

fn unfinished() -> ChartFailure {
    ChartFailure { error: "the run ended before this was done".to_owned(), hint: None }
}

/// Counts the images of a version. A version whose images are not known has one failure.
pub(super) fn count_images(version: &ChartVersion, result: &VersionResult) -> Counts {
    let mut counts = Counts::default();
    for image in &result.images {
        match image.status {
            Status::Copied | Status::Valid => counts.done += 1,
            Status::Skipped => counts.skipped += 1,
            Status::Failed | Status::Unknown => counts.failed += 1,
            Status::DryRun => counts.dry_run += 1,
        }
    }
    counts.failed += u32::from(version.images_failure.is_some());
    counts
}

/// The result of a run.
#[derive(Debug)]
pub(crate) struct ChartReport {
    pub(super) plan: ChartPlan,
    /// The results by group and version.
    pub(super) results: Vec<Vec<VersionResult>>,
    pub(super) charts: Counts,
    pub(super) images: Counts,
    pub(super) elapsed: Duration,
    pub(super) bytes: u64,
    pub(super) figures: Figures,
    pub(super) output: OutputFormat,
    pub(super) log: Arc<Log>,
    pub(super) failed_list: Option<FailedList>,
    /// Number and reason of each failure, as the failed list wants them.
    pub(super) failures: Vec<(u32, String)>,
}

impl ChartReport {
    /// Says whether a chart, an image or an overlay failed.
    pub(crate) fn has_failures(&self) -> bool {
        let mut versions = self.plan.versions();
        self.charts.failed > 0
            || self.images.failed > 0
            || versions.any(|version| version.overlay_failure.is_some())
    }

    /// Returns the numbers of the entries that failed.
    pub(crate) fn failed(&self) -> impl Iterator<Item = u32> {
        self.failures.iter().map(|(number, _)| *number)
    }

    /// Writes the failed list of the run, and returns its path; `None` without a list or failures. `command`
    /// repeats what failed.
    ///
    /// # Errors
    /// Returns an error if the list cannot be written, or an older one cannot be removed.
    pub(crate) fn finish_failed_list(
        &mut self,
        command: &str,
    ) -> Result<Option<PathBuf>, ReportError> {
        let failures: Vec<(u32, &str)> =
            self.failures.iter().map(|(number, why)| (*number, why.as_str())).collect();
        match self.failed_list.take() {
            Some(list) => {
                let list = list.repeated_by(command);
                let tell = |remark: Remark| self.log.write(remark.level(), &remark.to_string());
                list.finish(&failures, tell)
            }
            None => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Outcomes;
    use longshore_engine::job::{Outcome, Status};

    #[test]
    fn what_a_dry_run_could_not_look_at_has_failed() {
        let mut outcomes = Outcomes::default();
        let unseen = Outcome { reason: Some("unseen".to_owned()), ..Outcome::new(Status::Unknown) };
        outcomes.add(1, unseen);
        outcomes.add(2, Outcome::new(Status::DryRun));
        let kept = |job| (outcomes.by_job[&job].status, outcomes.by_job[&job].error.as_deref());
        assert_eq!(kept(1), (Status::Failed, Some("unseen")));
        assert_eq!(kept(2), (Status::DryRun, None));
    }
}

//! Follows a run by its events, and writes each chart as soon as all before it are written.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use longshore_engine::event::{Event, Level};
use longshore_engine::job::{Outcome, Status};
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::interval;

use super::finished::{ChartReport, ChartStatus, Counts, Outcomes, VersionResult, count_images};
use super::model::{ChartPlan, ChartVersion};
use super::text::Shown;
use super::{document, summary, text};
use crate::report::course::Course;
use crate::report::escape::escape;
use crate::report::options::OutputFormat;
use crate::report::print::with_stdout;
use crate::report::{FailedList, Log, ReportError, ReportOptions};

/// The interval between writes of the failed list during the run.
const REWRITE: Duration = Duration::from_secs(30);

/// Shows the progress of a run, and makes its [`ChartReport`].
pub(crate) struct ChartReporter {
    plan: ChartPlan,
    options: ReportOptions,
    log: Arc<Log>,
    started: Instant,
    failed_list: Option<FailedList>,
    rewrite: Arc<Notify>,
    outcomes: Outcomes,
    results: Vec<Vec<VersionResult>>,
    course: Course,
    bytes: u64,
    /// The position of the last chart whose heading was written.
    headed: Option<usize>,
}

impl ChartReporter {
    /// Creates a reporter for `plan`, whose jobs number `jobs`.
    pub(crate) fn new(
        plan: ChartPlan,
        options: ReportOptions,
        log: Arc<Log>,
        started: Instant,
        images_only: bool,
        jobs: usize,
    ) -> Self {
        let course = Course::new(&options, Arc::clone(&log), started, jobs);
        let results = plan.groups.iter().map(|_| Vec::new()).collect();
        let outcomes = Outcomes { images_only, ..Outcomes::default() };
        Self {
            plan,
            options,
            log,
            started,
            failed_list: None,
            rewrite: Arc::default(),
            outcomes,
            results,
            course,
            bytes: 0,
            headed: None,
        }
    }

    /// Updates `list` during the run, and hands it to the report.
    #[must_use]
    pub(crate) fn with_failed_list(mut self, list: Option<FailedList>) -> Self {
        self.failed_list = list;
        self
    }

    /// Records the outcome of an entry that did not become a job.
    pub(crate) fn end(&mut self, number: u32, outcome: Outcome) {
        self.outcomes.by_job.insert(number, outcome);
    }

    /// Returns the trigger that writes the failed list at once, for an interrupt.
    pub(crate) fn rewrite_trigger(&self) -> Arc<Notify> {
        Arc::clone(&self.rewrite)
    }

    /// Follows the run until every sender of events is dropped.
    pub(crate) async fn run(mut self, mut events: UnboundedReceiver<Event>) -> ChartReport {
        let mut show = self.course.timer();
        let mut rewrite = interval(REWRITE);
        rewrite.reset();
        self.write_ready(false);
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    Some(event) => self.take(event),
                    None => break,
                },
                _ = show.tick() => self.course.show(),
                _ = rewrite.tick() => self.rewrite_failed_list(),
                () = self.rewrite.notified() => self.rewrite_failed_list(),
            }
        }
        self.course.remove_rows();
        self.write_ready(true);
        self.finish()
    }

    fn take(&mut self, event: Event) {
        match self.course.take(event) {
            Some(Event::Started { job }) => {
                let plan = &self.plan;
                self.course.started(job, || escape(&plan.name_of(job)).into_owned());
            }
            Some(Event::Finished { job, outcome }) => {
                self.course.finished(job, outcome.status == Status::Failed);
                self.bytes += outcome.bytes;
                self.outcomes.add(job, *outcome);
                self.write_ready(false);
            }
            Some(
                Event::BlobPlaced { job, size, how, .. } | Event::BytesSaved { job, size, how },
            ) => {
                self.outcomes.saved.entry(job).or_default().count(size, how);
            }
            _ => {}
        }
    }

    /// Writes the versions whose turn it is; at the end all of them. With `--quiet` it leaves out those without
    /// failures.
    fn write_ready(&mut self, ended: bool) {
        let shown = Shown { places: self.options.dry_run, images: !self.plan.charts_only };
        let is_quiet = !self.log.shows(Level::Info);
        let groups = self.plan.groups.iter().zip(&mut self.results);
        for (at, (group, results)) in groups.enumerate() {
            while let Some(version) = group.versions.get(results.len()) {
                if !ended && !self.outcomes.are_complete(version) {
                    return;
                }
                let result = self.outcomes.result(version);
                if self.options.output != OutputFormat::Text {
                    log_failures(&self.log, &group.key, version, &result);
                } else if !is_quiet || result.has_failures(version) {
                    let mut block = String::new();
                    if self.headed.replace(at) != Some(at) {
                        block.push_str(&text::heading(group, &self.plan.target));
                    }
                    block.push_str(&text::version(group, version, &result, shown));
                    if results.len() + 1 == group.versions.len() {
                        block.push('\n');
                    }
                    self.log.page(&block);
                }
                results.push(result);
            }
        }
    }

    fn rewrite_failed_list(&mut self) {
        let failures = self.failures();
        let Some(list) = &mut self.failed_list else { return };
        let failures: Vec<(u32, &str)> =
            failures.iter().map(|(number, why)| (*number, why.as_str())).collect();
        if let Err(error) = list.rewrite(&failures) {
            self.log.write(Level::Warning, &format!("failed to {error}"));
        }
    }

    /// Number and reason of each failure: jobs first, then what no job has.
    fn failures(&self) -> Vec<(u32, String)> {
        let mut failures = Vec::new();
        let mut jobs: Vec<u32> = self.plan.versions().flat_map(jobs_of).collect();
        jobs.sort_unstable();
        jobs.dedup();
        for job in jobs {
            match self.outcomes.by_job.get(&job) {
                Some(outcome) if outcome.status != Status::Failed => {}
                Some(outcome) => failures.push((job, outcome.error.clone().unwrap_or_default())),
                None => failures.push((job, "the run ended before this was done".to_owned())),
            }
        }
        for version in self.plan.versions() {
            let of_version = version.failures();
            failures.extend(of_version.map(|failure| (version.number, failure.error.clone())));
        }
        failures
    }

    fn finish(self) -> ChartReport {
        let failures = self.failures();
        let (mut charts, mut images) = (Counts::default(), Counts::default());
        for (version, result) in self.plan.versions().zip(self.results.iter().flatten()) {
            match result.chart {
                ChartStatus::Pushed => charts.done += 1,
                ChartStatus::Replaced => {
                    charts.done += 1;
                    charts.replaced += 1;
                }
                ChartStatus::Skipped => charts.skipped += 1,
                ChartStatus::Failed => charts.failed += 1,
                ChartStatus::DryRun => charts.dry_run += 1,
            }
            let counts = count_images(version, result);
            images.done += counts.done;
            images.skipped += counts.skipped;
            images.failed += counts.failed;
            images.dry_run += counts.dry_run;
        }
        ChartReport {
            plan: self.plan,
            results: self.results,
            charts,
            images,
            elapsed: self.started.elapsed(),
            bytes: self.bytes,
            figures: self.course.end(),
            output: self.options.output,
            log: self.log,
            failed_list: self.failed_list,
            failures,
        }
    }
}

/// The jobs of a version, with repetitions.
fn jobs_of(version: &ChartVersion) -> impl Iterator<Item = u32> {
    version.job.into_iter().chain(version.images.iter().map(|image| image.job))
}

impl ChartPlan {
    /// Returns the versions of all charts, in order.
    pub(crate) fn versions(&self) -> impl Iterator<Item = &ChartVersion> {
        self.groups.iter().flat_map(|group| &group.versions)
    }

    /// Returns the name of what a job copies.
    fn name_of(&self, job: u32) -> String {
        for group in &self.groups {
            for version in &group.versions {
                if version.job == Some(job) {
                    return format!("{}:{}", group.chart, version.version);
                }
                if let Some(image) = version.images.iter().find(|image| image.job == job) {
                    return image.source.clone();
                }
            }
        }
        format!("entry {job}")
    }
}

/// Logs what failed, where no text shows it.
fn log_failures(log: &Log, key: &str, version: &ChartVersion, result: &VersionResult) {
    let name = format!("{key} {}", version.version);
    let of_version = version.images_failure.iter().chain(&version.overlay_failure);
    for failure in result.chart_failure.iter().chain(of_version) {
        log.failure(None, &format!("failed {name}: {}", failure.error), failure.hint.as_deref());
    }
    for image in &result.images {
        if let Some(error) = &image.error {
            let text = format!("failed {name}: {} → {}: {error}", image.source, image.target);
            log.failure(None, &text, image.hint.as_deref());
        }
    }
}

impl ChartReport {
    /// Writes the summary or the document to standard output. `command` repeats the run with the failed
    /// list at `failed_list`.
    ///
    /// # Errors
    /// Returns an error if standard output cannot be written, unless its reader has ended.
    pub(crate) fn print(
        &self,
        failed_list: Option<&Path>,
        command: &str,
    ) -> Result<(), ReportError> {
        if let Some(path) = failed_list.filter(|_| self.output != OutputFormat::Text) {
            let text = format!("failed list: {}; repeat with: {command}", path.display());
            self.log.write(Level::Info, &text);
        }
        with_stdout(|out| match self.output {
            OutputFormat::Text => summary::write_text(self, failed_list, command, out),
            OutputFormat::Json => document::write_json(self, out),
            OutputFormat::Yaml => document::write_yaml(self, out),
        })
    }
}

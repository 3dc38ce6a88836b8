//! Follows a run by its events, and makes its report.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::HumanBytes;
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{MissedTickBehavior, interval};

use super::course::{Course, Figures};
use super::escape::escape;
use super::failed_list::FailedList;
use super::finished::Report;
use super::log::Log;
use super::options::{OutputFormat, ReportOptions, Verb};
use super::row::{EntryInfo, Row, Rows};
use super::totals::Totals;
use longshore_engine::counted;
use longshore_engine::event::{Event, Level};
use longshore_engine::job::{Jobs, Outcome, Status};
use longshore_engine::plan::Ended;

/// The interval between writes of the failed list during the run.
const REWRITE: Duration = Duration::from_secs(30);

/// The room for the text of most log lines, in bytes.
const LINE: usize = 256;

/// The most events to take from the channel at a time.
const BATCH: usize = 256;

/// Shows the progress of a run, and makes its [`Report`].
#[derive(Debug)]
pub(crate) struct Reporter {
    options: ReportOptions,
    log: Arc<Log>,
    started: Instant,
    failed_list: Option<FailedList>,
    rewrite: Arc<Notify>,
    /// Why the failed list could not be written the last time, so that the log says it once.
    complaint: Option<String>,
    names: HashMap<u32, String>,
}

impl Reporter {
    /// Creates a reporter.
    pub(crate) fn new(options: ReportOptions, log: Arc<Log>) -> Self {
        let rewrite = Arc::new(Notify::new());
        let (started, names) = (options.started, HashMap::new());
        Self { started, options, log, failed_list: None, rewrite, complaint: None, names }
    }

    /// Shows the sources of these entries by other names.
    #[must_use]
    pub(crate) fn with_names(mut self, names: HashMap<u32, String>) -> Self {
        self.names = names;
        self
    }

    /// Updates `list` during the run, and hands it to the report.
    #[must_use]
    pub(crate) fn with_failed_list(mut self, list: FailedList) -> Self {
        self.failed_list = Some(list);
        self
    }

    /// Returns the trigger that writes the failed list at once (`notify_one`), for an interrupt.
    pub(crate) fn rewrite_trigger(&self) -> Arc<Notify> {
        Arc::clone(&self.rewrite)
    }

    /// Follows the run until every sender of events is dropped.
    ///
    /// `ended` holds the entries that have no job. A job without an outcome at the end counts as
    /// unfinished.
    pub(crate) async fn run(
        mut self,
        jobs: Arc<Jobs>,
        ended: Vec<Ended>,
        mut events: UnboundedReceiver<Event>,
    ) -> Report {
        let (rows, outcomes) = Rows::new(jobs, ended, self.options.shows_savings());
        let rows = rows.with_names(std::mem::take(&mut self.names));
        let course = Course::new(&self.options, Arc::clone(&self.log), self.started, rows.len());
        let mut progress = Progress::new(&self.options, course, Arc::clone(&self.log), rows);
        for (number, outcome) in outcomes {
            progress.finished(number, outcome, true);
        }
        let mut show = progress.course.timer();
        let mut rewrite = interval(REWRITE);
        rewrite.set_missed_tick_behavior(MissedTickBehavior::Delay);
        rewrite.reset();
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            tokio::select! {
                count = events.recv_many(&mut batch, BATCH) => {
                    if count == 0 {
                        break;
                    }
                    let _together = self.log.gather();
                    batch.drain(..).for_each(|event| progress.take(event));
                }
                _ = show.tick() => progress.course.show(),
                _ = rewrite.tick() => self.rewrite_failed_list(&progress.rows),
                () = self.rewrite.notified() => self.rewrite_failed_list(&progress.rows),
            }
        }
        let (rows, totals, figures) = progress.end();
        Report {
            rows,
            totals,
            figures,
            elapsed: self.started.elapsed(),
            options: self.options,
            log: self.log,
            failed_list: self.failed_list,
        }
    }

    fn rewrite_failed_list(&mut self, rows: &Rows) {
        let Some(list) = &mut self.failed_list else { return };
        // The next interval tries again, and the end of the run falls back to the reserved file.
        let complaint =
            list.rewrite(&rows.failures()).err().map(|error| format!("failed to {error}"));
        if complaint != self.complaint
            && let Some(text) = &complaint
        {
            self.log.write(Level::Warning, text);
        }
        self.complaint = complaint;
    }
}

/// The entries that failed like an earlier one: the log counts them.
#[derive(Default)]
struct Repeated {
    count: usize,
    /// The error of the first.
    first: Option<String>,
    hint: Option<String>,
}

/// The state of the run so far.
struct Progress {
    log: Arc<Log>,
    rows: Rows,
    totals: Totals,
    course: Course,
    list: String,
    verb: Verb,
    /// Entries that failed like an earlier one, for a login that is refused to all of them.
    repeated: Repeated,
    /// The jobs that have begun and not ended.
    begun: HashSet<u32>,
    /// Entries that an interrupt left before they began: the log counts them.
    not_begun: usize,
    /// True if the log omits successful entries, because standard output shows them at the end.
    quiet: bool,
}

impl Progress {
    fn new(options: &ReportOptions, course: Course, log: Arc<Log>, rows: Rows) -> Self {
        Self {
            log,
            rows,
            totals: Totals::default(),
            course,
            list: options.list.clone(),
            verb: options.verb,
            repeated: Repeated::default(),
            begun: HashSet::new(),
            not_begun: 0,
            quiet: options.dry_run && options.output == OutputFormat::Text,
        }
    }

    fn take(&mut self, event: Event) {
        match self.course.take(event) {
            Some(Event::Started { job }) => self.started(job),
            Some(Event::Finished { job, outcome }) => self.finished(job, *outcome, false),
            Some(
                Event::BlobPlaced { job, size, how, .. } | Event::BytesSaved { job, size, how },
            ) => {
                self.rows.save(job, size, how);
            }
            _ => {}
        }
    }

    fn started(&mut self, number: u32) {
        let Some(row) = self.rows.get(number) else { return };
        self.begun.insert(number);
        self.course.started(number, || escape(&row.entry().source.to_string()).into_owned());
    }

    /// Records the outcome of an entry. `early` is true for an entry without a job.
    fn finished(&mut self, number: u32, outcome: Outcome, early: bool) {
        let (is_cut, is_repeated) = (outcome.is_cut, outcome.is_repeated);
        let is_cut_by_list = is_cut && outcome.names_platforms;
        let is_cut_before = is_cut && outcome.status == Status::Skipped;
        let (would_copy, at_most) = (outcome.status == Status::DryRun, outcome.at_most);
        if !self.rows.end(number, outcome) {
            return;
        }
        self.totals.cut += u32::from(is_cut);
        self.totals.cut_by_list += u32::from(is_cut_by_list);
        self.totals.cut_before += u32::from(is_cut_before);
        self.totals.at_most += at_most.unwrap_or_default();
        self.totals.unsized_entries += u32::from(would_copy && at_most.is_none());
        let Some(row) = self.rows.get(number) else { return };
        self.totals.count(row);
        self.course.finished(number, row.status() == Status::Failed);
        let has_begun = self.begun.remove(&number);
        if row.is_unfinished() && !has_begun {
            self.not_begun += 1;
            let text = format!("not begun: {}", row.entry());
            self.log.record(Level::Debug, Some(number), None, &text);
        } else if is_repeated {
            let error = row.error().unwrap_or_default();
            self.repeated.count += 1;
            self.repeated.first.get_or_insert_with(|| error.to_owned());
            self.repeated.hint = row.hint().map(str::to_owned);
            let text = format!("failed {}: {error}", row.entry());
            self.log.record(Level::Debug, Some(number), None, &text);
        } else {
            self.log_ending(row, early);
        }
    }

    fn log_ending(&self, row: Row<'_>, early: bool) {
        let (entry, number) = (row.entry(), Some(row.number()));
        let note = row.reason().map_or_else(String::new, |reason| format!(": {reason}"));
        match (row.status(), row.error()) {
            (Status::Failed, error) => {
                let error = error.unwrap_or_default();
                if row.is_unfinished() {
                    let text = format!("unfinished {entry}: {error}");
                    self.log.record(Level::Warning, number, None, &text);
                    return;
                }
                let place = if early { self.place(&entry) } else { String::new() };
                let text = match entry.column {
                    Some(_) => format!("{place}{error}"),
                    None => format!("{place}failed {entry}: {error}"),
                };
                self.log.failure(number, &text, row.hint());
            }
            _ if self.quiet => {}
            (Status::Skipped, _) => {
                // The job ran, but the destination has nothing of the entry.
                let is_odd = !early && row.is_left_out();
                let level = if is_odd { Level::Warning } else { Level::Info };
                self.log.record(level, number, None, &format!("skipped {entry}{note}"));
            }
            (Status::DryRun | Status::Unknown, _) => {
                self.log.record(Level::Info, number, None, &format!("{entry}{note}"));
            }
            (status @ (Status::Copied | Status::Valid), _) => {
                // A run has a line for each entry: the text need not grow.
                let mut text = String::with_capacity(LINE);
                // Writing into a string cannot fail.
                let _ok = write!(text, "{} {entry}", status.word());
                self.add_figures(&mut text, row);
                text.push_str(&note);
                self.log.record(Level::Info, number, None, &text);
            }
        }
    }

    /// Adds the digest, and for `mirror` the transferred bytes.
    fn add_figures(&self, text: &mut String, row: Row<'_>) {
        let digest = row.destination_digest().or_else(|| row.source_digest());
        let bytes = HumanBytes(row.bytes());
        // Writing into a string cannot fail.
        let _ok = match (digest, self.verb) {
            (Some(digest), Verb::Mirror) => write!(text, " ({digest}, {bytes} moved)"),
            (Some(digest), Verb::Validate) => write!(text, " ({digest})"),
            (None, Verb::Mirror) => write!(text, " ({bytes} moved)"),
            (None, Verb::Validate) => Ok(()),
        };
    }

    /// Formats the position as compilers do: `list.txt:3:7: `. An entry of a configuration of charts has no
    /// line.
    fn place(&self, entry: &EntryInfo<'_>) -> String {
        let (line, column) = (entry.line, entry.column);
        match (self.list.as_str(), column) {
            ("", _) if line == 0 => String::new(),
            (list, _) if line == 0 => format!("{list}: "),
            ("", None) => format!("line {line}: "),
            ("", Some(column)) => format!("line {line}, column {column}: "),
            (list, None) => format!("{list}:{line}: "),
            (list, Some(column)) => format!("{list}:{line}:{column}: "),
        }
    }

    fn end(mut self) -> (Rows, Totals, Figures) {
        for row in self.rows.iter().filter(|row| !row.has_ended()) {
            self.totals.count(row);
        }
        if self.not_begun > 0 {
            let entries = counted(self.not_begun, "entry was", "entries were");
            self.log.write(Level::Warning, &format!("{entries} not begun: interrupted"));
        }
        if let Repeated { count, first: Some(first), hint } = &self.repeated {
            let entries = counted(*count, "more entry", "more entries");
            let text = format!(
                "{entries} failed, because the destination refuses the login to all; the first of them: {first}"
            );
            self.log.failure(None, &text, hint.as_deref());
        }
        (self.rows, self.totals, self.course.end())
    }
}

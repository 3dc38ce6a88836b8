//! The entries of a run and their outcomes, kept small for lists of 100,000 entries.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::course::Saved;
use super::ending::{Ending, Reasons};
use super::escape::escape;
use longshore_engine::event::Transferred;
use longshore_engine::job::{Comparison, Jobs, Outcome, Status, position};
use longshore_engine::plan::Ended;
use longshore_oci::{Digest, ShownReference};
use longshore_registry::redact;

/// The entries of the list and their outcomes, by number.
#[derive(Debug)]
pub(crate) struct Rows {
    jobs: Arc<Jobs>,
    /// The entries without a job, by number.
    texts: Vec<Text>,
    numbers: Vec<u32>,
    /// The outcome of each entry; `None` until it ends.
    endings: Vec<Option<Ending>>,
    /// The bytes that each entry saved; empty unless the report shows them.
    saved: Vec<Saved>,
    reasons: Reasons,
    /// Names of sources that no user gave, by the number of the entry.
    names: HashMap<u32, String>,
}

/// An entry without a job.
#[derive(Debug)]
struct Text {
    number: u32,
    line: u32,
    column: Option<u32>,
    source: String,
    destination: String,
}

impl Rows {
    /// Creates the rows of `jobs` and of `ended`, the entries without a job. Also returns the outcomes of
    /// `ended`, by number. The two have no number in common. `keeps_saved` tells whether the report shows
    /// the bytes that each entry saved.
    pub(super) fn new(
        jobs: Arc<Jobs>,
        ended: Vec<Ended>,
        keeps_saved: bool,
    ) -> (Self, Vec<(u32, Outcome)>) {
        let mut numbers = Vec::with_capacity(jobs.len() + ended.len());
        numbers.extend(jobs.numbers().chain(ended.iter().map(|ended| ended.number)));
        numbers.sort_unstable();
        let mut texts = Vec::with_capacity(ended.len());
        let mut outcomes = Vec::with_capacity(ended.len());
        for Ended { number, line, column, source, destination, outcome } in ended {
            let [source, destination] = [source, destination].map(redacted);
            texts.push(Text { number, line, column, source, destination });
            outcomes.push((number, outcome));
        }
        texts.sort_unstable_by_key(|text| text.number);
        let endings = numbers.iter().map(|_| None).collect();
        let saved = vec![Saved::default(); if keeps_saved { numbers.len() } else { 0 }];
        let (reasons, names) = (Reasons::default(), HashMap::new());
        (Self { jobs, texts, numbers, endings, saved, reasons, names }, outcomes)
    }

    /// Shows the sources of these entries by other names, also in what their outcomes say.
    #[must_use]
    pub(super) fn with_names(mut self, names: HashMap<u32, String>) -> Self {
        self.names = names.into_iter().map(|(number, name)| (number, redacted(name))).collect();
        self
    }

    /// Returns the number of entries.
    pub(super) const fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Returns the entries in the order of their numbers.
    pub(super) fn iter(&self) -> impl Iterator<Item = Row<'_>> {
        (0..self.len()).map(|at| Row { rows: self, at })
    }

    /// Returns the entry with this number.
    pub(super) fn get(&self, number: u32) -> Option<Row<'_>> {
        Some(Row { rows: self, at: self.at(number)? })
    }

    fn at(&self, number: u32) -> Option<usize> {
        position(&self.numbers, number, |found| *found)
    }

    /// Records the outcome of an entry. Returns false if the entry is unknown or has already ended.
    pub(super) fn end(&mut self, number: u32, outcome: Outcome) -> bool {
        let Some(at) = self.at(number) else { return false };
        let is_new = self.endings[at].is_none();
        if is_new {
            let name = self.names.get(&number);
            let outcome = match name.and_then(|name| Some((name, self.jobs.get(number)?))) {
                Some((name, job)) => outcome.renamed(&job.source, name),
                None => outcome,
            };
            let outcome = Outcome {
                reason: outcome.reason.map(redacted),
                error: outcome.error.map(redacted),
                hint: outcome.hint.map(redacted),
                digest_change: outcome.digest_change.map(redacted),
                comparison: outcome.comparison.map(redacted_comparison),
                ..outcome
            };
            self.endings[at] = Some(Ending::of(outcome, &mut self.reasons));
        }
        is_new
    }

    /// Adds bytes that an entry needed not to move.
    pub(super) fn save(&mut self, number: u32, size: u64, how: Transferred) {
        if let Some(at) = self.at(number)
            && let Some(saved) = self.saved.get_mut(at)
        {
            saved.count(size, how);
        }
    }

    /// Returns the number and the reason of each entry that failed or did not finish.
    pub(super) fn failures(&self) -> Vec<(u32, &str)> {
        self.iter().filter_map(|row| Some((row.number(), row.error()?))).collect()
    }
}

/// A text of an entry as it is shown and kept, without secrets.
fn redacted(text: String) -> String {
    match redact(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(shown) => shown,
    }
}

fn redacted_comparison(mut comparison: Box<Comparison>) -> Box<Comparison> {
    for finding in &mut comparison.findings {
        finding.text = redacted(std::mem::take(&mut finding.text));
        finding.source = finding.source.take().map(redacted);
        finding.destination = finding.destination.take().map(redacted);
    }
    comparison
}

/// An entry and its outcome.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'a> {
    rows: &'a Rows,
    at: usize,
}

impl<'a> Row<'a> {
    /// Returns the entry's number in the list, from 1.
    pub(super) fn number(self) -> u32 {
        self.rows.numbers[self.at]
    }

    /// Returns the entry, with references built for it.
    pub(super) fn entry(self) -> EntryInfo<'a> {
        let number = self.number();
        if let Some(job) = self.rows.jobs.shown(number) {
            let name = self.rows.names.get(&number).map(|name| End::Text(name));
            return EntryInfo {
                line: job.line,
                column: None,
                source: name.unwrap_or(End::Reference(job.source)),
                destination: End::Reference(job.destination),
            };
        }
        let found = self.rows.texts.binary_search_by_key(&number, |text| text.number);
        let text = found.ok().map(|at| &self.rows.texts[at]);
        EntryInfo {
            line: text.map_or(0, |text| text.line),
            column: text.and_then(|text| text.column),
            source: End::Text(text.map_or("", |text| &text.source)),
            destination: End::Text(text.map_or("", |text| &text.destination)),
        }
    }

    fn ending(self) -> Option<&'a Ending> {
        self.rows.endings[self.at].as_ref()
    }

    /// Says whether the entry has ended.
    pub(super) fn has_ended(self) -> bool {
        self.ending().is_some()
    }

    /// Returns the status. An entry that has not ended counts as failed.
    pub(super) fn status(self) -> Status {
        self.ending().map_or(Status::Failed, Ending::status)
    }

    /// Returns the status as the report shows it: a verdict of `mirror-validate` is more than a failure.
    pub(super) fn status_word(self) -> &'static str {
        self.comparison().map_or_else(|| self.status().word(), |found| found.verdict.word())
    }

    /// Says whether the entry was skipped although the destination has nothing of it.
    pub(super) fn is_left_out(self) -> bool {
        self.status() == Status::Skipped
            && !self.is_duplicate()
            && self.destination_digest().is_none()
    }

    /// Says whether the entry was skipped because an earlier line is the same.
    pub(super) fn is_duplicate(self) -> bool {
        self.ending().is_some_and(Ending::is_duplicate)
    }

    /// Says whether the entry was interrupted or never started.
    pub(super) fn is_unfinished(self) -> bool {
        self.ending().is_none_or(Ending::is_unfinished)
    }

    /// Returns why the entry failed, if it did.
    pub(super) fn error(self) -> Option<&'a str> {
        match self.ending() {
            None => Some("the run ended before this entry was done"),
            Some(ending) if ending.status() == Status::Failed => {
                Some(ending.error().unwrap_or("no reason was given"))
            }
            Some(_) => None,
        }
    }

    /// Returns advice about a failure.
    pub(super) fn hint(self) -> Option<&'a str> {
        self.ending()?.hint()
    }

    /// Returns why the entry was skipped, why its digest changed, or what a dry run would do.
    pub(super) fn reason(self) -> Option<&'a str> {
        self.ending()?.reason(&self.rows.reasons)
    }

    /// Returns why the digest at the destination is not the source's.
    pub(super) fn digest_change(self) -> Option<&'a str> {
        self.ending()?.digest_change(&self.rows.reasons)
    }

    /// Returns the time that the entry took.
    pub(super) fn took(self) -> Duration {
        self.ending().map_or(Duration::ZERO, Ending::took)
    }

    /// Returns the bytes that needed no transfer; none unless the report shows them.
    pub(super) fn saved(self) -> Saved {
        self.rows.saved.get(self.at).copied().unwrap_or_default()
    }

    /// Returns the transferred bytes.
    pub(super) fn bytes(self) -> u64 {
        self.ending().map_or(0, |ending| ending.bytes)
    }

    /// Returns the digest of the source's manifest, if known.
    pub(super) fn source_digest(self) -> Option<Digest> {
        self.ending()?.source_digest()
    }

    /// Returns the digest at the destination, if known.
    pub(super) fn destination_digest(self) -> Option<Digest> {
        self.ending()?.destination_digest()
    }

    /// Returns the findings of `mirror-validate`.
    pub(super) fn comparison(self) -> Option<&'a Comparison> {
        self.ending()?.comparison()
    }
}

/// An entry as the report shows it.
#[derive(Clone, Debug)]
pub(super) struct EntryInfo<'a> {
    /// The first line of the entry, from 1.
    pub(super) line: u32,
    /// The column of the error in a malformed line, from 1.
    pub(super) column: Option<u32>,
    pub(super) source: End<'a>,
    /// Empty if the entry has no destination.
    pub(super) destination: End<'a>,
}

/// Prints `source → destination`, escaped.
impl fmt::Display for EntryInfo<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.write_escaped(f)?;
        if matches!(self.destination, End::Text("")) {
            return Ok(());
        }
        f.write_str(" → ")?;
        self.destination.write_escaped(f)
    }
}

/// A source or a destination: a reference, or the text of an invalid one.
#[derive(Clone, Debug)]
pub(super) enum End<'a> {
    /// A reference.
    Reference(ShownReference<'a>),
    /// Text, not escaped.
    Text(&'a str),
}

impl End<'_> {
    fn write_escaped(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // References have no characters to escape, but the name of a folder may have.
            Self::Reference(reference) if reference.store.registry().is_some() => {
                fmt::Display::fmt(reference, f)
            }
            Self::Reference(reference) => f.write_str(&escape(&reference.to_string())),
            Self::Text(text) => f.write_str(&escape(text)),
        }
    }
}

impl fmt::Display for End<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reference(reference) => reference.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Arc;

    use super::{Ending, Rows};
    use longshore_engine::job::{Job, Jobs, Outcome, Status};
    use longshore_engine::plan::Ended;
    use longshore_oci::PlatformFilter;

    pub(crate) fn job(number: u32, name: &str) -> Job {
        Job {
            number,
            line: number + 1,
            source: format!("docker.io/library/{name}:1").parse().unwrap(),
            destination: format!("r.example.com/library/{name}:1").parse().unwrap(),
            filter: PlatformFilter::default(),
        }
    }

    pub(crate) fn ended(number: u32, source: &str, destination: &str, error: &str) -> Ended {
        Ended {
            number,
            line: number + 1,
            column: None,
            source: source.to_owned(),
            destination: destination.to_owned(),
            outcome: Outcome::failed(error),
        }
    }

    /// Creates rows with a job for each of `names`, numbered from 1, and with `ended`.
    pub(crate) fn rows(names: &[&str], ended: Vec<Ended>) -> Rows {
        let jobs: Jobs = (1..).zip(names).map(|(number, name)| job(number, name)).collect();
        Rows::new(Arc::new(jobs), ended, true).0
    }

    #[test]
    fn an_outcome_is_small() {
        let size = size_of::<Option<Ending>>();
        assert!(size <= 64, "an ending has {size} bytes");
    }

    #[test]
    fn a_source_with_another_name_is_shown_by_it() {
        let names = [(1, "app 1 (./app)".to_owned())].into();
        let mut rows = rows(&["a", "b"], vec![ended(3, "c", "d", "no")]).with_names(names);
        for number in [1, 2] {
            let error = "read docker.io/library/a:1: no layer of docker.io/library/a";
            assert!(rows.end(number, Outcome::failed(error)));
        }
        let shown: Vec<String> = rows.iter().map(|row| row.entry().source.to_string()).collect();
        assert_eq!(shown, ["app 1 (./app)", "docker.io/library/b:1", "c"]);
        let failures = rows.failures();
        assert_eq!(failures[0].1, "read app 1 (./app): no layer of app 1 (./app)");
        assert_eq!(failures[1].1, "read docker.io/library/a:1: no layer of docker.io/library/a");
    }

    #[test]
    fn an_entry_ends_once() {
        let mut rows = rows(&["a"], Vec::new());
        assert!(rows.get(1).unwrap().is_unfinished() && rows.get(2).is_none());
        assert_eq!(rows.failures(), [(1, "the run ended before this entry was done")]);
        assert!(rows.end(1, Outcome::new(Status::Copied)));
        assert!(!rows.end(1, Outcome::failed("no")) && !rows.end(2, Outcome::failed("no")));
        assert_eq!(rows.get(1).unwrap().status(), Status::Copied);
        assert!(rows.failures().is_empty());
    }

    #[test]
    fn ends_are_shown_escaped_and_kept_as_they_are() {
        let rows = rows(&["redis"], vec![ended(2, "a\u{1b}b", "", ""), ended(3, "a", "b", "")]);
        let shown: Vec<String> = rows.iter().map(|row| row.entry().to_string()).collect();
        let job = "docker.io/library/redis:1 → r.example.com/library/redis:1";
        assert_eq!(shown, [job, "a\\u{1b}b", "a → b"]);
        let entry = rows.get(2).unwrap().entry();
        assert_eq!((entry.source.to_string().as_str(), entry.line), ("a\u{1b}b", 3));
        assert_eq!(rows.get(1).unwrap().entry().line, 2);
    }
}

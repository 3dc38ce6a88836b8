//! What the report keeps of each entry: small, as there may be 100,000 of them.

use std::fmt;
use std::sync::Arc;

use super::ending::{Ending, Reasons};
use super::escape::escape;
use longshore_engine::job::{Comparison, Jobs, Outcome, Status};
use longshore_engine::plan::Ended;
use longshore_oci::{Digest, Reference};

/// Every entry of the list, by number, and what came of it.
#[derive(Debug)]
pub(crate) struct Rows {
    jobs: Arc<Jobs>,
    /// The entries that became no job, by number.
    texts: Vec<Text>,
    numbers: Vec<u32>,
    /// What came of each; `None` as long as that is not known.
    endings: Vec<Option<Ending>>,
    reasons: Reasons,
}

/// An entry that became no job.
#[derive(Debug)]
struct Text {
    number: u32,
    line: u32,
    column: Option<u32>,
    source: String,
    destination: String,
}

impl Rows {
    /// The entries of a list, and how those of them that became no job have ended, by number. The two
    /// have no number in common.
    pub(super) fn new(jobs: Arc<Jobs>, ended: Vec<Ended>) -> (Self, Vec<(u32, Outcome)>) {
        let mut numbers = Vec::with_capacity(jobs.len() + ended.len());
        numbers.extend(jobs.numbers().chain(ended.iter().map(|ended| ended.number)));
        numbers.sort_unstable();
        let mut texts = Vec::with_capacity(ended.len());
        let mut outcomes = Vec::with_capacity(ended.len());
        for Ended { number, line, column, source, destination, outcome } in ended {
            texts.push(Text { number, line, column, source, destination });
            outcomes.push((number, outcome));
        }
        texts.sort_unstable_by_key(|text| text.number);
        let endings = numbers.iter().map(|_| None).collect();
        (Self { jobs, texts, numbers, endings, reasons: Reasons::default() }, outcomes)
    }

    /// How many entries there are.
    pub(super) const fn len(&self) -> usize {
        self.numbers.len()
    }

    /// The entries by number.
    pub(super) fn iter(&self) -> impl Iterator<Item = Row<'_>> {
        (0..self.len()).map(|at| Row { rows: self, at })
    }

    /// The entry with this number.
    pub(super) fn get(&self, number: u32) -> Option<Row<'_>> {
        Some(Row { rows: self, at: self.numbers.binary_search(&number).ok()? })
    }

    /// Keeps how the entry with this number ended, unless there is none or that is known already.
    pub(super) fn end(&mut self, number: u32, outcome: Outcome) -> bool {
        let Ok(at) = self.numbers.binary_search(&number) else { return false };
        let is_new = self.endings[at].is_none();
        if is_new {
            self.endings[at] = Some(Ending::of(outcome, &mut self.reasons));
        }
        is_new
    }

    /// The number and the reason of each entry that failed or was not done.
    pub(super) fn failures(&self) -> Vec<(u32, &str)> {
        self.iter().filter_map(|row| Some((row.number(), row.error()?))).collect()
    }
}

/// An entry and what came of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'a> {
    rows: &'a Rows,
    at: usize,
}

impl<'a> Row<'a> {
    /// The entry's number in the list, from 1.
    pub(super) fn number(self) -> u32 {
        self.rows.numbers[self.at]
    }

    /// The entry, whose references are made for it.
    pub(super) fn entry(self) -> EntryInfo<'a> {
        let number = self.number();
        if let Some(job) = self.rows.jobs.get(number) {
            let (source, destination) = (job.source, job.destination);
            return EntryInfo {
                line: job.line,
                column: None,
                source: End::Reference(source),
                destination: End::Reference(destination),
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

    /// Is it known what came of it?
    pub(super) fn has_ended(self) -> bool {
        self.ending().is_some()
    }

    /// How it ended; an entry that the run never came to has failed.
    pub(super) fn status(self) -> Status {
        self.ending().map_or(Status::Failed, |ending| ending.status)
    }

    /// Was it cut off, or never come to?
    pub(super) fn is_unfinished(self) -> bool {
        self.ending().is_none_or(|ending| ending.unfinished)
    }

    /// Why it failed, if it did.
    pub(super) fn error(self) -> Option<&'a str> {
        match self.ending() {
            None => Some("the run ended before this entry was done"),
            Some(ending) if ending.status == Status::Failed => {
                Some(ending.error().unwrap_or("no reason was given"))
            }
            Some(_) => None,
        }
    }

    /// What can be done about a failure.
    pub(super) fn hint(self) -> Option<&'a str> {
        self.ending()?.hint()
    }

    /// Why it was skipped, why the digest changed, or what a dry run would do.
    pub(super) fn reason(self) -> Option<&'a str> {
        self.ending()?.reason(&self.rows.reasons)
    }

    /// Bytes that were moved for it.
    pub(super) fn bytes(self) -> u64 {
        self.ending().map_or(0, |ending| ending.bytes)
    }

    /// The digest of the source's manifest, where it became known.
    pub(super) fn source_digest(self) -> Option<Digest> {
        self.ending()?.source_digest()
    }

    /// The digest at the destination, where it became known.
    pub(super) fn destination_digest(self) -> Option<Digest> {
        self.ending()?.destination_digest()
    }

    /// What `mirror-validate` found wrong.
    pub(super) fn comparison(self) -> Option<&'a Comparison> {
        self.ending()?.comparison()
    }
}

/// An entry of the list, as the report shows it.
#[derive(Clone, Debug)]
pub(super) struct EntryInfo<'a> {
    /// The line where it starts, from 1.
    pub(super) line: u32,
    /// The column where a malformed line goes wrong, from 1.
    pub(super) column: Option<u32>,
    pub(super) source: End<'a>,
    /// Empty where there is none.
    pub(super) destination: End<'a>,
}

/// Prints `source → destination`, escaped.
impl fmt::Display for EntryInfo<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.source, &self.destination) {
            // The grammar of references leaves nothing to escape.
            (End::Reference(source), End::Reference(destination)) => {
                write!(f, "{source} → {destination}")
            }
            (source, End::Text("")) => f.write_str(&escape(&source.to_string())),
            (source, destination) => {
                let (source, destination) = (source.to_string(), destination.to_string());
                write!(f, "{} → {}", escape(&source), escape(&destination))
            }
        }
    }
}

/// A source or a destination: a reference, or the text of what never became one.
#[derive(Clone, Debug)]
pub(super) enum End<'a> {
    /// A reference.
    Reference(Reference),
    /// Text, not escaped.
    Text(&'a str),
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

    /// A job for each of `names`, numbered from 1, and what ended before.
    pub(crate) fn rows(names: &[&str], ended: Vec<Ended>) -> Rows {
        let jobs: Jobs = (1..).zip(names).map(|(number, name)| job(number, name)).collect();
        Rows::new(Arc::new(jobs), ended).0
    }

    #[test]
    fn what_is_kept_of_an_entry_stays_small() {
        let size = size_of::<Option<Ending>>();
        assert!(size <= 64, "an ending has {size} bytes");
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

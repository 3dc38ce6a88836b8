//! What the report keeps of each entry: small, as there may be 100,000 of them.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use super::escape::escape;
use crate::oci::{Digest, Reference};
use crate::plan::{Comparison, Job, Outcome, Status};

/// An entry of the list, as the report shows it.
#[derive(Clone, Debug)]
pub struct EntryInfo {
    number: u32,
    line: u32,
    column: Option<u32>,
    ends: Ends,
}

/// Source and destination.
#[derive(Clone, Debug)]
enum Ends {
    Job(Arc<Job>),
    Text(Box<(String, String)>),
}

impl EntryInfo {
    /// An entry that became a job (`Job` or `Arc<Job>`; the latter costs 8 bytes).
    pub fn of_job(job: impl Into<Arc<Job>>) -> Self {
        let job = job.into();
        Self { number: job.number, line: job.line, column: None, ends: Ends::Job(job) }
    }

    /// An entry that became none: one that is malformed, refused, or left out by the plan.
    ///
    /// `number` is unique in the run and `line` counts from 1; what is not known is an empty text.
    pub fn of_text(
        number: u32,
        line: u32,
        source: impl Into<String>,
        destination: impl Into<String>,
    ) -> Self {
        let ends = Ends::Text(Box::new((source.into(), destination.into())));
        Self { number, line, column: None, ends }
    }

    /// Marks a malformed line, with the column where it goes wrong, from 1.
    #[must_use]
    pub fn at_column(mut self, column: u32) -> Self {
        self.column = Some(column);
        self
    }

    /// The entry's number in the list, from 1.
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// The line where it starts, from 1.
    pub const fn line(&self) -> u32 {
        self.line
    }

    /// The column where a malformed line goes wrong, from 1.
    pub const fn column(&self) -> Option<u32> {
        self.column
    }

    /// The source.
    pub fn source(&self) -> End<'_> {
        match &self.ends {
            Ends::Job(job) => End::Reference(&job.source),
            Ends::Text(ends) => End::Text(&ends.0),
        }
    }

    /// The destination.
    pub fn destination(&self) -> End<'_> {
        match &self.ends {
            Ends::Job(job) => End::Reference(&job.destination),
            Ends::Text(ends) => End::Text(&ends.1),
        }
    }
}

/// Prints `source → destination`, escaped.
impl fmt::Display for EntryInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.ends {
            // The grammar of references leaves nothing to escape.
            Ends::Job(job) => write!(f, "{} → {}", job.source, job.destination),
            Ends::Text(ends) if ends.1.is_empty() => f.write_str(&escape(&ends.0)),
            Ends::Text(ends) => write!(f, "{} → {}", escape(&ends.0), escape(&ends.1)),
        }
    }
}

/// A source or a destination: a reference, or the text of what never became one.
#[derive(Clone, Copy, Debug)]
pub enum End<'a> {
    /// A reference.
    Reference(&'a Reference),
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

/// An entry and what came of it.
#[derive(Clone, Debug)]
pub struct Row {
    /// The entry.
    pub entry: EntryInfo,
    /// What came of it; `None` if the run ended first.
    pub ending: Option<Ending>,
}

impl Row {
    /// How it ended; an entry that the run never came to has failed.
    pub fn status(&self) -> Status {
        self.ending.as_ref().map_or(Status::Failed, |ending| ending.status)
    }

    /// Was it cut off, or never come to?
    pub fn is_unfinished(&self) -> bool {
        self.ending.as_ref().is_none_or(|ending| ending.unfinished)
    }

    /// Why it failed, if it did.
    pub fn error(&self) -> Option<&str> {
        match &self.ending {
            None => Some("the run ended before this entry was done"),
            Some(Ending { status: Status::Failed, failure, .. }) => {
                Some(failure.as_ref().map_or("no reason was given", |failure| &failure.error))
            }
            Some(_) => None,
        }
    }
}

/// An [`Outcome`] in half of its size.
#[derive(Clone, Debug)]
pub struct Ending {
    /// How it ended.
    pub status: Status,
    /// Was it cut off by an interrupt?
    pub unfinished: bool,
    /// Bytes that were moved for it.
    pub bytes: u64,
    /// Why it was skipped, why the digest changed, or what a dry run would do.
    pub reason: Option<Arc<str>>,
    source_digest: Option<Digest>,
    destination_digest: Landed,
    failure: Option<Box<Failure>>,
}

/// The digest at the destination, which most often is the source's.
#[derive(Clone, Debug)]
enum Landed {
    Unknown,
    Same,
    Other(Box<Digest>),
}

#[derive(Clone, Debug)]
struct Failure {
    error: String,
    hint: Option<String>,
    comparison: Option<Box<Comparison>>,
}

impl Ending {
    /// The digest of the source's manifest, where it became known.
    pub const fn source_digest(&self) -> Option<&Digest> {
        self.source_digest.as_ref()
    }

    /// The digest at the destination, where it became known.
    pub fn destination_digest(&self) -> Option<&Digest> {
        match &self.destination_digest {
            Landed::Unknown => None,
            Landed::Same => self.source_digest.as_ref(),
            Landed::Other(digest) => Some(digest),
        }
    }

    /// What can be done about a failure.
    pub fn hint(&self) -> Option<&str> {
        self.failure.as_ref()?.hint.as_deref()
    }

    /// What `mirror-validate` found wrong.
    pub fn comparison(&self) -> Option<&Comparison> {
        self.failure.as_ref()?.comparison.as_deref()
    }
}

/// Makes endings of outcomes, and keeps each reason once: thousands of entries share one.
#[derive(Default)]
pub(super) struct Endings {
    reasons: HashSet<Arc<str>>,
}

impl Endings {
    /// A reason that names something of its entry is seen once only; beyond so many, none is kept.
    const MOST_REASONS: usize = 64;

    pub(super) fn of(&mut self, outcome: Outcome) -> Ending {
        let destination_digest = match outcome.destination_digest {
            None => Landed::Unknown,
            digest if digest == outcome.source_digest => Landed::Same,
            Some(digest) => Landed::Other(Box::new(digest)),
        };
        let failure = match (outcome.error, outcome.hint) {
            (None, None) => None,
            (error, hint) => Some(Box::new(Failure {
                error: error.unwrap_or_default(),
                hint,
                comparison: outcome.comparison,
            })),
        };
        Ending {
            status: outcome.status,
            unfinished: outcome.unfinished,
            bytes: outcome.bytes,
            reason: outcome.reason.map(|reason| self.intern(reason)),
            source_digest: outcome.source_digest,
            destination_digest,
            failure,
        }
    }

    fn intern(&mut self, reason: String) -> Arc<str> {
        if let Some(known) = self.reasons.get(reason.as_str()) {
            return Arc::clone(known);
        }
        let reason: Arc<str> = reason.into();
        if self.reasons.len() < Self::MOST_REASONS {
            self.reasons.insert(Arc::clone(&reason));
        }
        reason
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Arc;

    use super::{Endings, EntryInfo, Row};
    use crate::oci::{Digest, PlatformFilter};
    use crate::plan::{Job, Outcome, Status};

    pub(in crate::report) fn job(number: u32, name: &str) -> Job {
        Job {
            number,
            line: number + 1,
            source: format!("docker.io/library/{name}:1").parse().unwrap(),
            destination: format!("r.example.com/library/{name}:1").parse().unwrap(),
            filter: PlatformFilter::default(),
        }
    }

    #[test]
    fn a_row_stays_small() {
        assert!(size_of::<Row>() <= 136, "a row has {} bytes", size_of::<Row>());
    }

    #[test]
    fn an_outcome_survives_being_made_small() {
        let mut endings = Endings::default();
        let (one, two) = (Digest::of(b"1"), Digest::of(b"2"));
        for (source, destination) in [
            (None, None),
            (Some(one.clone()), Some(one.clone())),
            (Some(one.clone()), Some(two.clone())),
            (None, Some(two)),
            (Some(one), None),
        ] {
            let outcome = Outcome {
                source_digest: source.clone(),
                destination_digest: destination.clone(),
                ..Outcome::new(Status::Copied)
            };
            let ending = endings.of(outcome);
            assert_eq!(ending.source_digest(), source.as_ref());
            assert_eq!(ending.destination_digest(), destination.as_ref());
        }
        let failed = Outcome { hint: Some("log in".to_owned()), ..Outcome::failed("denied") };
        let row = Row { entry: EntryInfo::of_job(job(1, "a")), ending: Some(endings.of(failed)) };
        assert_eq!(row.error(), Some("denied"));
        assert_eq!(row.ending.unwrap().hint(), Some("log in"));
    }

    #[test]
    fn a_reason_is_kept_once() {
        let mut endings = Endings::default();
        let one = endings.of(Outcome::skipped("is there")).reason.unwrap();
        let two = endings.of(Outcome::skipped("is there")).reason.unwrap();
        assert!(Arc::ptr_eq(&one, &two));
        for number in 0..1000 {
            endings.of(Outcome::skipped(number));
        }
        assert!(endings.reasons.len() <= Endings::MOST_REASONS);
    }

    #[test]
    fn ends_are_shown_escaped_and_kept_as_they_are() {
        let entry = EntryInfo::of_text(1, 2, "a\u{1b}b", "");
        assert_eq!(entry.to_string(), "a\\u{1b}b");
        assert_eq!(entry.source().to_string(), "a\u{1b}b");
        let job = EntryInfo::of_job(job(1, "redis"));
        assert_eq!(job.to_string(), "docker.io/library/redis:1 → r.example.com/library/redis:1");
        assert_eq!(job.line(), 2);
    }
}

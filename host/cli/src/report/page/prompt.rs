//! The page of all lines that were typed at the prompt.

use std::time::{Duration, Instant};

use super::file::PageFile;
use super::item::{Item, Kind};
use super::mirrored::{counts, headline};
use super::{Asked, Head, write};
use crate::report::course::Figures;
use crate::report::finished::Report;
use crate::report::options::Verb;
use crate::report::totals::Totals;
use crate::report::{ReportError, row::Row};

/// What happened at the prompt so far.
#[derive(Debug)]
pub(crate) struct PromptReport {
    verb: Verb,
    dry_run: bool,
    lines: Vec<Line>,
}

/// One typed line.
#[derive(Debug)]
enum Line {
    /// Its entries, which were worked on.
    Done(Box<Report>),
    /// It could not be planned.
    Refused { number: u32, text: String, error: String, hint: Option<String> },
}

impl PromptReport {
    /// Starts without lines.
    pub(crate) const fn new(verb: Verb, dry_run: bool) -> Self {
        Self { verb, dry_run, lines: Vec::new() }
    }

    /// Adds a line that was worked on.
    pub(crate) fn add(&mut self, report: Report) {
        self.lines.push(Line::Done(Box::new(report)));
    }

    /// Adds a line that could not be planned.
    pub(crate) fn refuse(&mut self, number: u32, line: &str, error: &str, hint: Option<String>) {
        let [text, error] = [line, error].map(|text| longshore_registry::redact(text).into_owned());
        self.lines.push(Line::Refused { number, text, error, hint });
    }

    /// Writes the page.
    ///
    /// # Errors
    /// Returns an error if the page cannot be written.
    pub(crate) fn write_page(&self, page: PageFile, asked: &Asked) -> Result<(), ReportError> {
        let (figures, elapsed) = self.figures();
        let totals = self.totals();
        let items = || self.lines.iter().flat_map(Line::items);
        let all = items().count();
        let head = Head {
            command: match self.verb {
                Verb::Mirror => "mirror",
                Verb::Validate => "mirror-validate",
            },
            noun: ["entry", "entries"],
            headline: headline(&totals, all, self.verb, self.dry_run),
            counts: counts(items().map(|item| item.status)),
            asked,
            elapsed,
            bytes: totals.bytes,
            figures: &figures,
        };
        page.finish(|out| write(&head, items, out))
    }

    /// Returns the figures of all lines, and the time that they took. The course leaves out the time between
    /// them.
    fn figures(&self) -> (Figures, Duration) {
        let mut reports = self.lines.iter().filter_map(Line::report);
        let Some(first) = reports.next() else {
            return (Figures::new(Instant::now()), Duration::ZERO);
        };
        let (mut figures, mut elapsed) = (first.figures.clone(), first.elapsed);
        for report in reports {
            figures.add(&report.figures, elapsed);
            elapsed += report.elapsed;
        }
        (figures, elapsed)
    }

    fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for line in &self.lines {
            match line {
                Line::Done(report) => report.rows.iter().for_each(|row| totals.count(row)),
                Line::Refused { .. } => totals.failed += 1,
            }
        }
        totals
    }
}

impl Line {
    fn report(&self) -> Option<&Report> {
        match self {
            Self::Done(report) => Some(report),
            Self::Refused { .. } => None,
        }
    }

    fn items(&self) -> Box<dyn Iterator<Item = Item<'_>> + '_> {
        match self {
            Self::Done(report) => Box::new(report.rows.iter().map(|row: Row<'_>| Item::of(row))),
            Self::Refused { number, text, error, hint } => Box::new(std::iter::once(Item {
                number: *number,
                kind: Kind::Failed,
                status: "failed",
                source: text.clone(),
                error: Some(error),
                hint: hint.as_deref(),
                ..Item::default()
            })),
        }
    }
}

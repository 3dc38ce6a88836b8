//! The page of a run of `mirror` or `mirror-validate`.

use super::file::PageFile;
use super::item::{Item, Kind};
use super::{Asked, Head, write};
use crate::report::ReportError;
use crate::report::finished::Report;
use crate::report::options::Verb;
use crate::report::row::Row;
use crate::report::totals::Totals;
use longshore_engine::counted;
use longshore_engine::job::Status;

impl Report {
    /// Writes the page.
    ///
    /// # Errors
    /// Returns an error if the page cannot be written.
    pub(crate) fn write_page(&self, page: PageFile, asked: &Asked) -> Result<(), ReportError> {
        let head = Head {
            command: match self.options.verb {
                Verb::Mirror => "mirror",
                Verb::Validate => "mirror-validate",
            },
            noun: ["entry", "entries"],
            headline: headline(
                &self.totals,
                self.rows.len(),
                self.options.verb,
                self.options.dry_run,
            ),
            counts: counts(self.rows.iter().map(Row::status_word)),
            asked,
            elapsed: self.elapsed,
            bytes: self.totals.bytes,
            figures: &self.figures,
        };
        page.finish(|out| write(&head, || self.rows.iter().map(Item::of), out))
    }
}

/// Says how many of `all` entries ended well.
pub(super) fn headline(totals: &Totals, all: usize, verb: Verb, dry_run: bool) -> String {
    // What is at the destination already has arrived, in an earlier run.
    let there = totals.present();
    let done = totals.copied + totals.valid + totals.dry_run;
    let (done, others_present) = match verb {
        Verb::Mirror => (done + there, 0),
        Verb::Validate => (done, there),
    };
    let is_new = there == 0;
    let verb = match (dry_run, verb, done) {
        (true, ..) if is_new => "would arrive",
        (true, ..) => "would arrive or are there",
        (false, Verb::Mirror, _) if is_new => "arrived",
        (false, Verb::Mirror, 1) => "is at the destination",
        (false, Verb::Mirror, _) => "are at the destination",
        (false, Verb::Validate, 1) => "is valid",
        (false, Verb::Validate, _) => "are valid",
    };
    let others = others(&[
        (totals.left_out + totals.duplicates + others_present, "skipped"),
        (totals.failed, "failed"),
        (totals.unknown, "not looked at"),
    ]);
    match (others.as_str(), all) {
        ("", 1) => format!("the entry {verb}"),
        ("", _) => format!("all {all} entries {verb}"),
        _ => format!("{done} of {} {verb}{others}", counted(all, "entry", "entries")),
    }
}

impl<'a> Item<'a> {
    pub(super) fn of(row: Row<'a>) -> Self {
        let entry = row.entry();
        Self {
            number: row.number(),
            kind: kind(row.status()),
            status: row.status_word(),
            source: entry.source.to_string(),
            destination: entry.destination.to_string(),
            took: row.took(),
            bytes: row.bytes(),
            saved: row.saved(),
            source_digest: row.source_digest().map(|digest| digest.to_string()),
            destination_digest: row.destination_digest().map(|digest| digest.to_string()),
            digest_change: row.digest_change(),
            reason: row.reason(),
            error: row.error(),
            hint: row.hint(),
        }
    }
}

/// Says how many did not arrive, as the end of a sentence: `, 1 skipped, 3 failed`.
pub(in crate::report) fn others(counts: &[(u32, &str)]) -> String {
    let counts = counts.iter().filter(|(count, _)| *count > 0);
    counts.map(|(count, what)| format!(", {count} {what}")).collect()
}

/// Returns the kind of a status.
pub(in crate::report) const fn kind(status: Status) -> Kind {
    match status {
        Status::Copied | Status::Valid => Kind::Copied,
        Status::Skipped => Kind::Skipped,
        Status::Failed => Kind::Failed,
        Status::DryRun | Status::Unknown => Kind::Planned,
    }
}

/// Counts words, in the order in which they first occur.
pub(in crate::report) fn counts(
    words: impl Iterator<Item = &'static str>,
) -> Vec<(&'static str, u64)> {
    let mut counts: Vec<(&'static str, u64)> = Vec::new();
    for word in words {
        match counts.iter_mut().find(|(other, _)| *other == word) {
            Some((_, count)) => *count += 1,
            None => counts.push((word, 1)),
        }
    }
    counts
}

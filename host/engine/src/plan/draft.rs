//! Entries of a list, understood and completed, before they go through the rewrites.

use std::iter::Peekable;
use std::ops::RangeFrom;
use std::sync::Arc;
use std::vec::IntoIter;

use super::filter::{ALL, ListFilter};
use super::{Ended, PlanError, PlanOptions, PlannedEntry};
use crate::job::{Job, Outcome};
use crate::list::{Attribute, Diagnostic, Entry, Selection, Severity};
use crate::list::{Format, Lines, List};
use longshore_oci::{Digest, Name, Reference, ReferenceError, Registry, Tag, Version};

/// An entry that has been understood, before it goes through the rewrites.
pub(super) struct Draft {
    pub(super) entry: PlannedEntry,
    pub(super) stage: Stage,
    /// True if it belongs to the part of the run.
    pub(super) is_in_shard: bool,
}

pub(super) enum Stage {
    /// It goes on.
    Going(Going),
    /// It ended so.
    Ended(Box<Ended>),
}

pub(super) struct Going {
    pub(super) job: Box<Job>,
    pub(super) attributes: Vec<Attribute>,
}

/// Why an entry alone fails.
#[derive(Debug, thiserror::Error)]
enum EntryError {
    #[error("source: {0}")]
    Source(#[source] ReferenceError),
    #[error("destination: {0}")]
    Destination(#[source] ReferenceError),
    #[error(transparent)]
    Platform(#[from] longshore_oci::PlatformError),
    #[error("it selects tags by pattern, and none were listed")]
    Pattern,
}

impl EntryError {
    /// What a person can do about it.
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Source(_) | Self::Destination(_) => {
                "a reference is [REGISTRY/]REPOSITORY, as in registry.example.com/team/app, and a tag as in 1.0"
            }
            Self::Platform(_) => "a platform is os/architecture[/variant], as in linux/arm64",
            Self::Pattern => return None,
        };
        Some(hint.to_owned())
    }
}

/// Entries and malformed lines in the order of the list, numbered. Each is understood when it is asked
/// for, and let go of by then, as there may be a million of them.
pub(super) struct Drafts<'a> {
    list: List,
    lines: Lines,
    filter: ListFilter,
    options: &'a PlanOptions,
    entries: Peekable<IntoIter<Entry>>,
    errors: Peekable<IntoIter<Diagnostic>>,
    numbers: RangeFrom<u32>,
}

impl<'a> Drafts<'a> {
    /// # Errors
    /// Fails if an entry has no destination, or if the default filter of the format is not valid.
    pub(super) fn of(mut list: List, options: &'a PlanOptions) -> Result<Self, PlanError> {
        let filter = options
            .filter
            .for_list(&list.format)
            .map_err(|error| PlanError::FormatFilter { format: list.format.name.clone(), error })?;
        let lines = list.text.lines();
        let mut entries = std::mem::take(&mut list.entries);
        let mut errors = std::mem::take(&mut list.diagnostics);
        errors.retain(|found| found.severity == Severity::Error);
        entries.sort_by_key(|entry| entry.line);
        errors.sort_by_key(|error| error.line);
        let goes_nowhere =
            |entry: &&Entry| entry.destination.is_none() && options.destination.is_none();
        if let Some(Entry { line, source, .. }) = entries.iter().find(goes_nowhere) {
            let (line, source_text) = (*line, source.clone());
            return Err(PlanError::NoDestination { line, source_text });
        }
        Ok(Self {
            list,
            lines,
            filter,
            options,
            entries: entries.into_iter().peekable(),
            errors: errors.into_iter().peekable(),
            numbers: options.first_number..,
        })
    }

    /// How many are left.
    pub(super) fn len(&self) -> usize {
        self.entries.len() + self.errors.len()
    }
}

impl Iterator for Drafts<'_> {
    type Item = Draft;

    fn next(&mut self) -> Option<Draft> {
        let entry = self.entries.peek().map(|entry| entry.line);
        let error = self.errors.next_if(|error| entry.is_none_or(|entry| error.line < entry));
        if let Some(error) = error {
            let mut draft = malformed(self.numbers.next()?, error, &self.lines, &self.list);
            draft.is_in_shard =
                self.options.shard.is_none_or(|shard| shard.has_text(&draft.entry.text));
            return Some(draft);
        }
        let entry = self.entries.next()?;
        let number = self.numbers.next()?;
        Some(self.draft(number, entry))
    }
}

fn malformed(number: u32, error: Diagnostic, lines: &Lines, list: &List) -> Draft {
    let original = lines.get(error.line).unwrap_or_default();
    let (source, text) = if list.format.lines {
        (String::from_utf8_lossy(&original).into_owned(), original)
    } else {
        // The failed list is in another format, in which the line is only a comment.
        let comment = format!("# {}", around(&original, error.column));
        (comment.clone(), comment.into())
    };
    let outcome = Outcome { hint: list.format.line_hint.clone(), ..Outcome::failed(error.message) };
    let column = (error.column > 0).then_some(error.column);
    let line = error.line;
    let terms = list.terms_above(lines, line).map(Into::into);
    let ended = Ended { number, line, column, source, destination: String::new(), outcome };
    let entry = PlannedEntry { number, text, terms };
    Draft { entry, stage: Stage::Ended(Box::new(ended)), is_in_shard: true }
}

/// So much of a line is shown, in characters: all of a document may stand on one, and every remark on
/// it shows it.
const SHOWN: usize = 160;

/// `line`, or of a long one the part around a column, from 1.
fn around(line: &[u8], column: u32) -> String {
    let text = String::from_utf8_lossy(line);
    if text.chars().nth(SHOWN).is_none() {
        return text.into_owned();
    }
    let before = (column as usize).saturating_sub(SHOWN / 2);
    let mut rest = text.chars().skip(before);
    let shown: String = rest.by_ref().take(SHOWN).collect();
    let ellipsis = |cut: bool| if cut { "…" } else { "" };
    format!("{}{shown}{}", ellipsis(before > 0), ellipsis(rest.next().is_some()))
}

impl Drafts<'_> {
    fn draft(&self, number: u32, entry: Entry) -> Draft {
        let format = &self.list.format;
        let terms = terms(&entry, format);
        let original = if format.lines { self.lines.get(entry.line) } else { None };
        let text = original.unwrap_or_else(|| standard_line(&entry).into());
        let line = entry.line;
        let is_in_shard = self.is_in_shard(&entry);
        let stage = match job(number, &entry, &self.filter, self.options) {
            Ok(job) => Stage::Going(Going { job: Box::new(job), attributes: entry.attributes }),
            Err(error) => {
                let known = self.options.unselected.iter().find(|known| known.entry == entry);
                let failed = || Outcome { hint: error.hint(), ..Outcome::failed(&error) };
                Stage::Ended(Box::new(Ended {
                    number,
                    line,
                    column: None,
                    outcome: known.map_or_else(failed, |known| known.outcome.clone()),
                    source: entry.source,
                    destination: entry.destination.unwrap_or_default(),
                }))
            }
        };
        Draft { entry: PlannedEntry { number, text, terms }, stage, is_in_shard }
    }

    /// Says whether an entry belongs to the part of the run.
    fn is_in_shard(&self, entry: &Entry) -> bool {
        let Some(shard) = self.options.shard else { return true };
        if entry.repositories.is_some() {
            // Its repositories could not be listed. Each part misses those that it would have had.
            return true;
        }
        let completed = entry.source.parse().map(|name| self.options.source.complete(name));
        match completed {
            Ok(Ok((store, repository))) => shard.has(&store, &repository),
            _ => shard.has_text(entry.source.as_bytes()),
        }
    }
}

/// Returns what the comment above the entry's line in the failed list must say.
fn terms(entry: &Entry, format: &Format) -> Option<Arc<str>> {
    // A comment above a pattern, which is a comment too, would apply to the next line.
    let is_comment = matches!(entry.select, Selection::All | Selection::Matching(_));
    if is_comment || (format.lines && !format.directives) {
        return None;
    }
    let platforms = match entry.platforms.as_slice() {
        [] if format.lines => None,
        // The default filter of the standard format must not apply to an entry of another format.
        [] => Some(format!("platforms={ALL}")),
        platforms => Some(format!("platforms={}", platforms.join(","))),
    };
    let renamed = match &entry.select {
        Selection::ByTag(tag) => entry.destination_tag.as_ref().filter(|to| *to != tag),
        // In three columns a digest has the destination's tag before it.
        _ => entry.destination_tag.as_ref().filter(|_| format.lines),
    };
    let renamed = renamed.map(|to| format!("destination-tag={to}"));
    let terms: Vec<String> = [platforms, renamed].into_iter().flatten().collect();
    (!terms.is_empty()).then(|| terms.join(" ").into())
}

/// Returns the entry as a line of [`STANDARD_FORMAT`](crate::list::STANDARD_FORMAT), or as a comment
/// if three columns cannot express it.
fn standard_line(entry: &Entry) -> String {
    let says_it = |version: String| (version, "");
    let (version, comment) = match &entry.select {
        Selection::ByDigest(pinned) if entry.destination_tag.is_some() => {
            let tag = entry.destination_tag.as_deref().unwrap_or_default();
            says_it(format!("{tag}@{}", pinned.digest))
        }
        Selection::ByTag(tag) => says_it(tag.clone()),
        Selection::ByDigest(pinned) => says_it(match &pinned.tag {
            Some(tag) => format!("{tag}@{}", pinned.digest),
            None => pinned.digest.clone(),
        }),
        // What it selects is not known; the list that it came from has to be run again.
        Selection::All | Selection::Matching(_) => ("(tags by pattern)".to_owned(), "# "),
    };
    let host_stripped = || match entry.source.split_once('/') {
        Some((first, rest)) if Registry::looks_like_one(first) => rest.to_owned(),
        _ => entry.source.clone(),
    };
    let destination = entry.destination.clone().unwrap_or_else(host_stripped);
    format!("{comment}{} {destination} {version}", entry.source)
}

fn job(
    number: u32,
    entry: &Entry,
    filter: &ListFilter,
    options: &PlanOptions,
) -> Result<Job, EntryError> {
    if entry.repositories.is_some() {
        return Err(EntryError::Pattern);
    }
    let name: Name = entry.source.parse().map_err(EntryError::Source)?;
    let to: Name = match &entry.destination {
        Some(text) if *text == entry.source => name.clone(),
        Some(text) => text.parse().map_err(EntryError::Destination)?,
        None => Name { store: None, repository: name.repository.clone() },
    };
    let (store, repository) = options.source.complete(name).map_err(EntryError::Source)?;
    let version = version(&entry.select)?;
    let to_tag = match &entry.destination_tag {
        Some(tag) => Some(tag.parse::<Tag>().map_err(EntryError::Destination)?),
        None => version.tag().cloned(),
    };
    let to_version = match (to_tag, version.digest()) {
        (Some(tag), _) => Version::Tag(tag),
        (None, Some(digest)) => Version::Digest(digest.clone()),
        (None, None) => Version::Tag(Tag::latest()),
    };
    Ok(Job {
        number,
        line: entry.line,
        source: Reference { store, repository, version },
        destination: Reference {
            store: to.store.unwrap_or_else(|| Registry::docker_hub().into()),
            repository: to.repository,
            version: to_version,
        },
        filter: filter.of_entry(&entry.platforms)?,
    })
}

fn version(select: &Selection) -> Result<Version, EntryError> {
    match select {
        Selection::ByTag(tag) if tag.is_empty() => Ok(Version::Tag(Tag::latest())),
        Selection::ByTag(tag) => Ok(Version::Tag(tag.parse().map_err(EntryError::Source)?)),
        Selection::ByDigest(pinned) => {
            let digest: Digest = pinned
                .digest
                .parse()
                .map_err(|error| EntryError::Source(ReferenceError::Digest(error)))?;
            Ok(match &pinned.tag {
                Some(tag) => Version::Pinned(tag.parse().map_err(EntryError::Source)?, digest),
                None => Version::Digest(digest),
            })
        }
        Selection::All | Selection::Matching(_) => Err(EntryError::Pattern),
    }
}

#[cfg(test)]
mod tests {
    use super::{SHOWN, around};

    #[test]
    fn a_long_line_is_shown_around_its_column() {
        let short = "x".repeat(SHOWN);
        assert_eq!(around(short.as_bytes(), 150), short, "all of it");
        let long = format!("{}here{}", "a".repeat(500), "b".repeat(500));
        let shown = around(long.as_bytes(), 501);
        assert!(shown.starts_with("…a") && shown.contains("here") && shown.ends_with("b…"));
        assert_eq!(shown.chars().count(), SHOWN + 2);
        assert!(around(long.as_bytes(), 0).starts_with('a'), "no column is the start");
    }
}

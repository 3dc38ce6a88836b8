//! Entries of a list, parsed and completed, before they go through the rewrites.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::iter::Peekable;
use std::ops::RangeFrom;
use std::vec::IntoIter;

use super::filter::{EntryFilterError, ListFilter, PLATFORM_HINT as PLATFORM_ADVICE};
use super::masked::MaskedLines;
use super::repeated::{plain_terms, repeated};
use super::{Ended, PlanError, PlanOptions, PlannedEntry, Unselected};
use crate::job::{Job, Outcome};
use crate::list::{Attribute, Diagnostic, Entry, Selection, Severity};
use crate::list::{Lines, List, UNREADABLE};
use longshore_oci::{Digest, Name, Reference, ReferenceError, Registry, Tag, Version, has_account};

/// An entry that has been parsed, before it goes through the rewrites.
pub(super) struct Draft {
    pub(super) entry: PlannedEntry,
    pub(super) stage: Stage,
    /// True if it belongs to the part of the list that this run processes.
    pub(super) is_in_shard: bool,
}

pub(super) enum Stage {
    /// It goes on.
    Going(Going),
    /// It ended with this outcome.
    Ended(Box<Ended>),
}

pub(super) struct Going {
    pub(super) job: Box<Job>,
    pub(super) attributes: Vec<Attribute>,
    /// The destination as written, if nothing names its registry. Then only a rewrite can name one.
    pub(super) unnamed: Option<Box<str>>,
}

/// Why an entry alone fails.
#[derive(Debug, thiserror::Error)]
enum EntryError {
    #[error("source: {0}")]
    Source(#[source] ReferenceError),
    #[error("destination: {0}")]
    Destination(#[source] ReferenceError),
    #[error(transparent)]
    Filter(#[from] EntryFilterError),
    #[error("it selects tags by pattern, and none were listed")]
    Pattern,
    #[error("it has a user name")]
    Account,
}

/// What to write instead. Neither the failed list nor the log repeats the user name and the password.
const ACCOUNT_HINT: &str = "leave the user name out of the list, and log in with longshore login";

/// What to write for the manifest of one platform.
const ONE_MANIFEST_HINT: &str =
    "write # longshore: platforms=linux/amd64 attribute=single-manifest=true above the line";

/// Says whether an entry has a user name before a host; comments do not count.
fn names_account(text: &str) -> bool {
    let entry = text.split_once(" #").map_or(text, |(entry, _)| entry);
    has_account(entry)
}

impl EntryError {
    /// What a person can do about it.
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Source(_) | Self::Destination(_) => {
                "a reference is [REGISTRY/]REPOSITORY, as in registry.example.com/team/app, and a tag as in 1.0"
            }
            Self::Filter(EntryFilterError::Platform(_)) => PLATFORM_ADVICE,
            Self::Filter(_) => ONE_MANIFEST_HINT,
            Self::Account => ACCOUNT_HINT,
            Self::Pattern => return None,
        };
        Some(hint.to_owned())
    }
}

/// Entries and malformed lines in the order of the list, numbered. Each is parsed only when it is asked
/// for, and not kept, because there may be a million of them.
pub(super) struct Drafts<'a> {
    list: List,
    lines: Lines,
    /// The lines without secrets, for those that are shown.
    masked: OnceCell<MaskedLines>,
    filter: ListFilter,
    options: &'a PlanOptions,
    /// The entries that the selection ended, by their sources.
    unselected: HashMap<&'a str, Vec<&'a Unselected>>,
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
        // Several faults at one place are faults of one entry.
        errors.dedup_by(|next, first| {
            let is_same = next.column > 0 && (next.line, next.column) == (first.line, first.column);
            if is_same && next.message != first.message {
                first.message = format!("{}; {}", first.message, next.message);
            }
            is_same
        });
        let goes_nowhere =
            |entry: &&Entry| entry.destination.is_none() && options.destination.is_none();
        if let Some(Entry { line, source, .. }) = entries.iter().find(goes_nowhere) {
            let (line, source_text) = (*line, source.clone());
            return Err(PlanError::NoDestination { line, source_text });
        }
        let mut unselected: HashMap<&str, Vec<&Unselected>> = HashMap::new();
        for known in &options.unselected {
            unselected.entry(&known.entry.source).or_default().push(known);
        }
        Ok(Self {
            list,
            lines,
            masked: OnceCell::new(),
            filter,
            options,
            unselected,
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
            let number = self.numbers.next()?;
            return Some(self.malformed(number, error));
        }
        let entry = self.entries.next()?;
        let number = self.numbers.next()?;
        Some(self.draft(number, entry))
    }
}

/// What to write instead of an option of `docker pull` in a line with columns.
const PLATFORM_HINT: &str =
    "name the platforms in a comment above the line: # longshore: platforms=linux/arm64";

/// Says whether a line has the option of `docker pull`.
fn names_platform(line: &str) -> bool {
    line.split_whitespace().any(|word| word.split('=').next() == Some("--platform"))
}

impl Drafts<'_> {
    fn malformed(&self, number: u32, error: Diagnostic) -> Draft {
        let (lines, list) = (&self.lines, &self.list);
        let (line, column) = (error.line, (error.column > 0).then_some(error.column));
        let original = lines.get(line).unwrap_or_default();
        let text = if list.format.lines && !original.is_empty() {
            original.clone()
        } else {
            self.unreadable(&error).into()
        };
        let source = match list.format.lines {
            true => String::from_utf8_lossy(&original).into_owned(),
            false => self.shown(&error),
        };
        let is_of_other = text.starts_with(UNREADABLE.as_bytes());
        let hint = match list.format.line_hint.clone() {
            Some(_) if list.format.directives && names_platform(&source) => {
                Some(PLATFORM_HINT.to_owned())
            }
            hint => hint.filter(|_| !is_of_other),
        };
        let outcome = match names_account(&source) {
            true => Outcome {
                hint: Some(ACCOUNT_HINT.to_owned()),
                ..Outcome::failed(EntryError::Account)
            },
            false => Outcome { hint, ..Outcome::failed(error.message) },
        };
        let terms = list.terms_above(lines, line).map(|terms| plain_terms(&terms).into());
        let ended = Ended { number, line, column, source, destination: String::new(), outcome };
        let is_in_shard = self.options.shard.is_none_or(|shard| shard.has_text(&text));
        let entry = PlannedEntry { number, text, terms };
        Draft { entry, stage: Stage::Ended(Box::new(ended)), is_in_shard }
    }

    /// Returns the line that names a malformed part of this list in the failed list, which is in another
    /// format. There it fails until a person removes it.
    fn unreadable(&self, error: &Diagnostic) -> String {
        let Diagnostic { line, column, message, .. } = error;
        let name = &self.list.text.name;
        format!("{UNREADABLE}{name}:{line}:{column}: {message}: {}", self.shown(error))
    }

    /// Returns the part of the list around an error, without secrets.
    fn shown(&self, error: &Diagnostic) -> String {
        let text = &self.list.text;
        let lines = self.masked.get_or_init(|| MaskedLines::of(&text.text, text.first_line));
        lines.around(error.line, error.column)
    }

    fn draft(&self, number: u32, entry: Entry) -> Draft {
        let (text, terms) = repeated(&entry, &self.list.format, self.lines.get(entry.line));
        let line = entry.line;
        let is_in_shard = self.is_in_shard(&entry);
        let stage = match job(number, &entry, &self.filter, self.options) {
            Ok(job) => Stage::Going(Going {
                job: Box::new(job),
                unnamed: self.unnamed(entry.destination),
                attributes: entry.attributes,
            }),
            Err(error) => {
                let error = match names_account(&String::from_utf8_lossy(&text)) {
                    true => EntryError::Account,
                    false => error,
                };
                let known = self.known_outcome(&entry);
                let failed = || Outcome { hint: error.hint(), ..Outcome::failed(&error) };
                Stage::Ended(Box::new(Ended {
                    number,
                    line,
                    column: None,
                    outcome: known.cloned().unwrap_or_else(failed),
                    source: entry.source,
                    destination: entry.destination.unwrap_or_default(),
                }))
            }
        };
        Draft { entry: PlannedEntry { number, text, terms }, stage, is_in_shard }
    }

    /// Returns a destination without a registry, unless `-d` names one.
    fn unnamed(&self, destination: Option<String>) -> Option<Box<str>> {
        let destination = destination.filter(|_| self.options.destination.is_none())?;
        let names_none = destination.parse::<Name>().is_ok_and(|name| name.store.is_none());
        names_none.then(|| destination.into())
    }

    /// Returns the outcome of an entry that selects by pattern, if the selection ended it. An outage may end all
    /// of a registry's repositories, so the search goes by the name of the source.
    fn known_outcome(&self, entry: &Entry) -> Option<&Outcome> {
        let mut known = self.unselected.get(entry.source.as_str())?.iter();
        known.find(|known| known.entry == *entry).map(|known| &known.outcome)
    }

    /// Says whether an entry belongs to the part of the list that this run processes.
    fn is_in_shard(&self, entry: &Entry) -> bool {
        let Some(shard) = self.options.shard else { return true };
        if entry.repositories.is_some() {
            // Its repositories could not be listed. Each part lacks some of them, so the entry belongs to
            // all parts.
            return true;
        }
        let completed = entry.source.parse().map(|name| self.options.source.complete(name));
        match completed {
            Ok(Ok((store, repository))) => shard.has(&store, &repository),
            _ => shard.has_text(entry.source.as_bytes()),
        }
    }
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
        filter: filter.of(entry)?,
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

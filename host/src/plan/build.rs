//! Building the plan.

use std::sync::Arc;

use super::collision::{Beside, Destinations};
use super::filter::ALL;
use super::{FilterFlags, Job, Outcome, Plan, PlanError, PlannedEntry, Unselected, source};
use crate::list::{List, line_hint};
use crate::oci::{Digest, Name, PlatformFilter, Reference, ReferenceError, Registry, Tag, Version};
use crate::plugin::Plugin;
use crate::plugin::contract::{Artifact, Diagnostic, Entry, Item, Selection, Severity, Verdict};

/// What a plan is made with.
#[derive(Debug)]
pub struct PlanOptions {
    /// `-s`: replaces the registry of every source.
    pub source: Option<Registry>,
    /// Is there a destination registry for entries that name no destination?
    pub has_destination: bool,
    /// The platform filters.
    pub filter: FilterFlags,
    /// The number of the first entry, from 1.
    pub first_number: u32,
    /// How entries ended that select tags by pattern and are still in the list.
    pub unselected: Vec<Unselected>,
}

/// An entry that has been understood, before it goes through the rewrites.
struct Draft {
    entry: PlannedEntry,
    stage: Stage,
}

enum Stage {
    /// It goes on.
    Going(Box<Going>),
    /// How it ended is in the entry.
    Ended,
}

struct Going {
    source: Reference,
    destination: Reference,
    filter: PlatformFilter,
    attributes: Vec<crate::plugin::contract::Attribute>,
}

/// Why an entry alone fails.
#[derive(Debug, thiserror::Error)]
enum EntryError {
    #[error("source: {0}")]
    Source(#[source] ReferenceError),
    #[error("destination: {0}")]
    Destination(#[source] ReferenceError),
    #[error(transparent)]
    Platform(#[from] crate::oci::PlatformError),
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

/// Plans the entries of `list`. The rewrites are applied in the order given; the first of them is
/// the built-in `registry`.
///
/// # Errors
/// Where two entries collide, an entry has no destination, or a rewrite plugin fails. What is wrong
/// with one entry alone is its outcome.
pub async fn build(
    list: &List,
    options: &PlanOptions,
    rewrites: &[Plugin],
) -> Result<Plan, PlanError> {
    let mut drafts = drafts(list, options)?;
    for plugin in rewrites {
        rewrite(&mut drafts, plugin).await?;
    }
    let mut plan = Plan::default();
    let mut taken = Destinations::default();
    for Draft { mut entry, stage } in drafts {
        if let Stage::Going(going) = stage {
            let job = Job {
                number: entry.number,
                line: entry.line,
                source: going.source,
                destination: going.destination,
                filter: going.filter,
            };
            entry.source = job.source.to_string().into();
            entry.destination = job.destination.to_string().into();
            if is_itself(&job) {
                entry.ended = Some(Outcome {
                    hint: Some("give another destination registry with -d".to_owned()),
                    ..Outcome::failed("source and destination are the same")
                });
            } else {
                match taken.take(&job)? {
                    Beside::First => plan.jobs.push(Arc::new(job)),
                    Beside::SameAs(line) => {
                        entry.ended = Some(Outcome::skipped(format!("the same as line {line}")));
                    }
                }
            }
        }
        plan.entries.push(entry);
    }
    Ok(plan)
}

fn is_itself(job: &Job) -> bool {
    job.source.registry == job.destination.registry
        && job.source.repository == job.destination.repository
        && match (job.source.version.tag(), job.destination.version.tag()) {
            (Some(source), Some(destination)) => {
                source == destination && job.source.version.digest().is_none()
            }
            (None, None) => true,
            _ => false,
        }
}

/// Entries and malformed lines in the order of the list, numbered.
fn drafts(list: &List, options: &PlanOptions) -> Result<Vec<Draft>, PlanError> {
    let lines = if list.is_line_format() { list.text.lines() } else { Vec::new() };
    let errors = list.diagnostics.iter().filter(|found| found.severity == Severity::Error);
    let mut found: Vec<(u32, Result<&Entry, &Diagnostic>)> = list
        .entries
        .iter()
        .map(|entry| (entry.line, Ok(entry)))
        .chain(errors.map(|diagnostic| (diagnostic.line, Err(diagnostic))))
        .collect();
    found.sort_by_key(|(line, _)| *line);
    let mut drafts = Vec::with_capacity(found.len());
    for (number, (line, item)) in (options.first_number..).zip(found) {
        let original = (line as usize).checked_sub(1).and_then(|at| lines.get(at)).copied();
        drafts.push(match item {
            Err(diagnostic) => malformed(number, diagnostic, original, list),
            Ok(entry) => draft(number, entry, original, list, options)?,
        });
    }
    Ok(drafts)
}

fn malformed(number: u32, diagnostic: &Diagnostic, original: Option<&str>, list: &List) -> Draft {
    let line = diagnostic.line as usize;
    let text: Arc<str> = match original {
        Some(text) => text.trim().into(),
        // A format of several lines: what stands there is only a comment in a `mirror` list.
        None => {
            let shown = line.checked_sub(1).and_then(|at| list.text.text.lines().nth(at));
            format!("# {}", shown.unwrap_or_default().trim()).into()
        }
    };
    let entry = PlannedEntry {
        number,
        line: diagnostic.line,
        column: (diagnostic.column > 0).then_some(diagnostic.column),
        source: text.clone(),
        destination: "".into(),
        text,
        platforms: None,
        ended: Some(Outcome {
            hint: line_hint(&list.format).map(str::to_owned),
            ..Outcome::failed(&diagnostic.message)
        }),
    };
    Draft { entry, stage: Stage::Ended }
}

fn draft(
    number: u32,
    entry: &Entry,
    original: Option<&str>,
    list: &List,
    options: &PlanOptions,
) -> Result<Draft, PlanError> {
    // A `mirror` line that stands for an entry of another format must not get the default filter.
    let platforms: Option<Arc<str>> = match entry.platforms.as_slice() {
        [] if list.is_line_format() => None,
        [] => Some(ALL.into()),
        platforms => Some(platforms.join(",").into()),
    };
    let text = original.map_or_else(|| mirror_line(entry), |line| line.trim().to_owned());
    let mut planned = PlannedEntry {
        number,
        line: entry.line,
        column: None,
        source: entry.source.as_str().into(),
        destination: entry.destination.as_deref().unwrap_or_default().into(),
        text: text.into(),
        platforms,
        ended: None,
    };
    if entry.destination.is_none() && !options.has_destination {
        return Err(PlanError::NoDestination {
            line: entry.line,
            source_text: entry.source.clone(),
        });
    }
    let stage = match going(entry, &list.format, options) {
        Ok(going) => Stage::Going(Box::new(going)),
        Err(error) => {
            let known = options.unselected.iter().find(|known| known.entry == *entry);
            let failed = || Outcome { hint: error.hint(), ..Outcome::failed(&error) };
            planned.ended = Some(known.map_or_else(failed, |known| known.outcome.clone()));
            Stage::Ended
        }
    };
    Ok(Draft { entry: planned, stage })
}

/// An entry of a format that is not line by line, as a line of the format `mirror`; as a comment where
/// three columns cannot say it.
fn mirror_line(entry: &Entry) -> String {
    let says_it = |version: String| (version, "");
    let (version, comment) = match &entry.select {
        Selection::ByTag(tag) if entry.destination_tag.as_ref().is_some_and(|to| to != tag) => {
            (format!("{tag} as {}", entry.destination_tag.as_deref().unwrap_or_default()), "# ")
        }
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

fn going(entry: &Entry, format: &str, options: &PlanOptions) -> Result<Going, EntryError> {
    if entry.repositories.is_some() {
        return Err(EntryError::Pattern);
    }
    let name: Name = entry.source.parse().map_err(EntryError::Source)?;
    let (registry, repository) =
        source::complete(&name, options.source.as_ref()).map_err(EntryError::Source)?;
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
    let to: Name = match &entry.destination {
        Some(text) => text.parse().map_err(EntryError::Destination)?,
        None => Name { registry: None, repository: name.repository },
    };
    Ok(Going {
        source: Reference { registry, repository, version },
        destination: Reference {
            registry: to.registry.unwrap_or_else(Registry::docker_hub),
            repository: to.repository,
            version: to_version,
        },
        filter: options.filter.of_entry(format, &entry.platforms)?,
        attributes: entry.attributes.clone(),
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

/// Puts every entry that still goes through one plugin.
async fn rewrite(drafts: &mut [Draft], plugin: &Plugin) -> Result<(), PlanError> {
    let items: Vec<Item> = drafts
        .iter()
        .filter_map(|draft| match &draft.stage {
            Stage::Going(going) => Some(Item {
                artifact: Artifact::Image,
                source: going.source.to_string(),
                destination: going.destination.to_string(),
                attributes: going.attributes.clone(),
            }),
            Stage::Ended => None,
        })
        .collect();
    let mut verdicts = plugin.rewrite(items).await?.into_iter();
    for draft in drafts {
        let Stage::Going(going) = &mut draft.stage else { continue };
        let Some(verdict) = verdicts.next() else { break };
        let ended = match verdict {
            Verdict::Destination(answer) => {
                going.destination = answer.parse().map_err(|error| PlanError::Answer {
                    line: draft.entry.line,
                    plugin: plugin.name().to_owned(),
                    answer,
                    error,
                })?;
                continue;
            }
            Verdict::Skip(why) => {
                Outcome::skipped(format!("{} leaves it out: {why}", plugin.name()))
            }
            Verdict::Refuse(why) => Outcome::failed(format!("{} refuses it: {why}", plugin.name())),
        };
        draft.entry.source = going.source.to_string().into();
        draft.entry.destination = going.destination.to_string().into();
        draft.entry.ended = Some(ended);
        draft.stage = Stage::Ended;
    }
    Ok(())
}

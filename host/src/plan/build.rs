//! Building the plan.

use std::sync::Arc;

use super::collision::{Beside, Destinations};
use super::filter::ALL;
use super::{
    Ended, FilterFlags, Job, Jobs, Outcome, Plan, PlanError, PlannedEntry, Unselected, source,
};
use crate::list::{Lines, List, line_hint};
use crate::oci::{Digest, Name, Reference, ReferenceError, Registry, Tag, Version};
use crate::plugin::Plugin;
use crate::plugin::contract::{
    Artifact, Attribute, Diagnostic, Entry, Item, Selection, Severity, Verdict,
};

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
    Going(Going),
    /// It ended so.
    Ended(Box<Ended>),
}

struct Going {
    job: Box<Job>,
    attributes: Vec<Attribute>,
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
    list: List,
    options: &PlanOptions,
    rewrites: &[Plugin],
) -> Result<Plan, PlanError> {
    let mut drafts = drafts(list, options)?;
    for plugin in rewrites {
        rewrite(&mut drafts, plugin).await?;
    }
    let mut taken = Destinations::with_room_for(drafts.len());
    let mut plan = Plan {
        entries: Vec::with_capacity(drafts.len()),
        jobs: Jobs::with_room_for(drafts.len()),
        ended: Vec::new(),
    };
    // Each draft is let go of as soon as its job is packed.
    for Draft { entry, stage } in drafts {
        plan.entries.push(entry);
        let ended = match stage {
            Stage::Going(going) => settle(&going.job, &mut taken, &mut plan.jobs)?,
            Stage::Ended(ended) => Some(ended),
        };
        plan.ended.extend(ended.map(|ended| *ended));
    }
    Ok(plan)
}

/// Puts a job beside those before it, unless that is its end.
fn settle(
    job: &Job,
    taken: &mut Destinations,
    jobs: &mut Jobs,
) -> Result<Option<Box<Ended>>, PlanError> {
    if is_itself(job) {
        let outcome = Outcome {
            hint: Some("give another destination registry with -d".to_owned()),
            ..Outcome::failed("source and destination are the same")
        };
        return Ok(Some(ended(job, outcome)));
    }
    Ok(match taken.take(job, jobs)? {
        Beside::First => {
            jobs.push(job);
            None
        }
        Beside::SameAs(line) => {
            Some(ended(job, Outcome::skipped(format!("the same as line {line}"))))
        }
    })
}

/// The end of what would have been a job.
fn ended(job: &Job, outcome: Outcome) -> Box<Ended> {
    Box::new(Ended {
        number: job.number,
        line: job.line,
        column: None,
        source: String::from(&job.source),
        destination: String::from(&job.destination),
        outcome,
    })
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
fn drafts(mut list: List, options: &PlanOptions) -> Result<Vec<Draft>, PlanError> {
    let lines = list.text.lines();
    let mut entries = std::mem::take(&mut list.entries);
    let mut errors = std::mem::take(&mut list.diagnostics);
    errors.retain(|found| found.severity == Severity::Error);
    entries.sort_by_key(|entry| entry.line);
    errors.sort_by_key(|error| error.line);
    let mut drafts = Vec::with_capacity(entries.len() + errors.len());
    let mut errors = errors.into_iter().peekable();
    let mut numbers = options.first_number..;
    // Each entry is let go of as soon as it is understood, as there may be a million of them.
    for entry in entries {
        while let Some(error) = errors.next_if(|error| error.line < entry.line) {
            drafts.extend(numbers.next().map(|number| malformed(number, error, &lines, &list)));
        }
        if let Some(number) = numbers.next() {
            drafts.push(draft(number, entry, &lines, &list, options)?);
        }
    }
    drafts
        .extend(numbers.zip(errors).map(|(number, error)| malformed(number, error, &lines, &list)));
    Ok(drafts)
}

fn malformed(number: u32, error: Diagnostic, lines: &Lines, list: &List) -> Draft {
    let original = lines.get(error.line).unwrap_or_default();
    let shown = String::from_utf8_lossy(&original).into_owned();
    let (source, text) = if list.is_line_format() {
        (shown, original)
    } else {
        // A format of several lines: what stands there is only a comment in a `mirror` list.
        let comment = format!("# {shown}");
        (comment.clone(), comment.into())
    };
    let outcome = Outcome {
        hint: line_hint(&list.format).map(str::to_owned),
        ..Outcome::failed(error.message)
    };
    let column = (error.column > 0).then_some(error.column);
    let line = error.line;
    let platforms = list.platforms_above(lines, line).map(Into::into);
    let ended = Ended { number, line, column, source, destination: String::new(), outcome };
    Draft { entry: PlannedEntry { number, text, platforms }, stage: Stage::Ended(Box::new(ended)) }
}

fn draft(
    number: u32,
    entry: Entry,
    lines: &Lines,
    list: &List,
    options: &PlanOptions,
) -> Result<Draft, PlanError> {
    if entry.destination.is_none() && !options.has_destination {
        return Err(PlanError::NoDestination { line: entry.line, source_text: entry.source });
    }
    // A `mirror` line that stands for an entry of another format must not get the default filter.
    let platforms: Option<Arc<str>> = match entry.platforms.as_slice() {
        [] if list.is_line_format() => None,
        [] => Some(ALL.into()),
        platforms => Some(platforms.join(",").into()),
    };
    let original = if list.is_line_format() { lines.get(entry.line) } else { None };
    let text = original.unwrap_or_else(|| mirror_line(&entry).into());
    let line = entry.line;
    let stage = match job(number, &entry, &list.format, options) {
        Ok(job) => Stage::Going(Going { job: Box::new(job), attributes: entry.attributes }),
        Err(error) => {
            let known = options.unselected.iter().find(|known| known.entry == entry);
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
    Ok(Draft { entry: PlannedEntry { number, text, platforms }, stage })
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

fn job(number: u32, entry: &Entry, format: &str, options: &PlanOptions) -> Result<Job, EntryError> {
    if entry.repositories.is_some() {
        return Err(EntryError::Pattern);
    }
    let name: Name = entry.source.parse().map_err(EntryError::Source)?;
    let to: Name = match &entry.destination {
        Some(text) if *text == entry.source => name.clone(),
        Some(text) => text.parse().map_err(EntryError::Destination)?,
        None => Name { registry: None, repository: name.repository.clone() },
    };
    let (registry, repository) =
        source::complete(name, options.source.as_ref()).map_err(EntryError::Source)?;
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
        source: Reference { registry, repository, version },
        destination: Reference {
            registry: to.registry.unwrap_or_else(Registry::docker_hub),
            repository: to.repository,
            version: to_version,
        },
        filter: options.filter.of_entry(format, &entry.platforms)?,
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
    // The registry of one answer is most often that of the next.
    let mut last: Option<Reference> = None;
    for drafts in drafts.chunks_mut(plugin.batch()) {
        let items: Vec<Item> = drafts.iter().filter_map(|draft| item(&draft.stage)).collect();
        let mut verdicts = plugin.rewrite(&items).await?.into_iter();
        for draft in drafts {
            let Stage::Going(going) = &mut draft.stage else { continue };
            let Some(verdict) = verdicts.next() else { break };
            let outcome = match verdict {
                Verdict::Destination(answer) => {
                    let job = &mut going.job;
                    let known = [Some(&job.destination), last.as_ref()];
                    let known: Vec<&Reference> = known.into_iter().flatten().collect();
                    let destination = match Reference::parse_beside(&answer, &known) {
                        Ok(destination) => destination,
                        Err(error) => {
                            let (line, plugin) = (job.line, plugin.name().to_owned());
                            return Err(PlanError::Answer { line, plugin, answer, error });
                        }
                    };
                    last = Some(destination.clone());
                    job.destination = destination;
                    continue;
                }
                Verdict::Skip(why) => {
                    Outcome::skipped(format!("{} leaves it out: {why}", plugin.name()))
                }
                Verdict::Refuse(why) => {
                    Outcome::failed(format!("{} refuses it: {why}", plugin.name()))
                }
            };
            draft.stage = Stage::Ended(ended(&going.job, outcome));
        }
    }
    Ok(())
}

/// What a rewrite is asked about an entry that still goes.
fn item(stage: &Stage) -> Option<Item> {
    let Stage::Going(going) = stage else { return None };
    Some(Item {
        artifact: Artifact::Image,
        source: String::from(&going.job.source),
        destination: String::from(&going.job.destination),
        attributes: going.attributes.clone(),
    })
}

#[cfg(test)]
mod tests;
